/**
 * Everything a run needs, owned by it: a durable Postgres and a Redis with an append-only file that may be crashed, the
 * paper exchange as a process that is never killed (the oracle), somebody's webhook, and a fault proxy before each of
 * the three servers. The harness itself goes past the proxies.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { type Client, createClient } from '../../src/client/index.ts';
import { migrate } from '../../src/db/migrate.ts';
import { startReceiver, type Receiver } from '../integration/alerts/receiver.ts';
import { type Book, bookOf, control, userOf } from '../support/pipeline/book.ts';
import { findFreePort } from '../support/servers/port.ts';
import { type FixedPostgres, startFixedPostgres } from '../support/servers/postgres.ts';
import { startTestRedis, type TestRedis } from '../support/servers/redis.ts';
import { execute, withDatabase } from '../support/servers/template.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { eventually } from '../support/wait.ts';
import { CANARY, EXCHANGE_FAULTS, type Options, WORKER_ENVIRONMENT } from './options.ts';
import { END_WITH_PARENT, Workers } from './workers.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TEMPLATE = 'sim_template';
const CLOSE_MS = 20_000;
export const TOKEN = WORKER_ENVIRONMENT.ADMIN_TOKEN;

/** Started once for all seeds of an invocation. */
export interface Servers {
  readonly postgres: FixedPostgres;
  readonly redis: TestRedis | null;
  readonly receiver: Receiver;
  stop(): Promise<void>;
}

export async function startServers(backend: Options['backend']): Promise<Servers> {
  const postgres = await startFixedPostgres({ durable: true });
  const redis = backend === 'redis' ? await startTestRedis({ appendOnly: true }) : null;
  const receiver = await startReceiver();
  if (backend === 'redis' && redis === null)
    throw new Error('there is no redis-server: use --backend postgres');
  await execute(postgres.url, `create database ${TEMPLATE}`);
  await migrate(withDatabase(postgres.url, TEMPLATE));
  return {
    postgres,
    redis,
    receiver,
    stop: async () => {
      await receiver.close();
      await redis?.stop();
      await postgres.stop();
    },
  };
}

export interface OrderCall {
  readonly at: number;
  readonly user: string;
  readonly call: string;
}

type Sql = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>;

export interface World {
  readonly options: Options;
  readonly servers: Servers;
  readonly proxies: {
    readonly postgres: TcpProxy;
    readonly redis: TcpProxy | null;
    readonly broker: TcpProxy;
  };
  readonly workers: Workers;
  readonly apiUrl: string;
  readonly databaseUrl: string;
  readonly client: Client;
  /** Past the proxies; fails while Postgres is down. */
  readonly sql: Sql;
  /** The same, tried until the database answers. */
  readonly ask: Sql;
  /** The exchange's control port. */
  readonly exchange: (method: string, path: string, body?: unknown) => Promise<Record<string, unknown>>;
  readonly book: (account: string) => Promise<Book>;
  readonly orderCalls: () => Promise<OrderCall[]>;
  /** Runs the command line against this database. */
  readonly cli: (...args: readonly string[]) => Promise<{ readonly code: number; readonly output: string }>;
  /** Lets faults of the exchange strike the accounts, and not the canary. */
  disturbExchange(): Promise<void>;
  close(): Promise<void>;
}

export async function startWorld(options: Options, servers: Servers): Promise<World> {
  const undo: (() => Promise<unknown>)[] = [];
  // What does not end in time is left behind: the verdict is known, and the reapers end what is left with us.
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) {
      const done = new AbortController();
      const late = sleep(CLOSE_MS, undefined, { signal: done.signal }).catch(() => undefined);
      await Promise.race([step().catch(() => undefined), late]);
      done.abort();
    }
  };
  try {
    return await assemble(options, servers, undo, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  options: Options,
  servers: Servers,
  undo: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<World> {
  const { postgres, redis, receiver } = servers;
  const folder = await mkdtemp(join(tmpdir(), 'sauda-simulation-'));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  const name = `sim_${options.seed}_${process.pid}`;
  await execute(postgres.url, `drop database if exists ${name} with (force)`);
  await execute(postgres.url, `create database ${name} template ${TEMPLATE}`);
  const databaseUrl = withDatabase(postgres.url, name);
  undo.push(async () => {
    if (!options.keep) await execute(postgres.url, `drop database if exists ${name} with (force)`);
  });
  await redis?.flushAll();
  const exchange = await startExchange(folder, options.seed);
  undo.push(() => exchange.stop());

  const proxy = async (url: string): Promise<TcpProxy> => {
    const started = await startTcpProxy({ port: Number(new URL(url).port) });
    undo.push(() => started.close());
    return started;
  };
  const proxies = {
    postgres: await proxy(databaseUrl),
    redis: redis === null ? null : await proxy(redis.url),
    broker: await proxy(exchange.url),
  };
  const port = await findFreePort();
  const environment: Record<string, string> = {
    ...WORKER_ENVIRONMENT,
    DATABASE_URL: proxies.postgres.through(databaseUrl),
    KITE_API_ROOT: proxies.broker.through(exchange.url).replace(/\/$/, ''),
    QUEUE_BACKEND: options.backend,
    ...(redis === null || proxies.redis === null ? {} : { REDIS_URL: proxies.redis.through(redis.url) }),
    ALERT_WEBHOOK_URL: `${receiver.url}/${name}`,
    PORT: String(port),
    DATA_DIR: folder,
    ...(options.mutant === null ? {} : { SAUDA_MUTANT: options.mutant }),
  };
  const workers = new Workers(environment);
  undo.push(() => workers.stopAll());

  const pool = new pg.Pool({
    ...{ connectionString: databaseUrl, max: 6, connectionTimeoutMillis: 3000, query_timeout: 20_000 },
    options: '-c timezone=UTC -c search_path=public',
  });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  undo.push(() => pool.end());
  const sql: World['sql'] = async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await pool.query<Row>(text, [...values])).rows;
  const apiUrl = `http://127.0.0.1:${port}`;
  return {
    options,
    servers,
    proxies,
    workers,
    apiUrl,
    databaseUrl,
    client: createClient({ baseUrl: apiUrl, token: TOKEN, timeoutMs: 4000, tries: 1 }),
    sql,
    ask: (text, values) =>
      eventually(() => sql(text, values), { what: `an answer to ${text.slice(0, 60)}`, intervalMs: 100 }),
    exchange: (method, path, body) => control(exchange, method, path, body),
    book: (account) => bookOf(exchange, account),
    orderCalls: async () => (await (await fetch(`${exchange.controlUrl}/order-calls`)).json()) as OrderCall[],
    cli: async (...args) => runCli({ ...environment, DATABASE_URL: databaseUrl }, args),
    disturbExchange: async () => {
      for (const account of options.accounts) {
        for (const fault of EXCHANGE_FAULTS) {
          await control(exchange, 'POST', '/faults', { ...fault, user: userOf(account), count: -1 });
        }
      }
    },
    close,
  };
}

/** Opens the accounts; the processes run. */
export async function openAccounts({ options, apiUrl }: World): Promise<void> {
  for (const id of [...options.accounts, CANARY]) {
    if (id === 'main') continue;
    await eventually(
      async () => {
        const response = await fetch(`${apiUrl}/v1/accounts`, {
          method: 'POST',
          headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
          body: JSON.stringify({ id, name: id }),
        });
        if (response.status >= 300 && response.status !== 409) {
          throw new Error(`${response.status} ${await response.text()}`);
        }
      },
      { what: `account ${id} to be opened`, intervalMs: 200 },
    );
  }
}

interface Exchange {
  readonly url: string;
  readonly controlUrl: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Its books are in its memory: it is never killed, so they need no file. */
async function startExchange(folder: string, seed: number): Promise<Exchange> {
  const [port, controlPort] = [await findFreePort(), await findFreePort()];
  const child = spawn(process.execPath, [...END_WITH_PARENT, 'dist/workers/paper-exchange.js'], {
    cwd: ROOT,
    env: {
      ...{ PATH: process.env['PATH'] ?? '', TZ: 'Asia/Kolkata', LOG_LEVEL: 'warn' },
      ...{ PAPER_PORT: String(port), PAPER_CONTROL_PORT: String(controlPort), PAPER_SEED: String(seed) },
      ...{ DATA_DIR: join(folder, 'exchange'), ACCOUNT_BALANCE: WORKER_ENVIRONMENT.ACCOUNT_BALANCE },
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const found = {
    url: `http://127.0.0.1:${port}`,
    controlUrl: `http://127.0.0.1:${controlPort}`,
    pid: child.pid ?? 0,
    stop: () => endProcess(child),
  };
  await eventually(
    () =>
      control(found, 'PUT', '/settings', {
        ...{ walking: false, fillDelayMs: 150, fillProbability: 0.9, slippagePct: 0 },
        ...{ partialFillChance: 0.35, volumeCap: 6, transitMs: 20 },
        // Looser than ours: what the budget lets through must never meet it, and is counted from its log.
        rateLimits: { ordersPerSecond: 0, ordersPerMinute: 0, placementsPerDay: 0 },
      }),
    { what: 'the exchange to answer', intervalMs: 50 },
  );
  return found;
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

async function runCli(
  environment: Readonly<Record<string, string>>,
  args: readonly string[],
): Promise<{ code: number; output: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['dist/src/cli/main.js', '--json', ...args],
      {
        cwd: ROOT,
        env: { PATH: process.env['PATH'] ?? '', ...environment },
        timeout: 120_000,
        maxBuffer: 50_000_000,
      },
    );
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    return { code: typeof code === 'number' ? code : -1, output: `${stdout ?? ''}${stderr ?? ''}` };
  }
}
