import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  date,
  foreignKey,
  index,
  inet,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import type { HaltExits, HaltTrip, StoredLimits, TradingState } from '../../domain/account.ts';
import type { ProtectionPolicy } from '../../domain/protection-policy.ts';
import type { SettledSignal } from '../../domain/signal.ts';
import { accountId, instant, money } from './columns.ts';

export const accounts = pgTable(
  'accounts',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    capital: money('capital').notNull(),
    tradingState: text('trading_state').$type<TradingState>().notNull().default('ACTIVE'),
    tradingStateReason: text('trading_state_reason'),
    tradingStateBy: text('trading_state_by'),
    tradingStateAt: instant('trading_state_at'),
    haltId: uuid('halt_id'),
    haltExits: text('halt_exits').$type<HaltExits>().notNull().default('reduceOnly'),
    haltTrips: jsonb('halt_trips').$type<readonly HaltTrip[]>().notNull().default([]),
    peakEquity: money('peak_equity'),
    limits: jsonb('limits').$type<StoredLimits>().notNull().default({}),
    budget: jsonb('budget').$type<unknown>().notNull().default({}),
    /** Last journal entry of this account. */
    seq: bigint('seq', { mode: 'number' }).notNull().default(0),
    head: text('head').notNull().default(''),
    createdAt: instant('created_at')
      .notNull()
      .default(sql`clock_timestamp()`),
    updatedAt: instant('updated_at')
      .notNull()
      .default(sql`clock_timestamp()`),
  },
  (t) => [
    check('account_id_is_a_slug', sql`${t.id} ~ '^[a-z0-9][a-z0-9_-]{0,39}$'`),
    check('capital_is_not_negative', sql`${t.capital} >= 0 and ${t.capital} < 'Infinity'`),
    check('trading_state_is_known', sql`${t.tradingState} in ('ACTIVE', 'REDUCING', 'HALTED')`),
    check('halt_has_a_number', sql`(${t.tradingState} = 'HALTED') = (${t.haltId} is not null)`),
  ],
);

export const brokerSessions = pgTable('broker_sessions', {
  accountId: accountId()
    .primaryKey()
    .references(() => accounts.id),
  broker: text('broker').notNull(),
  brokerUser: text('broker_user'),
  apiKey: text('api_key').notNull(),
  /** AES-256-GCM, never in clear. */
  accessTokenEncrypted: text('access_token_encrypted'),
  keyId: text('key_id'),
  status: text('status').$type<'LIVE' | 'EXPIRED' | 'NEEDS_LOGIN'>().notNull().default('NEEDS_LOGIN'),
  loginAt: instant('login_at'),
  expiresAt: instant('expires_at'),
  updatedAt: instant('updated_at')
    .notNull()
    .default(sql`clock_timestamp()`),
});

/** Newest broker funds by segment; read_at is the start of the read that brought them. */
export const brokerFunds = pgTable(
  'broker_funds',
  {
    accountId: accountId().references(() => accounts.id),
    segment: text('segment').$type<'equity' | 'commodity'>().notNull(),
    net: money('net').notNull(),
    readAt: instant('read_at').notNull(),
  },
  (t) => [primaryKey({ name: 'broker_funds_pk', columns: [t.accountId, t.segment] })],
);

export const strategies = pgTable(
  'strategies',
  {
    accountId: accountId().references(() => accounts.id),
    id: text('id').notNull(),
    name: text('name').notNull(),
    enabled: boolean('enabled').notNull().default(true),
    /** Why a person or a check disabled it; null while enabled. */
    disabledReason: text('disabled_reason'),
    /** When a person last enabled it: what was before counts no more against it. */
    armedAt: instant('armed_at'),
    /** Of its orders that name none; null: as configured. */
    protection: text('protection').$type<ProtectionPolicy>(),
    tradingState: text('trading_state').$type<TradingState>().notNull().default('ACTIVE'),
    tradingStateReason: text('trading_state_reason'),
    tradingStateBy: text('trading_state_by'),
    tradingStateAt: instant('trading_state_at'),
    haltId: uuid('halt_id'),
    haltExits: text('halt_exits').$type<HaltExits>().notNull().default('reduceOnly'),
    limits: jsonb('limits').$type<StoredLimits>().notNull().default({}),
    createdAt: instant('created_at')
      .notNull()
      .default(sql`clock_timestamp()`),
    updatedAt: instant('updated_at')
      .notNull()
      .default(sql`clock_timestamp()`),
  },
  (t) => [
    primaryKey({ name: 'strategies_pk', columns: [t.accountId, t.id] }),
    check('strategy_id_is_plain', sql`${t.id} ~ '^[A-Za-z0-9._-]{1,64}$'`),
    check('strategy_trading_state_is_known', sql`${t.tradingState} in ('ACTIVE', 'REDUCING', 'HALTED')`),
    check('strategy_halt_has_a_number', sql`(${t.tradingState} = 'HALTED') = (${t.haltId} is not null)`),
  ],
);

/** Deposits (positive) and withdrawals: they shift capital, opening equity and peak alike. */
export const cashFlows = pgTable(
  'cash_flows',
  {
    accountId: accountId().references(() => accounts.id),
    id: uuid('id').notNull(),
    day: date('day').notNull(),
    amount: money('amount').notNull(),
    reason: text('reason').notNull(),
    at: instant('at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'cash_flows_pk', columns: [t.accountId, t.id] }),
    check('cash_flow_is_not_zero', sql`${t.amount} <> 0`),
  ],
);

export const dailyStats = pgTable(
  'daily_stats',
  {
    accountId: accountId(),
    day: date('day').notNull(),
    openingEquity: money('opening_equity').notNull(),
    realizedPnl: money('realized_pnl').notNull(),
    charges: money('charges').notNull(),
    cashFlows: money('cash_flows').notNull(),
    turnover: money('turnover').notNull(),
    ordersCount: integer('orders_count').notNull(),
    rejectedCount: integer('rejected_count').notNull(),
    tradesCount: integer('trades_count').notNull(),
    /** Closing fills that won or lost money, before charges. */
    winningTrades: integer('winning_trades').notNull(),
    losingTrades: integer('losing_trades').notNull(),
    updatedAt: instant('updated_at')
      .notNull()
      .default(sql`clock_timestamp()`),
  },
  (t) => [
    primaryKey({ name: 'daily_stats_pk', columns: [t.accountId, t.day] }),
    check('daily_counts_are_not_negative', sql`${t.ordersCount} >= 0 and ${t.tradesCount} >= 0`),
  ],
);

export const equitySamples = pgTable(
  'equity_samples',
  {
    accountId: accountId(),
    at: instant('at').notNull(),
    equity: money('equity').notNull(),
    unrealizedPnl: money('unrealized_pnl').notNull(),
  },
  (t) => [primaryKey({ name: 'equity_samples_pk', columns: [t.accountId, t.at] })],
);

/**
 * What one look of the risk monitor leaves for the next, also in another process: one row per account, written
 * without the account's lock. Samples in a row that reached a limit, and the highest equity since the account's own
 * peak was last written (the row counts only while that peak is not lower than `high_of`: a rebase lowers it).
 */
export const riskWatch = pgTable('risk_watch', {
  accountId: accountId().primaryKey(),
  dailyLossSamples: integer('daily_loss_samples').notNull(),
  dailyLossAt: instant('daily_loss_at'),
  drawdownSamples: integer('drawdown_samples').notNull(),
  drawdownAt: instant('drawdown_at'),
  high: money('high'),
  highOf: money('high_of'),
  sampledAt: instant('sampled_at').notNull(),
  /** Trading day that the monitor has begun: its baselines are rows. */
  day: date('day'),
});

/** Bearer tokens: only their sha256 is kept. They belong to the system account. */
export const apiTokens = pgTable(
  'api_tokens',
  {
    id: uuid('id').primaryKey(),
    name: text('name').notNull(),
    role: text('role').$type<'viewer' | 'trader' | 'operator' | 'admin'>().notNull(),
    tokenHash: text('token_hash').notNull(),
    accountId: text('account_id').references(() => accounts.id),
    strategyId: text('strategy_id'),
    createdAt: instant('created_at')
      .notNull()
      .default(sql`clock_timestamp()`),
    revokedAt: instant('revoked_at'),
    /** Addresses and networks that may use it; null: any. */
    allowedFrom: inet('allowed_from').array(),
    /** Written at most once a minute, outside every account's lock. */
    lastUsedAt: instant('last_used_at'),
    lastUsedFrom: inet('last_used_from'),
  },
  (t) => [
    uniqueIndex('api_token_is_unique').on(t.tokenHash),
    check('api_token_role_is_known', sql`${t.role} in ('viewer', 'trader', 'operator', 'admin')`),
    foreignKey({
      name: 'api_token_strategy',
      columns: [t.accountId, t.strategyId],
      foreignColumns: [strategies.accountId, strategies.id],
    }),
  ],
);

/**
 * Browsers that logged in with a token: the cookie's sha256, and that of the token, which is looked up at every request,
 * so that a session ends with its token. Deleted at logout and once they have expired; the journal knows of both.
 */
export const webSessions = pgTable(
  'web_sessions',
  {
    id: uuid('id').primaryKey(),
    cookieHash: text('cookie_hash').notNull(),
    tokenHash: text('token_hash').notNull(),
    openedFrom: inet('opened_from'),
    createdAt: instant('created_at')
      .notNull()
      .default(sql`clock_timestamp()`),
    expiresAt: instant('expires_at').notNull(),
  },
  (t) => [
    uniqueIndex('web_session_is_unique').on(t.cookieHash),
    check('web_session_hashes_are_sha256', sql`length(${t.cookieHash}) = 64 and length(${t.tokenHash}) = 64`),
    check('web_session_ends_after_it_began', sql`${t.expiresAt} > ${t.createdAt}`),
  ],
);

/**
 * Addresses that a charting service posts its alerts to: only the sha256 of the secret part is kept. Each is bound to a
 * strategy, instruments and a size; the account's limits stand behind it as behind every order.
 */
export const signalHooks = pgTable(
  'signal_hooks',
  {
    accountId: accountId().references(() => accounts.id),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    tokenHash: text('token_hash').notNull(),
    strategyId: text('strategy_id').notNull(),
    /** "NSE:INFY"; no other instrument is ordered. */
    instruments: text('instruments').array().notNull(),
    /** Units of one order, and of a position that is aimed at. */
    maxQuantity: integer('max_quantity').notNull(),
    /** An alert older than this is refused, milliseconds. */
    maxAgeMs: integer('max_age_ms').notNull(),
    /** Alerts that needed no order, until they are stale: the same one again orders nothing either. */
    settled: jsonb('settled').$type<readonly SettledSignal[]>().notNull().default([]),
    createdAt: instant('created_at').notNull(),
    revokedAt: instant('revoked_at'),
  },
  (t) => [
    primaryKey({ name: 'signal_hooks_pk', columns: [t.accountId, t.id] }),
    uniqueIndex('signal_hook_is_unique').on(t.tokenHash),
    check('signal_hook_is_bounded', sql`${t.maxQuantity} > 0 and ${t.maxAgeMs} > 0`),
    check('signal_hook_names_instruments', sql`cardinality(${t.instruments}) > 0`),
    foreignKey({
      name: 'signal_hook_strategy',
      columns: [t.accountId, t.strategyId],
      foreignColumns: [strategies.accountId, strategies.id],
    }),
  ],
);

export const killSwitchEvents = pgTable(
  'kill_switch_events',
  {
    accountId: accountId().references(() => accounts.id),
    id: uuid('id').notNull(),
    haltId: uuid('halt_id'),
    scope: text('scope').$type<'account' | 'strategy'>().notNull(),
    strategyId: text('strategy_id'),
    fromState: text('from_state').$type<TradingState>().notNull(),
    toState: text('to_state').$type<TradingState>().notNull(),
    reason: text('reason').notNull(),
    actor: text('actor').notNull(),
    details: jsonb('details').$type<Record<string, unknown>>().notNull().default({}),
    at: instant('at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'kill_switch_events_pk', columns: [t.accountId, t.id] }),
    index('kill_switch_events_by_time').on(t.accountId, t.at.desc().nullsFirst()),
  ],
);
