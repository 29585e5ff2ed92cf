import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/wait.ts';
import { BUY, type Json, kiteOf, orderOf, place, rejection, startExchange } from './fixture.ts';

describe('the official client against the paper exchange', () => {
  it('places an order, sees it fill, and finds its history, trade, position and margin', async () => {
    const kite = kiteOf(await startExchange());
    const id = await place(kite, { tag: 'abc123' });
    expect(id).toMatch(/^\d{19}$/);
    await eventually(async () => expect((await orderOf(kite, id))?.['status']).toBe('COMPLETE'), {
      what: 'the fill',
    });
    const history: Json[] = await kite['getOrderHistory']!(id);
    expect(history.map((row) => row['status'])).toEqual([
      'PUT ORDER REQ RECEIVED',
      'VALIDATION PENDING',
      'OPEN PENDING',
      'OPEN',
      'COMPLETE',
    ]);
    const [trade]: Json[] = await kite['getOrderTrades']!(id);
    expect(trade).toMatchObject({ order_id: id, quantity: 10, average_price: 2450 });
    expect(await kite['getTrades']!()).toHaveLength(1);
    const { net }: { net: Json[] } = await kite['getPositions']!();
    expect(net).toMatchObject([
      { tradingsymbol: 'RELIANCE', product: 'MIS', quantity: 10, average_price: 2450 },
    ]);
    const equity: Json = await kite['getMargins']!('equity');
    expect(equity['net']).toBeLessThan(100_000 - 4900);
    expect(equity['net']).toBeGreaterThan(100_000 - 4920);
  });

  it('modifies and cancels a resting order', async () => {
    const kite = kiteOf(await startExchange());
    const id = await place(kite, { price: 2400 });
    expect(await kite['modifyOrder']!('regular', id, { price: 2410.5, quantity: 5 })).toEqual({
      order_id: id,
    });
    expect(await orderOf(kite, id)).toMatchObject({ status: 'OPEN', price: 2410.5, quantity: 5 });
    expect(await kite['cancelOrder']!('regular', id)).toEqual({ order_id: id });
    expect(await orderOf(kite, id)).toMatchObject({
      status: 'CANCELLED',
      pending_quantity: 5,
      cancelled_quantity: 5,
    });
  });

  it('understands the null fields the client sends as empty values', async () => {
    const kite = kiteOf(await startExchange());
    const id = await place(kite, {
      order_type: 'SL-M',
      price: null,
      trigger_price: 2470,
      market_protection: -1,
      tag: null,
    });
    expect(await orderOf(kite, id)).toMatchObject({
      status: 'TRIGGER PENDING',
      price: 0,
      trigger_price: 2470,
      tag: null,
    });
  });

  it('answers quotes for names with special characters and leaves unknown ones out', async () => {
    const kite = kiteOf(await startExchange());
    const names = ['NSE:M&M', 'NSE:BAJAJ-AUTO', 'NSE:NIFTY 50', 'NSE:NOPE'];
    for (const call of ['getQuote', 'getOHLC', 'getLTP']) {
      const quotes: Json = await kite[call]!(names);
      expect(Object.keys(quotes)).toEqual(names.slice(0, 3));
    }
    const { 'NSE:M&M': quote }: Record<string, Json> = await kite['getQuote']!(['NSE:M&M']);
    expect(quote).toMatchObject({ instrument_token: 519_937, last_price: 3560, upper_circuit_limit: 3916 });
  });

  it('serves the instrument dump in the one content type the client parses', async () => {
    const running = await startExchange();
    const nfo: Json[] = await kiteOf(running)['getInstruments']!('NFO');
    expect(nfo.slice(0, 3).map((row) => row['instrument_type'])).toEqual(['FUT', 'CE', 'PE']);
    const headers = { authorization: 'token paper:paper' };
    const all = await fetch(`${running.url}/instruments`, { headers });
    expect(all.headers.get('content-type')).toBe('text/csv');
    expect(await all.text()).toContain('\r\n738561,2885,RELIANCE,');
  });

  it('computes margins, basket margins and charges', async () => {
    const kite = kiteOf(await startExchange());
    const order = { ...BUY, variety: 'regular', trigger_price: 0 };
    const [margin]: Json[] = await kite['orderMargins']!([order], null);
    expect(margin).toMatchObject({ total: 4920, leverage: 5 });
    const basket: Record<string, Json> = await kite['orderBasketMargins']!([order, order], false, null);
    expect(basket['final']).toMatchObject({ total: 9840 });
    const [note]: Json[] = await kite['getvirtualContractNote']!([
      { ...order, order_id: '1', average_price: 2460 },
    ]);
    expect(note).toMatchObject({
      price: 2460,
      charges: { transaction_tax: 0, brokerage: 7.38, stamp_duty: 1 },
    });
  });

  it('gives profile and segments, and refuses to convert a position with a clear text', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    expect(await kite['getProfile']!()).toMatchObject({ user_id: 'PAPER', broker: 'ZERODHA' });
    const margins: Json = await kite['getMargins']!();
    expect(Object.keys(margins)).toEqual(['equity', 'commodity']);
    expect(await rejection(kite['convertPosition']!({ exchange: 'NSE' }))).toMatchObject({
      error_type: 'InputException',
      message: expect.stringContaining('not supported') as string,
    });
  });
});

describe('refusals on the wire', () => {
  it.each([
    [{ price: 2460.05 }, 'InputException', 'Tick size for this script is 0.10'],
    [{ order_type: 'MARKET', price: 0 }, 'InputException', 'Market orders without market protection'],
    [{ tag: 'far-too-long-a-tag-for-kite' }, 'InputException', 'tag'],
    [
      { product: 'CNC', quantity: 500 },
      'MarginException',
      'Insufficient funds. Required margin is 1230000.00',
    ],
  ])('answers %j with %s and keeps the book empty', async (fields, errorType, text) => {
    const kite = kiteOf(await startExchange());
    const refused = await rejection(kite['placeOrder']!('regular', { ...BUY, ...fields }));
    expect(refused).toMatchObject({ status: 'error', error_type: errorType });
    expect(refused['message']).toContain(text);
    expect(await kite['getOrders']!()).toEqual([]);
  });

  it('does not know an order id of nobody', async () => {
    const kite = kiteOf(await startExchange());
    expect((await rejection(kite['cancelOrder']!('regular', '1953341975595868160')))['message']).toContain(
      'order_id',
    );
    expect((await rejection(kite['getOrderHistory']!('1953341975595868160')))['message']).toContain(
      'order_id',
    );
  });

  it('answers any other token with 403 and calls the session hook', async () => {
    const running = await startExchange();
    const response = await fetch(`${running.url}/orders`, {
      headers: { authorization: 'token paper:stale' },
    });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ status: 'error', error_type: 'TokenException' });
    const kite = kiteOf(running, 'stale');
    let hooked = 0;
    (kite as unknown as { setSessionExpiryHook: (hook: () => void) => void }).setSessionExpiryHook(
      () => (hooked += 1),
    );
    await rejection(kite['getOrders']!());
    expect(hooked).toBe(1);
  });

  it('limits order calls to ten a second with the body of Kite', async () => {
    const fixed = { now: (): Date => new Date('2026-11-19T10:00:00+05:30') };
    const running = await startExchange({ clock: fixed, rateLimits: {} });
    const body = new URLSearchParams({ ...BUY, quantity: '0' } as Record<string, string>).toString();
    const headers = {
      authorization: 'token paper:paper',
      'content-type': 'application/x-www-form-urlencoded',
    };
    const post = () => fetch(`${running.url}/orders/regular`, { method: 'POST', body, headers });
    for (let i = 0; i < 10; i += 1) expect((await post()).status).toBe(400);
    const refused = await post();
    expect(refused.status).toBe(429);
    expect(await refused.text()).toBe(
      '{"status":"error","message":"Too many requests","error_type":"NetworkException"}',
    );
    expect((await fetch(`${running.url}/orders`, { headers })).status).toBe(200);
  });

  it('keeps users apart', async () => {
    const running = await startExchange();
    const anna = kiteOf(running, 'paper-ANNA');
    const id = await place(anna, { price: 2400 });
    expect(await anna['getProfile']!()).toMatchObject({ user_id: 'ANNA' });
    expect(await kiteOf(running)['getOrders']!()).toEqual([]);
    await rejection(kiteOf(running)['cancelOrder']!('regular', id));
    expect(await anna['getOrders']!()).toHaveLength(1);
  });
});
