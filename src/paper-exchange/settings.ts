import { err, ok, type Result } from '../lib/result.ts';

/** Limits per user; 0 switches one off. The windows are calendar seconds, minutes and IST days (kite.md 3.5). */
export interface RateLimits {
  /** Placements, modifications and cancellations together. */
  readonly ordersPerSecond: number;
  readonly ordersPerMinute: number;
  /** Placements, refused ones included. */
  readonly placementsPerDay: number;
  readonly quotesPerSecond: number;
  readonly othersPerSecond: number;
}

/** What can be changed while the exchange runs. */
export interface Settings {
  /** Time an order stands OPEN before it may fill. */
  readonly fillDelayMs: number;
  /** Chance that one try of a marketable order fills, 0 to 1. */
  readonly fillProbability: number;
  /** How much worse than the last price MARKET and SL-M orders fill, as a fraction of the price: 0.0002 is 0.02%. */
  readonly slippagePct: number;
  /** Delay of every REST answer. */
  readonly latencyMs: number;
  /** Time a placement or modification is in transit inside the OMS; nothing else may touch the order then. */
  readonly transitMs: number;
  /** Most that one order fills at one tick; 0 is no cap. */
  readonly volumeCap: number;
  /** Chance that an order under the cap still fills in parts, 0 to 1. */
  readonly partialFillChance: number;
  /** False holds every price still. */
  readonly walking: boolean;
  /** Of every random choice: the walk of prices, fills, faults by chance. Naming it begins all of them anew. */
  readonly seed: number;
  readonly rateLimits: RateLimits;
}

export const DEFAULT_SETTINGS: Settings = {
  fillDelayMs: 500,
  fillProbability: 0.95,
  slippagePct: 0.0002,
  latencyMs: 0,
  transitMs: 0,
  volumeCap: 500,
  partialFillChance: 0.05,
  walking: true,
  seed: 1,
  rateLimits: {
    ordersPerSecond: 10,
    ordersPerMinute: 400,
    placementsPerDay: 5000,
    quotesPerSecond: 0,
    othersPerSecond: 0,
  },
};

interface Range {
  readonly min: number;
  readonly max: number;
  readonly whole: boolean;
}

const NUMBER_RANGES: Record<Exclude<keyof Settings, 'walking' | 'rateLimits'>, Range> = {
  fillDelayMs: { min: 0, max: 3_600_000, whole: true },
  fillProbability: { min: 0, max: 1, whole: false },
  slippagePct: { min: 0, max: 0.5, whole: false },
  latencyMs: { min: 0, max: 60_000, whole: true },
  transitMs: { min: 0, max: 600_000, whole: true },
  volumeCap: { min: 0, max: 10_000_000, whole: true },
  partialFillChance: { min: 0, max: 1, whole: false },
  seed: { min: 0, max: 4_294_967_295, whole: true },
};
const LIMIT_RANGE: Range = { min: 0, max: 1_000_000, whole: true };

/** `current` with `patch` laid over it, or a text that names the first bad or unknown field. */
export function patchSettings(current: Settings, patch: unknown): Result<Settings, string> {
  if (!isRecord(patch)) return err('settings must be a JSON object');
  const next: Record<string, unknown> = { ...current };
  for (const [field, value] of Object.entries(patch)) {
    if (field === 'rateLimits') {
      const limits = patchLimits(current.rateLimits, value);
      if (!limits.ok) return limits;
      next[field] = limits.value;
    } else if (field === 'walking') {
      if (typeof value !== 'boolean') return err('walking must be true or false');
      next[field] = value;
    } else {
      const range = (NUMBER_RANGES as Record<string, Range | undefined>)[field];
      if (range === undefined) return err(`unknown setting ${field}`);
      const checked = checkNumber(field, value, range);
      if (!checked.ok) return checked;
      next[field] = checked.value;
    }
  }
  return ok(next as unknown as Settings);
}

function patchLimits(current: RateLimits, patch: unknown): Result<RateLimits, string> {
  if (!isRecord(patch)) return err('rateLimits must be a JSON object');
  const next: Record<string, number> = { ...current };
  for (const [field, value] of Object.entries(patch)) {
    if (!(field in current)) return err(`unknown setting rateLimits.${field}`);
    const checked = checkNumber(`rateLimits.${field}`, value, LIMIT_RANGE);
    if (!checked.ok) return checked;
    next[field] = checked.value;
  }
  return ok(next as unknown as RateLimits);
}

function checkNumber(field: string, value: unknown, range: Range): Result<number, string> {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) return err(`${field} must be a number`);
  if (number < range.min || number > range.max) {
    return err(`${field} must be from ${range.min} to ${range.max}`);
  }
  if (range.whole && !Number.isInteger(number)) return err(`${field} must be a whole number`);
  return ok(number);
}

/** True for a JSON object (not an array, not null). */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
