import { type MonitorRule, seconds } from './monitor.ts';

/** An answer that comes a little late is nothing to tell. */
const TELL_AFTER_MS = 5000;
/** Of many orders, how many an alert names. */
const NAMED_AT_MOST = 10;

/** Orders of which nobody knows whether the broker has them: they count in every limit until that is known. */
export const unknownOrders: MonitorRule = {
  name: 'UNKNOWN_ORDERS',
  run: ({ orders }) => {
    const unknown = orders.filter(({ status }) => status === 'UNKNOWN');
    const oldestMs = Math.max(0, ...unknown.map(({ idleMs }) => idleMs));
    if (oldestMs <= TELL_AFTER_MS) return [];
    const names = unknown
      .slice(0, NAMED_AT_MOST)
      .map(({ clientOrderId, symbol }) => `${symbol} (${clientOrderId})`);
    return [
      {
        condition: 'risk:unknown_orders',
        type: 'unknown_orders',
        severity: 'WARNING',
        message: `${unknown.length} ${unknown.length === 1 ? 'order is' : 'orders are'} UNKNOWN, for up to ${seconds(oldestMs)}: ${names.join(', ')}`,
        details: { orderIds: unknown.map(({ id }) => id), oldestMs },
      },
    ];
  },
};
