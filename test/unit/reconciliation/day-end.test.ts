import { describe, expect, it } from 'vitest';
import { instantOfIst } from '../../../src/domain/calendar.ts';
import { copyDue, isDayOver, isFinalRead } from '../../../src/reconciliation/day-end.ts';

const DAY = '2026-07-15';
const share = {
  exchange: 'NSE',
  tradingDay: DAY,
  variety: 'regular',
  lastReadAt: null,
  attemptTag: 'Tag1',
} as const;
const metal = { ...share, exchange: 'MCX' } as const;
const amo = { ...share, variety: 'amo' } as const;
const on = (day: string, time: string) => instantOfIst(day, time);

describe('the day of an order', () => {
  it('is over at 06:00 of the next date, not at midnight', () => {
    expect(isDayOver(share, on(DAY, '23:59'))).toBe(false);
    expect(isDayOver(share, on('2026-07-16', '05:59:59'))).toBe(false);
    expect(isDayOver(share, on('2026-07-16', '06:00'))).toBe(true);
  });

  it('is the one it was meant for with an after-market order, whether anybody saw it there or not', () => {
    const seenTheEveningBefore = { ...amo, lastReadAt: on('2026-07-14', '20:00') };
    for (const order of [amo, seenTheEveningBefore]) {
      expect(isDayOver(order, on(DAY, '20:00'))).toBe(false);
      expect(isDayOver(order, on('2026-07-16', '06:00'))).toBe(true);
    }
    // The book showed it longer: a holiday that nobody listed.
    const carried = { ...amo, lastReadAt: on('2026-07-16', '16:30') };
    expect(isDayOver(carried, on('2026-07-16', '20:00'))).toBe(false);
    expect(isDayOver(carried, on('2026-07-17', '06:00'))).toBe(true);
  });

  it('is that of its release for an after-market order from outside, and not over before it was seen there', () => {
    const outside = { ...amo, attemptTag: null };
    expect(isDayOver(outside, on('2026-07-20', '12:00'))).toBe(false);
    const seenThatEvening = { ...outside, lastReadAt: on(DAY, '20:00') };
    expect(isDayOver(seenThatEvening, on('2026-07-16', '12:00'))).toBe(false);
    const released = { ...outside, lastReadAt: on('2026-07-16', '09:20') };
    expect(isDayOver(released, on('2026-07-16', '20:00'))).toBe(false);
    expect(isDayOver(released, on('2026-07-17', '06:00'))).toBe(true);
  });
});

describe('a final read', () => {
  it('began after anything on the exchange could fill, on the same trading day', () => {
    expect(isFinalRead(share, on(DAY, '15:59:59'))).toBe(false);
    expect(isFinalRead(share, on(DAY, '16:00'))).toBe(true);
    expect(isFinalRead(share, on('2026-07-16', '05:59'))).toBe(true);
    expect(isFinalRead(share, on('2026-07-16', '06:00'))).toBe(false);
    expect(isFinalRead(metal, on(DAY, '23:00'))).toBe(false);
    expect(isFinalRead(metal, on(DAY, '23:58'))).toBe(true);
  });
});

describe('a copy of the books', () => {
  it.each([
    ['2026-07-15', '06:00', null],
    ['2026-07-15', '15:59:59', null],
    ['2026-07-15', '16:00', '16:00'],
    ['2026-07-15', '23:57:59', '16:00'],
    ['2026-07-15', '23:58', '23:58'],
    ['2026-07-16', '00:10', '23:58'],
    ['2026-07-16', '04:59:59', '23:58'],
    ['2026-07-16', '05:00', '05:00'],
    ['2026-07-16', '05:49:59', '05:00'],
    ['2026-07-16', '05:59:59', '05:50'],
  ])('on %s at %s is that of %s, of the trading day', (day, time, mark) => {
    const due = copyDue(on(day, time));
    if (mark === null) expect(due).toBeNull();
    else expect(due).toEqual({ day: DAY, mark, isLastCall: mark === '05:00' || mark === '05:50' });
  });
});
