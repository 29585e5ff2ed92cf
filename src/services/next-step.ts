import { type Order, isExit } from '../domain/order.ts';
import type { QueueName } from '../queues/names.ts';
import { orderJobId } from '../queues/names.ts';
import type { Context } from './context.ts';

/** The queue of an order's next step; null when only polls or people move it on. */
export function nextQueue(
  order: Pick<Order, 'status' | 'reduceOnly' | 'role'>,
): Extract<QueueName, 'validate' | 'submit' | 'exit'> | null {
  switch (order.status) {
    case 'PENDING':
      return isExit(order) ? 'exit' : 'validate';
    case 'VALIDATED':
    case 'SUBMITTING':
      return isExit(order) ? 'exit' : 'submit';
    case 'UNKNOWN':
    case 'SUBMITTED':
    case 'OPEN':
    case 'PARTIALLY_FILLED':
    case 'FILLED':
    case 'CANCELLED':
    case 'REJECTED':
    case 'EXPIRED':
      return null;
  }
}

/** The fast path: tells the queue to look. A queue that does not answer loses nothing; the dispatcher looks too. */
export async function enqueueNextStep(
  context: Pick<Context, 'queues'>,
  order: Pick<Order, 'accountId' | 'id' | 'version' | 'status' | 'reduceOnly' | 'role'>,
): Promise<void> {
  const queue = nextQueue(order);
  if (queue === null) return;
  await context.queues.enqueue(queue, orderJobId(order.id, order.version), {
    accountId: order.accountId,
    orderId: order.id,
  });
}
