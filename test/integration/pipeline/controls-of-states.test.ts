/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment,
   @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call -- answers
   are JSON, looked into freely */
/**
 * Controls whose limit is a state, what is held, a count of changes or an age, each just inside and just outside of it
 * through the HTTP API; those that an order's own terms decide are in controls.test.ts. Every sentence is written out.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BrokerPort } from '../../../src/broker/port.ts';
import { type Decimal, decimal } from '../../../src/domain/money.ts';
import { createMarginReader } from '../../../src/market-data/margins.ts';
import { setTradingState } from '../../../src/services/set-trading-state.ts';
import { submitOrder } from '../../../src/services/submit-order.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';
import { type Fields, OFF, apiOf } from './control-desk.ts';

const MARKET = { orderType: 'MARKET', price: null };
const FILLED = { waitFor: 'FILLED' };
/** Sells without a stop of its own. */
const SALE = { ...MARKET, side: 'SELL', stopLoss: null, takeProfit: null };
const EXIT = { ...SALE, reduceOnly: true };
/** Far below the market. */
const RESTING = { price: '2300.00', stopLoss: '2280.00', takeProfit: '2350.00' };

describe('each control whose limit is a state, through the HTTP API', () => {
  let pipeline: Pipeline;
  let trader: string;
  const api = apiOf(() => pipeline);

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend: 'postgres',
      environment: { ...OFF, FREEZE_QUANTITIES: 'NFO:NIFTY=1800' },
    });
    const made = await api.send('POST', '/v1/tokens', { name: 'trader', role: 'trader' });
    trader = made.json.token;
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  const byTrader = () => ({ token: trader });
  const refusal = (order: { status: string; failedCheck: string; statusReason: string }) => {
    expect(order.status, order.statusReason).toBe('REJECTED');
    return `${order.failedCheck}: ${order.statusReason}`;
  };
  const set = async (accountId: string, fields: Fields) => {
    const answer = await api.send('PUT', '/v1/trading-state', { accountId, ...fields });
    expect(answer.status, JSON.stringify(answer.json)).toBe(200);
    return answer.json;
  };
  const holding = async (accountId: string, quantity = 10, fields: Fields = {}) => {
    await api.open(accountId);
    const bought = await api.place(accountId, { ...MARKET, quantity, ...fields }, FILLED);
    expect(bought.status, bought.statusReason).toBe('FILLED');
  };

  it('CIRCUIT_BREAKER: REDUCING takes what lowers a position, and not a share more than is held', async () => {
    await holding('reducing');
    await set('reducing', { state: 'REDUCING', reason: 'lunch' });
    const says =
      'CIRCUIT_BREAKER: trading is REDUCING (lunch): only orders that lower the worst-case position are taken';
    expect(refusal(await api.place('reducing', {}, byTrader()))).toBe(says);
    const through = { ...SALE, quantity: 11, stopLoss: '2470.00' };
    expect(refusal(await api.place('reducing', through, byTrader()))).toBe(says);
    const whole = await api.place('reducing', { ...SALE, quantity: 10 }, { ...FILLED, ...byTrader() });
    expect(whole).toMatchObject({ status: 'FILLED', statusReason: null });
  });

  it('CIRCUIT_BREAKER: HALTED takes exits alone, with operatorOnly those of operators, and lets go when released', async () => {
    await holding('halted');
    await set('halted', { state: 'HALTED', reason: 'news' });
    const says = 'CIRCUIT_BREAKER: trading is HALTED (news): entries are refused until a person releases it';
    expect(refusal(await api.place('halted', {}, byTrader()))).toBe(says);
    // It lowers the position, but says of itself that it may do more.
    expect(refusal(await api.place('halted', { ...SALE, quantity: 2 }, byTrader()))).toBe(says);
    const exit = await api.place('halted', { ...EXIT, quantity: 2 }, { ...FILLED, ...byTrader() });
    expect(exit).toMatchObject({ status: 'FILLED', statusReason: null });

    await set('halted', { state: 'ACTIVE', reason: 'over' });
    await set('halted', { state: 'HALTED', reason: 'hands off', exits: 'operatorOnly' });
    expect(refusal(await api.place('halted', { ...EXIT, quantity: 2 }, byTrader()))).toBe(
      'CIRCUIT_BREAKER: trading is HALTED (hands off) and exits are left to operators',
    );
    expect(await api.place('halted', { ...EXIT, quantity: 2 }, FILLED)).toMatchObject({ status: 'FILLED' });

    const { haltId } = (await api.send('GET', '/v1/trading-state?accountId=halted')).json;
    await set('halted', { state: 'ACTIVE', reason: 'over', releases: haltId });
    expect(await api.place('halted', { ...MARKET, quantity: 1 }, FILLED)).toMatchObject({ status: 'FILLED' });
  });

  it('CIRCUIT_BREAKER: a strategy that is halted enters nothing, and others go on', async () => {
    await holding('strategic', 10, { strategyId: 'alpha' });
    const halt = { state: 'HALTED', scope: 'strategy', strategyId: 'alpha', reason: 'a loop' };
    await set('strategic', halt);
    expect(refusal(await api.place('strategic', { strategyId: 'alpha' }))).toBe(
      'CIRCUIT_BREAKER: trading is HALTED (a loop): entries are refused until a person releases it',
    );
    const exit = await api.place('strategic', { ...EXIT, strategyId: 'alpha' }, FILLED);
    expect(exit).toMatchObject({ status: 'FILLED' });
    expect(await api.place('strategic', { strategyId: 'beta' })).toMatchObject({ statusReason: null });
  });

  it('QUANTITY_LIMITS: the position that all that is live could make stays within MAX_POSITION_SIZE', async () => {
    await holding('size');
    await api.limits('size', { MAX_POSITION_SIZE: 17 });
    expect(await api.place('size', { ...RESTING, quantity: 2 })).toMatchObject({ statusReason: null });
    expect(refusal(await api.place('size', { ...RESTING, quantity: 6 }))).toBe(
      'QUANTITY_LIMITS: the position could reach 18, over the limit of 17',
    );
    expect(await api.place('size', { ...RESTING, quantity: 5 })).toMatchObject({ statusReason: null });
  });

  it('QUANTITY_LIMITS: a contract up to the freeze quantity of its exchange, in whole lots', async () => {
    await api.open('freeze');
    const [future] = await pipeline.sql<{ symbol: string }>(
      `select symbol from instruments where exchange = 'NFO' and instrument_type = 'FUT'`,
    );
    const order = {
      ...{ exchange: 'NFO', symbol: future?.symbol, product: 'NRML', price: '24550.00' },
      ...{ stopLoss: '24500.00', takeProfit: '24700.00' },
    };
    expect(refusal(await api.place('freeze', { ...order, quantity: 1875 }))).toBe(
      "QUANTITY_LIMITS: quantity 1875 is over the exchange's freeze quantity 1800",
    );
    expect(await api.place('freeze', { ...order, quantity: 1800 })).toMatchObject({ statusReason: null });
    const odd = await api.send('POST', '/v1/orders', {
      clientOrderId: 'odd-lot',
      ...api.orderOf('freeze', { ...order, quantity: 76 }),
    });
    expect([odd.status, odd.json.errors]).toMatchObject([
      422,
      [{ pointer: '/quantity', message: 'quantity must be a multiple of the lot size 75' }],
    ]);
  });

  it('INSTRUMENT_RULES: a price on the tick is taken, one beside it is refused at once', async () => {
    await api.open('tick');
    const beside = await api.send('POST', '/v1/orders', {
      clientOrderId: 'beside',
      ...api.orderOf('tick', { price: '2450.05' }),
    });
    expect([beside.status, beside.json.errors]).toMatchObject([
      422,
      [{ pointer: '/price', message: 'price must be a multiple of the tick 0.1' }],
    ]);
    expect(await api.place('tick', { price: '2450.10' })).toMatchObject({ statusReason: null });
  });

  it('REDUCE_ONLY: all that is held, and not a share more', async () => {
    await holding('reduces');
    const rests = { ...EXIT, orderType: 'LIMIT', price: '2480.00', quantity: 4 };
    expect(await api.place('reduces', rests, { waitFor: 'OPEN' })).toMatchObject({ status: 'OPEN' });
    const { checks } = await api.preview('reduces', { ...EXIT, quantity: 7 });
    expect(checks).toContainEqual({
      check: 'REDUCE_ONLY',
      verdict: 'FAIL',
      value: '7',
      limit: '6',
      message: 'quantity 7 is too large to only reduce; the largest is 6',
    });
    expect(await api.place('reduces', { ...EXIT, quantity: 7 })).toMatchObject({ status: 'REJECTED' });
    expect(await api.place('reduces', { ...EXIT, quantity: 6 }, FILLED)).toMatchObject({ status: 'FILLED' });
  });

  it('POSITION_LEAVING: a position that leaves is not added to, and its exit goes on', async () => {
    await holding('leaving', 20, { protection: 'exchange' });
    const stop = await eventually(
      async () => {
        const { orders } = await pipeline.book('leaving');
        const found = orders.find(({ order_type, is_final }) => order_type.startsWith('SL') && !is_final);
        expect(found).toBeDefined();
        return found!;
      },
      { what: 'the stop' },
    );
    await pipeline.addFault({ call: 'placeOrder', kind: 'rejectAtExchange', count: -1, user: 'leaving' });
    await outsideOf(pipeline, 'leaving').end(stop.order_id, 'REJECTED', '17070 : out of the LPP range');
    const groups = () =>
      pipeline.sql(`select mode from protection_groups where account_id = 'leaving' and ended_at is null`);
    await eventually(async () => expect(await groups()).toEqual([{ mode: 'EXIT' }]), { what: 'the exit' });
    const late = refusal(await api.place('leaving'));
    expect(late).toMatch(
      /^POSITION_LEAVING: its position is leaving by protective exits \(.+\); enter again once it is closed$/,
    );
    await pipeline.clearFaults();
    await eventually(async () => expect(await groups()).toEqual([]), { what: 'the position to be gone' });
    expect(await api.place('leaving')).toMatchObject({ statusReason: null });
  });

  it('RESTRICTED_INSTRUMENT: with ALLOWED_INSTRUMENTS what is named alone', async () => {
    await api.open('allowed');
    await api.limits('allowed', { ALLOWED_INSTRUMENTS: 'NSE:INFY, NSE:TCS' });
    expect(refusal(await api.place('allowed'))).toBe(
      'RESTRICTED_INSTRUMENT: NSE:RELIANCE is not among the 2 of ALLOWED_INSTRUMENTS',
    );
    await api.limits('allowed', { ALLOWED_INSTRUMENTS: 'NSE:INFY, NSE:RELIANCE' });
    expect(await api.place('allowed')).toMatchObject({ statusReason: null });
  });

  it("RESTRICTED_INSTRUMENT: a strategy's own list is held beside the account's", async () => {
    await api.open('lists');
    await api.place('lists', { strategyId: 'careful', quantity: 1 });
    await api.limits('lists', { BLOCKED_INSTRUMENTS: 'NSE:RELIANCE' }, { strategyId: 'careful' });
    expect(refusal(await api.place('lists', { strategyId: 'careful' }))).toBe(
      'RESTRICTED_INSTRUMENT: NSE:RELIANCE is blocked: NSE:RELIANCE is in BLOCKED_INSTRUMENTS (strategy careful)',
    );
    expect(await api.place('lists', { strategyId: 'other' })).toMatchObject({ statusReason: null });
  });

  it('the broker takes 25 modifications of an order: the 25th is made, the 26th is refused here', async () => {
    await api.open('modified');
    const { id } = await api.place('modified', RESTING, { waitFor: 'OPEN' });
    // As if 24 had been made before.
    await pipeline.sql('update orders set modifications = 24 where id = $1', [id]);
    const path = `/v1/orders/${id}?accountId=modified`;
    const modify = async (price: string, number: number) => {
      expect((await api.send('PATCH', path, { price })).status).toBe(202);
      return eventually(
        async () => {
          const { commands } = (await api.send('GET', path)).json;
          expect(commands).toHaveLength(number);
          expect(commands.at(-1).state).toBe('DONE');
          return commands.at(-1);
        },
        { what: `modification ${number} to be done` },
      );
    };
    expect(await modify('2301.00', 1)).toMatchObject({ outcome: 'ACCEPTED' });
    expect(await modify('2302.00', 2)).toMatchObject({
      outcome: 'REFUSED',
      reason: 'the order was modified 25 times; the broker takes 25',
    });
    expect((await api.send('GET', path)).json).toMatchObject({ status: 'OPEN', price: '2301.00' });
    await pipeline.sql('update orders set modifications = 2 where id = $1', [id]);
  });

  it('leaves every invariant standing', async () => {
    await expectInvariants(pipeline.sql);
  });
});

describe('each control whose limit is an age or a count of the day, through the HTTP API', () => {
  let pipeline: Pipeline;
  const api = apiOf(() => pipeline);

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend: 'postgres',
      roles: ['fillPoller'],
      accounts: ['main', 'fresh', 'ages', 'hedged', 'budget'],
      environment: { ...OFF, ORDER_PLACEMENTS_PER_DAY: '100' },
    });
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  /** Accepted, then checked by this very test: nothing else looks meanwhile. */
  const judged = async (accountId: string, changes: Fields = {}) => {
    const { context } = pipeline.parts;
    const accepted = await api.send('POST', '/v1/orders', {
      clientOrderId: `judged-${(made += 1)}`,
      ...api.orderOf(accountId, changes),
    });
    expect(accepted.status, JSON.stringify(accepted.json)).toBe(202);
    const { id } = accepted.json;
    return {
      order: accepted.json,
      check: () => validateOrder(context, { accountId, orderId: id }),
      send: () => submitOrder(context, { accountId, orderId: id }),
      now: async () => (await api.send('GET', `/v1/orders/${id}?accountId=${accountId}`)).json,
    };
  };
  let made = 0;

  it('STALE: an order is sent while it is young enough, and rejected when it is not', async () => {
    const young = await judged('main', { maxAgeMs: 600_000 });
    await young.check();
    expect(await young.now()).toMatchObject({ status: 'VALIDATED' });
    const old = await judged('main', { quantity: 5, maxAgeMs: 1000 });
    await pipeline.sql(`update orders set created_at = created_at - interval '5 s' where quantity = 5`);
    await old.check();
    const { status, failedCheck, statusReason } = await old.now();
    expect([status, failedCheck]).toEqual(['REJECTED', 'STALE']);
    expect(statusReason).toMatch(/^the order is \d+ ms old, over its maxAgeMs of 1000$/);
  });

  it('MARKET_DATA: with REQUIRE_FRESH_PRICE no entry on a price older than PRICE_MAX_AGE_MS of the account', async () => {
    // The last price grows old, and no newer one is to be had.
    await pipeline.addFault({ call: 'quote', kind: 'serverError', count: -1 });
    const ageMs = async () => pipeline.parts.context.prices.peek(await reliance())?.ageMs ?? 0;
    await eventually(async () => expect(await ageMs()).toBeGreaterThan(200), { what: 'the price to be old' });
    await api.limits('fresh', { REQUIRE_FRESH_PRICE: 'yes', PRICE_MAX_AGE_MS: 100 });
    const late = await judged('fresh', { quantity: 5 });
    await late.check();
    const { failedCheck, statusReason } = await late.now();
    expect(failedCheck).toBe('MARKET_DATA');
    expect(statusReason).toMatch(/^the price 2450.00 is \d+ ms old$/);
    await api.limits('fresh', { PRICE_MAX_AGE_MS: 3_600_000 });
    const taken = await judged('fresh');
    await taken.check();
    await pipeline.clearFaults();
    expect(await taken.now()).toMatchObject({ status: 'VALIDATED', statusReason: null });
  });

  it('STALE: MAX_ORDER_AGE_MS can be changed at run time, and a strategy may have a shorter one', async () => {
    const ageOf = async (strategyId: string, maxAgeMs?: number) => {
      const { id } = (await judged('ages', { strategyId, quantity: (quantity += 1), maxAgeMs })).order;
      const [row] = await pipeline.sql<{ age: number | null }>(
        'select max_age_ms as age from orders where id = $1',
        [id],
      );
      return row?.age ?? null;
    };
    let quantity = 0;
    expect(await ageOf('slow')).toBeNull();
    await api.limits('ages', { MAX_ORDER_AGE_MS: 20_000 });
    await api.limits('ages', { MAX_ORDER_AGE_MS: 5000 }, { strategyId: 'slow' });
    expect(await ageOf('slow')).toBe(5000);
    expect(await ageOf('other')).toBe(20_000);
    expect(await ageOf('other', 1000)).toBe(1000);
  });

  it('CIRCUIT_BREAKER: REDUCING refuses what the broker says would raise the margin of what is left', async () => {
    const { context } = pipeline.parts;
    const symbols = await pipeline.sql<{ symbol: string; type: string }>(
      `select symbol, instrument_type as type from instruments where exchange = 'NFO'`,
    );
    const nfo = (type: string) => ({
      ...{ exchange: 'NFO', product: 'NRML', quantity: 75, orderType: 'MARKET', price: null },
      ...{ symbol: symbols.find((one) => one.type === type)?.symbol, takeProfit: null },
    });
    const stops = { FUT: '24000.00', PE: '200.00' } as const;
    for (const type of ['FUT', 'PE'] as const) {
      const bought = await judged('hedged', { ...nfo(type), stopLoss: stops[type] });
      await bought.check();
      await bought.send();
      await eventually(async () => expect(await bought.now()).toMatchObject({ status: 'FILLED' }), {
        what: `${type} to be filled`,
      });
    }
    await setTradingState(context, {
      ...{ accountId: 'hedged', state: 'REDUCING', scope: 'account', reason: 'expiry', by: 'test' },
    });
    // The exchange nets nothing: what the broker would say of a hedge is put into its mouth.
    const sale = async (says: () => Promise<Decimal>) => {
      const broker = { getAddedMargin: says } as unknown as BrokerPort;
      const { peekAdded, refreshAdded } = createMarginReader(
        () => broker,
        () => performance.now(),
        { warn: () => undefined },
      );
      const order = await judged('hedged', { ...nfo('PE'), side: 'SELL', stopLoss: null });
      const margins = { ...context.margins, peekAdded, refreshAdded };
      await validateOrder({ ...context, margins }, { accountId: 'hedged', orderId: order.order.id });
      const { status, statusReason } = await order.now();
      return [status, statusReason];
    };
    expect(await sale(async () => decimal(45_000))).toEqual([
      'REJECTED',
      'trading is REDUCING (expiry) and the order would raise the margin of what is left by 45,000.00',
    ]);
    // What can not be asked keeps nobody from leaving.
    expect(await sale(() => Promise.reject(new Error('down')))).toEqual(['VALIDATED', null]);
  });

  it('ORDER_BUDGET: entries stop where the rest of the day is kept for exits', async () => {
    const used = (placements: number) =>
      pipeline.sql(
        `update accounts set budget = jsonb_build_object('slots', '[]'::jsonb, 'tens', '[]'::jsonb,
          'day', sauda.trading_day(sauda.clock())::text, 'placements', $1::int) where id = 'budget'`,
        [placements],
      );
    for (const [placements, wanted] of [
      [95, { status: 'SUBMITTED', statusReason: null }],
      [
        96,
        {
          status: 'REJECTED',
          failedCheck: 'ORDER_BUDGET',
          statusReason:
            'the broker takes 100 placements a day; 96 are used, and what is left is kept for exits',
        },
      ],
    ] as const) {
      await used(placements);
      const order = await judged('budget', { ...RESTING, quantity: placements });
      await order.check();
      await order.send();
      expect(await order.now()).toMatchObject(wanted);
      const { json } = await api.send('GET', '/v1/risk?accountId=budget');
      const shown = json.limits.find(({ name }: { name: string }) => name === 'ORDER_PLACEMENTS_PER_DAY');
      expect(shown).toMatchObject({ limit: '100', used: '96', left: '4' });
    }
  });

  const reliance = async () =>
    (await pipeline.sql<{ id: number }>(`select id from instruments where symbol = 'RELIANCE'`))[0]?.id ?? 0;
});
