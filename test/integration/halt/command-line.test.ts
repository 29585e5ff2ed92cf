import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { startWorkerProcess } from '../../support/pipeline/worker-process.ts';
import { EXIT } from '../../../src/runtime/process.ts';

const CLI = 'src/cli/main.ts';

/** Nothing answers there: no queue, no broker, no API. */
const ALL_DEAD = {
  QUEUE_BACKEND: 'redis',
  REDIS_URL: 'redis://127.0.0.1:9',
  KITE_API_ROOT: 'http://127.0.0.1:9',
  PORT: '9',
};

describe('sauda halt with nothing but Postgres', () => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({ backend: 'postgres', roles: [], accounts: ['main'] });
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  const sauda = async (args: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
    const started = startWorkerProcess(
      CLI,
      { DATABASE_URL: pipeline.database.url, ...ALL_DEAD, ...environment },
      args,
    );
    const { code } = await started.ended();
    return { code, output: started.output() };
  };

  it('halts, ends what waited, and says what is on its way', async () => {
    const waiting = await pipeline.place({ maxAgeMs: 0 });
    const { code, output } = await sauda(['halt', '--reason', 'the market is mad', '--json']);
    expect(code, output).toBe(0);
    expect(JSON.parse(output)).toMatchObject({
      accountId: 'main',
      state: 'HALTED',
      changed: true,
      ended: [waiting.id],
      inFlight: [],
    });
    const [row] = await pipeline.sql(
      `select trading_state, trading_state_reason, trading_state_by from accounts where id = 'main'`,
    );
    expect(row).toMatchObject({ trading_state: 'HALTED', trading_state_reason: 'the market is mad' });
    expect(row?.['trading_state_by']).toMatch(/^cli:/);
    expect(await pipeline.order(waiting.id)).toMatchObject({
      status: 'REJECTED',
      failedCheck: 'CIRCUIT_BREAKER',
    });
  });

  it('said again is the same halt, in words', async () => {
    const { code, output } = await sauda(['halt']);
    expect(code, output).toBe(0);
    expect(output).toContain('trading of account main is HALTED (it was already)');
    expect(output).toContain('nothing was on its way to the broker');
  });

  it('reduces and flattens a strategy; one that is not there is refused', async () => {
    await pipeline.place({ strategyId: 'alpha', maxAgeMs: 0 });
    const reduced = await sauda(['reduce', '--strategy', 'alpha', '--flatten', '--json']);
    expect(reduced.code, reduced.output).toBe(0);
    expect(JSON.parse(reduced.output)).toMatchObject({ state: 'REDUCING', haltId: null });
    expect(await pipeline.sql(`select kind, state from operations`)).toEqual([
      { kind: 'FLATTEN', state: 'RUNNING' },
    ]);
    const unknown = await sauda(['halt', '--strategy', 'nobody']);
    expect([unknown.code, unknown.output.trim()]).toEqual([
      EXIT.refused,
      'the account has no strategy nobody',
    ]);
  });

  it('says that it did nothing when Postgres is not there', async () => {
    const { code, output } = await sauda(['halt'], { DATABASE_URL: 'postgres://x:y@127.0.0.1:9/none' });
    expect(code).toBe(EXIT.notReachable);
    expect(output).toContain('nothing was halted: Postgres does not answer');
  });
});
