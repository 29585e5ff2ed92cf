import { type Decimal, ZERO, decimal } from '../../../../src/domain/money.ts';
import { unrealizedPnl } from '../../../../src/domain/position.ts';
import type {
  Finding,
  MonitorInput,
  MonitoredOrder,
  MonitoredStrategy,
  MonitoredPosition,
  RecentOrders,
  Severity,
} from '../../../../src/risk/monitor/monitor.ts';
import type { RiskMoney } from '../../../../src/risk/monitor/money.ts';
import { MONITOR_RULES } from '../../../../src/risk/monitor/rules.ts';
import { LIMITS, T0 } from '../fixtures.ts';

type Amounts<T> = { readonly [K in keyof T]?: T[K] | string };

const exact = <T extends object>(changes: Amounts<T>): Partial<T> =>
  Object.fromEntries(
    Object.entries(changes).map(([name, value]) => [
      name,
      typeof value === 'string' && /^-?[\d.]+$/.test(value) ? decimal(value) : value,
    ]),
  ) as Partial<T>;

/** 100,000 when the day began and now; what the day lost is what is trusted, unless told otherwise. */
export function money(changes: Amounts<RiskMoney> = {}): RiskMoney {
  const given = exact<RiskMoney>(changes);
  const dayPnl = given.dayPnl ?? ZERO;
  const drawdown = given.drawdown ?? ZERO;
  return {
    equity: decimal(100_000),
    trustedEquity: decimal(100_000),
    allGood: true,
    openingEquity: decimal(100_000),
    peakEquity: decimal(100_000),
    dayPnl,
    trustedDayPnl: dayPnl,
    drawdown,
    trustedDrawdown: drawdown,
    ...given,
  };
}

/** LONG 10 RELIANCE at 2450.00, stop 2430.00, at its cost. */
export function monitored(
  changes: Amounts<Omit<MonitoredPosition, 'symbol' | 'quality'>> & {
    readonly quality?: MonitoredPosition['quality'];
  } = {},
): MonitoredPosition {
  const base = {
    instrumentId: 1,
    product: 'MIS' as const,
    managedBy: 'OMS' as const,
    exchange: 'NSE' as const,
    symbol: 'RELIANCE',
    cycle: 1,
    quantity: 10,
    openValue: decimal(24_500),
    multiplier: decimal(1),
    openedAt: T0,
    averagePrice: decimal(2450),
    stopLoss: decimal(2430),
    lastPrice: decimal(2450) as Decimal | null,
    priceAgeMs: 100,
    quality: 'GOOD' as const,
    unrealizedPnl: null,
    ...(exact(changes as Amounts<MonitoredPosition>) as object),
  };
  return {
    ...base,
    unrealizedPnl: base.lastPrice === null ? null : unrealizedPnl(base, base.lastPrice),
  };
}

export function idle(changes: Partial<MonitoredOrder> = {}): MonitoredOrder {
  return {
    id: '0198f000-0000-7000-8000-000000000001',
    clientOrderId: 'c-1',
    symbol: 'RELIANCE',
    side: 'BUY',
    quantity: 10,
    status: 'OPEN',
    variety: 'regular',
    idleMs: 0,
    ...changes,
  };
}

export function recent(changes: Partial<RecentOrders> = {}): RecentOrders {
  return {
    strategyId: 'momentum',
    symbol: 'RELIANCE',
    side: 'BUY',
    orders: 0,
    rejected: 0,
    executedEntries: 0,
    ...changes,
  };
}

export type InputChanges = Partial<Omit<MonitorInput, 'standing' | 'limits'>> & {
  readonly limits?: Partial<MonitorInput['limits']>;
  /** Severity by condition. */
  readonly standing?: Readonly<Record<string, Severity>>;
};

export function input({ standing = {}, limits = {}, ...changes }: InputChanges = {}): MonitorInput {
  return {
    account: { tradingState: 'ACTIVE' },
    money: money(),
    grossExposure: ZERO,
    netExposure: ZERO,
    positions: [],
    orders: [],
    commands: [],
    recentOrders: [],
    strategies: [],
    ordersToday: 0,
    tradesToday: 0,
    ...changes,
    limits: { ...LIMITS, ...limits },
    standing: (condition) => standing[condition] ?? null,
  };
}

/** What one rule says, by condition: the severity, or 'HELD'. */
export function verdict(name: string, changes: InputChanges = {}): Record<string, Severity | 'HELD'> {
  return Object.fromEntries(
    findings(name, changes).map(({ condition, severity }) => [condition, severity ?? 'HELD']),
  );
}

export function findings(name: string, changes: InputChanges = {}): readonly Finding[] {
  const rule = MONITOR_RULES.find((one) => one.name === name);
  if (rule === undefined) throw new Error(`there is no rule ${name}`);
  return rule.run(input(changes));
}

export function trading(changes: Partial<MonitoredStrategy> = {}): MonitoredStrategy {
  return { id: 'momentum', enabled: true, calls: 0, filled: 0, orderToTradePause: ZERO, ...changes };
}
