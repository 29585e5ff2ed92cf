import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  date,
  index,
  integer,
  pgTable,
  serial,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type { Exchange, InstrumentType } from '../../domain/instrument.ts';
import { instant, money } from './columns.ts';

export const instruments = pgTable(
  'instruments',
  {
    id: serial('id').primaryKey(),
    exchange: text('exchange').$type<Exchange>().notNull(),
    symbol: text('symbol').notNull(),
    name: text('name').notNull(),
    instrumentToken: integer('instrument_token').notNull(),
    exchangeToken: integer('exchange_token').notNull(),
    isin: text('isin'),
    instrumentType: text('instrument_type').$type<InstrumentType>().notNull(),
    segment: text('segment').notNull(),
    tickSize: money('tick_size').notNull(),
    lotSize: integer('lot_size').notNull(),
    expiry: date('expiry', { mode: 'string' }),
    strike: money('strike'),
    underlying: text('underlying'),
    settlement: text('settlement').$type<'CASH' | 'PHYSICAL'>(),
    quantityUnit: text('quantity_unit').$type<'UNITS' | 'LOTS'>().notNull().default('UNITS'),
    multiplier: money('multiplier'),
    freezeQuantity: integer('freeze_quantity'),
    /** The trading day whose broker file last listed it. */
    listedOn: date('listed_on', { mode: 'string' }).notNull(),
    active: boolean('active').notNull().default(true),
    updatedAt: instant('updated_at')
      .notNull()
      .default(sql`clock_timestamp()`),
  },
  (t) => [
    uniqueIndex('symbol_is_unique_in_its_exchange').on(t.exchange, t.symbol),
    index('instruments_by_day').on(t.listedOn),
    check('tick_is_positive', sql`${t.tickSize} > 0 and ${t.tickSize} < 'Infinity'`),
    check('lot_is_positive', sql`${t.lotSize} > 0`),
  ],
);

/** Unlogged: empty after a crash of Postgres. No row means the price is unknown, never zero. */
export const lastPrices = pgTable(
  'last_prices',
  {
    instrumentId: integer('instrument_id').primaryKey(),
    price: money('price').notNull(),
    bestBid: money('best_bid'),
    bestOffer: money('best_offer'),
    lowerCircuit: money('lower_circuit'),
    upperCircuit: money('upper_circuit'),
    previousClose: money('previous_close'),
    source: text('source').$type<'BROKER' | 'PUSH'>().notNull(),
    at: instant('at').notNull(),
  },
  (t) => [check('last_price_is_positive', sql`${t.price} > 0 and ${t.price} < 'Infinity'`)],
);
