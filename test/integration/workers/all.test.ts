import * as fs from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Client, NewOrder } from '../../../src/client/index.ts';
import { type Installation, makeInstallation, type User } from '../../support/all-process.ts';
import { waitFor } from '../../support/wait.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('not root: the test of a start as another user is SKIPPED');
const NOBODY = { uid: 65_534, gid: 65_534 };
/** A person waits five seconds at most; a machine that is busy with other tests gets a little longer. */
const CTRL_C_WITHIN_MS = 8000;

let installation: Installation;
afterEach(() => installation.remove());

/** The worked example of the brief. */
const EXAMPLE: NewOrder = {
  clientOrderId: 'worked-example',
  exchange: 'NSE',
  symbol: 'RELIANCE',
  side: 'BUY',
  quantity: 10,
  orderType: 'LIMIT',
  product: 'MIS',
  price: '2450.00',
  stopLoss: '2430.00',
  takeProfit: '2491.00',
};

async function freezeMarket(): Promise<void> {
  await control('POST', '/prices/freeze');
  await control('PUT', '/prices', { 'NSE:RELIANCE': '2450.00' });
}

async function control(method: string, path: string, body?: unknown): Promise<void> {
  const response = await fetch(`${installation.controlUrl}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`control ${path}: ${await response.text()}`);
}

async function hangingCalls(): Promise<number> {
  const state = await fetch(`${installation.controlUrl}/state`);
  const { faults } = (await state.json()) as { faults: { hits: number }[] };
  return faults.reduce((sum, fault) => sum + fault.hits, 0);
}

async function placeExample(client: Client): Promise<string> {
  await waitFor(() => client.previewOrder(EXAMPLE).then((preview) => preview.passes), {
    what: 'instruments and prices',
  });
  const { id } = await client.placeOrder(EXAMPLE);
  await client.waitFor(id, 'FILLED', { timeoutMs: 60_000 });
  return id;
}

async function expectFilled(client: Client, id: string): Promise<void> {
  const order = await client.order(id);
  expect(order).toMatchObject({ status: 'FILLED', filledQuantity: 10, averagePrice: '2450.00' });
  expect(order.trades).toHaveLength(1);
  const { items } = await client.positions();
  expect(items).toMatchObject([{ symbol: 'RELIANCE', quantity: 10, averagePrice: '2450.00' }]);
}

async function tellTheWholeStory(as?: User): Promise<void> {
  installation = await makeInstallation(as);
  const first = installation.start();
  const client = await first.ready();
  await freezeMarket();
  const id = await placeExample(client);
  await expectFilled(client, id);

  const stopped = await first.end('SIGINT');
  expect(stopped.code).toBe(0);
  expect(stopped.tookMs).toBeLessThan(CTRL_C_WITHIN_MS);
  expect(await installation.postmaster()).toBeNull();

  const second = installation.start();
  await expectFilled(await second.ready(), id);
  await second.end('SIGKILL');

  const third = installation.start();
  await expectFilled(await third.ready(), id);
  expect((await third.end('SIGTERM')).code).toBe(0);
  expect(await installation.postmaster()).toBeNull();
}

describe('everything in one process', () => {
  it('fills the worked example, ends at Ctrl-C, and goes on after that and after kill -9', () =>
    tellTheWholeStory());

  it.skipIf(!isRoot)('does so as a normal user too', () => tellTheWholeStory(NOBODY));

  it.each([
    ['with orders under way', 'off'],
    ['while the demo trades', 'on'],
  ])('ends within five seconds with a broker that does not answer, %s', async (_when, demo) => {
    installation = await makeInstallation();
    const all = installation.start({ environment: { DEMO: demo } });
    const client = await all.ready();
    await placeExample(client);
    await control('POST', '/faults', { call: 'any', kind: 'timeout', count: -1 });
    await client.placeOrder({ ...EXAMPLE, clientOrderId: 'unanswered', quantity: 1 });
    await waitFor(async () => (await hangingCalls()) >= 3, { what: 'calls without an answer' });
    const stopped = await all.end('SIGINT');
    expect(stopped.tookMs).toBeLessThan(CTRL_C_WITHIN_MS);
    expect(stopped.code).toBe(0);
    expect(await installation.postmaster()).toBeNull();
  });

  it('guards what the demo strategy holds with stops at the exchange, of exactly its quantity', async () => {
    installation = await makeInstallation();
    const client = await installation.start({ environment: { DEMO: 'on' } }).ready();
    const held = await waitFor(
      async () => {
        const { items } = await client.positions();
        return items.find(({ quantity, protectedQuantity: of }) => quantity > 0 && of === quantity);
      },
      { what: 'a position of the demo to be protected', timeoutMs: 120_000 },
    );
    expect(held).toMatchObject({ protection: 'exchange' });
    const { items } = await client.orders({ symbol: held.symbol, limit: 100 });
    const entry = items.findLast(({ role, status }) => role === 'ENTRY' && status === 'FILLED');
    const { guards, strategyId } = await client.order(entry?.id ?? '');
    expect(strategyId).toBe('demo');
    expect(guards.map(({ role }) => role)).toContain('STOP');
  });

  it("drives a share that is held with a user's candles from its last price on, with their tick", async () => {
    installation = await makeInstallation();
    const first = installation.start();
    const client = await first.ready();
    await freezeMarket();
    await placeExample(client);
    await first.end('SIGINT');

    // Another year's prices, a fifth below, on a finer tick than the share has today.
    const file = path.join(installation.dataDir, 'NSE-RELIANCE-2021-03-19-5minute.json');
    const candles = [['2021-03-19T09:15:00+0530', 1985.05, 1985.1, 1985.05, 1985.05, 4_000_000]];
    await fs.writeFile(file, JSON.stringify({ status: 'success', data: { candles } }));
    const startedAt = Date.now();
    const second = installation.start({
      args: ['--replay', file],
      environment: { PAPER_REPLAY_CANDLE_MS: '3600000' },
    });
    const again = await second.ready();
    const position = await waitFor(
      async () => {
        const { items } = await again.positions();
        return items.find(({ lastPriceAt }) => lastPriceAt !== null && Date.parse(lastPriceAt) > startedAt);
      },
      { what: 'a new mark' },
    );
    expect(position).toMatchObject({ symbol: 'RELIANCE', quantity: 10, lastPrice: '2450.00' });
    const onNewTick = await again.placeOrder({
      ...EXAMPLE,
      clientOrderId: 'on-the-new-tick',
      price: '2440.05',
      stopLoss: '2430.05',
      takeProfit: '2491.05',
    });
    expect(await again.waitFor(onNewTick.id, 'OPEN', { timeoutMs: 60_000 })).toMatchObject({
      status: 'OPEN',
    });
    expect(await again.tradingState()).toMatchObject({ state: 'ACTIVE' });
  });

  it('refuses candles whose instrument nobody named, and arguments that it does not know', async () => {
    installation = await makeInstallation();
    for (const args of [['--replay', 'package.json'], ['--nonsense']]) {
      const refused = installation.start({ args });
      expect(await refused.ended()).toBe(2);
      expect(await installation.postmaster()).toBeNull();
    }
  });

  it('leaves nothing running when it is told to stop while it still starts', async () => {
    installation = await makeInstallation();
    const all = installation.start();
    await waitFor(() => installation.postmaster(), { what: 'a database server', intervalMs: 2 });
    const stopped = await all.end('SIGINT');
    expect(stopped.tookMs).toBeLessThan(CTRL_C_WITHIN_MS);
    expect(await installation.postmaster()).toBeNull();
  });
});
