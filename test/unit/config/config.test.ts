import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Config, parseConfig } from '../../../src/config/config.ts';
import { LIMIT_NAMES, type LimitName, limitText } from '../../../src/risk/limits.ts';

type Variables = Readonly<Record<string, string | undefined>>;

function config(variables: Variables = {}): Config {
  const parsed = parseConfig(variables);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
}

/** "VARIABLE problem" of each problem; empty when there is none. */
function problems(variables: Variables): string[] {
  const parsed = parseConfig(variables);
  return parsed.ok ? [] : parsed.error.map(({ variable, problem }) => `${variable} ${problem}`);
}

const named = (variables: Variables) => problems(variables).map((problem) => problem.split(' ')[0]);

const KITE = { BROKER: 'kite', LIVE_TRADING: 'yes', ZERODHA_API_KEY: 'key' } as const;

describe('the configuration of an empty environment', () => {
  it('has the documented defaults', () => {
    expect(config()).toMatchObject({
      production: false,
      databaseUrl: null,
      redisUrl: null,
      queueBackend: 'postgres',
      host: '127.0.0.1',
      port: 8080,
      adminToken: null,
      dataDir: path.resolve('.sauda'),
      broker: 'paper',
      encryptionKey: null,
      kiteApiRoot: null,
      kiteTickerRoot: null,
      zerodha: null,
      pollIntervalMs: 1000,
      reconcileIntervalMs: 30_000,
      unknownHorizonMs: 120_000,
      modifyConfirmMs: 3000,
      brokerTimeoutMs: 7000,
      sendWindowMs: 250,
      priceSource: 'broker',
      monitor: { intervalMs: 2000 },
      rateLimitPerMinute: 6000,
      budget: { perSecond: 8, entriesPerSecond: 6, perMinute: 380, perDay: 5000 },
      demo: true,
      failpoints: '',
    });
    expect(config().paper).toMatchObject({
      ...{ host: '127.0.0.1', port: 8081, controlPort: 8082, replay: null },
      ...{ transitMs: 0, partialFillChance: 0.05, volumeCap: 500 },
    });
  });

  it('takes an ENCRYPTION_KEY of 32 bytes in hex or base64, and no other', () => {
    const key = Buffer.from(Array.from({ length: 32 }, (_, n) => 7 * n));
    for (const text of [key.toString('hex'), key.toString('base64'), key.toString('base64url')]) {
      expect(config({ ENCRYPTION_KEY: text }).encryptionKey?.equals(key)).toBe(true);
    }
    for (const text of ['secret', key.toString('hex').slice(2), `${key.toString('hex')}00`, 'ü'.repeat(43)]) {
      expect(named({ ENCRYPTION_KEY: text })).toEqual(['ENCRYPTION_KEY']);
    }
  });

  it('takes the address of a ticker, which is a web socket', () => {
    expect(config({ KITE_TICKER_ROOT: 'ws://127.0.0.1:8081' }).kiteTickerRoot).toBe('ws://127.0.0.1:8081');
    expect(named({ KITE_TICKER_ROOT: 'http://127.0.0.1:8081' })).toEqual(['KITE_TICKER_ROOT']);
  });

  it('takes freeze quantities by underlying or symbol', () => {
    const given = { FREEZE_QUANTITIES: 'NFO:NIFTY=1800, NFO:BANKNIFTY=900' };
    expect([...config(given).freezeQuantities]).toEqual([
      ['NFO:NIFTY', 1800],
      ['NFO:BANKNIFTY', 900],
    ]);
    for (const text of ['NIFTY=1800', 'NFO:NIFTY', 'NFO:NIFTY=0', 'NFO:NIFTY=18.5']) {
      expect(named({ FREEZE_QUANTITIES: text })).toEqual(['FREEZE_QUANTITIES']);
    }
  });

  it('takes whose candles are replayed', () => {
    const replay = { PAPER_REPLAY: 'day.json', PAPER_REPLAY_INSTRUMENT: 'NSE:M&M' };
    expect(config(replay).paper.replay).toEqual({ file: 'day.json', instrument: 'NSE:M&M', candleMs: 2000 });
    expect(named({ PAPER_REPLAY_INSTRUMENT: 'RELIANCE' })).toEqual(['PAPER_REPLAY_INSTRUMENT']);
  });

  it('has the limits of the brief, and of the rest only those on values and duplicates', () => {
    const { accountBalance, limits } = config();
    const names = Object.keys(LIMIT_NAMES) as LimitName[];
    expect(accountBalance.toFixed()).toBe('100000');
    expect(Object.fromEntries(names.map((name) => [name, limitText(limits, name)]))).toEqual({
      MAX_RISK_PER_TRADE: '0.02',
      MAX_DAILY_LOSS: '0.06',
      MAX_DRAWDOWN: '0.15',
      MAX_POSITIONS: '5',
      MIN_RISK_REWARD: '2.00',
      MAX_POSITION_SIZE: '1000',
      MAX_QUANTITY_PER_ORDER: '10000',
      MAX_PRICE_DEVIATION_PCT: '0.10',
      MAX_POSITION_LOSS_PCT: '0.05',
      MAX_ORDER_TO_POSITION_RATIO: '3',
      REQUIRE_TAKE_PROFIT: 'no',
      MAX_ORDER_VALUE: '1x',
      MAX_POSITION_VALUE: '0.00',
      MAX_OPEN_ORDER_VALUE: '5x',
      UNKNOWN_BLOCKS: 'none',
      REPEATED_EXECUTION_MAX: '0',
      REPEATED_EXECUTION_WINDOW_MS: '60000',
      DUPLICATE_WINDOW_MS: '2000',
      REJECT_RATIO_PAUSE: '0.00',
      REJECT_RATIO_WINDOW_MS: '300000',
      REFUSE_SELF_MATCH: 'no',
      BLOCKED_INSTRUMENTS: '',
      ALLOWED_INSTRUMENTS: '',
      REQUIRE_FRESH_PRICE: 'no',
      MAX_PRICE_JUMP_PCT: '0.00',
      MAX_GROSS_EXPOSURE: '0.00',
      MAX_NET_EXPOSURE: '0.00',
      AUTO_FLATTEN: 'no',
      POSITION_LOSS_EXIT: 'no',
      ORDER_TO_TRADE_PAUSE: '0.00',
      PRICE_MAX_AGE_MS: '5000',
      MAX_ORDER_AGE_MS: '30000',
    });
  });

  it('takes of every limit just what may be set at run time', () => {
    for (const [name, [, , , range]] of Object.entries(LIMIT_NAMES)) {
      const [min, max] = range ?? [0, 0];
      if (range === null) continue;
      expect(named({ [name]: String(min) }), name).toEqual([]);
      expect(named({ [name]: String(max) }), name).toEqual([]);
      expect(named({ [name]: String(max + 1) }), name).toEqual([name]);
      expect(named({ [name]: String(min - 1) }), name).toEqual([name]);
    }
  });

  it('is the same when variables are set to nothing', () => {
    expect(config({ PORT: '', REDIS_URL: '', BROKER: '', MAX_POSITIONS: undefined })).toEqual(config());
  });

  it('does not mind variables of others', () => {
    expect(config({ PATH: '/usr/bin', constructor: 'x' })).toEqual(config());
  });
});

describe('the queue backend', () => {
  it('is Redis when its URL is set, unless another is asked for', () => {
    const redis = { REDIS_URL: 'redis://:pw@localhost:6379/2' };
    expect(config(redis).queueBackend).toBe('redis');
    expect(config({ ...redis, QUEUE_BACKEND: 'postgres' }).queueBackend).toBe('postgres');
  });

  it('can not be Redis without its URL', () => {
    expect(problems({ QUEUE_BACKEND: 'redis' })).toEqual(['REDIS_URL is needed with QUEUE_BACKEND=redis']);
  });
});

describe('the broker', () => {
  it('is Kite only with live trading said in so many words, and a key', () => {
    expect(config(KITE)).toMatchObject({
      broker: 'kite',
      demo: false,
      zerodha: { apiKey: 'key', accessToken: null },
    });
    expect(problems({ BROKER: 'kite' })).toEqual([
      'LIVE_TRADING must be yes with BROKER=kite: this places real orders',
      'ZERODHA_API_KEY is needed with BROKER=kite',
    ]);
    expect(named({ ...KITE, LIVE_TRADING: 'no' })).toEqual(['LIVE_TRADING']);
  });

  it('runs the demo only with the built-in paper exchange', () => {
    const elsewhere = { KITE_API_ROOT: 'http://127.0.0.1:9000' };
    expect(config({ DEMO: 'off' }).demo).toBe(false);
    expect(config(elsewhere).demo).toBe(false);
    expect(problems({ ...elsewhere, DEMO: 'on' })).toEqual([
      'DEMO is on only with the built-in paper exchange',
    ]);
    expect(problems({ ...KITE, DEMO: 'on' })).toEqual(['DEMO is refused with BROKER=kite']);
    expect(problems({ ...KITE, DEMO: 'off' })).toEqual([]);
  });
});

describe("the broker's order budget", () => {
  it.each([
    ['ORDER_CALLS_PER_SECOND', 10],
    ['ORDER_CALLS_PER_MINUTE', 400],
    ['ORDER_PLACEMENTS_PER_DAY', 5000],
  ] as const)('is never over what Kite takes: %s is at most %i, and never off', (variable, most) => {
    expect(problems({ ...KITE, [variable]: String(most) })).toEqual([]);
    for (const value of [String(most + 1), '0']) {
      const said = `${variable} must be from 1 to ${most} with BROKER=kite: Kite refuses what is over it, and may block the app`;
      expect(problems({ ...KITE, ENTRY_CALLS_PER_SECOND: '1', [variable]: value })).toContain(said);
      expect(problems({ [variable]: value })).toEqual([]);
    }
  });
});

describe('the session', () => {
  it('is any hour on paper and the hours of the exchange with Kite, unless another is asked for', () => {
    expect(config().session).toEqual({
      hours: 'always',
      holidays: [],
      lastMisEntry: { EQUITY: '14:55', DERIVATIVES: '15:10', CURRENCY: '16:30', COMMODITY: '23:00' },
    });
    expect(config(KITE).session.hours).toBe('exchange');
    expect(config({ MARKET_HOURS: 'exchange' }).session.hours).toBe('exchange');
  });

  it('has holidays and last times that a person can change', () => {
    const session = config({
      MARKET_HOLIDAYS: '2026-11-24, 2026-12-25',
      MIS_LAST_ENTRY_EQUITY: '15:05',
      MIS_LAST_ENTRY_COMMODITY: 'off',
    }).session;
    expect(session.holidays).toEqual(['2026-11-24', '2026-12-25']);
    expect(session.lastMisEntry).toMatchObject({ EQUITY: '15:05', COMMODITY: null });
    expect(problems({ MARKET_HOLIDAYS: '2026-02-30' })).toEqual([
      'MARKET_HOLIDAYS must be days, "2026-11-24", separated by commas',
    ]);
    expect(problems({ MIS_LAST_ENTRY_EQUITY: '3pm' })).toEqual([
      'MIS_LAST_ENTRY_EQUITY must be a time in India, "15:05", or off',
    ]);
  });
});

describe('a problem', () => {
  it.each([
    ['PORT', '-1', 'must be at least 0'],
    ['PORT', '65536', 'must be at most 65535'],
    ['PORT', '80.5', 'must be a whole number'],
    ['PORT', 'http', 'must be a whole number'],
    ['PORT', '0x10', 'must be a whole number'],
    ['PORT', '1e3', 'must be a whole number'],
    ['MAX_POSITIONS', '-1', 'must be at least 0'],
    ['MAX_RISK_PER_TRADE', '1.01', 'must be a plain number from 0 to 1'],
    ['MAX_RISK_PER_TRADE', '-0.01', 'must be a plain number from 0 to 1'],
    ['MAX_RISK_PER_TRADE', '2%', 'must be a plain number from 0 to 1'],
    ['MAX_RISK_PER_TRADE', '1e-2', 'must be a plain number from 0 to 1'],
    ['REQUIRE_TAKE_PROFIT', 'true', 'must be yes or no'],
    ['BROKER', 'zerodha', 'must be paper or kite'],
    ['QUEUE_BACKEND', 'kafka', 'must be redis or postgres'],
    ['DEMO', 'yes', 'must be on or off'],
    ['DATABASE_URL', 'mysql://x', 'must be a URL that begins with postgres:// or postgresql://'],
    ['DATABASE_URL', 'localhost', 'must be a URL that begins with postgres:// or postgresql://'],
    ['REDIS_URL', 'http://x', 'must be a URL that begins with redis:// or rediss://'],
    ['ADMIN_TOKEN', 'fifteen-letters', 'must be 16 to 256 visible ASCII characters'],
    ['ADMIN_TOKEN', 'sixteen letters!', 'must be 16 to 256 visible ASCII characters'],
    ['ADMIN_TOKEN', 'x'.repeat(257), 'must be 16 to 256 visible ASCII characters'],
    ['POLL_INTERVAL_MS', '49', 'must be at least 50'],
  ])('of %s=%s is named: %s', (variable, value, problem) => {
    expect(problems({ [variable]: value })).toEqual([`${variable} ${problem}`]);
  });

  it.each([
    ['PORT', '0'],
    ['PORT', '65535'],
    ['MAX_RISK_PER_TRADE', '0'],
    ['MAX_RISK_PER_TRADE', '1'],
    ['MAX_POSITIONS', '0'],
    ['MIN_RISK_REWARD', '0'],
    ['ORDER_CALLS_PER_MINUTE', '0'],
    ['MAX_ORDER_AGE_MS', '0'],
    ['ADMIN_TOKEN', 'sixteen-letters!'],
    ['ADMIN_TOKEN', 'x'.repeat(256)],
    ['DATABASE_URL', 'postgresql://u:p@h:5432/db?sslmode=require'],
    ['REDIS_URL', 'rediss://h:6380'],
    ['POLL_INTERVAL_MS', '50'],
  ])('is not found in %s=%s, just inside its bounds', (variable, value) => {
    expect(problems({ [variable]: value })).toEqual([]);
  });

  it('does not hide another: all are listed, each with its variable', () => {
    const found = named({
      PORT: 'x',
      MAX_DAILY_LOSS: '7',
      BROKER: 'kite',
      QUEUE_BACKEND: 'redis',
      SAUDA_FAILPOINTS: 'a:throw',
      NODE_ENV: 'production',
    });
    expect([...found].sort()).toEqual(
      ['PORT', 'MAX_DAILY_LOSS', 'LIVE_TRADING', 'ZERODHA_API_KEY', 'REDIS_URL', 'SAUDA_FAILPOINTS'].sort(),
    );
  });

  it('is told once: a variable that can not be read is not blamed for what follows from it', () => {
    expect(named({ QUEUE_BACKEND: 'redis', REDIS_URL: 'http://x' })).toEqual(['REDIS_URL']);
    expect(named({ ENTRY_CALLS_PER_SECOND: '20', ORDER_CALLS_PER_SECOND: 'many' })).toEqual([
      'ORDER_CALLS_PER_SECOND',
    ]);
  });

  it('never repeats the value, which may be a secret', () => {
    const secret = 'hunter2-hunter2 ';
    const text = problems({ ADMIN_TOKEN: secret, DATABASE_URL: `mysql://u:${secret}@h` }).join();
    expect(text).not.toContain('hunter2');
  });
});

describe('the budget of order calls', () => {
  it('gives entries no more than all calls together', () => {
    const of = (entries: string, all: string) =>
      problems({ ENTRY_CALLS_PER_SECOND: entries, ORDER_CALLS_PER_SECOND: all });
    expect(of('8', '8')).toEqual([]);
    expect(of('9', '8')).toEqual(['ENTRY_CALLS_PER_SECOND must not be more than ORDER_CALLS_PER_SECOND']);
    expect(of('0', '8')).toEqual([]);
    expect(of('9', '0')).toEqual([]);
  });

  it.each([
    [{ ORDER_CALLS_PER_SECOND: '3' }, 3, 3],
    [{ ORDER_CALLS_PER_SECOND: '20' }, 20, 6],
    [{ ORDER_CALLS_PER_SECOND: '0' }, 0, 6],
    [{ ORDER_CALLS_PER_SECOND: '3', ENTRY_CALLS_PER_SECOND: '2' }, 3, 2],
  ])('caps the default for entries by %o', (variables, perSecond, entriesPerSecond) => {
    const parsed = parseConfig(variables);
    expect(parsed.ok && parsed.value.budget).toMatchObject({ perSecond, entriesPerSecond });
  });
});

describe('failpoints', () => {
  it('are taken outside production and refused in it', () => {
    const SAUDA_FAILPOINTS = 'submit.afterClaim:kill';
    expect(config({ SAUDA_FAILPOINTS }).failpoints).toBe(SAUDA_FAILPOINTS);
    expect(problems({ SAUDA_FAILPOINTS, NODE_ENV: 'production' })).toEqual([
      'SAUDA_FAILPOINTS is refused in production',
    ]);
  });
});

describe('a planted bug', () => {
  it('is taken by its name, and refused in production and with real money', () => {
    expect(config().mutant).toBeNull();
    expect(config({ SAUDA_MUTANT: 'resend' }).mutant).toBe('resend');
    expect(problems({ SAUDA_MUTANT: 'no-such-bug' })).toHaveLength(1);
    expect(problems({ SAUDA_MUTANT: 'resend', NODE_ENV: 'production' })).toEqual([
      'SAUDA_MUTANT is refused in production and with BROKER=kite: it is a planted bug',
    ]);
    const live = { BROKER: 'kite', LIVE_TRADING: 'yes', ZERODHA_API_KEY: 'key' };
    expect(problems({ SAUDA_MUTANT: 'resend', ...live })).toHaveLength(1);
  });
});

describe('the alert webhook', () => {
  const URL_ = 'https://example.com/hook';
  const SECRET = 'sixteen-or-more-signs';

  it('is off without an address, and else needs a secret to sign with', () => {
    expect(config().alerts).toEqual({ repeatMs: 300_000, webhook: null });
    expect(named({ ALERT_WEBHOOK_URL: URL_ })).toEqual(['ALERT_WEBHOOK_SECRET']);
    expect(named({ ALERT_WEBHOOK_URL: URL_, ALERT_WEBHOOK_SECRET: 'short' })).toEqual([
      'ALERT_WEBHOOK_SECRET',
    ]);
    expect(config({ ALERT_WEBHOOK_URL: URL_, ALERT_WEBHOOK_SECRET: SECRET }).alerts.webhook).toEqual({
      url: URL_,
      secret: SECRET,
      minimumSeverity: 'WARNING',
      timeoutMs: 5000,
    });
  });

  it('takes http and https, without a user in the address', () => {
    for (const address of ['ftp://example.com', 'nonsense', 'https://user:word@example.com/hook']) {
      expect(named({ ALERT_WEBHOOK_URL: address, ALERT_WEBHOOK_SECRET: SECRET })).toEqual([
        'ALERT_WEBHOOK_URL',
      ]);
    }
  });
});
