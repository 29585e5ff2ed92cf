import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import type pg from 'pg';
import { ProvenPool } from './pool.ts';
import * as schema from './schema/index.ts';

export type Db = NodePgDatabase<typeof schema>;

/**
 * Four small pools, so that no work can starve another (protocol.md):
 * `accounts` for account transactions, `urgent` for halts and cancels, `reads` for everything that only reads
 * or writes rows outside the account lock; `beats` for leases, heartbeats, prices and marks, which a crash of the
 * database may lose: their commits do not wait for the disk.
 */
export interface Database {
  readonly url: string;
  readonly accounts: pg.Pool;
  readonly urgent: pg.Pool;
  readonly reads: pg.Pool;
  readonly beats: pg.Pool;
  /** Drizzle over the `reads` pool. */
  readonly orm: Db;
  close(): Promise<void>;
}

/** A stopped holder of an account's lock must not block a halt: the server itself ends its session (protocol.md). */
const ACCOUNT_SESSION = {
  // The statements are few and prepared; planning one again costs more than running it.
  plan_cache_mode: 'force_generic_plan',
  lock_timeout: '5000',
  statement_timeout: '5000',
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '2',
  tcp_user_timeout: '5000',
};
const SILENT_HOLDER_MS = 2000;
const BEAT_SESSION = {
  synchronous_commit: 'off',
  statement_timeout: '10000',
  idle_in_transaction_session_timeout: '10000',
};
const READ_SESSION = { statement_timeout: '10000', idle_in_transaction_session_timeout: '10000' };
const CLIENT_QUERY_TIMEOUT_MS = 8000;

export interface DatabaseOptions {
  readonly accountConnections?: number;
  readonly readConnections?: number;
  readonly applicationName?: string;
  /** How long a session may hold an account's lock and say nothing, milliseconds; default 2000. */
  readonly silentHolderMs?: number;
  /** Told of errors on idle connections; they are replaced, nothing is lost. */
  readonly onError?: (error: Error) => void;
}

export function connectDatabase(url: string, options: DatabaseOptions = {}): Database {
  const pools: ProvenPool[] = [];
  const dropIdle = (): void => {
    for (const one of pools) one.dropIdle();
  };
  const pool = (max: number, session: Record<string, string>, name: string): pg.Pool => {
    const config: pg.PoolConfig = {
      connectionString: url,
      max,
      min: 0,
      idleTimeoutMillis: 30_000,
      connectionTimeoutMillis: 5000,
      query_timeout: CLIENT_QUERY_TIMEOUT_MS,
      keepAlive: true,
      application_name: `${options.applicationName ?? 'sauda'}:${name}`,
      options: Object.entries({ ...session, timezone: 'UTC', search_path: 'public' })
        .map(([key, value]) => `-c ${key}=${value}`)
        .join(' '),
    };
    const created = new ProvenPool(config, dropIdle);
    pools.push(created);
    created.on('error', (error) => options.onError?.(error));
    // A connection that breaks while it is checked out emits, too; its query rejects, and that is what is handled.
    created.on('connect', (client) => client.on('error', () => undefined));
    return created;
  };
  const accountSession = {
    ...ACCOUNT_SESSION,
    idle_in_transaction_session_timeout: String(options.silentHolderMs ?? SILENT_HOLDER_MS),
  };
  const accounts = pool(options.accountConnections ?? 8, accountSession, 'accounts');
  const urgent = pool(2, accountSession, 'urgent');
  const reads = pool(options.readConnections ?? 6, READ_SESSION, 'reads');
  const beats = pool(2, BEAT_SESSION, 'beats');
  return {
    url,
    accounts,
    urgent,
    reads,
    beats,
    orm: drizzle(reads, { schema }),
    close: async () => {
      await Promise.allSettled([accounts.end(), urgent.end(), reads.end(), beats.end()]);
    },
  };
}
