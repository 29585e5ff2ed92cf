import { assert } from '../lib/assert.ts';
import {
  ASK_AGAIN_MS,
  CALL_TIMEOUT_MS,
  CLOSE_TIMEOUT_MS,
  errorText,
  IDLE_CLOSE_MS,
  MAX_BATCH,
  REBUILD_AFTER_MS,
  sleep,
  TimeoutError,
  within,
} from './bounds.ts';
import type { Job, JobType } from 'bullmq';
import type { DriverQueue, QueueDriver } from './driver.ts';
import { isJobId, QUEUE_NAMES, type Payloads, type QueueName } from './names.ts';
import type {
  EnqueueOptions,
  JobHandler,
  JobState,
  NewJob,
  OnEnded,
  OnFailed,
  QueueCounts,
  QueuedJob,
  QueueHealth,
  QueueLog,
  Queues,
  QueueWorker,
  Schedule,
  WorkerOptions,
} from './queues.ts';
import { QuietLog } from './quiet-log.ts';
import { isInterval, isScheduleKey, phaseMs, ScheduleCheck } from './schedules.ts';
import { WatchedWorker } from './worker.ts';
import { systemClock } from '../time/clock.ts';

/** The dispatcher is the retry, and a kept id would silently swallow the next add. */
const JOB_OPTIONS = { attempts: 1, removeOnComplete: true, removeOnFail: true } as const;
const MAX_PRIORITY = 2_097_151;
/** BullMQ's names of a state; the jobs of a paused queue are "paused" on Postgres, which its type does not name. */
const STATES: Readonly<Record<JobState, readonly string[]>> = {
  waiting: ['waiting', 'paused', 'prioritized'],
  active: ['active'],
  delayed: ['delayed'],
};

export interface ConnectedOptions {
  readonly onFailed: OnFailed;
  readonly onEnded: OnEnded;
  readonly callTimeoutMs?: number;
}

/** The queues on either driver. Every call is bounded; what the server did with a call that timed out is not known. */
export class ConnectedQueues implements Queues {
  readonly #driver: QueueDriver;
  readonly #log: QueueLog;
  readonly #quiet: QuietLog;
  readonly #onFailed: OnFailed;
  readonly #onEnded: OnEnded;
  readonly #callTimeoutMs: number;
  readonly #queues = new Map<QueueName, DriverQueue>();
  readonly #workers = new Map<QueueName, QueueWorker>();
  readonly #closing = new AbortController();
  readonly #schedules: ScheduleCheck;
  #closed: Promise<void> | null = null;
  /** A call had no answer, and none was had since. */
  #isSilent = false;

  constructor(
    driver: QueueDriver,
    log: QueueLog,
    { onFailed, onEnded, callTimeoutMs = CALL_TIMEOUT_MS }: ConnectedOptions,
  ) {
    this.#driver = driver;
    this.#onEnded = onEnded;
    this.#callTimeoutMs = callTimeoutMs;
    this.#log = log;
    this.#quiet = new QuietLog(log);
    this.#onFailed = async (name, jobId, payload, error) => {
      log.error({ queue: name, jobId, error: errorText(error) }, 'a job failed');
      await onFailed(name, jobId, payload, error);
    };
    this.#schedules = new ScheduleCheck({
      nextRuns: (name) =>
        this.#call(`schedules of ${name}`, async () => pairs(await this.#queue(name).schedules())),
      intervalOf: (name, key) =>
        this.#call(`schedule ${name}/${key}`, async () => {
          const found = await this.#queue(name).getJobScheduler(key);
          return found?.every ?? null;
        }),
    });
    for (const name of QUEUE_NAMES) this.#open(name);
  }

  async enqueue<Name extends QueueName>(
    name: Name,
    jobId: string,
    payload: Payloads[Name],
    options: EnqueueOptions = {},
  ): Promise<boolean> {
    return this.#attempt('enqueue', { queue: name, jobId }, async () => {
      this.#refuseWhileSilent();
      await this.#queue(name).add(name, payload, jobOptions(jobId, options));
    });
  }

  async enqueueMany<Name extends QueueName>(name: Name, jobs: readonly NewJob<Name>[]): Promise<boolean> {
    if (jobs.length === 0) return true;
    return this.#attempt('enqueueMany', { queue: name, jobs: jobs.length }, async () => {
      this.#refuseWhileSilent();
      assert(jobs.length <= MAX_BATCH, `${jobs.length} jobs are more than ${MAX_BATCH} at once`);
      await this.#queue(name).addBulk(
        jobs.map(({ jobId, payload, ...options }) => ({
          name,
          data: payload,
          opts: jobOptions(jobId, options),
        })),
      );
    });
  }

  startWorker<Name extends QueueName>(
    name: Name,
    handler: JobHandler<Name>,
    options: WorkerOptions,
  ): QueueWorker {
    assert(!this.#isClosed(), 'the queues are closed');
    // The pool on Postgres has one LISTEN connection for each queue.
    assert(!this.#workers.has(name), `this process has a worker of ${name} already: raise its concurrency`);
    const worker = new WatchedWorker(name, {
      driver: this.#driver,
      handler,
      concurrency: options.concurrency,
      onFailed: this.#onFailed,
      onEnded: this.#onEnded,
      jobsWait: (queue) => this.#jobsWait(queue),
      onClosed: () => void this.#workers.delete(name),
      log: this.#log,
    });
    this.#workers.set(name, worker);
    return worker;
  }

  async upsertSchedule<Name extends QueueName>(
    name: Name,
    key: string,
    everyMs: number,
    payload: Payloads[Name],
  ): Promise<boolean> {
    return this.#attempt('upsertSchedule', { queue: name, key }, async () => {
      assert(isScheduleKey(key), `"${key.slice(0, 80)}" is not the key of a schedule`);
      assert(isInterval(everyMs), `${everyMs} ms is not an interval`);
      const template = { name, data: payload, opts: JOB_OPTIONS };
      const startDate = systemClock.now().getTime() + phaseMs(name, key, everyMs);
      await this.#driver.exclusively(() =>
        this.#queue(name).upsertJobScheduler(key, { every: everyMs, startDate }, template),
      );
      this.#schedules.placed({ name, key, everyMs });
    });
  }

  async removeSchedule(name: QueueName, key: string): Promise<boolean> {
    return this.#attempt('removeSchedule', { queue: name, key }, async () => {
      await this.#queue(name).removeJobScheduler(key);
      this.#schedules.removed(name, key);
    });
  }

  async missingSchedules(expected: readonly Schedule[]): Promise<readonly Schedule[] | null> {
    return this.#answer('missingSchedules', {}, () => this.#schedules.missing(expected));
  }

  async ensureSchedules(expected: readonly Schedule[]): Promise<number | null> {
    const missing = await this.missingSchedules(expected);
    if (missing === null) return null;
    let all = true;
    for (const { name, key, everyMs, payload } of missing) {
      all = (await this.upsertSchedule(name, key, everyMs, payload)) && all;
    }
    if (missing.length > 0) {
      this.#log.warn(
        { schedules: missing.map(({ name, key }) => `${name}/${key}`) },
        'schedules were put back',
      );
    }
    return all ? missing.length : null;
  }

  async counts(name: QueueName): Promise<QueueCounts | null> {
    return this.#answer('counts', { queue: name }, () =>
      this.#call('counts', () => this.#queue(name).counts()),
    );
  }

  async oldestWaitingMs(name: QueueName): Promise<number | null> {
    const oldest = await this.#jobs('oldestWaitingMs', name, 'waiting', 1);
    if (oldest === null) return null;
    const addedAt = oldest.map((job) => job.addedAt.getTime());
    return addedAt.length === 0 ? 0 : Math.max(0, systemClock.now().getTime() - Math.min(...addedAt));
  }

  async jobs(name: QueueName, state: JobState, limit: number): Promise<readonly QueuedJob[] | null> {
    const found = await this.#jobs('jobs', name, state, limit);
    return found?.sort((a, b) => a.addedAt.getTime() - b.addedAt.getTime()).slice(0, limit) ?? null;
  }

  /** The first `limit` of each of BullMQ's own states. */
  async #jobs(what: string, name: QueueName, state: JobState, limit: number): Promise<QueuedJob[] | null> {
    return this.#answer(what, { queue: name }, () =>
      this.#call(what, async () => {
        const of = STATES[state].map((type) =>
          this.#queue(name).getJobs([type as JobType], 0, limit - 1, true),
        );
        // A job that ends while it is read is null, which BullMQ's type does not say.
        const jobs = (await Promise.all(of)).flat().filter((job: Job | null) => job !== null);
        return jobs.map(({ id, data, timestamp }) => ({
          id: id ?? '',
          payload: data as unknown,
          addedAt: new Date(timestamp),
        }));
      }),
    );
  }

  async setPaused(name: QueueName, paused: boolean): Promise<boolean> {
    return this.#attempt('setPaused', { queue: name, paused }, async () => {
      const queue = this.#queue(name);
      await (paused ? queue.pause() : queue.resume());
    });
  }

  async isPaused(name: QueueName): Promise<boolean | null> {
    return this.#answer('isPaused', { queue: name }, () =>
      this.#call('isPaused', () => this.#queue(name).isPaused()),
    );
  }

  boardQueues(): readonly object[] {
    return [...this.#queues.values()];
  }

  async ping(): Promise<QueueHealth> {
    const began = performance.now();
    try {
      await this.#call('ping', () => this.#driver.ping());
      return { ok: true, latencyMs: performance.now() - began };
    } catch (error) {
      return { ok: false, error: errorText(error) };
    }
  }

  workersHealthy(): boolean {
    return [...this.#workers.values()].every((worker) => worker.healthy());
  }

  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(options.timeoutMs ?? CLOSE_TIMEOUT_MS);
    return this.#closed;
  }

  async #close(timeoutMs: number): Promise<void> {
    // Handlers that finish now may still enqueue; only then do the producers go.
    await Promise.all([...this.#workers.values()].map((worker) => worker.close({ timeoutMs })));
    this.#closing.abort();
    try {
      const queues = Promise.all([...this.#queues.values()].map((queue) => queue.close()));
      await within(
        queues.then(() => this.#driver.close()),
        IDLE_CLOSE_MS,
        'close',
      );
    } catch (error) {
      this.#quiet.warn({}, 'the queues were not closed in peace', error);
    }
    this.#driver.destroy();
  }

  /** Opens a queue, and opens it again as long as the object cannot connect: such an object stays dead. */
  #open(name: QueueName): void {
    const queue = this.#driver.openQueue(name);
    this.#queues.set(name, queue);
    queue.onError((error) => this.#quiet.warn({ queue: name }, 'a queue complains', error));
    queue.waitUntilReady().catch(async (error: unknown) => {
      if (this.#isClosed()) return;
      this.#quiet.warn({ queue: name }, 'a queue could not connect and is opened again', error);
      queue.close().catch(() => undefined);
      await sleep(REBUILD_AFTER_MS, this.#closing.signal);
      if (!this.#isClosed()) this.#open(name);
    });
  }

  #queue(name: QueueName): DriverQueue {
    const queue = this.#queues.get(name);
    assert(queue !== undefined, `there is no queue ${name}`);
    return queue;
  }

  async #jobsWait(name: QueueName): Promise<boolean> {
    const counts = await this.counts(name);
    return counts !== null && counts.waiting > 0 && (await this.isPaused(name)) === false;
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Any call to the server: bounded, and refused once closed. */
  async #call<T>(what: string, run: () => Promise<T>): Promise<T> {
    if (this.#isClosed()) throw new Error('the queues are closed');
    try {
      const answer = await within(run(), this.#callTimeoutMs, what);
      this.#isSilent = false;
      return answer;
    } catch (error) {
      if (isNoAnswer(error) && !this.#isSilent) {
        this.#isSilent = true;
        void this.#askUntilItAnswers();
      }
      throw error;
    }
  }

  /** A server that swallows what it is sent would cost every caller its whole time limit, one after the other. */
  #refuseWhileSilent(): void {
    if (this.#isSilent) throw new Error('the server of the queues does not answer');
  }

  async #askUntilItAnswers(): Promise<void> {
    while (this.#isSilent && !this.#isClosed()) {
      await sleep(ASK_AGAIN_MS, this.#closing.signal);
      await this.ping();
    }
  }

  async #attempt(what: string, fields: object, run: () => Promise<void>): Promise<boolean> {
    const done = await this.#answer(what, fields, () =>
      this.#call(what, async () => {
        await run();
        return true;
      }),
    );
    return done ?? false;
  }

  async #answer<T>(what: string, fields: object, run: () => Promise<T>): Promise<T | null> {
    try {
      return await run();
    } catch (error) {
      this.#quiet.warn(fields, `${what} failed`, error);
      return null;
    }
  }
}

/** Ours, and that of the connection: the server took the call and said nothing. */
function isNoAnswer(error: unknown): boolean {
  return error instanceof TimeoutError || (error instanceof Error && error.message === 'Command timed out');
}

function jobOptions(jobId: string, options: EnqueueOptions) {
  assert(isJobId(jobId), `"${jobId.slice(0, 160)}" is not the id of a job`);
  if (options.priority === undefined) return { ...JOB_OPTIONS, jobId };
  assert(
    Number.isSafeInteger(options.priority) && options.priority >= 1 && options.priority <= MAX_PRIORITY,
    `${options.priority} is not a priority`,
  );
  return { ...JOB_OPTIONS, jobId, priority: options.priority };
}

function pairs(flat: readonly string[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (let index = 0; index + 1 < flat.length; index += 2) {
    found.set(flat[index] ?? '', Number(flat[index + 1]));
  }
  return found;
}
