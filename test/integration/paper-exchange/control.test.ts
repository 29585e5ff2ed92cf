import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startPaperExchange } from '../../../src/paper-exchange/index.ts';
import { eventually } from '../../support/wait.ts';
import {
  addFault,
  BUY,
  control,
  type Json,
  kiteOf,
  orderOf,
  place,
  startExchange,
  systemClock,
  trueOrders,
} from './fixture.ts';

const RECORDED = '../shared/market-data/NSE-RELIANCE-2021-03-19-5minute.json';

function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'paper-exchange-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'books.json');
}

describe('the control port', () => {
  it('sets prices at once, and orders trade against them', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    const id = await place(kite, { price: 2400 });
    expect((await control(running, 'PUT', '/prices', { 'NSE:RELIANCE': '2390.00' })).status).toBe(200);
    await eventually(async () => expect((await orderOf(kite, id))?.['status']).toBe('COMPLETE'), {
      what: 'the fill',
    });
    const ltp: Record<string, Json> = await kite['getLTP']!(['NSE:RELIANCE']);
    expect(ltp['NSE:RELIANCE']?.['last_price']).toBe(2390);
  });

  it.each([
    ['/prices', { 'NSE:NOPE': '1' }, 'NSE:NOPE'],
    ['/prices', { 'NSE:RELIANCE': '2390.03' }, '0.10'],
    ['/settings', { fillDelay: 1 }, 'fillDelay'],
    ['/settings', { latencyMs: -1 }, 'latencyMs'],
    ['/settings', { seed: 1.5 }, 'seed'],
  ])('answers 400 to PUT %s %j and names what is wrong', async (path, body, name) => {
    const running = await startExchange();
    const answer = await control(running, 'PUT', path, body);
    expect(answer.status).toBe(400);
    expect(answer.body['error']).toContain(name);
  });

  it('changes settings of the running exchange', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    await control(running, 'PUT', '/settings', { fillProbability: 0, latencyMs: 200 });
    const began = performance.now();
    const id = await place(kite);
    expect(performance.now() - began).toBeGreaterThanOrEqual(190);
    await control(running, 'PUT', '/settings', { latencyMs: 0 });
    expect(await orderOf(kite, id)).toMatchObject({ status: 'OPEN' });
    await control(running, 'PUT', '/settings', { fillProbability: 1 });
    await eventually(async () => expect((await orderOf(kite, id))?.['status']).toBe('COMPLETE'), {
      what: 'the fill',
    });
  });

  it('begins every random choice anew with a seed, also with the same again', async () => {
    const running = await startExchange({ partialFillChance: 1 });
    const kite = kiteOf(running);
    const partsWith = async (seed: number): Promise<unknown[]> => {
      await control(running, 'PUT', '/settings', { seed });
      const id = await place(kite, { quantity: 60 });
      await eventually(async () => expect((await orderOf(kite, id))?.['status']).toBe('COMPLETE'), {
        what: 'all parts',
      });
      const trades: Json[] = await kite['getOrderTrades']!(id);
      return trades.map((trade) => trade['quantity']);
    };
    const first = await partsWith(7);
    expect(first.length).toBeGreaterThan(1);
    expect(await partsWith(7)).toEqual(first);
    expect(await partsWith(8)).not.toEqual(first);
  });

  it('walks and freezes the market', async () => {
    const running = await startExchange({ walking: true });
    const prices = async (): Promise<unknown> => (await control(running, 'GET', '/state')).body['prices'];
    const first = await prices();
    await eventually(async () => expect(await prices()).not.toEqual(first), { what: 'the market to move' });
    await control(running, 'POST', '/prices/freeze');
    const frozen = await prices();
    await place(kiteOf(running), { price: 2400 });
    expect(await prices()).toEqual(frozen);
  });

  it('reports settings, faults that are left, users and calls', async () => {
    const running = await startExchange();
    await place(kiteOf(running), { price: 2400 });
    await addFault(running, { call: 'orders', kind: 'reset', count: 3 });
    const { body } = await control(running, 'GET', '/state');
    expect(body).toMatchObject({
      settings: { fillDelayMs: 10 },
      faults: [{ id: '1', call: 'orders', kind: 'reset', remaining: 3 }],
      users: [{ user: 'PAPER', orders: 1, working: 1, trades: 0 }],
      calls: { placeOrder: 1 },
    });
    await control(running, 'DELETE', '/faults/1');
    expect((await control(running, 'GET', '/state')).body['faults']).toEqual([]);
    expect((await control(running, 'DELETE', '/faults/1')).status).toBe(404);
  });

  it('shows the true book whatever the faults, with the time of receipt in ms', async () => {
    const running = await startExchange();
    const before = Date.now();
    await place(kiteOf(running), { price: 2400, tag: 'xyz' });
    await addFault(running, { call: 'any', kind: 'serverError', count: -1 });
    const [order] = await trueOrders(running);
    expect(order).toMatchObject({ tag: 'xyz', status: 'OPEN' });
    expect(order!['received_at_ms']).toBeGreaterThanOrEqual(before);
    expect((await control(running, 'GET', '/books/NOBODY')).status).toBe(404);
  });

  it('places, rejects and cancels orders behind the back of the client', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    const order = { ...BUY, price: 2400, tag: 'ignored' };
    const placed = await control(running, 'POST', '/orders', order);
    const id = String(placed.body['order_id']);
    expect(await orderOf(kite, id)).toMatchObject({ status: 'OPEN', tag: null });
    await control(running, 'POST', `/orders/${id}/status`, { status: 'REJECTED', message: 'RMS:Blocked' });
    expect(await orderOf(kite, id)).toMatchObject({ status: 'REJECTED', status_message: 'RMS:Blocked' });
    expect((await control(running, 'POST', `/orders/${id}/status`, { status: 'CANCELLED' })).status).toBe(
      404,
    );
  });

  it('releases after-market orders', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    const id = await place(kite, { price: 2400 }, 'amo');
    expect(await orderOf(kite, id)).toMatchObject({ status: 'AMO REQ RECEIVED', variety: 'amo' });
    expect((await control(running, 'POST', '/orders/release-amo')).body).toEqual({ released: 1 });
    expect(await orderOf(kite, id)).toMatchObject({ status: 'OPEN', variety: 'amo' });
  });

  it('gives holdings that can be sold', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    await control(running, 'PUT', '/holdings/PAPER', [
      { tradingsymbol: 'SBIN', quantity: 10, average_price: '800' },
    ]);
    const sale = { tradingsymbol: 'SBIN', product: 'CNC', transaction_type: 'SELL', quantity: 4, price: 870 };
    const id = await place(kite, sale);
    await eventually(async () => expect((await orderOf(kite, id))?.['status']).toBe('COMPLETE'), {
      what: 'the sale',
    });
    expect(await kite['getHoldings']!()).toMatchObject([
      { quantity: 6, used_quantity: 4, average_price: 800 },
    ]);
  });

  it('forgets books, faults and counters on reset', async () => {
    const running = await startExchange();
    await place(kiteOf(running), { price: 2400 });
    await control(running, 'POST', '/reset');
    expect((await control(running, 'GET', '/state')).body).toMatchObject({
      users: [],
      faults: [],
      calls: {},
    });
    expect(await kiteOf(running)['getOrders']!()).toEqual([]);
  });
});

describe('restarting', () => {
  it('keeps books and prices', async () => {
    const file = temporaryFile();
    const first = await startExchange({ file });
    const id = await place(kiteOf(first));
    await eventually(async () => expect((await orderOf(kiteOf(first), id))?.['status']).toBe('COMPLETE'), {
      what: 'the fill',
    });
    const resting = await place(kiteOf(first), { price: 2400 });
    await control(first, 'PUT', '/prices', { 'NSE:RELIANCE': '2444.40' });
    const before = (await control(first, 'GET', '/books/PAPER')).body;
    await first.close();
    const second = await startExchange({ file });
    expect((await control(second, 'GET', '/books/PAPER')).body).toEqual(before);
    await kiteOf(second)['cancelOrder']!('regular', resting);
    expect(await orderOf(kiteOf(second), resting)).toMatchObject({ status: 'CANCELLED' });
  });

  it('leaves the books of a running exchange alone when a second one finds its port taken', async () => {
    const file = temporaryFile();
    const first = await startExchange({ file });
    const second = { clock: systemClock, file, port: first.port, controlPort: 0 };
    await expect(startPaperExchange(second)).rejects.toThrow('EADDRINUSE');
    const id = await place(kiteOf(first), { price: 2400 });
    await first.close();
    const third = await startExchange({ file });
    expect(await orderOf(kiteOf(third), id)).toMatchObject({ status: 'OPEN' });
  });

  it('refuses options that make no sense, naming them', async () => {
    const options = { clock: systemClock, port: 0, controlPort: 0 };
    await expect(startPaperExchange({ ...options, fillProbability: 2 })).rejects.toThrow('fillProbability');
    await expect(startPaperExchange({ ...options, openingFunds: 'lots' })).rejects.toThrow('openingFunds');
    await expect(startPaperExchange({ ...options, replay: { path: '/nowhere.json' } })).rejects.toThrow(
      '/nowhere.json',
    );
  });
});

describe('replaying', () => {
  it.skipIf(!existsSync(RECORDED))(
    'starts at the first price with the tick of the file and walks on',
    async () => {
      const running = await startExchange({ walking: true, replay: { path: RECORDED, candleMs: 40 } });
      const kite = kiteOf(running);
      const quote = async (): Promise<Record<string, Json>> => await kite['getQuote']!(['NSE:RELIANCE']);
      expect((await quote())['NSE:RELIANCE']?.['ohlc']).toMatchObject({ open: 1991.1, close: 1991.1 });
      await eventually(
        async () => {
          const { low, high } = (await quote())['NSE:RELIANCE']?.['ohlc'] as { low: number; high: number };
          expect(low).toBeLessThanOrEqual(1982.8);
          expect(high).toBeGreaterThanOrEqual(2006.05);
        },
        { what: 'the first candle' },
      );
      expect(await place(kite, { price: 1985.05, quantity: 1 })).toMatch(/^\d+$/);
    },
  );
});
