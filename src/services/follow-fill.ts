import type { ProtectionGroupRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { type Order, type Side, onlyReduces } from '../domain/order.ts';
import { strongerPolicy } from '../domain/protection-policy.ts';
import { closingSide, isGuard, tighterStop } from '../domain/protection.ts';
import type { Context } from './context.ts';
import { defaultPolicy } from './place-order.ts';
import { lookAt } from './stage-command.ts';
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
  if (onlyReduces(order)) takeBack(context, view, order);
  else protect(context, view, order, tradedAt);
}

/** The side that the account's managed position has now; null: flat. */
function sideOf(view: AccountView, { instrumentId, product }: Key): Side | null {
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
    const begun = insertGroup(context, view, order, { ...terms, mode: 'STOP', reason: null });
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

/** To be looked at now; what was filled is without its stop since then, and not only since we know of it. */
function nakedSince(view: AccountView, group: ProtectionGroupRow, tradedAt: Date): ProtectionGroupRow {
  const since = group.unprotectedSince ?? (tradedAt < view.now ? tradedAt : view.now);
  return {
    ...group,
    unprotectedSince: group.policy === 'exchange' ? since : null,
    nextLookAt: lookAt(view, 0),
  };
}

/**
 * Both ends of a group filled, an exit raced a stop, or a guard filled after its group had ended: what is on the other
 * side now nobody asked for. Where nothing is protected, what an exit does is its owner's.
 */
function takeBack(context: FillContext, view: AccountView, order: Order): void {
  if (groupOf(view, order, order.side) !== null) return;
  const closed = groupOf(view, order, closingSide(order.side)) ?? anyOf(view, order);
  if (
    closed === null &&
    !isGuard(order) &&
    (order.protection ?? defaultPolicy(context, view, order)) === 'none'
  )
    return;
  const net = view.newestCycle({ ...keyOf(order), managedBy: 'OMS' })?.quantity ?? 0;
  const reason = `${order.role.toLowerCase()} ${order.clientOrderId} filled although the position was closed already`;
  insertGroup(context, view, order, {
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

function groupOf(
  view: AccountView,
  { instrumentId, product, strategyId }: Key & Pick<Order, 'strategyId'>,
  side: Side,
): ProtectionGroupRow | null {
  return (
    view
      .protections()
      .find(
        (group) =>
          group.instrumentId === instrumentId &&
          group.product === product &&
          group.strategyId === strategyId &&
          group.side === side,
      ) ?? null
  );
}

function anyOf(view: AccountView, order: Order): ProtectionGroupRow | null {
  const side = closingSide(order.side);
  return (
    view
      .protections()
      .find(
        (group) =>
          group.instrumentId === order.instrumentId && group.product === order.product && group.side === side,
      ) ?? null
  );
}

function insertGroup(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  order: Order,
  terms: Pick<
    ProtectionGroupRow,
    | 'parentOrderId'
    | 'policy'
    | 'stopLoss'
    | 'takeProfit'
    | 'parentStop'
    | 'parentTarget'
    | 'trailing'
    | 'gtt'
    | 'mode'
    | 'reason'
  >,
): ProtectionGroupRow {
  const group: ProtectionGroupRow = {
    accountId: view.account.id,
    id: context.newId(),
    ...keyOf(order),
    exchange: order.exchange,
    symbol: order.symbol,
    strategyId: order.strategyId,
    side: order.side,
    ...terms,
    gttNet: null,
    guardIds: [],
    cancelledIds: [],
    cancelTries: {},
    placed: 0,
    modified: 0,
    modifyKeys: {},
    stopAsked: null,
    targetAsked: null,
    stopRefusals: 0,
    targetRefusals: 0,
    exitRefusals: 0,
    retryAt: null,
    heldQuantity: 0,
    protectedQuantity: 0,
    unprotectedSince: null,
    unprotectedMs: 0,
    nextLookAt: lookAt(view, 0),
    createdAt: view.now,
    updatedAt: view.now,
    endedAt: null,
  };
  view.putProtection(group, {
    kind: 'ProtectionBegun',
    data: {
      policy: terms.policy,
      mode: terms.mode,
      stopLoss: terms.stopLoss?.toFixed() ?? null,
      takeProfit: terms.takeProfit?.toFixed() ?? null,
      reason: terms.reason,
    },
  });
  return group;
}
