import path from 'node:path';
import { z } from 'zod';
import { type AlertSeverity, SEVERITIES } from '../domain/alert-delivery.ts';
import { isDay } from '../domain/calendar.ts';
import type { SessionRules } from '../domain/session.ts';
import { type Decimal, parseDecimal } from '../domain/money.ts';
import { PROTECTION_POLICIES, type ProtectionPolicy } from '../domain/protection-policy.ts';
import { MUTANTS, type Mutant } from '../lib/mutant.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { type LimitName, type Limits, limitValue, readLimit } from '../risk/limits.ts';
import type { MonitorSettings } from '../risk/monitor/monitor.ts';
import { type TelegramConfig, telegramEnvironment, telegramOf, telegramProblems } from './telegram.ts';

/**
 * The whole configuration: environment or `.env`, parsed once, every problem listed by variable (api.md).
 * Nothing outside src/config reads the environment.
 */
const yesNo = (fallback: 'yes' | 'no') =>
  z
    .enum(['yes', 'no'], { error: 'must be yes or no' })
    .default(fallback)
    .transform((value) => value === 'yes');

/** Plain decimal digits: "0x10" and "1e3" are not what anybody meant. */
const digits = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));

const whole = (fallback: number, min: number, max: number) => digits(min, max).default(fallback);

const exact = (fallback: string, min: number, max: number) =>
  z
    .string()
    .default(fallback)
    .transform((text, context): Decimal => {
      const parsed = parseDecimal(text);
      if (parsed.ok && parsed.value.gte(min) && parsed.value.lte(max)) return parsed.value;
      context.addIssue({ code: 'custom', message: `must be a plain number from ${min} to ${max}` });
      return z.NEVER;
    });

/** A limit that can be changed at run time: one rule for what it may be, here and there. */
const limit = <Name extends LimitName>(name: Name, fallback: string) =>
  z
    .string()
    .default(fallback)
    .transform((text, context) => {
      const read = readLimit(name, text);
      if (read.ok) return limitValue(name, read.value);
      context.addIssue({ code: 'custom', message: read.error });
      return z.NEVER;
    });

const timeOfDay = (fallback: string) =>
  z
    .string()
    .regex(/^(([01]\d|2[0-3]):[0-5]\d|off)$/, 'must be a time in India, "15:05", or off')
    .default(fallback)
    .transform((text) => (text === 'off' ? null : text));

const days = () =>
  z
    .string()
    .default('')
    .transform((text, context): readonly string[] => {
      const listed = text.split(',').flatMap((day) => (day.trim() === '' ? [] : [day.trim()]));
      if (listed.every(isDay)) return listed;
      context.addIssue({ code: 'custom', message: 'must be days, "2026-11-24", separated by commas' });
      return z.NEVER;
    });

/** "NFO:NIFTY=1800, NFO:BANKNIFTY=900": units by underlying or symbol. */
const unitsByName = () =>
  z
    .string()
    .default('')
    .transform((text, context): ReadonlyMap<string, number> => {
      const listed = text.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()]));
      const read = listed.flatMap((one): [string, number][] => {
        const [, name, units] = /^([A-Z]{3}:[A-Za-z0-9&_ .-]{1,60})=([1-9]\d{0,8})$/.exec(one) ?? [];
        return name === undefined || units === undefined ? [] : [[name, Number(units)]];
      });
      if (read.length === listed.length) return new Map(read);
      context.addIssue({
        code: 'custom',
        message: 'must be EXCHANGE:NAME=units, such as NFO:NIFTY=1800, separated by commas',
      });
      return z.NEVER;
    });

const url = (protocols: readonly string[]) =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
    error: `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  });

const ENTRY_CALLS_PER_SECOND = 6;

const environment = z.object({
  NODE_ENV: z.string().default('development'),
  DATABASE_URL: url(['postgres:', 'postgresql:']).optional(),
  REDIS_URL: url(['redis:', 'rediss:']).optional(),
  QUEUE_BACKEND: z.enum(['redis', 'postgres'], { error: 'must be redis or postgres' }).optional(),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: whole(8080, 0, 65_535),
  METRICS_PORT: whole(0, 0, 65_535),
  ADMIN_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,256}$/, 'must be 16 to 256 visible ASCII characters')
    .optional(),
  ENCRYPTION_KEY: z
    .string()
    .refine((text) => encryptionKeyOf(text) !== null, {
      error: 'must be 32 random bytes in base64 or hex: openssl rand -base64 32',
    })
    .optional(),
  DATA_DIR: z.string().min(1).default('.sauda'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  BROKER: z.enum(['paper', 'kite'], { error: 'must be paper or kite' }).default('paper'),
  LIVE_TRADING: yesNo('no'),
  KITE_API_ROOT: url(['http:', 'https:']).optional(),
  KITE_TICKER_ROOT: url(['ws:', 'wss:']).optional(),
  ZERODHA_API_KEY: z.string().min(1).optional(),
  ZERODHA_API_SECRET: z.string().min(1).optional(),
  ZERODHA_ACCESS_TOKEN: z.string().min(1).optional(),
  ACCOUNT_BALANCE: exact('100000', 0, 1e12),
  MAX_RISK_PER_TRADE: exact('0.02', 0, 1),
  MAX_DAILY_LOSS: exact('0.06', 0, 1),
  MAX_DRAWDOWN: exact('0.15', 0, 1),
  MAX_POSITIONS: whole(5, 0, 10_000),
  MIN_RISK_REWARD: exact('2.0', 0, 1000),
  MAX_POSITION_SIZE: whole(1000, 0, 100_000_000),
  MAX_QUANTITY_PER_ORDER: whole(10_000, 0, 100_000_000),
  MAX_PRICE_DEVIATION_PCT: exact('0.10', 0, 10),
  MAX_POSITION_LOSS_PCT: exact('0.05', 0, 10),
  MAX_ORDER_TO_POSITION_RATIO: whole(3, 0, 10_000),
  REQUIRE_TAKE_PROFIT: yesNo('no'),
  MAX_ORDER_VALUE: limit('MAX_ORDER_VALUE', '1x'),
  MAX_POSITION_VALUE: limit('MAX_POSITION_VALUE', '0'),
  MAX_OPEN_ORDER_VALUE: limit('MAX_OPEN_ORDER_VALUE', '5x'),
  UNKNOWN_BLOCKS: limit('UNKNOWN_BLOCKS', 'none'),
  REPEATED_EXECUTION_MAX: limit('REPEATED_EXECUTION_MAX', '0'),
  REPEATED_EXECUTION_WINDOW_MS: limit('REPEATED_EXECUTION_WINDOW_MS', '60000'),
  DUPLICATE_WINDOW_MS: limit('DUPLICATE_WINDOW_MS', '2000'),
  REJECT_RATIO_PAUSE: limit('REJECT_RATIO_PAUSE', '0'),
  REJECT_RATIO_WINDOW_MS: limit('REJECT_RATIO_WINDOW_MS', '300000'),
  REFUSE_SELF_MATCH: limit('REFUSE_SELF_MATCH', 'no'),
  BLOCKED_INSTRUMENTS: limit('BLOCKED_INSTRUMENTS', ''),
  ALLOWED_INSTRUMENTS: limit('ALLOWED_INSTRUMENTS', ''),
  REQUIRE_FRESH_PRICE: limit('REQUIRE_FRESH_PRICE', 'no'),
  MAX_PRICE_JUMP_PCT: limit('MAX_PRICE_JUMP_PCT', '0'),
  MARKET_HOURS: z.enum(['always', 'exchange'], { error: 'must be always or exchange' }).optional(),
  MARKET_HOLIDAYS: days(),
  MIS_LAST_ENTRY_EQUITY: timeOfDay('14:55'),
  MIS_LAST_ENTRY_DERIVATIVES: timeOfDay('15:10'),
  MIS_LAST_ENTRY_CURRENCY: timeOfDay('16:30'),
  MIS_LAST_ENTRY_COMMODITY: timeOfDay('23:00'),
  MAX_GROSS_EXPOSURE: limit('MAX_GROSS_EXPOSURE', '0'),
  MAX_NET_EXPOSURE: limit('MAX_NET_EXPOSURE', '0'),
  AUTO_FLATTEN: limit('AUTO_FLATTEN', 'no'),
  POSITION_LOSS_EXIT: limit('POSITION_LOSS_EXIT', 'no'),
  ORDER_TO_TRADE_PAUSE: limit('ORDER_TO_TRADE_PAUSE', '0'),
  PRICE_SOURCE: z.enum(['broker', 'push'], { error: 'must be broker or push' }).default('broker'),
  RISK_INTERVAL_MS: whole(2000, 100, 60_000),
  POLL_INTERVAL_MS: whole(1000, 50, 60_000),
  RECONCILE_INTERVAL_MS: whole(30_000, 500, 3_600_000),
  UNKNOWN_HORIZON_MS: whole(120_000, 1000, 86_400_000),
  UNKNOWN_POLICY: z.enum(['ask', 'neverPlaced'], { error: 'must be ask or neverPlaced' }).default('ask'),
  MODIFY_CONFIRM_MS: whole(3000, 100, 600_000),
  PROTECTION: z.enum(PROTECTION_POLICIES, { error: 'must be exchange, oms or none' }).default('exchange'),
  PROTECT_WITHIN_MS: whole(3000, 100, 600_000),
  MAX_ORDER_AGE_MS: limit('MAX_ORDER_AGE_MS', '30000'),
  BROKER_TIMEOUT_MS: whole(7000, 100, 60_000),
  FREEZE_QUANTITY: whole(500, 0, 100_000_000),
  FREEZE_QUANTITIES: unitsByName(),
  SEND_WINDOW_MS: whole(250, 50, 60_000),
  PRICE_MAX_AGE_MS: limit('PRICE_MAX_AGE_MS', '5000'),
  ORDER_CALLS_PER_SECOND: whole(8, 0, 1_000_000),
  ENTRY_CALLS_PER_SECOND: digits(0, 1_000_000).optional(),
  ORDER_CALLS_PER_MINUTE: whole(380, 0, 1_000_000),
  ORDER_PLACEMENTS_PER_DAY: whole(5000, 0, 100_000_000),
  RATE_LIMIT_PER_MINUTE: whole(6000, 0, 10_000_000),
  ALERT_REPEAT_MS: whole(300_000, 0, 86_400_000),
  ALERT_WEBHOOK_URL: url(['http:', 'https:'])
    .refine((text) => !URL.canParse(text) || new URL(text).username === '', {
      error: 'must not hold a user: the signature says who calls',
    })
    .optional(),
  ALERT_WEBHOOK_SECRET: z
    .string()
    .regex(/^[\x21-\x7e]{16,256}$/, 'must be 16 to 256 visible ASCII characters')
    .optional(),
  ALERT_WEBHOOK_MIN_SEVERITY: z
    .enum(SEVERITIES, { error: 'must be INFO, WARNING or CRITICAL' })
    .default('WARNING'),
  ALERT_WEBHOOK_TIMEOUT_MS: whole(5000, 100, 10_000),
  ...telegramEnvironment,
  PAPER_HOST: z.string().min(1).default('127.0.0.1'),
  PAPER_PORT: whole(8081, 0, 65_535),
  PAPER_CONTROL_PORT: whole(8082, 0, 65_535),
  PAPER_FILL_DELAY_MS: whole(500, 0, 600_000),
  PAPER_FILL_PROBABILITY: exact('0.95', 0, 1),
  PAPER_SLIPPAGE_PCT: exact('0.0002', 0, 0.5),
  PAPER_SEED: whole(1, 0, 4_294_967_295),
  PAPER_LATENCY_MS: whole(0, 0, 60_000),
  PAPER_TRANSIT_MS: whole(0, 0, 600_000),
  PAPER_PARTIAL_FILL_CHANCE: exact('0.05', 0, 1),
  PAPER_VOLUME_CAP: whole(500, 0, 10_000_000),
  PAPER_REPLAY: z.string().min(1).optional(),
  PAPER_REPLAY_INSTRUMENT: z
    .string()
    .regex(/^(NSE|NFO|BSE):[^:]{1,64}$/, 'must be EXCHANGE:SYMBOL, such as NSE:RELIANCE')
    .optional(),
  PAPER_REPLAY_CANDLE_MS: whole(2000, 4, 3_600_000),
  DEMO: z.enum(['on', 'off'], { error: 'must be on or off' }).optional(),
  SAUDA_FAILPOINTS: z.string().optional(),
  SAUDA_MUTANT: z.enum(MUTANTS).optional(),
});

/** Every variable that is read. */
export const VARIABLES: readonly string[] = Object.keys(environment.shape);

const ENCRYPTION_KEY_BYTES = 32;

/** The key that the text spells, in hex, base64 or base64url; null when it is none. */
function encryptionKeyOf(text: string): Buffer | null {
  const isHex = /^[0-9a-fA-F]{64}$/.test(text);
  if (!isHex && !/^[\w+/-]+={0,2}$/.test(text)) return null;
  const key = Buffer.from(text, isHex ? 'hex' : 'base64');
  return key.length === ENCRYPTION_KEY_BYTES ? key : null;
}

/** What Kite takes (kite.md section 3.5). Other servers that speak its wire may take more. */
const KITE_BUDGET = [
  ['ORDER_CALLS_PER_SECOND', 10],
  ['ORDER_CALLS_PER_MINUTE', 400],
  ['ORDER_PLACEMENTS_PER_DAY', 5000],
] as const;

type Environment = z.infer<typeof environment>;

export interface Config {
  readonly production: boolean;
  /** Null: the private Postgres in dataDir. */
  readonly databaseUrl: string | null;
  readonly redisUrl: string | null;
  readonly queueBackend: 'redis' | 'postgres';
  readonly host: string;
  readonly port: number;
  /** Where a worker process serves its own /metrics, on host; 0: nowhere. */
  readonly metricsPort: number;
  readonly adminToken: string | null;
  /** For what is stored encrypted, 32 bytes; null: the one that is made in dataDir. */
  readonly encryptionKey: Buffer | null;
  readonly dataDir: string;
  readonly logLevel: Environment['LOG_LEVEL'];
  readonly broker: 'paper' | 'kite';
  /** Null: the built-in paper exchange, or Kite itself. */
  readonly kiteApiRoot: string | null;
  /** Where prices and order updates are pushed; null: beside Kite's own API its ticker, beside another one none. */
  readonly kiteTickerRoot: string | null;
  readonly zerodha: {
    readonly apiKey: string;
    /** For logins and postbacks; null: neither is possible here. */
    readonly apiSecret: string | null;
    readonly accessToken: string | null;
  } | null;
  readonly accountBalance: Decimal;
  readonly limits: Limits;
  readonly session: SessionRules;
  readonly monitor: MonitorSettings;
  readonly protection: { readonly policy: ProtectionPolicy; readonly withinMs: number };
  readonly pollIntervalMs: number;
  readonly reconcileIntervalMs: number;
  readonly unknownHorizonMs: number;
  /** What becomes of an order in doubt past its horizon: a person decides, or clean reads without it do. */
  readonly unknownPolicy: 'ask' | 'neverPlaced';
  readonly modifyConfirmMs: number;
  readonly brokerTimeoutMs: number;
  readonly sendWindowMs: number;
  readonly freezeQuantity: number;
  /** By "EXCHANGE:UNDERLYING" or "EXCHANGE:SYMBOL": the broker's list of instruments does not tell them. */
  readonly freezeQuantities: ReadonlyMap<string, number>;
  readonly priceSource: Environment['PRICE_SOURCE'];
  readonly budget: {
    readonly perSecond: number;
    readonly entriesPerSecond: number;
    readonly perMinute: number;
    readonly perDay: number;
  };
  readonly rateLimitPerMinute: number;
  readonly alerts: {
    /** Until the first reminder of a CRITICAL alert that nobody acknowledged; 0: none. */
    readonly repeatMs: number;
    readonly webhook: {
      readonly url: string;
      readonly secret: string;
      readonly minimumSeverity: AlertSeverity;
      readonly timeoutMs: number;
    } | null;
  };
  /** Null: no bot. */
  readonly telegram: TelegramConfig | null;
  readonly paper: {
    /** Of REST and ticker; the control port stays on loopback. */
    readonly host: string;
    readonly port: number;
    readonly controlPort: number;
    readonly fillDelayMs: number;
    readonly fillProbability: number;
    readonly slippagePct: number;
    readonly seed: number;
    readonly latencyMs: number;
    readonly transitMs: number;
    readonly partialFillChance: number;
    readonly volumeCap: number;
    /** Candles that drive the market, whose they are (null: the file's name says it), and the time of one. */
    readonly replay: {
      readonly file: string;
      readonly instrument: string | null;
      readonly candleMs: number;
    } | null;
  };
  readonly demo: boolean;
  readonly failpoints: string;
  /** Null: no planted bug. */
  readonly mutant: Mutant | null;
}

export interface ConfigProblem {
  readonly variable: string;
  readonly problem: string;
}

/** Parses an environment; unknown variables are not ours to judge. Every problem is named at once. */
export function parseConfig(
  variables: Readonly<Record<string, string | undefined>>,
): Result<Config, ConfigProblem[]> {
  const given = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = environment.safeParse(given);
  if (parsed.success) {
    const problems = crossProblems(parsed.data, new Set());
    return problems.length > 0 ? err(problems) : ok(toConfig(parsed.data));
  }
  const problems = parsed.error.issues.map((issue) => ({
    variable: issue.path.join('.'),
    problem: issue.message,
  }));
  const unreadable = new Set(problems.map(({ variable }) => variable));
  const readable = Object.fromEntries(
    Object.entries(given).filter(([variable]) => !unreadable.has(variable)),
  );
  const rest = environment.safeParse(readable);
  return err([...problems, ...(rest.success ? crossProblems(rest.data, unreadable) : [])]);
}

/** Rules about several variables; silent where one of them could not be read, which is a problem of its own. */
function crossProblems(env: Environment, unreadable: ReadonlySet<string>): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const add = (variable: string, problem: string, ...others: readonly string[]) => {
    if (![variable, ...others].some((name) => unreadable.has(name))) problems.push({ variable, problem });
  };
  if (env.QUEUE_BACKEND === 'redis' && env.REDIS_URL === undefined) {
    add('REDIS_URL', 'is needed with QUEUE_BACKEND=redis');
  }
  if (env.BROKER === 'kite') {
    if (!env.LIVE_TRADING) add('LIVE_TRADING', 'must be yes with BROKER=kite: this places real orders');
    if (env.ZERODHA_API_KEY === undefined) add('ZERODHA_API_KEY', 'is needed with BROKER=kite');
    if (env.DEMO === 'on') add('DEMO', 'is refused with BROKER=kite');
    for (const [name, most] of KITE_BUDGET) {
      if (env[name] > 0 && env[name] <= most) continue;
      add(
        name,
        `must be from 1 to ${most} with BROKER=kite: Kite refuses what is over it, and may block the app`,
      );
    }
  }
  if (env.DEMO === 'on' && env.KITE_API_ROOT !== undefined)
    add('DEMO', 'is on only with the built-in paper exchange');
  if ((env.ENTRY_CALLS_PER_SECOND ?? 0) > env.ORDER_CALLS_PER_SECOND && env.ORDER_CALLS_PER_SECOND > 0) {
    add('ENTRY_CALLS_PER_SECOND', 'must not be more than ORDER_CALLS_PER_SECOND', 'ORDER_CALLS_PER_SECOND');
  }
  if (env.ALERT_WEBHOOK_URL !== undefined && env.ALERT_WEBHOOK_SECRET === undefined) {
    add('ALERT_WEBHOOK_SECRET', 'is needed with ALERT_WEBHOOK_URL: receivers check the signature');
  }
  for (const [variable, problem] of telegramProblems(env)) add(variable, problem);
  if (env.SAUDA_FAILPOINTS !== undefined && env.NODE_ENV === 'production') {
    add('SAUDA_FAILPOINTS', 'is refused in production');
  }
  if (env.SAUDA_MUTANT !== undefined && (env.NODE_ENV === 'production' || env.BROKER === 'kite')) {
    add('SAUDA_MUTANT', 'is refused in production and with BROKER=kite: it is a planted bug', 'BROKER');
  }
  return problems;
}

/** Of all calls a second, what entries may use unless told otherwise; 0 sets no limit. */
function defaultEntryCalls(all: number): number {
  return all === 0 ? ENTRY_CALLS_PER_SECOND : Math.min(ENTRY_CALLS_PER_SECOND, all);
}

function webhookOf(env: Environment): Config['alerts']['webhook'] {
  if (env.ALERT_WEBHOOK_URL === undefined || env.ALERT_WEBHOOK_SECRET === undefined) return null;
  return {
    url: env.ALERT_WEBHOOK_URL,
    secret: env.ALERT_WEBHOOK_SECRET,
    minimumSeverity: env.ALERT_WEBHOOK_MIN_SEVERITY,
    timeoutMs: env.ALERT_WEBHOOK_TIMEOUT_MS,
  };
}

function toConfig(env: Environment): Config {
  return {
    production: env.NODE_ENV === 'production',
    databaseUrl: env.DATABASE_URL ?? null,
    redisUrl: env.REDIS_URL ?? null,
    queueBackend: env.QUEUE_BACKEND ?? (env.REDIS_URL === undefined ? 'postgres' : 'redis'),
    host: env.HOST,
    port: env.PORT,
    metricsPort: env.METRICS_PORT,
    adminToken: env.ADMIN_TOKEN ?? null,
    encryptionKey: env.ENCRYPTION_KEY === undefined ? null : encryptionKeyOf(env.ENCRYPTION_KEY),
    dataDir: path.resolve(env.DATA_DIR),
    logLevel: env.LOG_LEVEL,
    broker: env.BROKER,
    kiteApiRoot: env.KITE_API_ROOT ?? null,
    kiteTickerRoot: env.KITE_TICKER_ROOT ?? null,
    zerodha:
      env.ZERODHA_API_KEY === undefined
        ? null
        : {
            apiKey: env.ZERODHA_API_KEY,
            apiSecret: env.ZERODHA_API_SECRET ?? null,
            accessToken: env.ZERODHA_ACCESS_TOKEN ?? null,
          },
    accountBalance: env.ACCOUNT_BALANCE,
    limits: {
      maxRiskPerTrade: env.MAX_RISK_PER_TRADE,
      maxDailyLoss: env.MAX_DAILY_LOSS,
      maxDrawdown: env.MAX_DRAWDOWN,
      maxPositions: env.MAX_POSITIONS,
      minRiskReward: env.MIN_RISK_REWARD,
      maxPositionSize: env.MAX_POSITION_SIZE,
      maxQuantityPerOrder: env.MAX_QUANTITY_PER_ORDER,
      maxPriceDeviationPct: env.MAX_PRICE_DEVIATION_PCT,
      maxPositionLossPct: env.MAX_POSITION_LOSS_PCT,
      maxOrderToPositionRatio: env.MAX_ORDER_TO_POSITION_RATIO,
      requireTakeProfit: env.REQUIRE_TAKE_PROFIT,
      maxOrderValue: env.MAX_ORDER_VALUE,
      maxPositionValue: env.MAX_POSITION_VALUE,
      maxOpenOrderValue: env.MAX_OPEN_ORDER_VALUE,
      unknownBlocks: env.UNKNOWN_BLOCKS,
      repeatedExecutionMax: env.REPEATED_EXECUTION_MAX,
      repeatedExecutionWindowMs: env.REPEATED_EXECUTION_WINDOW_MS,
      duplicateWindowMs: env.DUPLICATE_WINDOW_MS,
      rejectRatioPause: env.REJECT_RATIO_PAUSE,
      rejectRatioWindowMs: env.REJECT_RATIO_WINDOW_MS,
      refuseSelfMatch: env.REFUSE_SELF_MATCH,
      blockedInstruments: env.BLOCKED_INSTRUMENTS,
      allowedInstruments: env.ALLOWED_INSTRUMENTS,
      requireFreshPrice: env.REQUIRE_FRESH_PRICE,
      maxPriceJumpPct: env.MAX_PRICE_JUMP_PCT,
      maxGrossExposure: env.MAX_GROSS_EXPOSURE,
      maxNetExposure: env.MAX_NET_EXPOSURE,
      autoFlatten: env.AUTO_FLATTEN,
      positionLossExit: env.POSITION_LOSS_EXIT,
      orderToTradePause: env.ORDER_TO_TRADE_PAUSE,
      priceMaxAgeMs: env.PRICE_MAX_AGE_MS,
      maxOrderAgeMs: env.MAX_ORDER_AGE_MS,
    },
    session: {
      hours: env.MARKET_HOURS ?? (env.BROKER === 'kite' ? 'exchange' : 'always'),
      holidays: env.MARKET_HOLIDAYS,
      lastMisEntry: {
        EQUITY: env.MIS_LAST_ENTRY_EQUITY,
        DERIVATIVES: env.MIS_LAST_ENTRY_DERIVATIVES,
        CURRENCY: env.MIS_LAST_ENTRY_CURRENCY,
        COMMODITY: env.MIS_LAST_ENTRY_COMMODITY,
      },
    },
    protection: { policy: env.PROTECTION, withinMs: env.PROTECT_WITHIN_MS },
    monitor: { intervalMs: env.RISK_INTERVAL_MS },
    pollIntervalMs: env.POLL_INTERVAL_MS,
    reconcileIntervalMs: env.RECONCILE_INTERVAL_MS,
    unknownHorizonMs: env.UNKNOWN_HORIZON_MS,
    unknownPolicy: env.UNKNOWN_POLICY,
    modifyConfirmMs: env.MODIFY_CONFIRM_MS,
    brokerTimeoutMs: env.BROKER_TIMEOUT_MS,
    sendWindowMs: env.SEND_WINDOW_MS,
    freezeQuantity: env.FREEZE_QUANTITY,
    freezeQuantities: env.FREEZE_QUANTITIES,
    priceSource: env.PRICE_SOURCE,
    budget: {
      perSecond: env.ORDER_CALLS_PER_SECOND,
      entriesPerSecond: env.ENTRY_CALLS_PER_SECOND ?? defaultEntryCalls(env.ORDER_CALLS_PER_SECOND),
      perMinute: env.ORDER_CALLS_PER_MINUTE,
      perDay: env.ORDER_PLACEMENTS_PER_DAY,
    },
    rateLimitPerMinute: env.RATE_LIMIT_PER_MINUTE,
    alerts: { repeatMs: env.ALERT_REPEAT_MS, webhook: webhookOf(env) },
    telegram: telegramOf(env),
    paper: {
      host: env.PAPER_HOST,
      port: env.PAPER_PORT,
      controlPort: env.PAPER_CONTROL_PORT,
      fillDelayMs: env.PAPER_FILL_DELAY_MS,
      fillProbability: env.PAPER_FILL_PROBABILITY.toNumber(),
      slippagePct: env.PAPER_SLIPPAGE_PCT.toNumber(),
      seed: env.PAPER_SEED,
      latencyMs: env.PAPER_LATENCY_MS,
      transitMs: env.PAPER_TRANSIT_MS,
      partialFillChance: env.PAPER_PARTIAL_FILL_CHANCE.toNumber(),
      volumeCap: env.PAPER_VOLUME_CAP,
      replay:
        env.PAPER_REPLAY === undefined
          ? null
          : {
              file: env.PAPER_REPLAY,
              instrument: env.PAPER_REPLAY_INSTRUMENT ?? null,
              candleMs: env.PAPER_REPLAY_CANDLE_MS,
            },
    },
    demo:
      env.DEMO === undefined ? env.BROKER === 'paper' && env.KITE_API_ROOT === undefined : env.DEMO === 'on',
    failpoints: env.SAUDA_FAILPOINTS ?? '',
    mutant: env.SAUDA_MUTANT ?? null,
  };
}
