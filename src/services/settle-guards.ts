import type { ProtectionGroupRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { modificationsLeft } from '../domain/command.ts';
import { Decimal, decimal } from '../domain/money.ts';
import { pauseAfter } from '../domain/operation.ts';
import { type Order, leavesQuantity } from '../domain/order.ts';
import { isFinal } from '../domain/order-status.ts';
import type { Context } from './context.ts';
import { isTriggered, liveGuards, wasRefused } from './protection-facts.ts';
import { tellLostStop, tellRefusedGuard, tellTrailing } from './tell-protection.ts';

/** Stops refused in a row after which the position leaves instead (U14, U15). */
const MAX_STOP_REFUSALS = 2;
/** A halt that leaves exits to operators is asked again after this, milliseconds. */
const FENCED_PAUSE_MS = 5000;
/** A trailing stop moves by this share of its distance at least, so that its modifications last. */
const LEAST_STEP = decimal('0.1');

type SettleContext = Pick<Context, 'newId' | 'prices' | 'instruments'>;

/**
 * What became of guards that ended since the last look. A loss nobody here asked for is told; a refusal is counted,
 * and too many of them, or one by the exchange where the stop was to act, change the mode to EXIT.
 */
export function settleGuards(
  context: SettleContext,
  view: AccountView,
  group: ProtectionGroupRow,
  held: number,
): ProtectionGroupRow {
  let next = group;
  for (const id of group.guardIds) {
    const order = view.order(id);
    if (order !== null && isFinal(order.status)) next = settle(context, view, next, { order, held });
  }
  // One that rests beside those that were refused is no sign that another would be taken.
  const resting = liveGuards(view, next)
    .filter(({ role, status }) => role === 'STOP' && status === 'OPEN')
    .reduce((total, order) => total + leavesQuantity(order), 0);
  const isCovered = resting > 0 && resting >= held;
  return isCovered && next.stopRefusals > 0 && next.mode === 'STOP' ? { ...next, stopRefusals: 0 } : next;
}

interface Ended {
  readonly order: Order;
  readonly held: number;
}

function settle(
  context: SettleContext,
  view: AccountView,
  group: ProtectionGroupRow,
  { order, held }: Ended,
): ProtectionGroupRow {
  const guardIds = group.guardIds.filter((id) => id !== order.id);
  const row = { ...group, guardIds };
  if (order.status === 'FILLED' || group.cancelledIds.includes(order.id)) return row;
  if (order.status !== 'REJECTED') {
    if (order.role !== 'STOP' || held === 0) return row;
    if (order.status === 'CANCELLED') tellLostStop(context, view, group, order);
    // Naked since then, however much later this look is.
    return { ...row, unprotectedSince: group.unprotectedSince ?? order.finishedAt };
  }
  // The position was smaller when it was the order's turn: what is needed now is another one.
  if (order.failedCheck === 'REDUCE_ONLY' || held === 0) return row;
  return refused(context, view, row, order);
}

function refused(
  context: SettleContext,
  view: AccountView,
  group: ProtectionGroupRow,
  order: Order,
): ProtectionGroupRow {
  tellRefusedGuard(context, view, group, order);
  if (order.failedCheck === 'CIRCUIT_BREAKER') return { ...group, retryAt: after(view, FENCED_PAUSE_MS) };
  switch (order.role) {
    case 'TARGET':
      return { ...group, targetRefusals: group.targetRefusals + 1 };
    case 'STOP': {
      const stopRefusals = group.stopRefusals + 1;
      const atExchange = order.rejectedBy === 'EXCHANGE';
      if (!atExchange && stopRefusals < MAX_STOP_REFUSALS) return { ...group, stopRefusals };
      const reason = `the stop was refused: ${order.statusReason ?? 'without a reason'}`;
      const row: ProtectionGroupRow = { ...group, stopRefusals, mode: 'EXIT', reason };
      if (group.mode !== 'EXIT') view.putProtection(row, { kind: 'ProtectionExits', data: { reason } });
      return row;
    }
    case 'ENTRY':
    case 'SLICE':
    case 'EXIT': {
      const exitRefusals = group.exitRefusals + 1;
      return { ...group, exitRefusals, retryAt: after(view, pauseAfter(exitRefusals)) };
    }
  }
}

function after(view: AccountView, ms: number): Date {
  return new Date(view.now.getTime() + ms);
}

/** Stop and target follow their order's; a trailing stop follows the best price, never back. */
export function takeOverTerms(
  context: SettleContext,
  view: AccountView,
  group: ProtectionGroupRow,
): ProtectionGroupRow {
  const parent = view.order(group.parentOrderId);
  const isRepair = group.parentStop === null;
  if (parent === null || isRepair) return group;
  const { stopLoss, takeProfit } = parent;
  const next = {
    ...group,
    ...(stopLoss === null || isEqual(stopLoss, group.parentStop)
      ? {}
      : { stopLoss, parentStop: stopLoss, stopRefusals: 0 }),
    ...(isEqual(takeProfit, group.parentTarget)
      ? {}
      : { takeProfit, parentTarget: takeProfit, targetRefusals: 0 }),
  };
  return trail(context, view, followPeople(view, next));
}

/** A stop or a target that rests elsewhere than it was asked to was moved by a person: the group follows. */
function followPeople(view: AccountView, group: ProtectionGroupRow): ProtectionGroupRow {
  const moved = liveGuards(view, group).filter(
    (order) =>
      order.status === 'OPEN' &&
      !isTriggered(order) &&
      view.openCommands(order.id).length === 0 &&
      !wasRefused(view, group, order),
  );
  const { stopLoss, stopAsked, takeProfit, targetAsked } = group;
  const stop = moved.find(
    ({ role, triggerPrice }) => role === 'STOP' && isMoved(triggerPrice, stopAsked, stopLoss),
  );
  const target = moved.find(
    ({ role, price }) => role === 'TARGET' && isMoved(price, targetAsked, takeProfit),
  );
  if (stop === undefined && target === undefined) return group;
  const row: ProtectionGroupRow = {
    ...group,
    ...(stop === undefined ? {} : { stopLoss: stop.triggerPrice, stopAsked: stop.triggerPrice }),
    ...(target === undefined ? {} : { takeProfit: target.price, targetAsked: target.price }),
  };
  view.putProtection(row, {
    kind: 'ProtectionMoved',
    data: { stopLoss: row.stopLoss?.toFixed() ?? null, takeProfit: row.takeProfit?.toFixed() ?? null },
  });
  return row;
}

function isMoved(now: Decimal | null, asked: Decimal | null, wanted: Decimal | null): boolean {
  return now !== null && asked !== null && !now.eq(asked) && isEqual(asked, wanted);
}

function isEqual(a: Decimal | null, b: Decimal | null): boolean {
  return a === null || b === null ? a === b : a.eq(b);
}

function trail(context: SettleContext, view: AccountView, group: ProtectionGroupRow): ProtectionGroupRow {
  const { trailing, stopLoss, side, mode } = group;
  const price = context.prices.peek(group.instrumentId);
  const instrument = context.instruments.cached(group.instrumentId);
  if (trailing === null || stopLoss === null || mode === 'EXIT') return group;
  if (price?.fresh !== true || instrument === null) return group;
  const behind = decimal(trailing.distance).times(side === 'BUY' ? -1 : 1);
  const wanted = price.last.plus(behind);
  const onTick = wanted.div(instrument.tickSize).round().times(instrument.tickSize);
  const gain = side === 'BUY' ? onTick.minus(stopLoss) : stopLoss.minus(onTick);
  const step = Decimal.max(decimal(trailing.step), decimal(trailing.distance).times(LEAST_STEP));
  const moves = gain.gt(0) && gain.gte(step);
  // The last modifications of a stop are kept for its quantity.
  const isWorn = liveGuards(view, group).some(
    (order) => order.role === 'STOP' && modificationsLeft(order) === 0,
  );
  tellTrailing(context, view, group, isWorn && moves);
  return moves && !isWorn ? { ...group, stopLoss: onTick } : group;
}
