import type { Account, ManagedBy } from '../../domain/account.ts';
import type { CommandKind } from '../../domain/command.ts';
import type { Exchange, Product } from '../../domain/instrument.ts';
import type { Decimal } from '../../domain/money.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import type { Side, Variety } from '../../domain/order.ts';
import type { PositionCycle } from '../../domain/position.ts';
import type { Limits } from '../limits.ts';
import type { RiskMoney } from './money.ts';
import type { PriceQuality } from './price-quality.ts';

export type Severity = 'INFO' | 'WARNING' | 'CRITICAL';

/** A managed, open position with what its price is worth. */
export interface MonitoredPosition extends Pick<
  PositionCycle,
  'cycle' | 'quantity' | 'openValue' | 'multiplier' | 'openedAt'
> {
  readonly instrumentId: number;
  readonly product: Product;
  readonly managedBy: ManagedBy;
  readonly exchange: Exchange;
  readonly symbol: string;
  readonly averagePrice: Decimal;
  readonly stopLoss: Decimal | null;
  readonly lastPrice: Decimal | null;
  readonly priceAgeMs: number | null;
  readonly quality: PriceQuality;
  /** Gross, at the last price; null while that is unknown. */
  readonly unrealizedPnl: Decimal | null;
}

/** An unfinished order, and how long nothing has happened to it. */
export interface MonitoredOrder {
  readonly id: string;
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly quantity: number;
  readonly status: OrderStatus;
  readonly variety: Variety;
  readonly idleMs: number;
}

/** A cancel or a modify that is not done, and how long ago it was asked for. */
export interface MonitoredCommand extends Pick<
  MonitoredOrder,
  'clientOrderId' | 'symbol' | 'side' | 'quantity' | 'status'
> {
  readonly id: string;
  readonly orderId: string;
  readonly kind: CommandKind;
  readonly ageMs: number;
}

/** Orders of one strategy, share and side in the last REJECT_WINDOW_MS. */
export interface RecentOrders {
  /** Null: placed without a strategy. */
  readonly strategyId: string | null;
  readonly symbol: string;
  readonly side: Side;
  readonly orders: number;
  readonly rejected: number;
  /** Entries of the last REPEAT_WINDOW_MS that were filled, wholly or in part. */
  readonly executedEntries: number;
}

/** A strategy with what its entries asked of the broker in the last REJECT_WINDOW_MS, and since it was last enabled. */
export interface MonitoredStrategy {
  readonly id: string;
  readonly enabled: boolean;
  /** Placements, modifications and cancelled entries. */
  readonly calls: number;
  /** Entries that were filled, wholly or in part. */
  readonly filled: number;
  /** ORDER_TO_TRADE_PAUSE in force for it; zero: it is not paused for its ratio. */
  readonly orderToTradePause: Decimal;
}

/** How the monitor works, from the configuration. */
export interface MonitorSettings {
  /** RISK_INTERVAL_MS: from one look to the next. */
  readonly intervalMs: number;
}

/** Everything a rule may look at: one consistent reading of the rows. No clock, no database. */
export interface MonitorInput {
  readonly account: Pick<Account, 'tradingState'>;
  readonly limits: Limits;
  readonly money: RiskMoney;
  readonly grossExposure: Decimal;
  readonly netExposure: Decimal;
  readonly positions: readonly MonitoredPosition[];
  readonly orders: readonly MonitoredOrder[];
  readonly commands: readonly MonitoredCommand[];
  readonly recentOrders: readonly RecentOrders[];
  readonly strategies: readonly MonitoredStrategy[];
  readonly ordersToday: number;
  readonly tradesToday: number;
  /** Severity of the alert that stands for a condition; null when none does. */
  readonly standing: (condition: string) => Severity | null;
}

/** What should stand after this look. */
export interface Told {
  /** One alert stands per condition; ours all begin with CONDITION_PREFIX. */
  readonly condition: string;
  readonly severity: Severity;
  readonly type: string;
  /** A sentence with the numbers. */
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly orderId?: string;
}

/** A condition that can not be judged now: whatever stands for it goes on standing. */
export interface Held {
  readonly condition: string;
  readonly severity: null;
}

export type Finding = Told | Held;

export interface MonitorRule {
  readonly name: string;
  /** Conditions that it does not name do not hold any more. */
  readonly run: (input: MonitorInput) => readonly Finding[];
}

/** The conditions that the monitor raises and clears by itself. */
export const CONDITION_PREFIX = 'risk:';

/** An alert about money comes at this share of its limit. */
export const NEAR_SHARE = 0.8;
/** An alert ends when its figure is under this share of what raised it: a figure that trembles is told once. */
const BACK_SHARE = 0.9;

/**
 * The severity a figure deserves, with hysteresis: what stands is only taken back when the figure is clearly back.
 * Thresholds are in the figure's unit; one that is null or not above zero does not exist.
 */
export function levelOf(
  figure: Decimal,
  thresholds: { readonly warning: Decimal | null; readonly critical: Decimal | null },
  standing: Severity | null,
): Severity | null {
  const reaches = (threshold: Decimal | null, share: number) =>
    threshold?.gt(0) === true && figure.gte(threshold.times(share));
  const { warning, critical } = thresholds;
  if (reaches(critical, standing === 'CRITICAL' ? BACK_SHARE : 1)) return 'CRITICAL';
  if (reaches(warning, standing === null ? 1 : BACK_SHARE)) return 'WARNING';
  return null;
}

const RANK = { INFO: 0, WARNING: 1, CRITICAL: 2 } as const satisfies Record<Severity, number>;

/** The severer of two; null is none. */
export function severer(a: Severity | null, b: Severity | null): Severity | null {
  if (a === null || b === null) return a ?? b;
  return RANK[a] >= RANK[b] ? a : b;
}

/** Age of the oldest price behind a figure over these positions, milliseconds; null: nothing is held, or one is unknown. */
export function oldestPriceAgeMs(positions: readonly Pick<MonitoredPosition, 'priceAgeMs'>[]): number | null {
  const ages = positions.flatMap(({ priceAgeMs }) => (priceAgeMs === null ? [] : [Math.round(priceAgeMs)]));
  return ages.length === 0 || ages.length < positions.length ? null : Math.max(...ages);
}

/** "12 s" from milliseconds. */
export function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

/** How a position is named in a sentence: "LONG 10 NSE:RELIANCE (MIS)". */
export function named(
  position: Pick<MonitoredPosition, 'quantity' | 'exchange' | 'symbol' | 'product'>,
): string {
  const { quantity, exchange, symbol, product } = position;
  return `${quantity > 0 ? 'LONG' : 'SHORT'} ${Math.abs(quantity)} ${exchange}:${symbol} (${product})`;
}

/** Names a position in a condition; a cycle that closed and opened again is another one. */
export function positionId(of: Pick<MonitoredPosition, 'instrumentId' | 'product' | 'cycle'>): string {
  return `${of.instrumentId}/${of.product}/${of.cycle}`;
}
