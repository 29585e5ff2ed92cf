import type { ProtectionGroupRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { type Order, onlyReduces } from '../domain/order.ts';
import { isFinal } from '../domain/order-status.ts';
import { groupOf, nakedSince } from './begin-group.ts';
import type { Context } from './context.ts';
import { followFill, sideOf, takeBack } from './follow-fill.ts';

/**
 * After the exchange changed a recorded trade, or took it back: whatever is held by that has its stop again. What an
 * exit, a stop or an outside order had closed is in its group again, which is opened anew when it had ended; what the
 * bust of an entry leaves on the other side nobody asked for, and is taken back. `newest`: the newest group of each
 * holder and side of the key, ended ones included. Needs `protections` and the position's newest cycle.
 */
export function followCorrection(
  context: Pick<Context, 'newId' | 'settings'>,
  view: AccountView,
  order: Order,
  newest: readonly ProtectionGroupRow[],
): void {
  const side = sideOf(view, order);
  if (side === null) return;
  const isOurs = order.cause !== 'EXTERNAL';
  const ofSide = newest.filter(
    (group) =>
      group.instrumentId === order.instrumentId &&
      group.product === order.product &&
      group.side === side &&
      (!isOurs || group.strategyId === order.strategyId),
  );
  const live = ofSide.flatMap((group) => groupOf(view, group, side) ?? []);
  for (const group of live) view.putProtection(nakedSince(view, group, view.now), null);
  if (live.length > 0) return;
  if (isOurs && side === order.side) followFill(context, view, order, view.now);
  else if (isOurs && !onlyReduces(order)) takeBack(context, view, order, side);
  else if (ofSide[0] !== undefined) reopen(view, order, ofSide[0]);
}

/** The group goes on where it ended; the order itself, which has its quantity to fill again, is one of its guards. */
function reopen(view: AccountView, order: Order, ended: ProtectionGroupRow): void {
  const isGuard = order.protectionGroup === ended.id && !isFinal(order.status);
  const reason = `a trade of ${order.clientOrderId} was corrected after it had ended`;
  const group: ProtectionGroupRow = {
    ...ended,
    guardIds: isGuard ? [order.id] : [],
    ...{ stopRefusals: 0, targetRefusals: 0, exitRefusals: 0, retryAt: null },
    endedAt: null,
    updatedAt: view.now,
  };
  view.putProtection(nakedSince(view, group, view.now), {
    kind: 'ProtectionBegun',
    data: {
      policy: group.policy,
      mode: group.mode,
      stopLoss: group.stopLoss?.toFixed() ?? null,
      takeProfit: group.takeProfit?.toFixed() ?? null,
      reason,
    },
  });
}
