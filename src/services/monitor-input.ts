import type { MonitorRows } from '../db/stores/monitor-store.ts';
import { ZERO, sum } from '../domain/money.ts';
import { present } from '../lib/assert.ts';
import { limitsAt } from '../risk/limits.ts';
import type { MonitorInput, MonitoredPosition, Severity } from '../risk/monitor/monitor.ts';
import { type ValuedPosition, knownPeak, riskMoney } from '../risk/monitor/money.ts';
import { priceQuality } from '../risk/monitor/price-quality.ts';
import type { ServiceSettings } from './context.ts';
import { positionView } from './read-positions.ts';

/** What the rules look at, from the rows of one reading. Pure. */
export function monitorInput(rows: MonitorRows, settings: ServiceSettings): MonitorInput {
  const { account, day, now } = rows;
  const limits = limitsAt(settings.limits, now, account.limits);
  const positions = rows.positions
    .filter(({ managedBy }) => managedBy === 'OMS')
    .map((row) => monitored(row, rows, limits.priceMaxAgeMs));
  const values = positions.map(({ lastPrice, openValue, quantity, multiplier }) =>
    lastPrice === null ? openValue.times(Math.sign(quantity)) : lastPrice.times(multiplier).times(quantity),
  );
  const standing = new Map<string, Severity>(rows.alerts.map((alert) => [alert.condition, alert.severity]));
  return {
    account,
    limits,
    money: riskMoney(
      {
        balance: account.capital.plus(rows.netRealized).plus(rows.cashFlows),
        openingEquity: day?.openingEquity ?? null,
        dayFlows: day?.cashFlows ?? ZERO,
        knownPeak: knownPeak(account.peakEquity, rows.watch),
      },
      positions,
    ),
    grossExposure: sum(values.map((value) => value.abs())),
    netExposure: sum(values),
    positions,
    orders: rows.unfinishedOrders.map((order) => ({
      ...order,
      idleMs: now.getTime() - order.updatedAt.getTime(),
    })),
    commands: rows.openCommands.map(({ requestedAt, ...command }) => ({
      ...command,
      ageMs: now.getTime() - requestedAt.getTime(),
    })),
    recentOrders: rows.recentOrders,
    strategies: rows.strategies.map(({ limits: own, ...strategy }) => ({
      ...strategy,
      orderToTradePause: limitsAt(settings.limits, now, account.limits, own).orderToTradePause,
    })),
    ordersToday: day?.ordersCount ?? 0,
    tradesToday: day?.tradesCount ?? 0,
    standing: (condition) => standing.get(condition) ?? null,
  };
}

function monitored(
  row: MonitorRows['positions'][number],
  rows: MonitorRows,
  priceMaxAgeMs: number,
): MonitoredPosition & ValuedPosition {
  const view = positionView(row);
  const averagePrice = present(view.averagePrice, `average price of ${row.symbol}`);
  const background = present(rows.prices.get(row.instrumentId), `instrument ${row.instrumentId}`);
  const quality = priceQuality(
    {
      ...background,
      lastPrice: row.lastPrice,
      ageMs: row.lastPriceAgeMs,
      brokerPreviousClose: background.previousClose,
      ownPreviousClose: row.previousClose,
      averagePrice,
    },
    priceMaxAgeMs,
  );
  return {
    ...row,
    averagePrice,
    unrealizedPnl: view.unrealizedPnl,
    priceAgeMs: row.lastPriceAgeMs,
    quality,
  };
}
