/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment --
   answers are JSON, looked into freely */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ApiFixture, goodOrder, startApiFixture } from './support.ts';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApiFixture();
});
afterAll(() => api.close());
beforeEach(() => {
  api.jobs.length = 0;
});

const ordersStored = async () => Number((await api.sql(`select count(*) from orders`))[0]?.['count']);

describe('placing an order', () => {
  test('answers 202 with the order and its address, stores it, and enqueues its validation', async () => {
    const body = goodOrder({ strategyId: 'breakout', metadata: { note: '<b>"x"\n</b>', list: [1, 2.5] } });
    const answer = await api.send('POST', '/v1/orders', { body });
    expect(answer.status).toBe(202);
    const { id, createdAt, updatedAt, tradingDay, ...rest } = answer.json;
    expect(answer.headers.get('location')).toBe(`/v1/orders/${id}`);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+05:30$/);
    expect(updatedAt).toBe(createdAt);
    expect(tradingDay).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(rest).toEqual({
      accountId: 'main',
      cause: 'REQUEST',
      protection: 'none',
      trailingStop: null,
      gtt: false,
      clientOrderId: body['clientOrderId'],
      strategyId: 'breakout',
      symbol: 'RELIANCE',
      exchange: 'NSE',
      side: 'BUY',
      quantity: 10,
      orderType: 'LIMIT',
      product: 'MIS',
      validity: 'DAY',
      price: '2450.00',
      triggerPrice: null,
      stopLoss: '2440.00',
      takeProfit: '2480.00',
      reduceOnly: false,
      role: 'ENTRY',
      parentOrderId: null,
      protectionGroup: null,
      variety: 'regular',
      status: 'PENDING',
      rejectedBy: null,
      failedCheck: null,
      statusReason: null,
      brokerOrderId: null,
      exchangeOrderId: null,
      filledQuantity: 0,
      leavesQuantity: 10,
      averagePrice: null,
      pendingCommand: null,
      modificationsUsed: 0,
      modificationsLeft: 25,
      version: 1,
      submittedAt: null,
      finishedAt: null,
      metadata: { note: '<b>"x"\n</b>', list: [1, 2.5] },
    });
    expect(api.jobs).toEqual([{ queue: 'validate', jobId: `${id}-1` }]);
    const [row] = await api.sql(
      'select status, actor from orders o join journal j on j.entity = o.id::text where o.id = $1',
      [id],
    );
    expect(row).toEqual({ status: 'PENDING', actor: 'api:admin' });
  });

  test('the same id and content again is 200 with the first order, and nothing is done twice', async () => {
    const body = goodOrder();
    const first = await api.send('POST', '/v1/orders', { body });
    const again = await api.send('POST', '/v1/orders', {
      body: { ...body, price: 2450, quantity: 10.0, validity: 'DAY' },
    });
    expect(again.status).toBe(200);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect(again.json).toEqual(first.json);
    expect(api.jobs).toHaveLength(1);
  });

  test('the same id with other content is 409 IDEMPOTENCY_CONFLICT', async () => {
    const body = goodOrder();
    await api.send('POST', '/v1/orders', { body });
    const conflict = await api.send('POST', '/v1/orders', { body: { ...body, quantity: 11 } });
    expect(conflict.status).toBe(409);
    expect(conflict.headers.get('content-type')).toBe('application/problem+json');
    expect(conflict.json).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', status: 409 });
  });

  test('a hundred identical requests at once make one order', async () => {
    const body = goodOrder();
    const before = await ordersStored();
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => api.send('POST', '/v1/orders', { body })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      ...Array.from({ length: 99 }, () => 200),
      202,
    ]);
    expect(new Set(answers.map(({ json }) => json.id as string)).size).toBe(1);
    expect(await ordersStored()).toBe(before + 1);
    expect(api.jobs).toHaveLength(1);
  });

  test('the header Idempotency-Key stands for clientOrderId, also in quotes', async () => {
    const { clientOrderId, ...body } = goodOrder();
    const headers = { 'idempotency-key': `"${clientOrderId as string}"` };
    const answer = await api.send('POST', '/v1/orders', { body, headers });
    expect(answer.status).toBe(202);
    expect(answer.json.clientOrderId).toBe(clientOrderId);
    const replay = await api.send('POST', '/v1/orders', { body: { ...body, clientOrderId } });
    expect(replay.json.id).toBe(answer.json.id);
  });

  test('a header that differs from the body is 400', async () => {
    const answer = await api.send('POST', '/v1/orders', {
      body: goodOrder(),
      headers: { 'idempotency-key': 'other' },
    });
    expect(answer.status).toBe(400);
    expect(answer.json.errors).toEqual([
      { pointer: '/clientOrderId', code: 'MISMATCH', message: expect.any(String) as string },
    ]);
  });

  test('symbols with & and - are known, and prices of a 0.05 tick are exact', async () => {
    for (const symbol of ['M&M', 'BAJAJ-AUTO', 'INFY']) {
      const body = goodOrder({ symbol, price: '100.05', stopLoss: 99.9, takeProfit: null });
      const answer = await api.send('POST', '/v1/orders', { body });
      expect(answer.status, symbol).toBe(202);
      expect(answer.json).toMatchObject({ symbol, price: '100.05', stopLoss: '99.90', takeProfit: null });
    }
  });

  test('1.0 and 1e0 are the whole number 1', async () => {
    for (const text of ['1.0', '1e0', '10e-1']) {
      const raw = JSON.stringify(goodOrder()).replace('"quantity":10', `"quantity":${text}`);
      const answer = await api.send('POST', '/v1/orders', { raw });
      expect(answer.status, text).toBe(202);
      expect(answer.json.quantity).toBe(1);
    }
  });

  test('a reduceOnly order is an exit and goes to the queue of exits', async () => {
    const answer = await api.send('POST', '/v1/orders', {
      body: goodOrder({ reduceOnly: true, side: 'SELL', stopLoss: null, takeProfit: null }),
    });
    expect(answer.json).toMatchObject({ reduceOnly: true, role: 'EXIT' });
    expect(api.jobs.map(({ queue }) => queue)).toEqual(['exit']);
  });

  test('headers that pretend another address or method change nothing', async () => {
    const headers = { 'x-forwarded-for': '127.0.0.1', 'x-http-method-override': 'DELETE' };
    const answer = await api.send('POST', '/v1/orders', { body: goodOrder(), headers });
    expect(answer.status).toBe(202);
  });
});

describe('waitFor', () => {
  const setStatus = (id: string, status: string) =>
    api.sql(
      `update orders set status = $2, version = version + 1, rejected_by = case when $2 = 'REJECTED' then 'OMS' end,
        finished_at = case when $2 = 'REJECTED' then clock_timestamp() end where id = $1`,
      [id, status],
    );
  const idOf = async (clientOrderId: unknown) =>
    (await api.get(`/v1/orders?clientOrderId=${clientOrderId as string}`)).json.items[0].id as string;

  const placeAndSet = async (query: string, status: string) => {
    const body = goodOrder();
    const answer = api.send('POST', `/v1/orders?${query}`, { body });
    await expect.poll(() => api.jobs.length).toBeGreaterThan(0);
    await setStatus(await idOf(body['clientOrderId']), status);
    return answer;
  };

  test('answers 202 as soon as the status is reached', async () => {
    const answer = await placeAndSet('waitFor=VALIDATED&timeoutMs=30000', 'VALIDATED');
    expect(answer.status).toBe(202);
    expect(answer.json.status).toBe('VALIDATED');
  });

  test('a status further on counts as reached', async () => {
    const answer = await placeAndSet('waitFor=VALIDATED&timeoutMs=30000', 'SUBMITTED');
    expect(answer.json.status).toBe('SUBMITTED');
  });

  test('a final status ends the wait for any other', async () => {
    const answer = await placeAndSet('waitFor=FILLED&timeoutMs=30000', 'REJECTED');
    expect(answer.status).toBe(202);
    expect(answer.json.status).toBe('REJECTED');
  });

  test('when time is up the order is answered as it is', async () => {
    const began = performance.now();
    const answer = await api.send('POST', '/v1/orders?waitFor=FILLED&timeoutMs=120', { body: goodOrder() });
    expect(answer.status).toBe(202);
    expect(answer.json.status).toBe('PENDING');
    expect(performance.now() - began).toBeGreaterThanOrEqual(115);
  });

  test('a client that hangs up ends the wait', async () => {
    const hangUp = new AbortController();
    const began = performance.now();
    const answer = api.send('POST', '/v1/orders?waitFor=FILLED&timeoutMs=30000', {
      body: goodOrder(),
      signal: hangUp.signal,
    });
    await expect.poll(() => api.jobs.length).toBeGreaterThan(0);
    hangUp.abort();
    await answer;
    expect(performance.now() - began).toBeLessThan(30_000);
  });
});
