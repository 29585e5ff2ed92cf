/** What operators and admins ask about and change: who may do what, strategies, alerts, and who did what. */
import type { LimitChangeBody, NewToken, TradingState } from './types.ts';

export interface TokenBody {
  id: string;
  name: string;
  role: NewToken['role'];
  accountId: string | null;
  strategyId: string | null;
  /** Addresses and networks that may use it; null: any. */
  allowedFrom: string[] | null;
  createdAt: string;
  revokedAt: string | null;
  /** To the minute. */
  lastUsedAt: string | null;
  lastUsedFrom: string | null;
}

export interface NewTokenBody extends Pick<
  TokenBody,
  'id' | 'name' | 'role' | 'accountId' | 'strategyId' | 'allowedFrom'
> {
  /** Shown this once. */
  token: string;
}

export interface NewStrategy {
  readonly id: string;
  readonly accountId?: string;
  readonly name?: string;
  readonly enabled?: boolean;
  /** By configuration name: what it starts with. */
  readonly limits?: Readonly<Record<string, string | number>>;
  readonly reason: string;
}

export interface StrategyChange {
  readonly accountId?: string;
  readonly enabled?: boolean;
  /** Null: as configured. */
  readonly protection?: 'exchange' | 'oms' | 'none' | null;
  readonly reason: string;
}

export interface StrategyBody {
  id: string;
  accountId: string;
  name: string;
  enabled: boolean;
  disabledReason: string | null;
  protection: 'exchange' | 'oms' | 'none' | null;
  tradingState: TradingState;
  tradingStateReason: string | null;
  limits: Record<string, Omit<LimitChangeBody, 'inForce'>>;
  createdAt: string;
  updatedAt: string;
}

export interface AccountBody {
  id: string;
  name: string;
  capital: string;
  tradingState: TradingState;
  createdAt: string;
}

export interface AlertBody {
  id: string;
  accountId: string;
  severity: 'CRITICAL' | 'WARNING' | 'INFO';
  type: string;
  message: string;
  details: Record<string, unknown>;
  orderId: string | null;
  at: string;
  clearedAt: string | null;
  acknowledgedAt: string | null;
  acknowledgedBy: string | null;
  deliveries: {
    channel: string;
    state: 'PENDING' | 'DELIVERED' | 'FAILED';
    attempts: number;
    deliveredAt: string | null;
    lastError: string | null;
    messageId: string | null;
  }[];
}

export interface JournalEntryBody {
  seq: number;
  accountId: string;
  at: string;
  event: string;
  entity: string;
  actor: string;
  /** Of what was asked for over HTTP. */
  origin: { tokenId: string; ip: string | null; requestId: string } | null;
  data: Record<string, unknown>;
}

/** An address for alerts of a charting service: POST to it makes orders of its strategy. */
export interface SignalHookBody {
  id: string;
  accountId: string;
  name: string;
  strategyId: string;
  instruments: string[];
  maxQuantity: number;
  /** An older alert is refused. */
  maxAgeMs: number;
  createdAt: string;
  revokedAt: string | null;
}

export interface NewSignalHookBody extends SignalHookBody {
  /** With its secret; shown this once. */
  path: string;
}

export interface NewSignalHook {
  readonly accountId?: string;
  readonly name: string;
  readonly strategyId: string;
  /** "NSE:INFY". */
  readonly instruments: readonly string[];
  /** Units of one order, and of a position that is aimed at. */
  readonly maxQuantity: number;
  /** Default 60,000. */
  readonly maxAgeMs?: number;
}
