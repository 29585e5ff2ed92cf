import type { BrokerOrder } from '../broker/port.ts';
import type { AccountView } from '../db/account-view.ts';
import type { BrokerInterest, OrderOfInterest } from '../db/stores/poll-store.ts';
import type { Order } from '../domain/order.ts';
import { isAmoWaiting, meaningOfBrokerStatus, targetOf } from '../domain/order-status.ts';
import { failpoint } from '../lib/failpoint.ts';
import { isDayOver, isFinalRead } from '../reconciliation/day-end.ts';
import type { Context } from './context.ts';
import { tellDayMissed } from './poll-alerts.ts';
import { settleUnsent } from './stage-command.ts';

/**
 * What the end of a trading day does to orders that are still live (trading.md section 1). The first whole read after
 * the last possible fill is noted at each of them. Once the day is over and its book is gone, an order with such a read
 * is EXPIRED with the fills it had; one without stays as it is and a person is told, since absence from a new day's
 * book says nothing. An order that the book still lists is followed as ever.
 */
export async function endOfDay(
  context: Context,
  accountId: string,
  interest: BrokerInterest,
  book: readonly BrokerOrder[],
): Promise<void> {
  const { readAt } = interest;
  const listed = new Map(book.map((row) => [row.orderId, row]));
  const rowOf = ({ brokerOrderId }: OrderOfInterest) => listed.get(brokerOrderId ?? '');
  const over = interest.orders.filter((order) => isLeftOver(order, readAt) && rowOf(order) === undefined);
  const last = interest.orders.filter((order) => {
    const row = rowOf(order);
    return row !== undefined && isUnnoted(order, readAt) && isStillLive(order, row);
  });
  if (over.length === 0 && last.length === 0) return;
  const ids = over.map(({ id }) => id);
  await failpoint('dayEnd.beforeCommit');
  await context.withAccount({
    accountId,
    actor: context.processName,
    needs: { orders: [...ids, ...last.map(({ id }) => id)], commandsOf: ids, openAlerts: true },
    run: (view) => {
      for (const { id } of over) end(context, view, view.order(id), readAt);
      for (const order of last) note(view, view.order(order.id), rowOf(order), readAt);
    },
  });
  await failpoint('dayEnd.afterCommit');
}

type Dated = Parameters<typeof isDayOver>[0];

function isLeftOver(order: Dated & Pick<Order, 'status' | 'brokerOrderId'>, readAt: Date): boolean {
  return (
    order.brokerOrderId !== null &&
    targetOf(order.status, 'OrderExpired') !== null &&
    isDayOver(order, readAt)
  );
}

/** A final read that is not the order's newest yet. */
function isUnnoted(order: Dated, readAt: Date): boolean {
  return isFinalRead(order, readAt) && (order.lastReadAt === null || !isFinalRead(order, order.lastReadAt));
}

function isStillLive({ filledQuantity }: Pick<Order, 'filledQuantity'>, row: BrokerOrder): boolean {
  const meaning = meaningOfBrokerStatus(row.status);
  return (meaning === 'LIVE' || meaning === 'RESTING') && row.filledQuantity === filledQuantity;
}

function end(context: Context, view: AccountView, order: Order | null, readAt: Date): void {
  if (order === null || !isLeftOver(order, readAt)) return;
  // One that was never released is not known to have ended: the broker may have carried it on.
  const isWaiting = isAmoWaiting(order.brokerStatus);
  if (isWaiting || order.lastReadAt === null || !isFinalRead(order, order.lastReadAt)) {
    tellDayMissed(context, view, order);
    return;
  }
  const reason = `its trading day is over; the last read after the close showed it ${order.brokerStatus ?? 'live'} with ${order.filledQuantity} filled`;
  settleUnsent(view, view.apply(order, { kind: 'OrderExpired', reason }));
}

function note(view: AccountView, order: Order | null, row: BrokerOrder | undefined, readAt: Date): void {
  if (order === null || row === undefined || !isUnnoted(order, readAt) || !isStillLive(order, row)) return;
  if (targetOf(order.status, 'BrokerStatusChanged') === null) return;
  view.apply(order, {
    kind: 'BrokerStatusChanged',
    brokerStatus: row.status,
    exchangeOrderId: row.exchangeOrderId,
    awaitingTrades: false,
    readAt: readAt.toISOString(),
  });
}
