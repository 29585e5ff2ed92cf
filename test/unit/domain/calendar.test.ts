import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import {
  addDays,
  dayOfWeek,
  formatIst,
  instantOfIst,
  isDay,
  istDateOf,
  istMsOfDay,
  istTimeOfDay,
  startOfTradingDay,
  tradingDayOf,
} from '../../../src/domain/calendar.ts';

const instant = fc.date({ min: new Date('1946-01-01Z'), max: new Date('2100-01-01Z'), noInvalidDate: true });

function inKolkata(at: Date): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO('Asia/Kolkata');
}

describe('IST', () => {
  it('agrees with the zone database for every instant since 1946', () => {
    fc.assert(
      fc.property(instant, (at) => {
        const zoned = inKolkata(at);
        expect(istDateOf(at)).toBe(zoned.toPlainDate().toString());
        expect(istTimeOfDay(at)).toBe(
          zoned.toPlainTime().toString({ smallestUnit: 'second', roundingMode: 'trunc' }),
        );
        expect(formatIst(at)).toBe(zoned.toString({ timeZoneName: 'never', fractionalSecondDigits: 3 }));
        expect(dayOfWeek(istDateOf(at))).toBe(zoned.dayOfWeek);
      }),
    );
  });

  it('formats so that the instant can be read back', () => {
    fc.assert(
      fc.property(instant, (at) => {
        expect(new Date(formatIst(at)).getTime()).toBe(at.getTime());
        expect(instantOfIst(istDateOf(at), formatIst(at).slice(11, 23)).getTime()).toBe(at.getTime());
        expect(instantOfIst(istDateOf(at), '00:00').getTime() + istMsOfDay(at)).toBe(at.getTime());
      }),
    );
  });

  it('refuses an invalid Date and years it cannot write', () => {
    for (const bad of [new Date(Number.NaN), new Date(8.64e15)]) {
      expect(() => formatIst(bad)).toThrow();
      expect(() => tradingDayOf(bad)).toThrow();
    }
    expect(() => istMsOfDay(new Date(Number.NaN))).toThrow();
  });
});

describe('the trading day', () => {
  it.each([
    ['2026-11-22T05:59:59.999+05:30', '2026-11-21'],
    ['2026-11-22T06:00:00.000+05:30', '2026-11-22'],
    ['2026-11-22T09:15:00+05:30', '2026-11-22'],
    ['2026-11-22T23:55:00+05:30', '2026-11-22'],
    ['2026-11-23T00:30:00+05:30', '2026-11-22'],
    ['2027-01-01T05:00:00+05:30', '2026-12-31'],
    ['2024-03-01T05:00:00+05:30', '2024-02-29'],
  ])('%s belongs to %s', (at, day) => {
    expect(tradingDayOf(new Date(at))).toBe(day);
  });

  it('holds exactly the 24 hours from its start', () => {
    fc.assert(
      fc.property(instant, (at) => {
        const day = tradingDayOf(at);
        expect(startOfTradingDay(day).getTime()).toBeLessThanOrEqual(at.getTime());
        expect(startOfTradingDay(addDays(day, 1)).getTime()).toBeGreaterThan(at.getTime());
      }),
    );
  });
});

describe('days as text', () => {
  it('adds days over months and leap years, and back', () => {
    expect(addDays('2024-02-28', 1)).toBe('2024-02-29');
    expect(addDays('2025-12-31', 1)).toBe('2026-01-01');
    fc.assert(
      fc.property(instant, fc.integer({ min: -5000, max: 5000 }), (at, days) => {
        const day = istDateOf(at);
        expect(addDays(addDays(day, days), -days)).toBe(day);
      }),
    );
  });

  it.each(['2026-02-30', '2026-13-01', '2026-1-1', '26-01-01', '2026-01-01T00:00', '', 'today'])(
    'refuses %j as a day',
    (text) => {
      expect(isDay(text)).toBe(false);
      expect(() => addDays(text, 1)).toThrow(/not a day/);
      expect(() => instantOfIst(text, '09:15')).toThrow(/not a day/);
    },
  );

  it('reads times with and without seconds and refuses others', () => {
    expect(instantOfIst('2026-11-22', '09:15').toISOString()).toBe('2026-11-22T03:45:00.000Z');
    expect(instantOfIst('2026-11-22', '15:29:59.5').toISOString()).toBe('2026-11-22T09:59:59.500Z');
    for (const bad of ['24:00', '9:15', '09:60', '09:15:60', '09:15Z', '']) {
      expect(() => instantOfIst('2026-11-22', bad)).toThrow(/time of day/);
    }
  });

  it('counts Monday as 1 and Sunday as 7', () => {
    expect(dayOfWeek('2026-11-22')).toBe(7);
    expect(dayOfWeek('2026-11-23')).toBe(1);
  });
});
