import { deleteQueuePause, insertQueuePause } from '../db/stores/queue-store.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import type { QueueName } from '../queues/names.ts';
import type { Queues } from '../queues/queues.ts';
import type { Context } from './context.ts';

export interface PauseQueue {
  readonly queue: QueueName;
  readonly actor: string;
  readonly reason: string;
}

type Ports = Pick<Context, 'db' | 'withAccount'> & { readonly queues: Pick<Queues, 'setPaused'> };

/**
 * Pauses a queue: no process begins a job of it, and the dispatcher runs none of its steps itself. The row is what
 * counts; the dispatcher applies it again after the queues' store was wiped. Twice is the same as once.
 */
export async function pauseQueue(ports: Ports, { queue, actor, reason }: PauseQueue): Promise<void> {
  await note(ports, 'QueuePaused', { queue, actor, reason });
  await insertQueuePause(ports.db, { queue, pausedBy: actor, reason });
  await ports.queues.setPaused(queue, true);
}

/** Lets a queue go on. */
export async function resumeQueue(ports: Ports, { queue, actor, reason }: PauseQueue): Promise<void> {
  await note(ports, 'QueueResumed', { queue, actor, reason });
  await deleteQueuePause(ports.db, queue);
  await ports.queues.setPaused(queue, false);
}

/** The entry comes first, so that no queue is paused of which the journal does not know. */
async function note(ports: Ports, kind: string, { queue, actor, reason }: PauseQueue): Promise<void> {
  await ports.withAccount({
    accountId: SYSTEM_ACCOUNT,
    actor,
    needs: {},
    run: (view) => view.note(kind, queue, { queue, reason }),
  });
}
