import type { Payloads, QueueName } from './names.ts';

/** What the application sees of the queues; which backend runs cannot be told from here. */
export interface Queues {
  /**
   * Adds a job unless one with this id waits or runs. Never throws and takes at most a second: false means it was
   * perhaps not added, which the log says; the row is committed and the dispatcher will find it.
   */
  enqueue<Name extends QueueName>(
    name: Name,
    jobId: string,
    payload: Payloads[Name],
    options?: EnqueueOptions,
  ): Promise<boolean>;
  /** The same for many jobs of one queue, at most 1000, in one round trip. */
  enqueueMany<Name extends QueueName>(name: Name, jobs: readonly NewJob<Name>[]): Promise<boolean>;
  /**
   * Works on a queue until `close`. An error of the handler goes to `onFailed`, never further; the job is not tried
   * again (the dispatcher is the retry). The handler may run twice for one job and must be idempotent.
   */
  startWorker<Name extends QueueName>(
    name: Name,
    handler: JobHandler<Name>,
    options: WorkerOptions,
  ): QueueWorker;
  /** Puts a recurring job in place or changes its interval. False as with `enqueue`. */
  upsertSchedule<Name extends QueueName>(
    name: Name,
    key: string,
    everyMs: number,
    payload: Payloads[Name],
  ): Promise<boolean>;
  removeSchedule(name: QueueName, key: string): Promise<boolean>;
  /** The expected schedules that are gone, overdue or of another interval; null when the queues do not answer. */
  missingSchedules(expected: readonly Schedule[]): Promise<readonly Schedule[] | null>;
  /**
   * Puts back what `missingSchedules` names. One read per queue, so it may be called every few seconds; FLUSHALL
   * removes schedules for good. The number put back, or null when the queues did not answer or refused one.
   */
  ensureSchedules(expected: readonly Schedule[]): Promise<number | null>;
  /** Null when the queues do not answer within a second. */
  counts(name: QueueName): Promise<QueueCounts | null>;
  /** How long the job has waited that waits longest, milliseconds; 0 when none does. Null as with `counts`. */
  oldestWaitingMs(name: QueueName): Promise<number | null>;
  /** Jobs of a state, the oldest first, at most `limit`; null as with `counts`. */
  jobs(name: QueueName, state: JobState, limit: number): Promise<readonly QueuedJob[] | null>;
  /** Workers begin no job of a paused queue; adding goes on. Forgotten by FLUSHALL. */
  setPaused(name: QueueName, paused: boolean): Promise<boolean>;
  /** Null when the queues do not answer within a second. */
  isPaused(name: QueueName): Promise<boolean | null>;
  /** BullMQ's own queues as they are now, for Bull Board alone; nothing of ours calls them. */
  boardQueues(): readonly object[];
  /** One round trip, at most a second. */
  ping(): Promise<QueueHealth>;
  /** True when every worker of this process is connected and none is being rebuilt. */
  workersHealthy(): boolean;
  /**
   * Begins no more jobs, waits for the running ones up to `timeoutMs` (default 10 s), then aborts their signals and
   * drops the connections. Always returns, about two seconds after the timeout at the latest; never throws.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}

export interface EnqueueOptions {
  /** 1 first, larger later; a job without a priority goes before all that have one. */
  readonly priority?: number;
}

export interface NewJob<Name extends QueueName> extends EnqueueOptions {
  readonly jobId: string;
  readonly payload: Payloads[Name];
}

/** `signal` is aborted when the process no longer waits for the job: stop at the next safe point. */
export type JobHandler<Name extends QueueName> = (
  payload: Payloads[Name],
  signal: AbortSignal,
) => Promise<void>;

export interface WorkerOptions {
  /** Jobs of this queue at once in this worker. Schedules of one queue overlap when it is more than 1. */
  readonly concurrency: number;
}

export interface QueueWorker {
  readonly name: QueueName;
  /** Jobs running now. */
  active(): number;
  healthy(): boolean;
  /** Resolves when the worker is connected and takes jobs. */
  waitUntilReady(): Promise<void>;
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}

export type Schedule = { [Name in QueueName]: ScheduleOf<Name> }[QueueName];

interface ScheduleOf<Name extends QueueName> {
  readonly name: Name;
  /** Unique in its queue, 1 to 64 of A-Z a-z 0-9 . _ - ; usually the account id. */
  readonly key: string;
  readonly everyMs: number;
  readonly payload: Payloads[Name];
}

export interface QueueCounts {
  /** Waiting to be begun, paused and prioritized ones included. */
  readonly waiting: number;
  readonly active: number;
  /** Not yet due: the next run of each schedule. */
  readonly delayed: number;
}

export const JOB_STATES = ['waiting', 'active', 'delayed'] as const;
export type JobState = (typeof JOB_STATES)[number];

export interface QueuedJob {
  readonly id: string;
  /** Ids, as far as the job can be read. */
  readonly payload: unknown;
  readonly addedAt: Date;
}

export type QueueHealth =
  { readonly ok: true; readonly latencyMs: number } | { readonly ok: false; readonly error: string };

/** Called for each job that failed; what it throws is logged. `payload` is what the job carried, readable or not. */
export type OnFailed = (
  name: QueueName,
  jobId: string,
  payload: unknown,
  error: unknown,
) => void | Promise<void>;

/** Called for each job that ended here, whether it failed or not; must not throw. */
export type OnEnded = (name: QueueName, ok: boolean) => void;

/** The part of pino's logger that is used here. */
export interface QueueLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
