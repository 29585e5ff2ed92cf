/**
 * The whole order path in one test file: a cloned database, a paper exchange on free ports whose market stands still,
 * and the real composition with all roles on a chosen queue backend. Everything is torn down by `stop`.
 */
import pg from 'pg';
import { describe, inject } from 'vitest';
import { type Config, parseConfig } from '../../src/config/config.ts';
import type { OrderRow } from '../../src/db/account-rows.ts';
import type { Order } from '../../src/domain/order.ts';
import { isFinal, type OrderStatus } from '../../src/domain/order-status.ts';
import { createLogger } from '../../src/logging/logger.ts';
import {
  type PaperExchangeOptions,
  type RunningPaperExchange,
  startPaperExchange,
} from '../../src/paper-exchange/index.ts';
import { compose, type Composition, type Patience } from '../../src/runtime/compose.ts';
import { stopAll } from '../../src/runtime/process.ts';
import {
  type Running,
  startAlerter,
  startDispatcher,
  startFillPoller,
  startMarketData,
  startReconciler,
  startRiskMonitor,
  startSubmitter,
  startValidator,
} from '../../src/runtime/roles.ts';
import { schedulesOf } from '../../src/services/dispatch.ts';
import { loadInstruments } from '../../src/services/load-instruments.ts';
import { openAccount } from '../../src/services/open-account.ts';
import { placeOrder } from '../../src/services/place-order.ts';
import { systemClock } from '../../src/time/clock.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { type Book, bookOf, control } from './pipeline/book.ts';
import { disturbBooks } from './pipeline/disturbed.ts';
import { type OrderFields, orderRequest } from './pipeline/requests.ts';
import { startTestRedis, type TestRedis } from './servers/redis.ts';
import { eventually } from './wait.ts';

export type Backend = 'postgres' | 'redis';

/** Runs a suite on both queue backends; without Redis that half is skipped (the global setup warned loudly). */
export function onEachBackend(suite: (backend: Backend) => void): void {
  describe('on postgres', () => suite('postgres'));
  describe.skipIf(inject('redisUrl') === null)('on redis', () => suite('redis'));
}

const ROLES = {
  validator: startValidator,
  submitter: startSubmitter,
  fillPoller: startFillPoller,
  reconciler: startReconciler,
  marketData: startMarketData,
  riskMonitor: startRiskMonitor,
  dispatcher: startDispatcher,
  alerter: startAlerter,
} as const;
export type RoleName = keyof typeof ROLES;
export const ALL_ROLES = Object.keys(ROLES) as RoleName[];

export interface PipelineOptions {
  readonly backend: Backend;
  /** Configuration by environment variable, over the short intervals of tests. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly exchange?: Partial<PaperExchangeOptions>;
  /** Roles this process runs; default all. */
  readonly roles?: readonly RoleName[];
  /** Accounts opened at the start; default "main" alone. */
  readonly accounts?: readonly string[];
  /** Address of the broker as the composition sees it; default the exchange itself. */
  readonly brokerRoot?: (exchange: RunningPaperExchange) => Promise<string> | string;
  /** Every read of the broker's books is shuffled, and rows are repeated. */
  readonly disturbed?: boolean;
  /** Where the log is written; default nowhere. */
  readonly logFile?: string;
}

export interface Sql {
  <Row extends object = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

export interface Pipeline {
  readonly backend: Backend;
  readonly config: Config;
  readonly database: TestDatabase;
  readonly exchange: RunningPaperExchange;
  /** Null on the Postgres backend. */
  readonly redis: TestRedis | null;
  readonly brokerRoot: string;
  readonly parts: Composition;
  readonly sql: Sql;
  /** Variables that point a process of its own at this pipeline. */
  readonly environment: Readonly<Record<string, string>>;
  /** Another process's worth of pools, queues and broker sessions; closed by `stop`. */
  compose(name: string, options?: { readonly databaseUrl?: string }): Promise<Composition>;
  startRole(role: RoleName, parts?: Composition): Running;
  /** Accepts an order; fails the test when it is refused at once. */
  readonly place: (fields?: OrderFields & { readonly account?: string }) => Promise<Order>;
  order(id: string, account?: string): Promise<OrderRow>;
  readonly waitForStatus: (
    order: Pick<Order, 'id'>,
    wanted: OrderStatus | 'final',
    timeoutMs?: number,
  ) => Promise<OrderRow>;
  /** Kinds of the journal's entries about an order, in their order. */
  kinds(orderId: string): Promise<string[]>;
  /** What the exchange really holds of an account's user. */
  book(account?: string): Promise<Book>;
  addFault(fault: Readonly<Record<string, unknown>>): Promise<void>;
  clearFaults(): Promise<void>;
  changeSettings(settings: Readonly<Record<string, unknown>>): Promise<void>;
  /** Sets last prices at the exchange, "NSE:RELIANCE": "2450.00"; whoever holds the share reads them within a second. */
  setPrices(prices: Readonly<Record<string, string>>): Promise<void>;
  /** Reads all quotes into a composition, as its first order of each share would; the quote family takes one call a second. */
  readPrices(parts: Composition): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Quick where a test waits, and wide enough that only the check under test refuses. What real time decides (how old an
 * order, a price, a claim or an answer may be, how many calls a second has) is out of the way: a machine that is slow,
 * or stops for seconds, must not decide. A test that is about one of these sets it.
 */
const ENVIRONMENT = {
  LOG_LEVEL: 'silent',
  POLL_INTERVAL_MS: '100',
  RECONCILE_INTERVAL_MS: '1000',
  UNKNOWN_HORIZON_MS: '1500',
  BROKER_TIMEOUT_MS: '10000',
  SEND_WINDOW_MS: '5000',
  MAX_ORDER_AGE_MS: '0',
  // Most tests count orders of their own; those of protection turn it on.
  PROTECTION: 'none',
  PRICE_MAX_AGE_MS: '3600000',
  ORDER_CALLS_PER_SECOND: '0',
  ENTRY_CALLS_PER_SECOND: '0',
  ORDER_CALLS_PER_MINUTE: '0',
  ACCOUNT_BALANCE: '100000000',
  MAX_POSITIONS: '0',
  MAX_RISK_PER_TRADE: '0',
  MAX_DAILY_LOSS: '0',
  MAX_ORDER_TO_POSITION_RATIO: '0',
  // Tests send the same order again and again.
  DUPLICATE_WINDOW_MS: '0',
};

const EXCHANGE: Partial<PaperExchangeOptions> = {
  port: 0,
  controlPort: 0,
  seed: 7,
  walking: false,
  fillDelayMs: 20,
  fillProbability: 1,
  partialFillChance: 0,
  slippagePct: 0,
  tickIntervalMs: 20,
  openingFunds: '100000000',
  rateLimits: { ordersPerSecond: 0, ordersPerMinute: 0, placementsPerDay: 0 },
};

/** A process of these tests that stops for seconds is no dead one. */
const PATIENCE: Patience = { silentHolderMs: 60_000, queueCallMs: 20_000 };

/** A hook that fails is not tried again by vitest, so .ci/run's second try (vitest.config.ts) is here, and is told. */
export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  for (let triesLeft = Number(process.env['TEST_RETRIES'] ?? '0'); ; triesLeft -= 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (triesLeft <= 0) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      console.log(`flaky: the start of a pipeline (at first: ${reason.split('\n')[0] ?? ''})`);
    }
  }
}

async function startOnce(options: PipelineOptions): Promise<Pipeline> {
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return await assemble(options, undo, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(
  options: PipelineOptions,
  undo: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<Pipeline> {
  const { backend, accounts = ['main'] } = options;
  const database = await createTestDatabase();
  undo.push(() => database.drop());
  const exchange = await startPaperExchange({ clock: systemClock, ...EXCHANGE, ...options.exchange });
  undo.push(() => exchange.close());
  const redis = backend === 'redis' ? await startTestRedis() : null;
  if (redis !== null) undo.push(() => redis.stop());
  const brokerRoot = (await options.brokerRoot?.(exchange)) ?? exchange.url;

  const environment: Record<string, string> = {
    ...ENVIRONMENT,
    ...options.environment,
    DATABASE_URL: database.url,
    KITE_API_ROOT: brokerRoot,
    QUEUE_BACKEND: backend,
    ...(redis === null ? {} : { REDIS_URL: redis.url }),
  };
  const parsed = parseConfig(environment);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  const config = parsed.value;

  const composeOne: Pipeline['compose'] = async (name, { databaseUrl = database.url } = {}) => {
    const { logFile: file = null } = options;
    const log = createLogger({ level: file === null ? 'silent' : 'info', processName: name, file });
    const parts = await compose({
      config,
      databaseUrl,
      brokerRoot,
      processName: name,
      log,
      patience: PATIENCE,
    });
    undo.push(() => parts.close());
    return options.disturbed === true ? disturbBooks(parts) : parts;
  };
  const parts = await composeOne('test');
  const { context } = parts;
  await loadInstruments(context.db, parts.defaultBroker);
  for (const id of accounts) await openAccount(context, { id, name: id, actor: 'test' });

  // Not one of the pools under test: what a test asks takes no connection and meets no time limit of theirs.
  const pool = new pg.Pool({ connectionString: database.url, max: 4, options: '-c timezone=UTC' });
  pool.on('error', () => undefined);
  undo.push(() => pool.end());
  const sql: Sql = async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await pool.query<Row>(text, [...values])).rows;
  const readPrices = async ({ context: of }: Composition): Promise<void> => {
    const ids = await sql<{ id: number }>(`select id from instruments where segment <> 'INDICES'`);
    const instruments = await of.instruments.byIds(ids.map(({ id }) => id));
    await of.prices.pull([...instruments.values()]);
  };
  await readPrices(parts);

  const startRole: Pipeline['startRole'] = (role, of = parts) => {
    const running = ROLES[role](of);
    undo.push(() => stopAll([running]));
    return running;
  };
  for (const role of options.roles ?? ALL_ROLES) startRole(role);
  await parts.queues.ensureSchedules(await schedulesOf(context));

  const order: Pipeline['order'] = async (id, account) => {
    const row = await context.db.orm.query.orders.findFirst({
      where: (o, { and, eq }) =>
        account === undefined ? eq(o.id, id) : and(eq(o.accountId, account), eq(o.id, id)),
    });
    if (row === undefined) throw new Error(`there is no order ${id}`);
    return row;
  };

  return {
    backend,
    config,
    database,
    exchange,
    redis,
    brokerRoot,
    parts,
    sql,
    environment,
    compose: composeOne,
    startRole,
    order,
    stop,
    place: async ({ account = 'main', ...fields } = {}) => {
      const placed = await placeOrder(context, {
        accountId: account,
        actor: 'test',
        // Only an operator leaves a position without protection.
        byOperator: fields.protection === 'none',
        request: orderRequest(fields),
      });
      if (!placed.ok) throw new Error(`the order was refused: ${JSON.stringify(placed.error)}`);
      return placed.value.order;
    },
    waitForStatus: async ({ id }, wanted, timeoutMs) => {
      const row = await eventually(
        async () => {
          const now = await order(id);
          if (now.status === wanted || isFinal(now.status)) return now;
          throw new Error(`it is ${now.status}`);
        },
        { what: `order ${id} to be ${wanted}`, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
      );
      // A finished order does not become anything else: no use in waiting for the deadline.
      if (wanted === 'final' || row.status === wanted) return row;
      throw new Error(`order ${id} ended as ${row.status}, not ${wanted}: ${row.statusReason ?? ''}`);
    },
    kinds: async (orderId) =>
      (
        await sql<{ kind: string }>('select kind from journal where entity = $1 order by account_id, seq', [
          orderId,
        ])
      ).map(({ kind }) => kind),
    book: (account = 'main') => bookOf(exchange, account),
    addFault: async (fault) => {
      await control(exchange, 'POST', '/faults', fault);
    },
    clearFaults: async () => {
      await control(exchange, 'DELETE', '/faults');
    },
    changeSettings: async (settings) => {
      await control(exchange, 'PUT', '/settings', settings);
    },
    setPrices: async (prices) => {
      await control(exchange, 'PUT', '/prices', prices);
    },
    readPrices,
  };
}
