import { createServer } from 'node:http';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { KiteCallEntry } from '../broker/kite/kite-broker.ts';
import type { Database } from '../db/client.ts';

/**
 * What one process knows by itself: its calls of the broker, its jobs, its database connections. The API's /metrics
 * shows those of its own process; a worker alone serves its own on METRICS_PORT.
 */
export interface ProcessMetrics {
  readonly registry: Registry;
  readonly brokerCall: (entry: KiteCallEntry) => void;
  readonly jobEnded: (queue: string, ok: boolean) => void;
  readonly watchPools: (database: Database) => void;
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const POOLS = ['accounts', 'urgent', 'reads', 'beats'] as const;

export function createProcessMetrics(): ProcessMetrics {
  const registry = new Registry();
  const calls = new Histogram({
    name: 'sauda_broker_call_duration_seconds',
    help: 'Calls of the broker by what came of them: ok, or the fault',
    labelNames: ['call', 'outcome'],
    buckets: SECONDS,
    registers: [registry],
  });
  const jobs = new Counter({
    name: 'sauda_jobs_total',
    help: 'Jobs that ended in this process',
    labelNames: ['queue', 'outcome'],
    registers: [registry],
  });
  const pools: Database[] = [];
  new Gauge({
    name: 'sauda_pool_connections',
    help: 'Database connections of this process, and who waits for one',
    labelNames: ['pool', 'state'],
    registers: [registry],
    collect() {
      for (const database of pools) {
        for (const pool of POOLS) {
          const { totalCount, idleCount, waitingCount } = database[pool];
          this.set({ pool, state: 'busy' }, totalCount - idleCount);
          this.set({ pool, state: 'idle' }, idleCount);
          this.set({ pool, state: 'waiting' }, waitingCount);
        }
      }
    },
  });
  return {
    registry,
    brokerCall: ({ call, fault, durationMs }) => {
      calls.observe({ call, outcome: fault ?? 'ok' }, durationMs / 1000);
    },
    jobEnded: (queue, ok) => {
      jobs.inc({ queue, outcome: ok ? 'done' : 'failed' });
    },
    watchPools: (database) => void pools.push(database),
  };
}

/** Serves a worker's own figures, to whoever may reach the address; they hold counts and no money. */
export async function serveProcessMetrics(
  { registry }: ProcessMetrics,
  at: { readonly host: string; readonly port: number },
): Promise<{ readonly role: string; readonly port: number; readonly stop: () => Promise<void> }> {
  const own = new Registry();
  collectDefaultMetrics({ register: own, prefix: 'sauda_' });
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    Promise.all([own.metrics(), registry.metrics()]).then(
      (texts) => response.writeHead(200, { 'content-type': own.contentType }).end(texts.join('\n')),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, resolve);
  });
  const address = server.address();
  return {
    role: 'metrics',
    port: typeof address === 'object' && address !== null ? address.port : at.port,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
