import type { Order } from '../domain/order.ts';
import type { Context } from './context.ts';

/** Writes when an order's next step is due; not journaled and without the account lock (protocol.md). */
export async function deferStep(context: Context, order: Order, at: Date): Promise<void> {
  await context.db.reads.query({
    name: 'sauda_defer_step',
    text: 'update orders set next_step_at = $4 where account_id = $1 and id = $2 and version = $3',
    values: [order.accountId, order.id, order.version, at],
  });
}
