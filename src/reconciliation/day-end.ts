import { addDays, instantOfIst, tradingDayOf } from '../domain/calendar.ts';
import type { Exchange } from '../domain/instrument.ts';
import type { Order } from '../domain/order.ts';

/**
 * When the last order of a trading day can fill, by exchange, IST (kite.md section 3.15): the post-close session of
 * shares, derivatives with their room, the late evening of commodities.
 */
const LAST_FILL: Readonly<Record<Exchange, string>> = {
  NSE: '16:00',
  BSE: '16:00',
  NFO: '16:00',
  BFO: '16:00',
  CDS: '17:15',
  BCD: '17:15',
  MCX: '23:58',
};

type Dated = Pick<Order, 'exchange' | 'tradingDay' | 'variety' | 'lastReadAt' | 'attemptTag'>;

/**
 * The trading day that an order lives on. An after-market one may live longer than the day it was meant for (a holiday
 * nobody listed): as long as the book shows it. One from outside has the day of its row: null until it was released.
 */
function lifeDay({ tradingDay, variety, lastReadAt, attemptTag }: Dated): string | null {
  if (variety !== 'amo') return tradingDay;
  const seenOn = lastReadAt === null ? tradingDay : tradingDayOf(lastReadAt);
  if (seenOn > tradingDay) return seenOn;
  return attemptTag === null ? null : tradingDay;
}

/** True when the day that an order could live on is over at `at`. */
export function isDayOver(order: Dated, at: Date): boolean {
  const day = lifeDay(order);
  return day !== null && addDays(day, 1) <= tradingDayOf(at);
}

/** True when a read begun at `readAt` is of the order's own day and later than anything that can fill it. */
export function isFinalRead(order: Dated, readAt: Date): boolean {
  const day = lifeDay(order);
  return (
    day !== null && tradingDayOf(readAt) === day && readAt >= instantOfIst(day, LAST_FILL[order.exchange])
  );
}
