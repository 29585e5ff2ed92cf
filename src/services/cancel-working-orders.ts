import { listOrders } from '../db/stores/order-read-store.ts';
import { UNFINISHED_STATUSES } from '../domain/order-status.ts';
import { type Order, isExit } from '../domain/order.ts';
import type { Context } from './context.ts';
import { stageCancels } from './stage-cancels.ts';
import { enqueueCommand } from './stage-command.ts';

/** Orders that one call ends; more are left to a second. */
const MAX_ORDERS = 500;

/** Entries that are not finished, newest first: what `cancelWorkingOrders` would end. */
export async function listWorkingEntries(context: Pick<Context, 'db'>, accountId: string): Promise<Order[]> {
  const statuses = UNFINISHED_STATUSES;
  const unfinished = await listOrders(context.db, { accountId, statuses, limit: MAX_ORDERS });
  return unfinished.filter((order) => !isExit(order) && order.cause !== 'EXTERNAL');
}

/**
 * Asks for the end of every entry that is not finished; stops, targets and other exits stay. The ids of the orders,
 * those that an earlier cancel is at included. Cancelling twice is cancelling once. Round trips: list; lock, read,
 * write.
 */
export async function cancelWorkingOrders(
  context: Context,
  {
    accountId,
    actor,
    reason,
  }: { readonly accountId: string; readonly actor: string; readonly reason: string },
): Promise<readonly string[]> {
  const ids = (await listWorkingEntries(context, accountId)).map(({ id }) => id);
  const commands = await context.withAccount({
    accountId,
    actor,
    urgent: true,
    needs: { orders: ids, commandsOf: ids },
    run: (view) => {
      const orders = ids.flatMap((id) => view.order(id) ?? []);
      return stageCancels(context, view, orders, { tries: {}, by: actor, reason }).commands;
    },
  });
  for (const command of commands) await enqueueCommand(context, command);
  return ids;
}
