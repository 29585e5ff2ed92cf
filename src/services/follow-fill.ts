import type { ProtectionGroupRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { type Order, type Side, onlyReduces } from '../domain/order.ts';
import { strongerPolicy } from '../domain/protection-policy.ts';
import { closingSide, isGuard, tighterStop } from '../domain/protection.ts';
import { beginGroup, groupOf, nakedSince } from './begin-group.ts';
import type { Context } from './context.ts';
import { defaultPolicy } from './place-order.ts';
import { tellWatchedByUs } from './tell-protection.ts';

type Key = Pick<Order, 'instrumentId' | 'product'>;
type FillContext = Pick<Context, 'newId' | 'settings'>;

/**
 * After a fill was recorded: what an entry opened gets a protection group (or moves the one there is to its own stop
 * and target), and what an exit opened, because the position was closed in two ways at once, is taken back and told.
 * The orders themselves are the look's (protect-group.ts). Needs `protections` and the position's newest cycle.
 */
export function followFill(context: FillContext, view: AccountView, order: Order, tradedAt: Date): void {
  if (order.cause === 'EXTERNAL') return;
  const opensOn = sideOf(view, order);
  if (opensOn !== order.side) return;
  if (onlyReduces(order)) takeBack(context, view, order, order.side);
  else protect(context, view, order, tradedAt);
}

/** The side that the account's managed position has now; null: flat. */
export function sideOf(view: AccountView, { instrumentId, product }: Key): Side | null {
  const net = view.newestCycle({ instrumentId, product, managedBy: 'OMS' })?.quantity ?? 0;
  if (net === 0) return null;
  return net > 0 ? 'BUY' : 'SELL';
}

/**
 * What an entry adds joins the group that is there, and never weakens it: the tighter stop, the stronger policy, a
 * trailing stop and a target stay; what a person wants otherwise is a PATCH (settle-guards.ts). Entries with the policy
 * `none` begin no group; where there is one, it covers all that its holder has.
 */
function protect(context: FillContext, view: AccountView, order: Order, tradedAt: Date): void {
  const { protection: policy, stopLoss, takeProfit, trailing, gtt } = order;
  const group = groupOf(view, order, order.side);
  if (policy === null || policy === 'none' || stopLoss === null) {
    if (group !== null) view.putProtection(nakedSince(view, group, tradedAt), null);
    return;
  }
  const terms = {
    parentOrderId: order.id,
    ...{ policy, stopLoss, takeProfit, trailing, gtt },
    parentStop: stopLoss,
    parentTarget: takeProfit,
  };
  if (group === null) {
    const begun = beginGroup(context, view, order, order.side, { ...terms, mode: 'STOP', reason: null });
    if (policy === 'oms') tellWatchedByUs(context, view, begun);
    else view.putProtection(nakedSince(view, begun, tradedAt), null);
    return;
  }
  // A late fill of an older order does not bring its stop back.
  const parent = view.order(group.parentOrderId);
  if (group.parentOrderId === order.id || (parent !== null && parent.createdAt > order.createdAt)) {
    view.putProtection(nakedSince(view, group, tradedAt), null);
    return;
  }
  const kept: ProtectionGroupRow = {
    ...group,
    ...terms,
    policy: strongerPolicy(group.policy, policy),
    stopLoss: group.stopLoss === null ? stopLoss : tighterStop(group.side, group.stopLoss, stopLoss),
    takeProfit: takeProfit ?? group.takeProfit,
    trailing: trailing ?? group.trailing,
    gtt: gtt || group.gtt,
  };
  view.putProtection(nakedSince(view, kept, tradedAt), {
    kind: 'ProtectionTakenOver',
    data: {
      ...{ stopLoss: kept.stopLoss?.toFixed() ?? null, asked: stopLoss.toFixed(), policy: kept.policy },
      from: group.parentOrderId,
    },
  });
}

/**
 * Both ends of a group filled, an exit raced a stop, a guard filled after its group had ended, or the exchange took an
 * entry's fill back after it was closed: what is on `side` now nobody asked for. Where nothing is protected, what an
 * exit does is its owner's.
 */
export function takeBack(context: FillContext, view: AccountView, order: Order, side: Side): void {
  if (groupOf(view, order, side) !== null) return;
  const closed = groupOf(view, order, closingSide(side)) ?? anyOf(view, order, closingSide(side));
  if (
    closed === null &&
    !isGuard(order) &&
    (order.protection ?? defaultPolicy(context, view, order)) === 'none'
  )
    return;
  const net = view.newestCycle({ ...keyOf(order), managedBy: 'OMS' })?.quantity ?? 0;
  const what = `${order.role.toLowerCase()} ${order.clientOrderId}`;
  const reason =
    side === order.side
      ? `${what} filled although the position was closed already`
      : `a fill of ${what} was taken back after the position was closed`;
  beginGroup(context, view, order, side, {
    parentOrderId: order.id,
    policy: 'exchange',
    ...{ stopLoss: null, takeProfit: null, parentStop: null, parentTarget: null, trailing: null },
    gtt: false,
    mode: 'EXIT',
    reason,
  });
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'protection_overfilled',
    message: `${order.exchange}:${order.symbol} ${order.product} is at ${net}: ${reason}. It is being taken back`,
    details: { quantity: net, groupId: closed?.id ?? order.protectionGroup },
    orderId: order.id,
    condition: `order:${order.id}:overfilled`,
  });
}

function keyOf({ instrumentId, product }: Key): Key {
  return { instrumentId, product };
}

function anyOf(view: AccountView, order: Order, side: Side): ProtectionGroupRow | null {
  return (
    view
      .protections()
      .find(
        (group) =>
          group.instrumentId === order.instrumentId && group.product === order.product && group.side === side,
      ) ?? null
  );
}
