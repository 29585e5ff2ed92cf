import { setTimeout as delay } from 'node:timers/promises';
import { Socket } from 'node:net';
import { createPostgresBackend, DEFAULT_SCHEMA, runMigrations, withBackend, type JobType } from 'bullmq';
import pg from 'pg';
import {
  errorText,
  FETCH_RETRY_MS,
  LOCK_MS,
  MAX_EVENTS,
  MAX_STALLED_COUNT,
  STALLED_INTERVAL_MS,
} from './bounds.ts';
import type { DriverJob, DriverQueue, DriverWorker, QueueDriver } from './driver.ts';
import { QUEUE_NAMES, type QueueName } from './names.ts';
import type { QueueLog } from './queues.ts';

/**
 * BullMQ on Postgres, schema `bullmq`. One pool for all queues and workers of the process. A queue or worker object
 * built while the database is down or not migrated is dead for good, so both come first and the caller watches.
 */
const { Queue, Worker } = withBackend(createPostgresBackend);

/** Held while migrating, beside BullMQ's own lock, so that of several starting processes one does the work. */
const MIGRATION_LOCK = 0x53_41_55_44;
/** Held while a schedule is put in place. */
const SCHEDULE_LOCK = MIGRATION_LOCK + 1;
/** Connections for queries beside the one that each worker keeps for LISTEN; with fewer the pool locks up. */
const QUERY_CONNECTIONS = 4;
const CONNECT_TIMEOUT_MS = 5_000;
const QUERY_TIMEOUT_MS = 10_000;
const RETRY_MS = 250;
const SILENT_HOLDER_MS = 10_000;
/** Connection, rolled back, too many connections, object in use, starting up or shutting down. */
const PASSING_CLASSES = ['08', '40', '53', '55', '57'];
/** A NOTIFY wakes an idle worker and the next run of a schedule shortens its wait, so it need not look often. */
const IDLE_LOOK_S = 30;

export async function openPostgresDriver(
  databaseUrl: string,
  options: { readonly startTimeoutMs: number; readonly callTimeoutMs: number; readonly log: QueueLog },
): Promise<QueueDriver> {
  const { startTimeoutMs, callTimeoutMs, log } = options;
  await migrate(databaseUrl, startTimeoutMs, log);
  const sockets = new Set<Socket>();
  const pool = new pg.Pool({
    ...poolConfig(databaseUrl),
    Client: CalmClient,
    stream: () => trackedSocket(sockets),
  });
  pool.setMaxListeners(0);
  // Each queue and worker object reports errors of the shared pool itself.
  pool.on('error', () => undefined);
  return {
    kind: 'postgres',
    openQueue: (name) => openQueue(name, pool),
    openWorker: (name, run, concurrency) => openWorker(name, run, concurrency, pool),
    exclusively: oneByOne((work) => withScheduleLock(pool, callTimeoutMs, work)),
    ping: async () => {
      await pool.query('select 1');
    },
    close: () => pool.end(),
    destroy: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * BullMQ checks clients out without listening for their errors, and drops its listeners before it gives them back; a
 * connection cut at such a moment would end the process. Whoever waits for a query is told by the query.
 */
class CalmClient extends pg.Client {
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'error' && this.listenerCount('error') === 0) return false;
    return super.emit(event, ...args);
  }
}

/**
 * Two processes that put the same schedule in place at once would arm several runs of it: BullMQ's function reads and
 * then writes without a lock. The lock needs a connection beside the one that does the work.
 */
async function withScheduleLock(
  pool: pg.Pool,
  callTimeoutMs: number,
  work: () => Promise<unknown>,
): Promise<void> {
  const client = await pool.connect();
  try {
    // A holder that died without a word must not keep the schedules of everybody.
    const silent = `set local idle_in_transaction_session_timeout = ${SILENT_HOLDER_MS}`;
    await client.query(`begin; set local lock_timeout = ${callTimeoutMs}; ${silent}`);
    await client.query('select pg_advisory_xact_lock($1)', [SCHEDULE_LOCK]);
    await work();
    await client.query('commit');
    client.release();
  } catch (error) {
    // Its session ends, and the lock with it.
    client.release(true);
    throw error;
  }
}

/** In this process one waits for the lock at a time, or those who wait would hold all connections. */
function oneByOne(
  run: (work: () => Promise<unknown>) => Promise<void>,
): (work: () => Promise<unknown>) => Promise<void> {
  let last = Promise.resolve();
  return (work) => {
    const mine = last.then(() => run(work));
    last = mine.catch(() => undefined);
    return mine;
  };
}

function poolConfig(databaseUrl: string): pg.PoolConfig {
  const url = new URL(databaseUrl);
  const given = url.searchParams.get('options');
  url.searchParams.delete('options');
  return {
    connectionString: url.href,
    // Jobs lost in a crash are found again by the dispatcher; not waiting for the disk spares it with every tick.
    options: [given, `-c search_path=${DEFAULT_SCHEMA}`, '-c synchronous_commit=off']
      .filter(Boolean)
      .join(' '),
    application_name: 'sauda-queues',
    max: QUEUE_NAMES.length + QUERY_CONNECTIONS,
    // A new connection costs milliseconds of both sides; churning them would be most of the idle cost.
    idleTimeoutMillis: 300_000,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
  };
}

function trackedSocket(sockets: Set<Socket>): Socket {
  const socket = new Socket();
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
  return socket;
}

/** Waits for the database, then brings schema `bullmq` up to date. Throws after `startTimeoutMs`. */
async function migrate(databaseUrl: string, startTimeoutMs: number, log: QueueLog): Promise<void> {
  const began = performance.now();
  for (let attempt = 1; ; attempt += 1) {
    try {
      await migrateOnce(databaseUrl);
      return;
    } catch (error) {
      const elapsedMs = Math.round(performance.now() - began);
      if (elapsedMs >= startTimeoutMs || !passes(error)) {
        throw new Error(`the queues' Postgres was not ready after ${elapsedMs} ms: ${errorText(error)}`, {
          cause: error,
        });
      }
      if (attempt === 1) log.warn({ error: errorText(error) }, "waiting for the queues' Postgres");
      await delay(RETRY_MS);
    }
  }
}

/** A wrong password or a missing right does not pass by waiting; what is no SQLSTATE is the network. */
function passes(error: unknown): boolean {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return true;
  return PASSING_CLASSES.some((sqlClass) => code.startsWith(sqlClass));
}

async function migrateOnce(databaseUrl: string): Promise<void> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'sauda-queues-migration',
    options: `-c idle_session_timeout=${SILENT_HOLDER_MS} -c idle_in_transaction_session_timeout=${SILENT_HOLDER_MS}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: 3 * QUERY_TIMEOUT_MS,
  });
  // A connection that breaks also rejects the query that runs on it.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await runMigrations(client, DEFAULT_SCHEMA);
  } finally {
    // Ending the session also gives the lock back.
    await client.end();
  }
}

function openQueue(name: QueueName, pool: pg.Pool): DriverQueue {
  const queue = new Queue(name, { connection: pool, streams: { events: { maxLen: MAX_EVENTS } } });
  return Object.assign(queue, {
    schedules: () => queue.getBackend().getJobSchedulersRange(0, -1, true),
    counts: async () => {
      // The jobs of a paused queue count as "paused" here, which BullMQ's type does not name.
      const states = ['waiting', 'prioritized', 'paused', 'active', 'delayed'] as JobType[];
      const [waiting = 0, prioritized = 0, paused = 0, active = 0, delayed = 0] = await queue
        .getBackend()
        .getCounts(states);
      return { waiting: waiting + prioritized + paused, active, delayed };
    },
    onError: (listener: (error: Error) => void) => void queue.on('error', listener),
  });
}

function openWorker(
  name: QueueName,
  run: (job: DriverJob) => Promise<void>,
  concurrency: number,
  pool: pg.Pool,
): DriverWorker {
  const worker = new Worker(name, run, {
    connection: pool,
    concurrency,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_INTERVAL_MS,
    maxStalledCount: MAX_STALLED_COUNT,
    runRetryDelay: FETCH_RETRY_MS,
    drainDelay: IDLE_LOOK_S,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  });
  let connecting = true;
  const connected = worker
    .waitUntilReady()
    .catch(() => undefined)
    .then(() => void (connecting = false));
  return {
    waitUntilReady: () => worker.waitUntilReady(),
    close: async () => {
      // Closed while it connects, it takes its LISTEN connection afterwards and never gives it back.
      if (connecting) await connected;
      await worker.close();
    },
    // Its LISTEN connection goes back to the pool, or is cut with it.
    destroy: () => void worker.close(true).catch(() => undefined),
    onError: (listener) => void worker.on('error', listener),
  };
}
