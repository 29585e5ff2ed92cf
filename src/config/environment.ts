/** Every variable that is read (api.md), with what it may be and what it is when it is left out. */
import { z } from 'zod';
import { SEVERITIES } from '../domain/alert-delivery.ts';
import { PROTECTION_POLICIES } from '../domain/protection-policy.ts';
import { MUTANTS } from '../lib/mutant.ts';
import { digits, days, exact, limit, timeOfDay, unitsByName, url, whole, yesNo } from './readers.ts';
import { telegramEnvironment } from './telegram.ts';

export const environment = z.object({
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

export type Environment = z.infer<typeof environment>;

const ENCRYPTION_KEY_BYTES = 32;

/** The key that the text spells, in hex, base64 or base64url; null when it is none. */
export function encryptionKeyOf(text: string): Buffer | null {
  const isHex = /^[0-9a-fA-F]{64}$/.test(text);
  if (!isHex && !/^[\w+/-]+={0,2}$/.test(text)) return null;
  const key = Buffer.from(text, isHex ? 'hex' : 'base64');
  return key.length === ENCRYPTION_KEY_BYTES ? key : null;
}
