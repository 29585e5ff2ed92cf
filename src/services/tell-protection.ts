import type { ProtectionGroupRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { istDateOf } from '../domain/calendar.ts';
import type { Order } from '../domain/order.ts';
import { overnightCondition } from '../domain/protection.ts';
import { segmentOf, stopsEnd } from '../domain/session.ts';
import { type StopDay, judgeNight } from '../risk/protection/night.ts';
import type { Context } from './context.ts';

/** Exits refused in a row before a person is told that the position can not leave. */
const MAX_EXIT_REFUSALS = 3;

type Ids = Pick<Context, 'newId'>;

/** What stands about a group after a look: quantity without a stop for too long, and an exit that can not leave. */
export function tellOfGroup(
  context: Ids & Pick<Context, 'settings'>,
  view: AccountView,
  group: ProtectionGroupRow,
): void {
  const { withinMs } = context.settings.protection;
  const since = group.unprotectedSince;
  const nakedMs = since === null ? 0 : view.now.getTime() - since.getTime();
  const unprotected = `protection:${group.id}:unprotected`;
  if (nakedMs > withinMs) {
    const naked = group.heldQuantity - group.protectedQuantity;
    raise(context, view, group, {
      severity: 'CRITICAL',
      type: 'unprotected_position',
      message: `${named(group)}: ${naked} of ${group.heldQuantity} have been without a stop at the exchange for ${nakedMs} ms (PROTECT_WITHIN_MS is ${withinMs})${group.mode === 'EXIT' ? '; the position is leaving' : ''}`,
      condition: unprotected,
    });
  } else if (since === null) view.clearAlert(unprotected);
  const stuck = `protection:${group.id}:stuck`;
  if (group.exitRefusals >= MAX_EXIT_REFUSALS && group.heldQuantity > 0) {
    raise(context, view, group, {
      severity: 'CRITICAL',
      type: 'protection_stuck',
      message: `${named(group)}: ${group.heldQuantity} can neither be protected nor closed: ${group.exitRefusals} exits were refused (${group.reason ?? 'no reason given'}). It is tried again; close it by hand if you can`,
      condition: stuck,
    });
  } else if (group.heldQuantity === 0) view.clearAlert(stuck);
}

/** A position that outlives its stops, told before they end with the day, once, until it is closed or has new ones. */
export function tellOfNight(
  context: Ids,
  view: AccountView,
  group: ProtectionGroupRow,
  phase: StopDay,
): void {
  const { policy, mode, product, heldQuantity: held, protectedQuantity, gttNet } = group;
  const condition = overnightCondition(group.id);
  const hasGtt = gttNet !== null && gttNet.triggerId !== null && gttNet.fired === null;
  const verdict = judgeNight({ phase, policy, mode, product, held, protected: protectedQuantity, hasGtt });
  if (verdict === 'KEEP') return;
  if (verdict === 'END') {
    view.clearAlert(condition);
    return;
  }
  const end = stopsEnd(segmentOf(group.exchange), istDateOf(view.now));
  const isMis =
    product === 'MIS' ? '. The broker squares MIS off, for a fee; what it leaves is delivered' : '';
  const net = hasGtt ? '. Its GTT stays at the broker' : '';
  raise(context, view, group, {
    severity: verdict,
    type: 'unprotected_overnight',
    message:
      phase === 'CLOSED'
        ? `${named(group)}: ${held} are held while the exchange is closed and its stops of the day are over; they are placed again when it opens${net}`
        : `${named(group)}: ${held} are held, and their stops end with the day at ${end}: nothing protects them until ${group.exchange} opens again and they are placed anew${isMis}${net}`,
    condition,
  });
}

/** The policy `oms` is the weaker one: that nothing rests at the exchange is told once, when it begins. */
export function tellWatchedByUs(context: Ids, view: AccountView, group: ProtectionGroupRow): void {
  const { stopLoss, takeProfit } = group;
  const target = takeProfit === null ? '' : ` and target ${takeProfit.toFixed(2)}`;
  raise(context, view, group, {
    severity: 'INFO',
    type: 'protection_oms',
    message: `${named(group)}: its stop ${stopLoss?.toFixed(2) ?? 'none'}${target} are watched by this system alone; nothing rests at the exchange while it, its prices or the broker are away`,
    condition: `protection:${group.id}:oms`,
  });
}

/** What stood about a group for as long as it lasted. */
export function endTold(view: AccountView, { id, endedAt, policy }: ProtectionGroupRow): void {
  if (endedAt !== null || policy !== 'oms') view.clearAlert(`protection:${id}:oms`);
  if (endedAt !== null) view.clearAlert(`protection:${id}:trailing`);
}

/** The exchange takes no stop outside of the day's band: until it is inside again, our own watch exits. */
export function tellOfBand(
  context: Ids,
  view: AccountView,
  group: ProtectionGroupRow,
  isOutside: boolean,
): void {
  const condition = `protection:${group.id}:band`;
  if (!isOutside) {
    view.clearAlert(condition);
    return;
  }
  raise(context, view, group, {
    severity: 'WARNING',
    type: 'stop_outside_band',
    message: `${named(group)}: its stop ${group.stopLoss?.toFixed(2) ?? ''} lies outside of the day's price band, where the exchange takes no order; it is watched by this system, and placed once the band allows`,
    condition,
  });
}

/** A trailing stop that stays where it is: each stop at the exchange may be moved so often only. */
export function tellTrailing(
  context: Ids,
  view: AccountView,
  group: ProtectionGroupRow,
  isStopped: boolean,
): void {
  const condition = `protection:${group.id}:trailing`;
  if (!isStopped) {
    view.clearAlert(condition);
    return;
  }
  raise(context, view, group, {
    severity: 'WARNING',
    type: 'trailing_stopped',
    message: `${named(group)}: its trailing stop stays at ${group.stopLoss?.toFixed(2) ?? ''}: the modifications of its order are used up but for those kept for its quantity. Cancel the stop to have a new one placed that follows on`,
    condition,
  });
}

/** A stop that ended, but not by us: it is replaced, and a person learns why it went. */
export function tellLostStop(context: Ids, view: AccountView, group: ProtectionGroupRow, order: Order): void {
  if (view.standingAlert(`order:${order.id}:outside-cancel`) !== null) return;
  raise(context, view, group, {
    severity: 'CRITICAL',
    type: 'stop_lost',
    message: `${named(group)}: the stop ${order.clientOrderId} of ${order.quantity} was lost (${order.statusReason ?? 'no reason given'}); it is placed again, or the position leaves`,
    condition: `order:${order.id}:stop-lost`,
  });
}

export function tellRefusedGuard(
  context: Ids,
  view: AccountView,
  group: ProtectionGroupRow,
  order: Order,
): void {
  const isTarget = order.role === 'TARGET';
  const name = isTarget ? 'target' : order.role === 'STOP' ? 'stop' : 'protective exit';
  raise(context, view, group, {
    severity: isTarget ? 'WARNING' : 'CRITICAL',
    type: isTarget ? 'target_refused' : 'stop_refused',
    message: `${named(group)}: the ${name} of ${order.quantity} was refused by ${order.rejectedBy ?? 'nobody'}: ${order.statusReason ?? 'no reason given'}`,
    condition: `protection:${group.id}:refused:${order.role}`,
  });
}

/** The second net acted: what it placed is an order of the broker's, not of ours. */
export function tellFiredGtt(
  context: Ids,
  view: AccountView,
  group: ProtectionGroupRow,
  { triggerId, orderId, reason }: Readonly<Record<'triggerId' | 'orderId' | 'reason', string | null>>,
): void {
  const did =
    orderId === null
      ? `but its order was refused (${reason ?? 'no reason given'})`
      : `and placed the broker's order ${orderId}`;
  const held =
    group.heldQuantity === 0
      ? 'nothing is held any more: what that order does has to be taken back by hand'
      : `${group.heldQuantity} are held`;
  raise(context, view, group, {
    severity: 'CRITICAL',
    type: 'gtt_triggered',
    message: `${named(group)}: its GTT ${triggerId ?? ''} was triggered, ${did}; ${held}`,
    condition: `protection:${group.id}:gtt-fired`,
  });
}

export function tellLostGtt(
  context: Ids,
  view: AccountView,
  group: ProtectionGroupRow,
  { triggerId, status }: { readonly triggerId: string; readonly status: string },
): void {
  raise(context, view, group, {
    severity: 'WARNING',
    type: 'gtt_lost',
    message: `${named(group)}: its GTT ${triggerId} is ${status} at the broker, and not by us; it is placed again`,
    condition: `protection:${group.id}:gtt-lost`,
  });
}

export function tellRefusedGtt(
  context: Ids,
  view: AccountView,
  group: ProtectionGroupRow,
  reason: string,
): void {
  raise(context, view, group, {
    severity: 'WARNING',
    type: 'gtt_refused',
    message: `${named(group)}: the broker refuses its GTT (${reason}); the stops at the exchange are not touched, and it is tried again`,
    condition: `protection:${group.id}:gtt-refused`,
  });
}

function raise(
  context: Ids,
  view: AccountView,
  group: ProtectionGroupRow,
  alert: {
    readonly severity: 'INFO' | 'WARNING' | 'CRITICAL';
    readonly type: string;
    readonly message: string;
    readonly condition: string;
  },
): void {
  view.raiseAlert({
    id: context.newId(),
    ...alert,
    details: { groupId: group.id, held: group.heldQuantity, protected: group.protectedQuantity },
    orderId: group.parentOrderId,
  });
}

function named({ exchange, symbol, product }: ProtectionGroupRow): string {
  return `${exchange}:${symbol} ${product}`;
}
