import { describe, expect, it } from 'vitest';
import { fakeClock, systemClock } from '../../../src/time/clock.ts';
import { newId } from '../../../src/time/random.ts';

describe('clocks', () => {
  it('stands still until it is moved', () => {
    const clock = fakeClock('2026-11-22T09:15:00+05:30');
    expect(clock.now().toISOString()).toBe('2026-11-22T03:45:00.000Z');
    clock.advance(1500);
    expect(clock.now().toISOString()).toBe('2026-11-22T03:45:01.500Z');
    expect(clock.monotonicMs()).toBe(1500);
  });

  it('keeps durations when the wall clock is set back', () => {
    const clock = fakeClock('2026-11-22T09:15:00+05:30');
    clock.advance(10);
    clock.setNow('2020-01-01T00:00:00Z');
    clock.advance(10);
    expect(clock.monotonicMs()).toBe(20);
    expect(clock.now().toISOString()).toBe('2020-01-01T00:00:00.010Z');
  });

  it('refuses to run backwards and to start at no instant', () => {
    expect(() => fakeClock('nonsense')).toThrow(/not an instant/);
    expect(() => fakeClock('2026-11-22T09:15:00Z').advance(-1)).toThrow(/forward/);
    expect(() => fakeClock('2026-11-22T09:15:00Z').advance(Number.NaN)).toThrow(/forward/);
  });

  it('hands out a Date of its own each time', () => {
    const clock = fakeClock('2026-11-22T09:15:00Z');
    clock.now().setTime(0);
    expect(clock.now().getTime()).not.toBe(0);
  });

  it('the system clock agrees with the machine', () => {
    const earliest = Date.now();
    const now = systemClock.now().getTime();
    expect(now).toBeGreaterThanOrEqual(earliest);
    expect(now).toBeLessThanOrEqual(Date.now());
    const before = systemClock.monotonicMs();
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(before);
  });
});

describe('newId', () => {
  it('gives lower-case UUIDs of version 7 that rise', () => {
    const ids = Array.from({ length: 1000 }, () => newId());
    expect(new Set(ids).size).toBe(1000);
    expect([...ids].sort()).toEqual(ids);
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
