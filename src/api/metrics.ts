import type { OpenAPIHono } from '@hono/zod-openapi';
import { routePath } from 'hono/route';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { ORDER_STATUSES } from '../domain/order-status.ts';
import type { Log } from '../services/context.ts';
import type { SystemMetrics } from '../services/read-metrics.ts';
import type { Clock } from '../time/clock.ts';
import { type HopPorts, createHopMetrics } from './hop-metrics.ts';
import { createSystemGauges } from './system-gauges.ts';

/** Jobs of each queue by state; null: the queues do not answer. */
export type QueueCountsReader = () => Promise<
  Readonly<Record<string, Readonly<Record<string, number>> | null>>
>;

export interface MetricsOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Orders by status, in one query. */
  readonly countOrders: () => Promise<readonly { readonly status: string; readonly count: number }[]>;
  readonly queueCounts?: QueueCountsReader | undefined;
  /** How long the oldest job of each queue waits, milliseconds; null: the queues do not answer. */
  readonly queueAges?: () => Promise<readonly (readonly [queue: string, ageMs: number | null])[]>;
  readonly system?: () => Promise<SystemMetrics>;
  /** Left out: only what this process accepts is measured. */
  readonly hops?: HopPorts;
  /** Figures of this process as text, beside those of the API. */
  readonly processText?: (() => Promise<string>) | undefined;
  /** Units without a stop at the exchange now, and seconds of that in all, by account. */
  readonly unprotected: () => Promise<
    readonly {
      readonly accountId: string;
      readonly instrument: string;
      readonly quantity: number;
      readonly seconds: number;
    }[]
  >;
}

export interface Metrics {
  readonly contentType: string;
  /** The text of a scrape; a part that can not be read is left out, never the whole. */
  scrape(): Promise<string>;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** A gauge that takes longer to read is left out of the scrape. */
const GAUGE_TIMEOUT_MS = 1000;

/** Measures every request of `app` by its route, and keeps the process's own figures. */
export function createMetrics(app: OpenAPIHono, options: MetricsOptions): Metrics {
  const { clock, log, countOrders, queueCounts, unprotected } = options;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'sauda_' });
  const requests = new Counter({
    name: 'sauda_http_requests_total',
    help: 'HTTP requests answered',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'sauda_http_request_duration_seconds',
    help: 'Time from request to answer, waiting for a status (waitFor) included',
    labelNames: ['method', 'route'],
    buckets: SECONDS,
    registers: [registry],
  });
  const orders = new Gauge({
    name: 'sauda_orders',
    help: 'Orders of the trading day, and live ones of earlier days, by status',
    labelNames: ['status'],
    registers: [registry],
  });
  const jobs = new Gauge({
    name: 'sauda_queue_jobs',
    help: 'Jobs by queue and state',
    labelNames: ['queue', 'state'],
    registers: [registry],
  });

  const nakedUnits = new Gauge({
    name: 'sauda_unprotected_quantity',
    help: 'Managed units that no stop at the exchange covers, although their policy asks for one',
    labelNames: ['account', 'instrument'],
    registers: [registry],
  });
  const nakedSeconds = new Gauge({
    name: 'sauda_unprotected_seconds',
    help: 'Seconds that positions were without all of their stop, of every position so far',
    labelNames: ['account', 'instrument'],
    registers: [registry],
  });

  const ages = new Gauge({
    name: 'sauda_queue_oldest_seconds',
    help: 'How long the job has waited that waits longest',
    labelNames: ['queue'],
    registers: [registry],
  });
  const hops = createHopMetrics(registry, options.hops);
  const setSystem = createSystemGauges(registry);

  app.use(async (c, next) => {
    const startMs = clock.monotonicMs();
    await next();
    // The pattern, never the path: ids would make a series each.
    const pattern = routePath(c, -1);
    const route = pattern.endsWith('*') ? 'none' : pattern;
    const method = METHODS.has(c.req.method) ? c.req.method : 'OTHER';
    requests.inc({ method, route, status: String(c.res.status) });
    const seconds = (clock.monotonicMs() - startMs) / 1000;
    durations.observe({ method, route }, seconds);
    if (isAcceptance(method, route, c.res.status) && c.req.query('waitFor') === undefined) {
      hops.accepted(seconds);
    }
  });

  const fillOrders = async (): Promise<void> => {
    orders.reset();
    const counts = new Map((await countOrders()).map(({ status, count }) => [status, count]));
    for (const status of ORDER_STATUSES) orders.set({ status }, counts.get(status) ?? 0);
  };
  const fillJobs = async (): Promise<void> => {
    jobs.reset();
    for (const [queue, counts] of Object.entries((await queueCounts?.()) ?? {})) {
      for (const [state, count] of Object.entries(counts ?? {})) jobs.set({ queue, state }, count);
    }
  };

  const fillAges = async (): Promise<void> => {
    ages.reset();
    for (const [queue, ageMs] of (await options.queueAges?.()) ?? []) {
      if (ageMs !== null) ages.set({ queue }, ageMs / 1000);
    }
  };
  const fillSystem = async (): Promise<void> => {
    if (options.system !== undefined) setSystem(await options.system());
  };

  const fillUnprotected = async (): Promise<void> => {
    for (const { accountId: account, instrument, quantity, seconds } of await unprotected()) {
      nakedUnits.set({ account, instrument }, quantity);
      nakedSeconds.set({ account, instrument }, seconds);
    }
  };

  return {
    contentType: registry.contentType,
    scrape: async () => {
      await Promise.all(
        [fillOrders, fillJobs, fillAges, fillUnprotected, fillSystem, hops.follow].map(async (fill) => {
          try {
            await within(fill());
          } catch (error) {
            log.warn({ err: error }, 'a gauge could not be read');
          }
        }),
      );
      return [await registry.metrics(), (await options.processText?.()) ?? ''].join('\n');
    },
  };
}

function isAcceptance(method: string, route: string, status: number): boolean {
  return method === 'POST' && route === '/v1/orders' && status === 202;
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

async function within(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer in ${GAUGE_TIMEOUT_MS} ms`));
    }, GAUGE_TIMEOUT_MS);
  });
  try {
    await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
