import { type QueuePause, readLastMinute, readQueuePauses } from '../db/stores/queue-store.ts';
import { type PresentWorker, readWorkers } from '../db/stores/worker-presence-store.ts';
import { QUEUE_NAMES, type QueueName } from '../queues/names.ts';
import { JOB_STATES, type JobState, type QueueCounts, type Queues } from '../queues/queues.ts';
import type { Context } from './context.ts';

export { JOB_STATES, QUEUE_NAMES, type JobState, type QueueName };

/** What operators see and do of the queues. */
export type QueueDesk = Pick<Queues, 'counts' | 'oldestWaitingMs' | 'jobs' | 'setPaused'>;

/** The role whose processes work on a queue. */
export const ROLE_OF: Readonly<Record<QueueName, string>> = {
  validate: 'validator',
  submit: 'submitter',
  exit: 'submitter',
  command: 'submitter',
  operation: 'submitter',
  poll: 'fill-poller',
  reconcile: 'reconciler',
  mark: 'market-data',
  risk: 'risk-monitor',
  alert: 'alerter',
};

export interface QueueView {
  readonly name: QueueName;
  /** Null: the queues do not answer; the dispatcher then runs what is due itself. */
  readonly counts: QueueCounts | null;
  readonly oldestWaitingMs: number | null;
  /** By whom and why; null: it is not paused. */
  readonly paused: QueuePause | null;
  /** Ended in the last whole minute, over all processes. */
  readonly perMinute: { readonly done: number; readonly failed: number };
  /** Processes that work on it. */
  readonly workers: readonly PresentWorker[];
}

/** How each queue stands. */
export async function readQueues(
  { db }: Pick<Context, 'db'>,
  queues: Pick<Queues, 'counts' | 'oldestWaitingMs'>,
): Promise<QueueView[]> {
  const [pauses, minutes, workers] = await Promise.all([
    readQueuePauses(db),
    readLastMinute(db),
    readWorkers(db),
  ]);
  return Promise.all(
    QUEUE_NAMES.map(async (name) => {
      const [counts, oldestWaitingMs] = await Promise.all([
        queues.counts(name),
        queues.oldestWaitingMs(name),
      ]);
      const { done = 0, failed = 0 } = minutes.find(({ queue }) => queue === name) ?? {};
      return {
        name,
        counts,
        oldestWaitingMs,
        paused: pauses.find(({ queue }) => queue === name) ?? null,
        perMinute: { done, failed },
        workers: workers.filter(({ role, isAlive }) => isAlive && (role === 'all' || role === ROLE_OF[name])),
      };
    }),
  );
}

/** How long the oldest job of each queue waits, milliseconds; null where the queues do not answer. */
export async function readQueueAges(
  queues: Pick<Queues, 'oldestWaitingMs'>,
): Promise<readonly (readonly [QueueName, number | null])[]> {
  return Promise.all(QUEUE_NAMES.map(async (name) => [name, await queues.oldestWaitingMs(name)] as const));
}
