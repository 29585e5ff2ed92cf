import type { BrokerTrade } from '../broker/port.ts';
import type { BrokerOrderRow, OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import type { Instrument } from '../domain/instrument.ts';
import type { Order } from '../domain/order.ts';
import type { OrderEvent } from '../domain/order-events.ts';
import { isFinal } from '../domain/order-status.ts';
import { compareEntries } from '../domain/position.ts';
import { bookableQuantity } from '../reconciliation/commands.ts';
import { NO_NEWS, bookVerdict } from '../reconciliation/orders.ts';
import { type ReadRow, adoptRow, orderOfRow } from './adopt-order.ts';
import { checkRelease, isReleasedBy } from './check-release.ts';
import type { Context } from './context.ts';
import { askedFor, endCutToFilled, followTerms, isCallOut, settleCommands } from './follow-commands.ts';
import { tellLateTrades, tellOutsideEnd, tellOutsideTrade, tellUnheardOf } from './poll-alerts.ts';
import { isMutant } from '../lib/mutant.ts';
import { followFill } from './follow-fill.ts';
import { recordTrade } from './record-trade.ts';
import { rejectOrder } from './reject-order.ts';
import { trimExits } from './trim-exits.ts';

/** A row of the book with what was read beside it. */
export interface ReadOrder extends ReadRow {
  readonly trades: readonly BrokerTrade[];
  /** Of a row that no order follows yet; null when it is not listed here. */
  readonly instrument: Instrument | null;
}

/**
 * Everything one row of the book says, for the order it belongs to; one that belongs to none gets a row of its own.
 * Returns commands for `enqueueCommand` after the commit.
 */
export function applyRow(context: Context, view: AccountView, read: ReadOrder): OrderCommandRow[] {
  const followed = orderOfRow(view, read) ?? adoptRow(context, view, read, read.instrument);
  mirror(view, followed, read);
  return followed === null ? [] : applyToOrder(context, view, followed, read);
}

/** What a row says of the order that follows it: terms, trades, status, and what becomes of its commands. */
export function applyToOrder(
  context: Context,
  view: AccountView,
  followed: Order,
  read: ReadOrder,
): OrderCommandRow[] {
  const { row, readAt } = read;
  const isOld = wasSeenLater(view, read) && !isMutant('old-read-wins');
  let order = isOld ? followed : followTerms(context, view, followed, read);
  const isReleased = !isOld && isReleasedBy(followed, read);
  const verdict = isOld ? NO_NEWS : bookVerdict(order, row, readAt);
  for (const event of verdict.before) order = view.apply(order, event);
  if (verdict.unheardOf) tellUnheardOf(context, view, order, row);
  const trims = recordTrades(context, view, order, read);
  order = view.order(order.id) ?? order;

  const isHeld = isCallOut(view, order, read);
  order = (isHeld ? null : endCutToFilled(view, order, read)) ?? order;
  for (const event of verdict.after(order)) {
    if (isHeld && event.kind !== 'BrokerStatusChanged') continue;
    const asked = askedFor(view, order, event);
    order = applyEnd(context, view, order, { event: asked, isAsked: asked !== event });
  }
  if (followed.awaitingTradesSince !== null && order.awaitingTradesSince === null) {
    view.clearAlert(`order:${order.id}:awaiting-trades`);
  }
  // After its commands: a cancel that waits already is this one, too.
  const next = settleCommands(context, view, order, read);
  const now = view.order(order.id) ?? order;
  const cancel = isReleased && !isFinal(now.status) ? checkRelease(context, view, now) : null;
  return [...trims, ...[next, cancel].filter((command) => command !== null)];
}

/** Records the fills of a row in their order. An outside one that closed ours makes our exits smaller. */
function recordTrades(
  context: Context,
  view: AccountView,
  followed: Order,
  { row, trades }: ReadOrder,
): OrderCommandRow[] {
  const instrument = context.instruments.cached(followed.instrumentId);
  if (instrument === null) throw new Error(`instrument ${followed.instrumentId} is not loaded`);
  const sorted = trades
    .filter((trade) => isOfItsDay(followed, trade))
    .map((trade) => ({ trade, tradedAt: trade.fillTimestamp, tradeId: trade.tradeId, id: trade.tradeId }))
    .sort(compareEntries);
  const wasFinal = isFinal(followed.status);
  const bookable = bookableQuantity(followed, row);
  let order = followed;
  let [late, taken] = [0, 0];
  let before: number | null = null;
  for (const { trade } of sorted) {
    if (order.filledQuantity + trade.quantity > bookable) continue;
    before ??= heldOf(view, order);
    const recorded = recordTrade(view, order, trade, instrument, context.newId);
    if (recorded === null) continue;
    if (wasFinal) late += trade.quantity;
    taken += recorded.takenFromOms;
    order = recorded.order;
    followFill(context, view, order, trade.fillTimestamp);
  }
  if (late > 0) tellLateTrades(context, view, order, late);
  if (taken > 0) tellOutsideTrade(context, view, order, taken);
  const closed = before === null ? 0 : closedOf(before, heldOf(view, order));
  if (closed === 0) return [];
  const by = order.cause === 'EXTERNAL' ? 'an outside order' : `order ${order.clientOrderId}`;
  // The look at protection, which cuts its own, follows in this transaction.
  return trimExits(context, view, order, {
    reason: `${by} closed ${closed} of the position`,
    guards: 'LEFT',
  });
}

/** How much of what was held is closed, signed quantities before and now. */
function closedOf(before: number, now: number): number {
  const left = Math.sign(now) === Math.sign(before) ? Math.abs(now) : 0;
  return Math.max(0, Math.abs(before) - left);
}

/** The managed quantity of the order's key, signed. */
function heldOf(view: AccountView, { instrumentId, product }: Order): number {
  return view.newestCycle({ instrumentId, product, managedBy: 'OMS' })?.quantity ?? 0;
}

/** An outside order is known by its id alone, which was perhaps another order's on another day. */
function isOfItsDay({ cause, variety, tradingDay }: Order, { fillTimestamp }: BrokerTrade): boolean {
  const day = tradingDayOf(fillTimestamp);
  return cause !== 'EXTERNAL' || day === tradingDay || (variety === 'amo' && day > tradingDay);
}

function applyEnd(
  context: Context,
  view: AccountView,
  order: Order,
  { event, isAsked }: { readonly event: OrderEvent; readonly isAsked: boolean },
): Order {
  // The day counts the rejects of what was asked for here.
  if (event.kind === 'OrderRejected' && order.cause !== 'EXTERNAL') {
    return rejectOrder(view, order, { ...event });
  }
  const ended = view.apply(order, event);
  const isOurs = isAsked || order.cause === 'EXTERNAL';
  // The end of its validity was asked for with the order.
  if (event.kind === 'OrderCancelled' && event.by !== 'VALIDITY' && !isOurs) {
    tellOutsideEnd(context, view, ended, event.by);
  }
  return ended;
}

function mirrored(view: AccountView, { row }: ReadRow): BrokerOrderRow | null {
  return view.brokerOrder(tradingDayOf(row.orderTimestamp ?? view.now), row.orderId);
}

/** A younger read of this row was applied: this one is of a poll that slept since, and its trades alone are news. */
function wasSeenLater(view: AccountView, read: ReadRow): boolean {
  const seen = mirrored(view, read);
  return seen !== null && read.readAt < seen.lastSeenAt;
}

/** Keeps the raw row; one that no order follows is remembered as such, and looked at again when it changes. */
export function mirror(view: AccountView, order: Order | null, read: ReadRow): void {
  const { row, readAt } = read;
  const day = tradingDayOf(row.orderTimestamp ?? view.now);
  const seen = mirrored(view, read);
  if (seen !== null && wasSeenLater(view, read)) {
    if (order !== null && seen.orderId !== order.id) view.putBrokerOrder({ ...seen, orderId: order.id });
    return;
  }
  view.putBrokerOrder({
    accountId: view.account.id,
    day,
    brokerOrderId: row.orderId,
    tag: row.tag,
    status: row.status,
    filledQuantity: row.filledQuantity,
    orderId: order?.id ?? null,
    raw: row.raw,
    // When we learned of it: a read may begin before the claim of an order that it holds.
    firstSeenAt: seen?.firstSeenAt ?? view.now,
    lastSeenAt: readAt,
  });
}
