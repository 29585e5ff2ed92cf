import { decimal } from '../../domain/money.ts';
import { type Finding, type MonitorInput, type MonitorRule, levelOf } from './monitor.ts';

/** How far back orders are counted, milliseconds. */
export const REJECT_WINDOW_MS = 10 * 60_000;
/** Fewer orders say nothing about a ratio. */
const ORDERS_AT_LEAST = 10;
const REJECTED_SHARE = decimal('0.5');
const ORDERS_A_DAY_AT_LEAST = 50;
const ORDERS_PER_TRADE = decimal(20);

/** A strategy of which half the orders are refused, and a day with far more orders than trades (controls.md, 14). */
export const rejects: MonitorRule = {
  name: 'REJECTS',
  run: (input) => [...rejectRatios(input), ...orderToTrade(input)],
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

function orderToTrade({ ordersToday, tradesToday, standing }: MonitorInput): Finding[] {
  if (ordersToday < ORDERS_A_DAY_AT_LEAST) return [];
  const condition = 'risk:order_to_trade';
  const ratio = decimal(ordersToday).div(Math.max(1, tradesToday));
  const severity = levelOf(ratio, { warning: ORDERS_PER_TRADE, critical: null }, standing(condition));
  if (severity === null) return [];
  return [
    {
      condition,
      type: 'order_to_trade_ratio',
      severity,
      message: `${ordersToday} orders for ${tradesToday} trades today: over ${ORDERS_PER_TRADE.toFixed()} orders a trade`,
      details: { ordersToday, tradesToday },
    },
  ];
}
