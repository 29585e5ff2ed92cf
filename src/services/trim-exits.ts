import type { OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { PositionKey } from '../domain/account.ts';
import type { LiveOrder } from '../domain/live-order.ts';
import {
  type Order,
  type Side,
  leavesQuantity,
  onlyReduces,
  openingLeaves,
  sideSign,
} from '../domain/order.ts';
import { isGuard } from '../domain/protection.ts';
import type { Context } from './context.ts';
import { endCommand } from './end-command.ts';
import { insertCommand, stageCancel } from './stage-command.ts';

/** Who asks, in commands and the journal: nobody outside did. */
const REQUESTED_BY = 'oms';

type Key = Omit<PositionKey, 'managedBy'>;

/**
 * After the OMS's quantity of a key fell: live exits that together are larger than what is left would reverse the
 * position (controls.md U17), so they are cut to it, the newest first, or cancelled when nothing is left. An order is
 * an exit when it was sent as one, or when its checks saw it only reduce. A cut only lowers risk: no check stands in
 * its way. `guards`: those of protection are cut as well; LEFT where their own look follows in the same transaction.
 * Returns commands for `enqueueCommand` after the commit. Needs: `positionKeys` and `liveOrders`.
 */
export function trimExits(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  key: Key,
  { reason, guards }: { readonly reason: string; readonly guards: 'CUT' | 'LEFT' },
): OrderCommandRow[] {
  const held = view.newestCycle({ ...key, managedBy: 'OMS' })?.quantity ?? 0;
  const cutable = (live: LiveOrder): boolean => {
    const order = exitOf(view, live);
    return order !== null && (guards === 'CUT' || !isGuard(order));
  };
  const commands: (OrderCommandRow | null)[] = [];
  for (const side of ['BUY', 'SELL'] as const) {
    const room = Math.max(0, -sideSign(side) * held);
    let left = room;
    for (const live of liveOf(view, key, side)) {
      // Stops and targets share the quantity with everything else, and are cut by themselves.
      const isShared = live.role === 'STOP' || live.role === 'TARGET';
      const most = Math.min(isShared ? room : left, leavesQuantity(live));
      if (!isShared) left -= most;
      if (most < leavesQuantity(live) && cutable(live))
        commands.push(cutTo(context, view, live, most, reason));
    }
  }
  return commands.filter((command) => command !== null);
}

/**
 * Makes room for a protective exit of `side`: other exits of the key, which may rest where nothing trades, are cut by
 * `excess`, the newest first; one that would reverse the position is cancelled. Guards are left alone. Needs: `liveOrders`.
 */
export function makeRoom(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  key: Key,
  { side, excess, reason }: { readonly side: Side; readonly excess: number; readonly reason: string },
): OrderCommandRow[] {
  let left = excess;
  const commands: (OrderCommandRow | null)[] = [];
  for (const live of liveOf(view, key, side).reverse()) {
    if (left <= 0) break;
    const order = view.order(live.id);
    const leaves = leavesQuantity(live);
    const takes = leaves - openingLeaves(live);
    if (order === null || isGuard(order) || takes <= 0) continue;
    const cut = Math.min(left, takes);
    left -= cut;
    commands.push(
      onlyReduces(order)
        ? cutTo(context, view, live, leaves - cut, reason)
        : stageCancel(context, view, order, { requestedBy: REQUESTED_BY, reason }),
    );
  }
  return commands.filter((command) => command !== null);
}

/** Live orders of a key that trade on this side, the oldest first. */
function liveOf(view: AccountView, { instrumentId, product }: Key, side: Side): LiveOrder[] {
  return view
    .liveOrders()
    .filter((live) => live.instrumentId === instrumentId && live.product === product && live.side === side)
    .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1));
}

function exitOf(view: AccountView, { id }: LiveOrder): Order | null {
  const order = view.order(id);
  return order !== null && onlyReduces(order) ? order : null;
}

/** Leaves no more than `leaves` to fill; null: it is small enough, no exit, or on its way there. */
function cutTo(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  live: LiveOrder,
  leaves: number,
  reason: string,
): OrderCommandRow | null {
  const order = leavesQuantity(live) > leaves ? exitOf(view, live) : null;
  if (order === null) return null;
  if (leaves === 0) return stageCancel(context, view, order, { requestedBy: REQUESTED_BY, reason });
  return stageCut(context, view, order, order.filledQuantity + leaves, reason);
}

function stageCut(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  order: Order,
  quantity: number,
  reason: string,
): OrderCommandRow | null {
  const open = view.openCommands(order.id);
  const isOnItsWay = ({ kind, terms }: OrderCommandRow) =>
    kind === 'CANCEL' || (terms?.quantity !== undefined && terms.quantity <= quantity);
  if (open.some(isOnItsWay)) return null;
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
