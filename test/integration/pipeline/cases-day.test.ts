/** The end of a trading day, by a moved clock: A.1.b, J.1.d, U22, U21's other half, and orders of limited life (trading.md section 1). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import { instantOfIst } from '../../../src/domain/calendar.ts';
import { findOperation } from '../../../src/db/stores/operation-store.ts';
import { closePositions } from '../../../src/services/close-positions.ts';
import { pollAccount } from '../../../src/services/poll-account.ts';
import { readOrder } from '../../../src/services/read-orders.ts';
import { resolveOrder } from '../../../src/services/resolve-order.ts';
import { runOperation } from '../../../src/services/run-operation.ts';
import { sendCommand } from '../../../src/services/send-command.ts';
import { submitOrder } from '../../../src/services/submit-order.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { control } from '../../support/pipeline/book.ts';
import { fillPart } from '../../support/pipeline/commands.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { type OrderFields, RESTING } from '../../support/pipeline/requests.ts';
import { eventually } from '../../support/wait.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';

/** But for the last call before 06:00 IST, which comes or not by when the tests are run. */
const TOLD = `select type from alerts where condition not like '%:day-end' order by at, id`;

onEachBackend((backend) => {
  describe('a trading day', () => {
    let pipeline: Pipeline;
    /** How far the exchange's clock and that of the database are moved, milliseconds. */
    let shiftMs = 0;

    beforeAll(async () => {
      pipeline = await startPipeline({
        ...{ backend, disturbed: true },
        roles: [],
        accounts: [
          'main',
          'leftover',
          'missed',
          'doubt',
          'amo',
          'amomissed',
          'amogood',
          'amobad',
          'amounseen',
          'amocancel',
          'ttl',
          'kept',
          'afterclose',
          'delivery',
        ],
        exchange: {
          tickIntervalMs: 3_600_000,
          fillDelayMs: 0,
          clock: { now: () => new Date(performance.timeOrigin + performance.now() + shiftMs) },
        },
      });
    });
    afterAll(async () => {
      await pipeline.stop();
    });

    /** Moves both clocks to an instant in India. */
    const moveTo = async (day: string, time: string): Promise<void> => {
      const [real] = await pipeline.sql<{ now: Date }>('select clock_timestamp() as now');
      shiftMs = instantOfIst(day, time).getTime() - (real?.now.getTime() ?? 0);
      await pipeline.sql(
        `insert into sauda.clock_offset (shift) values ($1 * interval '1 millisecond')
       on conflict (id) do update set shift = excluded.shift`,
        [shiftMs],
      );
    };
    const sent = async (account: string, fields: OrderFields = {}): Promise<OrderRow> => {
      const { id } = await pipeline.place({ account, ...RESTING, maxAgeMs: 0, ...fields });
      const step = { accountId: account, orderId: id };
      await validateOrder(pipeline.parts.context, step);
      await submitOrder(pipeline.parts.context, step);
      return pipeline.order(id);
    };
    const poll = (account: string) => pollAccount(pipeline.parts.context, account, { always: true });
    const wipeBook = () => control(pipeline.exchange, 'POST', '/reset');
    const alertsOf = async (account: string): Promise<string[]> =>
      (
        await pipeline.sql<{ type: string }>('select type from alerts where account_id = $1 order by at', [
          account,
        ])
      ).map(({ type }) => type);
    const everythingAddsUp = async (): Promise<void> => {
      await expectInvariants(pipeline.sql);
      expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
    };

    it('A.1.b ends what is left of a day order as EXPIRED with its fills, by the last clean read of its day', async () => {
      await moveTo('2026-11-24', '14:00');
      const order = await sent('leftover');
      await poll('leftover');
      await fillPart(pipeline, 4);
      await poll('leftover');
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'PARTIALLY_FILLED', filledQuantity: 4 });

      await moveTo('2026-11-24', '16:30');
      await poll('leftover');
      await poll('leftover');
      const noted = await pipeline.order(order.id);
      expect(noted).toMatchObject({ status: 'PARTIALLY_FILLED' });
      expect(noted.lastReadAt?.getTime()).toBeGreaterThanOrEqual(
        instantOfIst('2026-11-24', '16:30').getTime(),
      );
      expect((await pipeline.kinds(order.id)).filter((kind) => kind === 'BrokerStatusChanged')).toHaveLength(
        1,
      );

      // After midnight it is still the same trading day: a book without the order proves nothing.
      await wipeBook();
      await moveTo('2026-11-25', '05:30');
      await poll('leftover');
      expect((await pipeline.order(order.id)).status).toBe('PARTIALLY_FILLED');

      await moveTo('2026-11-25', '08:00');
      await poll('leftover');
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'EXPIRED', filledQuantity: 4 });
      expect(await alertsOf('leftover')).toEqual(['order_expired']);
      await everythingAddsUp();
    });

    it('J.1.d takes back a trade after the close, and the order ends with what stands', async () => {
      await moveTo('2026-11-23', '14:00');
      const order = await sent('afterclose');
      await poll('afterclose');
      for (const quantity of [4, 3]) {
        await fillPart(pipeline, quantity);
        await poll('afterclose');
      }
      await moveTo('2026-11-23', '16:30');
      await poll('afterclose');
      const [first] = (await pipeline.book('afterclose')).trades;
      await outsideOf(pipeline, 'afterclose').bustTrade(first?.trade_id ?? '');
      await poll('afterclose');
      await poll('afterclose');
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'PARTIALLY_FILLED', filledQuantity: 3 });
      const [position] = await pipeline.sql(
        `select quantity, open_value::float8 as value from positions where account_id = 'afterclose'`,
      );
      expect(position).toEqual({ quantity: 3, value: 6900 });

      await wipeBook();
      await moveTo('2026-11-24', '08:00');
      await poll('afterclose');
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'EXPIRED', filledQuantity: 3 });
      expect((await alertsOf('afterclose')).sort()).toEqual(['order_expired', 'trade_corrected']);
      await everythingAddsUp();
    });

    it('U22 moves delivered shares to the holdings, and the position is neither lost nor doubted', async () => {
      await moveTo('2026-11-26', '14:00');
      await pipeline.changeSettings({ volumeCap: 0 });
      const bought = await sent('delivery', {
        product: 'CNC',
        price: '2450.00',
        stopLoss: '2430.00',
        takeProfit: '2491.00',
      });
      await poll('delivery');
      expect(await pipeline.order(bought.id)).toMatchObject({ status: 'FILLED' });

      // T+1: no order, no trade and no position is left at the broker, only shares.
      await wipeBook();
      await control(pipeline.exchange, 'PUT', '/holdings/delivery', [
        { tradingsymbol: 'RELIANCE', quantity: 10, average_price: '2450.00' },
      ]);
      await moveTo('2026-11-27', '10:00');
      for (let look = 0; look < 3; look++) await poll('delivery');
      const held = () => pipeline.sql(`select status, quantity from positions where account_id = 'delivery'`);
      expect(await held()).toEqual([{ status: 'OPEN', quantity: 10 }]);
      expect(await alertsOf('delivery')).toEqual([]);

      // Closing sells them out of the holdings.
      const closing = await closePositions(pipeline.parts.context, {
        ...{ accountId: 'delivery', actor: 'a person', byOperator: true, strategyId: null, instrument: null },
        ...{ product: null, quantity: null, includeExternal: false, reason: 'a test' },
      });
      if (!closing.ok) throw new Error(closing.error.message);
      const run = () =>
        runOperation(pipeline.parts.context, { accountId: 'delivery', operationId: closing.value.id });
      await run();
      const exits = await pipeline.sql<{ id: string }>(
        `select id from orders where account_id = 'delivery' and role = 'EXIT'`,
      );
      expect(exits).toHaveLength(1);
      for (const { id: orderId } of exits) {
        await validateOrder(pipeline.parts.context, { accountId: 'delivery', orderId });
        await submitOrder(pipeline.parts.context, { accountId: 'delivery', orderId });
      }
      await poll('delivery');
      await run();
      expect(await held()).toEqual([{ status: 'CLOSED', quantity: 0 }]);
      const ended = await findOperation(pipeline.parts.context.db, 'delivery', closing.value.id);
      expect(ended).toMatchObject({ state: 'DONE', details: { left: [] } });
      expect(await alertsOf('delivery')).toEqual([]);
      await everythingAddsUp();
    });

    it('that nobody read to its end leaves its orders as they were, and a person decides', async () => {
      await moveTo('2026-11-25', '14:00');
      const order = await sent('missed');
      await poll('missed');
      await wipeBook();
      await moveTo('2026-11-26', '09:30');
      await poll('missed');
      await poll('missed');
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'OPEN' });
      expect(await alertsOf('missed')).toEqual(['order_day_missed']);

      const expired = () =>
        resolveOrder(pipeline.parts.context, {
          accountId: 'missed',
          orderId: order.id,
          actor: 'a person',
          decision: 'expired',
          brokerOrderId: null,
          reason: 'the contract note has no such trade',
        });
      expect(await expired()).toMatchObject({ ok: true, value: { status: 'EXPIRED' } });
      expect(await expired()).toMatchObject({ ok: true });
      expect((await pipeline.kinds(order.id)).filter((kind) => kind === 'OrderExpired')).toHaveLength(1);
      await everythingAddsUp();
    });

    it('that is over keeps an order in doubt in doubt: the new book is no evidence', async () => {
      await moveTo('2026-11-26', '15:00');
      await pipeline.addFault({ call: 'placeOrder', user: 'doubt', kind: 'timeout' });
      const order = await sent('doubt');
      expect(order.status).toBe('UNKNOWN');
      await moveTo('2026-11-27', '09:30');
      for (let look = 0; look < 3; look++) await poll('doubt');
      expect((await pipeline.order(order.id)).status).toBe('UNKNOWN');
      await everythingAddsUp();
    });

    it('leaves raw copies of the books behind, and calls for what is in doubt before they are wiped', async () => {
      await moveTo('2026-12-07', '14:00');
      await sent('kept');
      await poll('kept');
      await fillPart(pipeline, 4);
      await pipeline.addFault({ call: 'placeOrder', user: 'kept', kind: 'timeout' });
      const doubt = await sent('kept');
      expect(doubt.status).toBe('UNKNOWN');
      await poll('kept');
      const copies = () =>
        pipeline.sql<{ mark: string; whole: boolean; orders: unknown[]; trades: unknown[] }>(
          `select mark, fault is null as whole, orders, trades from broker_books
           where account_id = 'kept' and day = '2026-12-07' order by read_at`,
        );
      const marks = async () => (await copies()).map(({ mark, whole }) => `${mark} ${whole}`);
      const calls = () =>
        pipeline.sql(
          `select severity, cleared_at is null as stands from alerts where account_id = 'kept'
           and type = 'order_unknown' and condition like '%:day-end'`,
        );
      expect(await copies()).toEqual([]);

      await moveTo('2026-12-07', '16:10');
      await poll('kept');
      expect(await marks()).toEqual(['16:00 true']);
      expect(await calls()).toEqual([]);
      await moveTo('2026-12-08', '05:10');
      await pipeline.addFault({ call: 'orders', user: 'kept', kind: 'emptyList' });
      await poll('kept');
      expect(await marks()).toEqual(['16:00 true', '05:00 false']);
      expect(await calls()).toEqual([{ severity: 'CRITICAL', stands: true }]);
      for (let look = 0; look < 2; look++) await poll('kept');
      expect(await marks()).toEqual(['16:00 true', '05:00 true']);
      expect(await calls()).toHaveLength(1);

      // As the broker's own wire says it, field by field.
      const listed = async (path: string): Promise<unknown> => {
        const headers = { authorization: 'token paper:paper-kept' };
        const answer = await fetch(`${pipeline.exchange.url}/${path}`, { headers });
        return ((await answer.json()) as { data: unknown }).data;
      };
      const [, copy] = await copies();
      // The reads are disturbed: a row may come twice.
      expect(new Set(copy?.orders.map((row) => JSON.stringify(row))).size).toBe(1);
      expect(copy?.orders[0]).toEqual(((await listed('orders')) as unknown[])[0]);
      expect(copy?.trades).toEqual(await listed('trades'));

      await wipeBook();
      await moveTo('2026-12-08', '09:30');
      await poll('kept');
      expect(await marks()).toEqual(['16:00 true', '05:00 true']);
      const decided = await resolveOrder(pipeline.parts.context, {
        ...{ accountId: 'kept', orderId: doubt.id, actor: 'a person', decision: 'neverPlaced' },
        ...{ brokerOrderId: null, reason: 'neither copy has it' },
      });
      expect(decided).toMatchObject({ ok: true });
      expect(await calls()).toEqual([{ severity: 'CRITICAL', stands: false }]);
      await everythingAddsUp();
    });

    it('does not end an after-market order, which lives on the next one', async () => {
      await moveTo('2026-11-27', '20:00');
      const order = await sent('amo', { variety: 'amo' });
      // Sent on Friday evening: it counts for Monday.
      expect(order.tradingDay).toBe('2026-11-30');
      await poll('amo');
      await moveTo('2026-11-30', '09:00');
      await poll('amo');
      expect(await pipeline.order(order.id)).toMatchObject({
        status: 'SUBMITTED',
        brokerStatus: 'AMO REQ RECEIVED',
      });
      await control(pipeline.exchange, 'POST', '/orders/release-amo');
      await poll('amo');
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'OPEN', cause: 'REQUEST' });
      expect(
        await pipeline.sql(`select id from orders where account_id = 'amo' and cause <> 'REQUEST'`),
      ).toEqual([]);
      await everythingAddsUp();
    });

    it('that nobody read tells of an after-market order meant for it, and a person ends it', async () => {
      await moveTo('2026-11-30', '20:00');
      const order = await sent('amomissed', { variety: 'amo' });
      expect(order.tradingDay).toBe('2026-12-01');
      await poll('amomissed');
      await wipeBook();
      // All of its day nobody looked.
      await moveTo('2026-12-02', '09:30');
      await poll('amomissed');
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'SUBMITTED' });
      expect(await alertsOf('amomissed')).toEqual(['order_day_missed']);
      const expired = await resolveOrder(pipeline.parts.context, {
        ...{ accountId: 'amomissed', orderId: order.id, actor: 'a person', decision: 'expired' },
        ...{ brokerOrderId: null, reason: 'the contract note has no such trade' },
      });
      expect(expired).toMatchObject({ ok: true, value: { status: 'EXPIRED' } });
      await everythingAddsUp();
    });

    it('checks an after-market order again when it is released, and cancels it when it would not pass now', async () => {
      await moveTo('2026-12-02', '20:00');
      const good = await sent('amogood', { variety: 'amo' });
      const failing = {
        amobad: await sent('amobad', { variety: 'amo' }),
        amounseen: await sent('amounseen', { variety: 'amo' }),
      };
      // The third is released before any read showed it waiting.
      for (const account of ['amogood', 'amobad']) await poll(account);
      // Overnight the limits became stricter for the others.
      await pipeline.sql(`update accounts set limits = $1 where id in ('amobad', 'amounseen')`, [
        {
          MAX_QUANTITY_PER_ORDER: { value: '5', by: 'a person', at: '2026-12-02T20:00:00Z', expiresAt: null },
        },
      ]);
      await moveTo('2026-12-03', '09:15');
      await control(pipeline.exchange, 'POST', '/orders/release-amo');
      for (const account of ['amogood', 'amobad', 'amounseen']) await poll(account);
      expect(await pipeline.order(good.id)).toMatchObject({ status: 'OPEN' });
      expect(await alertsOf('amogood')).toEqual([]);
      expect((await pipeline.kinds(good.id)).filter((kind) => kind === 'ChecksRun')).toHaveLength(2);
      for (const [account, { id }] of Object.entries(failing)) {
        expect(await alertsOf(account)).toEqual(['amo_release_failed']);
        await sendCommand(pipeline.parts.context, { accountId: account, orderId: id });
        await poll(account);
        expect(await pipeline.order(id)).toMatchObject({ status: 'CANCELLED', brokerStatus: 'CANCELLED' });
        expect((await pipeline.kinds(id)).filter((kind) => kind === 'ChecksRun')).toHaveLength(2);
        expect(await alertsOf(account)).toEqual(['amo_release_failed']);
      }
      await everythingAddsUp();
    });

    it('ends an after-market order by the words that the broker has for its cancel', async () => {
      await moveTo('2026-12-03', '20:00');
      const order = await sent('amocancel', { variety: 'amo' });
      await poll('amocancel');
      await outsideOf(pipeline, 'amocancel').show(order.brokerOrderId ?? '', 'CANCELLED AMO');
      await poll('amocancel');
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'CANCELLED' });
    });

    it('has orders that live for minutes: their end is EXPIRED, with what was filled', async () => {
      await moveTo('2026-12-04', '11:00');
      const order = await sent('ttl', { validity: 'TTL', validityMinutes: 2 });
      await poll('ttl');
      await fillPart(pipeline, 3);
      await poll('ttl');
      await moveTo('2026-12-04', '11:03');
      await pipeline.setPrices({ 'NSE:RELIANCE': '2450.00' });
      await poll('ttl');
      expect(await pipeline.order(order.id)).toMatchObject({
        status: 'EXPIRED',
        filledQuantity: 3,
        brokerStatus: 'CANCELLED',
      });
      expect(await alertsOf('ttl')).toEqual(['order_expired']);
      await everythingAddsUp();
    });
  });

  describe('UNKNOWN_POLICY=neverPlaced', () => {
    it('ends an order in doubt after its horizon and enough clean reads; a twin that comes later is followed', async () => {
      const pipeline = await startPipeline({
        ...{ backend, disturbed: true },
        environment: { UNKNOWN_POLICY: 'neverPlaced', BROKER_TIMEOUT_MS: '2000' },
      });
      try {
        await pipeline.addFault({
          call: 'placeOrder',
          kind: 'lateVisibility',
          silent: true,
          delayMs: 3_600_000,
        });
        const order = await pipeline.place({ ...RESTING, maxAgeMs: 0 });
        const ended = await pipeline.waitForStatus(order, 'REJECTED');
        expect(ended.statusReason).toContain('decided by policy');
        const reads = await pipeline.sql(`select 1 from broker_reads where clean`);
        expect(reads.length).toBeGreaterThanOrEqual(3);
        await control(pipeline.exchange, 'POST', '/orders/show');
        await expect.poll(async () => (await pipeline.order(order.id)).status).toBe('OPEN');
        const told = await pipeline.sql<{ type: string }>(TOLD);
        expect(told.map(({ type }) => type).sort()).toEqual([
          'late_twin',
          'order_never_placed',
          'order_rejected',
        ]);
        await expectInvariants(pipeline.sql);
      } finally {
        await pipeline.stop();
      }
    });

    it('is kept from it by fills of an order that the book does not list, until the book shows it', async () => {
      const pipeline = await startPipeline({
        ...{ backend, disturbed: true },
        environment: { UNKNOWN_POLICY: 'neverPlaced', BROKER_TIMEOUT_MS: '2000' },
      });
      try {
        await pipeline.addFault({ call: 'orders', kind: 'emptyList', count: -1 });
        await pipeline.addFault({ call: 'placeOrder', kind: 'acceptThenTimeout' });
        const order = await pipeline.place({ maxAgeMs: 0 });
        await eventually(
          async () => {
            const told = await pipeline.sql<{ type: string }>(TOLD);
            expect(told.map(({ type }) => type)).toEqual(['order_unknown']);
          },
          { what: 'a person to be asked' },
        );
        const story = await readOrder(pipeline.parts.context.db, 'main', order.id);
        expect(story?.order.status).toBe('UNKNOWN');
        expect(story?.evidence?.strayTradeCount).toBeGreaterThanOrEqual(3);
        await pipeline.clearFaults();
        await pipeline.waitForStatus(order, 'FILLED');
        await expectInvariants(pipeline.sql);
      } finally {
        await pipeline.stop();
      }
    });
  });
});
