import type { AccountView } from '../db/account-view.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import type { Order, RejectedBy } from '../domain/order.ts';

/** Ends an order as REJECTED and counts it in the day. */
export function rejectOrder(
  view: AccountView,
  order: Order,
  refusal: {
    readonly by: RejectedBy;
    readonly failedCheck: string | null;
    readonly reason: string;
    readonly readAt?: string;
  },
): Order {
  const rejected = view.apply(order, { kind: 'OrderRejected', ...refusal });
  view.changeDay(tradingDayOf(view.now), (day) => ({ rejectedCount: day.rejectedCount + 1 }));
  return rejected;
}

/** Why an order is too old to be sent; null when it is not. */
export function staleReason(order: Order, now: Date): string | null {
  const ageMs = now.getTime() - order.createdAt.getTime();
  if (order.maxAgeMs === null || ageMs <= order.maxAgeMs) return null;
  return `the order is ${ageMs} ms old, over its maxAgeMs of ${order.maxAgeMs}`;
}
