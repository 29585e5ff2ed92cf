import type { BrokerOrder } from '../broker/port.ts';
import type { AccountView } from '../db/account-view.ts';
import type { Command } from '../domain/command.ts';
import type { Order } from '../domain/order.ts';
import type { PlacedBy, RowFacts } from '../reconciliation/outside.ts';
import type { Context } from './context.ts';

/** What a poll tells a person: one alert each, while its condition stands. */

/** Of a fault's text, as much as an alert repeats. */
const REASON_LENGTH = 300;

export function tellUnknown(context: Context, view: AccountView, order: Order | null): void {
  if (order?.status !== 'UNKNOWN') return;
  const seconds = Math.round(context.settings.unknownHorizonMs / 1000);
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'order_unknown',
    message: `${order.side} ${order.quantity} ${order.symbol} (${order.clientOrderId}): the broker never answered and its book has not shown tag ${order.attemptTag ?? ''} for ${seconds} s. A person decides: adopt, or never placed.`,
    details: {
      tag: order.attemptTag,
      attempt: order.attempt,
      claimedAt: order.claimedAt?.toISOString() ?? null,
    },
    orderId: order.id,
    condition: unknownCondition(order.id),
  });
}

const unknownCondition = (orderId: string): string => `order:${orderId}:unknown`;
/** An order in doubt is told once more before the broker wipes its book. */
const lastCallCondition = (orderId: string): string => `order:${orderId}:unknown:day-end`;

/** Ends what was told of an order in doubt. */
export function clearDoubt(view: AccountView, orderId: string): void {
  view.clearAlert(unknownCondition(orderId));
  view.clearAlert(lastCallCondition(orderId));
}

export function tellLastCall(context: Context, view: AccountView, order: Order | null): void {
  if (order?.status !== 'UNKNOWN') return;
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'order_unknown',
    message: `${order.side} ${order.quantity} ${order.symbol} (${order.clientOrderId}) is in doubt still, and the broker wipes its book at 06:00: after that nothing can find tag ${order.attemptTag ?? ''}. Look in the broker's app now, and decide: adopt, or never placed`,
    details: { tag: order.attemptTag, attempt: order.attempt, tradingDay: order.tradingDay },
    orderId: order.id,
    condition: lastCallCondition(order.id),
  });
}

export function tellNeverPlaced(
  context: Context,
  view: AccountView,
  order: Order,
  { reason }: { readonly reason: string },
): void {
  view.raiseAlert({
    id: context.newId(),
    severity: 'WARNING',
    type: 'order_never_placed',
    message: `${order.side} ${order.quantity} ${order.symbol} (${order.clientOrderId}) is taken for never placed (${reason}); a twin that turns up later is followed, and told`,
    details: { tag: order.attemptTag, reason },
    orderId: order.id,
    condition: `order:${order.id}:never-placed`,
  });
}

/** Nobody read the book between the end of trading and its wiping: what became of the order is not known. */
export function tellDayMissed(context: Context, view: AccountView, order: Order): void {
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'order_day_missed',
    message: `${order.side} ${order.quantity} ${order.symbol} (${order.clientOrderId}) of ${order.tradingDay} was ${order.status} with ${order.filledQuantity} filled when the book was last read; its day is over and its book is gone. It is not at the broker any more, but it may have filled since: look at the contract note and the positions, then resolve it as expired`,
    details: { tradingDay: order.tradingDay, filledQuantity: order.filledQuantity },
    orderId: order.id,
    condition: `order:${order.id}:day-missed`,
  });
}

export function tellOwedTrades(context: Context, view: AccountView, order: Order | null): void {
  if (order?.awaitingTradesSince == null) return;
  view.raiseAlert({
    id: context.newId(),
    severity: 'WARNING',
    type: 'trades_missing',
    message: `${order.symbol} (${order.clientOrderId}): the broker says ${order.brokerStatus ?? 'done'} but its trades add up to ${order.filledQuantity} of ${order.quantity}`,
    details: { filledQuantity: order.filledQuantity, quantity: order.quantity },
    orderId: order.id,
    condition: `order:${order.id}:awaiting-trades`,
  });
}

export function tellNotApplied(
  context: Context,
  view: AccountView,
  order: Order | null,
  { row, error }: { readonly row: BrokerOrder; readonly error: unknown },
): void {
  const what = order === null ? 'an order that is not known' : `${order.symbol} (${order.clientOrderId})`;
  const reason = (error instanceof Error ? error.message : String(error)).slice(0, REASON_LENGTH);
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'broker_row_not_applied',
    message: `${what}: the broker's row ${row.orderId} could not be applied (${reason}); it is tried again at every read`,
    details: {
      brokerOrderId: row.orderId,
      brokerStatus: row.status,
      filledQuantity: row.filledQuantity,
      reason,
    },
    orderId: order?.id ?? null,
    condition: order === null ? `broker-order:${row.orderId}:poll` : `order:${order.id}:poll`,
  });
}

export function tellUnheardOf(context: Context, view: AccountView, order: Order, row: BrokerOrder): void {
  view.raiseAlert({
    id: context.newId(),
    severity: 'WARNING',
    type: 'broker_status_unknown',
    message: `${order.symbol} (${order.clientOrderId}): the broker says "${row.status}", which is not known; the order stays live`,
    details: { brokerStatus: row.status },
    orderId: order.id,
    condition: `order:${order.id}:status:${row.status}`,
  });
}

export const inTransitCondition = (orderId: string): string => `order:${orderId}:in-transit`;

/** The broker is at work on an order for so long that what was asked of it may never be done. */
export function tellInTransit(
  context: Context,
  view: AccountView,
  order: Order,
  { row, command }: { readonly row: BrokerOrder; readonly command: Pick<Command, 'id' | 'kind'> },
): void {
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'order_in_transit',
    message: `${order.symbol} (${order.clientOrderId}): the broker has shown ${row.status} since a ${command.kind === 'CANCEL' ? 'cancel' : 'modify'} of it was answered; it goes on being tried, but a person should look at the order in the broker's app`,
    details: { brokerStatus: row.status, commandId: command.id, command: command.kind },
    orderId: order.id,
    condition: inTransitCondition(order.id),
  });
}

export function tellLateTrades(context: Context, view: AccountView, order: Order, quantity: number): void {
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'late_trade',
    message: `${order.symbol} (${order.clientOrderId}) is ${order.status}, yet ${quantity} more were filled; the position follows the fills`,
    details: { quantity, filledQuantity: order.filledQuantity },
    orderId: order.id,
    condition: `order:${order.id}:late-trade:${order.filledQuantity}`,
  });
}

export function tellLateTwin(context: Context, view: AccountView, order: Order, row: RowFacts): void {
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'late_twin',
    message: `${order.symbol} (${order.clientOrderId}) was finished, but the broker has it as ${row.orderId}; it is followed again`,
    details: { brokerOrderId: row.orderId, brokerStatus: row.status },
    orderId: order.id,
    condition: `order:${order.id}:late-twin`,
  });
}

export function tellTwin(
  context: Context,
  view: AccountView,
  order: Order,
  { twin, row }: { readonly twin: Order; readonly row: BrokerOrder },
): void {
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'broker_twin',
    message: `two broker orders carry tags of ${order.symbol} (${order.clientOrderId}): ${order.brokerOrderId ?? 'none'} and ${row.orderId} (${row.transactionType} ${row.quantity}, ${row.status}). Both are followed, the second as order ${twin.id}; a person decides which of them stays`,
    details: { brokerOrderId: order.brokerOrderId, twin: row.orderId, twinOrderId: twin.id, tag: row.tag },
    orderId: order.id,
    condition: `order:${order.id}:twin:${row.orderId}`,
  });
}

export function tellNotFollowed(context: Context, view: AccountView, row: BrokerOrder): void {
  view.raiseAlert({
    id: context.newId(),
    severity: 'WARNING',
    type: 'broker_order_not_followed',
    message: `the broker's order ${row.orderId} (${row.transactionType} ${row.quantity} ${row.exchange}:${row.tradingsymbol} ${row.product}, ${row.status}) is not ours and can not be followed: its instrument, multiplier or product is not known here`,
    details: { brokerOrderId: row.orderId, exchange: row.exchange, symbol: row.tradingsymbol },
    orderId: null,
    condition: `broker-order:${row.orderId}:not-followed`,
  });
}

/** An outside fill that closed what the OMS manages: by the broker itself is worse than by the account's user. */
export function tellOutsideTrade(context: Context, view: AccountView, order: Order, taken: number): void {
  const by = outsideBy(order);
  view.raiseAlert({
    id: context.newId(),
    severity: by === 'BROKER' ? 'CRITICAL' : 'WARNING',
    type: 'outside_trade',
    message: `an order placed outside (${BY_WORDS[by]}) closed ${taken} of our ${order.exchange}:${order.symbol} ${order.product}: ${order.side} ${order.filledQuantity} as broker order ${order.brokerOrderId ?? ''}. The position follows, and exits larger than what is left are cut or cancelled`,
    details: { brokerOrderId: order.brokerOrderId, by, closed: taken },
    orderId: order.id,
    condition: `order:${order.id}:outside:${order.filledQuantity}`,
  });
}

const BY_WORDS: Record<PlacedBy, string> = {
  USER: "by the account's user",
  BROKER: 'by the broker, RMS or a dealer',
  UNKNOWN: 'by whom is not known',
};

function outsideBy({ metadata }: Order): PlacedBy {
  const outside = metadata?.['outside'] as { readonly by?: PlacedBy } | undefined;
  return outside?.by ?? 'UNKNOWN';
}

/** An after-market order that would not be sent as things are now. */
export function tellReleaseFails(
  context: Context,
  view: AccountView,
  order: Order,
  { failed, opens }: { readonly failed: string; readonly opens: boolean },
): void {
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'amo_release_failed',
    message: `${order.side} ${order.quantity} ${order.symbol} (${order.clientOrderId}), an after-market order, was released, but a check fails on it now (${failed}); ${opens ? 'it is being cancelled' : 'it opens nothing and stays'}`,
    details: { failed, isCancelled: opens },
    orderId: order.id,
    condition: `order:${order.id}:release`,
  });
}

/** An end of an order of ours that nobody here asked for; of a stop it leaves a position without protection. */
export function tellOutsideEnd(context: Context, view: AccountView, order: Order, by: string): void {
  view.raiseAlert({
    id: context.newId(),
    severity: order.role === 'STOP' ? 'CRITICAL' : 'WARNING',
    type: 'outside_cancel',
    message: `${order.role === 'STOP' ? 'the stop ' : ''}${order.side} ${order.quantity} ${order.symbol} (${order.clientOrderId}) was cancelled, but not by us (${by}: ${order.statusReason ?? 'no reason given'}); ${order.filledQuantity} were filled`,
    details: { by, brokerOrderId: order.brokerOrderId, filledQuantity: order.filledQuantity },
    orderId: order.id,
    condition: `order:${order.id}:outside-cancel`,
  });
}

export function tellOutsideModify(
  context: Context,
  view: AccountView,
  order: Order,
  { what, failed }: { readonly what: string; readonly failed: string | null },
): void {
  view.raiseAlert({
    id: context.newId(),
    severity: failed === null ? 'WARNING' : 'CRITICAL',
    type: 'outside_modify',
    message: `${order.symbol} (${order.clientOrderId}): the book shows terms that nobody here asked for (${what}); they are followed${failed === null ? '' : `, although a check fails on them: ${failed}`}`,
    details: { terms: what, failed },
    orderId: order.id,
    condition: `order:${order.id}:outside-modify:${order.version}`,
  });
}

export function tellLateModify(context: Context, view: AccountView, order: Order, what: string): void {
  view.raiseAlert({
    id: context.newId(),
    severity: 'WARNING',
    type: 'late_modify',
    message: `${order.symbol} (${order.clientOrderId}): the book shows terms of a modify that was given up as lost (${what}); they are followed`,
    details: { terms: what },
    orderId: order.id,
    condition: `order:${order.id}:late-modify:${order.version}`,
  });
}

export function tellTradeCorrected(context: Context, view: AccountView, order: Order, what: string): void {
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'trade_corrected',
    message: `${order.symbol} (${order.clientOrderId}): ${what}. The order has ${order.filledQuantity} of ${order.quantity} filled now and is ${order.status}; position and P&L were computed again`,
    details: { filledQuantity: order.filledQuantity, status: order.status },
    orderId: order.id,
    condition: `order:${order.id}:corrected:${order.corrections}`,
  });
}

export function tellDifferentTerms(context: Context, view: AccountView, order: Order, row: RowFacts): void {
  view.raiseAlert({
    id: context.newId(),
    severity: 'WARNING',
    type: 'broker_terms_differ',
    message: `${order.symbol} (${order.clientOrderId}): the broker's order ${row.orderId} is ${row.transactionType} ${row.quantity} ${row.tradingsymbol}`,
    details: { brokerOrderId: row.orderId },
    orderId: order.id,
    condition: `order:${order.id}:terms`,
  });
}
