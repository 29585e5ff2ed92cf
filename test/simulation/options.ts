/** What a run is asked for, and everything that is drawn from its seed before it begins. */
import { parseArgs } from 'node:util';
import kept from './seeds.json' with { type: 'json' };
import { mulberry32 } from '../../src/paper-exchange/prng.ts';

export interface Options {
  readonly seed: number;
  readonly orders: number;
  /** Processes killed with SIGKILL at moments of the schedule; those that a failpoint kills come on top. */
  readonly kills: number;
  /** Other faults: servers, networks, clocks, stops. */
  readonly faults: number;
  readonly accounts: readonly string[];
  readonly backend: 'redis' | 'postgres';
  /** A planted bug that the workers run with; see mutants.ts. */
  readonly mutant: string | null;
  /** Every bound in time is this many times as long: for machines that are shared. */
  readonly patience: number;
  /** Between two operations of the load, milliseconds, so that the faults of the schedule find it under way. */
  readonly pace: number;
  /** Keeps the servers' folders and prints the processes' output. */
  readonly keep: boolean;
}

export interface Invocation {
  /** With `--kept` those that once found something (seeds.json) go first. */
  readonly seeds: readonly number[];
  readonly options: Omit<Options, 'seed'>;
  /** Seeds that run at a time, each with servers of its own. */
  readonly sideBySide: number;
  /** A seed that only took too long is run once more: for machines that are shared. Nothing else is forgiven. */
  readonly againWhenLate: boolean;
  /** Goes on with the next seed until this much time has passed, milliseconds; null: the seeds alone. */
  readonly forMs: number | null;
}

const ALL_ACCOUNTS = ['main', 'one', 'two', 'three', 'four', 'five'];
const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** Reads the command line; throws with a sentence when it makes no sense. */
export function parseInvocation(args: readonly string[]): Invocation {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      orders: { type: 'string', default: '200' },
      kills: { type: 'string', default: '20' },
      faults: { type: 'string', default: '7' },
      accounts: { type: 'string', default: '3' },
      backend: { type: 'string', default: 'redis' },
      for: { type: 'string' },
      mutant: { type: 'string' },
      patience: { type: 'string', default: '1' },
      pace: { type: 'string', default: '90' },
      'side-by-side': { type: 'string', default: '1' },
      'again-when-late': { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      kept: { type: 'boolean', default: false },
    },
  });
  const backend = values.backend;
  if (backend !== 'redis' && backend !== 'postgres') throw new Error('--backend is redis or postgres');
  const accounts = ALL_ACCOUNTS.slice(0, whole('accounts', values.accounts, 1, ALL_ACCOUNTS.length));
  const seeds = seedsOf(values.seeds, values.seed);
  return {
    seeds: values.kept ? [...new Set([...kept.map(({ seed }) => seed), ...seeds])] : seeds,
    sideBySide: whole('side-by-side', values['side-by-side'], 1, 16),
    againWhenLate: values['again-when-late'],
    forMs: values.for === undefined ? null : durationMs(values.for),
    options: {
      orders: whole('orders', values.orders, 1, 1_000_000),
      kills: whole('kills', values.kills, 0, 1_000_000),
      faults: whole('faults', values.faults, 0, 1_000_000),
      accounts,
      backend,
      mutant: values.mutant ?? null,
      patience: Number(values.patience) > 0 ? Number(values.patience) : 1,
      pace: whole('pace', values.pace, 0, 60_000),
      keep: values.keep,
    },
  };
}

function seedsOf(range: string | undefined, one: string | undefined): number[] {
  if (range === undefined) return [whole('seed', one ?? '1', 0, 0xffff_ffff)];
  const [first = '', last = first] = range.split('..');
  const from = whole('seeds', first, 0, 0xffff_ffff);
  const to = whole('seeds', last, from, 0xffff_ffff);
  return Array.from({ length: to - from + 1 }, (_, n) => from + n);
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new Error(`--${name} is a whole number from ${least} to ${most}`);
  }
  return value;
}

function durationMs(text: string): number {
  const [, count = '', unit = ''] = /^(\d+)([smh])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS[unit] ?? 0);
  if (!(ms > 0)) throw new Error('--for is a number with s, m or h, like 60m');
  return ms;
}

/** A stream of draws. Each part of a run has one of its own, so that one more order does not change the faults. */
export interface Draws {
  /** 0 up to, and not with, 1. */
  random(): number;
  chance(probability: number): boolean;
  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number;
  pick<T>(from: readonly T[]): T;
  shuffled<T>(items: readonly T[]): T[];
}

const STREAMS = { load: 0x51ab_0001, nemesis: 0x51ab_0002, exchange: 0x51ab_0003 } as const;

export function drawsOf(seed: number, stream: keyof typeof STREAMS): Draws {
  const random = mulberry32((Math.imul(seed + 1, 0x9e37_79b1) ^ STREAMS[stream]) >>> 0);
  const between = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
  return {
    random,
    between,
    chance: (probability) => random() < probability,
    pick: (from) => {
      const found = from[Math.floor(random() * from.length)];
      if (found === undefined) throw new Error('there is nothing to pick from');
      return found;
    },
    shuffled: (items) => {
      const rest = [...items];
      for (let n = rest.length - 1; n > 0; n -= 1) {
        const other = between(0, n);
        [rest[n], rest[other]] = [rest[other]!, rest[n]!];
      }
      return rest;
    },
  };
}

/** Never disturbed by faults of the exchange: its orders show when trading works again after a fault. */
export const CANARY = 'canary';

/** Share of an account's calls that each fault of the exchange strikes while the safety phase lasts. */
export const EXCHANGE_FAULTS = [
  { call: 'placeOrder', kind: 'acceptThenReset', probability: 0.02 },
  { call: 'placeOrder', kind: 'acceptThenTimeout', probability: 0.01 },
  { call: 'placeOrder', kind: 'serverErrorAfterAccept', probability: 0.02 },
  { call: 'placeOrder', kind: 'htmlOkAfterAccept', probability: 0.015 },
  { call: 'placeOrder', kind: 'badRequestTimedOutAfterAccept', probability: 0.015 },
  { call: 'placeOrder', kind: 'lateVisibility', silent: true, delayMs: 3000, probability: 0.015 },
  { call: 'placeOrder', kind: 'serverError', probability: 0.015 },
  { call: 'placeOrder', kind: 'timeout', probability: 0.01 },
  { call: 'placeOrder', kind: 'reset', probability: 0.01 },
  { call: 'placeOrder', kind: 'htmlOk', probability: 0.01 },
  { call: 'placeOrder', kind: 'rateLimited', probability: 0.01 },
  { call: 'placeOrder', kind: 'refuse', probability: 0.02 },
  { call: 'placeOrder', kind: 'rejectAtExchange', probability: 0.02 },
  { call: 'placeOrder', kind: 'slow', delayMs: 700, probability: 0.02 },
  { call: 'cancelOrder', kind: 'serverErrorAfterAccept', probability: 0.05 },
  { call: 'cancelOrder', kind: 'acceptThenReset', probability: 0.05 },
  { call: 'cancelOrder', kind: 'serverError', probability: 0.05 },
  { call: 'cancelOrder', kind: 'refuse', errorType: 'OrderException', probability: 0.02 },
  { call: 'modifyOrder', kind: 'acceptThenReset', probability: 0.08 },
  { call: 'modifyOrder', kind: 'serverError', probability: 0.05 },
  { call: 'modifyOrder', kind: 'rejectAtExchange', probability: 0.05 },
  { call: 'orders', kind: 'serverError', probability: 0.04 },
  { call: 'orders', kind: 'emptyList', probability: 0.04 },
  { call: 'orders', kind: 'truncated', probability: 0.04 },
  { call: 'orders', kind: 'slow', delayMs: 500, probability: 0.03 },
  { call: 'trades', kind: 'emptyList', probability: 0.08 },
  { call: 'trades', kind: 'htmlOk', probability: 0.04 },
  { call: 'positions', kind: 'serverError', probability: 0.05 },
  { call: 'positions', kind: 'emptyList', probability: 0.05 },
  { call: 'margins', kind: 'serverError', probability: 0.05 },
  { call: 'holdings', kind: 'truncated', probability: 0.05 },
  { call: 'quote', kind: 'serverError', probability: 0.05 },
] as const;

/** The configuration of every worker process; short intervals, the broker's real budget. */
export const WORKER_ENVIRONMENT = {
  LOG_LEVEL: 'warn',
  TZ: 'Asia/Kolkata',
  ADMIN_TOKEN: 'an-admin-token-of-the-simulation',
  POLL_INTERVAL_MS: '200',
  RECONCILE_INTERVAL_MS: '2000',
  RISK_INTERVAL_MS: '1000',
  UNKNOWN_HORIZON_MS: '3000',
  MODIFY_CONFIRM_MS: '1500',
  BROKER_TIMEOUT_MS: '2000',
  // A machine that is shared still gets a claimed order out.
  SEND_WINDOW_MS: '1000',
  MAX_ORDER_AGE_MS: '60000',
  PRICE_MAX_AGE_MS: '60000',
  PROTECTION: 'none',
  ORDER_CALLS_PER_SECOND: '8',
  ENTRY_CALLS_PER_SECOND: '7',
  ORDER_CALLS_PER_MINUTE: '380',
  ORDER_PLACEMENTS_PER_DAY: '0',
  RATE_LIMIT_PER_MINUTE: '0',
  ACCOUNT_BALANCE: '100000000',
  MAX_POSITIONS: '0',
  MAX_RISK_PER_TRADE: '0',
  MAX_DAILY_LOSS: '0',
  MAX_DRAWDOWN: '0',
  MAX_POSITION_LOSS_PCT: '0',
  MIN_RISK_REWARD: '0',
  MAX_POSITION_SIZE: '0',
  MAX_ORDER_TO_POSITION_RATIO: '0',
  DUPLICATE_WINDOW_MS: '0',
  ALERT_REPEAT_MS: '0',
  ALERT_WEBHOOK_SECRET: 'a-webhook-secret-of-the-simulation',
  ALERT_WEBHOOK_MIN_SEVERITY: 'INFO',
} as const;
