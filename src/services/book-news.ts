import type { BrokerOrder } from '../broker/port.ts';
import type { BrokerInterest, KnownOrder, OrderOfInterest } from '../db/stores/poll-store.ts';
import { isFinal } from '../domain/order-status.ts';
import { differingTerms } from '../reconciliation/commands.ts';
import { dayOfRow, rowDiffers, tagsOf } from '../reconciliation/orders.ts';

/**
 * Rows of the book that may change something of ours: known orders that differ from it, rows that carry a tag in
 * doubt, and rows that no order follows yet. Everything else is let go before the account is locked.
 */
export function newsOf(interest: BrokerInterest, book: readonly BrokerOrder[]): BrokerOrder[] {
  const known = new Map<string, KnownOrder[]>();
  for (const order of interest.known) {
    const others = known.get(order.brokerOrderId);
    if (others === undefined) known.set(order.brokerOrderId, [order]);
    else others.push(order);
  }
  const live = new Map<string, OrderOfInterest>();
  const inDoubt = new Set<string>();
  for (const order of interest.orders) {
    if (order.brokerOrderId !== null) live.set(order.brokerOrderId, order);
    else if (order.attemptTag !== null) inDoubt.add(order.attemptTag);
  }
  return book.filter((row) => {
    const at = live.get(row.orderId);
    if (at?.watched === true) return true;
    if (inDoubt.size > 0 && tagsOf(row).some((tag) => inDoubt.has(tag))) return true;
    const order = orderOf(known.get(row.orderId) ?? [], row, interest.readAt);
    if (order !== null) {
      return (
        rowDiffers(order, row) ||
        (at !== undefined && !isFinal(order.status) && Object.keys(differingTerms(at, row)).length > 0)
      );
    }
    const seen = interest.foreign.get(`${dayOfRow(row, interest.readAt)}/${row.orderId}`);
    return seen?.status !== row.status || seen.filledQuantity !== row.filledQuantity;
  });
}

/** The known order of a row by its day; one with a tag, or that lives on from another day, by its id alone. */
function orderOf(candidates: readonly KnownOrder[], row: BrokerOrder, readAt: Date): KnownOrder | null {
  if (candidates.length === 0) return null;
  const day = dayOfRow(row, readAt);
  const ofDay = candidates.find((order) => order.tradingDay === day);
  if (ofDay !== undefined) return ofDay;
  const isOurs = tagsOf(row).length > 0;
  return candidates.find(({ status }) => isOurs || !isFinal(status)) ?? null;
}
