import type { Exchange, Product } from './instrument.ts';
import type { Decimal } from './money.ts';
import type { PositionCycle } from './position.ts';

export const TRADING_STATES = ['ACTIVE', 'REDUCING', 'HALTED'] as const;
export type TradingState = (typeof TRADING_STATES)[number];

/** A limit changed at run time: who, why, and until when. Instants as RFC 3339 text. */
export interface StoredLimit {
  readonly value: string;
  readonly reason: string;
  readonly by: string;
  readonly at: string;
  /** From then on it counts for nothing; null: until it is changed again. */
  readonly expiresAt: string | null;
}

/** By configuration name (risk/limits.ts). */
export type StoredLimits = Readonly<Record<string, StoredLimit>>;

/** HALTED only: whether strategies may still exit, or operators alone. */
export type HaltExits = 'reduceOnly' | 'operatorOnly';

/** A limit that halted the account by itself. Rupees, and the limit as a share, as text; the day is IST. */
export interface HaltTrip {
  readonly kind: 'DAILY_LOSS' | 'DRAWDOWN';
  /** What the share is a share of: the day's opening equity, or the peak. */
  readonly baseline: string;
  readonly value: string;
  readonly limit: string;
  readonly day: string;
}

export interface Account {
  readonly id: string;
  readonly name: string;
  /** First capital, rupees; deposits and withdrawals are cash flows. */
  readonly capital: Decimal;
  readonly tradingState: TradingState;
  readonly tradingStateReason: string | null;
  readonly haltExits: HaltExits;
  readonly haltId: string | null;
  /** Limits that tripped the halt in force, one of a kind; a release answers each of them. */
  readonly haltTrips: readonly HaltTrip[];
  /** Highest equity since the last rebase; null until sampled. */
  readonly peakEquity: Decimal | null;
  /** Changes to the configured limits, by configuration name. */
  readonly limits: StoredLimits;
  /** State of the broker's order budget; see order-budget.ts. */
  readonly budget: unknown;
  readonly seq: number;
  readonly head: string;
}

export type ManagedBy = 'OMS' | 'EXTERNAL';

/** Identifies a position: one open cycle per key. */
export interface PositionKey {
  readonly instrumentId: number;
  readonly product: Product;
  readonly managedBy: ManagedBy;
}

/** A cycle with whose it is. */
export interface Position extends PositionCycle, PositionKey {
  readonly accountId: string;
  readonly exchange: Exchange;
  readonly symbol: string;
  /** Stop of the newest filled entry: the open risk until protection is real. */
  readonly stopLoss: Decimal | null;
  readonly overnightQuantity: number;
  readonly previousClose: Decimal | null;
}

export function positionKeyText(key: PositionKey): string {
  return `${key.instrumentId}/${key.product}/${key.managedBy}`;
}

/** One account's trading day: baselines are rows, never memory (trading.md section 1). */
export interface AccountDay {
  readonly day: string;
  /** Equity when the day began: riskCapital, the base of every percentage. */
  readonly openingEquity: Decimal;
  readonly realizedPnl: Decimal;
  readonly charges: Decimal;
  readonly cashFlows: Decimal;
  readonly ordersCount: number;
  readonly tradesCount: number;
  readonly rejectedCount: number;
  readonly turnover: Decimal;
  readonly winningTrades: number;
  readonly losingTrades: number;
}
