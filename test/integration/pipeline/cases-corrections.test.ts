/** Trades that are not what they were, and orders with a part of a fill: controls.md J.1.a, J.1.b, I.1.b. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import { reconcileAccount } from '../../../src/services/reconcile-account.ts';
import { control } from '../../support/pipeline/book.ts';
import { fillPart } from '../../support/pipeline/commands.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { EXIT, type OrderFields, RESTING } from '../../support/pipeline/requests.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually, waitFor } from '../../support/wait.ts';

const ACCOUNTS = ['busted', 'priced', 'late', 'glitch', 'outsider', 'protected', 'ioc', 'nothing'];
const NO_TICKS = { tickIntervalMs: 3_600_000, fillDelayMs: 0 };

onEachBackend((backend) => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend,
      disturbed: true,
      exchange: NO_TICKS,
      accounts: ['main', ...ACCOUNTS],
    });
  });
  afterAll(async () => {
    await pipeline.stop();
  });
  beforeEach(async () => {
    await pipeline.clearFaults();
    await pipeline.changeSettings({ transitMs: 0, volumeCap: 0 });
  });

  const everythingAddsUp = async (): Promise<void> => {
    await eventually(() => expectInvariants(pipeline.sql), { what: 'every invariant' });
    expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
  };
  const bought = async (account: string, fields: OrderFields = {}): Promise<OrderRow> =>
    pipeline.waitForStatus(await pipeline.place({ account, ...fields }), 'FILLED');
  const becomes = (order: Pick<OrderRow, 'id'>, wanted: object): Promise<OrderRow> =>
    eventually(
      async () => {
        const row = await pipeline.order(order.id);
        expect(row).toMatchObject(wanted);
        return row;
      },
      { what: `order ${order.id} to be ${JSON.stringify(wanted)}` },
    );
  const tradesOf = async (account: string): Promise<string[]> =>
    (await pipeline.book(account)).trades.map((trade) => trade.trade_id);
  const position = async (account: string) =>
    (
      await pipeline.sql<{ quantity: number; value: string; realized: string; charges: string }>(
        `select quantity, open_value::float8 as value, realized_pnl::float8 as realized, charges::float8 as charges
         from positions where account_id = $1 and managed_by = 'OMS' order by cycle desc limit 1`,
        [account],
      )
    )[0];
  const alertsOf = async (account: string): Promise<string[]> =>
    (
      await pipeline.sql<{ severity: string; type: string }>(
        'select severity, type from alerts where account_id = $1 order by at, id',
        [account],
      )
    ).map(({ severity, type }) => `${severity} ${type}`);
  /** One whole comparison with the tradebook, begun now: when the next one is due is the machine's to say. */
  const lookAtTrades = (account: string) =>
    waitFor(() => reconcileAccount(pipeline.parts.context, account, { startedBy: 'test' }), {
      what: `a reconciliation of ${account}`,
    });
  /** Rests, and is filled in two parts. */
  const filledInParts = async (account: string, first: number): Promise<OrderRow> => {
    const order = await pipeline.waitForStatus(await pipeline.place({ account, ...RESTING }), 'OPEN');
    await fillPart(pipeline, first);
    await becomes(order, { filledQuantity: first });
    await fillPart(pipeline, 0);
    return pipeline.waitForStatus(order, 'FILLED');
  };

  it('J.1.a a bust of a filled order brings it back: filled sums, average and P&L are told again, then it is cancelled', async () => {
    const order = await filledInParts('busted', 4);
    const before = await position('busted');
    expect(before).toMatchObject({ quantity: 10, value: 23_000 });
    const [first] = await tradesOf('busted');
    await outsideOf(pipeline, 'busted').bustTrade(first ?? '');

    const back = await becomes(order, { status: 'PARTIALLY_FILLED', filledQuantity: 6, finishedAt: null });
    expect(back.filledValue.toFixed()).toBe('13800');
    expect(await position('busted')).toMatchObject({ quantity: 6, value: 13_800 });
    expect(await alertsOf('busted')).toEqual(['CRITICAL trade_corrected']);
    const entries = await pipeline.sql(
      `select kind, quantity, counterpart is not null as takes_back from position_entries
       where account_id = 'busted' order by recorded_at, id`,
    );
    expect(entries).toEqual([
      { kind: 'TRADE', quantity: 4, takes_back: false },
      { kind: 'TRADE', quantity: 6, takes_back: false },
      { kind: 'CORRECTION', quantity: -4, takes_back: true },
    ]);
    const seen = await pipeline.sql<{ searched: Record<string, boolean> }>(
      `select searched from broker_reads where account_id = 'busted' and kind = 'CORRECTIONS'`,
    );
    expect(seen.length).toBeGreaterThanOrEqual(2);
    await everythingAddsUp();

    await outsideOf(pipeline, 'busted').cancel(order.brokerOrderId ?? '');
    await becomes(order, { status: 'CANCELLED', filledQuantity: 6 });
    await everythingAddsUp();
  });

  it('J.1.a a corrected price changes value and average, and the order stays filled', async () => {
    const order = await filledInParts('priced', 4);
    const exit = await pipeline.waitForStatus(
      await pipeline.place({ account: 'priced', ...EXIT, price: '2440.00', quantity: 5 }),
      'FILLED',
    );
    const sold = exit.filledValue;
    const [first] = await tradesOf('priced');
    await outsideOf(pipeline, 'priced').correctTrade(first ?? '', 4, '2310.00');

    const corrected = await eventually(
      async () => {
        const row = await pipeline.order(order.id);
        expect(row.filledValue.toFixed()).toBe('23040');
        return row;
      },
      { what: 'the corrected value' },
    );
    expect(corrected).toMatchObject({ status: 'FILLED', filledQuantity: 10, corrections: 1 });
    // Average 2304: the half that was sold cost 11,520.
    const now = await position('priced');
    expect(now).toMatchObject({ quantity: 5, value: 11_520 });
    expect(now?.realized).toBe(sold.minus(11_520).toNumber());
    await everythingAddsUp();
  });

  it('J.1.b a bust of a cancelled order and a new execution change its fills, and the position follows', async () => {
    const order = await pipeline.waitForStatus(await pipeline.place({ account: 'late', ...RESTING }), 'OPEN');
    await fillPart(pipeline, 4);
    await becomes(order, { filledQuantity: 4 });
    await outsideOf(pipeline, 'late').cancel(order.brokerOrderId ?? '');
    await becomes(order, { status: 'CANCELLED', filledQuantity: 4 });

    const [first] = await tradesOf('late');
    await outsideOf(pipeline, 'late').bustTrade(first ?? '');
    await becomes(order, { status: 'CANCELLED', filledQuantity: 0 });
    expect(await position('late')).toBeUndefined();
    await outsideOf(pipeline, 'late').execute(order.brokerOrderId ?? '', 3, '2299.00');
    const after = await becomes(order, { status: 'CANCELLED', filledQuantity: 3 });
    expect(after.filledValue.toFixed()).toBe('6897');
    expect(await position('late')).toMatchObject({ quantity: 3, value: 6897 });
    expect(await alertsOf('late')).toEqual([
      'WARNING outside_cancel',
      'CRITICAL trade_corrected',
      'CRITICAL late_trade',
    ]);
    await everythingAddsUp();
  });

  it('J a bust leaves no exit that is larger than what is left', async () => {
    await filledInParts('protected', 4);
    const stop = await pipeline.waitForStatus(
      await pipeline.place({
        account: 'protected',
        ...EXIT,
        ...{ role: 'STOP', orderType: 'SL', triggerPrice: '2280.00', price: '2275.00' },
      }),
      'OPEN',
    );
    const [first] = await tradesOf('protected');
    await outsideOf(pipeline, 'protected').bustTrade(first ?? '');
    await becomes(stop, { status: 'OPEN', quantity: 6 });
    await everythingAddsUp();
  });

  it('J a tradebook that is cut short is no bust, however often it is', async () => {
    const order = await bought('glitch');
    await pipeline.addFault({ call: 'trades', user: 'glitch', kind: 'emptyList', count: 4 });
    await eventually(
      async () => {
        await lookAtTrades('glitch');
        expect((await control(pipeline.exchange, 'GET', '/state'))['faults']).toEqual([]);
      },
      { what: 'four looks at an empty tradebook' },
    );
    // A look after the last empty one: what that one held has been dealt with.
    await lookAtTrades('glitch');
    expect(await pipeline.order(order.id)).toMatchObject({ status: 'FILLED', corrections: 0 });
    expect(await alertsOf('glitch')).toEqual([]);
  });

  it('J an outside trade that was busted gives back what it took from us', async () => {
    await bought('outsider');
    await outsideOf(pipeline, 'outsider').place({ side: 'SELL', quantity: 15 });
    const open = () =>
      pipeline.sql(
        `select managed_by, quantity from positions where account_id = 'outsider' and status = 'OPEN'`,
      );
    await eventually(async () => expect(await open()).toEqual([{ managed_by: 'EXTERNAL', quantity: -5 }]), {
      what: 'the outside sale',
    });
    const [, sale] = await tradesOf('outsider');
    await outsideOf(pipeline, 'outsider').bustTrade(sale ?? '');
    await eventually(async () => expect(await open()).toEqual([{ managed_by: 'OMS', quantity: 10 }]), {
      what: 'our position again',
    });
    await everythingAddsUp();
  });

  describe('an order that fills at once or not at all', () => {
    it('I.1.b with a part of a fill is CANCELLED with what it has: no rejection, no news, nothing sent again', async () => {
      await pipeline.changeSettings({ volumeCap: 4 });
      const order = await pipeline.place({ account: 'ioc', validity: 'IOC' });
      const ended = await pipeline.waitForStatus(order, 'CANCELLED');
      expect(ended).toMatchObject({ filledQuantity: 4, rejectedBy: null, attempt: 1 });
      expect(await alertsOf('ioc')).toEqual([]);
      expect((await pipeline.book('ioc')).orders).toHaveLength(1);
      expect(await position('ioc')).toMatchObject({ quantity: 4 });
    });

    it('I.1.b without a match is CANCELLED with nothing', async () => {
      const order = await pipeline.place({ account: 'nothing', ...RESTING, validity: 'IOC' });
      const ended = await pipeline.waitForStatus(order, 'CANCELLED');
      expect(ended).toMatchObject({ filledQuantity: 0, rejectedBy: null, attempt: 1 });
      expect(await alertsOf('nothing')).toEqual([]);
      await everythingAddsUp();
    });
  });
});
