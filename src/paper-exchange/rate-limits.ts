import { istDayNumber } from './clock.ts';
import type { RateLimits } from './settings.ts';

/** What a call counts as. */
export type LimitedCall = 'place' | 'modify' | 'cancel' | 'quote' | 'other';

interface Counter {
  window: number;
  count: number;
}

interface UserCounters {
  readonly orderSecond: Counter;
  readonly orderMinute: Counter;
  readonly placementDay: Counter;
  readonly quoteSecond: Counter;
  readonly otherSecond: Counter;
}

/** Counts calls per user in calendar windows; a call over a limit is not counted and not taken (kite.md 3.5). */
export class RateCounters {
  private readonly users = new Map<string, UserCounters>();

  /** True when the call is within every limit; it is then counted. */
  admit(user: string, call: LimitedCall, limits: RateLimits, nowMs: number): boolean {
    const counters = this.of(user);
    const second = Math.floor(nowMs / 1000);
    if (call === 'quote') return admitAll([[counters.quoteSecond, second, limits.quotesPerSecond]]);
    if (call === 'other') return admitAll([[counters.otherSecond, second, limits.othersPerSecond]]);
    const checks: Check[] = [
      [counters.orderSecond, second, limits.ordersPerSecond],
      [counters.orderMinute, Math.floor(second / 60), limits.ordersPerMinute],
    ];
    if (call === 'place') {
      checks.push([counters.placementDay, istDayNumber(nowMs), limits.placementsPerDay]);
    }
    return admitAll(checks);
  }

  clear(): void {
    this.users.clear();
  }

  private of(user: string): UserCounters {
    let counters = this.users.get(user);
    if (counters === undefined) {
      counters = {
        orderSecond: { window: 0, count: 0 },
        orderMinute: { window: 0, count: 0 },
        placementDay: { window: 0, count: 0 },
        quoteSecond: { window: 0, count: 0 },
        otherSecond: { window: 0, count: 0 },
      };
      this.users.set(user, counters);
    }
    return counters;
  }
}

type Check = readonly [counter: Counter, window: number, limit: number];

function admitAll(checks: readonly Check[]): boolean {
  for (const [counter, window, limit] of checks) {
    if (counter.window !== window) {
      counter.window = window;
      counter.count = 0;
    }
    if (limit > 0 && counter.count >= limit) return false;
  }
  for (const [counter] of checks) counter.count += 1;
  return true;
}
