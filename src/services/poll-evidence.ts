import type { BrokerOrder, BrokerTrade } from '../broker/port.ts';
import {
  type BrokerInterest,
  type OrderOfInterest,
  countCleanReads,
  storeBrokerRead,
} from '../db/stores/poll-store.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import type { Order } from '../domain/order.ts';
import { isMutant } from '../lib/mutant.ts';
import { isAmoWaiting, isFinal } from '../domain/order-status.ts';
import { tagsOf } from '../reconciliation/orders.ts';
import type { Context } from './context.ts';
import { endAsNeverPlaced } from './never-placed.ts';
import { tellNeverPlaced, tellOwedTrades, tellUnknown } from './poll-alerts.ts';

/** COMPLETE without its trades for this long is told, milliseconds (protocol.md). */
const AWAITING_TRADES_ALERT_MS = 30_000;
/** Clean reads of the order's own day that must not have held its tag before the policy may say "never placed". */
const CLEAN_READS_FOR_POLICY = 3;

/** What one poll read, beside what it began with. */
export interface BooksRead {
  readonly interest: BrokerInterest;
  readonly book: readonly BrokerOrder[];
  /** Null: the tradebook was not asked for. */
  readonly trades: readonly BrokerTrade[] | null;
}

/**
 * Why absence from this book proves nothing: a live order of its day that an earlier read held is not in it, or the
 * tradebook has fills of an order that it does not list; null when whole. Orders of another day say nothing of it: the
 * book holds one day (kite.md section 3.2).
 */
export function gapOf({ interest, book, trades }: BooksRead): string | null {
  if (isMutant('empty-is-absent')) return null;
  const day = tradingDayOf(interest.readAt);
  const listed = new Set(book.map((row) => row.orderId));
  const lost = interest.known.filter(
    (order) =>
      order.brokerStatus !== null &&
      !isFinal(order.status) &&
      // Whether the book of the morning lists what waits for the opening is not known.
      !isAmoWaiting(order.brokerStatus) &&
      order.tradingDay === day &&
      !listed.has(order.brokerOrderId),
  );
  if (lost.length > 0) return `${lost.length} live orders that were in the book are not in this one`;
  const strays = straysOf(book, trades ?? []).length;
  return strays === 0 ? null : `${strays} trades are of orders that the book does not list`;
}

/** Fills of orders that the book does not list. */
function straysOf(book: readonly BrokerOrder[], trades: readonly BrokerTrade[]): BrokerTrade[] {
  const listed = new Set(book.map((row) => row.orderId));
  return trades.filter(({ orderId }) => !listed.has(orderId));
}

/** Trades carry no tag (kite.md section 3.4): a stray one of the same instrument, product and side may be its. */
function mayBeOf(order: OrderOfInterest, trade: BrokerTrade): boolean {
  return (
    trade.exchange === order.exchange &&
    trade.tradingsymbol === order.symbol &&
    trade.product === order.product &&
    trade.transactionType === order.side
  );
}

/**
 * The tradebook, while an order in doubt is searched for at every read; null when none is, or when it can not be read:
 * here it is evidence alone, and keeps no row of the book back.
 */
export async function searchTrades(
  context: Context,
  accountId: string,
  interest: BrokerInterest,
): Promise<readonly BrokerTrade[] | null> {
  const isSearching = interest.orders.some(({ status, alerted }) => status === 'UNKNOWN' && !alerted);
  if (!isSearching) return null;
  try {
    return await context.broker(accountId).getTrades();
  } catch (error) {
    context.log.warn({ err: error, accountId }, 'the tradebook could not be searched');
    return null;
  }
}

function inDoubtOf(interest: BrokerInterest): OrderOfInterest[] {
  return interest.orders.filter(({ status }) => status === 'SUBMITTING' || status === 'UNKNOWN');
}

/**
 * Orders in doubt leave evidence of reads: when one began, whether it was whole, and whether it held their tags, or in
 * the tradebook a fill that may be theirs. Once a person was told of all of them, only what is news, and one of the
 * slower full looks, is kept.
 */
export async function keepEvidence(
  context: Context,
  accountId: string,
  read: {
    readonly interest: BrokerInterest;
    /** Null: the read failed. */
    readonly book: readonly BrokerOrder[] | null;
    readonly trades: BooksRead['trades'];
    readonly fault: string | null;
    readonly always: boolean;
  },
): Promise<void> {
  const { interest, book, trades, fault, always } = read;
  const inDoubt = inDoubtOf(interest);
  if (inDoubt.length === 0) return;
  const found = new Set(book?.flatMap(tagsOf));
  const isNews = fault !== null || inDoubt.some(({ attemptTag }) => found.has(attemptTag ?? ''));
  if (!isNews && !always && inDoubt.every(({ alerted }) => alerted)) return;
  const searchedBy = (holds: (order: OrderOfInterest) => boolean) =>
    Object.fromEntries(inDoubt.map((order) => [order.attemptTag ?? '', holds(order)]));
  const common = { accountId, startedAt: interest.readAt };
  await storeBrokerRead(context.db, {
    ...common,
    id: context.newId(),
    kind: 'ORDERS',
    clean: book !== null && fault === null,
    rowsCount: book?.length ?? null,
    fault,
    searched: searchedBy(({ attemptTag }) => found.has(attemptTag ?? '')),
  });
  if (book === null || trades === null) return;
  const strays = straysOf(book, trades);
  await storeBrokerRead(context.db, {
    ...common,
    id: context.newId(),
    kind: 'TRADES',
    clean: true,
    rowsCount: trades.length,
    fault: null,
    searched: searchedBy((order) => strays.some((trade) => mayBeOf(order, trade))),
  });
}

/**
 * After a clean read: UNKNOWN past its horizon, and fills the broker owes us, are told to a person. With
 * UNKNOWN_POLICY=neverPlaced enough clean reads of the order's own day decide in a person's place.
 */
export async function tellWhatIsMissing(
  context: Context,
  accountId: string,
  interest: BrokerInterest,
  book: readonly BrokerOrder[],
): Promise<void> {
  const found = new Set(book.flatMap(tagsOf));
  const pastHorizon = interest.orders.filter(
    (order) =>
      order.status === 'UNKNOWN' &&
      !order.alerted &&
      !found.has(order.attemptTag ?? '') &&
      order.claimedMsAgo > context.settings.unknownHorizonMs,
  );
  const owed = interest.orders.filter(
    (order) => !order.alerted && (order.awaitingTradesMs ?? 0) > AWAITING_TRADES_ALERT_MS,
  );
  if (pastHorizon.length === 0 && owed.length === 0) return;
  const cleanReads = await cleanReadsOf(context, accountId, pastHorizon, interest.readAt);
  const ids = [...pastHorizon, ...owed].map((order) => order.id);
  // Asked about an attempt: what a process that slept since then read says nothing about the next one.
  const isAsked = (order: Order, { attemptTag }: OrderOfInterest) =>
    order.status === 'UNKNOWN' && order.attemptTag === attemptTag;
  await context.withAccount({
    accountId,
    actor: context.processName,
    needs: { orders: ids, commandsOf: pastHorizon.map(({ id }) => id), openAlerts: true },
    run: (view) => {
      for (const asked of pastHorizon) {
        const order = view.order(asked.id);
        const reads = cleanReads.get(asked.id) ?? 0;
        if (order === null || !isAsked(order, asked)) continue;
        if (reads < CLEAN_READS_FOR_POLICY) {
          tellUnknown(context, view, order);
          continue;
        }
        const by = { actor: 'policy', reason: `UNKNOWN_POLICY=neverPlaced after ${reads} clean reads` };
        tellNeverPlaced(context, view, endAsNeverPlaced(view, order, by), by);
      }
      for (const { id } of owed) tellOwedTrades(context, view, view.order(id));
    },
  });
}

/** The day whose book has an order in doubt, if any has: an after-market one that of the day on which it was sent. */
export function bookDayOf({ variety, tradingDay, claimedMsAgo }: OrderOfInterest, readAt: Date): string {
  return variety === 'amo' ? tradingDayOf(new Date(readAt.getTime() - claimedMsAgo)) : tradingDay;
}

/** Clean reads without the tag, by order id; empty unless the policy decides by them. */
async function cleanReadsOf(
  context: Context,
  accountId: string,
  orders: readonly OrderOfInterest[],
  readAt: Date,
): Promise<ReadonlyMap<string, number>> {
  if (context.settings.unknownPolicy !== 'neverPlaced') return new Map();
  const counts = orders.map(async (order) => {
    const of = { accountId, tag: order.attemptTag ?? '', day: bookDayOf(order, readAt) };
    return [order.id, await countCleanReads(context.db, of)] as const;
  });
  return new Map(await Promise.all(counts));
}
