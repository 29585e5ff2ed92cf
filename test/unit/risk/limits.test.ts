import { describe, expect, it } from 'vitest';
import { decimal } from '../../../src/domain/money.ts';
import {
  LIMIT_NAMES,
  type LimitName,
  capOf,
  limitText,
  limitsAt,
  ownLimitsAt,
  readLimit,
} from '../../../src/risk/limits.ts';
import { LIMITS, T0, at, stored, verdictOf } from './fixtures.ts';

const NAMES = Object.keys(LIMIT_NAMES) as LimitName[];
/** Something else than the default, for every limit. */
const OTHER: Readonly<Partial<Record<LimitName, string>>> = {
  REQUIRE_TAKE_PROFIT: 'yes',
  REFUSE_SELF_MATCH: 'yes',
  REQUIRE_FRESH_PRICE: 'yes',
  UNKNOWN_BLOCKS: 'strategy',
  BLOCKED_INSTRUMENTS: 'NSE:SBIN,NSE:M&M',
  ALLOWED_INSTRUMENTS: 'NSE:RELIANCE',
  MAX_ORDER_VALUE: '50000',
  MAX_POSITION_VALUE: '2x',
  REPEATED_EXECUTION_WINDOW_MS: '5000',
  REJECT_RATIO_WINDOW_MS: '5000',
  AUTO_FLATTEN: 'yes',
  POSITION_LOSS_EXIT: 'yes',
  PRICE_MAX_AGE_MS: '1000',
};
const otherOf = (name: LimitName): string => OTHER[name] ?? '1';

describe('the limits in force', () => {
  it('are the configured ones when nobody changed any', () => {
    expect(limitsAt(LIMITS, T0, {}, {})).toBe(LIMITS);
  });

  it("are the account's in place of the configured ones, tighter or looser", () => {
    const limits = limitsAt(LIMITS, T0, { MAX_POSITIONS: stored('7'), MAX_RISK_PER_TRADE: stored('0.01') });
    expect(limits).toEqual({ ...LIMITS, maxPositions: 7, maxRiskPerTrade: decimal('0.01') });
  });

  it.each([
    ['MAX_RISK_PER_TRADE', '0.01', '0.005', '0.005'],
    ['MAX_RISK_PER_TRADE', '0.01', '0.05', '0.01'],
    ['MAX_RISK_PER_TRADE', '0.01', '0', '0.01'],
    ['MAX_RISK_PER_TRADE', '0', '0.05', '0.05'],
    ['MAX_QUANTITY_PER_ORDER', '100', '50', '50'],
    ['MAX_QUANTITY_PER_ORDER', '100', '500', '100'],
    ['MAX_ORDER_AGE_MS', '10000', '5000', '5000'],
    ['MAX_ORDER_AGE_MS', '10000', '0', '10000'],
    ['MIN_RISK_REWARD', '2', '3', '3.00'],
    ['MIN_RISK_REWARD', '2', '1', '2.00'],
    ['REQUIRE_TAKE_PROFIT', 'no', 'yes', 'yes'],
    ['REQUIRE_TAKE_PROFIT', 'yes', 'no', 'yes'],
    ['UNKNOWN_BLOCKS', 'symbol', 'account', 'account'],
    ['UNKNOWN_BLOCKS', 'account', 'symbol', 'account'],
    ['DUPLICATE_WINDOW_MS', '2000', '0', '0'],
    ['DUPLICATE_WINDOW_MS', '0', '5000', '5000'],
    ['MAX_POSITIONS', '5', '2', '5'],
    ['MAX_DAILY_LOSS', '0.06', '0.01', '0.06'],
  ] as const)('%s of %s with a strategy at %s is %s for its orders', (name, account, strategy, inForce) => {
    const limits = limitsAt(LIMITS, T0, { [name]: stored(account) }, { [name]: stored(strategy) });
    expect(Number.isNaN(Number(inForce)) ? limitText(limits, name) : Number(limitText(limits, name))).toBe(
      Number.isNaN(Number(inForce)) ? inForce : Number(inForce),
    );
  });

  it('of a strategy that count its own orders and positions stand beside those of the account', () => {
    const own = ownLimitsAt({ MAX_POSITIONS: stored('2'), MAX_RISK_PER_TRADE: stored('0.01') }, T0);
    expect(own).toMatchObject({ maxPositions: 2, maxPositionSize: 0 });
    expect(ownLimitsAt({ MAX_RISK_PER_TRADE: stored('0.01') }, T0)).toBeNull();
    expect(ownLimitsAt({ MAX_POSITIONS: stored('2', { expiresAt: T0.toISOString() }) }, T0)).toBeNull();
  });

  it('count until the instant at which they expire, and not from it on', () => {
    const limits = { MAX_POSITIONS: stored('7', { expiresAt: at(60).toISOString() }) };
    expect(limitsAt(LIMITS, at(59.999), limits).maxPositions).toBe(7);
    expect(limitsAt(LIMITS, at(60), limits).maxPositions).toBe(LIMITS.maxPositions);
  });

  it('can be changed one by one, each under its own name', () => {
    const properties = NAMES.map((name) => LIMIT_NAMES[name][0]);
    expect([...properties].sort()).toEqual(Object.keys(LIMITS).sort());
    for (const name of NAMES) {
      const changed = limitsAt(LIMITS, T0, { [name]: stored(otherOf(name)) });
      const property = LIMIT_NAMES[name][0];
      expect(changed, name).toEqual({ ...LIMITS, [property]: changed[property] });
      expect(changed[property], name).not.toEqual(LIMITS[property]);
    }
  });

  it('are shown as they are written, and read back to the same value', () => {
    for (const name of NAMES) {
      const changed = limitsAt(LIMITS, T0, { [name]: stored(otherOf(name)) });
      const shown = readLimit(name, limitText(changed, name));
      expect(shown.ok, name).toBe(true);
      const again = limitsAt(LIMITS, T0, { [name]: stored(shown.ok ? shown.value : '') });
      expect(again, name).toEqual(changed);
    }
  });

  it('leave names alone that they do not know', () => {
    expect(limitsAt(LIMITS, T0, { PORT: stored('1'), constructor: stored('2') })).toEqual(LIMITS);
  });

  it('refuse a share that is no number instead of taking it for none', () => {
    expect(() => limitsAt(LIMITS, T0, { MAX_DAILY_LOSS: stored('much') })).toThrow();
  });

  it('in multiples follow the opening equity, in rupees they stand still, and 0 is off', () => {
    const cap = (amount: string, unit: 'x' | 'rupees') =>
      capOf({ amount: decimal(amount), unit }, decimal(80_000))?.toFixed();
    expect(cap('1.5', 'x')).toBe('120000');
    expect(cap('50000', 'rupees')).toBe('50000');
    expect(cap('0', 'x')).toBeUndefined();
    expect(cap('0', 'rupees')).toBeUndefined();
  });

  it.each([
    ['MAX_RISK_PER_TRADE', '1.0001', 'must be a plain number from 0 to 1'],
    ['MAX_RISK_PER_TRADE', '-0.01', 'must be a plain number from 0 to 1'],
    ['MAX_RISK_PER_TRADE', '1e-3', 'must be a plain number from 0 to 1'],
    ['MAX_POSITIONS', '10001', 'must be a whole number from 0 to 10000'],
    ['MAX_POSITIONS', '2.5', 'must be a whole number from 0 to 10000'],
    ['REPEATED_EXECUTION_WINDOW_MS', '999', 'must be a whole number from 1000 to 86400000'],
    ['REQUIRE_TAKE_PROFIT', 'true', 'must be yes or no'],
    ['UNKNOWN_BLOCKS', 'all', 'must be one of none, symbol, strategy, account'],
    ['MAX_ORDER_VALUE', '-1', 'must be rupees ("50000") or a multiple of the day\'s opening equity ("1.5x")'],
    ['MAX_ORDER_VALUE', '1X', 'must be rupees ("50000") or a multiple of the day\'s opening equity ("1.5x")'],
    [
      'BLOCKED_INSTRUMENTS',
      'RELIANCE',
      'must name at most 200 instruments as EXCHANGE:SYMBOL, separated by commas',
    ],
  ] as const)('%s is never "%s": it %s', (name, text, rule) => {
    expect(readLimit(name, text)).toEqual({ ok: false, error: rule });
  });

  it('may be whatever is in its range, ends included', () => {
    for (const name of NAMES) {
      const range = LIMIT_NAMES[name][3];
      if (range === null) continue;
      for (const end of range) expect(readLimit(name, String(end)).ok, `${name} of ${end}`).toBe(true);
      expect(readLimit(name, String(range[1] + 1)).ok, name).toBe(false);
      expect(readLimit(name, String(range[0] - 1)).ok, name).toBe(false);
    }
    const listed = (count: number) => Array.from({ length: count }, (_, n) => `NSE:S${n}`).join(',');
    expect(readLimit('ALLOWED_INSTRUMENTS', listed(200)).ok).toBe(true);
    expect(readLimit('ALLOWED_INSTRUMENTS', listed(201)).ok).toBe(false);
  });

  it.each([
    ['POSITION_LIMIT', { maxPositions: 0 }],
    ['RISK_PER_TRADE', { maxRiskPerTrade: decimal(0) }],
    ['DAILY_LOSS', { maxDailyLoss: decimal(0) }],
    ['PRICE_SANITY', { maxPriceDeviationPct: decimal(0) }],
    ['ORDER_TO_POSITION_RATIO', { maxOrderToPositionRatio: 0 }],
  ] as const)('of 0 turn %s off', (check, limits) => {
    expect(verdictOf(check, { limits, dayPnl: '-50000' }).verdict).toBe('SKIP');
  });

  it('of 0 let any quantity and any ratio of reward to risk pass', () => {
    const order = { quantity: 1_000_000, takeProfit: '2450.05' };
    const limits = { maxQuantityPerOrder: 0, maxPositionSize: 0, minRiskReward: decimal(0) };
    expect(verdictOf('QUANTITY_LIMITS', { order, limits }).verdict).toBe('PASS');
    expect(verdictOf('RISK_REWARD', { order, limits }).verdict).toBe('PASS');
  });
});
