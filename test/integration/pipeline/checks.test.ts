import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckResult } from '../../../src/risk/check.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import {
  EXIT,
  MARKET,
  type OrderFields,
  RESTING,
  shareEntry,
  SHARES,
} from '../../support/pipeline/requests.ts';

const BRIEF = [
  'CIRCUIT_BREAKER',
  'BALANCE',
  'POSITION_LIMIT',
  'RISK_PER_TRADE',
  'DAILY_LOSS',
  'STOP_LOSS_REQUIRED',
  'RISK_REWARD',
  'PRICE_SANITY',
  'QUANTITY_LIMITS',
  'ORDER_TO_POSITION_RATIO',
];

/** The worked example, bent in one place each: BUY 10 RELIANCE at 2450.00, stop 2430.00, target 2491.00. */
const REFUSED: readonly (readonly [
  account: string,
  check: string,
  fields: OrderFields,
  value: string | null,
  limit: string | null,
])[] = [
  // 300 x 20% margin = 147,000 and charges, against 100,000.
  ['funds', 'BALANCE', { quantity: 300, stopLoss: '2449.00', takeProfit: '2453.00' }, null, null],
  // 10 x 210.00 = 2,100.00, over 2% of 100,000.00.
  ['risk', 'RISK_PER_TRADE', { stopLoss: '2240.00', takeProfit: '2900.00' }, '2100', '2000'],
  ['nostop', 'STOP_LOSS_REQUIRED', { stopLoss: null }, null, null],
  ['wrongside', 'STOP_LOSS_REQUIRED', { stopLoss: '2460.00' }, null, null],
  // 39.90 / 20.00 = 1.995.
  ['reward', 'RISK_REWARD', { takeProfit: '2489.90' }, '1.995', '2'],
  // 12.2% over the last price of 2450.00.
  ['price', 'PRICE_SANITY', { price: '2750.00', stopLoss: '2740.00', takeProfit: '2780.00' }, null, null],
  ['quantity', 'QUANTITY_LIMITS', { quantity: 1001, stopLoss: '2449.00', takeProfit: '2453.00' }, null, null],
];

onEachBackend((backend) => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend,
      accounts: ['main', 'positions', 'ratio', 'loss', 'halted', ...REFUSED.map(([account]) => account)],
      exchange: { openingFunds: '100000', volumeCap: 0 },
      environment: {
        ACCOUNT_BALANCE: '100000',
        MAX_POSITIONS: '5',
        MAX_RISK_PER_TRADE: '0.02',
        MAX_DAILY_LOSS: '0.06',
        MAX_ORDER_TO_POSITION_RATIO: '3',
        MAX_ORDER_VALUE: '4x',
      },
    });
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  const checksOf = async (orderId: string): Promise<Map<string, CheckResult>> => {
    const [row] = await pipeline.sql<{ results: CheckResult[] }>(
      'select results from order_checks where order_id = $1',
      [orderId],
    );
    return new Map(row?.results.map((result) => [result.check, result]));
  };
  const refused = async (account: string, fields: OrderFields): Promise<Map<string, CheckResult>> => {
    const placed = await pipeline.place({ account, ...fields });
    const row = await pipeline.waitForStatus(placed, 'REJECTED');
    expect(row).toMatchObject({ rejectedBy: 'OMS', attempt: 0, brokerOrderId: null });
    return checksOf(placed.id);
  };

  describe('validation', () => {
    it('passes the worked example by all ten checks, their results stored in their order', async () => {
      const placed = await pipeline.place();
      await pipeline.waitForStatus(placed, 'FILLED');
      const checks = await checksOf(placed.id);
      expect([...checks.keys()].slice(0, BRIEF.length)).toEqual(BRIEF);
      for (const name of BRIEF) expect(checks.get(name), name).toMatchObject({ verdict: 'PASS' });
      expect(checks.get('RISK_PER_TRADE')).toMatchObject({ value: '200', limit: '2000' });
      expect(checks.get('RISK_REWARD')).toMatchObject({ value: '2.05', limit: '2' });
      expect(checks.get('POSITION_LIMIT')).toMatchObject({ value: '1', limit: '5' });
    });

    it.each(REFUSED)(
      'refuses on account %s by %s, and the broker never hears of it',
      async (account, check, fields, value, limit) => {
        const checks = await refused(account, fields);
        expect(checks.get(check)).toMatchObject({
          verdict: 'FAIL',
          ...(value === null ? {} : { value }),
          ...(limit === null ? {} : { limit }),
        });
        expect([...checks.keys()]).toEqual(expect.arrayContaining(BRIEF));
        expect((await pipeline.book(account)).orders).toEqual([]);
      },
    );

    it('refuses the sixth position by POSITION_LIMIT and lets an open one grow', async () => {
      for (const [symbol, price] of SHARES.slice(0, 5)) {
        const placed = await pipeline.place({
          account: 'positions',
          ...shareEntry(symbol, price, { quantity: 2 }),
        });
        await pipeline.waitForStatus(placed, 'FILLED');
      }
      const sixth = shareEntry(...SHARES[5], { quantity: 2 });
      expect((await refused('positions', sixth)).get('POSITION_LIMIT')).toMatchObject({
        verdict: 'FAIL',
        value: '6',
        limit: '5',
      });
      const added = await pipeline.place({
        account: 'positions',
        ...shareEntry(...SHARES[0], { quantity: 1 }),
      });
      await pipeline.waitForStatus(added, 'FILLED');
    });

    it('refuses the fourth waiting entry of one share by ORDER_TO_POSITION_RATIO', async () => {
      for (const quantity of [1, 2, 3]) {
        await pipeline.waitForStatus(
          await pipeline.place({ account: 'ratio', ...RESTING, quantity }),
          'OPEN',
        );
      }
      expect(
        (await refused('ratio', { ...RESTING, quantity: 4 })).get('ORDER_TO_POSITION_RATIO'),
      ).toMatchObject({
        verdict: 'FAIL',
        value: '4',
        limit: '3',
      });
    });

    it('refuses entries by DAILY_LOSS once 6% of the opening equity is lost, and still lets exits go', async () => {
      const bought = await pipeline.place({
        account: 'loss',
        symbol: 'TCS',
        price: '3120.00',
        quantity: 110,
        stopLoss: '3105.00',
        takeProfit: '3160.00',
      });
      await pipeline.waitForStatus(bought, 'FILLED');
      await pipeline.setPrices({ 'NSE:TCS': '3064.00' });
      const sold = await pipeline.place({
        account: 'loss',
        ...EXIT,
        ...MARKET,
        symbol: 'TCS',
        quantity: 109,
      });
      await pipeline.waitForStatus(sold, 'FILLED');
      expect(
        (
          await refused('loss', {
            symbol: 'TCS',
            price: '3064.00',
            stopLoss: '3060.00',
            takeProfit: '3080.00',
          })
        ).get('DAILY_LOSS'),
      ).toMatchObject({
        verdict: 'FAIL',
      });
      const last = await pipeline.place({ account: 'loss', ...EXIT, ...MARKET, symbol: 'TCS', quantity: 1 });
      await pipeline.waitForStatus(last, 'FILLED');
    });

    it('refuses entries by CIRCUIT_BREAKER while the account is halted', async () => {
      await pipeline.sql(
        `update accounts set trading_state = 'HALTED', halt_id = gen_random_uuid(), trading_state_reason = 'drill' where id = 'halted'`,
      );
      const check = (await refused('halted', {})).get('CIRCUIT_BREAKER');
      expect(check).toMatchObject({ verdict: 'FAIL', message: expect.stringContaining('drill') as string });
    });
  });

  it('leaves every invariant standing', async () => {
    await expectInvariants(pipeline.sql, { atRest: true });
  });
});
