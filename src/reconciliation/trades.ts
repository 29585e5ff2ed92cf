import type { BrokerOrder, BrokerTrade } from '../broker/port.ts';
import { istDateOf, tradingDayOf } from '../domain/calendar.ts';
import type { Decimal } from '../domain/money.ts';
import type { Side } from '../domain/order.ts';
import { dayOfRow } from './orders.ts';

/** A recorded trade as far as it is compared with the broker's. */
export interface RecordedTrade {
  readonly exchange: string;
  readonly tradeDate: string;
  readonly brokerOrderId: string;
  readonly tradeId: string;
  readonly side: Side;
  readonly quantity: number;
  readonly price: Decimal;
  readonly tradedAt: Date;
  readonly annulledAt: Date | null;
}

export interface TradeDifference<Row extends RecordedTrade> {
  readonly row: Row;
  /** What the broker says of it now; null: it is gone. */
  readonly to: { readonly quantity: number; readonly price: Decimal } | null;
  /** The same text for the same difference, so that two reads in a row can be compared. */
  readonly sighting: string;
}

/**
 * Recorded trades that the broker's tradebook shows otherwise, or no longer (controls.md J). Pure. An order's trades
 * are judged only where the tradebook is whole for it: where they add up to what its row in the book says is filled.
 * A book without the order, and a tradebook cut short, say nothing.
 */
export function tradeDifferences<Row extends RecordedTrade>(
  recorded: readonly Row[],
  {
    book,
    trades,
    readAt,
  }: {
    readonly book: readonly BrokerOrder[];
    readonly trades: readonly BrokerTrade[];
    readonly readAt: Date;
  },
): TradeDifference<Row>[] {
  const rows = new Map(book.map((row) => [row.orderId, row]));
  const filled = new Map<string, number>();
  const shown = new Map<string, BrokerTrade>();
  for (const trade of trades) {
    filled.set(trade.orderId, (filled.get(trade.orderId) ?? 0) + trade.quantity);
    shown.set(nameOfShown(trade), trade);
  }
  return recorded.flatMap((row): TradeDifference<Row>[] => {
    const order = rows.get(row.brokerOrderId);
    if (order === undefined || tradingDayOf(row.tradedAt) !== dayOfRow(order, readAt)) return [];
    if ((filled.get(order.orderId) ?? 0) !== order.filledQuantity) return [];
    const now = shown.get(nameOf(row)) ?? null;
    if (now === null) return row.annulledAt === null ? [difference(row, null)] : [];
    const isSame = row.annulledAt === null && now.quantity === row.quantity && now.price.eq(row.price);
    return isSame ? [] : [difference(row, { quantity: now.quantity, price: now.price })];
  });
}

function difference<Row extends RecordedTrade>(
  row: Row,
  to: TradeDifference<Row>['to'],
): TradeDifference<Row> {
  const now = to === null ? 'gone' : `${to.quantity}@${to.price.toFixed()}`;
  return { row, to, sighting: `${nameOf(row)}=${now}` };
}

/** A trade's identity within its account (trading.md section 5). */
function nameOf(row: RecordedTrade): string {
  return [row.exchange, row.tradeDate, row.brokerOrderId, row.tradeId, row.side].join('/');
}

function nameOfShown(trade: BrokerTrade): string {
  const { exchange, fillTimestamp, orderId, tradeId, transactionType } = trade;
  return [exchange, istDateOf(fillTimestamp), orderId, tradeId, transactionType].join('/');
}
