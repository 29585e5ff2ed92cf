import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BrokerError } from '../../../src/broker/errors.ts';
import type { BrokerPort, BrokerQuote } from '../../../src/broker/port.ts';
import type { Instrument } from '../../../src/domain/instrument.ts';
import { instrumentKey } from '../../../src/domain/instrument.ts';
import { type Decimal, decimal } from '../../../src/domain/money.ts';
import { createPriceReader, storePrices } from '../../../src/market-data/prices.ts';
import { RELIANCE } from '../risk/fixtures.ts';
import { deferred, fakeBroker, fakeDatabase, fakeLog, quote } from './fakes.ts';

const MAX_AGE_MS = 5000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const stock = (id: number): Instrument => ({ ...RELIANCE, id, symbol: `S${id}` });
const INFY = stock(1);
const SBIN = stock(2);

interface StoredPrice {
  readonly instrument_id: number;
  readonly price: string;
  readonly age_ms: number;
}

/** A reader over a fake broker, whose clock is that of the fake timers. */
function reader(
  given: {
    readonly stored?: () => readonly StoredPrice[];
    readonly broker?: Partial<BrokerPort>;
    /** The stored prices were pushed a moment ago. */
    readonly held?: boolean;
    readonly pushedOnly?: boolean;
  } = {},
) {
  const calls: { readonly atMs: number; readonly keys: readonly string[] }[] = [];
  const startMs = Date.now();
  let quotes = (
    keys: readonly string[],
  ): ReadonlyMap<string, BrokerQuote> | Promise<ReadonlyMap<string, BrokerQuote>> =>
    new Map(keys.map((key) => [key, quote('100.05')]));
  const getQuotes: BrokerPort['getQuotes'] = async (keys) => {
    calls.push({ atMs: Date.now() - startMs, keys });
    return quotes(keys);
  };
  const { db, queries } = fakeDatabase({
    sauda_store_prices: () => (given.held === true ? (given.stored?.() ?? []) : []),
    sauda_last_prices: () =>
      (given.stored?.() ?? []).map((row) => ({
        best_bid: null,
        best_offer: null,
        lower_circuit: null,
        upper_circuit: null,
        previous_close: null,
        ...row,
      })),
  });
  const { log, warnings } = fakeLog();
  const prices = createPriceReader({
    db,
    broker: fakeBroker({ getQuotes, ...given.broker }),
    maxAgeMs: MAX_AGE_MS,
    pushedOnly: given.pushedOnly ?? false,
    monotonicMs: () => Date.now() - startMs,
    log,
  });
  const answer = (next: typeof quotes) => (quotes = next);
  const last = (id: number) => prices.peek(id)?.last.toFixed() ?? null;
  return { prices, calls, warnings, queries, answer, last };
}

const failing = (): never => {
  throw new Error('the broker is down');
};

describe('a price', () => {
  it('is unknown until it was read, and never zero', () => {
    expect(reader().prices.peek(INFY.id)).toBeNull();
  });

  it('comes from the broker when nothing is stored, and is stored', async () => {
    const { prices, calls, queries } = reader();
    await prices.refresh([INFY]);
    expect(prices.peek(INFY.id)).toMatchObject({ ageMs: 0, fresh: true, bestBid: null });
    expect(prices.peek(INFY.id)?.last.toFixed()).toBe('100.05');
    expect(calls.map((call) => call.keys)).toEqual([['NSE:S1']]);
    const stored = queries.find((query) => query.name === 'sauda_store_prices');
    expect(JSON.parse(String(stored?.values[0]))).toMatchObject([{ instrument_id: 1, price: '100.05' }]);
  });

  it('comes from the table alone while that is young enough', async () => {
    const { prices, calls, last } = reader({
      stored: () => [{ instrument_id: 1, price: '99.5', age_ms: 4999 }],
    });
    await prices.refresh([INFY]);
    expect(last(INFY.id)).toBe('99.5');
    expect(calls).toEqual([]);
  });

  it('comes from the broker when the table is too old, and is not replaced by the table again', async () => {
    const { prices, calls, last } = reader({
      stored: () => [{ instrument_id: 1, price: '99.5', age_ms: 5001 }],
    });
    await prices.refresh([INFY]);
    expect(calls).toHaveLength(1);
    expect(last(INFY.id)).toBe('100.05');
    await vi.advanceTimersByTimeAsync(MAX_AGE_MS + 1);
    await prices.refresh([INFY]);
    expect(last(INFY.id)).toBe('100.05');
  });

  it('is read from nowhere while it is fresh', async () => {
    const { prices, queries } = reader();
    await prices.refresh([INFY]);
    const before = queries.length;
    await vi.advanceTimersByTimeAsync(MAX_AGE_MS);
    await prices.refresh([INFY]);
    expect(queries).toHaveLength(before);
  });

  it('grows old by the monotonic clock: fresh to the last millisecond, and known after it', async () => {
    const { prices } = reader();
    await prices.refresh([INFY]);
    await vi.advanceTimersByTimeAsync(MAX_AGE_MS);
    expect(prices.peek(INFY.id)).toMatchObject({ ageMs: MAX_AGE_MS, fresh: true });
    await vi.advanceTimersByTimeAsync(1);
    expect(prices.peek(INFY.id)).toMatchObject({ ageMs: MAX_AGE_MS + 1, fresh: false });
  });

  it('of the table keeps the age it had there', async () => {
    const { prices } = reader({ stored: () => [{ instrument_id: 1, price: '99.5', age_ms: 3000 }] });
    await prices.refresh([INFY]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(prices.peek(INFY.id)?.ageMs).toBe(4000);
  });

  it('is as old as the question, not as the answer', async () => {
    const slow = deferred<ReadonlyMap<string, BrokerQuote>>();
    const { prices, answer } = reader();
    answer(() => slow.promise);
    const refreshed = prices.refresh([INFY]);
    await vi.advanceTimersByTimeAsync(800);
    slow.resolve(new Map([[instrumentKey(INFY), quote('100')]]));
    await refreshed;
    expect(prices.peek(INFY.id)?.ageMs).toBe(800);
  });

  it('that the broker does not know, or quotes at zero, stays unknown and is not stored', async () => {
    const { prices, answer, queries, last } = reader();
    answer(
      () =>
        new Map([
          [instrumentKey(SBIN), quote('0')],
          [instrumentKey(stock(3)), quote('7')],
        ]),
    );
    await prices.refresh([INFY, SBIN, stock(3)]);
    expect([last(1), last(2), last(3)]).toEqual([null, null, '7']);
    const stored = queries.filter((query) => query.name === 'sauda_store_prices');
    expect(JSON.parse(String(stored[0]?.values[0]))).toMatchObject([{ instrument_id: 3 }]);
  });

  it('knows the price before it, unless that was a minute ago', async () => {
    const { prices, answer } = reader();
    const quoted = async (last: string, afterMs: number) => {
      await vi.advanceTimersByTimeAsync(afterMs);
      answer((keys) => new Map(keys.map((key) => [key, quote(last)])));
      const pulled = prices.pull([INFY]);
      await vi.advanceTimersByTimeAsync(1000);
      await pulled;
      return prices.peek(INFY.id)?.previous?.toFixed() ?? null;
    };
    expect(await quoted('100', 0)).toBeNull();
    expect(await quoted('110', 5000)).toBe('100');
    expect(await quoted('110', 5000)).toBe('110');
    expect(await quoted('120', 61_000)).toBeNull();
  });

  it('comes with quotes and circuits where the broker has them', async () => {
    const { prices, answer } = reader();
    const full = quote('100', {
      bestBid: decimal('99.95'),
      bestOffer: decimal('100.05'),
      lowerCircuit: decimal(90),
      upperCircuit: decimal(110),
    });
    answer((keys) => new Map(keys.map((key) => [key, full])));
    await prices.refresh([INFY]);
    const plain = (value: Decimal | null | undefined) => value?.toFixed();
    const seen = prices.peek(INFY.id);
    expect([seen?.bestBid, seen?.bestOffer, seen?.lowerCircuit, seen?.upperCircuit].map(plain)).toEqual([
      '99.95',
      '100.05',
      '90',
      '110',
    ]);
  });
});

describe('the calls to the broker', () => {
  it('are one for everything that waits', async () => {
    const { prices, calls } = reader();
    await Promise.all([
      prices.refresh([INFY]),
      prices.refresh([SBIN, stock(3)]),
      prices.refresh([INFY, stock(4)]),
    ]);
    expect(calls.map((call) => [...call.keys].sort())).toEqual([['NSE:S1', 'NSE:S2', 'NSE:S3', 'NSE:S4']]);
  });

  it('are a second apart; what comes meanwhile shares the next one', async () => {
    const { prices, calls } = reader();
    await prices.refresh([INFY]);
    await vi.advanceTimersByTimeAsync(300);
    const waiting = [2, 3, 4].map((id) => prices.refresh([stock(id)]));
    await vi.advanceTimersByTimeAsync(699);
    expect(calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    await Promise.all(waiting);
    expect(calls.map((call) => call.atMs)).toEqual([0, 1000]);
    expect(calls[1]?.keys).toEqual(['NSE:S2', 'NSE:S3', 'NSE:S4']);
  });

  it('do not wait when the last was long ago', async () => {
    const { prices, calls } = reader();
    await prices.refresh([INFY]);
    await vi.advanceTimersByTimeAsync(2500);
    await prices.refresh([SBIN]);
    expect(calls.map((call) => call.atMs)).toEqual([0, 2500]);
  });

  it('are at most one a second under any load', async () => {
    const { prices, calls } = reader();
    const all: Promise<void>[] = [];
    for (let ms = 0; ms < 5000; ms += 100) {
      all.push(prices.refresh([stock(1 + ms)]), prices.pull([stock(100_000 + ms)]));
      await vi.advanceTimersByTimeAsync(100);
    }
    await vi.advanceTimersByTimeAsync(120_000);
    await Promise.all(all);
    calls.slice(1).forEach((call, index) => {
      expect(call.atMs - calls[index]!.atMs).toBeGreaterThanOrEqual(1000);
    });
    expect(new Set(calls.flatMap((call) => call.keys)).size).toBe(100);
  });

  it('are shared by the beat that pulls and those who wait for a price', async () => {
    const { prices, calls } = reader();
    await prices.refresh([INFY]);
    const both = [prices.pull([INFY, SBIN]), prices.refresh([stock(3)])];
    await vi.advanceTimersByTimeAsync(1000);
    await Promise.all(both);
    expect(calls.map((call) => call.keys)).toEqual([['NSE:S1'], ['NSE:S1', 'NSE:S2', 'NSE:S3']]);
  });

  it('hold 500 instruments each, a second apart', async () => {
    const { prices, calls, last } = reader();
    const many = Array.from({ length: 1201 }, (_, index) => stock(index + 1));
    const refreshed = prices.refresh(many);
    await vi.advanceTimersByTimeAsync(2000);
    await refreshed;
    expect(calls.map((call) => [call.atMs, call.keys.length])).toEqual([
      [0, 500],
      [1000, 500],
      [2000, 201],
    ]);
    expect(last(1201)).toBe('100.05');
  });

  it('are not made for nothing', async () => {
    const { prices, queries, calls } = reader();
    await prices.refresh([]);
    await prices.pull([]);
    expect([queries, calls]).toEqual([[], []]);
  });
});

describe('a read that fails', () => {
  const down = { getQuotes: failing, getLastPrices: failing };

  it('leaves the price unknown, is told, and troubles nobody who waits', async () => {
    const { prices, warnings } = reader({ broker: down });
    await expect(Promise.all([prices.refresh([INFY]), prices.refresh([SBIN])])).resolves.toBeDefined();
    expect(prices.peek(INFY.id)).toBeNull();
    expect(warnings).toHaveLength(1);
  });

  it('is tried again with the next question, a second later at the earliest', async () => {
    let up = false;
    const asked: number[] = [];
    const startMs = Date.now();
    const { prices, last } = reader({
      broker: {
        getQuotes: async (keys) => {
          asked.push(Date.now() - startMs);
          return up ? new Map(keys.map((key) => [key, quote('100')])) : failing();
        },
        getLastPrices: failing,
      },
    });
    await prices.refresh([INFY]);
    up = true;
    const again = prices.refresh([INFY]);
    await vi.advanceTimersByTimeAsync(1000);
    await again;
    expect(asked).toEqual([0, 1000]);
    expect(last(INFY.id)).toBe('100');
  });

  it('keeps an old price, which stays old', async () => {
    const { prices, answer, last } = reader({ broker: { getLastPrices: failing } });
    await prices.refresh([INFY]);
    answer(failing);
    await vi.advanceTimersByTimeAsync(MAX_AGE_MS + 1);
    await prices.refresh([INFY]);
    expect(last(INFY.id)).toBe('100.05');
    expect(prices.peek(INFY.id)?.fresh).toBe(false);
  });

  it('of full quotes falls back to last prices', async () => {
    const getLastPrices: BrokerPort['getLastPrices'] = async (keys) =>
      new Map(keys.map((key) => [key, decimal('42')]));
    const { prices, warnings } = reader({ broker: { getQuotes: failing, getLastPrices } });
    await prices.refresh([INFY]);
    expect(prices.peek(INFY.id)).toMatchObject({ bestBid: null, upperCircuit: null, fresh: true });
    expect(prices.peek(INFY.id)?.last.toFixed()).toBe('42');
    expect(warnings).toEqual([]);
  });

  it('of full quotes for too many calls makes no other call', async () => {
    let asked = 0;
    const getQuotes: BrokerPort['getQuotes'] = () =>
      Promise.reject(
        new BrokerError('RATE_LIMITED', 'Too many requests', { retryable: true, certainlyNotDone: true }),
      );
    const getLastPrices: BrokerPort['getLastPrices'] = async () => {
      asked += 1;
      return new Map();
    };
    const { prices, warnings } = reader({ broker: { getQuotes, getLastPrices } });
    await prices.refresh([INFY]);
    expect(asked).toBe(0);
    expect(warnings).toHaveLength(1);
  });

  it('of the table asks the broker', async () => {
    const { prices, last, warnings } = reader({ stored: failing });
    await prices.refresh([INFY]);
    expect(last(INFY.id)).toBe('100.05');
    expect(warnings).toHaveLength(1);
  });

  it('is told to the beat that pulls', async () => {
    await expect(reader({ broker: down }).prices.pull([INFY])).rejects.toThrow('the broker is down');
  });
});

describe('a pushed price', () => {
  const pushed = { stored: () => [{ instrument_id: 1, price: '90', age_ms: 1200 }], held: true };

  it('stands against what the broker says, with its own age', async () => {
    const { prices, last } = reader(pushed);
    await prices.pull([INFY, SBIN]);
    expect(last(INFY.id)).toBe('90');
    expect(prices.peek(INFY.id)).toMatchObject({ ageMs: 1200 });
    expect(last(SBIN.id)).toBe('100.05');
  });

  it('is found in the table at once when what was seen before is forgotten', async () => {
    const { prices, calls, last } = reader({ stored: pushed.stored });
    await prices.pull([INFY]);
    expect(last(INFY.id)).toBe('100.05');
    prices.forget([INFY.id]);
    expect(prices.peek(INFY.id)).toBeNull();
    await prices.refresh([INFY]);
    expect(last(INFY.id)).toBe('90');
    expect(calls).toHaveLength(1);
  });

  it('is seen as a jump from the price that was forgotten for it, though not from one it stood against', async () => {
    const { prices, last } = reader({ stored: pushed.stored });
    await prices.pull([INFY]);
    prices.forget([INFY.id]);
    await prices.refresh([INFY]);
    expect(last(INFY.id)).toBe('90');
    expect(prices.peek(INFY.id)?.previous?.toFixed()).toBe('100.05');
    const standing = reader(pushed);
    await standing.prices.pull([INFY]);
    expect(standing.last(INFY.id)).toBe('90');
    expect(standing.prices.peek(INFY.id)?.previous ?? null).toBeNull();
  });

  it('is the only kind there is with PRICE_SOURCE=push: the broker is never asked', async () => {
    const { prices, calls, last } = reader({ stored: pushed.stored, pushedOnly: true });
    await prices.pull([INFY]);
    await prices.refresh([INFY, SBIN]);
    expect(calls).toEqual([]);
    expect([last(INFY.id), last(SBIN.id)]).toEqual(['90', null]);
  });
});

describe('storePrices', () => {
  it('says nothing to the database when there is nothing to store', async () => {
    const { db, queries } = fakeDatabase();
    await storePrices(db, [], 'PUSH');
    expect(queries).toEqual([]);
  });

  it('names where the prices came from', async () => {
    const { db, queries } = fakeDatabase();
    await storePrices(db, [{ instrument_id: 1, price: '1' }], 'PUSH');
    expect(queries[0]?.values).toEqual(['[{"instrument_id":1,"price":"1"}]', 'PUSH', 0]);
  });
});
