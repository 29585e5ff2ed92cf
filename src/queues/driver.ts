import type { Job, Queue } from 'bullmq';
import type { QueueName } from './names.ts';
import type { QueueCounts } from './queues.ts';

/** What differs between Redis and Postgres; everything above works on this. */
export interface QueueDriver {
  readonly kind: 'redis' | 'postgres';
  openQueue(name: QueueName): DriverQueue;
  openWorker(name: QueueName, run: (job: DriverJob) => Promise<void>, concurrency: number): DriverWorker;
  /** Runs the work while no other process does; for what the backend does not do in one step. */
  exclusively(work: () => Promise<unknown>): Promise<void>;
  ping(): Promise<void>;
  /** Gives the connections back in peace; may hang, the caller bounds it. */
  close(): Promise<void>;
  /** Cuts what is left of the connections; returns at once. */
  destroy(): void;
}

/** The calls of a BullMQ queue that are used, which are the same on both backends. */
export type DriverQueue = Pick<
  Queue,
  | 'add'
  | 'addBulk'
  | 'upsertJobScheduler'
  | 'removeJobScheduler'
  | 'getJobScheduler'
  | 'pause'
  | 'resume'
  | 'isPaused'
  | 'getJobs'
  | 'waitUntilReady'
  | 'close'
> & {
  /** Ids and next runs (epoch milliseconds) of all schedules, alternating, in one round trip. */
  schedules(): Promise<string[]>;
  counts(): Promise<QueueCounts>;
  onError(listener: (error: Error) => void): void;
};

export type DriverJob = Pick<Job, 'id' | 'data'>;

export interface DriverWorker {
  waitUntilReady(): Promise<void>;
  /** Takes no more jobs, waits for those that run, then disconnects; may hang. */
  close(): Promise<void>;
  /** Cuts the connections of this worker; returns at once. */
  destroy(): void;
  onError(listener: (error: Error) => void): void;
}
