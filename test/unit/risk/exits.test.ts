import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { decimal, isOnTick } from '../../../src/domain/money.ts';
import type { Position } from '../../../src/domain/account.ts';
import type { Instrument } from '../../../src/domain/instrument.ts';
import type { Order } from '../../../src/domain/order.ts';
import { mayTakeHedge, uncoveredBy } from '../../../src/risk/effect.ts';
import {
  exitPrice,
  exitRank,
  hedges,
  isLocked,
  isPricedOut,
  sliceQuantity,
} from '../../../src/risk/exits.ts';
import { CRUDE, NIFTY_PUT, RELIANCE, liveOrder, position, price } from './fixtures.ts';

const text = (value: { toFixed(): string } | null) => value?.toFixed() ?? null;

describe('the price of an exit', () => {
  it('is a percent beyond the opposite quote, on the tick', () => {
    const quoted = price({ last: '2450.00', bestBid: '2449.95', bestOffer: '2450.10' });
    expect(text(exitPrice('SELL', RELIANCE, quoted))).toBe('2425.45');
    expect(text(exitPrice('BUY', RELIANCE, quoted))).toBe('2474.65');
  });

  it('is measured from the last price where there is no quote', () => {
    expect(text(exitPrice('SELL', RELIANCE, price({ last: '100.00', bestBid: null })))).toBe('99');
    expect(text(exitPrice('BUY', RELIANCE, price({ last: '100.00', bestOffer: null })))).toBe('101');
  });

  it('is ten percent beyond for an option', () => {
    const quoted = price({ last: '100.00', bestBid: '100.00', bestOffer: '100.00' });
    expect(text(exitPrice('SELL', NIFTY_PUT, quoted))).toBe('90');
    expect(text(exitPrice('BUY', NIFTY_PUT, quoted))).toBe('110');
  });

  it('is not known without a fresh price', () => {
    expect(exitPrice('SELL', RELIANCE, null)).toBeNull();
    expect(exitPrice('SELL', RELIANCE, { ...price(), fresh: false })).toBeNull();
  });

  it('is always on the tick, inside the circuit and over zero', () => {
    const paise = fc.integer({ min: 10, max: 1_000_000 });
    fc.assert(
      fc.property(paise, paise, fc.constantFrom('BUY' as const, 'SELL' as const), (last, width, side) => {
        const at = decimal(last).div(20).toDecimalPlaces(2);
        const band = decimal(width).div(20).toDecimalPlaces(2);
        const lowerCircuit = at.minus(band).gt('0.05') ? at.minus(band) : decimal('0.05');
        const upperCircuit = at.plus(band);
        const seen = { ...price(), last: at, bestBid: at, bestOffer: at, lowerCircuit, upperCircuit };
        const asked = exitPrice(side, RELIANCE, seen)!;
        expect(isOnTick(asked, RELIANCE.tickSize)).toBe(true);
        expect(asked.gt(0)).toBe(true);
        if (side === 'SELL') expect(asked.gte(lowerCircuit)).toBe(true);
        else expect(asked.lte(upperCircuit)).toBe(true);
      }),
    );
  });

  it('is left alone when the market has nothing better', () => {
    expect(isPricedOut('SELL', decimal(99), decimal(100))).toBe(true);
    expect(isPricedOut('SELL', decimal(100), decimal(100))).toBe(true);
    expect(isPricedOut('SELL', decimal(101), decimal(100))).toBe(false);
    expect(isPricedOut('BUY', decimal(101), decimal(100))).toBe(true);
    expect(isPricedOut('BUY', decimal(100), decimal(100))).toBe(true);
    expect(isPricedOut('BUY', decimal(99), decimal(100))).toBe(false);
  });

  it('waits at a locked circuit, on the side that the exit needs', () => {
    const down = price({ last: '2205.00', lowerCircuit: '2205.00', upperCircuit: '2695.00' });
    expect(isLocked('SELL', down)).toBe(true);
    expect(isLocked('BUY', down)).toBe(false);
    expect(isLocked('SELL', price({ last: '2205.05', lowerCircuit: '2205.00' }))).toBe(false);
    expect(isLocked('BUY', price({ last: '2695.00', upperCircuit: '2695.00' }))).toBe(true);
    expect(isLocked('BUY', price({ last: '2694.95', upperCircuit: '2695.00' }))).toBe(false);
    expect(isLocked('SELL', { ...down, fresh: false })).toBe(false);
  });
});

describe('the slice of an exit', () => {
  const limits = { freezeQuantity: 500, limits: { maxQuantityPerOrder: 10_000 } };

  it("is whole lots within the exchange's freeze quantity", () => {
    expect(sliceQuantity(NIFTY_PUT, limits)).toBe(1800);
    expect(sliceQuantity({ ...NIFTY_PUT, freezeQuantity: 1799 }, limits)).toBe(1725);
  });

  it('falls back on the configured quantity for contracts, and has none for shares', () => {
    expect(sliceQuantity({ ...NIFTY_PUT, freezeQuantity: null }, limits)).toBe(450);
    expect(sliceQuantity(RELIANCE, limits)).toBe(10_000);
    expect(sliceQuantity(RELIANCE, { ...limits, limits: { maxQuantityPerOrder: 0 } })).toBe(
      Number.MAX_SAFE_INTEGER,
    );
  });

  it('is at least a lot, also under an order maximum of less, and never a part of one', () => {
    expect(sliceQuantity(NIFTY_PUT, { ...limits, limits: { maxQuantityPerOrder: 10 } })).toBe(75);
    expect(sliceQuantity(NIFTY_PUT, { ...limits, limits: { maxQuantityPerOrder: 160 } })).toBe(150);
    expect(sliceQuantity({ ...NIFTY_PUT, freezeQuantity: 10 }, limits)).toBe(75);
  });
});

describe('the order of exits', () => {
  const future: Instrument = { ...CRUDE, exchange: 'NFO', underlying: 'NIFTY' };

  it('is short options, futures, shares, and what hedges last', () => {
    const ranks = [
      exitRank(NIFTY_PUT, -75),
      exitRank(future, 75),
      exitRank(RELIANCE, 10),
      exitRank(NIFTY_PUT, 75),
    ];
    expect(ranks).toEqual([0, 1, 2, 3]);
  });

  it('knows a long option of the same underlying as a hedge of shorts and futures', () => {
    const long = { instrument: NIFTY_PUT, quantity: 75 };
    expect(hedges(long, { instrument: { ...NIFTY_PUT, id: 9 }, quantity: -75 })).toBe(true);
    expect(hedges(long, { instrument: future, quantity: 75 })).toBe(true);
    expect(hedges(long, { instrument: RELIANCE, quantity: 10 })).toBe(false);
    expect(hedges(long, { instrument: { ...future, underlying: 'BANKNIFTY' }, quantity: 75 })).toBe(false);
    expect(hedges({ ...long, quantity: -75 }, { instrument: future, quantity: 75 })).toBe(false);
  });
});

describe('what a sale of a long option uncovers', () => {
  const short: Instrument = { ...NIFTY_PUT, id: 9, symbol: 'NIFTY2672124000PE' };
  const known = new Map([NIFTY_PUT, short, RELIANCE].map((one) => [one.id, one]));
  const held = (instrument: Instrument, quantity: number) =>
    position({ instrumentId: instrument.id, exchange: 'NFO', symbol: instrument.symbol, quantity });
  const sale = { instrumentId: NIFTY_PUT.id, product: 'NRML', side: 'SELL', quantity: 75 } as const;
  const uncovered = (positions: ReturnType<typeof held>[], order: Parameters<typeof uncoveredBy>[0] = sale) =>
    uncoveredBy(order, NIFTY_PUT, { positions, liveOrders: [] }, (id) => known.get(id) ?? null);

  it('is the short option that the rest does not cover', () => {
    expect(uncovered([held(NIFTY_PUT, 75), held(short, -75)])).toBe('NFO:NIFTY2672124000PE');
    expect(uncovered([held(NIFTY_PUT, 150), held(short, -75)])).toBeNull();
    expect(uncovered([held(NIFTY_PUT, 149), held(short, -75)])).toBe('NFO:NIFTY2672124000PE');
  });

  it('is nothing without a short, for a purchase, for another type or underlying', () => {
    expect(uncovered([held(NIFTY_PUT, 75)])).toBeNull();
    expect(uncovered([held(NIFTY_PUT, 75), held(short, -75)], { ...sale, side: 'BUY' })).toBeNull();
    const call = { ...short, instrumentType: 'CE' as const };
    const of = (id: number) => (id === call.id ? call : NIFTY_PUT);
    expect(
      uncoveredBy(sale, NIFTY_PUT, { positions: [held(NIFTY_PUT, 75), held(call, -75)], liveOrders: [] }, of),
    ).toBeNull();
    const other = { ...short, underlying: 'BANKNIFTY' };
    const ofOther = (id: number) => (id === other.id ? other : NIFTY_PUT);
    expect(
      uncoveredBy(
        sale,
        NIFTY_PUT,
        { positions: [held(NIFTY_PUT, 75), held(other, -75)], liveOrders: [] },
        ofOther,
      ),
    ).toBeNull();
  });

  it('counts futures as hedges: a long one of short calls, a short one of short puts', () => {
    const call: Instrument = { ...NIFTY_PUT, id: 21, symbol: 'NIFTY26JUL26000CE', instrumentType: 'CE' };
    const put: Instrument = { ...NIFTY_PUT, id: 22, symbol: 'NIFTY26JUL24000PE' };
    const future: Instrument = { ...NIFTY_PUT, id: 23, symbol: 'NIFTY26JULFUT', instrumentType: 'FUT' };
    const all = new Map([call, put, future, NIFTY_PUT].map((one) => [one.id, one]));
    const of = (traded: Instrument, side: 'BUY' | 'SELL', positions: Position[], liveOrders: Order[] = []) =>
      uncoveredBy(
        { instrumentId: traded.id, product: 'NRML', side, quantity: 75 },
        traded,
        { positions, liveOrders },
        (id) => all.get(id) ?? null,
      );
    expect(of(future, 'SELL', [held(future, 75), held(call, -75)])).toBe('NFO:NIFTY26JUL26000CE');
    expect(of(future, 'SELL', [held(future, 75), held(put, -75)])).toBeNull();
    expect(of(future, 'BUY', [held(future, -75), held(put, -75)])).toBe('NFO:NIFTY26JUL24000PE');
    expect(of(future, 'BUY', [held(future, -75), held(call, -75)])).toBeNull();
    // The future goes on covering the put when its long put is sold.
    expect(of(NIFTY_PUT, 'SELL', [held(future, -75), held(NIFTY_PUT, 75), held(put, -75)])).toBeNull();
    expect(of(RELIANCE, 'SELL', [held(call, -75)])).toBeNull();
  });

  it('may be taken from anything else of its underlying, also from what is not known', () => {
    const future: Instrument = { ...NIFTY_PUT, id: 23, symbol: 'NIFTY26JULFUT', instrumentType: 'FUT' };
    const of = (side: 'BUY' | 'SELL', instrument: Instrument, positions: Position[], known = true) =>
      mayTakeHedge({ instrumentId: instrument.id, side }, instrument, positions, (id) =>
        !known ? null : id === future.id ? future : id === RELIANCE.id ? RELIANCE : NIFTY_PUT,
      );
    const both = [held(NIFTY_PUT, 75), held(future, 75)];
    expect(of('SELL', NIFTY_PUT, both)).toBe(true);
    expect(of('SELL', future, both)).toBe(true);
    // What buys an option back takes no hedge, and alone it is none.
    expect(of('BUY', NIFTY_PUT, both)).toBe(false);
    expect(of('SELL', NIFTY_PUT, [held(NIFTY_PUT, 75)])).toBe(false);
    expect(of('SELL', NIFTY_PUT, [held(NIFTY_PUT, 75), held(RELIANCE, 10)])).toBe(false);
    expect(of('SELL', NIFTY_PUT, [held(NIFTY_PUT, 75), held(RELIANCE, 10)], false)).toBe(true);
    expect(of('SELL', RELIANCE, [held(RELIANCE, 10), held(future, 75)])).toBe(false);
    const outside = { ...held(future, 75), managedBy: 'EXTERNAL' } as const;
    expect(of('SELL', NIFTY_PUT, [held(NIFTY_PUT, 75), outside])).toBe(false);
  });

  it('takes away first what live orders are about to sell of the hedge, but no stop', () => {
    const sells = (role: 'EXIT' | 'STOP') =>
      liveOrder({ instrumentId: NIFTY_PUT.id, side: 'SELL', quantity: 75, openingQuantity: 0, role });
    const positions = [held(NIFTY_PUT, 150), held(short, -75)];
    const of = (liveOrders: Order[]) =>
      uncoveredBy(sale, NIFTY_PUT, { positions, liveOrders }, (id) => known.get(id) ?? null);
    expect(of([])).toBeNull();
    expect(of([sells('EXIT')])).toBe('NFO:NIFTY2672124000PE');
    expect(of([sells('STOP')])).toBeNull();
  });

  it('is no short that outlives what is sold: that was never its hedge', () => {
    const later = { ...short, expiry: '2026-08-25' };
    const of = (id: number) => (id === later.id ? later : NIFTY_PUT);
    expect(
      uncoveredBy(
        sale,
        NIFTY_PUT,
        { positions: [held(NIFTY_PUT, 75), held(later, -75)], liveOrders: [] },
        of,
      ),
    ).toBeNull();
  });
});
