import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import type { BrokerOrder, BrokerPort } from '../../../src/broker/port.ts';
import { decimal } from '../../../src/domain/money.ts';
import { counted, reservedMargin } from '../../../src/domain/live-order.ts';
import { leavesQuantity } from '../../../src/domain/order.ts';
import { pollAccount } from '../../../src/services/poll-account.ts';
import { callsOf, control } from '../../support/pipeline/book.ts';
import { type Commands, commandsOf, fillPart } from '../../support/pipeline/commands.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { type OrderFields, RESTING } from '../../support/pipeline/requests.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually, waitFor } from '../../support/wait.ts';

/** The exchange ticks only when a test sets prices, so that a fill happens when the test says so. */
const NO_TICKS = { tickIntervalMs: 3_600_000, fillDelayMs: 0 };
const FOR_EVER = { count: -1 } as const;
/** How long the exchange works on what it was told: a slow machine must still find it at work. */
const TRANSIT_MS = 3000;
const BUSY = {
  kind: 'refuse',
  errorType: 'InputException',
  message: 'Order cannot be modified as it is being processed. Try later.',
};
const NOT_FOUND = {
  kind: 'refuse',
  errorType: 'GeneralException',
  message: "Couldn't find that `order_id`.",
};

onEachBackend((backend) => {
  describe('commands', () => {
    let pipeline: Pipeline;
    let commands: Commands;

    beforeAll(async () => {
      pipeline = await startPipeline({
        backend,
        disturbed: true,
        exchange: NO_TICKS,
        // Many cases are about a call without an answer.
        environment: { BROKER_TIMEOUT_MS: '3000', MODIFY_CONFIRM_MS: '1000', MAX_POSITION_SIZE: '100000' },
      });
      commands = commandsOf(pipeline);
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
      await pipeline.clearFaults();
      await pipeline.changeSettings({ transitMs: 0, volumeCap: 0 });
    });

    const resting = async (fields: OrderFields = {}): Promise<OrderRow> =>
      pipeline.waitForStatus(await pipeline.place({ ...RESTING, ...fields }), 'OPEN');
    const partFilled = async (filled: number, fields: OrderFields = {}): Promise<OrderRow> => {
      const order = await resting(fields);
      await fillPart(pipeline, filled);
      return filledTo(order, filled);
    };
    const filledTo = (order: Pick<OrderRow, 'id'>, quantity: number): Promise<OrderRow> =>
      eventually(
        async () => {
          const now = await pipeline.order(order.id);
          expect(now.filledQuantity).toBe(quantity);
          return now;
        },
        { what: `${quantity} to be filled` },
      );
    const inState = (order: Pick<OrderRow, 'id'>, state: string) =>
      waitFor(async () => (await commands.of(order)).find((command) => command.state === state), {
        what: `a command ${state}`,
      });
    const begun = (order: Pick<OrderRow, 'id'>) =>
      waitFor(async () => (await commands.of(order)).some(({ state }) => state !== 'WAITING'), {
        what: 'a command to begin',
      });
    const answered = (order: Pick<OrderRow, 'id'>) =>
      waitFor(async () => (await commands.of(order)).find(({ answer }) => answer !== null), {
        what: 'an answer',
      });
    const alertsOf = (order: Pick<OrderRow, 'id'>) =>
      pipeline.sql<{ type: string; severity: string; message: string }>(
        'select type, severity, message from alerts where order_id = $1 order by at',
        [order.id],
      );
    const inBook = async (order: Pick<OrderRow, 'brokerOrderId'>) =>
      (await pipeline.book()).orders.find((row) => row.order_id === order.brokerOrderId);
    /** Ends what a test leaves working, so that its price moves nothing else. */
    const end = async (order: Pick<OrderRow, 'id'>): Promise<void> => {
      await pipeline.clearFaults();
      await commands.cancel(order);
      await pipeline.waitForStatus(order, 'final');
    };
    const withoutReads = async (work: () => Promise<void>): Promise<void> => {
      await pipeline.addFault({ call: 'orders', kind: 'serverError', ...FOR_EVER });
      await work();
      await pipeline.clearFaults();
    };

    describe('to cancel', () => {
      it('B.1.a: before any fill ends the order as CANCELLED with nothing left and nothing reserved', async () => {
        const order = await resting();
        const staged = await commands.cancel(order);
        expect(staged).toMatchObject({
          ok: true,
          value: { order: { status: 'OPEN' }, command: { state: 'WAITING' } },
        });
        const ended = await pipeline.waitForStatus(order, 'CANCELLED');
        expect([leavesQuantity(ended), reservedMargin(ended).toFixed()]).toEqual([0, '0']);
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
        expect(ended.statusReason).toBe('cancelled by test');
        expect(await inBook(order)).toMatchObject({ status: 'CANCELLED' });
        expect(await alertsOf(order)).toEqual([]);
      });

      it('B.1.b: of a part-filled order counts every fill that came while the cancel was active', async () => {
        const order = await partFilled(4);
        await pipeline.addFault({ call: 'cancelOrder', kind: 'timeout' });
        await commands.cancel(order);
        await inState(order, 'IN_FLIGHT');
        await fillPart(pipeline, 3);
        const ended = await pipeline.waitForStatus(order, 'CANCELLED');
        expect([ended.filledQuantity, leavesQuantity(ended)]).toEqual([7, 0]);
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
      });

      it('B.1.c: that comes after the fill is too late, and no failure', async () => {
        const order = await resting();
        await withoutReads(async () => {
          await fillPart(pipeline, 0);
          await commands.cancel(order);
          expect(await answered(order)).toMatchObject({ answer: 'REFUSED', state: 'IN_FLIGHT' });
        });
        await pipeline.waitForStatus(order, 'FILLED');
        expect(await commands.outcomes(order, 1)).toEqual(['TOO_LATE']);
        expect((await commands.of(order))[0]?.reason).toBe('the order is filled already');
        expect((await alertsOf(order)).filter(({ type }) => type === 'command_failed')).toEqual([]);
      });

      it('B.1.c: that crosses the last fill ends with the order FILLED', async () => {
        const order = await resting();
        await pipeline.addFault({ call: 'cancelOrder', kind: 'timeout' });
        await commands.cancel(order);
        await inState(order, 'IN_FLIGHT');
        await fillPart(pipeline, 0);
        await pipeline.waitForStatus(order, 'FILLED');
        expect(await commands.outcomes(order, 1)).toEqual(['TOO_LATE']);
      });

      it('B.1.d: before the order was acknowledged waits for its id', async () => {
        await pipeline.addFault({ call: 'placeOrder', kind: 'slow', delayMs: 2000 });
        const order = await pipeline.place(RESTING);
        await withoutReads(async () => {
          await pipeline.waitForStatus(order, 'SUBMITTING');
          expect(await commands.cancel(order)).toMatchObject({
            ok: true,
            value: { command: { state: 'WAITING' } },
          });
        });
        await pipeline.waitForStatus(order, 'CANCELLED');
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
      });

      it('B.1.d: of an order in doubt waits until the book shows it', async () => {
        const hidden = { kind: 'lateVisibility', silent: true, delayMs: 3_600_000 };
        await pipeline.addFault({ call: 'placeOrder', ...hidden });
        const order = await pipeline.place(RESTING);
        await pipeline.waitForStatus(order, 'UNKNOWN');
        await commands.cancel(order);
        await control(pipeline.exchange, 'POST', '/orders/show');
        await pipeline.waitForStatus(order, 'CANCELLED');
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
      });

      it('B.1.d: of an order whose placement was refused for a time ends it without another call', async () => {
        await pipeline.addFault({ call: 'placeOrder', kind: 'slow', delayMs: 1500 });
        await pipeline.addFault({ call: 'placeOrder', kind: 'rateLimited' });
        const [first, second] = [await pipeline.place(RESTING), await pipeline.place(RESTING)];
        const ends = await Promise.all(
          [first, second].map(async (order) => {
            await waitFor(async () => (await pipeline.order(order.id)).attempt > 0, { what: 'a claim' });
            await commands.cancel(order);
            return pipeline.waitForStatus(order, 'CANCELLED');
          }),
        );
        expect(ends.map(({ attempt }) => attempt)).toEqual([1, 1]);
        expect(ends.filter(({ brokerOrderId }) => brokerOrderId === null)).toHaveLength(1);
      });

      it('B.1.e: is not undone by an older row that says OPEN', async () => {
        const order = await resting();
        const { context } = pipeline.parts;
        const stale = await context.broker('main').getOrders();
        expect(stale.find((row) => row.orderId === order.brokerOrderId)?.status).toBe('OPEN');
        await commands.cancel(order);
        const ended = await pipeline.waitForStatus(order, 'CANCELLED');
        await commands.outcomes(order, 1);
        const broker = Object.assign(Object.create(context.broker('main')) as BrokerPort, {
          getOrders: (): Promise<readonly BrokerOrder[]> => Promise.resolve(stale),
        });
        await waitFor(
          async () =>
            (await pollAccount({ ...context, broker: () => broker }, 'main', { always: true })).kind ===
            'read',
          { what: 'a poll of our own' },
        );
        expect(await pipeline.order(order.id)).toMatchObject({ status: 'CANCELLED', version: ended.version });
      });

      it('B.1.f: of an order the broker does not know fails, is told, and leaves the order as it is', async () => {
        const order = await resting();
        await pipeline.addFault({ call: 'cancelOrder', ...NOT_FOUND });
        await pipeline.addFault({ call: 'orders', kind: 'emptyList', ...FOR_EVER });
        await commands.cancel(order);
        expect(await commands.outcomes(order, 1)).toEqual(['REFUSED']);
        expect((await pipeline.order(order.id)).status).toBe('OPEN');
        expect(await alertsOf(order)).toMatchObject([{ type: 'order_not_in_book', severity: 'CRITICAL' }]);
        await end(order);
      });

      it('is sent again after a read that shows the order live, and never twice at once', async () => {
        const order = await resting();
        await pipeline.addFault({ call: 'cancelOrder', kind: 'reset', count: 2 });
        const before = (await callsOf(pipeline.exchange))['cancelOrder'] ?? 0;
        await commands.cancel(order);
        await pipeline.waitForStatus(order, 'CANCELLED');
        expect(await commands.of(order)).toMatchObject([{ outcome: 'ACCEPTED', sends: 3 }]);
        expect(((await callsOf(pipeline.exchange))['cancelOrder'] ?? 0) - before).toBe(3);
      });

      it('that the exchange refuses is told; the order lives on', async () => {
        const order = await resting();
        await pipeline.addFault({
          call: 'cancelOrder',
          kind: 'rejectAtExchange',
          message: 'the market is closing',
        });
        await commands.cancel(order);
        expect(await commands.outcomes(order, 1)).toEqual(['REFUSED']);
        expect(await alertsOf(order)).toMatchObject([{ type: 'command_failed', severity: 'CRITICAL' }]);
        expect((await pipeline.order(order.id)).status).toBe('OPEN');
        await end(order);
      });

      it('that was done without an answer is not made again', async () => {
        const order = await resting();
        await pipeline.addFault({ call: 'cancelOrder', kind: 'acceptThenTimeout' });
        await commands.cancel(order);
        await pipeline.waitForStatus(order, 'CANCELLED');
        expect(await commands.of(order)).toMatchObject([{ outcome: 'ACCEPTED', sends: 1 }]);
      });

      it('D.2.d: is asked again after a read when the order is being processed', async () => {
        const order = await resting();
        await pipeline.addFault({ call: 'cancelOrder', ...BUSY });
        await commands.cancel(order);
        await pipeline.waitForStatus(order, 'CANCELLED');
        const [command] = await commands.of(order);
        expect(command).toMatchObject({ outcome: 'ACCEPTED' });
        expect(command?.sends).toBe(2);
      });

      it('D.2.d: of an order that is still on its way in ends it as soon as the broker takes it', async () => {
        await pipeline.changeSettings({ transitMs: TRANSIT_MS });
        const order = await pipeline.place(RESTING);
        await pipeline.waitForStatus(order, 'SUBMITTED');
        await commands.cancel(order);
        await pipeline.waitForStatus(order, 'CANCELLED');
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
      });

      it('takes the place of a modify that waits', async () => {
        const order = await resting();
        await pipeline.changeSettings({ transitMs: TRANSIT_MS });
        await commands.modify(order, { price: '2301.00' });
        await inState(order, 'IN_FLIGHT');
        await commands.modify(order, { price: '2302.00' });
        await commands.cancel(order);
        expect(await commands.modify(order, { price: '2303.00' })).toMatchObject({
          ok: false,
          error: { code: 'CANCEL_PENDING' },
        });
        expect(await commands.outcomes(order, 3)).toEqual(['ACCEPTED', 'REPLACED', 'ACCEPTED']);
        expect(await pipeline.order(order.id)).toMatchObject({ status: 'CANCELLED' });
      });
    });

    describe('to modify', () => {
      it('C.1.a: an increase shows the old quantity until the book has the new one, while limits count it', async () => {
        const order = await resting();
        const before = reservedMargin(counted(order));
        await pipeline.changeSettings({ transitMs: TRANSIT_MS });
        await commands.modify(order, { quantity: 20 });
        await answered(order);
        const pending = await pipeline.order(order.id);
        expect([pending.quantity, leavesQuantity(pending)]).toEqual([10, 10]);
        expect(reservedMargin(counted(pending))).toEqual(before.times(2));
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
        const after = await pipeline.order(order.id);
        expect(after).toMatchObject({ status: 'OPEN', quantity: 20, openingQuantity: 20, reserve: null });
        expect(reservedMargin(after)).toEqual(before.times(2));
        expect(await inBook(order)).toMatchObject({ quantity: 20 });
        await end(order);
      });

      it('C.1.a: an increase that fails a check is refused with its sentence, and never sent', async () => {
        const order = await resting();
        const before = (await callsOf(pipeline.exchange))['modifyOrder'] ?? 0;
        await commands.modify(order, { quantity: 200_000 });
        expect(await commands.outcomes(order, 1)).toEqual(['REFUSED']);
        expect((await commands.of(order))[0]?.reason).toMatch(/quantity 200000 is over the limit of 10000/);
        expect((await callsOf(pipeline.exchange))['modifyOrder'] ?? 0).toBe(before);
        expect(await pipeline.order(order.id)).toMatchObject({
          version: order.version,
          quantity: 10,
          reserve: null,
        });
        await end(order);
      });

      it('C.1.b: a fill during an increase counts, and what is left is the new quantity less the fills', async () => {
        const order = await partFilled(4);
        await pipeline.changeSettings({ transitMs: TRANSIT_MS });
        await commands.modify(order, { quantity: 20 });
        await answered(order);
        await fillPart(pipeline, 3);
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
        const after = await filledTo(order, 7);
        expect(after).toMatchObject({ status: 'PARTIALLY_FILLED', quantity: 20 });
        expect(leavesQuantity(after)).toBe(13);
        await end(order);
      });

      it('C.1.b: an increase that crosses the last fill of the old quantity does not leave the order FILLED', async () => {
        const order = await partFilled(4);
        // Done, but its answer comes late: the trades of the old quantity come with it.
        await pipeline.addFault({ call: 'modifyOrder', kind: 'slow', delayMs: 1500 });
        await commands.modify(order, { quantity: 20 });
        await waitFor(async () => (await inBook(order))?.quantity === 20, {
          what: 'the exchange to have done it',
        });
        // The changed order has to stand for a moment before it may fill.
        await eventually(
          async () => {
            await fillPart(pipeline, 6);
            expect((await inBook(order))?.filled_quantity).toBe(10);
          },
          { what: 'the exchange to fill it' },
        );
        const after = await filledTo(order, 10);
        expect(after).toMatchObject({ status: 'PARTIALLY_FILLED', quantity: 20 });
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
        await end(order);
      });

      it.each([
        ['C.1.c: an increase of a filled order', { quantity: 20 }],
        ['C.2.a: a new price for a filled order', { price: '2301.00' }],
      ])('%s is too late: it stays FILLED, nothing is tried again', async (_, terms) => {
        const order = await resting();
        const before = (await callsOf(pipeline.exchange))['modifyOrder'] ?? 0;
        await withoutReads(async () => {
          await fillPart(pipeline, 0);
          await commands.modify(order, terms);
          await answered(order);
        });
        const ended = await pipeline.waitForStatus(order, 'FILLED');
        expect(ended).toMatchObject({ quantity: 10, reserve: null });
        expect(await commands.outcomes(order, 1)).toEqual(['TOO_LATE']);
        expect((await commands.of(order))[0]?.reason).toBe('the order is filled already');
        expect((await callsOf(pipeline.exchange))['modifyOrder'] ?? 0).toBe(before + 1);
        expect(await commands.modify(order, terms)).toMatchObject({
          ok: false,
          error: { code: 'ORDER_FINISHED' },
        });
      });

      it('C.3.a: a decrease above what is filled leaves the difference', async () => {
        const order = await partFilled(4);
        await commands.modify(order, { quantity: 6 });
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
        const after = await pipeline.order(order.id);
        expect([after.status, leavesQuantity(after)]).toEqual(['PARTIALLY_FILLED', 2]);
        await end(order);
      });

      it.each([
        ['C.3.b: a decrease to what is filled', 4],
        ['C.3.c: a decrease below what is filled', 2],
      ])('%s ends the order FILLED at that', async (_, quantity) => {
        const order = await partFilled(4);
        await commands.modify(order, { quantity });
        const ended = await pipeline.waitForStatus(order, 'FILLED');
        expect(ended).toMatchObject({ quantity: 4, filledQuantity: 4 });
        expect(leavesQuantity(ended)).toBe(0);
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
        expect(await inBook(order)).toMatchObject({ status: 'CANCELLED', filled_quantity: 4 });
      });

      it('D.1.a: one after the other leaves the terms of the second', async () => {
        const order = await resting();
        await commands.modify(order, { price: '2301.00' });
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
        await commands.modify(order, { quantity: 12 });
        expect(await commands.outcomes(order, 2)).toEqual(['ACCEPTED', 'ACCEPTED']);
        const after = await pipeline.order(order.id);
        expect([after.price?.toFixed(2), after.quantity, after.modifications]).toEqual(['2301.00', 12, 2]);
        await end(order);
      });

      it('D.1.b: the first refused before it was pending, the second stands over the original terms', async () => {
        const order = await resting();
        await pipeline.addFault({ call: 'modifyOrder', kind: 'refuse', message: 'not now' });
        await commands.modify(order, { quantity: 30 });
        expect(await commands.outcomes(order, 1)).toEqual(['REFUSED']);
        await commands.modify(order, { price: '2301.00' });
        expect(await commands.outcomes(order, 2)).toEqual(['REFUSED', 'ACCEPTED']);
        const after = await pipeline.order(order.id);
        expect([after.price?.toFixed(2), after.quantity, after.reserve]).toEqual(['2301.00', 10, null]);
        await end(order);
      });

      it('D.1.c and U9: the first taken and then refused by the exchange, the state between is the true one', async () => {
        const order = await resting();
        await pipeline.addFault({
          call: 'modifyOrder',
          kind: 'rejectAtExchange',
          message: 'price out of range',
        });
        await commands.modify(order, { price: '2301.00' });
        expect(await commands.outcomes(order, 1)).toEqual(['REFUSED']);
        const [first] = await commands.of(order);
        expect(first).toMatchObject({ answer: 'ACKNOWLEDGED', reason: 'price out of range' });
        const between = await pipeline.order(order.id);
        expect([between.status, between.price?.toFixed(2), between.reserve]).toEqual([
          'OPEN',
          '2300.00',
          null,
        ]);
        expect(await alertsOf(order)).toMatchObject([{ type: 'command_failed', severity: 'WARNING' }]);
        await commands.modify(order, { price: '2302.00' });
        expect(await commands.outcomes(order, 2)).toEqual(['REFUSED', 'ACCEPTED']);
        expect((await pipeline.order(order.id)).price?.toFixed(2)).toBe('2302.00');
        await end(order);
      });

      const STOP_ENTRY = {
        ...{ orderType: 'SL-M', price: null, triggerPrice: '2480.00' },
        ...{ stopLoss: '2460.00', takeProfit: '2560.00' },
      } as const satisfies OrderFields;
      /** Passes at the market's price, too. */
      const FAR_TARGET = { takeProfit: '2800.00' };
      it.each([
        ['U9: another trigger of an SL-M', STOP_ENTRY, { triggerPrice: '2485.00' }, '2480.00'],
        [
          'U9: quantity and trigger of an SL-M',
          STOP_ENTRY,
          { quantity: 9, triggerPrice: '2485.00' },
          '2480.00',
        ],
        ['U9: LIMIT to MARKET', FAR_TARGET, { orderType: 'MARKET' }, '2300.00'],
      ] as const)(
        '%s that the exchange refuses leaves the terms as they are, and is told',
        async (_, of, terms, was) => {
          const order = await resting(of);
          await pipeline.addFault({ call: 'modifyOrder', kind: 'rejectAtExchange', message: 'out of range' });
          await commands.modify(order, terms);
          expect(await commands.outcomes(order, 1)).toEqual(['REFUSED']);
          expect(await commands.of(order)).toMatchObject([
            { answer: 'ACKNOWLEDGED', reason: 'out of range' },
          ]);
          const after = await pipeline.order(order.id);
          expect([after.orderType, after.quantity, after.reserve]).toEqual([order.orderType, 10, null]);
          expect((after.price ?? after.triggerPrice)?.toFixed(2)).toBe(was);
          expect(await alertsOf(order)).toMatchObject([{ type: 'command_failed', severity: 'WARNING' }]);
          await end(order);
        },
      );

      it('of the trigger of an SL-M is done when the book has it', async () => {
        const order = await resting(STOP_ENTRY);
        await pipeline.changeSettings({ transitMs: TRANSIT_MS });
        await commands.modify(order, { triggerPrice: '2485.00' });
        await answered(order);
        expect((await pipeline.order(order.id)).triggerPrice?.toFixed(2)).toBe('2480.00');
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
        expect((await pipeline.order(order.id)).triggerPrice?.toFixed(2)).toBe('2485.00');
        expect(await alertsOf(order)).toEqual([]);
        await end(order);
      });

      it('to MARKET, which fills at once, is done and no news from outside', async () => {
        const order = await resting(FAR_TARGET);
        await commands.modify(order, { orderType: 'MARKET' });
        const ended = await pipeline.waitForStatus(order, 'FILLED');
        expect(ended).toMatchObject({ orderType: 'MARKET', price: null });
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
        expect(await alertsOf(order)).toEqual([]);
      });

      it('D.2.a: chained ones go one at a time, and the latest takes the place of the one that waits', async () => {
        const order = await resting();
        await pipeline.changeSettings({ transitMs: TRANSIT_MS });
        const before = (await callsOf(pipeline.exchange))['modifyOrder'] ?? 0;
        await commands.modify(order, { price: '2301.00' });
        await inState(order, 'IN_FLIGHT');
        await commands.modify(order, { price: '2302.00' });
        await commands.modify(order, { price: '2303.00' });
        expect(await commands.outcomes(order, 3)).toEqual(['ACCEPTED', 'REPLACED', 'ACCEPTED']);
        expect((await pipeline.order(order.id)).price?.toFixed(2)).toBe('2303.00');
        expect((await callsOf(pipeline.exchange))['modifyOrder'] ?? 0).toBe(before + 2);
        await end(order);
      });

      it('D.2.b: the second waits for a read of the book when the first had no answer', async () => {
        const order = await resting();
        await pipeline.addFault({ call: 'modifyOrder', kind: 'acceptThenTimeout' });
        await commands.modify(order, { price: '2301.00' });
        await inState(order, 'IN_FLIGHT');
        await commands.modify(order, { quantity: 12 });
        expect(await commands.outcomes(order, 2)).toEqual(['ACCEPTED', 'ACCEPTED']);
        const [first, second] = await commands.of(order);
        expect(first).toMatchObject({ answer: 'UNKNOWN', sends: 1 });
        expect(second!.sentAt!.getTime()).toBeGreaterThanOrEqual(first!.finishedAt!.getTime());
        const after = await pipeline.order(order.id);
        expect([after.price?.toFixed(2), after.quantity]).toEqual(['2301.00', 12]);
        await end(order);
      });

      it('D.2.c: both refused leave the original terms', async () => {
        const order = await resting();
        await pipeline.addFault({
          call: 'modifyOrder',
          kind: 'rejectAtExchange',
          message: 'first',
          count: 1,
        });
        await pipeline.addFault({
          call: 'modifyOrder',
          kind: 'rejectAtExchange',
          message: 'second',
          count: 1,
        });
        await commands.modify(order, { price: '2301.00' });
        await begun(order);
        await commands.modify(order, { quantity: 30 });
        expect(await commands.outcomes(order, 2)).toEqual(['REFUSED', 'REFUSED']);
        const after = await pipeline.order(order.id);
        expect([after.status, after.price?.toFixed(2), after.quantity]).toEqual(['OPEN', '2300.00', 10]);
        await end(order);
      });

      it('D.2.d: is asked again after a read when the order is being processed', async () => {
        const order = await resting();
        await pipeline.addFault({ call: 'modifyOrder', ...BUSY });
        await commands.modify(order, { price: '2301.00' });
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
        const after = await pipeline.order(order.id);
        // A call that certainly did nothing does not count against the broker's 25.
        expect([after.status, after.price?.toFixed(2), after.modifications]).toEqual(['OPEN', '2301.00', 1]);
        expect((await commands.of(order))[0]?.sends).toBe(2);
        await end(order);
      });

      it('that the book never shows ends as UNKNOWN, is told, and stays counted', async () => {
        const order = await resting();
        await pipeline.addFault({ call: 'modifyOrder', kind: 'timeout' });
        await commands.modify(order, { quantity: 20 });
        expect(await commands.outcomes(order, 1)).toEqual(['UNKNOWN']);
        expect(await commands.of(order)).toMatchObject([{ sends: 1 }]);
        const lost = await pipeline.order(order.id);
        expect([lost.status, lost.quantity, counted(lost).quantity]).toEqual(['OPEN', 10, 20]);
        expect(await alertsOf(order)).toMatchObject([{ type: 'command_failed', severity: 'WARNING' }]);

        // It was taken after all: the terms follow the book.
        const late = await pipeline.parts.context.broker('main').modifyOrder(
          {
            ...{ variety: 'regular', orderId: order.brokerOrderId!, orderType: 'LIMIT', validity: 'DAY' },
            quantity: 20,
            price: decimal('2300'),
          },
          { timeoutMs: 60_000 },
        );
        expect(late).toEqual({ kind: 'ACKNOWLEDGED' });
        const followed = await waitFor(
          async () => {
            const now = await pipeline.order(order.id);
            return now.quantity === 20 ? now : null;
          },
          { what: 'the new quantity' },
        );
        expect(followed).toMatchObject({ reserve: null, openingQuantity: 20 });
        expect((await alertsOf(order)).map(({ type }) => type)).toEqual(['command_failed', 'late_modify']);
        await end(order);
      });

      it('U10: the 26th is refused here, and the order stays as it is', async () => {
        const order = await resting();
        await pipeline.sql('update orders set modifications = 25 where id = $1', [order.id]);
        const before = (await callsOf(pipeline.exchange))['modifyOrder'] ?? 0;
        await commands.modify(order, { price: '2301.00' });
        expect(await commands.outcomes(order, 1)).toEqual(['REFUSED']);
        expect((await commands.of(order))[0]?.reason).toBe(
          'the order was modified 25 times; the broker takes 25',
        );
        expect((await callsOf(pipeline.exchange))['modifyOrder'] ?? 0).toBe(before);
        await pipeline.sql('update orders set modifications = 0 where id = $1', [order.id]);
        await end(order);
      });

      it('of stop and target alone needs no call, and is judged at once', async () => {
        const order = await resting();
        const before = (await callsOf(pipeline.exchange))['modifyOrder'] ?? 0;
        const moved = await commands.modify(order, { stopLoss: '2285.00' });
        expect(moved).toMatchObject({ ok: true, value: { command: { outcome: 'ACCEPTED' } } });
        expect((await pipeline.order(order.id)).stopLoss?.toFixed(2)).toBe('2285.00');
        const wrongSide = await commands.modify(order, { stopLoss: '2310.00' });
        expect(wrongSide).toMatchObject({ ok: true, value: { command: { outcome: 'REFUSED' } } });
        expect((await pipeline.order(order.id)).stopLoss?.toFixed(2)).toBe('2285.00');
        expect((await callsOf(pipeline.exchange))['modifyOrder'] ?? 0).toBe(before);
        await end(order);
      });

      it('asked for twice with one key is one command; the key with other terms is refused', async () => {
        const order = await resting();
        const first = await commands.modify(order, { price: '2301.00' }, 'key-1');
        const again = await commands.modify(order, { price: '2301.00' }, 'key-1');
        expect(again.ok && first.ok && again.value.command.id === first.value.command.id).toBe(true);
        expect(await commands.modify(order, { price: '2302.00' }, 'key-1')).toMatchObject({
          ok: false,
          error: { code: 'IDEMPOTENCY_CONFLICT' },
        });
        expect(await commands.outcomes(order, 1)).toEqual(['ACCEPTED']);
        await end(order);
      });
    });
  });
});
