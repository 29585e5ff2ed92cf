import { sql } from 'drizzle-orm';
import {
  check,
  date,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uuid,
} from 'drizzle-orm/pg-core';
import type { ManagedBy } from '../../domain/account.ts';
import type { Exchange, Product } from '../../domain/instrument.ts';
import { strategies } from './accounts.ts';
import { accountId, instant, money } from './columns.ts';

const keyColumns = () => ({
  accountId: accountId(),
  instrumentId: integer('instrument_id').notNull(),
  product: text('product').$type<Product>().notNull(),
  managedBy: text('managed_by').$type<ManagedBy>().notNull(),
});

const cycleColumns = () => ({
  status: text('status').$type<'OPEN' | 'CLOSED'>().notNull(),
  quantity: integer('quantity').notNull(),
  openValue: money('open_value').notNull(),
  buyQuantity: integer('buy_quantity').notNull(),
  buyValue: money('buy_value').notNull(),
  sellQuantity: integer('sell_quantity').notNull(),
  sellValue: money('sell_value').notNull(),
  realizedPnl: money('realized_pnl').notNull(),
  charges: money('charges').notNull(),
  highestPrice: money('highest_price').notNull(),
  lowestPrice: money('lowest_price').notNull(),
  multiplier: money('multiplier').notNull(),
  openedAt: instant('opened_at').notNull(),
  closedAt: instant('closed_at'),
  lastEntryAt: instant('last_entry_at').notNull(),
  lastTradeId: text('last_trade_id').notNull(),
});

/** One row per open-to-close cycle of a key: the fold of its entries (domain/position.ts). */
export const positions = pgTable(
  'positions',
  {
    ...keyColumns(),
    cycle: integer('cycle').notNull(),
    exchange: text('exchange').$type<Exchange>().notNull(),
    symbol: text('symbol').notNull(),
    ...cycleColumns(),
    stopLoss: money('stop_loss'),
    overnightQuantity: integer('overnight_quantity').notNull().default(0),
    previousClose: money('previous_close'),
    updatedAt: instant('updated_at').notNull(),
  },
  (t) => [
    primaryKey({
      name: 'positions_pk',
      columns: [t.accountId, t.instrumentId, t.product, t.managedBy, t.cycle],
    }),
    check('open_means_not_flat', sql`(${t.status} = 'OPEN') = (${t.quantity} <> 0)`),
    check('closed_positions_have_an_end', sql`(${t.status} = 'CLOSED') = (${t.closedAt} is not null)`),
    check('quantity_is_bought_less_sold', sql`${t.quantity} = ${t.buyQuantity} - ${t.sellQuantity}`),
    check('flat_holds_no_value', sql`${t.quantity} <> 0 or ${t.openValue} = 0`),
    check(
      'closed_pnl_is_sold_less_bought',
      sql`${t.quantity} <> 0 or ${t.realizedPnl} = ${t.sellValue} - ${t.buyValue}`,
    ),
  ],
);

/** What a position is the sum of; a trade has exactly one entry. */
export const positionEntries = pgTable(
  'position_entries',
  {
    ...keyColumns(),
    id: uuid('id').notNull(),
    kind: text('kind')
      .$type<
        | 'TRADE'
        | 'OPENING'
        | 'CONVERSION'
        | 'EXPIRY'
        | 'EXERCISE'
        | 'CORPORATE_ACTION'
        | 'TRANSFER'
        | 'CORRECTION'
        | 'ADJUSTMENT'
      >()
      .notNull(),
    strategyId: text('strategy_id'),
    quantity: integer('quantity').notNull(),
    price: money('price').notNull(),
    multiplier: money('multiplier').notNull(),
    cash: money('cash').notNull(),
    charges: money('charges').notNull(),
    tradedAt: instant('traded_at').notNull(),
    tradeId: text('trade_id').notNull(),
    evidence: jsonb('evidence').$type<Readonly<Record<string, unknown>>>().notNull(),
    counterpart: text('counterpart'),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'position_entries_pk', columns: [t.accountId, t.id] }),
    index('position_entries_in_order').on(t.accountId, t.instrumentId, t.product, t.managedBy, t.tradedAt),
    check('entry_is_not_empty', sql`${t.quantity} <> 0`),
    check(
      'entry_cash_is_minus_value',
      sql`${t.kind} <> 'TRADE' or abs(${t.cash} + ${t.quantity} * ${t.price} * ${t.multiplier}) < 0.0001`,
    ),
  ],
);

/** One row per key, cycle and trading day: the day's realized P&L and charges, and how it began. */
export const positionDays = pgTable(
  'position_days',
  {
    ...keyColumns(),
    cycle: integer('cycle').notNull(),
    day: date('day', { mode: 'string' }).notNull(),
    openingQuantity: integer('opening_quantity').notNull(),
    previousClose: money('previous_close'),
    realizedPnl: money('realized_pnl').notNull(),
    charges: money('charges').notNull(),
  },
  (t) => [
    primaryKey({
      name: 'position_days_pk',
      columns: [t.accountId, t.instrumentId, t.product, t.managedBy, t.cycle, t.day],
    }),
  ],
);

/** Price-driven values: written in batches without the account lock, never journaled (protocol.md). */
export const positionMarks = pgTable(
  'position_marks',
  {
    ...keyColumns(),
    cycle: integer('cycle').notNull(),
    lastPrice: money('last_price').notNull(),
    lastPriceAt: instant('last_price_at').notNull(),
    unrealizedPnl: money('unrealized_pnl').notNull(),
    highestPrice: money('highest_price').notNull(),
    lowestPrice: money('lowest_price').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (t) => [
    primaryKey({
      name: 'position_marks_pk',
      columns: [t.accountId, t.instrumentId, t.product, t.managedBy, t.cycle],
    }),
  ],
);

/** A strategy's own position: the fold of its own trades; external trades belong to none. */
export const strategyPositions = pgTable(
  'strategy_positions',
  {
    accountId: accountId(),
    strategyId: text('strategy_id').notNull(),
    instrumentId: integer('instrument_id').notNull(),
    product: text('product').$type<Product>().notNull(),
    cycle: integer('cycle').notNull(),
    ...cycleColumns(),
    updatedAt: instant('updated_at').notNull(),
  },
  (t) => [
    primaryKey({
      name: 'strategy_positions_pk',
      columns: [t.accountId, t.strategyId, t.instrumentId, t.product, t.cycle],
    }),
    foreignKey({
      name: 'strategy_positions_strategy',
      columns: [t.accountId, t.strategyId],
      foreignColumns: [strategies.accountId, strategies.id],
    }),
  ],
);

export const holdings = pgTable(
  'holdings',
  {
    accountId: accountId(),
    instrumentId: integer('instrument_id').notNull(),
    quantity: integer('quantity').notNull(),
    t1Quantity: integer('t1_quantity').notNull(),
    averagePrice: money('average_price').notNull(),
    readAt: instant('read_at').notNull(),
  },
  (t) => [primaryKey({ name: 'holdings_pk', columns: [t.accountId, t.instrumentId] })],
);
