import { decimal } from '../../domain/money.ts';
import { type Finding, type MonitorRule, levelOf, seconds } from './monitor.ts';

/** How far back executed entries are counted, milliseconds. */
export const REPEAT_WINDOW_MS = 60_000;
const ENTRIES_AT_MOST = decimal(10);

/** A strategy that buys, or sells, the same thing over and over looks like a loop (controls.md section 3, 10). */
export const repeatedExecution: MonitorRule = {
  name: 'REPEATED_EXECUTION',
  run: ({ recentOrders, standing }) =>
    recentOrders.flatMap(({ strategyId, symbol, side, executedEntries }): Finding[] => {
      const condition = `risk:repeated_execution:${strategyId ?? ''}/${symbol}/${side}`;
      const severity = levelOf(
        decimal(executedEntries),
        { warning: ENTRIES_AT_MOST, critical: null },
        standing(condition),
      );
      if (severity === null) return [];
      const who = strategyId === null ? 'orders without a strategy' : `strategy ${strategyId}`;
      return [
        {
          condition,
          type: 'repeated_execution',
          severity,
          message: `${who}: ${executedEntries} entries ${side} ${symbol} were executed in ${seconds(REPEAT_WINDOW_MS)}`,
          details: { strategyId, symbol, side, executedEntries },
        },
      ];
    }),
};
