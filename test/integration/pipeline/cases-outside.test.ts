/** What others do to our orders and positions: controls.md E.1.a to E.1.f, U17, U18, and docs/decisions/0006. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import { control } from '../../support/pipeline/book.ts';
import { commandsOf, fillPart } from '../../support/pipeline/commands.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { type Outside, outsideOf } from '../../support/pipeline/outside.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { EXIT, MARKET, type OrderFields, RESTING, SHORT } from '../../support/pipeline/requests.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

/** Each case has an account of its own, and so a user of its own at the exchange. */
const ACCOUNTS = [
  ...[
    'phone',
    'foreign',
    'cancel',
    'stop',
    'rms',
    'selftrade',
    'halted',
    'modify',
    'trigger',
    'reduce',
    'failing',
    'held',
  ],
  ...['closed', 'part', 'over', 'own', 'squared', 'short', 'limits'],
];
/** The exchange ticks only when a test sets prices. */
const NO_TICKS = { tickIntervalMs: 3_600_000, fillDelayMs: 0 };
/** A protective stop of what the defaults buy. */
const STOP = {
  ...EXIT,
  role: 'STOP',
  orderType: 'SL',
  triggerPrice: '2430.00',
  price: '2425.00',
} as const satisfies OrderFields;

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
    try {
      await eventually(() => expectInvariants(pipeline.sql, { atRest: true }), { what: 'every invariant' });
      expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
    } finally {
      await pipeline.stop();
    }
  });
  beforeEach(async () => {
    await pipeline.changeSettings({ transitMs: 0, volumeCap: 0 });
  });

  const open = async (account: string, fields: OrderFields = {}): Promise<OrderRow> =>
    pipeline.waitForStatus(await pipeline.place({ account, ...fields }), 'OPEN');
  const bought = async (account: string, fields: OrderFields = {}): Promise<OrderRow> =>
    pipeline.waitForStatus(await pipeline.place({ account, ...fields }), 'FILLED');
  /** The order row of a broker order, once it is there and as wanted. */
  const followed = (account: string, brokerOrderId: string, wanted: object = {}): Promise<OrderRow> =>
    eventually(
      async () => {
        const row = await pipeline.parts.context.db.orm.query.orders.findFirst({
          where: (o, { and, eq }) => and(eq(o.accountId, account), eq(o.brokerOrderId, brokerOrderId)),
        });
        if (row === undefined) throw new Error('there is none');
        expect(row).toMatchObject(wanted);
        return row;
      },
      { what: `an order row for ${brokerOrderId}` },
    );
  const becomes = (order: Pick<OrderRow, 'id'>, wanted: object): Promise<OrderRow> =>
    eventually(
      async () => {
        const row = await pipeline.order(order.id);
        expect(row).toMatchObject(wanted);
        return row;
      },
      { what: `order ${order.id} to be ${JSON.stringify(wanted)}` },
    );
  /** Quantities of the account by who manages them, closed cycles left out. */
  const positions = async (account: string): Promise<Record<string, number>> => {
    const rows = await pipeline.sql<{ managed_by: string; quantity: number }>(
      `select managed_by, quantity from positions where account_id = $1 and status = 'OPEN'`,
      [account],
    );
    return Object.fromEntries(rows.map((row) => [row.managed_by, row.quantity]));
  };
  const holds = (account: string, wanted: Record<string, number>) =>
    eventually(async () => expect(await positions(account)).toEqual(wanted), {
      what: `positions ${JSON.stringify(wanted)}`,
    });
  const brokerNet = async (account: string): Promise<number> =>
    (await pipeline.book(account)).positions.reduce((sum, position) => sum + position.quantity, 0);
  const alertsOf = async (account: string): Promise<string[]> =>
    (
      await pipeline.sql<{ severity: string; type: string }>(
        'select severity, type from alerts where account_id = $1 order by at, id',
        [account],
      )
    ).map(({ severity, type }) => `${severity} ${type}`);
  const tells = (account: string, wanted: string) =>
    eventually(async () => expect(await alertsOf(account)).toContain(wanted), { what: wanted });
  const cancelledBy = async (order: Pick<OrderRow, 'id'>): Promise<string | undefined> =>
    (
      await pipeline.sql<{ by: string }>(
        `select data::jsonb ->> 'by' as by from journal where entity = $1 and kind = 'OrderCancelled'`,
        [order.id],
      )
    )[0]?.by;
  const outside = (account: string): Outside => outsideOf(pipeline, account);

  describe('an order that we did not place', () => {
    it('E.1.a becomes a row of its own with its own owner, is followed, and no limit counts it', async () => {
      const id = await outside('phone').place({ side: 'BUY', quantity: 10, price: '2300.00' });
      const row = await followed('phone', id, { status: 'OPEN' });
      expect(row).toMatchObject({ cause: 'EXTERNAL', strategyId: null, orderType: 'LIMIT', quantity: 10 });
      expect(row.metadata).toMatchObject({ outside: { by: 'USER', tag: null } });
      expect(row.marginPerUnit).toBeNull();

      await fillPart(pipeline, 4);
      await becomes(row, { status: 'PARTIALLY_FILLED', filledQuantity: 4 });
      await holds('phone', { EXTERNAL: 4 });
      await outside('phone').cancel(id);
      await becomes(row, { status: 'CANCELLED', filledQuantity: 4 });
      // What the account's user does with his own order is no news for anybody here.
      expect(await alertsOf('phone')).toEqual([]);
      const days = await pipeline.sql(`select trades_count from daily_stats where account_id = 'phone'`);
      for (const day of days) expect(day).toEqual({ trades_count: 0 });
    });

    it('E.1.a with a tag that is not ours is followed the same way', async () => {
      const id = await outside('foreign').place({
        ...{ side: 'BUY', quantity: 3, price: '2300.00' },
        ...{ as: 'program', tag: 'someoneElse' },
      });
      expect(await followed('foreign', id)).toMatchObject({ cause: 'EXTERNAL', attemptTag: null });
      await outside('foreign').cancel(id);
      await followed('foreign', id, { status: 'CANCELLED' });
    });

    it('does not take the room of our own positions and exits', async () => {
      await bought('limits');
      const id = await outside('limits').place({ side: 'SELL', quantity: 10, price: '2600.00' });
      await followed('limits', id, { status: 'OPEN' });
      // The outside sale may never fill: our exit of all that we hold passes.
      await pipeline.waitForStatus(await pipeline.place({ account: 'limits', ...EXIT, ...MARKET }), 'FILLED');
      await outside('limits').cancel(id);
      await followed('limits', id, { status: 'CANCELLED' });
    });
  });

  describe('a change of our order that nobody here asked for', () => {
    it('E.1.b a cancel in the app of a part-filled order keeps its fills, and says who did it', async () => {
      const order = await open('cancel', RESTING);
      await fillPart(pipeline, 4);
      await becomes(order, { filledQuantity: 4 });
      await outside('cancel').cancel(order.brokerOrderId ?? '');
      await becomes(order, { status: 'CANCELLED', filledQuantity: 4 });
      // Of a part-filled order the row does not say whether its user or the exchange ended it.
      expect(await cancelledBy(order)).toBe('UNKNOWN');
      expect(await alertsOf('cancel')).toEqual(['WARNING outside_cancel']);
      await holds('cancel', { OMS: 4 });
    });

    it('E.1.b a cancel of a stop leaves a position without protection: critical', async () => {
      await bought('stop');
      const stop = await open('stop', STOP);
      await outside('stop').cancel(stop.brokerOrderId ?? '');
      await becomes(stop, { status: 'CANCELLED' });
      expect(await alertsOf('stop')).toEqual(['CRITICAL outside_cancel']);
    });

    it.each([
      ['E.1.b a cancel by the broker', 'rms', 'RMS:Rule: Check circuit limit', 'RMS'],
      [
        'E.1.e a cancel that prevents a self trade',
        'selftrade',
        'Cancelled by the exchange: self trade prevention.',
        'SELF_TRADE',
      ],
      [
        'K.1.b a cancel by a trading halt',
        'halted',
        'Cancelled by the exchange: trading in the security is halted.',
        'HALT',
      ],
      [
        'E.1.e a cancel of what is not the best price',
        'selftrade',
        'Cancelled by the exchange: not the best price.',
        'EXCHANGE',
      ],
    ])('%s is told apart (%s: %s)', async (_, account, message, by) => {
      const order = await open(account, RESTING);
      await outside(account).end(order.brokerOrderId ?? '', 'CANCELLED', message);
      await becomes(order, { status: 'CANCELLED', filledQuantity: 0, statusReason: message });
      expect(await cancelledBy(order)).toBe(by);
    });

    it('E.1.c other terms are followed and flagged, and the checks run on them', async () => {
      const order = await open('modify', RESTING);
      await outside('modify').modify(order.brokerOrderId ?? '', { price: '2303.00' });
      const changed = await eventually(
        async () => {
          const row = await pipeline.order(order.id);
          expect(row.price?.toFixed(2)).toBe('2303.00');
          return row;
        },
        { what: 'the new price' },
      );
      // The stop is at 2280: 23 a share are at risk now.
      expect(changed.riskPerUnit?.toFixed()).toBe('23');
      expect(await alertsOf('modify')).toEqual(['WARNING outside_modify']);
      expect((await pipeline.kinds(order.id)).filter((kind) => kind === 'ChecksRun')).toHaveLength(2);
      // The broker counts it like one of ours.
      expect(changed.modifications).toBe(1);
    });

    it('E.1.c another trigger of an SL-M stop, and another type, are followed and flagged', async () => {
      await bought('trigger');
      const stop = await open('trigger', { ...STOP, orderType: 'SL-M', price: null });
      const id = stop.brokerOrderId ?? '';
      const terms = () =>
        pipeline
          .order(stop.id)
          .then(({ orderType, price, triggerPrice }) => [
            orderType,
            price?.toFixed(2),
            triggerPrice?.toFixed(2),
          ]);
      await outside('trigger').modify(id, { trigger_price: '2400.00' });
      await eventually(async () => expect(await terms()).toEqual(['SL-M', undefined, '2400.00']), {
        what: 'the new trigger',
      });
      await outside('trigger').modify(id, { order_type: 'SL', price: '2405.00', trigger_price: '2410.00' });
      await eventually(async () => expect(await terms()).toEqual(['SL', '2405.00', '2410.00']), {
        what: 'the new type',
      });
      const told = (await alertsOf('trigger')).filter((alert) => alert.endsWith('outside_modify'));
      expect(told).toHaveLength(2);
      await commandsOf(pipeline, 'trigger').cancel(stop);
      await becomes(stop, { status: 'CANCELLED' });
    });

    it('E.1.c a check that fails on them is a critical warning, and the terms are followed all the same', async () => {
      const order = await open('failing', RESTING);
      await outside('failing').modify(order.brokerOrderId ?? '', { quantity: '5000' });
      const changed = await becomes(order, { quantity: 5000, status: 'OPEN' });
      expect(await alertsOf('failing')).toEqual(['CRITICAL outside_modify']);
      // Limits count all of it from now on.
      expect(changed.openingQuantity).toBe(5000);
    });

    it('E.1.d a reduction leaves less to fill, and is filled by what it has', async () => {
      const order = await open('reduce', RESTING);
      await fillPart(pipeline, 4);
      await becomes(order, { filledQuantity: 4 });
      await outside('reduce').modify(order.brokerOrderId ?? '', { quantity: '6' });
      await becomes(order, { quantity: 6, filledQuantity: 4, status: 'PARTIALLY_FILLED' });
      await fillPart(pipeline, 0);
      await becomes(order, { status: 'FILLED', filledQuantity: 6 });
      expect(await alertsOf('reduce')).toEqual(['WARNING outside_modify']);
    });

    it('E.1.f an order that the exchange or the broker holds back is open, without a time-out', async () => {
      await bought('held');
      const stop = await open('held', STOP);
      expect(stop.brokerStatus).toBe('TRIGGER PENDING');
      const amo = await pipeline.place({ account: 'held', ...RESTING, variety: 'amo' });
      await becomes(amo, { status: 'SUBMITTED', brokerStatus: 'AMO REQ RECEIVED' });
      await control(pipeline.exchange, 'POST', '/orders/release-amo');
      await becomes(amo, { status: 'OPEN', brokerStatus: 'OPEN' });
      expect((await pipeline.order(stop.id)).status).toBe('OPEN');
      expect(await alertsOf('held')).toEqual([]);
      await commandsOf(pipeline, 'held').cancel(amo);
      await becomes(amo, { status: 'CANCELLED' });
    });
  });

  describe('a position that somebody else closes', () => {
    it('U17 by hand in the app is closed here too, its resting stop is cancelled, and no exit reverses it', async () => {
      await bought('closed');
      const stop = await open('closed', STOP);
      const id = await outside('closed').place({ side: 'SELL', quantity: 10 });
      await followed('closed', id, { cause: 'EXTERNAL', status: 'FILLED' });
      await holds('closed', {});
      await becomes(stop, { status: 'CANCELLED' });
      expect(await cancelledBy(stop)).toBe('oms');
      await tells('closed', 'WARNING outside_trade');

      const exit = await pipeline.place({ account: 'closed', ...EXIT, ...MARKET });
      expect(await pipeline.waitForStatus(exit, 'REJECTED')).toMatchObject({ rejectedBy: 'OMS', attempt: 0 });
      expect(await brokerNet('closed')).toBe(0);
      // Its profit or loss is the account's: the position was ours.
      const [cycle] = await pipeline.sql<{ status: string; realized: string; sold: string }>(
        `select status, realized_pnl::text as realized, (sell_value - buy_value)::text as sold from positions
         where account_id = 'closed' and managed_by = 'OMS'`,
      );
      expect(cycle?.status).toBe('CLOSED');
      expect(cycle?.realized).toBe(cycle?.sold);
    });

    it('U17 in part leaves the rest, and cuts the stop to it', async () => {
      await bought('part');
      const stop = await open('part', STOP);
      await outside('part').place({ side: 'SELL', quantity: 4 });
      await holds('part', { OMS: 6 });
      await becomes(stop, { status: 'OPEN', quantity: 6 });
      expect(
        (await pipeline.book('part')).orders.find((o) => o.order_id === stop.brokerOrderId),
      ).toMatchObject({
        quantity: 6,
        status: 'TRIGGER PENDING',
      });
    });

    it('U17 by more than is ours leaves the rest as an outside position; the two are what the broker has', async () => {
      await bought('over');
      await outside('over').place({ side: 'SELL', quantity: 15 });
      await holds('over', { EXTERNAL: -5 });
      expect(await brokerNet('over')).toBe(-5);
      const entries = await pipeline.sql(
        `select managed_by, kind, quantity from position_entries where account_id = 'over' order by kind, quantity`,
      );
      expect(entries).toEqual([
        { managed_by: 'EXTERNAL', kind: 'TRADE', quantity: -15 },
        { managed_by: 'OMS', kind: 'TRADE', quantity: 10 },
        { managed_by: 'OMS', kind: 'TRANSFER', quantity: -10 },
        { managed_by: 'EXTERNAL', kind: 'TRANSFER', quantity: 10 },
      ]);
    });

    it('closes what was opened outside before it closes ours', async () => {
      await outside('own').place({ side: 'BUY', quantity: 7 });
      await holds('own', { EXTERNAL: 7 });
      await bought('own');
      await holds('own', { EXTERNAL: 7, OMS: 10 });
      await outside('own').place({ side: 'SELL', quantity: 5 });
      await holds('own', { EXTERNAL: 2, OMS: 10 });
      await outside('own').place({ side: 'SELL', quantity: 5 });
      await holds('own', { OMS: 7 });
      expect(await brokerNet('own')).toBe(7);
    });

    it('U18 by RMS before the close is adopted with its cause, and our timed exit does nothing', async () => {
      await bought('squared');
      const stop = await open('squared', STOP);
      await outside('squared').squareOff();
      await holds('squared', {});
      await becomes(stop, { status: 'CANCELLED' });
      await tells('squared', 'CRITICAL outside_trade');
      const [square] = await pipeline.sql<{ metadata: object }>(
        `select metadata from orders where account_id = 'squared' and cause = 'EXTERNAL'`,
      );
      expect(square?.metadata).toMatchObject({ outside: { by: 'BROKER', placedBy: 'RMS' } });

      const exit = await pipeline.place({ account: 'squared', ...EXIT, ...MARKET });
      expect(await pipeline.waitForStatus(exit, 'REJECTED')).toMatchObject({ rejectedBy: 'OMS', attempt: 0 });
      expect(await brokerNet('squared')).toBe(0);
    });

    it('U18 works on a short position as on a long one', async () => {
      await bought('short', SHORT);
      await holds('short', { OMS: -10 });
      await outside('short').squareOff();
      await holds('short', {});
      expect(await brokerNet('short')).toBe(0);
    });
  });
});
