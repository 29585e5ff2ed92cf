import { type Decimal, decimal } from '../../domain/money.ts';
import {
  type Finding,
  type MonitorInput,
  type MonitorRule,
  type MonitoredStrategy,
  NEAR_SHARE,
  levelOf,
} from './monitor.ts';
import { REJECT_WINDOW_MS } from './rejects.ts';

/** Fewer orders say nothing about a ratio. */
export const CALLS_AT_LEAST = 50;
/** What is told where no limit pauses. */
const CALLS_PER_TRADE = decimal(20);

/**
 * Far more orders than trades (controls.md section 3, 14): of the account's day, which is told, and of a strategy's
 * entries in the last minutes, which from ORDER_TO_TRADE_PAUSE on pauses it (strategiesToPause).
 */
export const orderToTrade: MonitorRule = {
  name: 'ORDER_TO_TRADE',
  run: (input) => [...ofDay(input), ...input.strategies.flatMap((strategy) => ofStrategy(input, strategy))],
};

function ofDay({ ordersToday, tradesToday, standing }: MonitorInput): Finding[] {
  if (ordersToday < CALLS_AT_LEAST) return [];
  const condition = 'risk:order_to_trade';
  const ratio = ratioOf(ordersToday, tradesToday);
  const severity = levelOf(ratio, { warning: CALLS_PER_TRADE, critical: null }, standing(condition));
  if (severity === null) return [];
  return [
    {
      condition,
      type: 'order_to_trade_ratio',
      severity,
      message: `${ordersToday} orders for ${tradesToday} trades today: over ${CALLS_PER_TRADE.toFixed()} orders a trade`,
      details: { ordersToday, tradesToday },
    },
  ];
}

function ofStrategy({ standing }: MonitorInput, strategy: MonitoredStrategy): Finding[] {
  const { id, calls, filled, orderToTradePause: limit } = strategy;
  if (calls < CALLS_AT_LEAST) return [];
  const condition = `risk:order_to_trade:${id}`;
  const thresholds = limit.isZero()
    ? { warning: CALLS_PER_TRADE, critical: null }
    : { warning: limit.times(NEAR_SHARE), critical: limit };
  const severity = levelOf(ratioOf(calls, filled), thresholds, standing(condition));
  if (severity === null) return [];
  return [
    {
      condition,
      type: 'order_to_trade_ratio',
      severity,
      message: sentenceOf(strategy),
      details: { strategyId: id, calls, filled, limit: limit.toFixed() },
    },
  ];
}

/** Strategies whose ratio has reached the limit that pauses them. */
export function strategiesToPause({ strategies }: MonitorInput): readonly MonitoredStrategy[] {
  return strategies.filter(
    ({ enabled, calls, filled, orderToTradePause: limit }) =>
      enabled && limit.gt(0) && calls >= CALLS_AT_LEAST && ratioOf(calls, filled).gte(limit),
  );
}

/** "240 order calls of strategy alpha for 10 filled entries in the last 10 minutes; the limit is 20 a filled entry". */
export function sentenceOf({ id, calls, filled, orderToTradePause: limit }: MonitoredStrategy): string {
  const told = limit.isZero() ? CALLS_PER_TRADE : limit;
  return `${calls} order calls of strategy ${id} for ${filled} filled entries in the last ${REJECT_WINDOW_MS / 60_000} minutes; the limit is ${told.toFixed()} a filled entry`;
}

/** Nothing filled counts as one, so that a ratio is always a number. */
export function ratioOf(calls: number, filled: number): Decimal {
  return decimal(calls).div(Math.max(1, filled));
}
