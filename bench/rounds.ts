import { Redis } from 'ioredis';
import { migrate } from '../src/db/migrate.ts';
import { execute, withDatabase } from '../test/support/servers/template.ts';
import { type BenchChild, startChild } from './child.ts';
import type { Started } from './load.ts';
import { accountIds } from './orders.ts';
import type { PipelineOptions } from './pipeline.ts';
import type { StepTrips } from './round-trips.ts';
import { readTree } from './process-tree.ts';
import { quantile } from './statistics.ts';
import { type Proof, verifyFloor, verifyPipeline } from './verify.ts';

export interface RoundSettings {
  readonly accounts: number;
  readonly warmUpOrders: number;
  readonly orders: number;
  readonly inFlight: number;
  readonly latencyOrders: number;
  readonly latencyPerSecond: number;
}

export interface Stage {
  readonly postgresUrl: string;
  readonly redisUrl: string;
  readonly pids: { readonly postgres: number; readonly redis: number };
  readonly settings: RoundSettings;
  readonly profileDir: string | null;
}

export type SideName = 'pipeline' | 'floor';

/** CPU milliseconds of each process, those it started included; `own` is the side's own. */
export interface CpuCost {
  readonly own: number;
  readonly postgres: number;
  readonly redis: number;
  readonly broker: number;
}

/** One run of one side: fresh processes, a fresh database, an empty Redis. */
export interface Round {
  readonly side: SideName;
  readonly ordersPerSecond: number;
  readonly acceptToWireMs: { readonly p50: number; readonly p99: number };
  readonly residentBytes: number;
  readonly redisCommandsPerOrder: number;
  readonly cpuMsPerOrder: CpuCost;
  readonly proof: Proof | null;
}

const TEMPLATE = 'bench_template';
let databases = 0;

/** A migrated database that every round of the pipeline begins with. */
export async function prepareTemplate(postgresUrl: string): Promise<void> {
  await execute(postgresUrl, `create database ${TEMPLATE}`);
  await migrate(withDatabase(postgresUrl, TEMPLATE));
}

export async function createDatabase(postgresUrl: string): Promise<string> {
  databases += 1;
  const name = `bench_${databases}`;
  await execute(postgresUrl, `create database ${name} template ${TEMPLATE}`);
  await execute(postgresUrl, 'checkpoint');
  return withDatabase(postgresUrl, name);
}

export async function runRound(side: SideName, stage: Stage): Promise<Round> {
  const { settings } = stage;
  const { warmUpOrders, orders, inFlight, latencyOrders, latencyPerSecond } = settings;
  return withProcesses(side, stage, async ({ child, broker, options, redis }) => {
    await child.call('work');
    await child.call('throughput', { from: 0, orders: warmUpOrders, inFlight });
    // What autovacuum does within the first minute of a real database.
    await execute(options.databaseUrl, 'analyze');
    const commandsBefore = await redisCommands(redis);
    const cpuBefore = await readCpu(stage, child, broker);
    const tookMs = (await child.call('throughput', { from: warmUpOrders, orders, inFlight })) as number;
    const cpuAfter = await readCpu(stage, child, broker);
    const commands = (await redisCommands(redis)) - commandsBefore;
    const from = warmUpOrders + orders;
    const started = (await child.call('latency', {
      from,
      orders: latencyOrders,
      perSecond: latencyPerSecond,
    })) as Started[];
    const arrivals = (await broker.call('arrivals')) as ReadonlyMap<string, number>;
    const latencies = started.map(({ brokerOrderId, atMs }) => (arrivals.get(brokerOrderId) ?? NaN) - atMs);
    const residentBytes = (await child.call('residentBytes')) as number;
    const counts = (await broker.call('counts')) as { placements: number; repeatedTags: number };
    await child.stop();
    const all = { ...options, orders: from + latencyOrders, broker: counts };
    const proof = side === 'pipeline' ? await verifyPipeline(all) : await verifyFloor(all).then(() => null);
    return {
      side,
      ordersPerSecond: (orders / tookMs) * 1000,
      acceptToWireMs: { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) },
      residentBytes,
      redisCommandsPerOrder: commands / orders,
      cpuMsPerOrder: perOrder(cpuBefore, cpuAfter, orders),
      proof,
    };
  });
}

async function readCpu(
  { pids }: Stage,
  child: { readonly pid: number },
  broker: { readonly pid: number },
): Promise<CpuCost> {
  const [own, postgres, redis, ofBroker] = await Promise.all(
    [child.pid, pids.postgres, pids.redis, broker.pid].map(async (pid) => (await readTree([pid])).cpuMs),
  );
  return { own: own ?? NaN, postgres: postgres ?? NaN, redis: redis ?? NaN, broker: ofBroker ?? NaN };
}

function perOrder(before: CpuCost, after: CpuCost, orders: number): CpuCost {
  const of = (key: keyof CpuCost) => (after[key] - before[key]) / orders;
  return { own: of('own'), postgres: of('postgres'), redis: of('redis'), broker: of('broker') };
}

/** Statements and round trips of each step, order by order. */
export async function countTrips(stage: Stage, load: { from: number; orders: number }): Promise<StepTrips[]> {
  return withProcesses('pipeline', { ...stage, profileDir: null }, async ({ child }) => {
    // Margins, prices and funds are asked for once; prepared statements are made once.
    await child.call('stepTrips', { from: 0, orders: load.from });
    return (await child.call('stepTrips', load)) as StepTrips[];
  });
}

interface Processes {
  readonly child: BenchChild;
  readonly broker: BenchChild;
  readonly redis: Redis;
  readonly options: PipelineOptions;
}

async function withProcesses<T>(
  side: SideName,
  stage: Stage,
  run: (processes: Processes) => Promise<T>,
): Promise<T> {
  const redis = new Redis(stage.redisUrl);
  const children: BenchChild[] = [];
  try {
    await redis.flushall();
    const broker = await startChild('broker.ts');
    children.push(broker);
    const child = await startChild(`${side}.ts`, { profileDir: stage.profileDir });
    children.push(child);
    const options: PipelineOptions = {
      databaseUrl: await createDatabase(stage.postgresUrl),
      redisUrl: stage.redisUrl,
      brokerRoot: (await broker.call('root')) as string,
      accounts: accountIds(stage.settings.accounts),
    };
    await child.call('connect', options);
    return await run({ child, broker, redis, options });
  } finally {
    for (const child of children.reverse()) await child.stop();
    redis.disconnect();
  }
}

async function redisCommands(redis: Redis): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1]);
}
