import { describe, expect, it } from 'vitest';
import { RateCounters } from '../../../src/paper-exchange/rate-limits.ts';
import { DEFAULT_SETTINGS, patchSettings } from '../../../src/paper-exchange/settings.ts';
import { type Fields, RESTING_BUY, START_MS, Venue } from './venue.ts';

const FUTURE = {
  ...RESTING_BUY,
  exchange: 'NFO',
  tradingsymbol: 'NIFTY26NOVFUT',
  product: 'NRML',
  price: 24500,
};

const REFUSED: readonly (readonly [string, Fields, string])[] = [
  ['a market order without protection', { order_type: 'MARKET' }, 'Market orders without market protection'],
  [
    'a market order with protection 0',
    { order_type: 'MARKET', market_protection: 0 },
    'without market protection',
  ],
  ['an SL-M without protection', { order_type: 'SL-M', trigger_price: 2480 }, 'without market protection'],
  ['protection over 100', { order_type: 'MARKET', market_protection: 101 }, '`market_protection`'],
  ['a tag of 21 characters', { tag: 'a'.repeat(21) }, 'at most 20 characters'],
  ['a tag that is not alphanumeric', { tag: 'a-b' }, 'alphanumeric'],
  ['a price off the tick', { price: 2440.05 }, 'Tick size for this script is 0.10.'],
  ['a price finer than a paisa', { price: 2440.001 }, 'Tick size for this script is 0.10.'],
  ['a trigger off the tick', { order_type: 'SL', price: 2480, trigger_price: 2470.05 }, 'Tick size'],
  ['an unknown instrument', { tradingsymbol: 'NOPE' }, 'either expired or does not exist'],
  ['an index', { tradingsymbol: 'NIFTY 50', price: 24500 }, 'cannot be traded'],
  ['quantity 0', { quantity: 0 }, 'greater than zero'],
  ['a negative quantity', { quantity: -5 }, 'greater than zero'],
  ['a broken quantity', { quantity: 1.5 }, 'Invalid `quantity`'],
  ['a limit order without a price', { price: '' }, 'Missing or empty field `price`'],
  ['a stop without a trigger', { order_type: 'SL' }, 'Missing or empty field `trigger_price`'],
  ['NRML for a share', { product: 'NRML' }, 'Invalid `product`'],
  ['CNC for a future', { ...FUTURE, quantity: 75, product: 'CNC' }, 'Invalid `product`'],
  ['MTF for a future', { ...FUTURE, quantity: 75, product: 'MTF' }, 'MTF is not allowed for derivatives'],
  ['part of a lot', { ...FUTURE, quantity: 70 }, 'lot size 75'],
  [
    'more than the freeze quantity',
    { ...FUTURE, quantity: 1875 },
    'The order quantity 1875 (25 lots) is higher',
  ],
  ['a price above the circuit', { price: 2695.1 }, 'upper circuit limit of 2695'],
  ['a price below the circuit', { price: 2204.9 }, 'lower circuit limit of 2205'],
  ['a buy stop above its limit', { order_type: 'SL', price: 2460, trigger_price: 2470 }, 'cannot be above'],
  ['an unknown side', { transaction_type: 'HOLD' }, '`transaction_type`'],
  ['an unknown validity', { validity: 'GTC' }, '`validity`'],
  ['a TTL of 0 minutes', { validity: 'TTL' }, '`validity_ttl`'],
  ['slicing under the freeze quantity', { ...FUTURE, quantity: 75, autoslice: 'true' }, 'order slicing'],
];

describe('refusals before the book', () => {
  it.each(REFUSED)('refuses %s with an InputException and no book entry', (_title, fields, text) => {
    const venue = new Venue({ openingFunds: 100_000_000_000 });
    const refusal = venue.refusal({ ...RESTING_BUY, ...fields });
    expect(refusal).toMatchObject({ status: 400, errorType: 'InputException' });
    expect(refusal.message).toContain(text);
    expect(venue.account.orders.size).toBe(0);
  });

  it('refuses an order the funds do not cover, naming both amounts', () => {
    const venue = new Venue({ openingFunds: 1_000_000 });
    const refusal = venue.refusal({ ...RESTING_BUY, product: 'CNC' });
    expect(refusal).toEqual({
      status: 400,
      errorType: 'MarginException',
      message:
        'Insufficient funds. Required margin is 24400.00 but available margin is 10000.00. Check the orderbook for open orders.',
    });
  });

  it('takes margin-funded shares for half their value, and lets no more of them be sold than are held', () => {
    const venue = new Venue({ openingFunds: 1_300_000 });
    const bought = venue.place({ ...RESTING_BUY, product: 'MTF', price: 2460 });
    venue.pass(1000);
    expect(bought.status).toBe('COMPLETE');
    const funds = venue.account.funds(venue.exchange.market);
    expect(funds.blocked.equity).toBe(1_225_000);
    const sell = { ...RESTING_BUY, product: 'MTF', transaction_type: 'SELL', price: 2500 };
    expect(venue.place({ ...sell, quantity: 11 }).status).toBe('REJECTED');
    expect(venue.place({ ...sell, quantity: 10 }).status).not.toBe('REJECTED');
  });

  it('accepts every share at its own tick', () => {
    const venue = new Venue({ openingFunds: 100_000_000_000 });
    const at = (tradingsymbol: string, price: number): string =>
      venue.place({ ...RESTING_BUY, tradingsymbol, price }).status;
    expect(at('TATASTEEL', 172.41)).toBe('OPEN');
    expect(at('SBIN', 870.05)).toBe('OPEN');
    expect(at('BAJAJ-AUTO', 9000.5)).toBe('OPEN');
    expect(at('M&M', 3550.1)).toBe('OPEN');
    expect(venue.refusal({ ...RESTING_BUY, tradingsymbol: 'MARUTI', price: 15500.5 }).message).toContain(
      '1.00',
    );
  });
});

describe('funds', () => {
  it('blocks a fifth of an intraday order, frees it on cancel, and all of a delivery order', () => {
    const venue = new Venue();
    const available = (): number => venue.account.funds(venue.exchange.market).available / 100;
    const order = venue.place(RESTING_BUY);
    expect(available()).toBe(100_000 - 4880);
    venue.cancel(order);
    expect(available()).toBe(100_000);
    venue.place({ ...RESTING_BUY, product: 'CNC' });
    expect(available()).toBe(100_000 - 24_400);
  });

  it('books a round trip: the loss and the charges are gone, the margin is back', () => {
    const venue = new Venue({ settings: { fillDelayMs: 0 } });
    venue.place({ ...RESTING_BUY, price: 2450 });
    venue.price('2440');
    venue.place({ ...RESTING_BUY, transaction_type: 'SELL', price: 2440 });
    const funds = venue.account.funds(venue.exchange.market);
    expect(funds.realised).toBe(-10_000);
    // Brokerage 7.35 + 7.32, STT 6.10, exchange 1.5012, SEBI 0.0489, stamp 0.74 (to paise), GST 18% of 16.2201.
    expect(funds.charges.toDecimalPlaces(2).toString()).toBe('25.98');
    expect(funds.available).toBe(10_000_000 - 10_000 - 2598);
  });

  it('asks for a modification only the margin on top of what the order blocks already', () => {
    const venue = new Venue({ openingFunds: 2_500_000 });
    const order = venue.place({ ...RESTING_BUY, product: 'CNC' });
    expect(venue.modify(order, { price: 2445 })).toBeNull();
    expect(venue.modify(order, { quantity: 11 })).toMatchObject({ errorType: 'MarginException' });
    expect(order).toMatchObject({ price: 244_500, quantity: 10 });
  });

  it('asks no margin for a first exit and some for a second one', () => {
    const venue = new Venue({ settings: { fillDelayMs: 0 } });
    venue.place({ ...RESTING_BUY, price: 2450 });
    const available = (): number => venue.account.funds(venue.exchange.market).available;
    const before = available();
    venue.place({ ...RESTING_BUY, transaction_type: 'SELL', price: 2500 });
    expect(available()).toBe(before);
    venue.place({ ...RESTING_BUY, transaction_type: 'SELL', price: 2600 });
    expect(available()).toBeLessThan(before);
  });

  it('blocks only the premium of a bought option', () => {
    const venue = new Venue();
    const option = { ...RESTING_BUY, exchange: 'NFO', tradingsymbol: 'NIFTY26NOV24500CE', product: 'NRML' };
    venue.place({ ...option, quantity: 75, price: 290.05 });
    expect(venue.account.funds(venue.exchange.market).blocked.premium).toBe(75 * 29_005);
  });
});

describe('rate limits', () => {
  const limits = DEFAULT_SETTINGS.rateLimits;

  it('admits ten order calls in a calendar second and opens again with the next', () => {
    const rates = new RateCounters();
    const admit = (at: number): boolean => rates.admit('A', 'place', limits, at);
    expect(Array.from({ length: 11 }, () => admit(START_MS + 999)).filter(Boolean)).toHaveLength(10);
    expect(rates.admit('A', 'cancel', limits, START_MS + 999)).toBe(false);
    expect(rates.admit('B', 'cancel', limits, START_MS + 999)).toBe(true);
    expect(admit(START_MS + 1000)).toBe(true);
  });

  it('admits 400 order calls a minute and 5,000 placements a day', () => {
    const rates = new RateCounters();
    let admitted = 0;
    for (let ms = 0; ms < 60_000; ms += 100)
      if (rates.admit('A', 'modify', limits, START_MS + ms)) admitted += 1;
    expect(admitted).toBe(400);
    const loose = { ...limits, ordersPerSecond: 0, ordersPerMinute: 0 };
    let placed = 0;
    for (let i = 0; i < 5100; i += 1) if (rates.admit('B', 'place', loose, START_MS)) placed += 1;
    expect(placed).toBe(5000);
    expect(rates.admit('B', 'cancel', loose, START_MS)).toBe(true);
    expect(rates.admit('B', 'place', loose, START_MS + 86_400_000)).toBe(true);
  });
});

describe('settings', () => {
  it('takes a patch and leaves the rest', () => {
    const patched = patchSettings(DEFAULT_SETTINGS, { fillDelayMs: 0, rateLimits: { ordersPerSecond: 0 } });
    expect(patched.ok && patched.value).toEqual({
      ...DEFAULT_SETTINGS,
      fillDelayMs: 0,
      rateLimits: { ...DEFAULT_SETTINGS.rateLimits, ordersPerSecond: 0 },
    });
  });

  it.each([
    [{ fillDelay: 1 }, 'fillDelay'],
    [{ fillProbability: 1.1 }, 'fillProbability'],
    [{ walking: 'yes' }, 'walking'],
    [{ volumeCap: 1.5 }, 'volumeCap'],
    [{ rateLimits: { perSecond: 1 } }, 'rateLimits.perSecond'],
    [[], 'JSON object'],
  ])('refuses %j and names the field', (patch, name) => {
    const patched = patchSettings(DEFAULT_SETTINGS, patch);
    expect(patched.ok).toBe(false);
    expect(!patched.ok && patched.error).toContain(name);
  });
});
