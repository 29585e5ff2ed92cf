import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/wait.ts';
import {
  addFault,
  BUY,
  callsOf,
  control,
  type Json,
  kiteOf,
  orderOf,
  place,
  rejection,
  startExchange,
  trueOrders,
} from './fixture.ts';

const RESTING = { ...BUY, price: 2400 };

/** kind, whether the order is in the book after it, and what the official client makes of the answer. */
const PLACEMENTS: readonly (readonly [string, boolean, Json])[] = [
  ['acceptThenTimeout', true, { error_type: 'NetworkException', message: /ECONNABORTED/ }],
  ['acceptThenReset', true, { error_type: 'NetworkException', message: /ECONNRESET/ }],
  ['timeout', false, { error_type: 'NetworkException', message: /ECONNABORTED/ }],
  ['reset', false, { error_type: 'NetworkException', message: /ECONNRESET/ }],
  ['refuse', false, { error_type: 'InputException', message: /refused/ }],
  ['serverErrorAfterAccept', true, { error_type: 'NetworkException', message: /Bad Gateway/ }],
  ['serverError', false, { error_type: 'NetworkException', message: /Bad Gateway/ }],
  ['rateLimited', false, { error_type: 'NetworkException', message: /Too many requests/ }],
  ['forbidden', false, { error_type: 'TokenException', message: /access_token/ }],
  [
    'badRequestTimedOutAfterAccept',
    true,
    { message: /Order request timed out\. Please check the order book/ },
  ],
  ['truncated', true, { error_type: 'NetworkException', message: /^OK$/ }],
];

/** For calls that get no answer: long enough to reach the exchange. */
const IMPATIENT_MS = 1000;
const UNANSWERED: ReadonlySet<string> = new Set(['acceptThenTimeout', 'timeout']);

describe('faults of a placement', () => {
  it.each(PLACEMENTS)('%s: the order is in the book: %s', async (kind, isTaken, expected) => {
    const running = await startExchange();
    const kite = kiteOf(running);
    const caller = UNANSWERED.has(kind) ? kiteOf(running, 'paper', IMPATIENT_MS) : kite;
    await addFault(running, { call: 'placeOrder', kind });
    const error = await rejection(caller['placeOrder']!('regular', { ...RESTING }));
    // The caller may give up before a slow exchange has seen its call.
    await eventually(async () => expect(await callsOf(running, 'placeOrder')).toBe(1), { what: 'the call' });
    expect(error['message']).toMatch(expected['message'] as RegExp);
    if ('error_type' in expected) expect(error['error_type']).toBe(expected['error_type']);
    expect(await trueOrders(running)).toHaveLength(isTaken ? 1 : 0);
    await place(kite, { price: 2400 });
    expect(await trueOrders(running)).toHaveLength(isTaken ? 2 : 1);
  });

  it.each([
    ['htmlOk', 0],
    ['htmlOkAfterAccept', 1],
  ])('%s resolves in the client with a DataException object; %i in the book', async (kind, count) => {
    const running = await startExchange();
    await addFault(running, { call: 'placeOrder', kind });
    const answer: Json = await kiteOf(running)['placeOrder']!('regular', { ...RESTING });
    expect(answer['error_type']).toBe('DataException');
    expect(await trueOrders(running)).toHaveLength(count);
  });

  it('refuse answers with the text and type it was given', async () => {
    const running = await startExchange();
    await addFault(running, {
      call: 'placeOrder',
      kind: 'refuse',
      errorType: 'PermissionException',
      message: 'no IP',
    });
    const error = await rejection(kiteOf(running)['placeOrder']!('regular', { ...RESTING }));
    expect(error).toMatchObject({ error_type: 'PermissionException', message: 'no IP' });
  });

  it('lateVisibility shows an acknowledged order only later', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    await addFault(running, { call: 'placeOrder', kind: 'lateVisibility', delayMs: 3_600_000 });
    const id = await place(kite);
    expect(await orderOf(kite, id)).toBeUndefined();
    await rejection(kite['getOrderHistory']!(id));
    await eventually(async () => expect(await trueOrders(running)).toMatchObject([{ status: 'COMPLETE' }]), {
      what: 'the fill',
    });
    expect(await kite['getTrades']!()).toEqual([]);
    expect((await control(running, 'POST', '/orders/show')).body).toEqual({ shown: 1 });
    expect(await orderOf(kite, id)).toMatchObject({ status: 'COMPLETE' });
    expect(await kite['getTrades']!()).toHaveLength(1);
    expect((await control(running, 'POST', '/orders/show')).body).toEqual({ shown: 0 });
  });

  it('lateVisibility ends by itself after its time', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    await addFault(running, { call: 'placeOrder', kind: 'lateVisibility', delayMs: 200 });
    const id = await place(kite);
    await eventually(async () => expect(await orderOf(kite, id)).toBeDefined(), {
      what: 'the order to show',
    });
    const [order] = await trueOrders(running);
    expect(Number(order!['visible_at_ms']) - Number(order!['received_at_ms'])).toBe(200);
  });

  it('lateVisibility can also leave the request unanswered', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    await addFault(running, { call: 'placeOrder', kind: 'lateVisibility', delayMs: 3_600_000, silent: true });
    await rejection(kiteOf(running, 'paper', IMPATIENT_MS)['placeOrder']!('regular', { ...RESTING }));
    await eventually(async () => expect(await trueOrders(running)).toHaveLength(1), { what: 'the order' });
    expect(await kite['getOrders']!()).toEqual([]);
    await control(running, 'POST', '/orders/show');
    expect(await kite['getOrders']!()).toHaveLength(1);
  });

  it('slow answers late but in full', async () => {
    const running = await startExchange();
    await addFault(running, { call: 'placeOrder', kind: 'slow', delayMs: 300 });
    const began = performance.now();
    await place(kiteOf(running), { price: 2400 });
    expect(performance.now() - began).toBeGreaterThanOrEqual(290);
  });
});

describe('rejectAtExchange', () => {
  it('acknowledges a placement and rejects the order', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    await addFault(running, { call: 'placeOrder', kind: 'rejectAtExchange', message: 'RMS:Blocked' });
    const id = await place(kite);
    expect(await orderOf(kite, id)).toMatchObject({ status: 'REJECTED', status_message: 'RMS:Blocked' });
  });

  it('acknowledges a modification and a cancellation and leaves the order as it was', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    const id = await place(kite, { price: 2400 });
    await addFault(running, { call: 'modifyOrder', kind: 'rejectAtExchange' });
    await kite['modifyOrder']!('regular', id, { price: 2410 });
    await addFault(running, { call: 'cancelOrder', kind: 'rejectAtExchange' });
    await kite['cancelOrder']!('regular', id);
    expect(await orderOf(kite, id)).toMatchObject({ status: 'OPEN', price: 2400 });
    const history: Json[] = await kite['getOrderHistory']!(id);
    expect(history.slice(-4).map((row) => row['status'])).toEqual([
      'NOT MODIFIED',
      'OPEN',
      'CANCEL PENDING',
      'OPEN',
    ]);
  });
});

describe('faults of reads', () => {
  it('emptyList hides the book once', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    await place(kite, { price: 2400 });
    await addFault(running, { call: 'orders', kind: 'emptyList' });
    expect(await kite['getOrders']!()).toEqual([]);
    expect(await kite['getOrders']!()).toHaveLength(1);
  });

  it('truncated cuts the order book in the middle', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    await place(kite, { price: 2400 });
    await addFault(running, { call: 'orders', kind: 'truncated' });
    expect(await rejection(kite['getOrders']!())).toBeInstanceOf(TypeError);
  });

  it('strikes only the user it names', async () => {
    const running = await startExchange();
    await addFault(running, { call: 'any', kind: 'serverError', user: 'ANNA', count: -1 });
    expect(await kiteOf(running)['getOrders']!()).toEqual([]);
    await rejection(kiteOf(running, 'paper-ANNA')['getOrders']!());
  });
});

describe('closing', () => {
  it('cuts held connections instead of waiting for them', async () => {
    const running = await startExchange();
    const kite = kiteOf(running);
    await addFault(running, { call: 'placeOrder', kind: 'acceptThenTimeout', count: 3 });
    const held = [1, 2, 3].map(() => rejection(kite['placeOrder']!('regular', { ...RESTING })));
    await eventually(async () => expect(await trueOrders(running)).toHaveLength(3), {
      what: 'the held orders',
    });
    await running.close();
    for (const error of await Promise.all(held)) expect(error['error_type']).toBe('NetworkException');
  });
});
