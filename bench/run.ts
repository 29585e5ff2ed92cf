/**
 * `npm run bench`: this pipeline beside a hand-written floor, on a Postgres with fsync and a Redis with an
 * append-only file, interleaved; prints a table, writes results.json; fails when an answer was wrong or a target is missed. Takes about
 * four minutes on two cores.
 *   --date 2026-11-22   written into the results       --pairs 3   pairs of rounds
 *   --orders 2500       orders of a throughput run     --no-idle   leave out the idle process
 *   --profile DIR       keep CPU profiles there        --only pipeline|floor   one side, nothing written
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import pg from 'pg';
import { systemClock } from '../src/time/clock.ts';
import { type IdleCost, measureIdle } from './idle.ts';
import { cpuText, missesTargets, type Results, summarize, table } from './report.ts';
import {
  countTrips,
  prepareTemplate,
  type Round,
  type RoundSettings,
  runRound,
  type SideName,
  type Stage,
} from './rounds.ts';
import { type BenchServer, startPostgres, startRedis } from './servers.ts';
import { round } from './statistics.ts';

const SETTINGS: RoundSettings = {
  accounts: 50,
  warmUpOrders: 500,
  orders: 2500,
  inFlight: 1000,
  latencyOrders: 600,
  latencyPerSecond: 60,
};
/** The orders before these bring every account its day, its funds and its margins. */
const COUNTED_ORDERS = { from: 100, orders: 50 };
/** Settled: what a start does once (instruments, margins, the first plans of every statement) is over. */
const IDLE = { settleMs: 20_000, forMs: 30_000 };

const { values: options } = parseArgs({
  options: {
    date: { type: 'string' },
    pairs: { type: 'string', default: '3' },
    orders: { type: 'string', default: String(SETTINGS.orders) },
    'in-flight': { type: 'string', default: String(SETTINGS.inFlight) },
    'no-idle': { type: 'boolean', default: false },
    profile: { type: 'string' },
    only: { type: 'string' },
  },
});

const servers: BenchServer[] = [];
const tell = (line: string): void => console.log(line);

async function main(): Promise<void> {
  const postgres = await keep(startPostgres());
  const redis = await keep(startRedis());
  const settings = { ...SETTINGS, orders: Number(options.orders), inFlight: Number(options['in-flight']) };
  const stage: Stage = {
    postgresUrl: postgres.url,
    redisUrl: redis.url,
    pids: { postgres: postgres.pid, redis: redis.pid },
    settings,
    profileDir: options.profile ?? null,
  };
  await prepareTemplate(postgres.url);
  const trips = await countTrips(stage, COUNTED_ORDERS);
  const pairs = Number(options.pairs);
  const sides: readonly SideName[] =
    options.only === undefined ? ['pipeline', 'floor'] : [options.only as SideName];
  const rounds: Round[] = [];
  for (let pair = 1; pair <= pairs; pair += 1) {
    for (const side of sides) {
      const result = await runRound(side, stage);
      rounds.push(result);
      tell(
        `${side.padEnd(8)} ${pair}/${pairs}: ${round(result.ordersPerSecond, 0)} orders/s, accept to wire p50 ` +
          `${round(result.acceptToWireMs.p50)} ms, p99 ${round(result.acceptToWireMs.p99)} ms, ` +
          `CPU per order ${cpuText(result.cpuMsPerOrder)}`,
      );
    }
  }
  if (options.only !== undefined) return;
  const idle = options['no-idle'] ? null : await idleCost();
  const about = { ...(await describeMachine(stage)), settings: { ...settings, pairs } };
  const results = summarize(about, rounds, trips, idle);
  tell(`\n${table(results)}\n`);
  await writeFile(new URL('results.json', import.meta.url), `${JSON.stringify(results, null, 2)}\n`);
  tell(
    'Every order is FILLED, trades and positions add up, no tag reached the broker twice, the journal is intact.',
  );
  tell('Written to bench/results.json.');
  if (missesTargets(results)) process.exitCode = 1;
}

async function keep(starting: Promise<BenchServer>): Promise<BenchServer> {
  const server = await starting;
  servers.push(server);
  return server;
}

async function idleCost(): Promise<IdleCost> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sauda-bench-data-'));
  try {
    return await measureIdle({ dataDir, ...IDLE });
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function describeMachine(
  stage: Stage,
): Promise<Pick<Results, 'date' | 'commit' | 'machine' | 'versions'>> {
  const client = new pg.Client({ connectionString: stage.postgresUrl });
  await client.connect();
  const postgres = await client.query<{ server_version: string }>('show server_version');
  await client.end();
  const redis = new Redis(stage.redisUrl);
  const info = await redis.info('server');
  redis.disconnect();
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
    dependencies: Record<string, string>;
  };
  const [processor] = cpus();
  return {
    date: options.date ?? systemClock.now().toISOString().slice(0, 10),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    machine: {
      cores: cpus().length,
      processor: processor?.model ?? 'unknown',
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
    versions: {
      sauda: manifest.version,
      node: process.versions.node,
      postgres: postgres.rows[0]?.server_version ?? 'unknown',
      redis: /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown',
      bullmq: manifest.dependencies['bullmq'] ?? 'unknown',
      pg: manifest.dependencies['pg'] ?? 'unknown',
    },
  };
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  for (const server of servers.reverse()) await server.stop();
}
