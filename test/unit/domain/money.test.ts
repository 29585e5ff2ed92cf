import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Decimal,
  decimal,
  formatMoney,
  formatMoneyForPeople,
  isOnTick,
  parseDecimal,
  sum,
  toPaise,
  toValueScale,
} from '../../../src/domain/money.ts';

describe('parseDecimal', () => {
  it.each(['0', '1', '-1', '2450.05', '0.00000001', '99999999999999.99999999', '007.10'])(
    'takes %s',
    (text) => {
      const parsed = parseDecimal(text);
      expect(parsed.ok && parsed.value.eq(text)).toBe(true);
    },
  );

  it.each([
    '',
    ' 1',
    '1 ',
    '1e3',
    '1E3',
    '+1',
    '--1',
    '.5',
    '1.',
    '1,000',
    '0x10',
    'NaN',
    'Infinity',
    '-Infinity',
    '1.123456789',
    '100000000000000',
    '१२',
    '1\n',
    '1_000',
  ])('refuses %j', (text) => {
    expect(parseDecimal(text).ok).toBe(false);
  });

  it('keeps long input out of its refusal', () => {
    const refused = parseDecimal('x'.repeat(10_000));
    expect(refused.ok ? '' : refused.error.length).toBeLessThan(100);
  });

  it('reads back any amount it wrote, digit for digit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 18n - 1n), max: 10n ** 18n - 1n }), (n) => {
        const text = `${n}`.replace(/^(-?)(\d+)$/, (_, sign: string, digits: string) => {
          const padded = digits.padStart(5, '0');
          return `${sign}${padded.slice(0, -4)}.${padded.slice(-4)}`;
        });
        const parsed = parseDecimal(text);
        expect(parsed.ok && parsed.value.toFixed(4)).toBe(n === 0n ? '0.0000' : text);
      }),
    );
  });
});

describe('decimal', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 'NaN', 'Infinity'])(
    'refuses %s',
    (value) => {
      expect(() => decimal(value)).toThrow(RangeError);
    },
  );

  it('takes a JSON number by its digits, not by its binary value', () => {
    expect(decimal(0.1).plus(decimal(0.2)).toFixed()).toBe('0.3');
    expect(decimal(2450.05).toFixed()).toBe('2450.05');
  });

  it('multiplies the largest prices and quantities without a rounding', () => {
    expect(decimal('99999999999999.1234').times(100_000_000).toFixed()).toBe('9999999999999912340000');
  });
});

describe('money as text', () => {
  it.each([
    ['0', '0.00'],
    ['2450', '2450.00'],
    ['2450.5', '2450.50'],
    ['2450.0525', '2450.0525'],
    ['-0.005', '-0.005'],
    ['10000000000000', '10000000000000.00'],
    ['0.00000001', '0.00000001'],
  ])('of %s is %s for machines', (value, text) => {
    expect(formatMoney(decimal(value))).toBe(text);
  });

  it.each([
    ['0', '0.00'],
    ['5', '5.00'],
    ['999.99', '999.99'],
    ['1000', '1,000.00'],
    ['100000', '100,000.00'],
    ['-1234567.891', '-1,234,567.89'],
    ['-0.001', '0.00'],
    ['-0.006', '-0.01'],
    ['999999.996', '1,000,000.00'],
    ['-0', '0.00'],
  ])('of %s is %s for people', (value, text) => {
    expect(formatMoneyForPeople(new Decimal(value))).toBe(text);
  });
});

describe('rounding', () => {
  it.each([
    ['1.005', '1.01'],
    ['1.004', '1'],
    ['-1.005', '-1.01'],
    ['1.015', '1.02'],
  ])('charges of %s to the paisa gives %s: half up, as brokers bill', (value, expected) => {
    expect(toPaise(decimal(value)).toFixed()).toBe(expected);
  });

  it.each([
    ['1.00005', '1'],
    ['1.00015', '1.0002'],
    ['1.00025', '1.0002'],
    ['1.000251', '1.0003'],
  ])('a value sum of %s gives %s: half to the even one', (value, expected) => {
    expect(toValueScale(decimal(value)).toFixed()).toBe(expected);
  });
});

describe('isOnTick', () => {
  it.each([
    ['2450.05', '0.05', true],
    ['2450.06', '0.05', false],
    ['0.3', '0.1', true],
    ['83.2525', '0.0025', true],
    ['83.2526', '0.0025', false],
    ['6000', '1', true],
    ['6000.5', '1', false],
  ])('%s on a tick of %s: %s', (price, tick, on) => {
    expect(isOnTick(decimal(price), decimal(tick))).toBe(on);
  });

  it('is true of every whole number of ticks', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10_000_000 }),
        fc.constantFrom('0.01', '0.05', '0.0025', '1'),
        (n, tick) => {
          expect(isOnTick(decimal(tick).times(n), decimal(tick))).toBe(true);
          expect(isOnTick(decimal(tick).times(n).plus('0.0001'), decimal(tick))).toBe(false);
        },
      ),
    );
  });
});

describe('sum', () => {
  it('is exact and does not depend on the order', () => {
    const amounts = fc.array(
      fc.integer({ min: -(10 ** 9), max: 10 ** 9 }).map((n) => decimal(n).div(10_000)),
    );
    fc.assert(
      fc.property(amounts, (values) => {
        expect(sum(values).eq(sum([...values].reverse()))).toBe(true);
        expect(sum(values).times(10_000).toNumber()).toBe(
          values.reduce((total, value) => total + value.times(10_000).toNumber(), 0),
        );
      }),
    );
  });

  it('of nothing is zero', () => {
    expect(sum([]).toFixed()).toBe('0');
  });
});
