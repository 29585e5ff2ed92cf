/**
 * The brief's flow on processes of their own: prices fall, the monitor warns and then halts, entries are refused and exits
 * taken, everything is killed and started again, and only a person, with another limit for the day, trades on.
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Client, type NewOrder, createClient } from '../../../src/client/index.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { startWorkerProcess, type WorkerProcess } from '../../support/pipeline/worker-process.ts';
import { findFreePort } from '../../support/servers/port.ts';
import { makeTemporaryFolder } from '../../support/servers/temporary-folder.ts';
import { eventually } from '../../support/wait.ts';

const WORKERS = [
  ...['api', 'validator', 'submitter', 'fill-poller', 'market-data', 'risk-monitor', 'dispatcher', 'alerter'],
] as const;
const PATIENT = { timeoutMs: 120_000, intervalMs: 100 };
/** 6% of 100,000.00 is lost at 2300.00, 80% of that at 2330.00. */
const NEAR = '2328.00';
const OVER = '2299.00';
const FORTY: NewOrder = {
  ...{ clientOrderId: 'forty', exchange: 'NSE', symbol: 'RELIANCE', side: 'BUY', quantity: 40 },
  ...{ orderType: 'LIMIT', product: 'MIS', price: '2450.00', stopLoss: '2210.00', takeProfit: '2690.00' },
};
const ONE_MORE = { ...FORTY, quantity: 1, price: OVER, takeProfit: '2500.00' } as const;
const EXIT: NewOrder = {
  ...{ clientOrderId: 'exit', exchange: 'NSE', symbol: 'RELIANCE', side: 'SELL', quantity: 15 },
  ...{ orderType: 'MARKET', product: 'MIS', reduceOnly: true },
};

describe('a day that loses six percent, with every worker a process of its own', () => {
  let pipeline: Pipeline;
  let client: Client;
  let dataDir: string;
  let processes: WorkerProcess[] = [];
  let environment: Readonly<Record<string, string>>;

  beforeAll(async () => {
    const port = String(await findFreePort());
    const token = randomBytes(24).toString('hex');
    dataDir = await makeTemporaryFolder('losing-day');
    pipeline = await startPipeline({
      backend: inject('redisUrl') === null ? 'postgres' : 'redis',
      roles: [],
      exchange: { openingFunds: '100000', volumeCap: 0 },
      environment: {
        ...{
          ACCOUNT_BALANCE: '100000',
          MAX_DAILY_LOSS: '0.06',
          RISK_INTERVAL_MS: '2000',
          MIN_RISK_REWARD: '0',
        },
        ...{ POLL_INTERVAL_MS: '500', PROTECTION: 'exchange', PRICE_MAX_AGE_MS: '60000' },
      },
    });
    environment = { ...pipeline.environment, PORT: port, ADMIN_TOKEN: token, DATA_DIR: dataDir };
    client = createClient({ baseUrl: `http://127.0.0.1:${port}`, token });
    await startAll();
  }, 300_000);
  afterAll(async () => {
    await killAll();
    await pipeline.stop();
    await fs.rm(dataDir, { recursive: true, force: true });
  });

  const startAll = async (): Promise<void> => {
    processes = WORKERS.map((name) => startWorkerProcess(name, environment));
    await Promise.all(processes.map((one) => one.ready()));
  };
  const killAll = async (): Promise<void> => {
    await Promise.all(processes.map((one) => one.kill()));
  };
  const alertsOf = async (type: string) => (await client.alerts({ type })).items;
  const until = (what: string, check: () => Promise<void>) => eventually(check, { what, ...PATIENT });
  const state = async () => (await client.tradingState()).state;

  it('warns when the price at the exchange brings the loss near the limit', async () => {
    const { id } = await client.placeOrder(FORTY);
    const bought = await client.waitFor(id, 'FILLED', { timeoutMs: PATIENT.timeoutMs });
    expect(bought, bought.statusReason ?? '').toMatchObject({ status: 'FILLED' });
    await pipeline.setPrices({ 'NSE:RELIANCE': NEAR });
    await until('the warning', async () => {
      expect(await alertsOf('daily_loss_limit')).toMatchObject([{ severity: 'WARNING' }]);
    });
    const [warning] = await alertsOf('daily_loss_limit');
    expect(warning?.message).toMatch(
      /^the day's loss 4,9\d\d\.\d\d is near the limit 6,000\.00 \(6% of riskCapital 100,000\.00\)$/,
    );
    expect(await state()).toBe('ACTIVE');
  });

  it('halts within two looks of a pushed price that brings it over the limit', async () => {
    const beganMs = performance.now();
    await client.pushPrices({ 'NSE:RELIANCE': OVER });
    await until('the halt', async () => expect(await state()).toBe('HALTED'));
    console.log(
      `halted ${Math.round(performance.now() - beganMs)} ms after the price, looking every 2000 ms`,
    );
    await pipeline.setPrices({ 'NSE:RELIANCE': OVER });
    const [trigger] = await alertsOf('kill_switch_triggered');
    expect(trigger).toMatchObject({ severity: 'CRITICAL' });
    const losses = await alertsOf('daily_loss_limit');
    expect(losses.map(({ severity }) => severity).toSorted()).toEqual(['CRITICAL', 'WARNING']);
    const critical = losses.find(({ severity }) => severity === 'CRITICAL');
    expect(critical?.details).toMatchObject({
      baseline: 'riskCapital',
      priceAgeMs: expect.any(Number) as number,
    });
    const { items } = await client.killSwitchEvents();
    expect(items).toMatchObject([{ from: 'ACTIVE', to: 'HALTED', by: 'risk-monitor' }]);
    // The first look that saw it told it, the second one halted: no other lay between.
    const [samples] = await pipeline.sql<{ looks: number }>(
      `select round(extract(epoch from e.at - a.at) / 2)::int as looks from kill_switch_events e, alerts a
        where a.type = 'daily_loss_limit' and a.severity = 'CRITICAL' and e.to_state = 'HALTED'`,
    );
    console.log(`the halt came ${samples?.looks ?? '?'} intervals after the critical alert`);
  });

  it('refuses entries by CIRCUIT_BREAKER, and takes exits', async () => {
    const entry = await client.placeOrder({ ...ONE_MORE, clientOrderId: 'refused' });
    expect(await client.waitFor(entry.id, 'REJECTED', { timeoutMs: PATIENT.timeoutMs })).toMatchObject({
      rejectedBy: 'OMS',
      failedCheck: 'CIRCUIT_BREAKER',
    });
    const exit = await client.placeOrder(EXIT);
    await client.waitFor(exit.id, 'FILLED', { timeoutMs: PATIENT.timeoutMs });
    await until('the stop of the rest', async () => {
      expect((await client.positions()).items).toMatchObject([{ quantity: 25, protectedQuantity: 25 }]);
    });
  });

  it('is halted still when everything was killed with -9 and started again', async () => {
    await killAll();
    await startAll();
    expect(await client.tradingState()).toMatchObject({ state: 'HALTED', by: 'risk-monitor' });
    const entry = await client.placeOrder({ ...ONE_MORE, clientOrderId: 'refused-again' });
    expect(await client.waitFor(entry.id, 'REJECTED', { timeoutMs: PATIENT.timeoutMs })).toMatchObject({
      failedCheck: 'CIRCUIT_BREAKER',
    });
    // A halt that stands is noted once: looks of the new processes added none.
    expect((await client.killSwitchEvents()).items).toHaveLength(1);
  });

  it('is released by a person who names another limit for the day, and trades on', async () => {
    const { haltId } = await client.tradingState();
    const release = { state: 'ACTIVE', reason: 'looked at', releases: haltId ?? '' } as const;
    await expect(client.setTradingState(release)).rejects.toMatchObject({ code: 'RELEASE_NEEDS_LIMIT' });
    expect(await state()).toBe('HALTED');
    const released = await client.setTradingState({ ...release, newDailyLossPct: '0.1' });
    expect(released).toMatchObject({ state: 'ACTIVE', haltId: null });
    const entry = await client.placeOrder({ ...ONE_MORE, clientOrderId: 'again' });
    await client.waitFor(entry.id, 'FILLED', { timeoutMs: PATIENT.timeoutMs });
    await until('every invariant', () => expectInvariants(pipeline.sql, { atRest: true }));
    expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
  });
});
