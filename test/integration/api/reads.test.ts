/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment,
   @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-argument -- answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  alertSchema,
  daySchema,
  limitsSchema,
  positionSchema,
  riskSchema,
  tradingStateSchema,
} from '../../../src/api/schemas/account.ts';
import { orderDetailSchema, orderSchema, tradeSchema } from '../../../src/api/schemas/order.ts';
import { fill, placeAtBroker, price } from './fills.ts';
import { stored } from '../../unit/risk/fixtures.ts';
import { type ApiFixture, goodOrder, startApiFixture } from './support.ts';

let api: ApiFixture;
let bought: string;
let pending: string;

beforeAll(async () => {
  api = await startApiFixture();
  bought = await placeAtBroker(api, { strategyId: 'alpha', clientOrderId: 'bought-1', quantity: 30 });
  await fill(api, bought, 10, '2449.90');
  await fill(api, bought, 20, '2450.00');
  const sold = await placeAtBroker(api, {
    side: 'SELL',
    symbol: 'M&M',
    quantity: 5,
    price: '1000',
    stopLoss: null,
    takeProfit: null,
  });
  await fill(api, sold, 5, '1000.05');
  const closing = await placeAtBroker(
    api,
    { side: 'BUY', symbol: 'M&M', quantity: 5, price: '1000', stopLoss: null, takeProfit: null },
    '0',
  );
  await fill(api, closing, 5, '990.05');
  await placeAtBroker(api, { symbol: 'INFY', price: '1500', stopLoss: '1490', takeProfit: null });
  pending = (await api.send('POST', '/v1/orders', { body: goodOrder() })).json.id;
  await price(api, 'RELIANCE', '2460.00', 400);
});
afterAll(() => api.close());

const ids = (items: readonly { id: string }[]) => items.map(({ id }) => id);

describe('one order', () => {
  test('comes with checks, commands, trades and a timeline of every status', async () => {
    const { status, json } = await api.get(`/v1/orders/${bought}`);
    expect(status).toBe(200);
    expect(() => orderDetailSchema.strict().parse(json)).not.toThrow();
    expect(json).toMatchObject({
      status: 'FILLED',
      filledQuantity: 30,
      leavesQuantity: 0,
      averagePrice: '2449.9667',
    });
    expect(json.checks).toEqual([
      { check: 'BALANCE', verdict: 'PASS', value: '1', limit: '2', message: 'fine' },
    ]);
    expect(json.commands).toEqual([]);
    expect(json.trades.map((t: { quantity: number; price: string }) => [t.quantity, t.price])).toEqual([
      [10, '2449.90'],
      [20, '2450.00'],
    ]);
    expect(
      json.timeline.map((e: { event: string; from: string; to: string; actor: string }) => [
        e.event,
        e.from,
        e.to,
        e.actor,
      ]),
    ).toEqual([
      ['OrderAccepted', null, 'PENDING', 'api:admin'],
      ['ChecksRun', 'PENDING', 'PENDING', 'validator:test'],
      ['OrderValidated', 'PENDING', 'VALIDATED', 'validator:test'],
      ['SubmissionClaimed', 'VALIDATED', 'SUBMITTING', 'validator:test'],
      ['OrderSubmitted', 'SUBMITTING', 'SUBMITTED', 'validator:test'],
      ['TradeRecorded', 'SUBMITTED', 'PARTIALLY_FILLED', 'poller:test'],
      ['TradeRecorded', 'PARTIALLY_FILLED', 'FILLED', 'poller:test'],
    ]);
    const seqs = json.timeline.map(({ seq }: { seq: number }) => seq) as number[];
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
  });
});

describe('the list of orders', () => {
  test('is newest first, and every entry has exactly the fields of an order', async () => {
    const { json } = await api.get('/v1/orders');
    expect(json.nextCursor).toBeNull();
    expect(json.items).toHaveLength(5);
    expect(json.items[0].id).toBe(pending);
    for (const item of json.items) expect(() => orderSchema.strict().parse(item)).not.toThrow();
  });

  test.each([
    ['status=PENDING', 1],
    ['status=open', 2],
    ['status=FILLED', 3],
    ['status=FILLED&status=open', 5],
    ['status=CANCELLED', 0],
    ['symbol=M%26M', 2],
    ['symbol=M%26M&exchange=BSE', 0],
    ['strategyId=alpha', 1],
    ['clientOrderId=bought-1', 1],
    ['day=2020-01-01', 0],
    ['accountId=main', 5],
  ])('?%s gives %i', async (query, count) => {
    const { status, json } = await api.get(`/v1/orders?${query}`);
    expect(status).toBe(200);
    expect(json.items).toHaveLength(count);
  });

  test('?day= gives the orders of a trading day', async () => {
    const { tradingDay } = (await api.get(`/v1/orders/${bought}`)).json;
    expect((await api.get(`/v1/orders?day=${tradingDay}`)).json.items).toHaveLength(5);
  });

  test('pages of two give every order once, also of one instant', async () => {
    await api.sql(`update orders set created_at = (select min(created_at) from orders) where symbol = 'M&M'`);
    const all = ids((await api.get('/v1/orders')).json.items);
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { json } = await api.get(`/v1/orders?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect(json.items.length).toBeLessThanOrEqual(2);
      seen.push(...ids(json.items));
      cursor = json.nextCursor;
    }
    expect(seen).toEqual(all);
  });

  test.each([
    ['limit=0', '?limit', 'RANGE'],
    ['limit=501', '?limit', 'RANGE'],
    ['limit=1.5', '?limit', 'FORMAT'],
    ['limit=', '?limit', 'FORMAT'],
    ['limit=10&limit=20', '?limit', 'REPEATED'],
    ['cursor=abc', '?cursor', 'FORMAT'],
    [
      `cursor=${Buffer.from('["2026-13-45T99:99:99.999Z","01234567-89ab-7def-8123-456789abcdef"]').toString('base64url')}`,
      '?cursor',
      'FORMAT',
    ],
    ['status=DONE', '?status', 'ENUM'],
    ['day=2026-02-30', '?day', 'DATE'],
    ['day=yesterday', '?day', 'DATE'],
    ['symbol=', '?symbol', 'RANGE'],
    ['symbol=A%00B', '?symbol', 'CONTROL_CHAR'],
    ['sort=asc', '?sort', 'UNKNOWN_PARAMETER'],
    ['clientOrderId=a%20b', '?clientOrderId', 'FORMAT'],
  ])('?%s is 400', async (query, pointer, code) => {
    const { status, json } = await api.get(`/v1/orders?${query}`);
    expect(status).toBe(400);
    expect(json.code).toBe('INVALID_QUERY');
    expect(json.errors).toMatchObject([{ pointer, code }]);
  });
});

describe('trades', () => {
  test('are newest first, with charges that add up', async () => {
    const { json } = await api.get('/v1/trades?limit=3');
    expect(json.items).toHaveLength(3);
    const rest = await api.get(`/v1/trades?limit=3&cursor=${json.nextCursor}`);
    expect(rest.json.items).toHaveLength(1);
    expect(rest.json.nextCursor).toBeNull();
    const all = [...json.items, ...rest.json.items];
    expect(new Set(ids(all)).size).toBe(4);
    for (const trade of all) {
      expect(() => tradeSchema.strict().parse(trade)).not.toThrow();
      const parts = Object.values(trade.chargeDetails as Record<string, string>);
      expect(parts.reduce((sum, part) => sum + Number(part), 0)).toBeCloseTo(Number(trade.charges), 4);
    }
    expect(all.at(-1)).toMatchObject({ orderId: bought, value: '24499.00', strategyId: 'alpha' });
  });

  test.each([
    [() => `orderId=${bought}`, 2],
    [() => 'strategyId=alpha', 2],
    [() => 'symbol=M%26M', 2],
    [() => 'product=CNC', 0],
    [() => 'day=2020-01-01', 0],
  ])('are filtered (%#)', async (query, count) => {
    expect((await api.get(`/v1/trades?${query()}`)).json.items).toHaveLength(count);
  });
});

describe('positions', () => {
  test('open ones are listed with their figures at the last price', async () => {
    const { json } = await api.get('/v1/positions');
    expect(json.items).toHaveLength(1);
    const [position] = json.items;
    expect(() => positionSchema.strict().parse(position)).not.toThrow();
    expect(position).toMatchObject({
      accountId: 'main',
      exchange: 'NSE',
      symbol: 'RELIANCE',
      product: 'MIS',
      managedBy: 'OMS',
      cycle: 1,
      status: 'OPEN',
      quantity: 30,
      protectedQuantity: 0,
      averagePrice: '2449.9667',
      lastPrice: '2460.00',
      realizedPnl: '0.00',
      unrealizedPnl: '301.00',
      totalPnl: '301.00',
      highestPrice: '2460.00',
      lowestPrice: '2449.90',
      closedAt: null,
    });
    expect(Number(position.netPnl)).toBeCloseTo(301 - Number(position.charges), 4);
    expect(position.lastPriceAgeMs).toBeGreaterThanOrEqual(400);
    expect(position.lastPriceAgeMs).toBeLessThan(3_600_000);
  });

  test('closed ones are listed on demand, with the realized P&L', async () => {
    const { json } = await api.get('/v1/positions?status=CLOSED');
    expect(json.items).toMatchObject([
      {
        symbol: 'M&M',
        status: 'CLOSED',
        quantity: 0,
        averagePrice: null,
        realizedPnl: '50.00',
        unrealizedPnl: '0.00',
        totalPnl: '50.00',
      },
    ]);
    const both = await api.get('/v1/positions?status=CLOSED&status=OPEN&limit=1');
    expect(both.json.items).toHaveLength(1);
    const next = await api.get(
      `/v1/positions?status=CLOSED&status=OPEN&limit=1&cursor=${both.json.nextCursor}`,
    );
    expect(next.json.items).toHaveLength(1);
    expect(next.json.items[0].symbol).not.toBe(both.json.items[0].symbol);
    expect(next.json.nextCursor).toBeNull();
  });

  test('of a strategy they are the fold of its own trades', async () => {
    const { json } = await api.get('/v1/positions?strategyId=alpha');
    expect(json.items).toMatchObject([
      { symbol: 'RELIANCE', quantity: 30, unrealizedPnl: '301.00', managedBy: 'OMS' },
    ]);
    expect((await api.get('/v1/positions?strategyId=nobody')).json.items).toEqual([]);
  });

  test('of one instrument: the object for one product, 404 for none', async () => {
    const one = await api.get('/v1/positions/NSE/RELIANCE');
    expect(one.json).toMatchObject({ symbol: 'RELIANCE', quantity: 30 });
    const closed = await api.get('/v1/positions/NSE/M%26M?product=MIS');
    expect(closed.json).toMatchObject({ symbol: 'M&M', status: 'CLOSED' });
    for (const path of [
      'NSE/INFY',
      'NSE/RELIANCE?product=CNC',
      'BSE/RELIANCE',
      'LSE/RELIANCE',
      'NSE/NO%20SUCH',
    ]) {
      expect((await api.get(`/v1/positions/${path}`)).status, path).toBe(404);
    }
    expect((await api.get('/v1/positions/NSE/RELIANCE?product=BO')).status).toBe(400);
  });

  test('several products of one instrument are {items}', async () => {
    const delivery = await placeAtBroker(api, { product: 'CNC', quantity: 2 }, '2450');
    await fill(api, delivery, 2, '2450.00');
    const { json } = await api.get('/v1/positions/NSE/RELIANCE');
    expect(json.items.map(({ product }: { product: string }) => product)).toEqual(['CNC', 'MIS']);
    const exit = await placeAtBroker(
      api,
      { product: 'CNC', side: 'SELL', quantity: 2, stopLoss: null, takeProfit: null },
      '0',
    );
    await fill(api, exit, 2, '2450.00');
    expect((await api.get('/v1/positions/NSE/RELIANCE')).json.product).toBe('MIS');
  });

  test('without a price the price and what follows from it are null, never zero', async () => {
    await api.sql('truncate last_prices');
    const { json } = await api.get('/v1/positions/NSE/RELIANCE');
    expect(json).toMatchObject({
      lastPrice: null,
      lastPriceAt: null,
      lastPriceAgeMs: null,
      unrealizedPnl: null,
      totalPnl: null,
      netPnl: null,
    });
    expect((await api.get('/v1/risk')).json).toMatchObject({
      pricesMissing: 1,
      oldestPriceAgeMs: null,
      priceAges: { unrealizedPnl: null, equity: null, MAX_DAILY_LOSS: null },
    });
    await price(api, 'RELIANCE', '2460.00');
  });
});

describe('risk', () => {
  test('is derived from the rows, and its sums agree', async () => {
    await api.sql(
      `insert into broker_funds (account_id, segment, net, read_at) values ('main', 'equity', 50000, sauda.clock() + interval '1 minute')`,
    );
    const { status, json } = await api.get('/v1/risk');
    expect(status).toBe(200);
    expect(() => riskSchema.strict().parse(json)).not.toThrow();
    const [day] = await api.sql(`select realized_pnl, charges from daily_stats`);
    const charges = Number(day?.['charges']);
    expect(json).toMatchObject({
      tradingState: 'ACTIVE',
      realizedPnl: '50.00',
      unrealizedPnl: '301.00',
      totalPnl: '351.00',
      openingEquity: '100000.00',
      riskCapital: '100000.00',
      grossExposure: '73800.00',
      netExposure: '73800.00',
      openPositions: 1,
      pendingOrders: 1,
      activeOrders: 1,
      // INFY, submitted: 10 x 490. RELIANCE held: 30 x 490.
      reservedMargin: '4900.00',
      positionMargin: '14700.00',
      // 10 x 10 of the waiting order, and 30 shares at 2449.9667 with their stop at 2440.
      openRisk: '399.00',
      availableMargin: '50000.00',
      ordersToday: 7,
      tradesToday: 6,
      pricesMissing: 0,
    });
    for (const name of ['unrealizedPnl', 'equity', 'dayPnl', 'grossExposure', 'MAX_DAILY_LOSS']) {
      expect(json.priceAges[name], name).toBe(json.oldestPriceAgeMs);
    }
    expect(json.oldestPriceAgeMs).toBeGreaterThanOrEqual(0);
    expect(Number(json.netPnl)).toBeCloseTo(351 - charges, 4);
    expect(Number(json.equity)).toBeCloseTo(100_351 - charges, 4);
    expect(Number(json.balance)).toBeCloseTo(100_050 - charges, 4);
    expect(Number(json.dayPnl)).toBeCloseTo(Number(json.equity) - 100_000, 4);
    expect(Number(json.dailyPnlPct)).toBeCloseTo(Number(json.dayPnl) / 100_000, 5);
    expect(Number(json.peakEquity)).toBeGreaterThanOrEqual(Number(json.equity));
    const limits = new Map(json.limits.map((l: { name: string }) => [l.name, l]));
    expect(limits.get('MAX_POSITIONS')).toEqual({
      name: 'MAX_POSITIONS',
      limit: '5',
      used: '2',
      left: '3',
      baseline: null,
    });
    expect(limits.get('MAX_DAILY_LOSS')).toEqual({
      name: 'MAX_DAILY_LOSS',
      limit: '0.06',
      used: '0.00',
      left: '0.06',
      baseline: '100000.00',
    });
    expect(limits.get('ORDER_PLACEMENTS_PER_DAY')).toMatchObject({ limit: '5000', used: '0', left: '5000' });
    expect(limits.get('ORDER_CALLS_PER_SECOND')).toMatchObject({ limit: '8', used: '0', left: '8' });
    expect(limits.get('ORDER_CALLS_PER_MINUTE')).toMatchObject({ limit: '380', used: '0', left: '380' });
    expect(json.orderBudget.day).toMatchObject({ used: 0, limit: 5000, left: { entry: 4800, exit: 4950 } });
    expect(json.orderBudget.second.left).toMatchObject({ entry: 6, exit: 7, protectiveExit: 8, kill: 8 });
    expect(json.orderBudget.minute.left).toMatchObject({ entry: 304, cancel: 342, kill: 380 });
    expect(limits.get('MAX_ORDER_VALUE')).toMatchObject({ limit: '100000.00', used: null, left: null });
    expect(limits.get('MAX_OPEN_ORDER_VALUE')).toMatchObject({ limit: '500000.00', baseline: '100000.00' });
    expect(limits.get('MAX_POSITION_VALUE')).toMatchObject({ limit: '0.00', left: null });
  });

  test('margins of orders handed over since the funds were read are not available', async () => {
    await api.sql(`update broker_funds set read_at = '2020-01-01T00:00:00Z'`);
    const { json } = await api.get('/v1/risk');
    // RELIANCE 30, M&M 5, INFY 10 at 490 each, and 2 at 2450; the exits reserved nothing.
    expect(json.availableMargin).toBe('23050.00');
  });

  test('without a reading of the funds the available margin is null', async () => {
    await api.sql('delete from broker_funds');
    expect((await api.get('/v1/risk')).json).toMatchObject({ availableMargin: null, fundsAt: null });
  });

  test('of an account that has done nothing is its capital', async () => {
    await api.send('POST', '/v1/accounts', { body: { id: 'idle', capital: '2500.5' } });
    const { json } = await api.get('/v1/risk?accountId=idle');
    await api.sql(`update accounts set id = id where id = 'idle'`);
    expect(json).toMatchObject({
      balance: '2500.50',
      equity: '2500.50',
      openingEquity: '2500.50',
      peakEquity: '2500.50',
      drawdown: '0.00',
      drawdownPct: '0.00',
      dailyPnlPct: '0.00',
    });
  });
});

describe('the other lists', () => {
  const account = 'accountId=main';

  test('daily stats', async () => {
    const { json } = await api.get(`/v1/daily-stats?${account}`);
    expect(json.items).toHaveLength(1);
    expect(() => daySchema.strict().parse(json.items[0])).not.toThrow();
    expect(json.items[0]).toMatchObject({
      ordersCount: 7,
      tradesCount: 6,
      winningTrades: 1,
      realizedPnl: '50.00',
    });
  });

  test('alerts, newest first, by severity, and of a strategy only what concerns it', async () => {
    const alert = (id: string, severity: string, orderId: string | null, second: number) =>
      api.sql(
        `insert into alerts (account_id, id, severity, type, message, details, order_id, condition, at)
        values ('main', $1::uuid, $2, 'ORDER_UNKNOWN', 'look', '{"a":1}', $3, $1::uuid::text, $4)`,
        [id, severity, orderId, `2026-01-01T00:00:0${second}Z`],
      );
    await alert('00000000-0000-7000-8000-000000000001', 'CRITICAL', bought, 1);
    await alert('00000000-0000-7000-8000-000000000002', 'INFO', null, 2);
    await alert('00000000-0000-7000-8000-000000000003', 'INFO', pending, 3);
    const { json } = await api.get(`/v1/alerts?${account}`);
    expect(json.items.map(({ id }: { id: string }) => id.at(-1))).toEqual(['3', '2', '1']);
    for (const item of json.items) expect(() => alertSchema.strict().parse(item)).not.toThrow();
    expect((await api.get(`/v1/alerts?${account}&severity=CRITICAL`)).json.items).toHaveLength(1);
    expect((await api.get(`/v1/alerts?${account}&acknowledged=true`)).json.items).toHaveLength(0);
    const { json: made } = await api.send('POST', '/v1/tokens', {
      body: { name: 'alpha', role: 'trader', accountId: 'main', strategyId: 'alpha' },
    });
    const own = await api.send('GET', '/v1/alerts', { token: made.token });
    expect(own.json.items.map(({ id }: { id: string }) => id.at(-1))).toEqual(['2', '1']);
  });

  test('strategies, limits and the trading state', async () => {
    expect((await api.get(`/v1/strategies?${account}`)).json.items).toMatchObject([
      { id: 'alpha', enabled: true },
    ]);
    await api.sql(`update accounts set limits = $1 where id = 'main'`, [{ MAX_POSITIONS: stored('7') }]);
    const limits = (await api.get(`/v1/limits?${account}`)).json;
    expect(() => limitsSchema.strict().parse(limits)).not.toThrow();
    expect(limits).toMatchObject({
      limits: { MAX_POSITIONS: '7', MAX_DAILY_LOSS: '0.06', REQUIRE_TAKE_PROFIT: 'no' },
      defaults: { MAX_POSITIONS: '5' },
      account: { MAX_POSITIONS: { value: '7', reason: 'a test', by: 'test', inForce: true } },
    });
    await api.sql(
      `update accounts set trading_state = 'HALTED', halt_id = '01234567-89ab-7def-8123-456789abcdef',
        trading_state_reason = 'a test', trading_state_by = 'me', trading_state_at = '2026-01-01T00:00:00Z' where id = 'main'`,
    );
    const state = (await api.get(`/v1/trading-state?${account}`)).json;
    expect(() => tradingStateSchema.strict().parse(state)).not.toThrow();
    expect(state).toEqual({
      accountId: 'main',
      exits: 'reduceOnly',
      state: 'HALTED',
      haltId: '01234567-89ab-7def-8123-456789abcdef',
      scope: 'account',
      reason: 'a test',
      by: 'me',
      at: '2026-01-01T05:30:00.000+05:30',
      strategies: [
        {
          strategyId: 'alpha',
          exits: 'reduceOnly',
          by: null,
          at: null,
          state: 'ACTIVE',
          haltId: null,
          reason: null,
        },
      ],
    });
    expect((await api.get(`/v1/risk?${account}`)).json.tradingState).toBe('HALTED');
  });

  test('tokens, without their secrets, page by page', async () => {
    for (const name of ['one', 'two', 'three'])
      await api.send('POST', '/v1/tokens', { body: { name, role: 'viewer' } });
    const first = await api.get('/v1/tokens?limit=2');
    const second = await api.get(`/v1/tokens?limit=2&cursor=${first.json.nextCursor}`);
    const names = [...first.json.items, ...second.json.items].map(({ name }: { name: string }) => name);
    expect(names).toEqual(['alpha', 'one', 'two', 'three']);
    expect(first.text + second.text).not.toContain('token');
  });
});

describe('pushing prices', () => {
  test.each([
    ['an unknown symbol', { 'NSE:NOSUCH': '1' }, 422, '/prices/NSE:NOSUCH', 'UNKNOWN_SYMBOL'],
    ['a price of zero', { 'NSE:INFY': '0' }, 422, '/prices/NSE:INFY', 'MIN'],
    ['a name without an exchange', { INFY: '1' }, 400, '/prices/INFY', 'FORMAT'],
    ['a price in words', { 'NSE:INFY': 'ten' }, 400, '/prices/NSE:INFY', 'FORMAT'],
    ['a price true', { 'NSE:INFY': true }, 400, '/prices/NSE:INFY', 'FORMAT'],
    ['a name with a slash', { 'NSE:A/B': '1' }, 422, '/prices/NSE:A~1B', 'UNKNOWN_SYMBOL'],
  ])('%s is refused, and no price of the request is stored', async (_, prices, status, pointer, code) => {
    const answer = await api.send('PUT', '/v1/prices', {
      body: { prices: { 'NSE:BAJAJ-AUTO': '1', ...prices } },
    });
    expect(answer.status).toBe(status);
    expect(answer.json.errors).toMatchObject([{ pointer, code }]);
    const stored = await api.sql(
      `select from last_prices l join instruments i on i.id = l.instrument_id where i.symbol = 'BAJAJ-AUTO'`,
    );
    expect(stored).toEqual([]);
  });

  test.each([
    ['30 February', '2026-02-30T00:00:00Z', 400],
    ['no offset', '2026-02-03T00:00:00', 400],
    ['next year', '2099-01-01T00:00:00Z', 422],
  ])('a time of %s is refused', async (_, at, status) => {
    const answer = await api.send('PUT', '/v1/prices', { body: { prices: { 'NSE:INFY': '1' }, at } });
    expect(answer.status).toBe(status);
    expect(answer.json.errors).toMatchObject([{ pointer: '/at' }]);
  });

  test('an older price never replaces a newer one; JSON numbers are taken', async () => {
    await api.send('PUT', '/v1/prices', { body: { prices: { 'NSE:INFY': 1500.05 } } });
    await price(api, 'INFY', '1400', 60_000);
    const [row] = await api.sql(
      `select price, source from last_prices l join instruments i on i.id = l.instrument_id where i.symbol = 'INFY'`,
    );
    expect(row).toEqual({ price: '1500.0500', source: 'PUSH' });
  });

  test('is refused where prices come from the broker', async () => {
    const app = api.appWith({ allowPricePush: false });
    const answer = await api.send('PUT', '/v1/prices', { app, body: { prices: { 'NSE:INFY': '1' } } });
    expect(answer.status).toBe(409);
    expect(answer.json.code).toBe('PRICES_NOT_PUSHED');
  });
});
