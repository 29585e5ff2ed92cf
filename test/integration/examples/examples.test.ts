import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Client, OrderBody, TradeBody } from '../../../src/client/index.ts';
import { type Installation, makeInstallation } from '../../support/all-process.ts';
import { startWorkerProcess } from '../../support/pipeline/worker-process.ts';
import { eventually, waitFor } from '../../support/wait.ts';

const CANDLES = 'examples/NSE-INFY-2026-03-02-minute.json';
/** Slow enough for a busy machine, and six waves of 36 seconds long. */
const CANDLE_MS = '600';
/** Somewhere between the bottom and the middle of each wave of the candles. */
const LOW = 1575;
/** A wave until it turns up, one until it turns down, and as much again for a machine with other things to do. */
const STORY_MS = 150_000;

let installation: Installation;
let client: Client;
const children: ChildProcess[] = [];

beforeAll(async () => {
  installation = await makeInstallation();
  client = await installation
    .start({ args: ['--replay', CANDLES], environment: { PAPER_REPLAY_CANDLE_MS: CANDLE_MS } })
    .ready();
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await installation.remove();
});

/** The example as a process of its own, with a token bound to its strategy. */
async function example(program: string, args: readonly string[], strategy: string) {
  const { token } = await client.createToken({ name: strategy, role: 'trader', strategyId: strategy });
  const child = spawn(program, args, {
    cwd: fileURLToPath(new URL('../../../', import.meta.url)),
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      SAUDA_URL: installation.apiUrl,
      SAUDA_TOKEN: token,
      MARKET_URL: installation.marketUrl,
      CANDLE_MS,
      ROUND_TRIPS: '1',
      RANGE_CANDLES: '3',
      HOLD_CANDLES: '3',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
  }
  const exited = once(child, 'exit');
  return { output: () => output, exited: () => exited.then(() => ({ code: child.exitCode, output })) };
}

/** Bought and sold the same, at the exchange: what the strategy itself says proves nothing. */
async function roundTripOf(strategyId: string, quantity: number): Promise<void> {
  const trades = await eventually(
    async () => {
      const { items } = await client.trades({ strategyId });
      expect(sum(items, 'SELL')).toBe(quantity);
      return items;
    },
    { what: `${strategyId} to have left` },
  );
  expect(sum(trades, 'BUY')).toBe(quantity);
  expect(trades.every(({ symbol }) => symbol === 'INFY')).toBe(true);
  const { items: orders } = await client.orders({ strategyId });
  const entry = orders.find(({ role }) => role === 'ENTRY');
  expect(entry).toMatchObject({ status: 'FILLED', quantity, failedCheck: null });
  expect(entry?.stopLoss).not.toBeNull();
}

function sum(trades: readonly TradeBody[], side: TradeBody['side']): number {
  return trades.filter((one) => one.side === side).reduce((total, one) => total + one.quantity, 0);
}

async function lastPrice(instrument: string): Promise<number> {
  const response = await fetch(`${installation.marketUrl}/quote/ltp?i=${instrument}`, {
    headers: { authorization: 'token paper:paper' },
  });
  const { data } = (await response.json()) as { data: Record<string, { last_price: number }> };
  return data[instrument]?.last_price ?? 0;
}

it('the examples in TypeScript, Python and curl trade replayed candles, and end flat', async () => {
  await waitFor(async () => (await lastPrice('NSE:INFY')) < LOW, {
    what: 'a low price',
    timeoutMs: STORY_MS,
  });
  const [cross, breakout] = [
    await example(
      process.execPath,
      ['--import', 'tsx', 'examples/moving-average-cross.ts', 'NSE:INFY'],
      'cross',
    ),
    await example('python3', ['examples/breakout.py', 'NSE:INFY'], 'breakout'),
  ];
  const session = await example('bash', ['examples/session.sh', 'INFY'], 'session');

  const curl = await session.exited();
  expect(curl.code, curl.output).toBe(0);
  const [, placed, status] = /placed {3}(\S+) (\S+)/.exec(curl.output) ?? [];
  expect(status, curl.output).toBe('FILLED');
  expect(/again {4}(\S+) is/.exec(curl.output)?.[1]).toBe(placed);
  expect(curl.output).toContain('would pass: true');
  await roundTripOf('session', 2);

  const python = await breakout.exited();
  expect(python.code, python.output).toBe(0);
  await roundTripOf('breakout', 3);

  const typescript = await cross.exited();
  expect(typescript.code, typescript.output).toBe(0);
  expect(typescript.output).toMatch(/crossed over[^]*bought 5[^]*crossed under/);
  await roundTripOf('cross', 5);
});

it('an alert of a chart becomes an order by the hook that the command line made, within the limits', async () => {
  const { DATA_DIR, PORT } = installation.environment;
  const args = ['hook', 'create', '--name', 'chart', '--strategy', 'chart', '--instruments', 'NSE:TCS'];
  const made = startWorkerProcess('src/cli/main.ts', { DATA_DIR, PORT }, [...args, '--max-quantity', '50']);
  expect((await made.ended()).code, made.output()).toBe(0);
  const post = async (changes: Readonly<Record<string, unknown>>) => {
    const alert = { timenow: new Date().toISOString(), exchange: 'NSE', symbol: 'TCS', ...changes };
    const answer = await fetch(`${installation.apiUrl}${made.output().trim()}`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: JSON.stringify(alert),
    });
    return { status: answer.status, ...((await answer.json()) as { order: OrderBody | null }) };
  };
  const { stopLoss, takeProfit } = await guards('NSE:TCS');
  const entry = await post({ id: 'in', position_size: '2', stopLoss, takeProfit });
  expect(entry.status, JSON.stringify(entry)).toBe(202);
  await client.waitFor(entry.order?.id ?? '', 'FILLED', { timeoutMs: 60_000 });
  expect((await post({ id: 'again', position_size: '2', stopLoss, takeProfit })).order).toBeNull();

  // Without a stop, and with more units than may be at risk: the hook takes it, the checks do not.
  const naked = await post({ id: 'naked', action: 'BUY', quantity: 40 });
  const refused = await client.waitFor(naked.order?.id ?? '', 'REJECTED', { timeoutMs: 60_000 });
  expect(refused).toMatchObject({ status: 'REJECTED', rejectedBy: 'OMS', strategyId: 'chart' });
  expect(refused.checks.find(({ verdict }) => verdict === 'FAIL')).toBeDefined();

  const exit = await post({ id: 'out', position_size: '0' });
  await client.waitFor(exit.order?.id ?? '', 'FILLED', { timeoutMs: 60_000 });
  await eventually(
    async () => expect((await client.positionsOf({ exchange: 'NSE', symbol: 'TCS' }))[0]?.quantity).toBe(0),
    {
      what: 'the chart to be flat',
    },
  );
});

/** A stop and a target around the last price, on the tick. */
async function guards(instrument: string) {
  const last = await lastPrice(instrument);
  const onTick = (price: number) => (Math.round(price * 10) / 10).toFixed(2);
  return { stopLoss: onTick(last * 0.99), takeProfit: onTick(last * 1.05) };
}
