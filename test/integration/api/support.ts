import type { OpenAPIHono } from '@hono/zod-openapi';
import type pg from 'pg';
import type { BrokerPort } from '../../../src/broker/port.ts';
import { type ApiOptions, createApi } from '../../../src/api/create-api.ts';
import {
  type EventFeed,
  FEED_SETTINGS,
  type FeedSettings,
  createEventFeed,
} from '../../../src/api/event-feed.ts';
import { createAccountTransactions } from '../../../src/db/account-transaction.ts';
import { type Database, connectDatabase } from '../../../src/db/client.ts';
import { decimal } from '../../../src/domain/money.ts';
import { createInstrumentDirectory } from '../../../src/market-data/instruments.ts';
import type { Context, Log, ServiceSettings } from '../../../src/services/context.ts';
import { createSubmitLane } from '../../../src/services/submit-lane.ts';
import { readEventsAfter, readJournalHead } from '../../../src/services/read-events.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { newId } from '../../../src/time/random.ts';
import { LIMITS, SESSION } from '../../unit/risk/fixtures.ts';
import { createTestDatabase } from '../../support/database.ts';

export const ADMIN_TOKEN = 'an-admin-token-of-tests';

const SETTINGS: ServiceSettings = {
  limits: { ...LIMITS, priceMaxAgeMs: 3_600_000 },
  session: SESSION,
  budget: { perSecond: 8, entriesPerSecond: 6, perMinute: 380, perDay: 5000 },
  accountBalance: decimal('100000'),
  brokerTimeoutMs: 1000,
  freezeQuantity: 500,
  sendWindowMs: 250,
  unknownHorizonMs: 120_000,
  unknownPolicy: 'ask',
  modifyConfirmMs: 3000,
  pollIntervalMs: 1000,
  reconcileIntervalMs: 30_000,
  monitor: { intervalMs: 2000 },
  protection: { policy: 'none', withinMs: 3000 },
  alertRepeatMs: 0,
};

/** Queues that hold nothing and take every change. */
export const NO_QUEUES: ApiOptions['queues'] = {
  counts: async () => ({ waiting: 0, active: 0, delayed: 0 }),
  oldestWaitingMs: async () => 0,
  jobs: async () => [],
  setPaused: async () => true,
};

export interface LogLine {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

export interface ApiFixture {
  readonly app: OpenAPIHono;
  readonly context: Context;
  readonly db: Database;
  /** Jobs that were enqueued. */
  readonly jobs: { readonly queue: string; readonly jobId: string }[];
  /** Calls of the broker, by name. */
  readonly brokerCalls: string[];
  readonly log: LogLine[];
  /** Sends a request to the app; JSON bodies are made into text. */
  send(method: string, path: string, options?: SendOptions): Promise<Answer>;
  /** The same as admin, for the common case. */
  get(path: string): Promise<Answer>;
  sql<Row extends pg.QueryResultRow = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ): Promise<Row[]>;
  /** Another app over the same database. */
  appWith(options: Partial<ApiOptions>): OpenAPIHono;
  close(): Promise<void>;
}

export interface SendOptions {
  readonly token?: string | null;
  readonly body?: unknown;
  /** The body as it is; `body` is ignored. */
  readonly raw?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly app?: OpenAPIHono;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
  readonly json: any;
  readonly text: string;
}

export async function startApiFixture(): Promise<ApiFixture> {
  const database = await createTestDatabase();
  const db = connectDatabase(database.url);
  const jobs: ApiFixture['jobs'] = [];
  const brokerCalls: string[] = [];
  const log: LogLine[] = [];
  const context = createContext(db, jobs, brokerCalls, recordingLog(log));
  await seed(db);
  const events = feedOf(context);
  const appWith = (options: Partial<ApiOptions>): OpenAPIHono =>
    createApi({
      context,
      adminToken: ADMIN_TOKEN,
      rateLimitPerMinute: 0,
      version: '0.0.0-test',
      probes: [],
      allowPricePush: true,
      events,
      queues: NO_QUEUES,
      ...options,
    });
  const app = appWith({});
  const send: ApiFixture['send'] = async (method, path, options = {}) => {
    const { token = ADMIN_TOKEN, body, raw, headers, signal } = options;
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await (options.app ?? app).request(path, {
      method,
      ...(payload === undefined ? {} : { body: payload as string }),
      ...(signal === undefined ? {} : { signal }),
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    });
    return readAnswer(response);
  };
  return {
    app,
    context,
    db,
    jobs,
    brokerCalls,
    log,
    send,
    get: (path) => send('GET', path),
    sql: async <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) =>
      (await db.reads.query<Row>(text, values)).rows,
    appWith,
    close: async () => {
      events.close();
      await db.close();
      await database.drop();
    },
  };
}

/** Event streams over the fixture's database; whoever makes it closes it. */
export function feedOf({ db, log }: Context, settings: Partial<FeedSettings> = {}): EventFeed {
  return createEventFeed(
    {
      readAfter: (places, limit) => readEventsAfter(db, places, limit),
      readHead: (accountId) => readJournalHead(db, accountId),
      clock: systemClock,
      log,
    },
    { ...FEED_SETTINGS, ...settings },
  );
}

export async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return {
    status: response.status,
    headers: response.headers,
    json: isJson ? (JSON.parse(text) as unknown) : null,
    text,
  };
}

/** A request that the rules of the market allow. */
export function goodOrder(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    clientOrderId: newId(),
    symbol: 'RELIANCE',
    exchange: 'NSE',
    side: 'BUY',
    quantity: 10,
    orderType: 'LIMIT',
    product: 'MIS',
    price: '2450.00',
    stopLoss: '2440.00',
    takeProfit: '2480.00',
    ...changes,
  };
}

function recordingLog(lines: LogLine[]): Log {
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields, message });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function createContext(db: Database, jobs: ApiFixture['jobs'], brokerCalls: string[], log: Log): Context {
  // Every call of the broker is noted and fails: nothing here may need one.
  const broker = new Proxy({} as BrokerPort, {
    get: (_, name) => async () => {
      brokerCalls.push(String(name));
      throw new Error('no broker in these tests');
    },
  });
  return {
    ...createAccountTransactions(db),
    db,
    queues: {
      enqueue: async (queue: string, jobId: string) => {
        jobs.push({ queue, jobId });
        return true;
      },
    },
    broker: () => broker,
    instruments: createInstrumentDirectory(db, () => systemClock.monotonicMs()),
    prices: {
      peek: () => null,
      refresh: async () => undefined,
      pull: async () => undefined,
      forget: () => undefined,
    },
    funds: { peek: () => null, refresh: async () => undefined },
    margins: {
      peek: () => null,
      isKnown: () => true,
      refresh: async () => undefined,
      peekAdded: () => null,
      refreshAdded: async () => undefined,
    },
    lane: createSubmitLane(0),
    holdings: { peek: () => null, isKnown: () => true, refresh: async () => undefined },
    alertChannels: [],
    settings: SETTINGS,
    newId,
    log,
    processName: 'api:test',
  };
}

const INSTRUMENTS: readonly (readonly unknown[])[] = [
  ['NSE', 'RELIANCE', 738561, 'EQ', 'NSE', '0.10', 1, null],
  ['NSE', 'INFY', 408065, 'EQ', 'NSE', '0.05', 1, null],
  ['NSE', 'M&M', 519937, 'EQ', 'NSE', '0.05', 1, null],
  ['NSE', 'BAJAJ-AUTO', 4267265, 'EQ', 'NSE', '0.05', 1, null],
  ['NSE', 'NIFTY 50', 256265, 'EQ', 'INDICES', '0.05', 1, null],
  ['NFO', 'NIFTY99DEC24000CE', 12345602, 'CE', 'NFO-OPT', '0.05', 75, '2099-12-31'],
  ['NFO', 'NIFTY20JAN12000CE', 12345603, 'CE', 'NFO-OPT', '0.05', 75, '2020-01-30'],
];

async function seed(db: Database): Promise<void> {
  await db.reads.query(`insert into accounts (id, name, capital) values ('main', 'Main', 100000)`);
  for (const row of INSTRUMENTS) {
    await db.reads.query(
      `insert into instruments (exchange, symbol, name, instrument_token, exchange_token, instrument_type, segment,
        tick_size, lot_size, expiry, listed_on)
      values ($1, $2, $2, $3, $3, $4, $5, $6, $7, $8, sauda.trading_day(sauda.clock()))`,
      [...row],
    );
  }
}
