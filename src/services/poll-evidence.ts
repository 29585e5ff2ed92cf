import type { BrokerOrder } from '../broker/port.ts';
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

/**
 * Why absence from this book proves nothing: a live order of its day that an earlier read held is not in it; null when
 * whole. Orders of another day say nothing of it: the book holds one day (kite.md section 3.2).
 */
export function gapOf(interest: BrokerInterest, book: readonly BrokerOrder[]): string | null {
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
  return lost.length === 0 ? null : `${lost.length} live orders that were in the book are not in this one`;
}

function inDoubtOf(interest: BrokerInterest): OrderOfInterest[] {
  return interest.orders.filter(({ status }) => status === 'SUBMITTING' || status === 'UNKNOWN');
}

/**
 * Orders in doubt leave evidence of reads: when one began, whether it was whole, and whether it held their tags. Once
 * a person was told of all of them, only what is news, and one of the slower full looks, is kept.
 */
export async function keepEvidence(
  context: Context,
  accountId: string,
  read: {
    readonly interest: BrokerInterest;
    /** Null: the read failed. */
    readonly book: readonly BrokerOrder[] | null;
    readonly fault: string | null;
    readonly always: boolean;
  },
): Promise<void> {
  const { interest, book, fault, always } = read;
  const inDoubt = inDoubtOf(interest);
  if (inDoubt.length === 0) return;
  const found = new Set(book?.flatMap(tagsOf));
  const isNews = fault !== null || inDoubt.some(({ attemptTag }) => found.has(attemptTag ?? ''));
  if (!isNews && !always && inDoubt.every(({ alerted }) => alerted)) return;
  await storeBrokerRead(context.db, {
    accountId,
    id: context.newId(),
    kind: 'ORDERS',
    startedAt: interest.readAt,
    clean: book !== null && fault === null,
    rowsCount: book?.length ?? null,
    fault,
    searched: Object.fromEntries(
      inDoubt.map((order) => [order.attemptTag ?? '', found.has(order.attemptTag ?? '')]),
    ),
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

/** Clean reads without the tag, by order id; empty unless the policy decides by them. */
async function cleanReadsOf(
  context: Context,
  accountId: string,
  orders: readonly OrderOfInterest[],
  readAt: Date,
): Promise<ReadonlyMap<string, number>> {
  if (context.settings.unknownPolicy !== 'neverPlaced') return new Map();
  // An after-market order is in the book of the day on which it was sent, if at all.
  const dayOf = ({ variety, tradingDay, claimedMsAgo }: OrderOfInterest) =>
    variety === 'amo' ? tradingDayOf(new Date(readAt.getTime() - claimedMsAgo)) : tradingDay;
  const counts = orders.map(async (order) => {
    const of = { accountId, tag: order.attemptTag ?? '', day: dayOf(order) };
    return [order.id, await countCleanReads(context.db, of)] as const;
  });
  return new Map(await Promise.all(counts));
}
