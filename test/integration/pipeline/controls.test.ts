/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment,
   @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-return -- answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../../../src/api/create-api.ts';
import { previewSchema } from '../../../src/api/schemas/preview.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { control } from '../../support/pipeline/book.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { feedOf } from '../api/support.ts';
import { ADMIN_TOKEN, type Fields, OFF, apiOf } from './control-desk.ts';

interface Case {
  readonly check: string;
  readonly limits?: Fields;
  readonly strategy?: string;
  /** Placed first; they pass. */
  readonly before?: readonly Fields[];
  readonly outside: Fields;
  readonly says: string;
  readonly inside: Fields;
}

const SHORT = { side: 'SELL', stopLoss: '2470.00', takeProfit: '2409.00' };
const INFY = { symbol: 'INFY', price: '1580.00', stopLoss: '1570.00', takeProfit: '1610.00' };
const SL = { orderType: 'SL', price: '2460.00', takeProfit: '2600.00' };
const CNC_SALE = { ...SHORT, product: 'CNC' };

const CASES: readonly Case[] = [
  {
    check: 'BALANCE',
    outside: { quantity: 205 },
    says: 'needs 100,5\\d\\d\\.\\d\\d but only 100,000.00 is available',
    inside: { quantity: 203 },
  },
  {
    check: 'POSITION_LIMIT',
    limits: { MAX_POSITIONS: 1 },
    before: [{}],
    outside: INFY,
    says: 'would be position 2, over the limit of 1',
    inside: { quantity: 5 },
  },
  {
    check: 'RISK_PER_TRADE',
    limits: { MAX_RISK_PER_TRADE: '0.002' },
    outside: { stopLoss: '2429.90' },
    says: 'risk 201.00 is over the limit 200.00 \\(0.2% of 100,000.00\\)',
    inside: {},
  },
  {
    check: 'STOP_LOSS_REQUIRED',
    outside: { stopLoss: '2450.00' },
    says: 'the stop of a BUY must be below 2450.00, but is 2450.00',
    inside: { stopLoss: '2449.90' },
  },
  {
    check: 'RISK_REWARD',
    limits: { MIN_RISK_REWARD: '2' },
    outside: { takeProfit: '2489.90' },
    says: 'reward 399.00 / risk 200.00 = 1.99, under the least of 2',
    inside: { takeProfit: '2490.00' },
  },
  {
    check: 'PRICE_SANITY',
    limits: { MAX_PRICE_DEVIATION_PCT: '0.05' },
    outside: { price: '2572.60', stopLoss: '2560.00', takeProfit: '2620.00' },
    says: '2572.60 is 5.0041% from 2450.00, over 5%',
    inside: { price: '2572.50', stopLoss: '2560.00', takeProfit: '2620.00' },
  },
  {
    check: 'QUANTITY_LIMITS',
    limits: { MAX_QUANTITY_PER_ORDER: 10 },
    outside: { quantity: 11 },
    says: 'quantity 11 is over the limit of 10 per order',
    inside: { quantity: 10 },
  },
  {
    check: 'ORDER_TO_POSITION_RATIO',
    limits: { MAX_ORDER_TO_POSITION_RATIO: 2 },
    before: [{}, { quantity: 5 }],
    outside: { quantity: 1 },
    says: 'would be entry 3 waiting on this position, over the limit of 2',
    inside: INFY,
  },
  {
    check: 'ORDER_VALUE',
    limits: { MAX_ORDER_VALUE: '24500' },
    outside: { quantity: 11 },
    says: 'value 26,950.00 is over the limit of 24,500.00 an order',
    inside: {},
  },
  {
    check: 'TRIGGER_SANITY',
    outside: { ...SL, triggerPrice: '2450.00', stopLoss: '2430.00' },
    says: 'the trigger of a BUY must be over the last price 2450.00, but is 2450.00',
    inside: { ...SL, triggerPrice: '2450.10', stopLoss: '2430.00' },
  },
  {
    check: 'DELIVERY',
    outside: { ...CNC_SALE, quantity: 11 },
    says: 'sells 11, but only 10 can be delivered',
    inside: { ...CNC_SALE, quantity: 10 },
  },
  {
    check: 'POSITION_VALUE',
    limits: { MAX_POSITION_VALUE: '0.5x' },
    before: [{}],
    outside: { quantity: 11 },
    says: 'the position could be worth 51,450.00, over the limit of 50,000.00',
    inside: { quantity: 10 },
  },
  {
    check: 'OPEN_ORDER_VALUE',
    limits: { MAX_OPEN_ORDER_VALUE: '0.5x' },
    before: [INFY],
    outside: { quantity: 14 },
    says: 'open orders would be worth 50,100.00 \\(15,800.00 wait already\\), over the limit of 50,000.00',
    inside: { quantity: 13 },
  },
  {
    check: 'REPEATED_EXECUTION',
    limits: { REPEATED_EXECUTION_MAX: 2 },
    strategy: 'looping',
    before: [{}, INFY],
    outside: { quantity: 3 },
    says: 'would be entry 3 of looping in 60 s, over the limit of 2: a person must look',
    inside: { strategyId: 'another' },
  },
  {
    check: 'DUPLICATE_ORDER',
    limits: { DUPLICATE_WINDOW_MS: 3_600_000 },
    before: [{}],
    outside: {},
    says: 'the same order of 10 RELIANCE was placed \\d+ ms apart, inside the window of 3600000 ms',
    inside: { price: '2449.90' },
  },
  {
    check: 'SELF_MATCH',
    limits: { REFUSE_SELF_MATCH: 'yes' },
    before: [{ ...SHORT, price: '2460.00' }],
    outside: { price: '2460.00' },
    says: 'would trade with our own SELL 10 RELIANCE LIMIT at 2460.00',
    inside: { price: '2459.90' },
  },
  {
    check: 'RESTRICTED_INSTRUMENT',
    limits: { BLOCKED_INSTRUMENTS: 'NSE:RELIANCE, NSE:TCS' },
    outside: {},
    says: 'NSE:RELIANCE is blocked: NSE:RELIANCE is in BLOCKED_INSTRUMENTS',
    inside: INFY,
  },
];

describe('each control, through the HTTP API', () => {
  let pipeline: Pipeline;
  const api = apiOf(() => pipeline);

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend: 'postgres',
      roles: ['validator'],
      environment: OFF,
      exchange: { openingFunds: '100000' },
    });
    const share = [{ tradingsymbol: 'RELIANCE', quantity: 10, average_price: '2000' }];
    await control(pipeline.exchange, 'PUT', '/holdings/delivery', share);
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  const account = (check: string) => check.toLowerCase();

  it.each(CASES.map((one) => [one.check, one] as const))(
    '%s refuses an order just outside its limit in a sentence with the numbers, and takes one just inside',
    async (check, { limits, strategy, before = [], outside, says, inside }) => {
      const accountId = account(check);
      const of = strategy === undefined ? {} : { strategyId: strategy };
      await api.open(accountId);
      if (limits !== undefined) await api.limits(accountId, limits);
      for (const one of before) {
        expect(await api.place(accountId, { ...of, ...one })).toMatchObject({ status: 'VALIDATED' });
      }
      const foretold = await api.preview(accountId, { ...of, ...outside });
      const refused = await api.place(accountId, { ...of, ...outside });
      expect(refused).toMatchObject({ status: 'REJECTED', rejectedBy: 'OMS', failedCheck: check });
      expect(refused.statusReason).toMatch(new RegExp(`^${says}$`));
      expect(foretold).toMatchObject({ passes: false, failedCheck: check });
      const taken = await api.preview(accountId, { ...of, ...inside });
      expect(taken).toMatchObject({ passes: true, failedCheck: null, reason: null });
      expect(await api.place(accountId, { ...of, ...inside })).toMatchObject({
        status: 'VALIDATED',
        statusReason: null,
      });
    },
  );

  it('DAILY_LOSS refuses at the limit, and takes an order a paisa before it', async () => {
    await api.open('daily_loss');
    await api.limits('daily_loss', { MAX_DAILY_LOSS: '0.06' });
    const lose = (rupees: string) =>
      pipeline.sql(
        `insert into daily_stats (account_id, day, opening_equity, realized_pnl, charges, cash_flows, turnover,
          orders_count, rejected_count, trades_count, winning_trades, losing_trades)
        values ('daily_loss', sauda.trading_day(sauda.clock()), 100000, -($1::numeric), 0, 0, 0, 0, 0, 0, 0, 0)
        on conflict (account_id, day) do update set realized_pnl = excluded.realized_pnl`,
        [rupees],
      );
    await lose('6000');
    expect(await api.place('daily_loss')).toMatchObject({
      status: 'REJECTED',
      failedCheck: 'DAILY_LOSS',
      statusReason: "the day's loss 6,000.00 has reached the limit 6,000.00 (6% of 100,000.00)",
    });
    await lose('5999.99');
    expect(await api.place('daily_loss')).toMatchObject({ status: 'VALIDATED' });
    await lose('0');
  });

  it('UNCONFIRMED_EXECUTION refuses while the outcome of an order in its scope is unknown', async () => {
    await api.open('unknown');
    await api.limits('unknown', { UNKNOWN_BLOCKS: 'symbol' });
    const doubtful = await api.place('unknown');
    await pipeline.sql(`update orders set status = 'UNKNOWN' where id = $1`, [doubtful.id]);
    expect(await api.place('unknown', { quantity: 1 })).toMatchObject({
      status: 'REJECTED',
      failedCheck: 'UNCONFIRMED_EXECUTION',
      statusReason: 'the outcome of 1 order of RELIANCE is unknown: entries wait until it is known',
    });
    expect(await api.place('unknown', INFY)).toMatchObject({ status: 'VALIDATED' });
    await pipeline.sql(`update orders set status = 'VALIDATED' where id = $1`, [doubtful.id]);
    expect(await api.place('unknown', { quantity: 1 })).toMatchObject({ status: 'VALIDATED' });
  });

  it('a strategy that repeats itself is disabled until a person enables it, and the window alone never does', async () => {
    await api.open('runaway');
    await api.limits('runaway', { REPEATED_EXECUTION_MAX: 1, REPEATED_EXECUTION_WINDOW_MS: 1000 });
    const of = { strategyId: 'runaway' };
    await api.place('runaway', of);
    await pipeline.sql(
      `update orders set created_at = created_at + interval '1 day' where account_id = 'runaway'`,
    );
    const over = await api.place('runaway', { ...of, ...INFY });
    expect(over).toMatchObject({ failedCheck: 'REPEATED_EXECUTION' });
    // The window has passed, whatever the clock says.
    await pipeline.sql(
      `update orders set created_at = created_at - interval '2 days' where account_id = 'runaway'`,
    );
    const next = await api.place('runaway', { ...of, ...INFY });
    expect(next).toMatchObject({
      failedCheck: 'STRATEGY_ENABLED',
      statusReason: `strategy runaway is disabled (REPEATED_EXECUTION: ${over.statusReason}): entries are refused until a person enables it`,
    });
    const { json: strategies } = await api.send('GET', '/v1/strategies?accountId=runaway');
    expect(strategies.items).toMatchObject([{ id: 'runaway', enabled: false }]);
    const alerts = async () =>
      (await api.send('GET', '/v1/alerts?accountId=runaway&type=strategy_paused')).json.items;
    expect(await alerts()).toMatchObject([
      { severity: 'CRITICAL', type: 'strategy_paused', clearedAt: null },
    ]);

    const enabled = await api.send('PATCH', '/v1/strategies/runaway', {
      accountId: 'runaway',
      enabled: true,
      reason: 'the loop is mended',
    });
    expect(enabled).toMatchObject({ status: 200, json: { enabled: true, disabledReason: null } });
    expect(await alerts()).toMatchObject([{ clearedAt: expect.any(String) as string }]);
    expect(await api.place('runaway', { ...of, ...INFY })).toMatchObject({ status: 'VALIDATED' });
    const kinds = await pipeline.sql<{ kind: string }>(
      `select kind from journal where account_id = 'runaway' and entity = 'runaway' and kind like 'Strategy%' order by seq`,
    );
    expect(kinds.map(({ kind }) => kind)).toEqual([
      'StrategyRegistered',
      'StrategyDisabled',
      'StrategyEnabled',
    ]);
  });

  it('REJECT_RATIO disables a strategy half of whose orders were refused', async () => {
    await api.open('rejects');
    await api.limits('rejects', { REJECT_RATIO_PAUSE: '0.5' });
    const of = { strategyId: 'hopeless' };
    for (let n = 0; n < 5; n++) await api.place('rejects', { ...of, quantity: n + 1 });
    for (let n = 0; n < 4; n++) await api.place('rejects', { ...of, stopLoss: '2460.00' });
    // 4 of 9, too few to judge, then 5 of 10.
    expect(await api.place('rejects', { ...of, stopLoss: '2460.00' })).toMatchObject({
      failedCheck: 'STOP_LOSS_REQUIRED',
    });
    expect(await api.place('rejects', { ...of, quantity: 9 })).toMatchObject({
      status: 'REJECTED',
      failedCheck: 'REJECT_RATIO',
      statusReason: '5 of 10 orders of hopeless in 300 s were rejected (50%); at 50% a person must look',
    });
    expect(await api.place('rejects', { strategyId: 'another' })).toMatchObject({ status: 'VALIDATED' });
  });

  it('a strategy that a person disables enters nothing and still exits; said twice is once', async () => {
    await api.open('disabled');
    await api.place('disabled', { strategyId: 'tired', quantity: 1 });
    const disable = () =>
      api.send('PATCH', '/v1/strategies/tired', { accountId: 'disabled', enabled: false, reason: 'a rest' });
    expect((await disable()).status).toBe(200);
    expect((await disable()).json).toMatchObject({ enabled: false, disabledReason: 'a rest' });
    const journaled = await pipeline.sql(
      `select 1 from journal where account_id = 'disabled' and kind = 'StrategyDisabled'`,
    );
    expect(journaled).toHaveLength(1);
    expect(await api.place('disabled', { strategyId: 'tired' })).toMatchObject({
      failedCheck: 'STRATEGY_ENABLED',
      statusReason: 'strategy tired is disabled (a rest): entries are refused until a person enables it',
    });
    const nobody = await api.send('PATCH', '/v1/strategies/nobody', {
      accountId: 'disabled',
      enabled: false,
      reason: 'a rest',
    });
    expect(nobody.status).toBe(404);
  });

  it("a strategy's own limits count its own orders, beside the account's", async () => {
    await api.open('own');
    await api.place('own', { strategyId: 'first' });
    await api.limits('own', { MAX_POSITIONS: 1 }, { strategyId: 'first' });
    const refused = await api.place('own', { strategyId: 'first', ...INFY });
    expect(refused.statusReason).toBe('would be position 2, over the limit of 1 (strategy first)');
    expect(await api.place('own', { strategyId: 'second', ...INFY })).toMatchObject({ status: 'VALIDATED' });
    await api.limits('own', { MAX_POSITIONS: 2 });
    const third = await api.place('own', {
      strategyId: 'second',
      symbol: 'TCS',
      price: '3120.00',
      stopLoss: '3100.00',
      takeProfit: '3200.00',
    });
    expect(third.statusReason).toBe('would be position 3, over the limit of 2');
  });

  it('MARKET_DATA refuses on a price that has just jumped, and takes it once it was read again', async () => {
    await api.open('jump');
    await api.limits('jump', { MAX_PRICE_JUMP_PCT: '0.05' });
    await pipeline.setPrices({ 'NSE:SBIN': '930.00' });
    await pipeline.readPrices(pipeline.parts);
    const sbin = { symbol: 'SBIN', price: '930.00', stopLoss: '920.00', takeProfit: '960.00' };
    expect(await api.place('jump', sbin)).toMatchObject({
      status: 'REJECTED',
      failedCheck: 'MARKET_DATA',
      statusReason: 'the price jumped from 875.00 to 930.00, by 6.2857%, over 5%',
    });
    await pipeline.readPrices(pipeline.parts);
    expect(await api.place('jump', sbin)).toMatchObject({ status: 'VALIDATED' });
  });

  describe('a preview', () => {
    const stored = async () => {
      const tables = await pipeline.sql<{ name: string }>(
        `select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'
          and table_name not in ('last_prices', 'broker_funds', 'leases', 'heartbeats') order by 1`,
      );
      const counts: Record<string, unknown> = {};
      for (const { name } of tables) {
        const [row] = await pipeline.sql(
          `select count(*)::int as rows, md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as content from ${name} t`,
        );
        counts[name] = row;
      }
      return counts;
    };

    it('stores nothing at all, also on an account whose day nobody has opened', async () => {
      await api.open('untouched');
      const before = await stored();
      const shown = await api.preview('untouched', { strategyId: 'unheard-of' });
      expect(shown.passes).toBe(true);
      await api.preview('untouched', { quantity: 100_000 });
      expect(await stored()).toEqual(before);
    });

    it('gives the verdicts that the order then gets, word for word', async () => {
      await api.open('agrees');
      await api.limits('agrees', { MAX_RISK_PER_TRADE: '0.02', MAX_POSITIONS: 1, MAX_ORDER_VALUE: '1x' });
      await api.place('agrees', INFY);
      for (const changes of [
        {},
        { quantity: 500 },
        { stopLoss: null, takeProfit: null },
        { ...SL, triggerPrice: '2400.00' },
        CNC_SALE,
      ]) {
        const shown = await api.preview('agrees', changes);
        const placed = await api.place('agrees', changes);
        expect(shown.checks).toEqual(await api.checksOf('agrees', placed.id));
        expect(shown.failedCheck).toBe(placed.failedCheck);
        expect(shown.reason).toBe(placed.statusReason);
        expect(() => previewSchema.strict().parse(shown)).not.toThrow();
      }
    });

    it('tells margin, charges, the loss at the stop and the reward, before and after charges', async () => {
      await api.open('figures');
      const shown = await api.preview('figures');
      expect(shown).toMatchObject({
        referencePrice: '2450.00',
        lastPrice: '2450.00',
        openingQuantity: 10,
        reducingQuantity: 0,
        worstCaseQuantity: 10,
        value: '24500.00',
        margin: '4900.00',
        availableFunds: '100000.00',
        riskCapital: '100000.00',
        worstLoss: '200.00',
        reward: '410.00',
        riskReward: '2.05',
      });
      // Both ways: brokerage of 0.03%, and STT on the sale alone.
      expect(Number(shown.charges)).toBeCloseTo(10.33, 1);
      expect(Number(shown.netWorstLoss)).toBeGreaterThan(200 + 2 * 7.29 + 6.07);
      expect(Number(shown.netReward)).toBeLessThan(410 - 2 * 7.35 - 6.1);
      expect(Number(shown.netRiskReward)).toBeCloseTo(
        Number(shown.netReward) / Number(shown.netWorstLoss),
        3,
      );
    });

    it.each([
      [
        { MAX_RISK_PER_TRADE: '0.02' },
        {},
        100,
        'RISK_PER_TRADE',
        'risk 2,020.00 is over the limit 2,000.00 (2% of 100,000.00)',
      ],
      [
        { MAX_ORDER_VALUE: '1x' },
        {},
        40,
        'ORDER_VALUE',
        'value 100,450.00 is over the limit of 100,000.00 an order',
      ],
      [
        { MAX_QUANTITY_PER_ORDER: 1 },
        {},
        1,
        'QUANTITY_LIMITS',
        'quantity 2 is over the limit of 1 per order',
      ],
      [{}, { stopLoss: null }, 0, 'STOP_LOSS_REQUIRED', 'an entry needs a stopLoss'],
    ] as const)(
      'with %o of %o names %i as the largest quantity, bound by %s; that one passes and one more does not',
      async (limits, changes, quantity, limitedBy, message) => {
        const accountId = `largest_${quantity}`;
        await api.open(accountId);
        if (Object.keys(limits).length > 0) await api.limits(accountId, limits);
        const shown = await api.preview(accountId, changes);
        expect(shown.largestQuantity).toEqual({ quantity, limitedBy, message });
        if (quantity === 0) return;
        expect((await api.preview(accountId, { ...changes, quantity })).passes).toBe(true);
        expect((await api.preview(accountId, { ...changes, quantity: quantity + 1 })).failedCheck).toBe(
          limitedBy,
        );
      },
    );

    it('steps over a quantity that would be a duplicate', async () => {
      await api.open('twin');
      await api.limits('twin', { MAX_QUANTITY_PER_ORDER: 10, DUPLICATE_WINDOW_MS: 3_600_000 });
      await api.place('twin');
      const shown = await api.preview('twin', { quantity: 3 });
      expect(shown.largestQuantity).toMatchObject({ quantity: 9, limitedBy: 'DUPLICATE_ORDER' });
      expect((await api.preview('twin', { quantity: 10 })).failedCheck).toBe('DUPLICATE_ORDER');
    });

    it('of a reduceOnly order names the most that only reduces', async () => {
      await api.open('reduces');
      const shown = await api.preview('reduces', {
        side: 'SELL',
        reduceOnly: true,
        stopLoss: null,
        takeProfit: null,
      });
      expect(shown).toMatchObject({
        passes: false,
        failedCheck: 'STOP_LOSS_REQUIRED',
        largestQuantity: { quantity: 0 },
      });
      expect(shown.checks).toContainEqual({
        check: 'REDUCE_ONLY',
        verdict: 'FAIL',
        value: '10',
        limit: '0',
        message: 'there is no position left to reduce',
      });
    });

    it('refuses what an order would be refused for at once, with the same fields', async () => {
      const bad = api.orderOf('figures', { price: '2450.03', quantity: 0 });
      const shown = await api.send('POST', '/v1/orders/preview', bad);
      const placed = await api.send('POST', '/v1/orders', { ...bad, clientOrderId: 'bad' });
      expect(shown.status).toBe(422);
      expect(shown.json).toEqual(placed.json);
      const unknown = await api.send(
        'POST',
        '/v1/orders/preview',
        api.orderOf('figures', { symbol: 'NOBODY' }),
      );
      expect(unknown.json.errors).toMatchObject([{ pointer: '/symbol', code: 'UNKNOWN_SYMBOL' }]);
    });

    it('needs a trader', async () => {
      const { json } = await api.send('POST', '/v1/tokens', { name: 'watcher', role: 'viewer' });
      const app = createApi({
        context: pipeline.parts.context,
        adminToken: ADMIN_TOKEN,
        rateLimitPerMinute: 0,
        version: '0.0.0-test',
        probes: [],
        allowPricePush: true,
        events: feedOf(pipeline.parts.context),
        queues: pipeline.parts.queues,
      });
      const answer = await app.request('/v1/orders/preview', {
        method: 'POST',
        headers: { authorization: `Bearer ${json.token}`, 'content-type': 'application/json' },
        body: JSON.stringify(api.orderOf('figures', {})),
      });
      expect(answer.status).toBe(403);
    });
  });

  it('leaves every invariant standing', async () => {
    await expectInvariants(pipeline.sql);
  });
});

describe('the clock', () => {
  let pipeline: Pipeline;
  const api = apiOf(() => pipeline);
  const moveTo = (instant: string) =>
    pipeline.sql(
      `insert into sauda.clock_offset (shift) values ($1::timestamptz - clock_timestamp())
        on conflict (id) do update set shift = excluded.shift`,
      [instant],
    );

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend: 'postgres',
      roles: [],
      environment: { ...OFF, MARKET_HOURS: 'exchange', MARKET_HOLIDAYS: '2031-01-09', MAX_ORDER_AGE_MS: '0' },
    });
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  /** Accepted and checked at an instant: nothing else looks meanwhile. */
  const judged = async (instant: string, changes: Fields = {}) => {
    await moveTo(instant);
    const answer = await api.send('POST', '/v1/orders', {
      clientOrderId: `${instant.replaceAll(/[^0-9]/g, '')}-${Object.keys(changes).join('-')}`,
      ...api.orderOf('main', changes),
    });
    expect(answer.status, JSON.stringify(answer.json)).toBe(202);
    await pipeline.parts.context.funds.refresh('main', 0);
    await validateOrder(pipeline.parts.context, { accountId: 'main', orderId: answer.json.id });
    return (await api.send('GET', `/v1/orders/${answer.json.id}`)).json;
  };

  it('SESSION takes a regular order in the hours of the exchange alone', async () => {
    expect(await judged('2031-01-08T09:00:00+05:30')).toMatchObject({ status: 'VALIDATED' });
    expect(await judged('2031-01-08T08:59:00+05:30')).toMatchObject({
      status: 'REJECTED',
      failedCheck: 'SESSION',
      statusReason: 'NSE trades from 09:00 to 15:30 and it is 08:59',
    });
    expect(await judged('2031-01-09T11:00:00+05:30')).toMatchObject({
      failedCheck: 'SESSION',
      statusReason: 'NSE does not trade today and it is 11:00',
    });
    expect(await judged('2031-01-08T14:55:00+05:30')).toMatchObject({ status: 'VALIDATED' });
    expect(await judged('2031-01-08T14:56:00+05:30')).toMatchObject({
      failedCheck: 'SESSION',
      statusReason: 'it is 14:56 and the last MIS entry on NSE is at 14:55',
    });
    expect(await judged('2031-01-08T17:00:00+05:30', { variety: 'amo' })).toMatchObject({
      status: 'VALIDATED',
    });
  });

  it('ends a limit at the instant at which it expires', async () => {
    await moveTo('2031-01-08T10:00:00+05:30');
    await api.limits('main', { MAX_QUANTITY_PER_ORDER: 5 }, { expiresAt: '2031-01-08T11:00:00+05:30' });
    expect(await judged('2031-01-08T10:59:00+05:30')).toMatchObject({
      failedCheck: 'QUANTITY_LIMITS',
      statusReason: 'quantity 10 is over the limit of 5 per order',
    });
    expect(await judged('2031-01-08T11:00:00+05:30')).toMatchObject({ status: 'VALIDATED' });
    const { json } = await api.send('GET', '/v1/limits');
    expect(json).toMatchObject({
      limits: { MAX_QUANTITY_PER_ORDER: '10000' },
      account: { MAX_QUANTITY_PER_ORDER: { value: '5', inForce: false } },
    });
  });
});
