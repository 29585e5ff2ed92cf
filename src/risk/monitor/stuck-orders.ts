import type { OrderStatus } from '../../domain/order-status.ts';
import { type MonitorRule, seconds } from './monitor.ts';

/** How long nothing may happen to an order in a status, milliseconds; null: as long as the market takes. */
const PATIENCE_MS = {
  PENDING: 30_000,
  // Waits for its turn in the budget, or for a login.
  VALIDATED: 60_000,
  SUBMITTING: 30_000,
  // An alert of its own: unknown-orders.ts.
  UNKNOWN: null,
  // The broker took it, and its book does not show it.
  SUBMITTED: 60_000,
  OPEN: null,
  PARTIALLY_FILLED: null,
  FILLED: null,
  CANCELLED: null,
  REJECTED: null,
  EXPIRED: null,
} as const satisfies Record<OrderStatus, number | null>;

/** An order that moves on in no way although it should (design.md invariant 7). */
export const stuckOrders: MonitorRule = {
  name: 'STUCK_ORDERS',
  run: ({ orders }) =>
    orders.flatMap(({ id, clientOrderId, symbol, side, quantity, status, variety, idleMs }) => {
      const patienceMs = PATIENCE_MS[status];
      // An after-market order waits for the next morning by its nature.
      if (patienceMs === null || idleMs <= patienceMs || variety === 'amo') return [];
      return [
        {
          condition: `risk:order_stuck:${id}:${status}`,
          type: 'order_stuck',
          severity: 'WARNING' as const,
          message: `${side} ${quantity} ${symbol} (${clientOrderId}) has been ${status} for ${seconds(idleMs)}, over ${seconds(patienceMs)}`,
          details: { status, idleMs },
          orderId: id,
        },
      ];
    }),
};
