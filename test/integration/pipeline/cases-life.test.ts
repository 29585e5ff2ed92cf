/** The plain life of an order, twins given by hand, halts of an instrument, and the broker's odd rows: A.1.a, F.1.c, K.1.a. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import { averageFillPrice } from '../../../src/domain/order.ts';
import { changeLimits } from '../../../src/services/change-limits.ts';
import { pollWith } from '../../support/pipeline/books.ts';
import { fillPart } from '../../support/pipeline/commands.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { EXIT, MARKET, type OrderFields, RESTING } from '../../support/pipeline/requests.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually, waitFor } from '../../support/wait.ts';

const ACCOUNTS = ['vanilla', 'byhand', 'halted', 'echo', 'sums', 'words'];
const STRATEGY = { strategyId: 'momentum' } as const;

onEachBackend((backend) => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      ...{ backend, disturbed: true, accounts: ['main', ...ACCOUNTS] },
      exchange: { tickIntervalMs: 3_600_000 },
      // Longer than any test: how soon the book is read does not decide.
      environment: { DUPLICATE_WINDOW_MS: '3600000' },
    });
  });
  afterAll(async () => {
    try {
      await eventually(() => expectInvariants(pipeline.sql), { what: 'every invariant' });
      expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
    } finally {
      await pipeline.stop();
    }
  });

  const open = async (account: string, fields: OrderFields = {}): Promise<OrderRow> =>
    pipeline.waitForStatus(await pipeline.place({ account, ...RESTING, ...fields }), 'OPEN');
  const becomes = (order: Pick<OrderRow, 'id'>, wanted: object): Promise<OrderRow> =>
    eventually(
      async () => {
        const row = await pipeline.order(order.id);
        expect(row).toMatchObject(wanted);
        return row;
      },
      { what: `order ${order.id} to be ${JSON.stringify(wanted)}` },
    );
  const alertsOf = async (account: string): Promise<string[]> =>
    (await pipeline.sql<{ type: string }>('select type from alerts where account_id = $1', [account])).map(
      ({ type }) => type,
    );

  it('A.1.a an order goes from PENDING to FILLED by its fills, exact to the paisa', async () => {
    const order = await pipeline.place({ account: 'vanilla', ...RESTING });
    expect(order.status).toBe('PENDING');
    await pipeline.waitForStatus(order, 'OPEN');
    await fillPart(pipeline, 3);
    await becomes(order, { status: 'PARTIALLY_FILLED', filledQuantity: 3 });
    await outsideOf(pipeline, 'vanilla').execute(
      (await pipeline.order(order.id)).brokerOrderId ?? '',
      4,
      '2299.95',
    );
    await becomes(order, { status: 'PARTIALLY_FILLED', filledQuantity: 7 });
    await fillPart(pipeline, 0);
    const filled = await pipeline.waitForStatus(order, 'FILLED');
    // 3 and 3 at 2300.00, 4 at 2299.95.
    expect(filled).toMatchObject({ filledQuantity: 10, attempt: 1 });
    expect(filled.filledValue.toFixed()).toBe('22999.8');
    expect(averageFillPrice(filled)?.toFixed()).toBe('2299.98');
    const life = (await pipeline.kinds(order.id)).filter((kind) => kind !== 'BrokerStatusChanged');
    expect(life).toEqual([
      ...['OrderAccepted', 'ChecksRun', 'OrderValidated', 'SubmissionClaimed', 'OrderSubmitted'],
      ...['OrderOpened', 'TradeRecorded', 'TradeRecorded', 'TradeRecorded'],
    ]);
  });

  it('F.1.c an order that a person has given by hand already is refused as its twin, whatever the strategy', async () => {
    const id = await outsideOf(pipeline, 'byhand').place({ side: 'BUY', quantity: 10, price: '2300.00' });
    await waitFor(
      async () =>
        (
          await pipeline.sql(`select id from orders where account_id = 'byhand' and broker_order_id = $1`, [
            id,
          ])
        )[0],
      { what: 'the order given by hand' },
    );
    const twin = await pipeline.waitForStatus(
      await pipeline.place({ account: 'byhand', ...RESTING, ...STRATEGY }),
      'REJECTED',
    );
    expect(twin).toMatchObject({ rejectedBy: 'OMS', failedCheck: 'DUPLICATE_ORDER' });
    expect(twin.statusReason).toContain('was placed outside the OMS');
    expect((await pipeline.book('byhand')).orders).toHaveLength(1);

    // Another quantity is another order; so is the same one after the person took the first back.
    await open('byhand', { ...STRATEGY, quantity: 11 });
    await outsideOf(pipeline, 'byhand').cancel(id);
    await eventually(
      async () =>
        expect(
          await pipeline.sql(
            `select status from orders where account_id = 'byhand' and broker_order_id = $1`,
            [id],
          ),
        ).toEqual([{ status: 'CANCELLED' }]),
      { what: 'the end of the order given by hand' },
    );
    await open('byhand', STRATEGY);
  });

  it('K.1.a a halt of an instrument refuses entries, leaves what rests as it is, and ends when it is taken back', async () => {
    const block = async (value: string | null) => {
      const changed = await changeLimits(pipeline.parts.context, {
        ...{ accountId: 'halted', strategyId: null, actor: 'a person', expiresAt: null },
        ...{ changes: { BLOCKED_INSTRUMENTS: value }, reason: 'the exchange halted it' },
      });
      expect(changed.ok).toBe(true);
    };
    const order = await open('halted');
    await block('NSE:RELIANCE');
    const entry = await pipeline.place({ account: 'halted', ...RESTING, quantity: 3 });
    expect(await pipeline.waitForStatus(entry, 'final')).toMatchObject({
      status: 'REJECTED',
      failedCheck: 'RESTRICTED_INSTRUMENT',
    });
    // The exchange holds the order meanwhile, by any word.
    await outsideOf(pipeline, 'halted').show(order.brokerOrderId ?? '', 'SUSPENDED');
    await becomes(order, { status: 'OPEN', brokerStatus: 'SUSPENDED', finishedAt: null });
    await outsideOf(pipeline, 'halted').show(order.brokerOrderId ?? '', null);
    await becomes(order, { status: 'OPEN', brokerStatus: 'OPEN' });

    await fillPart(pipeline, 4);
    await becomes(order, { status: 'PARTIALLY_FILLED', filledQuantity: 4 });
    const exit = await pipeline.place({ account: 'halted', ...EXIT, ...MARKET, quantity: 4 });
    await pipeline.waitForStatus(exit, 'FILLED');
    await block(null);
    await open('halted', { quantity: 2 });
  });

  describe('a row of the book', () => {
    it('that shows a MARKET order as LIMIT is no change of its terms', async () => {
      await pipeline.changeSettings({ fillProbability: 0 });
      const order = await pipeline.waitForStatus(
        await pipeline.place({ account: 'echo', ...MARKET }),
        'OPEN',
      );
      expect((await pipeline.book('echo')).orders).toMatchObject([{ order_type: 'LIMIT' }]);
      await pollWith(pipeline, 'echo', {});
      expect(await pipeline.order(order.id)).toMatchObject({ orderType: 'MARKET', price: null });
      expect(await pipeline.kinds(order.id)).not.toContain('OrderModified');
      await pipeline.changeSettings({ fillProbability: 1 });
      expect(await alertsOf('echo')).toEqual([]);
    });

    it('whose pending and cancelled quantities do not add up changes nothing', async () => {
      const order = await open('sums');
      await pollWith(pipeline, 'sums', {
        orders: (rows) =>
          rows.map((row) => ({ ...row, raw: { ...row.raw, pending_quantity: 99, cancelled_quantity: -7 } })),
      });
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'OPEN', version: order.version });
      expect(await alertsOf('sums')).toEqual([]);
    });

    it('that goes back to a word of transit after OPEN leaves the order open, and a late end still ends it', async () => {
      const order = await open('words');
      const book = outsideOf(pipeline, 'words');
      for (const word of [
        'OPEN PENDING',
        'TRIGGER PENDING',
        'PUT ORDER REQ RECEIVED',
        'VALIDATION PENDING',
      ]) {
        await book.show(order.brokerOrderId ?? '', word);
        await becomes(order, { status: 'OPEN', brokerStatus: word });
      }
      await book.show(order.brokerOrderId ?? '', null);
      await book.cancel(order.brokerOrderId ?? '');
      await becomes(order, { status: 'CANCELLED', filledQuantity: 0 });
    });
  });
});
