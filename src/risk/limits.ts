import { type Decimal, ZERO, decimal, formatMoney, parseDecimal } from '../domain/money.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { StoredLimits } from '../domain/account.ts';

/** A cap in rupees, or in multiples ("1x") of riskCapital. Zero turns it off. */
export interface ValueLimit {
  readonly amount: Decimal;
  readonly unit: 'rupees' | 'x';
}

/** How far an order whose outcome is unknown reaches; each one blocks what the ones before it block, too. */
export const UNKNOWN_SCOPES = ['none', 'symbol', 'strategy', 'account'] as const;
export type UnknownScope = (typeof UNKNOWN_SCOPES)[number];

/** The limits in force for an order: configuration, then the account's own, then the strategy's. Source: api.md. */
export interface Limits {
  /** Shares of riskCapital. */
  readonly maxRiskPerTrade: Decimal;
  readonly maxDailyLoss: Decimal;
  readonly maxDrawdown: Decimal;
  readonly maxPositions: number;
  readonly minRiskReward: Decimal;
  /** Units of the worst-case position of one key. */
  readonly maxPositionSize: number;
  readonly maxQuantityPerOrder: number;
  /** Share of the last price. */
  readonly maxPriceDeviationPct: Decimal;
  readonly maxPositionLossPct: Decimal;
  /** Value held as multiples of riskCapital; the monitor warns. */
  readonly maxGrossExposure: Decimal;
  readonly maxNetExposure: Decimal;
  /** A trip also closes everything. */
  readonly autoFlatten: boolean;
  /** A position over maxPositionLossPct is closed. */
  readonly positionLossExit: boolean;
  readonly maxOrderToPositionRatio: number;
  readonly requireTakeProfit: boolean;
  readonly maxOrderValue: ValueLimit;
  /** Of one key if everything live and the order filled. */
  readonly maxPositionValue: ValueLimit;
  /** Of all live orders for what they may still open, the order included. */
  readonly maxOpenOrderValue: ValueLimit;
  readonly unknownBlocks: UnknownScope;
  /** Entries of one strategy in the window. */
  readonly repeatedExecutionMax: number;
  readonly repeatedExecutionWindowMs: number;
  readonly duplicateWindowMs: number;
  /** Share of a strategy's orders in the window that were rejected. */
  readonly rejectRatioPause: Decimal;
  readonly rejectRatioWindowMs: number;
  /** Order calls of a strategy for each of its orders that was filled, from which on the monitor pauses it. */
  readonly orderToTradePause: Decimal;
  readonly refuseSelfMatch: boolean;
  /** "EXCHANGE:SYMBOL"; a derivative is also meant by its underlying. An empty list is no list. */
  readonly blockedInstruments: readonly string[];
  readonly allowedInstruments: readonly string[];
  readonly requireFreshPrice: boolean;
  /** An older price is stale: it warns, and no entry is decided by it. */
  readonly priceMaxAgeMs: number;
  /** An entry that waited longer is rejected; 0: none is. */
  readonly maxOrderAgeMs: number;
  /** Share of the price before. */
  readonly maxPriceJumpPct: Decimal;
}

type Kind = 'share' | 'value' | 'count' | 'yesNo' | 'scope' | 'list';

/**
 * What a strategy's own value does beside the account's. `less`, `more`, `yes`, `wider`: the tighter of the two
 * holds. `own`: judged over the strategy's own orders and positions, while the account's is judged over all, so both
 * hold. `replaces`: measured within the strategy anyway, so its value stands alone, also a looser one: the way to
 * allow one strategy what is a duplicate elsewhere. `never`: judged over the account alone.
 */
type OfStrategy = 'less' | 'more' | 'yes' | 'wider' | 'own' | 'replaces' | 'never';

const DAY_MS = 86_400_000;

/** Configuration names that an account or a strategy may change: property, kind, what a strategy's does, range. */
export const LIMIT_NAMES = {
  MAX_RISK_PER_TRADE: ['maxRiskPerTrade', 'share', 'less', [0, 1]],
  MAX_DAILY_LOSS: ['maxDailyLoss', 'share', 'never', [0, 1]],
  MAX_DRAWDOWN: ['maxDrawdown', 'share', 'never', [0, 1]],
  MAX_POSITIONS: ['maxPositions', 'count', 'own', [0, 10_000]],
  MIN_RISK_REWARD: ['minRiskReward', 'share', 'more', [0, 1000]],
  MAX_POSITION_SIZE: ['maxPositionSize', 'count', 'own', [0, 100_000_000]],
  MAX_QUANTITY_PER_ORDER: ['maxQuantityPerOrder', 'count', 'less', [0, 100_000_000]],
  MAX_PRICE_DEVIATION_PCT: ['maxPriceDeviationPct', 'share', 'less', [0, 10]],
  MAX_POSITION_LOSS_PCT: ['maxPositionLossPct', 'share', 'never', [0, 10]],
  MAX_GROSS_EXPOSURE: ['maxGrossExposure', 'share', 'never', [0, 1000]],
  MAX_NET_EXPOSURE: ['maxNetExposure', 'share', 'never', [0, 1000]],
  AUTO_FLATTEN: ['autoFlatten', 'yesNo', 'never', null],
  POSITION_LOSS_EXIT: ['positionLossExit', 'yesNo', 'never', null],
  MAX_ORDER_TO_POSITION_RATIO: ['maxOrderToPositionRatio', 'count', 'own', [0, 10_000]],
  REQUIRE_TAKE_PROFIT: ['requireTakeProfit', 'yesNo', 'yes', null],
  MAX_ORDER_VALUE: ['maxOrderValue', 'value', 'own', null],
  MAX_POSITION_VALUE: ['maxPositionValue', 'value', 'own', null],
  MAX_OPEN_ORDER_VALUE: ['maxOpenOrderValue', 'value', 'own', null],
  UNKNOWN_BLOCKS: ['unknownBlocks', 'scope', 'wider', null],
  REPEATED_EXECUTION_MAX: ['repeatedExecutionMax', 'count', 'replaces', [0, 100_000]],
  REPEATED_EXECUTION_WINDOW_MS: ['repeatedExecutionWindowMs', 'count', 'replaces', [1000, DAY_MS]],
  DUPLICATE_WINDOW_MS: ['duplicateWindowMs', 'count', 'replaces', [0, DAY_MS]],
  REJECT_RATIO_PAUSE: ['rejectRatioPause', 'share', 'replaces', [0, 1]],
  REJECT_RATIO_WINDOW_MS: ['rejectRatioWindowMs', 'count', 'replaces', [1000, DAY_MS]],
  ORDER_TO_TRADE_PAUSE: ['orderToTradePause', 'share', 'replaces', [0, 100_000]],
  REFUSE_SELF_MATCH: ['refuseSelfMatch', 'yesNo', 'yes', null],
  BLOCKED_INSTRUMENTS: ['blockedInstruments', 'list', 'own', null],
  ALLOWED_INSTRUMENTS: ['allowedInstruments', 'list', 'own', null],
  REQUIRE_FRESH_PRICE: ['requireFreshPrice', 'yesNo', 'yes', null],
  PRICE_MAX_AGE_MS: ['priceMaxAgeMs', 'count', 'never', [100, 3_600_000]],
  MAX_ORDER_AGE_MS: ['maxOrderAgeMs', 'count', 'less', [0, DAY_MS]],
  MAX_PRICE_JUMP_PCT: ['maxPriceJumpPct', 'share', 'less', [0, 10]],
} as const satisfies Record<
  string,
  readonly [keyof Limits, Kind, OfStrategy, readonly [min: number, max: number] | null]
>;
export type LimitName = keyof typeof LIMIT_NAMES;
const NAMES = Object.entries(LIMIT_NAMES) as [LimitName, (typeof LIMIT_NAMES)[LimitName]][];

/** Instruments one list may name: lists are read with the account on every step. */
const MAX_LISTED = 200;
const LISTED = /^[A-Z]{3}:[A-Za-z0-9&_ .-]{1,60}$/;
const VALUE = /^(\d{1,13}(?:\.\d{1,4})?)(x?)$/;

export function isLimitName(name: string): name is LimitName {
  return Object.hasOwn(LIMIT_NAMES, name);
}

/**
 * The limits in force at `now`: `base` with the account's values in place of the configured ones, and the strategy's
 * beside them as LIMIT_NAMES says; what a strategy has of its own (`own`) is in ownLimitsAt. Expired values and
 * names that are not known count for nothing.
 */
export function limitsAt(
  base: Limits,
  now: Date,
  account: StoredLimits,
  strategy: StoredLimits = {},
): Limits {
  if (Object.keys(account).length === 0 && Object.keys(strategy).length === 0) return base;
  const limits: Record<string, unknown> = { ...base };
  for (const [name, [property, kind]] of NAMES) {
    const text = valueAt(account, name, now);
    if (text !== null) limits[property] = parsed(text, kind);
  }
  for (const [name, [property, kind, ofStrategy]] of NAMES) {
    const text = valueAt(strategy, name, now);
    if (text !== null) limits[property] = together(ofStrategy, limits[property], parsed(text, kind));
  }
  return limits as unknown as Limits;
}

/** What is judged over a strategy's own orders and positions alone. Off where it has no value of its own. */
export type OwnLimits = Pick<
  Limits,
  | 'maxPositions'
  | 'maxPositionSize'
  | 'maxOrderToPositionRatio'
  | 'maxOrderValue'
  | 'maxPositionValue'
  | 'maxOpenOrderValue'
  | 'blockedInstruments'
  | 'allowedInstruments'
>;

const NO_VALUE: ValueLimit = { amount: ZERO, unit: 'rupees' };

/** A strategy's own limits at `now`; null when it has none, which is the usual case. */
export function ownLimitsAt(strategy: StoredLimits, now: Date): OwnLimits | null {
  const own: Record<string, unknown> = {};
  for (const [name, [property, kind, ofStrategy]] of NAMES) {
    const text = ofStrategy === 'own' ? valueAt(strategy, name, now) : null;
    if (text !== null) own[property] = parsed(text, kind);
  }
  if (Object.keys(own).length === 0) return null;
  return {
    maxPositions: 0,
    maxPositionSize: 0,
    maxOrderToPositionRatio: 0,
    maxOrderValue: NO_VALUE,
    maxPositionValue: NO_VALUE,
    maxOpenOrderValue: NO_VALUE,
    blockedInstruments: [],
    allowedInstruments: [],
    ...own,
  };
}

/** The stored text of a limit at `now`; null when there is none or it has expired. */
export function valueAt(stored: StoredLimits, name: LimitName, now: Date): string | null {
  const limit = stored[name];
  if (limit === undefined) return null;
  return limit.expiresAt !== null && new Date(limit.expiresAt) <= now ? null : limit.value;
}

/** Rupees of a value limit; null when it is off. */
export function capOf({ amount, unit }: ValueLimit, riskCapital: Decimal): Decimal | null {
  if (amount.isZero()) return null;
  return unit === 'x' ? amount.times(riskCapital) : amount;
}

/** A limit as one writes it in the environment. */
export function limitText(limits: Limits, name: LimitName): string {
  const value = limits[LIMIT_NAMES[name][0]];
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.join(',');
  if ('unit' in value) return value.unit === 'x' ? `${value.amount.toFixed()}x` : formatMoney(value.amount);
  return formatMoney(value as Decimal);
}

/** Reads a limit as a person writes it, into the text that is stored; the error goes on from the limit's name. */
export function readLimit(name: LimitName, text: string): Result<string, string> {
  const [, kind, , range] = LIMIT_NAMES[name];
  const [min, max] = range ?? [0, 0];
  switch (kind) {
    case 'share': {
      const value = parseDecimal(text);
      const fits = value.ok && value.value.gte(min) && value.value.lte(max);
      return fits ? ok(value.value.toFixed()) : err(`must be a plain number from ${min} to ${max}`);
    }
    case 'value':
      return VALUE.test(text)
        ? ok(text)
        : err('must be rupees ("50000") or a multiple of the day\'s opening equity ("1.5x")');
    case 'count': {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
      return value >= min && value <= max
        ? ok(String(value))
        : err(`must be a whole number from ${min} to ${max}`);
    }
    case 'yesNo':
      return text === 'yes' || text === 'no' ? ok(text) : err('must be yes or no');
    case 'scope':
      return (UNKNOWN_SCOPES as readonly string[]).includes(text)
        ? ok(text)
        : err(`must be one of ${UNKNOWN_SCOPES.join(', ')}`);
    case 'list': {
      const listed = listOf(text);
      return listed.length <= MAX_LISTED && listed.every((one) => LISTED.test(one))
        ? ok(listed.join(','))
        : err(`must name at most ${MAX_LISTED} instruments as EXCHANGE:SYMBOL, separated by commas`);
    }
  }
}

/** The value behind the stored text of a limit. */
export function limitValue<Name extends LimitName>(
  name: Name,
  text: string,
): Limits[(typeof LIMIT_NAMES)[Name][0]] {
  return parsed(text, LIMIT_NAMES[name][1]) as Limits[(typeof LIMIT_NAMES)[Name][0]];
}

type Value = Limits[keyof Limits];

function parsed(text: string, kind: Kind): Value {
  switch (kind) {
    case 'share':
      return decimal(text);
    case 'value':
      return text.endsWith('x')
        ? { amount: decimal(text.slice(0, -1)), unit: 'x' }
        : { amount: decimal(text), unit: 'rupees' };
    case 'count':
      return Number(text);
    case 'yesNo':
      return text === 'yes';
    case 'scope':
      return text as UnknownScope;
    case 'list':
      return listOf(text);
  }
}

/** The strategy's value beside the account's; a maximum of 0 is off, so anything is tighter. */
function together(ofStrategy: OfStrategy, account: unknown, strategy: Value): unknown {
  switch (ofStrategy) {
    case 'less': {
      if (decimal(strategy as Decimal).isZero()) return account;
      const tighter = decimal(strategy as Decimal).lt(account as Decimal);
      return decimal(account as Decimal).isZero() || tighter ? strategy : account;
    }
    case 'more':
      return decimal(strategy as Decimal).gt(account as Decimal) ? strategy : account;
    case 'yes':
      return account === true || strategy === true;
    case 'wider': {
      const rank = (scope: unknown) => UNKNOWN_SCOPES.indexOf(scope as UnknownScope);
      return rank(strategy) > rank(account) ? strategy : account;
    }
    case 'replaces':
      return strategy;
    case 'own':
    case 'never':
      return account;
  }
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}
