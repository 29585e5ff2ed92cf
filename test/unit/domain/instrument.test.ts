import { describe, expect, it } from 'vitest';
import {
  EXCHANGES,
  hasUnitMultiplier,
  instrumentKey,
  isEquity,
  isOption,
  isTradable,
  productsOf,
} from '../../../src/domain/instrument.ts';

describe('instruments', () => {
  it.each([
    ['NSE', true, true, 'MIS CNC MTF'],
    ['BSE', true, true, 'MIS CNC MTF'],
    ['NFO', false, true, 'MIS NRML'],
    ['BFO', false, true, 'MIS NRML'],
    ['CDS', false, false, 'MIS NRML'],
    ['BCD', false, false, 'MIS NRML'],
    ['MCX', false, false, 'MIS NRML'],
  ] as const)('of %s: shares %s, multiplier of one %s, products %s', (exchange, equity, unit, products) => {
    expect(isEquity(exchange)).toBe(equity);
    expect(hasUnitMultiplier(exchange)).toBe(unit);
    expect(productsOf(exchange).join(' ')).toBe(products);
  });

  it('are listed at seven exchanges', () => {
    expect(EXCHANGES).toHaveLength(7);
  });

  it('are named as Kite names them in quotes', () => {
    expect(instrumentKey({ exchange: 'NSE', symbol: 'M&M' })).toBe('NSE:M&M');
  });

  it('are options when they are calls or puts', () => {
    expect((['EQ', 'FUT', 'CE', 'PE'] as const).map(isOption)).toEqual([false, false, true, true]);
  });

  it('can be traded unless they are indices', () => {
    expect(isTradable({ segment: 'INDICES' })).toBe(false);
    expect(isTradable({ segment: 'NSE' })).toBe(true);
  });
});
