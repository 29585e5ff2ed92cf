/**
 * The whole configuration: environment or `.env`, parsed once, every problem listed by variable (api.md).
 * Nothing outside src/config reads the environment.
 */
import path from 'node:path';
import type { AlertSeverity } from '../domain/alert-delivery.ts';
import type { SessionRules } from '../domain/session.ts';
import type { Decimal } from '../domain/money.ts';
import type { ProtectionPolicy } from '../domain/protection-policy.ts';
import type { Mutant } from '../lib/mutant.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { Limits } from '../risk/limits.ts';
import type { MonitorSettings } from '../risk/monitor/monitor.ts';
import { encryptionKeyOf, environment, type Environment } from './environment.ts';
import { type ConfigProblem, crossProblems } from './rules.ts';
import { type TelegramConfig, telegramOf } from './telegram.ts';

export type { ConfigProblem } from './rules.ts';

/** Every variable that is read. */
export const VARIABLES: readonly string[] = Object.keys(environment.shape);

const ENTRY_CALLS_PER_SECOND = 6;

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
