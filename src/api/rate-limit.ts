import type { Context as HonoContext } from 'hono';
import type { Clock } from '../time/clock.ts';
import { ApiProblem } from './problem.ts';
import type { Principal } from './principal.ts';

const WINDOW_MS = 60_000;
/** Requests without a valid token that an address may send in a minute. */
const FAILURES_PER_MINUTE = 60;
/** Addresses counted at once; whoever has more starts all of them anew. */
const ADDRESSES_AT_MOST = 10_000;
/** A request without a connection, as tests send it. */
const NOWHERE = 'nowhere';

export interface RateLimits {
  /** Counts one request of a principal; throws RATE_LIMITED beyond the limit. */
  principal(c: HonoContext, principal: Principal): void;
  /** The same for what is open to everyone, by address. */
  open(c: HonoContext, address: string | null): void;
  /** For requests with a token that is none. */
  failure(address: string | null): void;
}

interface Counted {
  readonly limit: number;
  readonly left: number;
  readonly seconds: number;
}

const counted = new WeakMap<HonoContext, Record<string, string>>();

/** What an answer says of the sender's limit (draft-ietf-httpapi-ratelimit-headers): nothing where there is none. */
export function rateHeadersOf(c: HonoContext): Readonly<Record<string, string>> {
  return counted.get(c) ?? {};
}

/**
 * Fixed windows a minute long, in the memory of this process: by token, so that one sender does not hold up another
 * behind the same address, and by address where there is no token. 0 requests a minute turns all of it off.
 */
export function createRateLimits(perMinute: number, clock: Clock): RateLimits {
  if (perMinute === 0) return { principal: () => undefined, open: () => undefined, failure: () => undefined };
  const tokens = createWindow(perMinute, clock);
  const addresses = createWindow(perMinute, clock);
  const failures = createWindow(Math.min(FAILURES_PER_MINUTE, perMinute), clock);
  const count = (c: HonoContext, name: string, window: Window, key: string, who: string): void => {
    const now = window(key);
    counted.set(c, {
      'ratelimit-policy': `"${name}";q=${now.limit};w=${WINDOW_MS / 1000}`,
      ratelimit: `"${name}";r=${Math.max(0, now.left)};t=${now.seconds}`,
    });
    refuseBeyond(now, who);
  };
  return {
    principal: (c, { id }) => {
      count(c, 'token', tokens, id, 'The token');
    },
    open: (c, address) => {
      count(c, 'address', addresses, address ?? NOWHERE, 'The address');
    },
    failure: (address) => {
      refuseBeyond(failures(address ?? NOWHERE), 'An address without a valid token');
    },
  };
}

type Window = (key: string) => Counted;

function createWindow(limit: number, clock: Clock): Window {
  let windowStartMs = clock.monotonicMs();
  const counts = new Map<string, number>();
  return (key) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - windowStartMs >= WINDOW_MS) {
      windowStartMs = nowMs;
      counts.clear();
    }
    if (counts.size >= ADDRESSES_AT_MOST && !counts.has(key)) counts.clear();
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    const seconds = Math.max(1, Math.ceil((windowStartMs + WINDOW_MS - nowMs) / 1000));
    return { limit, left: limit - count, seconds };
  };
}

function refuseBeyond({ limit, left, seconds }: Counted, who: string): void {
  if (left >= 0) return;
  throw new ApiProblem('RATE_LIMITED', {
    detail: `${who} may send ${limit} requests a minute; the next minute begins in ${seconds} s.`,
    headers: { 'retry-after': String(seconds) },
  });
}
