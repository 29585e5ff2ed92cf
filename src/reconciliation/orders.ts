import type { BrokerOrder } from '../broker/port.ts';
import { instantOfIst, isDay, isTimeOfDay, tradingDayOf } from '../domain/calendar.ts';
import type { Order } from '../domain/order.ts';
import type { OrderEvent } from '../domain/order-events.ts';
import { isFinal, meaningOfBrokerStatus, targetOf } from '../domain/order-status.ts';
import { isMutant } from '../lib/mutant.ts';
import { type EndedBy, endedBy } from './outside.ts';

/**
 * What a row of the broker's book means for our order. Pure. Trades are applied between the two lists, so that an
 * order ends only when its trades are in: FILLED comes from trades alone, CANCELLED waits for them.
 */
export interface BookVerdict {
  /** Before the trades: the broker's word, or OPEN. */
  readonly before: readonly OrderEvent[];
  /** After the trades: the end the broker reports, decided with what is filled by then. */
  readonly after: (order: Order) => readonly OrderEvent[];
  /** The broker used a word nobody has heard of: the order stays live and a person is told. */
  readonly unheardOf: boolean;
}

/** What a read says that is older than one that was applied: nothing but its trades. */
export const NO_NEWS: BookVerdict = { before: [], after: () => [], unheardOf: false };

/** `readAt` is the start of the read (database clock). */
export function bookVerdict(order: Order, row: BrokerOrder, readAt: Date): BookVerdict {
  const meaning = meaningOfBrokerStatus(row.status);
  // An older read than the newest applied says nothing about the status.
  const isOld = order.lastReadAt !== null && readAt < order.lastReadAt;
  if (isOld && !isMutant('old-read-wins')) return NO_NEWS;
  const at = readAt.toISOString();
  const word = (
    status: Order,
    kind: 'OrderOpened' | 'BrokerStatusChanged',
    awaitingTrades: boolean,
  ): OrderEvent[] =>
    targetOf(status.status, kind) === null
      ? []
      : [
          {
            kind,
            brokerStatus: row.status,
            exchangeOrderId: row.exchangeOrderId,
            awaitingTrades,
            readAt: at,
          },
        ];
  const changed = order.brokerStatus !== row.status;
  const waits = (now: Order) =>
    now.brokerStatus === row.status && now.awaitingTradesSince !== null
      ? []
      : word(now, 'BrokerStatusChanged', true);

  switch (meaning) {
    case 'LIVE':
    case 'UNHEARD_OF':
      return {
        ...NO_NEWS,
        before: changed ? word(order, 'BrokerStatusChanged', false) : [],
        unheardOf: meaning === 'UNHEARD_OF',
      };
    case 'RESTING':
      if (order.status === 'SUBMITTED') return { ...NO_NEWS, before: word(order, 'OrderOpened', false) };
      return { ...NO_NEWS, before: changed ? word(order, 'BrokerStatusChanged', false) : [] };
    case 'COMPLETE':
      return {
        ...NO_NEWS,
        before: changed ? word(order, 'BrokerStatusChanged', false) : [],
        after: (now) => (isFinal(now.status) ? [] : waits(now)),
      };
    case 'CANCELLED':
      return {
        ...NO_NEWS,
        after: (now) => {
          if (isFinal(now.status)) return [];
          if (now.filledQuantity < row.filledQuantity) return waits(now);
          if (isTimeOver(now, row, readAt)) {
            const reason = `its ${now.validityMinutes ?? 0} minutes were over`;
            return [{ kind: 'OrderExpired', reason, readAt: at }];
          }
          const by = endedBy(now, row);
          return [{ kind: 'OrderCancelled', by, reason: row.statusMessage ?? END_WORDS[by], readAt: at }];
        },
      };
    case 'REJECTED':
      return {
        ...NO_NEWS,
        after: (now) => {
          if (isFinal(now.status)) return [];
          if (now.filledQuantity < row.filledQuantity) return waits(now);
          const by = row.exchangeOrderId === null ? 'BROKER' : 'EXCHANGE';
          const reason = row.statusMessage ?? 'rejected without a reason';
          return [{ kind: 'OrderRejected', by, failedCheck: null, reason, readAt: at }];
        },
      };
  }
}

const END_WORDS: Record<EndedBy, string> = {
  USER: "cancelled at the broker by the account's user",
  RMS: "cancelled by the broker's risk management",
  SELF_TRADE: 'cancelled by the exchange: self trade prevention',
  HALT: 'cancelled by the exchange: trading in it was halted',
  EXCHANGE: 'cancelled by the exchange',
  VALIDITY: 'the rest did not fill at once and was cancelled',
  UNKNOWN: 'cancelled at the broker; by whom its row does not say',
};

/** By how much the clocks of the exchange and of the database may differ, milliseconds. */
const CLOCKS_APART_MS = 5000;

/**
 * True of an order of limited life that ended once its time was over; the broker says CANCELLED of it. The time runs
 * from the broker's own stamps (ours come later), and a read may be much later than the end: the row says when it was.
 */
export function isTimeOver(
  { validity, validityMinutes, claimedAt, modifications }: TimedOrder,
  row: Pick<BrokerOrder, 'orderTimestamp' | 'exchangeTimestamp' | 'raw'>,
  readAt: Date,
): boolean {
  if (validity !== 'TTL' || validityMinutes === null) return false;
  // The stamps of an order that was never modified may be those of its end; its claim is certainly before its time.
  const began = modifications === 0 ? claimedAt : null;
  const stamps = [began, row.exchangeTimestamp, row.orderTimestamp].flatMap((at) => at?.getTime() ?? []);
  if (stamps.length === 0) return false;
  const endedAt = instantOfRow(row.raw['exchange_update_timestamp']) ?? readAt;
  return endedAt.getTime() >= Math.min(...stamps) + validityMinutes * 60_000 - CLOCKS_APART_MS;
}

type TimedOrder = Pick<Order, 'validity' | 'validityMinutes' | 'claimedAt' | 'modifications'>;

const ROW_TIME = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})$/;

/** A time of a raw row, which is India's without saying so; null for anything else. */
function instantOfRow(value: unknown): Date | null {
  const [, day, time] = (typeof value === 'string' ? ROW_TIME.exec(value) : null) ?? [];
  if (day === undefined || time === undefined || !isDay(day)) return null;
  return isTimeOfDay(time) ? instantOfIst(day, time) : null;
}

/** True when a row can change what we hold of the order: enters the account transaction only for these. */
export function rowDiffers(
  order: Pick<Order, 'status' | 'brokerStatus' | 'filledQuantity'>,
  row: Pick<BrokerOrder, 'status' | 'filledQuantity'>,
): boolean {
  if (order.filledQuantity !== row.filledQuantity) return true;
  if (isFinal(order.status)) return false;
  const meaning = meaningOfBrokerStatus(row.status);
  // An end that waited for trades may have been flagged already; it is due once they are in.
  if (meaning === 'CANCELLED' || meaning === 'REJECTED') return true;
  return order.brokerStatus !== row.status || (meaning !== 'LIVE' && order.status === 'SUBMITTED');
}

/** Every tag that a row carries: the client's own may stand in either place (kite.md section 3.4). */
export function tagsOf({ tag, tags }: Pick<BrokerOrder, 'tag' | 'tags'>): string[] {
  return tag === null ? [...tags] : [tag, ...tags];
}

/** The trading day that a row of the book is of. */
export function dayOfRow({ orderTimestamp }: Pick<BrokerOrder, 'orderTimestamp'>, readAt: Date): string {
  return tradingDayOf(orderTimestamp ?? readAt);
}

/**
 * Whether an order with the row's broker order id is the one that the row is about: by its tag, else by its day, since
 * the broker may use an id again on another day (controls.md U21). An after-market order lives on from its day.
 */
export function belongsTo(
  order: Pick<Order, 'attemptTag' | 'tradingDay' | 'variety' | 'status'>,
  row: Pick<BrokerOrder, 'tag' | 'tags' | 'orderTimestamp'>,
  readAt: Date,
): boolean {
  if (order.attemptTag !== null && tagsOf(row).includes(order.attemptTag)) return true;
  if (order.variety === 'amo' && !isFinal(order.status)) return true;
  return order.tradingDay === dayOfRow(row, readAt);
}
