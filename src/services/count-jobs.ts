import { addToMinute } from '../db/stores/queue-store.ts';
import type { OnEnded } from '../queues/queues.ts';
import type { Context } from './context.ts';

const FLUSH_MS = 5000;

export interface JobCounter {
  readonly onEnded: OnEnded;
  /** Writes what was counted since the last time, and stops. */
  stop(): Promise<void>;
}

/**
 * Counts jobs that ended in this process and adds them to the rows that all processes share, every few seconds. Counts
 * that could not be written are added to the next ones; a process that dies takes at most these seconds with it.
 */
export function createJobCounter({ db, log }: Pick<Context, 'db' | 'log'>): JobCounter {
  const counted = new Map<string, { done: number; failed: number }>();
  const add = (queue: string, done: number, failed: number): void => {
    const of = counted.get(queue) ?? { done: 0, failed: 0 };
    counted.set(queue, { done: of.done + done, failed: of.failed + failed });
  };
  const flush = async (): Promise<void> => {
    const counts = [...counted].map(([queue, of]) => ({ queue, ...of }));
    counted.clear();
    if (counts.length === 0) return;
    try {
      await addToMinute(db, counts);
    } catch (error) {
      for (const { queue, done, failed } of counts) add(queue, done, failed);
      log.debug({ err: error }, 'jobs that ended could not be counted yet');
    }
  };
  const timer = setInterval(() => void flush(), FLUSH_MS);
  timer.unref();
  return {
    onEnded: (queue, ok) => add(queue, ok ? 1 : 0, ok ? 0 : 1),
    stop: async () => {
      clearInterval(timer);
      await flush();
    },
  };
}
