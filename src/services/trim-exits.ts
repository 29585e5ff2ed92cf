import type { OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { PositionKey } from '../domain/account.ts';
import { type LiveOrder, type Order, isExit, leavesQuantity, sideSign } from '../domain/order.ts';
import type { Context } from './context.ts';
import { endCommand } from './end-command.ts';
import { insertCommand, stageCancel } from './stage-command.ts';

/** Who asks, in commands and the journal: nobody outside did. */
const REQUESTED_BY = 'oms';

/**
 * After the OMS's quantity of a key fell by something that is not an order of ours: a live exit larger than what is
 * left would reverse the position, so it is cut to it, or cancelled when nothing is left (controls.md U17). A cut only
 * lowers risk: no check stands in its way. Returns commands for `enqueueCommand` after the commit.
 */
export function trimExits(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  key: Omit<PositionKey, 'managedBy'>,
  reason: string,
): OrderCommandRow[] {
  const held = view.newestCycle({ ...key, managedBy: 'OMS' })?.quantity ?? 0;
  return view
    .liveOrders()
    .filter((live) => live.instrumentId === key.instrumentId && live.product === key.product)
    .flatMap((live) => {
      const room = Math.max(0, -sideSign(live.side) * held);
      return leavesQuantity(live) > room ? (trim(context, view, live, room, reason) ?? []) : [];
    });
}

function trim(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  live: LiveOrder,
  room: number,
  reason: string,
): OrderCommandRow | null {
  const order = view.order(live.id);
  if (order === null || !isExit(order)) return null;
  if (room === 0) return stageCancel(context, view, order, { requestedBy: REQUESTED_BY, reason });
  return stageCut(context, view, order, order.filledQuantity + room, reason);
}

function stageCut(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  order: Order,
  quantity: number,
  reason: string,
): OrderCommandRow | null {
  const open = view.openCommands(order.id);
  if (open.some(({ kind }) => kind === 'CANCEL')) return null;
  for (const waiting of open.filter(({ state }) => state === 'WAITING')) {
    endCommand(view, waiting, 'REPLACED', `a cut by ${REQUESTED_BY} took its place`);
  }
  return insertCommand(context, view, order, {
    kind: 'MODIFY',
    terms: { quantity },
    requestedBy: REQUESTED_BY,
    reason,
  });
}
