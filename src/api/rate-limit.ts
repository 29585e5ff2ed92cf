import type { Clock } from '../time/clock.ts';
import { ApiProblem } from './problem.ts';
import type { Principal } from './principal.ts';

const WINDOW_MS = 60_000;

/** Counts one request of a principal; throws RATE_LIMITED beyond the limit. */
export type RateLimiter = (principal: Principal) => void;

/** A fixed window a minute long per token, in the memory of this process; 0 turns it off. */
export function createRateLimiter(perMinute: number, clock: Clock): RateLimiter {
  if (perMinute === 0) return () => undefined;
  let windowStartMs = clock.monotonicMs();
  let counts = new Map<string, number>();
  return ({ id }) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - windowStartMs >= WINDOW_MS) {
      windowStartMs = nowMs;
      counts = new Map();
    }
    const count = (counts.get(id) ?? 0) + 1;
    counts.set(id, count);
    if (count <= perMinute) return;
    const seconds = Math.max(1, Math.ceil((windowStartMs + WINDOW_MS - nowMs) / 1000));
    throw new ApiProblem('RATE_LIMITED', {
      detail: `The token may send ${perMinute} requests a minute; the next minute begins in ${seconds} s.`,
      headers: { 'retry-after': String(seconds) },
    });
  };
}
