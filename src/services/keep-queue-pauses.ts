import { type QueuePause, readQueuePauses } from '../db/stores/queue-store.ts';
import { QUEUE_NAMES } from '../queues/names.ts';
import type { Queues } from '../queues/queues.ts';
import type { Context } from './context.ts';

/** Queues that a person paused, by the rows: known also while the queues do not answer. */
export async function readPausedQueues({ db }: Pick<Context, 'db'>): Promise<ReadonlySet<string>> {
  return new Set((await readQueuePauses(db)).map(({ queue }: QueuePause) => queue));
}

/**
 * Makes the queues what the rows say: FLUSHALL forgets that a queue is paused, and a resume may not have reached a
 * queue that was away. What does not answer is made right at a later look.
 */
export async function keepQueuePauses(
  context: Pick<Context, 'db'>,
  queues: Pick<Queues, 'isPaused' | 'setPaused'>,
  paused: ReadonlySet<string>,
): Promise<void> {
  for (const name of QUEUE_NAMES) {
    const is = await queues.isPaused(name);
    if (is === null) return;
    if (is === paused.has(name)) continue;
    // A person may have paused or resumed it since the rows were read: they are read again before anything is changed.
    const wanted = (await readPausedQueues(context)).has(name);
    if (is !== wanted) await queues.setPaused(name, wanted);
  }
}
