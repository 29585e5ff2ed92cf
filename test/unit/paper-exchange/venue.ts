import { expect } from 'vitest';
import type { Account } from '../../../src/paper-exchange/account.ts';
import { PaperExchange } from '../../../src/paper-exchange/exchange.ts';
import { listInstruments } from '../../../src/paper-exchange/instruments.ts';
import type { Journal, SavedBooks } from '../../../src/paper-exchange/journal.ts';
import type { KiteError } from '../../../src/paper-exchange/kite-error.ts';
import { Market } from '../../../src/paper-exchange/market.ts';
import type { Order, Status } from '../../../src/paper-exchange/order.ts';
import { parsePlacement } from '../../../src/paper-exchange/order-form.ts';
import { parsePaise } from '../../../src/paper-exchange/paise.ts';
import { mulberry32 } from '../../../src/paper-exchange/prng.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../../src/paper-exchange/settings.ts';

export type Fields = Record<string, string | number>;

/** A buy of ten RELIANCE, intraday, at 2440.00: below the market, so it rests. */
export const RESTING_BUY: Fields = {
  exchange: 'NSE',
  tradingsymbol: 'RELIANCE',
  transaction_type: 'BUY',
  order_type: 'LIMIT',
  product: 'MIS',
  quantity: 10,
  price: '2440',
  validity: 'DAY',
};

/** Thursday 2026-11-19, 10:00 IST. */
export const START_MS = Date.UTC(2026, 10, 19, 4, 30);

export interface VenueOptions {
  readonly settings?: Partial<Settings>;
  readonly openingFunds?: number;
  readonly journal?: Journal;
  readonly books?: SavedBooks;
}

/** An exchange without sockets or timers: the test moves the clock and the prices. Every try fills unless told otherwise. */
export class Venue {
  readonly exchange: PaperExchange;
  readonly account: Account;
  readonly updates: { readonly id: string; readonly status: Status | 'UPDATE' }[] = [];
  settings: Settings;
  nowMs = START_MS;

  constructor(options: VenueOptions = {}) {
    this.settings = {
      ...DEFAULT_SETTINGS,
      fillProbability: 1,
      partialFillChance: 0,
      slippagePct: 0,
      ...options.settings,
    };
    this.exchange = new PaperExchange(
      {
        market: new Market(listInstruments(this.nowMs), mulberry32(1), this.nowMs),
        random: mulberry32(7),
        openingFunds: options.openingFunds ?? 10_000_000,
        journal: options.journal ?? null,
        nowMs: () => this.nowMs,
        settings: () => this.settings,
      },
      options.books ?? null,
    );
    this.exchange.onOrder = (order, status) => this.updates.push({ id: order.id, status });
    this.account = this.exchange.account('PAPER')!;
  }

  /** Places an order that must be accepted. */
  place(fields: Fields, variety = 'regular'): Order {
    const placed = this.tryPlace(fields, variety);
    if (typeof placed !== 'string') throw new Error(`refused: ${placed.message}`);
    return this.account.orders.get(placed)!;
  }

  /** The refusal of an order that must not be accepted. */
  refusal(fields: Fields, variety = 'regular'): KiteError {
    const placed = this.tryPlace(fields, variety);
    if (typeof placed === 'string') throw new Error(`accepted as ${placed}`);
    return placed;
  }

  private tryPlace(fields: Fields, variety: string): string | KiteError {
    const request = parsePlacement(variety, formOf(fields), this.exchange.market);
    if (!request.ok) return request.error;
    const placed = this.exchange.place(this.account, request.value);
    return placed.ok ? placed.value : placed.error;
  }

  modify(order: Order, fields: Fields, variety = 'regular'): KiteError | null {
    const result = this.exchange.modify(this.account, variety, order.id, formOf(fields));
    return result.ok ? null : result.error;
  }

  cancel(order: Order, variety = 'regular'): KiteError | null {
    const result = this.exchange.cancel(this.account, variety, order.id);
    return result.ok ? null : result.error;
  }

  /** Sets RELIANCE's last price and runs one tick. */
  price(rupees: string, key = 'NSE:RELIANCE'): void {
    const quote = this.exchange.market.find(key)!;
    const paise = parsePaise(rupees);
    expect(typeof paise).toBe('number');
    this.exchange.market.set(quote, paise as number, this.nowMs);
    this.exchange.runTick(new Set([quote.instrument.token]));
  }

  /** Lets `ms` pass without a tick. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.exchange.runTimed();
  }

  tick(): void {
    this.exchange.runTick(null);
  }

  statuses(order: Order): Status[] {
    return order.rows.map((row) => row.status);
  }

  fillPrices(order: Order): number[] {
    return this.account.trades.filter((t) => t.orderId === order.id).map((t) => t.price / 100);
  }
}

export function formOf(fields: Fields): Map<string, string> {
  return new Map(Object.entries(fields).map(([name, value]) => [name, String(value)]));
}
