import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseHoldings } from '../../../src/broker/kite/rows.ts';
import type { BrokerHolding, BrokerPort, BrokerPosition } from '../../../src/broker/port.ts';
import { decimal } from '../../../src/domain/money.ts';
import { approveDifference } from '../../../src/services/approve-difference.ts';
import { adjustPosition } from '../../../src/services/adjust-position.ts';
import type { Context } from '../../../src/services/context.ts';
import { reconcileAccount } from '../../../src/services/reconcile-account.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';

const ACCOUNTS = ['split', 'guarded', 'bonus', 'sold', 'moved', 'emptied', 'gift'];

/** Delivery that was bought on other days; what the broker holds of it is the test's word. */
onEachBackend((backend) => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend,
      // Without the dispatcher, which makes runs of its own when one is overdue.
      roles: ['validator', 'submitter', 'fillPoller', 'marketData'],
      accounts: ['main', ...ACCOUNTS],
    });
  });
  afterAll(async () => {
    try {
      await expectInvariants(pipeline.sql);
    } finally {
      await pipeline.stop();
    }
  });

  const held = (symbol: string, openingQuantity: number): BrokerHolding => ({
    ...{ exchange: 'NSE', tradingsymbol: symbol, openingQuantity },
  });
  const bought = (symbol: string, quantity: number): BrokerPosition => ({
    ...{ exchange: 'NSE', tradingsymbol: symbol, instrumentToken: 1, product: 'CNC', quantity },
    ...{ overnightQuantity: 0, averagePrice: decimal('100'), raw: {} },
  });
  /** A broker that holds this; its order book is the exchange's. */
  const holding = (holdings: readonly BrokerHolding[], net: readonly BrokerPosition[] = []): Context => {
    const { context } = pipeline.parts;
    const change: Partial<BrokerPort> = {
      getPositions: () => Promise.resolve({ net, day: net }),
      getHoldings: () => Promise.resolve(holdings),
    };
    return {
      ...context,
      broker: (account) => Object.assign(Object.create(context.broker(account)) as BrokerPort, change),
    };
  };
  const run = async (accountId: string, context: Context) => {
    const done = await reconcileAccount(context, accountId, { startedBy: 'test' });
    if (done === null) throw new Error('another run was under way');
    return done;
  };
  /** Shares of days before, at 100 rupees: as if bought outside. */
  const own = async (accountId: string, quantity: number): Promise<void> => {
    const instrument = await pipeline.parts.context.instruments.find('NSE', 'TCS');
    if (instrument === null) throw new Error('TCS is not listed');
    const done = await adjustPosition(pipeline.parts.context, {
      ...{ accountId, actor: 'test', instrument, product: 'CNC', quantity, price: decimal('100') },
      ...{ reason: 'an opening balance', evidence: {}, onlyFrom: null },
    });
    expect(done.ok).toBe(true);
  };
  const approve = (accountId: string, runId: string, context: Context) =>
    approveDifference(context, {
      ...{ accountId, actor: 'api:priya', runId, index: 0, price: null, reason: 'the exchange announced it' },
    });
  const positionsOf = (account: string) =>
    pipeline.sql<{ managedBy: string; quantity: number; cost: string; realized: string; low: string }>(
      `select managed_by as "managedBy", quantity, open_value::float8::text as cost, realized_pnl::float8::text as realized,
         lowest_price::float8::text as low
       from positions where account_id = $1 and status = 'OPEN' order by 1`,
      [account],
    );

  it('a split 1:2 is proposed by the second run; approved, every owner holds twice as many at the same cost', async () => {
    const order = await pipeline.place({
      account: 'split',
      product: 'CNC',
      strategyId: 'alpha',
      symbol: 'RELIANCE',
    });
    await pipeline.waitForStatus(order, 'FILLED');
    const net = (quantity: number): BrokerPosition[] => [{ ...bought('RELIANCE', quantity) }];
    await run('split', holding([], net(10)));
    // The trade is old enough for its figures to be a measure.
    await pipeline.sql(`update trades set traded_at = traded_at - interval '1 minute', recorded_at = recorded_at - interval '1 minute'
      where account_id = 'split'`);
    expect(await run('split', holding([], net(10)))).toMatchObject({ status: 'CLEAN' });
    const seen = await run('split', holding([held('RELIANCE', 20)], net(0)));
    expect(seen.differences).toMatchObject([
      { ours: 10, brokers: 20, cause: 'CORPORATE_ACTION', state: 'SEEN' },
    ]);
    const found = await run('split', holding([held('RELIANCE', 20)], net(0)));
    expect(found.differences).toMatchObject([{ brokers: 20, cause: 'CORPORATE_ACTION', state: 'PROPOSED' }]);
    const approved = await approve('split', found.id, holding([held('RELIANCE', 20)], net(0)));
    expect(approved).toMatchObject({ ok: true, value: { differences: [{ state: 'APPROVED' }] } });
    expect(await positionsOf('split')).toEqual([
      { managedBy: 'OMS', quantity: 20, cost: '24500', realized: '0', low: '2450' },
    ]);
    const [strategy] = await pipeline.sql(
      `select quantity, open_value::float8::text as cost from strategy_positions where account_id = 'split'`,
    );
    expect(strategy).toEqual({ quantity: 20, cost: '24500' });
    expect(await run('split', holding([held('RELIANCE', 20)], net(0)))).toMatchObject({ status: 'CLEAN' });
    await pipeline.sql(`update trades set traded_at = traded_at + interval '1 minute', recorded_at = recorded_at + interval '1 minute'
      where account_id = 'split'`);
  });

  it('H.1.b a split 1:2 divides the stop of what is protected with its price', async () => {
    const order = await pipeline.place({
      ...{ account: 'guarded', product: 'CNC', symbol: 'RELIANCE', protection: 'oms' },
      ...{ price: '2450.10', stopLoss: '2430.50', takeProfit: null },
    });
    await pipeline.waitForStatus(order, 'FILLED');
    const own = (quantity: number): BrokerPosition[] => [bought('RELIANCE', quantity)];
    const before = holding([], own(10));
    await run('guarded', before);
    await pipeline.sql(`update trades set traded_at = traded_at - interval '1 minute', recorded_at = recorded_at - interval '1 minute'
      where account_id = 'guarded'`);
    await run('guarded', before);
    const after = holding([held('RELIANCE', 20)], own(0));
    await run('guarded', after);
    const found = await run('guarded', after);
    expect(await approve('guarded', found.id, after)).toMatchObject({ ok: true });
    const groups = await pipeline.sql(
      `select stop_loss::float8 as stop, next_look_at <= clock_timestamp() as due
       from protection_groups where account_id = 'guarded' and ended_at is null`,
    );
    // Half a tick is rounded away from the price: 1215.25 on a tick of 0.10.
    expect(groups).toEqual([{ stop: 1215.2, due: true }]);
    const [moved] = await pipeline.sql(
      `select data::jsonb ->> 'stopLoss' as stop from journal where account_id = 'guarded' and kind = 'ProtectionMoved'`,
    );
    expect(moved).toEqual({ stop: '1215.2' });
    await pipeline.sql(`update trades set traded_at = traded_at + interval '1 minute', recorded_at = recorded_at + interval '1 minute'
      where account_id = 'guarded'`);
  });

  it('a bonus 1:2 beside shares that were there before us multiplies ours alone', async () => {
    await own('bonus', 10);
    expect(await run('bonus', holding([held('TCS', 250)]))).toMatchObject({ status: 'CLEAN' });
    const bonus = holding([held('TCS', 375)]);
    await run('bonus', bonus);
    const found = await run('bonus', bonus);
    expect(found.differences).toMatchObject([
      { ours: 10, brokers: 15, cause: 'CORPORATE_ACTION', state: 'PROPOSED' },
    ]);
    expect(await approve('bonus', found.id, bonus)).toMatchObject({ ok: true });
    expect(await positionsOf('bonus')).toMatchObject([
      { managedBy: 'EXTERNAL', quantity: 15, cost: '1000', low: '100' },
    ]);
    expect(await run('bonus', bonus)).toMatchObject({ status: 'CLEAN' });
  });

  it('half of the shares, gone without a trade, are no corporate action', async () => {
    await own('sold', 10);
    await run('sold', holding([held('TCS', 10)]));
    await run('sold', holding([held('TCS', 5)]));
    const found = await run('sold', holding([held('TCS', 5)]));
    expect(found.differences).toMatchObject([{ ours: 10, brokers: 5, cause: 'UNKNOWN', state: 'PROPOSED' }]);
  });

  it('more shares by no small ratio are a difference of unknown cause, of as many as came', async () => {
    await own('gift', 10);
    await run('gift', holding([held('TCS', 250)]));
    await run('gift', holding([held('TCS', 263)]));
    const found = await run('gift', holding([held('TCS', 263)]));
    expect(found.differences).toMatchObject([{ ours: 10, brokers: 23, cause: 'UNKNOWN', state: 'PROPOSED' }]);
  });

  it('shares that are bought today and settle tomorrow are explained: T1 counts as held', async () => {
    await own('moved', 10);
    await run('moved', holding([], [bought('TCS', 10)]));
    const t1 = parseHoldings([
      ...[{ exchange: 'NSE', tradingsymbol: 'TCS', quantity: 0, used_quantity: 0, t1_quantity: 10 }],
    ]);
    const found = await run('moved', holding(t1));
    expect(found.differences).toMatchObject([
      { ours: 10, brokers: 10, cause: 'T_PLUS_ONE', state: 'EXPLAINED' },
    ]);
    expect(await run('moved', holding(t1))).toMatchObject({ status: 'CLEAN' });
    expect(await run('moved', holding([held('TCS', 10)]))).toMatchObject({ status: 'CLEAN' });
    const told = await pipeline.sql(
      `select id from alerts where account_id = 'moved' and type = 'reconciliation_difference'`,
    );
    expect(told).toEqual([]);
  });

  it('an empty list of holdings counts when two runs saw it, and ends nothing by itself', async () => {
    await own('emptied', 10);
    await run('emptied', holding([held('TCS', 10)]));
    expect((await run('emptied', holding([]))).differences).toMatchObject([{ brokers: 0, state: 'SEEN' }]);
    expect(await run('emptied', holding([held('TCS', 10)]))).toMatchObject({ status: 'CLEAN' });
    await run('emptied', holding([]));
    expect((await run('emptied', holding([]))).differences).toMatchObject([
      { brokers: 0, state: 'PROPOSED' },
    ]);
    expect(await positionsOf('emptied')).toMatchObject([{ quantity: 10 }]);
  });
});
