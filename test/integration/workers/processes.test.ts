import * as fs from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { onEachBackend, type Pipeline, type PipelineOptions, startPipeline } from '../../support/pipeline.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { startWorkerProcess, type WorkerProcess } from '../../support/pipeline/worker-process.ts';
import { findFreePort } from '../../support/servers/port.ts';
import { makeTemporaryFolder } from '../../support/servers/temporary-folder.ts';
import { eventually } from '../../support/wait.ts';

const WORKERS = [
  ...[
    'validator',
    'submitter',
    'fill-poller',
    'reconciler',
    'market-data',
    'risk-monitor',
    'alerter',
    'dispatcher',
  ],
] as const;

let pipeline: Pipeline | null = null;
let processes: WorkerProcess[] = [];

afterEach(async () => {
  await Promise.all(processes.map((one) => one.kill()));
  processes = [];
  await pipeline?.stop();
  pipeline = null;
});

const begin = async (options: PipelineOptions): Promise<Pipeline> =>
  (pipeline = await startPipeline(options));
const run = (...of: Parameters<typeof startWorkerProcess>): WorkerProcess => {
  const started = startWorkerProcess(...of);
  processes.push(started);
  return started;
};

onEachBackend((backend) => {
  describe('the worker processes', () => {
    it('do all the work together, two of those that hurry, and end in peace at SIGTERM', async () => {
      const { environment, place, waitForStatus, sql, parts } = await begin({
        backend,
        roles: [],
      });
      const all = [...WORKERS, 'validator', 'submitter'].map((name) => run(name, environment));
      await Promise.all(all.map((one) => one.ready()));
      const placed = await Promise.all(Array.from({ length: 12 }, () => place({ quantity: 2, maxAgeMs: 0 })));
      for (const order of placed) await waitForStatus(order, 'FILLED');
      await expectInvariants(sql, { atRest: true });
      expect(await replayDifferences(parts.database)).toEqual([]);

      for (const one of all) one.signal('SIGTERM');
      const ends = await Promise.all(all.map((one) => one.ended()));
      expect(ends).toEqual(ends.map(() => ({ code: 0, signal: null })));
    });
  });
});

describe('a worker process', () => {
  it('lists every problem of its configuration and exits with 2', async () => {
    const bad = run('validator', {
      DATABASE_URL: 'mysql://x',
      QUEUE_BACKEND: 'rabbit',
      POLL_INTERVAL_MS: 'soon',
      MAX_RISK_PER_TRADE: '2%',
    });
    expect(await bad.ended()).toEqual({ code: 2, signal: null });
    for (const name of ['DATABASE_URL', 'QUEUE_BACKEND', 'POLL_INTERVAL_MS', 'MAX_RISK_PER_TRADE']) {
      expect(bad.output()).toContain(name);
    }
  });

  it('is refused failpoints in production', async () => {
    const bad = run('submitter', { NODE_ENV: 'production', SAUDA_FAILPOINTS: 'submit.begin:kill' });
    expect(await bad.ended()).toEqual({ code: 2, signal: null });
    expect(bad.output()).toContain('SAUDA_FAILPOINTS');
  });

  it.each([
    ['where no private database runs either', {}],
    ['when nobody answers at its address', { DATABASE_URL: 'postgres://sauda@127.0.0.1:1/sauda' }],
  ])('exits with 3 without a database, %s', async (_when, environment) => {
    const alone = run('dispatcher', { DATA_DIR: '/nonexistent/sauda', ...environment });
    expect(await alone.ended()).toEqual({ code: 3, signal: null });
    expect(alone.output()).not.toContain('    at '); // a sentence, not a stack
  });
});

describe('the paper exchange as a process', () => {
  it('replays the candles that it is given, and says whose they are', async () => {
    const folder = await makeTemporaryFolder('replay');
    const file = path.join(folder, 'NSE-INFY-2021-03-19.json');
    const candles = [['2021-03-19T09:15:00+0530', 1301.1, 1301.1, 1301.1, 1301.1, 400]];
    await fs.writeFile(file, JSON.stringify({ data: { candles } }));
    const ports = {
      PAPER_PORT: String(await findFreePort()),
      PAPER_CONTROL_PORT: String(await findFreePort()),
    };
    const environment = { DATA_DIR: folder, ...ports };
    const paper = run('paper-exchange', environment, ['--replay', file]);
    const answer = await eventually(
      async () => {
        const response = await fetch(`http://127.0.0.1:${ports.PAPER_CONTROL_PORT}/state`);
        return (await response.json()) as { prices: Record<string, string> };
      },
      { what: 'the exchange to answer' },
    );
    expect(answer.prices['NSE:INFY']).toBe('1301.10');
    expect(paper.output()).toContain('NSE:INFY is driven by 1 candle of 2021-03-19');
    paper.signal('SIGINT');
    expect(await paper.ended()).toEqual({ code: 0, signal: null });
    await fs.rm(folder, { recursive: true });
  });

  it.each([
    ['candles of nobody knows whom', ['--replay', 'package.json']],
    ['an argument that it does not know', ['--nonsense']],
  ])('ends with 2 for %s', async (_what, args) => {
    const folder = await makeTemporaryFolder('replay');
    const ports = {
      PAPER_PORT: String(await findFreePort()),
      PAPER_CONTROL_PORT: String(await findFreePort()),
    };
    const paper = run('paper-exchange', { DATA_DIR: folder, ...ports }, args);
    expect(await paper.ended()).toEqual({ code: 2, signal: null });
    expect(paper.output()).not.toContain('    at '); // a sentence, not a stack
    await fs.rm(folder, { recursive: true });
  });
});

describe.skipIf(inject('redisUrl') === null)('Redis', () => {
  it('flushed on the way delays orders by seconds and loses none', async () => {
    const { redis, place, waitForStatus, sql } = await begin({
      backend: 'redis',
      accounts: ['main', 'more'],
    });
    if (redis === null) return;
    const orders = [];
    for (let n = 0; n < 20; n += 1) {
      orders.push(await place({ account: n % 2 === 0 ? 'main' : 'more', quantity: 1, maxAgeMs: 0 }));
      if (n % 5 === 4) await redis.flushAll();
    }
    for (const order of orders) await waitForStatus(order, 'FILLED');
    await expectInvariants(sql, { atRest: true });
  });

  it('stopped for good does not stop orders: the dispatcher takes each step itself', async () => {
    const { redis, place, waitForStatus, sql } = await begin({
      backend: 'redis',
    });
    if (redis === null) return;
    await waitForStatus(await place(), 'FILLED');
    await redis.kill('SIGKILL');
    const orders = [await place({ maxAgeMs: 0 }), await place({ maxAgeMs: 0 })];
    for (const order of orders) await waitForStatus(order, 'FILLED');
    await redis.start();
    await waitForStatus(await place(), 'FILLED');
    await eventually(() => expectInvariants(sql, { atRest: true }), { what: 'the invariants' });
  });
});
