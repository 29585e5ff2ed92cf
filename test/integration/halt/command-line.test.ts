import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { startWorkerProcess } from '../../support/pipeline/worker-process.ts';
import { EXIT } from '../../../src/runtime/process.ts';
import { openAccount } from '../../../src/services/open-account.ts';

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

  it('halts though a setting that it does not need is wrong, and says which', async () => {
    const { code, output } = await sauda(['halt', '--account', 'main'], {
      TELEGRAM_BOT_TOKEN: 'not a token',
      MAX_POSITIONS: 'many',
      BROKER: 'kite',
    });
    expect(code, output).toBe(0);
    expect(output).toContain('trading of account main is HALTED');
    for (const variable of ['MAX_POSITIONS', 'LIVE_TRADING']) expect(output).toContain(variable);
    const blind = await sauda(['halt'], { DATABASE_URL: 'not a url' });
    expect(blind.code).toBe(EXIT.usage);
  });

  it('halts every account when none is named, and says so of each', async () => {
    const { context } = pipeline.parts;
    await openAccount(context, { id: 'second', name: 'second', actor: 'test' });
    const { code, output } = await sauda(['halt', '--reason', 'all of it', '--json']);
    expect(code, output).toBe(0);
    const done = JSON.parse(output) as {
      accounts: { accountId: string; state: string }[];
      failed: unknown[];
    };
    expect(done.failed).toEqual([]);
    expect(done.accounts.map(({ accountId, state }) => `${accountId} ${state}`).sort()).toEqual([
      'main HALTED',
      'second HALTED',
    ]);
    const states = await pipeline.sql(`select trading_state from accounts where id <> 'system'`);
    expect(states.every(({ trading_state }) => trading_state === 'HALTED')).toBe(true);
  });

  it('says that it did nothing when Postgres is not there', async () => {
    const { code, output } = await sauda(['halt'], { DATABASE_URL: 'postgres://x:y@127.0.0.1:9/none' });
    expect(code).toBe(EXIT.notReachable);
    expect(output).toContain('nothing was halted: Postgres does not answer');
  });
});
