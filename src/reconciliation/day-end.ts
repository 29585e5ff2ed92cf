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

/**
 * When a copy of the broker's books is due, IST, in the order of a trading day: once shares and equity derivatives have
 * ended, once commodities have, and twice before the books are wiped at 06:00, the second for what was sent in between.
 */
const COPIES = ['16:00', '23:58', '05:00', '05:50'] as const;
/** The ones in the last hour of the day: what is in doubt then is decided before 06:00, or by a contract note. */
const LAST_CALLS: ReadonlySet<string> = new Set(['05:00', '05:50']);

/** One copy of the day's books: the trading day, and the time it is due at. */
export interface BookCopy {
  readonly day: string;
  readonly mark: string;
  /** The books are wiped within the hour. */
  readonly isLastCall: boolean;
}

/** The copy of the broker's books that a read begun at `readAt` is good for; null before the first of the day. */
export function copyDue(readAt: Date): BookCopy | null {
  const day = tradingDayOf(readAt);
  const dateOf = (mark: string) => (LAST_CALLS.has(mark) ? addDays(day, 1) : day);
  const mark = COPIES.findLast((one) => readAt >= instantOfIst(dateOf(one), one));
  return mark === undefined ? null : { day, mark, isLastCall: LAST_CALLS.has(mark) };
}

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
