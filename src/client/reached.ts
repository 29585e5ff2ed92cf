import type { OrderStatus } from './types.ts';

/** The way of an order; UNKNOWN comes before the broker's word is known. */
const RANK: Readonly<Record<OrderStatus, number>> = {
  PENDING: 0,
  VALIDATED: 1,
  SUBMITTING: 2,
  UNKNOWN: 3,
  SUBMITTED: 4,
  OPEN: 5,
  PARTIALLY_FILLED: 6,
  FILLED: 7,
  CANCELLED: 7,
  REJECTED: 7,
  EXPIRED: 7,
};
const FINAL_RANK = 7;

/** FILLED, CANCELLED, REJECTED and EXPIRED: the order changes no more. */
export function isFinished(status: OrderStatus): boolean {
  return RANK[status] === FINAL_RANK;
}

/** True when an order in `status` has reached or passed `wanted`, or is finished: the server's rule of waitFor. */
export function hasReached(status: OrderStatus, wanted: OrderStatus): boolean {
  return status === wanted || isFinished(status) || (!isFinished(wanted) && RANK[status] >= RANK[wanted]);
}
