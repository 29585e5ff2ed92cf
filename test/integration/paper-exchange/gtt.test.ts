/** Kite's GTT endpoints on the wire: kite.md 3.9, gtt_*.json. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunningPaperExchange } from '../../../src/paper-exchange/index.ts';
import { eventually } from '../../support/wait.ts';
import {
  addFault,
  control,
  type Json,
  type Kite,
  kiteOf,
  place,
  rejection,
  startExchange,
  systemClock,
  trueOrders,
} from './fixture.ts';

/** A stop below and a target above RELIANCE's first price of 2450. */
const TWO_LEGS: Json = {
  trigger_type: 'two-leg',
  exchange: 'NSE',
  tradingsymbol: 'RELIANCE',
  trigger_values: [2400, 2500],
  last_price: 2450,
  orders: [2395, 2500].map((price) => ({
    ...{ transaction_type: 'SELL', order_type: 'LIMIT', product: 'MIS', quantity: 10, price },
  })),
};
const SINGLE: Json = {
  ...TWO_LEGS,
  trigger_type: 'single',
  trigger_values: [2400],
  orders: (TWO_LEGS['orders'] as Json[]).slice(0, 1),
};

async function placeGtt(kite: Kite, terms: Json = TWO_LEGS): Promise<number> {
  const placed: Json = await kite['placeGTT']!(terms);
  return Number(placed['trigger_id']);
}

async function setPrice(running: RunningPaperExchange, price: string): Promise<void> {
  await control(running, 'PUT', '/prices', { 'NSE:RELIANCE': price });
}

describe('a GTT at the paper exchange', () => {
  it('is placed, listed, changed and deleted as Kite does it', async () => {
    const kite = kiteOf(await startExchange());
    const id = await placeGtt(kite);
    const rows: Json[] = await kite['getGTTs']!();
    expect(rows).toMatchObject([
      {
        ...{ id, user_id: 'PAPER', parent_trigger: null, type: 'two-leg', status: 'active', meta: {} },
        condition: {
          ...{ exchange: 'NSE', tradingsymbol: 'RELIANCE', instrument_token: 738_561, last_price: 2450 },
          trigger_values: [2400, 2500],
        },
        orders: [
          { transaction_type: 'SELL', order_type: 'LIMIT', quantity: 10, price: 2395, result: null },
          { transaction_type: 'SELL', order_type: 'LIMIT', quantity: 10, price: 2500, result: null },
        ],
      },
    ]);
    const smaller = { ...SINGLE, trigger_values: [2390] };
    expect(await kite['modifyGTT']!(id, smaller)).toEqual({ trigger_id: id });
    expect(await kite['getGTT']!(id)).toMatchObject({
      type: 'single',
      condition: { trigger_values: [2390] },
    });
    expect(await kite['deleteGTT']!(id)).toEqual({ trigger_id: id });
    expect(await kite['getGTT']!(id)).toMatchObject({ status: 'deleted' });
    expect((await rejection(kite['deleteGTT']!(id)))['message']).toContain('already deleted');
    expect((await rejection(kite['getGTT']!(1)))['message']).toContain('trigger_id');
  });

  it.each(['CNC', 'MIS', 'NRML', 'MTF'])('takes the product %s', async (product) => {
    const kite = kiteOf(await startExchange());
    const legs = (TWO_LEGS['orders'] as Json[]).map((leg) => ({ ...leg, product }));
    await placeGtt(kite, { ...TWO_LEGS, orders: legs });
    expect(await kite['getGTTs']!()).toMatchObject([{ orders: [{ product }, { product }] }]);
  });

  it.each([
    ['2399', 0, 2395],
    ['2501', 1, 2500],
  ])('at %s places the LIMIT order of its leg %i once, and the other leg ends', async (price, leg, limit) => {
    const running = await startExchange();
    const kite = kiteOf(running);
    await place(kite);
    await eventually(async () => expect((await trueOrders(running))[0]?.['status']).toBe('COMPLETE'), {
      what: 'the entry',
    });
    const id = await placeGtt(kite);
    await setPrice(running, price);
    await setPrice(running, '2350');
    await setPrice(running, '2550');
    await eventually(async () => expect((await trueOrders(running))[1]?.['status']).toBe('COMPLETE'), {
      what: "the trigger's order",
    });
    const orders = await trueOrders(running);
    expect(orders).toHaveLength(2);
    expect(orders[1]).toMatchObject({
      ...{ transaction_type: 'SELL', order_type: 'LIMIT', price: limit, quantity: 10, placed_by: 'PAPER' },
      ...{ tag: null, product: 'MIS' },
    });
    const row: Json = await kite['getGTT']!(id);
    expect(row['status']).toBe('triggered');
    const legs = row['orders'] as Json[];
    expect(legs[1 - leg]?.['result']).toBeNull();
    expect(legs[leg]?.['result']).toMatchObject({
      triggered_at: Number(price),
      order_result: { status: 'success', order_id: orders[1]?.['order_id'] },
    });
  });

  it('tells of the order that the exchange would not take', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    // The lower circuit limit is 10% below the previous close.
    const below = [{ ...(SINGLE['orders'] as Json[])[0], price: 1000 }];
    const id = await placeGtt(kite, { ...SINGLE, orders: below });
    await setPrice(running, '2399');
    const row: Json = await kite['getGTT']!(id);
    expect(row['status']).toBe('triggered');
    expect((row['orders'] as Json[])[0]?.['result']).toMatchObject({
      order_result: {
        ...{ status: 'failed', order_id: '' },
        rejection_reason: expect.stringContaining('lower circuit limit') as string,
      },
    });
    expect(await trueOrders(running)).toEqual([]);
  });

  it.each([
    [{ ...SINGLE, trigger_values: [2450] }, 'already met'],
    [{ ...TWO_LEGS, trigger_values: [2460, 2500] }, 'already met'],
    [{ ...TWO_LEGS, trigger_values: [2400, 2300] }, 'lower one comes first'],
    [{ ...SINGLE, tradingsymbol: 'NOPE' }, 'does not exist'],
    [{ ...SINGLE, trigger_values: [2400.03] }, 'tick size'],
  ])('refuses %j', async (terms, text) => {
    const kite = kiteOf(await startExchange());
    const refused = await rejection(kite['placeGTT']!(terms));
    expect(refused).toMatchObject({ error_type: 'InputException' });
    expect(refused['message']).toContain(text);
    expect(await kite['getGTTs']!()).toEqual([]);
  });

  it('is there after a restart, and fires then, and never twice', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'paper-gtt-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const options = { file: join(folder, 'books.json'), clock: systemClock };
    const first = await startExchange(options);
    const id = await placeGtt(kiteOf(first), SINGLE);
    await first.close();
    const second = await startExchange(options);
    expect(await kiteOf(second)['getGTT']!(id)).toMatchObject({ id, status: 'active' });
    await setPrice(second, '2399');
    expect(await trueOrders(second)).toHaveLength(1);
    await second.close();
    const third = await startExchange(options);
    await setPrice(third, '2390');
    expect(await kiteOf(third)['getGTT']!(id)).toMatchObject({ status: 'triggered' });
    expect(await trueOrders(third)).toHaveLength(1);
    expect(await placeGtt(kiteOf(third), { ...SINGLE, trigger_values: [2300] })).toBe(id + 1);
  });

  it('meets the faults that other calls meet', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    await addFault(running, { call: 'placeGtt', kind: 'acceptThenReset' });
    expect((await rejection(kite['placeGTT']!(TWO_LEGS)))['error_type']).toBe('NetworkException');
    expect(await kite['getGTTs']!()).toHaveLength(1);
    await addFault(running, { call: 'placeGtt', kind: 'refuse', message: 'no' });
    expect(await rejection(kite['placeGTT']!(TWO_LEGS))).toMatchObject({ message: 'no' });
    await addFault(running, { call: 'gtts', kind: 'emptyList' });
    expect(await kite['getGTTs']!()).toEqual([]);
    expect(await kite['getGTTs']!()).toHaveLength(1);
  });

  it('belongs to its user', async () => {
    const running = await startExchange();
    const id = await placeGtt(kiteOf(running, 'paper-ANNA'));
    expect(await kiteOf(running)['getGTTs']!()).toEqual([]);
    await rejection(kiteOf(running)['deleteGTT']!(id));
    expect(await kiteOf(running, 'paper-ANNA')['getGTTs']!()).toMatchObject([{ status: 'active' }]);
  });
});
