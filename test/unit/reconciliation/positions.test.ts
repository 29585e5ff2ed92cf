import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BrokerHolding, BrokerPosition } from '../../../src/broker/port.ts';
import { decimal } from '../../../src/domain/money.ts';
import { type HeldKey, compareQuantities, missingPositions } from '../../../src/reconciliation/positions.ts';

const held = (quantity: number, product = 'MIS', symbol = 'RELIANCE'): HeldKey => ({
  ...{ exchange: 'NSE', symbol, product, quantity },
});
const position = (quantity: number, product = 'MIS', overnightQuantity = 0): BrokerPosition => ({
  ...{ exchange: 'NSE', tradingsymbol: 'RELIANCE', instrumentToken: 1, product, quantity, overnightQuantity },
  averagePrice: decimal('100'),
  raw: {},
});
const holding = (openingQuantity: number): BrokerHolding => ({
  ...{ exchange: 'NSE', tradingsymbol: 'RELIANCE', openingQuantity },
});
const compare = (ours: HeldKey[], net: BrokerPosition[], holdings: BrokerHolding[] = []) =>
  compareQuantities(ours, { net, holdings });

describe('comparing quantities with the broker', () => {
  it('finds nothing where both hold the same, or nothing', () => {
    expect(compare([held(10)], [position(10)])).toEqual([]);
    expect(compare([], [position(0)])).toEqual([]);
    expect(compare([held(4), held(6)], [position(10)])).toEqual([]);
  });

  it.each([
    [10, 0],
    [10, 4],
    [10, -10],
    [0, 5],
    [-3, 3],
  ])('names a key of which we hold %i and the broker %i', (ours, brokers) => {
    expect(compare(ours === 0 ? [] : [held(ours)], brokers === 0 ? [] : [position(brokers)])).toEqual([
      { exchange: 'NSE', symbol: 'RELIANCE', product: 'MIS', ours, brokers, cause: 'UNKNOWN' },
    ]);
  });

  it('keeps products apart, and only delivery counts holdings', () => {
    expect(compare([held(10)], [position(10), position(5, 'NRML')])).toHaveLength(1);
    expect(compare([held(10)], [], [holding(10)])).toHaveLength(1);
    expect(compare([held(10, 'CNC')], [], [holding(10)])).toEqual([]);
  });

  it('U22: delivery bought yesterday is in the holdings today, and is missed by nobody', () => {
    expect(compare([held(10, 'CNC')], [position(10, 'CNC')])).toEqual([]);
    expect(compare([held(10, 'CNC')], [], [holding(10)])).toEqual([]);
    expect(compare([held(10, 'CNC')], [position(10, 'CNC', 10)], [holding(10)])).toEqual([]);
  });

  it('a sale out of holdings counts once: it is a negative position beside what was there in the morning', () => {
    expect(compare([held(6, 'CNC')], [position(-4, 'CNC')], [holding(10)])).toEqual([]);
    expect(compare([held(10, 'CNC')], [position(-4, 'CNC')], [holding(10)])).toMatchObject([
      { ours: 10, brokers: 6 },
    ]);
  });

  it('shares that were in the demat account before us are nobody’s difference', () => {
    expect(compare([held(10, 'CNC')], [], [holding(250)])).toEqual([]);
    expect(compare([], [], [holding(250)])).toEqual([]);
  });

  it.each([
    ['a split', 10, 10, 20, 20],
    ['a bonus of one for two', 10, 10, 15, 15],
    ['a split beside shares that were there before', 10, 260, 520, 20],
  ])('supposes a corporate action: %s', (_, ours, was, now, become) => {
    const before = { 'NSE:RELIANCE/CNC': { ours, inHoldings: was, inPositions: 0 } };
    const books = { net: [], holdings: [holding(now)] };
    expect(compareQuantities([held(ours, 'CNC')], books, before)).toMatchObject([
      { ours, brokers: become, cause: 'CORPORATE_ACTION' },
    ]);
  });

  it.each([
    ['half are gone', 10, 10, 5, 5],
    ['more came by no small ratio', 10, 260, 273, 23],
  ])('supposes nothing where %s', (_, ours, was, now, brokers) => {
    const before = { 'NSE:RELIANCE/CNC': { ours, inHoldings: was, inPositions: 0 } };
    const books = { net: [], holdings: [holding(now)] };
    expect(compareQuantities([held(ours, 'CNC')], books, before)).toMatchObject([
      { ours, brokers, cause: 'UNKNOWN' },
    ]);
  });

  it('trades move both figures alike and are no difference, whatever was there before', () => {
    const before = { 'NSE:RELIANCE/CNC': { ours: 10, inHoldings: 260, inPositions: 0 } };
    const books = { net: [position(-4, 'CNC')], holdings: [holding(260)] };
    expect(compareQuantities([held(6, 'CNC')], books, before)).toEqual([]);
  });

  it('explains delivery that went over to the holdings', () => {
    const before = { 'NSE:RELIANCE/CNC': { ours: 10, inHoldings: 0, inPositions: 10 } };
    expect(compareQuantities([held(10, 'CNC')], { net: [], holdings: [holding(10)] }, before)).toMatchObject([
      { ours: 10, brokers: 10, cause: 'T_PLUS_ONE' },
    ]);
  });

  it('names a share that was traded today and has no row, of whatever product', () => {
    const traded = [{ exchange: 'NSE', symbol: 'RELIANCE' }];
    expect(missingPositions(traded, [position(0, 'NRML')])).toBeNull();
    expect(missingPositions([], [])).toBeNull();
    expect(missingPositions([...traded, ...traded], [])).toBe(
      'the positions are not whole: NSE:RELIANCE was traded today and is not in them',
    );
  });

  it('names each key at most once, and none that is equal, whatever is held', () => {
    const keys = fc.array(
      fc.record({
        exchange: fc.constant('NSE'),
        symbol: fc.constantFrom('A', 'B', 'C'),
        product: fc.constantFrom('MIS', 'NRML'),
        quantity: fc.integer({ min: -50, max: 50 }),
      }),
    );
    fc.assert(
      fc.property(keys, keys, (ours, theirs) => {
        const sum = (rows: typeof ours) => {
          const sums = new Map<string, number>();
          for (const { symbol, product, quantity } of rows) {
            sums.set(`${symbol}/${product}`, (sums.get(`${symbol}/${product}`) ?? 0) + quantity);
          }
          return sums;
        };
        const [a, b] = [sum(ours), sum(theirs)];
        const expected = [...new Set([...a.keys(), ...b.keys()])].filter(
          (key) => (a.get(key) ?? 0) !== (b.get(key) ?? 0),
        );
        const net = theirs.map(({ symbol, product, quantity }) => ({
          ...position(quantity, product),
          tradingsymbol: symbol,
        }));
        const found = compareQuantities(ours, { net, holdings: [] }).map(
          ({ symbol, product }) => `${symbol}/${product}`,
        );
        expect(found.sort()).toEqual(expected.sort());
      }),
    );
  });
});
