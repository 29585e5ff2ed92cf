import type { BrokerOrder, BrokerTrade } from '../broker/port.ts';
import { hasBookCopy, storeBookCopy } from '../db/stores/broker-book-store.ts';
import type { BrokerInterest } from '../db/stores/poll-store.ts';
import { copyDue } from '../reconciliation/day-end.ts';
import type { Context } from './context.ts';
import { tellLastCall } from './poll-alerts.ts';
import { bookDayOf } from './poll-evidence.ts';

/**
 * Keeps a raw copy of the broker's order book and tradebook at fixed times of a trading day, the last ones just before
 * the broker wipes them at 06:00 IST: afterwards nobody can read what was in them. One that is not whole is kept until
 * a later look has a better one. Not under the account's lock, like all reads of the broker.
 */
export async function keepBooks(
  context: Context,
  accountId: string,
  read: {
    readonly readAt: Date;
    readonly book: readonly BrokerOrder[];
    readonly trades: readonly BrokerTrade[];
    /** Why it is not whole; null when it is. */
    readonly fault: string | null;
  },
): Promise<void> {
  const { readAt, fault } = read;
  const due = copyDue(readAt);
  if (due === null) return;
  const copy = { accountId, day: due.day, mark: due.mark };
  if (await hasBookCopy(context.db, copy)) return;
  const [orders, trades] = [read.book.map(({ raw }) => raw), read.trades.map(({ raw }) => raw)];
  await storeBookCopy(context.db, { ...copy, readAt, fault, orders, trades });
}

/**
 * Tells, in the last hour of a trading day, every order that is in doubt still, whether or not the broker answers: once
 * the book is wiped no read can find it any more (trading.md section 1).
 */
export async function callLast(context: Context, accountId: string, interest: BrokerInterest): Promise<void> {
  const due = copyDue(interest.readAt);
  if (due?.isLastCall !== true) return;
  const ids = interest.orders
    .filter((order) => order.status === 'UNKNOWN' && bookDayOf(order, interest.readAt) === due.day)
    .map(({ id }) => id);
  if (ids.length === 0) return;
  await context.withAccount({
    accountId,
    actor: context.processName,
    needs: { orders: ids, openAlerts: true },
    run: (view) => {
      for (const id of ids) tellLastCall(context, view, view.order(id));
    },
  });
}
