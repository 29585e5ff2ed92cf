import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptFill, type MarketView, protect } from '../../../src/paper-exchange/matching.ts';
import { mulberry32 } from '../../../src/paper-exchange/prng.ts';
import { RESTING_BUY, Venue } from './venue.ts';

const MARKET_BUY = { ...RESTING_BUY, order_type: 'MARKET', price: '', market_protection: 2 };
const STOP = {
  ...RESTING_BUY,
  transaction_type: 'SELL',
  order_type: 'SL-M',
  price: '',
  trigger_price: 2430,
  market_protection: -1,
};

describe('filling limit orders', () => {
  it('fills an order that meets the market at the market price, not at its own', () => {
    const venue = new Venue();
    const order = venue.place({ ...RESTING_BUY, price: 2460 });
    venue.pass(500);
    expect(venue.fillPrices(order)).toEqual([2450]);
    expect(order.status).toBe('COMPLETE');
  });

  it('fills an order that rests at its own price when the market falls through it', () => {
    const venue = new Venue();
    const order = venue.place(RESTING_BUY);
    venue.pass(500);
    venue.price('2430');
    expect(venue.fillPrices(order)).toEqual([2440]);
  });

  it('does not fill before the delay is over', () => {
    const venue = new Venue();
    const order = venue.place({ ...RESTING_BUY, price: 2460 });
    venue.pass(499);
    venue.tick();
    expect(order.filled).toBe(0);
    venue.pass(1);
    expect(order.filled).toBe(10);
  });

  it('leaves an order that was not lucky OPEN and tries again at the next tick', () => {
    const venue = new Venue({ settings: { fillProbability: 0 } });
    const order = venue.place({ ...RESTING_BUY, price: 2460 });
    venue.pass(500);
    venue.tick();
    expect(order.status).toBe('OPEN');
    venue.settings = { ...venue.settings, fillProbability: 1 };
    venue.tick();
    expect(order.status).toBe('COMPLETE');
  });

  it('finds no seller at the upper circuit', () => {
    const venue = new Venue();
    const order = venue.place({ ...RESTING_BUY, price: 2695 });
    venue.price('2695');
    venue.pass(500);
    venue.tick();
    expect(order.filled).toBe(0);
    venue.price('2694.90');
    expect(order.filled).toBe(10);
  });

  it('never fills worse than the limit, whatever the market and the seed', () => {
    const venue = new Venue();
    const rupees = fc.integer({ min: 22_060, max: 26_940 }).map((tenths) => tenths * 10);
    fc.assert(
      fc.property(
        fc.constantFrom('BUY' as const, 'SELL' as const),
        rupees,
        rupees,
        fc.boolean(),
        fc.boolean(),
        fc.double({ min: 0, max: 0.05, noNaN: true }),
        fc.integer(),
        (side, limit, last, passive, isMarket, slippagePct, seed) => {
          const order = {
            ...venue.place(RESTING_BUY),
            side,
            price: limit,
            passive,
            requestedType: isMarket ? ('MARKET' as const) : ('LIMIT' as const),
          };
          venue.cancel(venue.account.orders.get(order.id)!);
          const view: MarketView = { last, tick: 10, lower: 220_500, upper: 269_500, lotSize: 1 };
          const settings = { fillProbability: 1, slippagePct, volumeCap: 0, partialFillChance: 0 };
          const attempt = attemptFill(order, view, settings, mulberry32(seed));
          if (attempt.kind !== 'fill') {
            expect(side === 'BUY' ? last > limit : last < limit).toBe(true);
            return;
          }
          const worseBy = side === 'BUY' ? attempt.price - limit : limit - attempt.price;
          expect(worseBy).toBeLessThanOrEqual(0);
          expect(attempt.price % 10).toBe(0);
          if (!isMarket && !passive) expect(attempt.price).toBe(last);
        },
      ),
    );
  });
});

describe('market orders', () => {
  it('stores a market order as a limit at the protection price with the mktp tags', () => {
    const venue = new Venue();
    const order = venue.place({ ...MARKET_BUY, tag: 'abc' });
    expect(order).toMatchObject({ orderType: 'LIMIT', price: 249_900, tags: ['abc', 'mktp', 'mktp:2.00'] });
  });

  it('rounds the protection price onto the tick, towards the market', () => {
    const view: MarketView = { last: 244_990, tick: 10, lower: 220_000, upper: 270_000, lotSize: 1 };
    expect(protect('BUY', -1, view)).toEqual({ price: 247_430, percent: 1 });
    expect(protect('SELL', -1, view)).toEqual({ price: 242_550, percent: 1 });
  });

  it('fills worse than the last price by the slippage', () => {
    const venue = new Venue({ settings: { slippagePct: 0.001 } });
    const order = venue.place(MARKET_BUY);
    venue.pass(500);
    expect(venue.fillPrices(order)).toEqual([2452.5]);
  });

  it('does not slip a limit order', () => {
    const venue = new Venue({ settings: { slippagePct: 0.001 } });
    const order = venue.place({ ...RESTING_BUY, price: 2499 });
    venue.pass(500);
    expect(venue.fillPrices(order)).toEqual([2450]);
  });

  it('leaves the rest OPEN when the market runs past the protection', () => {
    const venue = new Venue({ settings: { volumeCap: 4 } });
    const order = venue.place(MARKET_BUY);
    venue.pass(500);
    venue.price('2510');
    expect(order).toMatchObject({ status: 'OPEN', filled: 4, pending: 6 });
  });
});

describe('stops', () => {
  it('waits for the trigger, then opens and fills at the market', () => {
    const venue = new Venue();
    const order = venue.place(STOP);
    expect(order.status).toBe('TRIGGER PENDING');
    venue.price('2430.10');
    expect(order.status).toBe('TRIGGER PENDING');
    venue.price('2430');
    expect(order.status).toBe('OPEN');
    venue.pass(500);
    expect(venue.fillPrices(order)).toEqual([2430]);
    expect(venue.statuses(order)).toEqual([
      'PUT ORDER REQ RECEIVED',
      'VALIDATION PENDING',
      'OPEN PENDING',
      'TRIGGER PENDING',
      'OPEN',
      'COMPLETE',
    ]);
  });

  it('fills at the market price when the market gaps through the stop', () => {
    const venue = new Venue();
    const order = venue.place(STOP);
    venue.price('2380');
    venue.pass(500);
    expect(venue.fillPrices(order)).toEqual([2380]);
  });

  it('gets no better price than the one that triggered it, even when the market comes back', () => {
    const venue = new Venue();
    const order = venue.place(STOP);
    venue.price('2420');
    venue.price('2445');
    venue.pass(500);
    expect(venue.fillPrices(order)).toEqual([2420]);
  });

  it('leaves a stop with a limit OPEN when the market gaps past the limit', () => {
    const venue = new Venue();
    const order = venue.place({ ...STOP, order_type: 'SL', price: 2425, market_protection: 0 });
    venue.price('2380');
    venue.pass(500);
    venue.tick();
    expect(order).toMatchObject({ status: 'OPEN', filled: 0 });
  });

  it('takes the stop before the target when both can fill at one tick', () => {
    const venue = new Venue({ settings: { fillDelayMs: 0 } });
    const target = venue.place({ ...RESTING_BUY, transaction_type: 'SELL', price: 2460 });
    const stop = venue.place({ ...STOP, transaction_type: 'SELL' });
    venue.settings = { ...venue.settings, fillDelayMs: 500 };
    venue.price('2430');
    venue.nowMs += 500;
    venue.price('2460');
    expect(venue.account.trades.map((trade) => trade.orderId)).toEqual([stop.id, target.id]);
  });
});

describe('quantities', () => {
  it('fills a large order in parts of the volume cap, one a tick', () => {
    const venue = new Venue({ settings: { volumeCap: 4 } });
    const order = venue.place({ ...RESTING_BUY, price: 2460 });
    venue.pass(500);
    expect(order).toMatchObject({ status: 'OPEN', filled: 4, pending: 6 });
    venue.tick();
    venue.tick();
    expect(order).toMatchObject({ status: 'COMPLETE', filled: 10, pending: 0 });
    expect(venue.account.trades.map((trade) => trade.quantity)).toEqual([4, 4, 2]);
  });

  it('fills derivatives in whole lots even under a cap smaller than a lot', () => {
    const venue = new Venue({ openingFunds: 5_000_000_000, settings: { volumeCap: 10 } });
    const future = {
      ...RESTING_BUY,
      exchange: 'NFO',
      tradingsymbol: 'NIFTY26NOVFUT',
      quantity: 150,
      price: 24600,
    };
    const order = venue.place({ ...future, product: 'NRML' });
    venue.pass(500);
    expect(order.filled).toBe(75);
  });

  it('splits an order under the cap now and then, the same way for the same seed', () => {
    const run = (): number[] => {
      const venue = new Venue({ settings: { partialFillChance: 0.5 } });
      for (let i = 0; i < 6; i += 1) {
        venue.place({ ...RESTING_BUY, price: 2460 });
        venue.pass(1000);
        while (venue.exchange.hasLiveOrders) venue.tick();
      }
      return venue.account.trades.map((trade) => trade.quantity);
    };
    const first = run();
    expect(run()).toEqual(first);
    expect(first.length).toBeGreaterThan(6);
    expect(first.reduce((a, b) => a + b)).toBe(60);
  });
});

describe('self trades', () => {
  it('cancels the active one of two crossing orders of one user', () => {
    const venue = new Venue({ settings: { fillProbability: 0 } });
    const resting = venue.place({ ...RESTING_BUY, transaction_type: 'SELL', price: 2450 });
    const active = venue.place({ ...RESTING_BUY, price: 2450 });
    expect(resting.status).toBe('OPEN');
    expect(active).toMatchObject({ status: 'CANCELLED', filled: 0 });
  });

  it('lets orders of different users cross', () => {
    const venue = new Venue({ settings: { fillProbability: 0 } });
    const other = venue.exchange.account('OTHER')!;
    const resting = venue.place({ ...RESTING_BUY, transaction_type: 'SELL', price: 2450 });
    const placed = venue.exchange.place(other, { ...requestOf(resting), side: 'BUY' });
    expect(placed.ok && other.orders.get(placed.value)?.status).toBe('OPEN');
  });
});

function requestOf(order: ReturnType<Venue['place']>) {
  const { token, product, side, quantity, price, trigger, disclosed, validity, ttl, protection } = order;
  const terms = { quantity, price, trigger, disclosed, validity, ttl, protection };
  return {
    ...terms,
    token,
    product,
    side,
    orderType: 'LIMIT' as const,
    variety: 'regular' as const,
    tag: null,
  };
}
