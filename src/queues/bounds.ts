/** How long the queues may take; every wait in this folder has one of these. */

/** For any call of a producer: enqueue, counts, ping, pause. */
export const CALL_TIMEOUT_MS = 1_000;
/** While the server says nothing nobody waits for it: it is asked this often whether it is back. */
export const ASK_AGAIN_MS = 250;
/** How long connectQueues waits for Postgres before it gives up. */
export const START_TIMEOUT_MS = 60_000;
export const CLOSE_TIMEOUT_MS = 10_000;
/** BullMQ's own close, once no job runs: it never returns while Redis is down. */
export const IDLE_CLOSE_MS = 1_000;
/** Jobs in one enqueueMany. */
export const MAX_BATCH = 1_000;

/** A lock is renewed at half this time; a killed worker's job is taken over after it, plus one stalled interval. */
export const LOCK_MS = 15_000;
export const STALLED_INTERVAL_MS = 5_000;
/** A job is never failed for having stalled: the row, not the queue, decides what is due. */
export const MAX_STALLED_COUNT = 1_000;
/** How long BullMQ waits after a connection error before it fetches again. */
export const FETCH_RETRY_MS = 1_000;
/** Kept entries of a queue's event stream, which nothing of ours reads. */
export const MAX_EVENTS = 1_000;

/** A worker that could not connect is built again after this. */
export const REBUILD_AFTER_MS = 1_000;
/** How often each worker is looked at; jobs that wait while it begins none at two looks mean it is dead. */
export const WATCH_EVERY_MS = 15_000;
/** The same complaint of one object is logged once in this time. */
export const LOG_AGAIN_AFTER_MS = 10_000;
/** For the application's own hook that records a failed job. */
export const HOOK_TIMEOUT_MS = 5_000;

/** A schedule is overdue when its next run lies back three intervals and this. */
export const OVERDUE_MS = 5_000;
/** An overdue schedule is put back at most this often, since that moves its waiting job to the end. */
export const REPAIR_AGAIN_AFTER_MS = 30_000;

const MAX_ERROR_LENGTH = 2_000;

/** Thrown by `within`. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** The promise's outcome, or a TimeoutError after `timeoutMs`; a late rejection is swallowed. */
export async function within<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError(`${what}: no answer in ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after `ms`, or at once when `signal` is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

/**
 * The text of an error, fit for a jsonb column and a log line: no U+0000 (Postgres refuses it, and BullMQ would then
 * run the job again), no lone surrogates, at most 2000 characters.
 */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? describeError(error) : String(error);
  return text
    .slice(0, MAX_ERROR_LENGTH)
    .replaceAll('\u0000', '')
    .replace(/\p{Surrogate}/gu, '\ufffd');
}

/** A refused connection to several addresses is an AggregateError without a message. */
function describeError(error: Error): string {
  if (error.message !== '') return error.message;
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' ? code : error.name;
}
