/** What limits count of the account's other orders. */
import { type Decimal, ZERO } from './money.ts';
import { type Order, openingLeaves } from './order.ts';
import { larger, mostOf } from './order-reserve.ts';

/** What other orders need to know of a live one: limits are sums over these. Many are read, so no more than that. */
export type LiveOrder = Pick<
  Order,
  | 'id'
  | 'instrumentId'
  | 'product'
  | 'side'
  | 'role'
  | 'status'
  | 'quantity'
  | 'filledQuantity'
  | 'openingQuantity'
  | 'marginPerUnit'
  | 'riskPerUnit'
  | 'submittedAt'
  | 'strategyId'
  | 'orderType'
  | 'price'
  | 'triggerPrice'
  | 'valuePerUnit'
  | 'createdAt'
>;

/** What the controls over a stretch of time need to know of an order that has finished, or of an outside one. */
export type FinishedOrder = Pick<
  Order,
  | 'id'
  | 'strategyId'
  | 'instrumentId'
  | 'side'
  | 'role'
  | 'status'
  | 'quantity'
  | 'price'
  | 'triggerPrice'
  | 'filledQuantity'
  | 'openingQuantity'
  | 'rejectedBy'
  | 'failedCheck'
  | 'createdAt'
  | 'cause'
>;

/** The order as limits count it: with the most that a modify on its way may make of it. */
export function counted<
  T extends Pick<
    Order,
    'role' | 'quantity' | 'openingQuantity' | 'marginPerUnit' | 'riskPerUnit' | 'valuePerUnit' | 'reserve'
  >,
>(order: T): T {
  // A stop opens nothing, and one whose growth is in doubt must not keep another from being placed beside it.
  if (order.reserve === null || order.role === 'STOP') return order;
  const reserve = mostOf(order.reserve);
  return {
    ...order,
    quantity: Math.max(order.quantity, reserve.quantity),
    openingQuantity: Math.max(order.openingQuantity, reserve.openingQuantity),
    marginPerUnit: larger(order.marginPerUnit, reserve.marginPerUnit),
    riskPerUnit: larger(order.riskPerUnit, reserve.riskPerUnit),
    valuePerUnit: larger(order.valuePerUnit, reserve.valuePerUnit),
  };
}

/** Margin held for a live order; zero when it is not live (design.md invariant 5). */
export function reservedMargin(order: LiveOrder): Decimal {
  return (order.marginPerUnit ?? ZERO).times(openingLeaves(order));
}
