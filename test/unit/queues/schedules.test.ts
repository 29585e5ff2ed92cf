import { describe, expect, it } from 'vitest';
import type { QueueName } from '../../../src/queues/names.ts';
import type { Schedule } from '../../../src/queues/queues.ts';
import { isInterval, isScheduleKey, phaseMs, ScheduleCheck } from '../../../src/queues/schedules.ts';
import { fakeClock } from '../../../src/time/clock.ts';

const START = Date.parse('2026-11-22T09:15:00Z');

function schedule(name: 'poll' | 'mark', key: string, everyMs = 1_000): Schedule {
  return { name, key, everyMs, payload: { accountId: key } };
}

/** A backend that holds these schedules, and counts what it is asked. */
function setUp(stored: { name: QueueName; key: string; everyMs: number; nextRun: number }[]) {
  const clock = fakeClock(new Date(START));
  const asked = { nextRuns: 0, intervals: 0 };
  const check = new ScheduleCheck(
    {
      nextRuns: async (name) => {
        asked.nextRuns += 1;
        return new Map(stored.filter((one) => one.name === name).map((one) => [one.key, one.nextRun]));
      },
      intervalOf: async (name, key) => {
        asked.intervals += 1;
        return stored.find((one) => one.name === name && one.key === key)?.everyMs ?? null;
      },
    },
    clock,
  );
  return { check, clock, asked };
}

describe('missing schedules', () => {
  it('are those that are gone, by queue and key', async () => {
    const { check } = setUp([{ name: 'poll', key: 'a', everyMs: 1_000, nextRun: START }]);
    const expected = [schedule('poll', 'a'), schedule('poll', 'b'), schedule('mark', 'a')];
    expect(await check.missing(expected)).toEqual([schedule('poll', 'b'), schedule('mark', 'a')]);
  });

  it('are found with one read per queue once the intervals are known', async () => {
    const { check, asked } = setUp([
      { name: 'poll', key: 'a', everyMs: 1_000, nextRun: START },
      { name: 'poll', key: 'b', everyMs: 1_000, nextRun: START },
    ]);
    const expected = [schedule('poll', 'a'), schedule('poll', 'b')];
    for (let n = 0; n < 3; n += 1) expect(await check.missing(expected)).toEqual([]);
    expect(asked).toEqual({ nextRuns: 3, intervals: 2 });
  });

  it('are those with another interval, until they were placed', async () => {
    const { check } = setUp([{ name: 'poll', key: 'a', everyMs: 1_000, nextRun: START }]);
    const faster = schedule('poll', 'a', 500);
    expect(await check.missing([faster])).toEqual([faster]);
    check.placed(faster);
    expect(await check.missing([faster])).toEqual([]);
    check.removed('poll', 'a');
    expect(await check.missing([faster])).toEqual([faster]);
  });

  it('are those overdue by three intervals and five seconds, at most once in 30 seconds', async () => {
    const { check, clock } = setUp([{ name: 'poll', key: 'a', everyMs: 1_000, nextRun: START }]);
    const expected = [schedule('poll', 'a')];
    clock.advance(7_999);
    expect(await check.missing(expected)).toEqual([]);
    clock.advance(1);
    expect(await check.missing(expected)).toEqual(expected);
    check.placed(expected[0]!);
    expect(await check.missing(expected)).toEqual([]);
    clock.advance(30_000);
    expect(await check.missing(expected)).toEqual(expected);
  });
});

describe('keys and intervals', () => {
  it.each(['', 'a:b', 'a b', 'x'.repeat(65)])('%j is no key', (key) => {
    expect(isScheduleKey(key)).toBe(false);
  });

  it('takes whole intervals from a tenth of a second', () => {
    expect([100, 1_000, 30_000].every(isInterval)).toBe(true);
    expect([0, -1, 99, 100.5, Number.NaN, Number.POSITIVE_INFINITY].some(isInterval)).toBe(false);
  });
});

describe('the phase of a schedule', () => {
  const accounts = Array.from({ length: 50 }, (_, index) => `account-${index}`);

  it('is the same at each start, shorter than the interval and than a second', () => {
    for (const everyMs of [100, 1_000, 30_000]) {
      for (const key of accounts) {
        const phase = phaseMs('poll', key, everyMs);
        expect(phase).toBe(phaseMs('poll', key, everyMs));
        expect(phase).toBeGreaterThanOrEqual(0);
        expect(phase).toBeLessThan(Math.min(everyMs, 1_000));
      }
    }
  });

  it('spreads fifty accounts: no tenth of the second has more than a fourth of them', () => {
    const tenths = accounts.map((key) => Math.floor(phaseMs('poll', key, 1_000) / 100));
    const counts = Array.from({ length: 10 }, (_, tenth) => tenths.filter((one) => one === tenth).length);
    expect(Math.max(...counts)).toBeLessThanOrEqual(12);
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });
});
