import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Position } from '../../../src/domain/account.ts';
import { decimal } from '../../../src/domain/money.ts';
import type { Order } from '../../../src/domain/order.ts';
import { LIVE_STATUSES } from '../../../src/domain/order-status.ts';
import {
  effectOf,
  keyText,
  openKeys,
  openRiskOf,
  referencePrice,
  riskPerUnit,
} from '../../../src/risk/effect.ts';
import { type OrderChanges, liveOrder, order, position, price } from './fixtures.ts';

const sell = (quantity: number, positions: readonly Position[] = [], live: readonly Order[] = []) =>
  effectOf(order({ side: 'SELL', quantity }), positions, live);
const buy = (quantity: number, positions: readonly Position[] = [], live: readonly Order[] = []) =>
  effectOf(order({ side: 'BUY', quantity }), positions, live);

describe('the effect of an order on its position', () => {
  it.each([
    ['opens when there is none', sell(10), 0, 10, 0, 10],
    ['adds to one of its side', buy(10, [position({ quantity: 5 })]), 0, 10, 0, 15],
    ['reduces one of the other side', sell(4, [position({ quantity: 10 })]), 4, 0, 10, 0],
    ['closes one of the other side', sell(10, [position({ quantity: 10 })]), 10, 0, 10, 0],
    ['reverses: closes, and opens the rest', sell(15, [position({ quantity: 10 })]), 10, 5, 10, 5],
    ['reduces a short position', buy(4, [position({ quantity: -10 })]), 4, 0, 10, 0],
    ['reverses a short position', buy(25, [position({ quantity: -10 })]), 10, 15, 10, 15],
  ])('%s', (_, effect, reducing, opening, largest, worst) => {
    expect(effect).toEqual({
      reducingQuantity: reducing,
      openingQuantity: opening,
      largestReduction: largest,
      worstCaseQuantity: worst,
    });
  });

  it('leaves to reduce only what other live exits do not take away already', () => {
    const exit = liveOrder({ side: 'SELL', quantity: 6, role: 'EXIT' });
    expect(sell(10, [position({ quantity: 10 })], [exit])).toEqual({
      reducingQuantity: 4,
      openingQuantity: 6,
      largestReduction: 4,
      worstCaseQuantity: 6,
    });
  });

  it.each([
    ['STOP', 'TARGET', 10],
    ['TARGET', 'STOP', 10],
    ['EXIT', 'STOP', 10],
    ['ENTRY', 'TARGET', 10],
    ['STOP', 'EXIT', 10],
    ['STOP', 'STOP', 4],
    ['TARGET', 'TARGET', 4],
    ['EXIT', 'EXIT', 4],
  ] as const)('leaves a %s beside a live %s of 6 of 10 at most %i to reduce', (role, other, largest) => {
    const live = liveOrder({ side: 'SELL', quantity: 6, role: other });
    const order = { ...liveOrder({ side: 'SELL', quantity: 10 }), role };
    expect(effectOf(order, [position({ quantity: 10 })], [live]).largestReduction).toBe(largest);
  });

  it('lets a protective exit beside entries that rest, but not beside what reduces', () => {
    const short = [position({ quantity: -5 })];
    const entry = liveOrder({ side: 'BUY', quantity: 17, openingQuantity: 17 });
    const reversal = liveOrder({ side: 'BUY', quantity: 20, openingQuantity: 17 });
    const exit = { ...order({ side: 'BUY', quantity: 5 }), role: 'EXIT' } as const;
    const guard = { ...exit, protectionGroup: 'g' };
    expect(effectOf(exit, short, [entry]).largestReduction).toBe(0);
    expect(effectOf(guard, short, [entry])).toMatchObject({ openingQuantity: 0, worstCaseQuantity: 17 });
    expect(effectOf(guard, short, [reversal]).largestReduction).toBe(2);
  });

  it('lets another stop beside one whose fate is not known', () => {
    const live = liveOrder({ side: 'SELL', quantity: 10, role: 'STOP', status: 'UNKNOWN' });
    const order = liveOrder({ side: 'SELL', quantity: 10, role: 'STOP' });
    expect(effectOf(order, [position({ quantity: 10 })], [live]).largestReduction).toBe(10);
  });

  it('counts of a partly filled exit only what is left of it', () => {
    const exit = liveOrder({ side: 'SELL', quantity: 6, filledQuantity: 5, status: 'PARTIALLY_FILLED' });
    expect(sell(10, [position({ quantity: 10 })], [exit]).largestReduction).toBe(9);
  });

  it('does not take live entries of the other side for a position: they may never fill', () => {
    const entry = liveOrder({ side: 'BUY', quantity: 10 });
    expect(sell(10, [], [entry])).toMatchObject({ reducingQuantity: 0, openingQuantity: 10 });
  });

  it.each(LIVE_STATUSES)('counts live orders in %s', (status) => {
    const live = liveOrder({ side: 'BUY', quantity: 7, status });
    expect(buy(3, [], [live]).worstCaseQuantity).toBe(10);
  });

  it('looks at its own instrument and product alone, and at managed positions', () => {
    const others = [
      position({ quantity: -10, instrumentId: 2 }),
      position({ quantity: -10, product: 'CNC' }),
      position({ quantity: -10, managedBy: 'EXTERNAL' }),
    ];
    const elsewhere = [liveOrder({ instrumentId: 2 }), liveOrder({ product: 'CNC' })];
    expect(buy(10, others, elsewhere)).toEqual({
      reducingQuantity: 0,
      openingQuantity: 10,
      largestReduction: 0,
      worstCaseQuantity: 10,
    });
  });

  it('never understates the opening part: whichever live orders fill, the order opens no more than it says', () => {
    const live = fc.record({
      side: fc.constantFrom<'BUY' | 'SELL'>('BUY', 'SELL'),
      quantity: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: -60, max: 60 }),
        fc.array(live, { maxLength: 5 }),
        fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
        fc.constantFrom<'BUY' | 'SELL'>('BUY', 'SELL'),
        fc.integer({ min: 1, max: 80 }),
        (held, others, fills, side, quantity) => {
          const positions = held === 0 ? [] : [position({ quantity: held })];
          const liveOrders = others.map((one) => liveOrder(one));
          const effect = effectOf(order({ side, quantity }), positions, liveOrders);
          const sign = side === 'BUY' ? 1 : -1;
          // Only fills of its own side can take away what it meant to reduce.
          const before = others.reduce(
            (total, one, index) =>
              total + (fills[index] === true && one.side === side ? sign * one.quantity : 0),
            held,
          );
          const opened = Math.max(0, quantity - Math.max(0, -sign * before));
          expect(effect.openingQuantity).toBeGreaterThanOrEqual(opened);
          expect(effect.openingQuantity + effect.reducingQuantity).toBe(quantity);
          expect(effect.worstCaseQuantity).toBeGreaterThanOrEqual(Math.max(0, sign * before + quantity));
        },
      ),
    );
  });
});

describe('the reference price', () => {
  const quote = price({ last: '100', bestBid: '99', bestOffer: '101' });
  const of = (changes: OrderChanges, view = quote) => referencePrice(order(changes), view)?.toFixed() ?? null;

  it('of LIMIT and SL is the limit price, of SL-M the trigger', () => {
    expect(of({ orderType: 'LIMIT', price: '98' })).toBe('98');
    expect(of({ orderType: 'SL', price: '98', triggerPrice: '97' })).toBe('98');
    expect(of({ orderType: 'SL-M', price: null, triggerPrice: '97' })).toBe('97');
  });

  it('of MARKET is the opposite best quote, else the last price, and only a fresh one', () => {
    expect(of({ orderType: 'MARKET', side: 'BUY' })).toBe('101');
    expect(of({ orderType: 'MARKET', side: 'SELL' })).toBe('99');
    expect(of({ orderType: 'MARKET', side: 'BUY' }, price({ last: '100' }))).toBe('100');
    expect(of({ orderType: 'MARKET' }, price({ last: '100', fresh: false }))).toBeNull();
    expect(referencePrice(order({ orderType: 'MARKET' }), null)).toBeNull();
  });
});

describe('risk', () => {
  it('per unit is the distance to the stop times the multiplier, on either side', () => {
    expect(riskPerUnit(decimal(100), decimal(98), decimal(50))?.toFixed()).toBe('100');
    expect(riskPerUnit(decimal(98), decimal(100), decimal(1))?.toFixed()).toBe('2');
  });

  it('per unit is unknown without a stop or a reference', () => {
    expect(riskPerUnit(null, decimal(98), decimal(1))).toBeNull();
    expect(riskPerUnit(decimal(98), null, decimal(1))).toBeNull();
  });

  it('of what is open sums positions at their stops and the opening leaves of live orders', () => {
    const positions = [
      position({ quantity: 10, openValue: '24500', stopLoss: '2430' }),
      position({ quantity: -10, openValue: '24500', stopLoss: '2460' }),
      position({ quantity: 10, openValue: '24500', stopLoss: '2500' }),
      position({ quantity: 10, openValue: '24500', stopLoss: null }),
      position({ quantity: 10, openValue: '24500', stopLoss: '1', managedBy: 'EXTERNAL' }),
    ];
    const orders = [
      liveOrder({ riskPerUnit: '20', quantity: 10, filledQuantity: 4, status: 'PARTIALLY_FILLED' }),
      liveOrder({ riskPerUnit: null }),
      liveOrder({ riskPerUnit: '20', openingQuantity: 0 }),
    ];
    // 200 + 100 + no loss at a stop in profit, and 6 x 20.
    expect(openRiskOf(positions, orders).toFixed()).toBe('420');
  });

  it('of a contract counts with its multiplier', () => {
    const held = position({ quantity: 1, openValue: '600000', stopLoss: '5990', multiplier: decimal(100) });
    expect(openRiskOf([held], []).toFixed()).toBe('1000');
  });
});

describe('the keys in use', () => {
  it('are those that hold a managed quantity or wait to open one, each once', () => {
    const keys = openKeys(
      [
        position({ instrumentId: 1 }),
        position({ instrumentId: 1, product: 'CNC' }),
        position({ instrumentId: 2, managedBy: 'EXTERNAL' }),
        position({ instrumentId: 3, quantity: 0 }),
      ],
      [
        liveOrder({ instrumentId: 1 }),
        liveOrder({ instrumentId: 4, status: 'UNKNOWN' }),
        liveOrder({ instrumentId: 5, openingQuantity: 0 }),
      ],
    );
    expect([...keys].sort()).toEqual(['1/CNC', '1/MIS', '4/MIS']);
    expect(keyText({ instrumentId: 4, product: 'MIS' })).toBe('4/MIS');
  });
});

describe('the open risk from last prices', () => {
  const long = position({ quantity: 10, stopLoss: '2430' });

  it('is from cost without them, and from the last price with them: what was lost until then is lost already', () => {
    expect(openRiskOf([long], []).toFixed()).toBe('200');
    expect(openRiskOf([long], [], () => decimal(2435)).toFixed()).toBe('50');
    expect(openRiskOf([long], [], () => decimal(2470)).toFixed()).toBe('400');
    expect(openRiskOf([long], [], () => decimal(2425)).toFixed()).toBe('0');
    expect(openRiskOf([long], [], () => null).toFixed()).toBe('200');
  });

  it('is measured the other way for a short position', () => {
    const short = position({ quantity: -10, stopLoss: '2470' });
    expect(openRiskOf([short], [], () => decimal(2460)).toFixed()).toBe('100');
    expect(openRiskOf([short], [], () => decimal(2480)).toFixed()).toBe('0');
  });
});
