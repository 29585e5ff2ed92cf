import { assert } from '../lib/assert.ts';
import { CALL_TIMEOUT_MS, START_TIMEOUT_MS } from './bounds.ts';
import { ConnectedQueues } from './connected-queues.ts';
import { openPostgresDriver } from './postgres-driver.ts';
import type { OnEnded, OnFailed, QueueLog, Queues } from './queues.ts';
import { openRedisDriver } from './redis-driver.ts';

export type QueueTarget =
  | { readonly backend: 'redis'; readonly redisUrl: string }
  | { readonly backend: 'postgres'; readonly databaseUrl: string };

export interface ConnectOptions {
  readonly log: QueueLog;
  /** Records each failed job. Without it a failed job is only logged. */
  readonly onFailed?: OnFailed;
  /** Counts each job that ended here. */
  readonly onEnded?: OnEnded;
  /** Key prefix on Redis, default "{sauda}"; on Postgres the schema `bullmq` of the database is the namespace. */
  readonly prefix?: string;
  /** How long to wait for Postgres, default 60 s. */
  readonly startTimeoutMs?: number;
  /** How long a call may take before it is answered with no, default 1 s. */
  readonly callTimeoutMs?: number;
}

const DEFAULT_PREFIX = '{sauda}';
/** One pair of braces, so that all keys of all queues share a slot of a cluster. */
const PREFIX = /^[A-Za-z0-9._-]*\{[A-Za-z0-9._-]+\}[A-Za-z0-9._-]*$/;

/**
 * Connects to the queues. Redis need not be up: until it is, nothing can be enqueued and workers wait. Postgres is
 * waited for and its schema migrated under an advisory lock; throws when that fails or takes too long.
 */
export async function connectQueues(target: QueueTarget, options: ConnectOptions): Promise<Queues> {
  const { log, prefix = DEFAULT_PREFIX, startTimeoutMs = START_TIMEOUT_MS } = options;
  const { callTimeoutMs = CALL_TIMEOUT_MS } = options;
  assert(PREFIX.test(prefix), `queue prefix "${prefix}" has no part in braces`);
  const driver =
    target.backend === 'redis'
      ? openRedisDriver(target.redisUrl, { prefix, callTimeoutMs, log })
      : await openPostgresDriver(target.databaseUrl, { startTimeoutMs, callTimeoutMs, log });
  const { onFailed = () => undefined, onEnded = () => undefined } = options;
  return new ConnectedQueues(driver, log, { onFailed, onEnded, callTimeoutMs });
}
