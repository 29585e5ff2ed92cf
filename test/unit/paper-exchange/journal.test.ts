import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal, JournalError, readBooks } from '../../../src/paper-exchange/journal.ts';
import { RESTING_BUY, Venue } from './venue.ts';

let folder = '';
let file = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'paper-journal-'));
  file = join(folder, 'books.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(): Venue {
  const { journal, books } = Journal.open(file);
  return new Venue({ journal, books });
}

function stateOf(venue: Venue): unknown {
  return {
    orders: [...venue.account.orders.values()],
    trades: venue.account.trades,
    positions: [...venue.account.positions.values()],
    available: venue.account.funds(venue.exchange.market).available,
    charges: venue.account.funds(venue.exchange.market).charges.toString(),
  };
}

function busy(venue: Venue): void {
  const order = venue.place({ ...RESTING_BUY, tag: 'first' });
  venue.modify(order, { price: 2445 });
  venue.place({ ...RESTING_BUY, price: 2460 });
  venue.place({ ...RESTING_BUY, order_type: 'SL', price: 2490, trigger_price: 2480 });
  venue.pass(500);
  venue.cancel(venue.place(RESTING_BUY));
  venue.exchange.setHoldings(venue.account, [{ token: 738_561, quantity: 3, averagePrice: 200_000 }]);
}

describe('the journal', () => {
  it('gives back orders with histories, trades, positions and money after a kill', () => {
    const before = open();
    busy(before);
    const after = open();
    expect(stateOf(after)).toEqual(stateOf(before));
    expect(after.account.holdings.get(738_561)?.quantity).toBe(3);
  });

  it('lets live orders fill and stops trigger after a restart', () => {
    busy(open());
    const after = open();
    after.pass(1000);
    after.price('2480');
    after.pass(500);
    after.price('2440');
    expect([...after.account.orders.values()].map((order) => order.status)).toEqual([
      'COMPLETE',
      'COMPLETE',
      'COMPLETE',
      'CANCELLED',
    ]);
  });

  it('never hands out an id twice', () => {
    const before = open();
    busy(before);
    const after = open();
    const used = new Set([...before.account.orders.keys()]);
    const order = after.place(RESTING_BUY);
    expect(used.has(order.id)).toBe(false);
    const exchangeIds = [...after.account.orders.values()].map((o) => o.exchangeOrderId);
    expect(new Set(exchangeIds).size).toBe(exchangeIds.length);
  });

  it('ignores a last line that was cut, wherever it was cut', () => {
    const venue = open();
    venue.place(RESTING_BUY);
    const whole = statSync(file).size;
    const kept = stateOf(venue);
    venue.place({ ...RESTING_BUY, price: 2441 });
    const end = statSync(file).size;
    for (const size of [end - 1, Math.floor((whole + end) / 2), whole + 1]) {
      truncateSync(file, size);
      const books = readBooks(file);
      expect(books.orders.size).toBe(1);
    }
    expect(stateOf(open())).toEqual(kept);
  });

  it('refuses a file that is broken in the middle, naming the line', () => {
    open().place(RESTING_BUY);
    appendFileSync(file, 'nonsense\n[]\n');
    expect(() => Journal.open(file)).toThrow(JournalError);
    expect(() => Journal.open(file)).toThrow('is not JSON');
  });

  it('appends a line for a placement instead of writing the books again', () => {
    const venue = open();
    for (let i = 0; i < 50; i += 1) venue.place({ ...RESTING_BUY, quantity: 1 });
    const before = statSync(file).size;
    venue.place({ ...RESTING_BUY, quantity: 1 });
    expect(statSync(file).size - before).toBeLessThan(4000);
  });

  it('holds the order before the call that placed it returns', () => {
    const venue = open();
    const order = venue.place(RESTING_BUY);
    expect(readFileSync(file, 'utf8')).toContain(order.id);
  });

  it('shrinks to the present state when it is opened', () => {
    const venue = open();
    const order = venue.place(RESTING_BUY);
    for (let i = 1; i <= 25; i += 1) venue.modify(order, { price: 2440 - i });
    const grown = statSync(file).size;
    open();
    expect(statSync(file).size).toBeLessThan(grown);
  });

  it('forgets everything on reset', () => {
    const venue = open();
    busy(venue);
    venue.exchange.reset();
    expect(readBooks(file)).toEqual({ users: new Map(), orders: new Map(), trades: [], gtts: new Map() });
  });

  it('keeps prices beside the books', () => {
    const { journal } = Journal.open(file);
    expect(journal.loadPrices()).toBeNull();
    const prices = { 'NSE:RELIANCE': { last: 1, open: 2, high: 3, low: 4, close: 5 } };
    journal.savePrices(prices);
    expect(journal.loadPrices()).toEqual(prices);
  });
});
