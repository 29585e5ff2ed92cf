import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Decimal, decimal } from '../../../../src/domain/money.ts';
import {
  type MoneyBase,
  type ValuedPosition,
  knownPeak,
  peakToWrite,
  riskMoney,
} from '../../../../src/risk/monitor/money.ts';
import {
  type PriceFacts,
  type PriceQuality,
  priceQuality,
} from '../../../../src/risk/monitor/price-quality.ts';
import { tripsOf } from '../../../../src/risk/monitor/trips.ts';
import { LIMITS } from '../fixtures.ts';
import { money } from './fixtures.ts';

const BASE: MoneyBase = {
  balance: decimal(100_000),
  openingEquity: decimal(100_000),
  dayFlows: decimal(0),
  knownPeak: decimal(100_000),
};

function held(
  lastPrice: string | null,
  quality: PriceQuality = 'GOOD',
  previousClose: string | null = null,
): ValuedPosition {
  return {
    quantity: 100,
    openValue: decimal(100_000),
    multiplier: decimal(1),
    previousClose: previousClose === null ? null : decimal(previousClose),
    lastPrice: lastPrice === null ? null : decimal(lastPrice),
    quality,
  };
}

const plain = (value: Decimal) => value.toFixed();

describe('the money of an account', () => {
  it('is its balance with what its positions would bring now', () => {
    const now = riskMoney(BASE, [held('950')]);
    expect(plain(now.equity)).toBe('95000');
    expect(plain(now.dayPnl)).toBe('-5000');
    expect(plain(now.drawdown)).toBe('5000');
    expect(now.allGood).toBe(true);
  });

  it("leaves the day's deposits and withdrawals out of the day's result", () => {
    const now = riskMoney({ ...BASE, balance: decimal(110_000), dayFlows: decimal(10_000) }, []);
    expect(plain(now.dayPnl)).toBe('0');
  });

  it('begins its day with what it has when the day has no row yet', () => {
    const now = riskMoney({ ...BASE, openingEquity: null, knownPeak: null }, [held('950')]);
    expect([now.dayPnl, now.openingEquity, now.peakEquity].map(plain)).toEqual(['0', '95000', '95000']);
  });

  it.each(['STALE', 'IMPLAUSIBLE', 'UNKNOWN'] as const)('trusts no price that is %s', (quality) => {
    const price = quality === 'UNKNOWN' ? null : '500';
    const now = riskMoney(BASE, [held(price, quality), held('990')]);
    expect(plain(now.trustedEquity)).toBe('99000');
    expect(plain(now.equity)).toBe(quality === 'UNKNOWN' ? '99000' : '49000');
    expect(now.allGood).toBe(false);
  });

  it('counts a carried position at its previous close while its price can not be trusted', () => {
    const now = riskMoney(BASE, [held('500', 'STALE', '1100')]);
    expect(plain(now.trustedEquity)).toBe('110000');
  });

  it('counts a rebased share at our previous close everywhere, and that is good enough for a peak', () => {
    const now = riskMoney(BASE, [held('500', 'REBASED', '1100')]);
    expect([now.equity, now.trustedEquity, now.peakEquity].map(plain)).toEqual([
      '110000',
      '110000',
      '110000',
    ]);
    expect(now.allGood).toBe(true);
  });

  it('raises its peak by good prices alone', () => {
    expect(plain(riskMoney(BASE, [held('1100')]).peakEquity)).toBe('110000');
    expect(plain(riskMoney(BASE, [held('1100', 'STALE')]).peakEquity)).toBe('100000');
  });
});

describe('a trip', () => {
  const kinds = (of: Parameters<typeof money>[0], limits = {}) =>
    tripsOf(money(of), { ...LIMITS, ...limits }).map(({ kind }) => kind);

  it.each([
    ['-5999.99', []],
    ['-6000', ['DAILY_LOSS']],
    ['6000', []],
  ])('of the day at %s is %o', (dayPnl, expected) => {
    expect(kinds({ dayPnl })).toEqual(expected);
  });

  it.each([
    ['14999.99', []],
    ['15000', ['DRAWDOWN']],
  ])('of a drawdown of %s from 100,000 is %o', (drawdown, expected) => {
    expect(kinds({ drawdown })).toEqual(expected);
  });

  it('needs a limit above zero and something it is a share of', () => {
    expect(kinds({ dayPnl: '-6000' }, { maxDailyLoss: decimal(0) })).toEqual([]);
    expect(kinds({ dayPnl: '-6000', openingEquity: '0' })).toEqual([]);
    expect(kinds({ drawdown: '15000' }, { maxDrawdown: decimal(0) })).toEqual([]);
    expect(kinds({ drawdown: '0', peakEquity: '0' })).toEqual([]);
  });

  it('never comes from prices that can not be trusted, in either direction', () => {
    expect(kinds({ dayPnl: '-9000', trustedDayPnl: '-5999' })).toEqual([]);
    expect(kinds({ dayPnl: '-5999', trustedDayPnl: '-9000' })).toEqual([]);
    expect(kinds({ drawdown: '20000', trustedDrawdown: '14999' })).toEqual([]);
    expect(kinds({ drawdown: '14999', trustedDrawdown: '20000' })).toEqual([]);
  });

  it('comes from a loss that is there whatever an unknown price says', () => {
    const lost = riskMoney({ ...BASE, balance: decimal(93_000) }, [held(null, 'UNKNOWN')]);
    expect(tripsOf(lost, LIMITS).map(({ kind }) => kind)).toEqual(['DAILY_LOSS']);
  });

  it('names its baseline, its limit and its value', () => {
    const [trip] = tripsOf(money({ dayPnl: '-6120.5' }), LIMITS);
    expect(trip).toMatchObject({
      limit: 'MAX_DAILY_LOSS',
      baseline: 'riskCapital',
      reason: "the day's loss 6,120.50 reached the limit 6,000.00 (6% of riskCapital 100,000.00)",
    });
    const [fall] = tripsOf(money({ drawdown: '16500', peakEquity: '110000' }), LIMITS);
    expect(fall).toMatchObject({
      limit: 'MAX_DRAWDOWN',
      baseline: 'peakEquity',
      reason: 'equity is 16,500.00 under its peak, the limit is 16,500.00 (15% of peakEquity 110,000.00)',
    });
  });

  it('by a stale price never happens, whatever the price (property)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), (price) => {
        const now = riskMoney(BASE, [held(String(price), 'STALE')]);
        expect(tripsOf(now, LIMITS)).toEqual([]);
      }),
    );
  });
});

describe('the known peak', () => {
  const peak = (account: string | null, high: string | null, highOf: string | null) =>
    knownPeak(account === null ? null : decimal(account), {
      high: high === null ? null : decimal(high),
      highOf: highOf === null ? null : decimal(highOf),
    })?.toFixed() ?? null;

  it.each([
    [null, null, null, null],
    [null, '101', null, '101'],
    ['100', null, '100', '100'],
    ['100', '100.05', '100', '100.05'],
    // The account's own peak was written since.
    ['102', '101', '100', '102'],
    // An operator rebased: the high is from before.
    ['85', '100.05', '100', '85'],
  ])('of an account at %s with a high of %s seen over %s is %s', (account, high, highOf, expected) => {
    expect(peak(account, high, highOf)).toBe(expected);
  });

  it('is the account alone before the monitor looked', () => {
    expect(knownPeak(decimal(5), null)?.toFixed()).toBe('5');
  });
});

describe('the peak to write', () => {
  const toWrite = (account: string | null, changes: Parameters<typeof money>[0]) =>
    peakToWrite(account === null ? null : decimal(account), money(changes))?.toFixed() ?? null;

  it('is the first one at once, from good prices', () => {
    expect(toWrite(null, { peakEquity: '100000' })).toBe('100000');
    expect(toWrite(null, { peakEquity: '100000', allGood: false })).toBeNull();
  });

  it('waits until the rise is a thousandth of riskCapital', () => {
    expect(toWrite('100000', { peakEquity: '100000' })).toBeNull();
    expect(toWrite('100000', { peakEquity: '100099.99' })).toBeNull();
    expect(toWrite('100000', { peakEquity: '100100' })).toBe('100100');
  });
});

describe('the quality of a price', () => {
  const facts = (changes: Partial<Record<keyof PriceFacts, unknown>> = {}): PriceFacts =>
    Object.fromEntries(
      Object.entries({
        lastPrice: '100',
        ageMs: 100,
        source: 'BROKER',
        lowerCircuit: '90',
        upperCircuit: '110',
        brokerPreviousClose: '100',
        ownPreviousClose: null,
        averagePrice: '100',
        instrumentType: 'EQ',
        ...changes,
      }).map(([name, value]) => [
        name,
        typeof value === 'string' && /^\d/.test(value) ? decimal(value) : value,
      ]),
    ) as unknown as PriceFacts;

  it.each([
    ['fresh and inside the circuit', {}, 'GOOD'],
    ['as old as allowed', { ageMs: 5000 }, 'GOOD'],
    ['a millisecond older', { ageMs: 5001 }, 'STALE'],
    ['not there', { lastPrice: null, ageMs: null }, 'UNKNOWN'],
    ['at the lower circuit', { lastPrice: '90' }, 'GOOD'],
    ['under the lower circuit', { lastPrice: '89.95' }, 'IMPLAUSIBLE'],
    ['at the upper circuit', { lastPrice: '110' }, 'GOOD'],
    ['over the upper circuit', { lastPrice: '110.05' }, 'IMPLAUSIBLE'],
    ['without circuits', { lastPrice: '1', lowerCircuit: null, upperCircuit: null }, 'GOOD'],
    ['pushed beyond the old circuit', { source: 'PUSH', lastPrice: '60' }, 'GOOD'],
    ['pushed at ten times', { source: 'PUSH', lastPrice: '1000' }, 'GOOD'],
    ['pushed in paise', { source: 'PUSH', lastPrice: '10000' }, 'IMPLAUSIBLE'],
    ['pushed at a tenth', { source: 'PUSH', lastPrice: '10' }, 'GOOD'],
    ['pushed under a tenth', { source: 'PUSH', lastPrice: '9.95' }, 'IMPLAUSIBLE'],
    ['a premium pushed under a tenth', { source: 'PUSH', lastPrice: '5', instrumentType: 'CE' }, 'GOOD'],
    [
      'of a share whose close agrees to a tenth',
      { ownPreviousClose: '110', brokerPreviousClose: '99' },
      'GOOD',
    ],
    ['of a share that was split', { ownPreviousClose: '200', brokerPreviousClose: '100' }, 'REBASED'],
    ['of one that was consolidated', { ownPreviousClose: '50', brokerPreviousClose: '100' }, 'REBASED'],
    ['old, of a share that was split', { ownPreviousClose: '200', ageMs: 9e9 }, 'REBASED'],
  ])('%s', (_, changes, expected) => {
    expect(priceQuality(facts(changes), 5000)).toBe(expected);
  });
});
