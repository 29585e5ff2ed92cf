/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call -- answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changedTradingStateSchema } from '../../../src/api/schemas/account.ts';
import { killSwitchEventListSchema, operationSchema } from '../../../src/api/schemas/operation.ts';
import { fill, placeAtBroker } from './fills.ts';
import { type ApiFixture, goodOrder, startApiFixture } from './support.ts';

let api: ApiFixture;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  api = await startApiFixture();
  await api.send('POST', '/v1/orders', { body: goodOrder({ strategyId: 'alpha' }) });
  await api.send('POST', '/v1/orders', { body: goodOrder({ strategyId: 'beta' }) });
  for (const [name, body] of Object.entries({
    trader: { role: 'trader' },
    operator: { role: 'operator' },
    alpha: { role: 'operator', accountId: 'main', strategyId: 'alpha' },
    alphaTrader: { role: 'trader', accountId: 'main', strategyId: 'alpha' },
  })) {
    tokens[name] = (await api.send('POST', '/v1/tokens', { body: { name, ...body } })).json.token as string;
  }
});
afterAll(() => api.close());

const put = (body: Record<string, unknown>, token = 'operator') =>
  api.send('PUT', '/v1/trading-state', { body: { reason: 'a test', ...body }, token: tokens[token]! });
const release = async () => put({ state: 'ACTIVE' });
const statusOf = async (id: string) => (await api.get(`/v1/orders/${id}`)).json;
const place = async (changes: Record<string, unknown> = {}, token = 'operator') =>
  (await api.send('POST', '/v1/orders', { body: goodOrder(changes), token: tokens[token]! })).json;

describe('PUT /v1/trading-state', () => {
  test('halts: 200 with the shape of GET and inFlight; what waited is ended, in the open', async () => {
    const waiting = await place();
    const answer = await put({ state: 'HALTED', scope: 'account' });
    expect(answer.status).toBe(200);
    expect(() => changedTradingStateSchema.strict().parse(answer.json)).not.toThrow();
    expect(answer.json).toMatchObject({
      state: 'HALTED',
      scope: 'account',
      reason: 'a test',
      by: 'api:operator',
      exits: 'reduceOnly',
      inFlight: [],
      operationId: null,
    });
    const shown = (await api.get('/v1/trading-state')).json;
    expect(answer.json).toEqual({ ...shown, inFlight: [], operationId: null });
    expect(await statusOf(waiting.id as string)).toMatchObject({
      status: 'REJECTED',
      rejectedBy: 'OMS',
      failedCheck: 'CIRCUIT_BREAKER',
      statusReason: 'trading is HALTED (a test): the order was not sent',
    });
  });

  test('said twice is one halt', async () => {
    const first = await put({ state: 'HALTED' });
    const second = await put({ state: 'HALTED', reason: 'again' });
    expect(second.json).toMatchObject({ haltId: first.json.haltId, reason: 'a test' });
  });

  test('releases the halt that is named, and no other', async () => {
    const { haltId } = (await put({ state: 'HALTED' })).json as { haltId: string };
    const wrong = await put({ state: 'ACTIVE', releases: '0198f000-0000-7000-8000-000000000001' });
    expect(wrong.status).toBe(409);
    expect(wrong.json).toMatchObject({
      code: 'HALT_CHANGED',
      detail: `0198f000-0000-7000-8000-000000000001 is not in force: the halt in force is ${haltId}`,
    });
    expect((await put({ state: 'ACTIVE', releases: haltId })).json).toMatchObject({
      state: 'ACTIVE',
      haltId: null,
    });
    const again = await put({ state: 'ACTIVE', releases: haltId });
    expect([again.status, again.json.code]).toEqual([409, 'HALT_CHANGED']);
  });

  test('after a trip by the daily loss asks for a new limit', async () => {
    await put({ state: 'HALTED' });
    await api.sql(
      `update accounts set halt_trips = jsonb_build_array(jsonb_build_object('kind', 'DAILY_LOSS', 'baseline', '100000',
        'value', '-6000', 'limit', '0.06', 'day', sauda.trading_day(sauda.clock()))) where id = 'main'`,
    );
    const refused = await release();
    expect([refused.status, refused.json.code]).toEqual([409, 'RELEASE_NEEDS_LIMIT']);
    expect(refused.json.detail).toContain('the daily loss limit of 6% halted trading');
    expect((await api.get('/v1/trading-state')).json.state).toBe('HALTED');
    const released = await put({ state: 'ACTIVE', newDailyLossPct: '0.08' });
    expect(released.json).toMatchObject({ state: 'ACTIVE', haltId: null });
    expect((await api.get('/v1/limits')).json.account.MAX_DAILY_LOSS).toMatchObject({
      value: '0.08',
      inForce: true,
    });
  });

  test('of a strategy is its own, and a token bound to one may not halt more', async () => {
    const [own, other] = [await place({ strategyId: 'alpha' }), await place({ strategyId: 'beta' })];
    const whole = await put({ state: 'HALTED' }, 'alpha');
    expect(whole.status).toBe(403);
    const answer = await put({ state: 'HALTED', scope: 'strategy', strategyId: 'alpha' }, 'alpha');
    expect(answer.json).toMatchObject({
      state: 'ACTIVE',
      strategies: [{ strategyId: 'alpha', state: 'HALTED', by: 'api:alpha', reason: 'a test' }],
    });
    expect((await statusOf(own.id as string)).status).toBe('REJECTED');
    expect((await statusOf(other.id as string)).status).toBe('PENDING');
    expect((await put({ state: 'HALTED', scope: 'strategy', strategyId: 'gamma' })).status).toBe(404);
    await put({ state: 'ACTIVE', scope: 'strategy', strategyId: 'alpha' });
  });

  test.each([
    ['a state nobody knows', { state: 'PAUSED' }],
    ['a strategy without its scope', { state: 'HALTED', strategyId: 'alpha' }],
    ['the scope without its strategy', { state: 'HALTED', scope: 'strategy' }],
    ['no reason', { state: 'HALTED', reason: undefined }],
    ['an unknown field', { state: 'HALTED', force: true }],
  ])('refuses %s', async (_, body) => {
    const answer = await put(body);
    expect([answer.status, answer.json.code]).toEqual([400, 'INVALID_BODY']);
  });

  test('is not for traders', async () => {
    expect((await put({ state: 'HALTED' }, 'trader')).status).toBe(403);
  });

  test('leaves exits to operators when it is told to: a trader may not close, an operator may place', async () => {
    await put({ state: 'HALTED', exits: 'operatorOnly' });
    const close = await api.send('POST', '/v1/positions/NSE/INFY/close', {
      body: {},
      token: tokens['trader']!,
    });
    expect([close.status, close.json.code]).toEqual([409, 'EXITS_LEFT_TO_OPERATORS']);
    expect(close.json.detail).toBe('trading is HALTED (a test) and exits are left to operators');
    const exit = { side: 'SELL', reduceOnly: true, stopLoss: null, takeProfit: null };
    const placed = await Promise.all(['operator', 'trader'].map((token) => place(exit, token)));
    const causes = await api.sql(`select cause from orders where id = any($1)`, [
      placed.map(({ id }) => id as string),
    ]);
    expect(causes.map(({ cause }) => cause).sort()).toEqual(['OPERATOR', 'REQUEST']);
    await release();
  });
});

describe('GET /v1/kill-switch-events', () => {
  test('tells every change, newest first, page by page', async () => {
    await put({ state: 'HALTED', reason: 'the first' });
    await put({ state: 'ACTIVE', reason: 'the second' });
    const { json } = await api.get('/v1/kill-switch-events?limit=2');
    expect(() => killSwitchEventListSchema.strict().parse(json)).not.toThrow();
    expect(json.items).toMatchObject([
      { from: 'HALTED', to: 'ACTIVE', reason: 'the second', by: 'api:operator', scope: 'account' },
      { from: 'ACTIVE', to: 'HALTED', reason: 'the first' },
    ]);
    expect(json.items[0].haltId).toBe(json.items[1].haltId);
    const next = await api.get(`/v1/kill-switch-events?limit=2&cursor=${json.nextCursor as string}`);
    expect(next.json.items).not.toContainEqual(json.items[0]);
    const own = await api.send('GET', '/v1/kill-switch-events', { token: tokens['alpha']! });
    expect(own.json.items.some((event: { strategyId: string }) => event.strategyId === 'alpha')).toBe(true);
  });
});

describe('closing', () => {
  test('a position answers 202 and names its reduce-only orders', async () => {
    await fill(
      api,
      await placeAtBroker(api, {
        symbol: 'INFY',
        price: '1580.00',
        stopLoss: '1570.00',
        takeProfit: '1610.00',
      }),
      10,
      '1580',
    );
    const answer = await api.send('POST', '/v1/positions/NSE/INFY/close', {
      body: { quantity: 4 },
      token: tokens['trader']!,
    });
    expect(answer.status).toBe(202);
    expect(() => operationSchema.strict().parse(answer.json)).not.toThrow();
    expect(answer.json).toMatchObject({
      kind: 'FLATTEN',
      state: 'RUNNING',
      symbol: 'INFY',
      quantity: 4,
      startedBy: 'api:trader',
      orders: [
        { side: 'SELL', quantity: 4, reduceOnly: true, role: 'EXIT', status: 'PENDING', orderType: 'MARKET' },
      ],
    });
    expect(answer.headers.get('location')).toBe(`/v1/operations/${answer.json.id as string}`);
    expect((await api.get(`/v1/operations/${answer.json.id as string}`)).json.orders).toHaveLength(1);
  });

  test('more than there is, or nothing, is refused with the numbers', async () => {
    const close = (symbol: string, body: Record<string, unknown> = {}, token = 'trader') =>
      api.send('POST', `/v1/positions/NSE/${symbol}/close`, { body, token: tokens[token]! });
    const tooMuch = await close('INFY', { quantity: 11 });
    expect([tooMuch.status, tooMuch.json.code]).toEqual([422, 'INVALID_CLOSE']);
    expect(tooMuch.json.detail).toBe('quantity 11 is more than the 10 that can be closed');
    const nothing = await api.send('POST', '/v1/positions/NSE/RELIANCE/close', { token: tokens['trader']! });
    expect([nothing.status, nothing.json.code]).toEqual([409, 'NOTHING_TO_CLOSE']);
    expect((await close('INFY', {}, 'alphaTrader')).json).toMatchObject({
      code: 'NOTHING_TO_CLOSE',
      detail: 'strategy alpha holds nothing of NSE:INFY that is managed',
    });
    expect((await close('NOSUCH')).status).toBe(404);
    expect((await close('INFY', { quantity: 0 })).status).toBe(422);
  });

  test('everything is for operators, and begun once', async () => {
    expect((await api.send('POST', '/v1/flatten', { body: {}, token: tokens['trader']! })).status).toBe(403);
    const flatten = () =>
      api.send('POST', '/v1/flatten', { body: { reason: 'enough' }, token: tokens['operator']! });
    const first = await flatten();
    expect(first.status).toBe(202);
    expect(first.json).toMatchObject({ state: 'RUNNING', symbol: null, reason: 'enough' });
    expect((await flatten()).json.id).toBe(first.json.id);
    const half = await api.send('POST', '/v1/flatten', {
      body: { symbol: 'INFY' },
      token: tokens['operator']!,
    });
    expect([half.status, half.json.code]).toEqual([400, 'INVALID_BODY']);
  });

  test('is not shown to the token of another strategy', async () => {
    const [row] = await api.sql<{ id: string }>('select id from operations limit 1');
    const path = `/v1/operations/${row!.id}`;
    expect((await api.send('GET', path, { token: tokens['alpha']! })).status).toBe(404);
    expect((await api.get('/v1/operations/nonsense')).status).toBe(400);
    expect((await api.get('/v1/operations/0198f000-0000-7000-8000-0000000000ff')).status).toBe(404);
  });
});
