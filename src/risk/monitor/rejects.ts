import { decimal } from '../../domain/money.ts';
import { type Finding, type MonitorInput, type MonitorRule, levelOf } from './monitor.ts';

/** How far back orders are counted, milliseconds. */
export const REJECT_WINDOW_MS = 10 * 60_000;
/** Fewer orders say nothing about a ratio. */
const ORDERS_AT_LEAST = 10;
const REJECTED_SHARE = decimal('0.5');

/** A strategy of which half the orders are refused (controls.md, 14); REJECT_RATIO pauses it before its next entry. */
export const rejects: MonitorRule = {
  name: 'REJECTS',
  run: rejectRatios,
};

function rejectRatios({ recentOrders, standing }: MonitorInput): Finding[] {
  const totals = new Map<string | null, { orders: number; rejected: number }>();
  for (const { strategyId, orders, rejected } of recentOrders) {
    const total = totals.get(strategyId) ?? { orders: 0, rejected: 0 };
    totals.set(strategyId, { orders: total.orders + orders, rejected: total.rejected + rejected });
  }
  return [...totals].flatMap(([strategyId, { orders, rejected }]): Finding[] => {
    if (orders < ORDERS_AT_LEAST) return [];
    const condition = `risk:reject_ratio:${strategyId ?? ''}`;
    const share = decimal(rejected).div(orders);
    const severity = levelOf(share, { warning: REJECTED_SHARE, critical: null }, standing(condition));
    if (severity === null) return [];
    const whose = strategyId === null ? 'orders without a strategy' : `orders of strategy ${strategyId}`;
    return [
      {
        condition,
        type: 'reject_ratio',
        severity,
        message: `${rejected} of ${orders} ${whose} in the last ${REJECT_WINDOW_MS / 60_000} minutes were rejected`,
        details: { strategyId, orders, rejected },
      },
    ];
  });
}
