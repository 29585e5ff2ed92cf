import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDispatcher } from '../../../src/services/dispatch.ts';
import { sendCommand } from '../../../src/services/send-command.ts';
import { submitOrder } from '../../../src/services/submit-order.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { pollAccount } from '../../../src/services/poll-account.ts';
import { callsOf, control } from '../../support/pipeline/book.ts';
import { type Commands, commandsOf, fillPart } from '../../support/pipeline/commands.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { EXIT, type OrderFields, RESTING } from '../../support/pipeline/requests.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

/** No role runs: every step of an order and its commands is taken by the test. */
describe('commands, step by step', () => {
  let pipeline: Pipeline;
  let commands: Commands;

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend: 'postgres',
      roles: [],
      // Fills happen when a test sets prices.
      exchange: { tickIntervalMs: 3_600_000, fillDelayMs: 0 },
      environment: { MAX_POSITION_SIZE: '1000', BROKER_TIMEOUT_MS: '3000' },
    });
    commands = commandsOf(pipeline);
  });
  afterAll(async () => {
    try {
      await expectInvariants(pipeline.sql);
      expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
    } finally {
      await pipeline.stop();
    }
  });

  const step = (id: string) => ({ accountId: 'main', orderId: id });
  const validate = (id: string) => validateOrder(pipeline.parts.context, step(id));
  const submit = (id: string) => submitOrder(pipeline.parts.context, step(id));
  const send = (id: string) => sendCommand(pipeline.parts.context, step(id));
  /** A look of its own: one that a dispatcher has under way may have read the book before what the test did. */
  const poll = () =>
    eventually(
      async () => {
        const { kind } = await pollAccount(pipeline.parts.context, 'main', { always: true });
        expect(kind).toBe('read');
      },
      { what: 'the book to be read' },
    );
  const placed = async (fields: OrderFields = {}): Promise<string> =>
    (await pipeline.place({ ...RESTING, ...fields })).id;
  const resting = async (fields: OrderFields = {}): Promise<string> => {
    const id = await placed(fields);
    await validate(id);
    await submit(id);
    await poll();
    expect((await pipeline.order(id)).status).toBe('OPEN');
    return id;
  };
  const setState = (state: string) =>
    pipeline.sql(
      `update accounts set trading_state = $1, halt_id = case when $1 = 'HALTED' then gen_random_uuid() end where id = 'main'`,
      [state],
    );
  const calls = async (name: string): Promise<number> => (await callsOf(pipeline.exchange))[name] ?? 0;

  describe('of an order that the broker is at work on', () => {
    /** Ahead of the real clock, milliseconds. */
    let shiftMs = 0;
    const later = async (ms: number) => {
      shiftMs += ms;
      await pipeline.sql(
        `insert into sauda.clock_offset (shift) values ($1 * interval '1 millisecond')
         on conflict (id) do update set shift = excluded.shift`,
        [shiftMs],
      );
    };
    const show = async (id: string, word: string | null) =>
      outsideOf(pipeline).show((await pipeline.order(id)).brokerOrderId ?? '', word);
    const alerts = (id: string) =>
      pipeline.sql<{ type: string; severity: string }>(
        'select type, severity from alerts where order_id = $1 order by at, id',
        [id],
      );

    it('a cancel waits behind a modify for half a minute, then it goes, and a person is told', async () => {
      const id = await resting();
      await commands.modify({ id }, { price: '2301.00' });
      await pipeline.addFault({ call: 'modifyOrder', kind: 'timeout' });
      await send(id);
      await show(id, 'MODIFY PENDING');
      await commands.cancel({ id });
      await later(20_000);
      await poll();
      expect(await commands.of({ id })).toMatchObject([{ state: 'IN_FLIGHT' }, { state: 'WAITING' }]);
      expect(await alerts(id)).toEqual([]);

      await later(11_000);
      await poll();
      expect(await commands.of({ id })).toMatchObject([{ outcome: 'UNKNOWN' }, { state: 'WAITING' }]);
      expect(await alerts(id)).toEqual([
        { type: 'order_in_transit', severity: 'CRITICAL' },
        { type: 'command_failed', severity: 'WARNING' },
      ]);
      const before = await calls('cancelOrder');
      await send(id);
      expect(await calls('cancelOrder')).toBe(before + 1);
      await show(id, null);
      await poll();
      expect(await pipeline.order(id)).toMatchObject({ status: 'CANCELLED' });
    });

    it.each([
      ['a first status that never changes', 'PUT ORDER REQ RECEIVED', 31_000],
      ['a cancel that never comes to its end', 'CANCEL PENDING', 31_000],
      ['a word that nobody has heard of', 'GONE FISHING', 0],
      ['the release of an after-market order', 'AMO REQ RECEIVED', 0],
    ])('a cancel refused as "being processed" does not wait for ever for %s', async (_, word, inMs) => {
      const id = await resting();
      await pipeline.addFault({
        ...{ call: 'cancelOrder', kind: 'refuse', errorType: 'InputException' },
        message: 'Order cannot be cancelled as it is being processed. Try later.',
      });
      await show(id, word);
      await commands.cancel({ id });
      await send(id);
      const before = await calls('cancelOrder');
      if (inMs > 0) {
        await poll();
        await send(id);
        expect(await calls('cancelOrder')).toBe(before);
        await later(inMs);
      }
      await poll();
      await send(id);
      expect(await calls('cancelOrder')).toBe(before + 1);
      const told = (await alerts(id)).filter(({ type }) => type === 'order_in_transit');
      expect(told).toHaveLength(inMs > 0 ? 1 : 0);
      await show(id, null);
      await poll();
      expect(await pipeline.order(id)).toMatchObject({ status: 'CANCELLED' });
    });
  });

  describe('a cancel', () => {
    it.each(['PENDING', 'VALIDATED'])('of a %s order ends it at once, without a call', async (status) => {
      const id = await placed();
      if (status === 'VALIDATED') await validate(id);
      expect((await pipeline.order(id)).status).toBe(status);
      const result = await commands.cancel({ id });
      expect(result).toMatchObject({
        ok: true,
        value: { order: { status: 'CANCELLED' }, command: { state: 'DONE', outcome: 'ACCEPTED' } },
      });
      // Jobs that were on their way find nothing to do.
      await validate(id);
      await submit(id);
      await send(id);
      expect(await pipeline.order(id)).toMatchObject({
        status: 'CANCELLED',
        attempt: 0,
        brokerOrderId: null,
      });
      expect(await pipeline.kinds(id)).toEqual(
        expect.arrayContaining(['CommandRequested', 'OrderCancelled', 'CommandEnded']),
      );
    });

    it.each(['put back to wait', 'given up as lost'])(
      'without an answer, %s, that takes effect late is still ours',
      async (what) => {
        const id = await resting();
        await pipeline.addFault({ call: 'cancelOrder', kind: 'timeout' });
        await commands.cancel({ id });
        await send(id);
        if (what === 'given up as lost') {
          await pipeline.sql('update order_commands set sends = 8 where order_id = $1', [id]);
        }
        await poll();
        const [command] = await commands.of({ id });
        expect([command?.state, command?.outcome]).toEqual(
          what === 'given up as lost' ? ['DONE', 'UNKNOWN'] : ['WAITING', null],
        );
        await outsideOf(pipeline).cancel((await pipeline.order(id)).brokerOrderId ?? '');
        await poll();
        expect(await pipeline.order(id)).toMatchObject({
          status: 'CANCELLED',
          statusReason: 'cancelled by test',
        });
        const told = await pipeline.sql(
          `select type from alerts where order_id = $1 and type = 'outside_cancel'`,
          [id],
        );
        expect(told).toEqual([]);
      },
    );

    it('of an after-market order that is released at this moment finds its new address', async () => {
      const id = await placed({ variety: 'amo' });
      await validate(id);
      await submit(id);
      await poll();
      expect(await pipeline.order(id)).toMatchObject({ brokerStatus: 'AMO REQ RECEIVED' });
      await control(pipeline.exchange, 'POST', '/orders/release-amo');
      await commands.cancel({ id });
      await send(id);
      expect(await commands.of({ id })).toMatchObject([{ state: 'WAITING', answer: 'REFUSED' }]);
      await poll();
      await send(id);
      await poll();
      expect(await commands.of({ id })).toMatchObject([{ outcome: 'ACCEPTED', sends: 2 }]);
      expect(await pipeline.order(id)).toMatchObject({ status: 'CANCELLED' });
    });

    it('with a key that joins another cancel is known by its key, also after the order has ended', async () => {
      const id = await resting();
      const first = await commands.cancel({ id });
      const joined = await commands.cancel({ id }, 'joining-key');
      expect(first.ok && joined.ok && joined.value.command.id === first.value.command.id).toBe(true);
      const again = await commands.cancel({ id }, 'joining-key');
      expect(first.ok && again.ok && again.value.command.id === first.value.command.id).toBe(true);
      await send(id);
      await poll();
      expect(await pipeline.order(id)).toMatchObject({ status: 'CANCELLED' });
      expect(await commands.cancel({ id }, 'joining-key')).toMatchObject({
        ok: true,
        value: { order: { status: 'CANCELLED' }, command: { kind: 'CANCEL', state: 'DONE' } },
      });
      expect(await commands.cancel({ id }, 'another-key')).toMatchObject({ ok: false });
    });

    it('asked for a hundred times at once is one command and one call', async () => {
      const id = await resting();
      const before = await calls('cancelOrder');
      const results = await Promise.all(Array.from({ length: 100 }, () => commands.cancel({ id })));
      const ids = new Set(results.map((result) => (result.ok ? result.value.command.id : result.error.code)));
      expect(ids.size).toBe(1);
      await Promise.all(Array.from({ length: 20 }, () => send(id)));
      expect(await calls('cancelOrder')).toBe(before + 1);
      await poll();
      expect(await commands.of({ id })).toMatchObject([{ outcome: 'ACCEPTED', sends: 1 }]);
      expect(await commands.cancel({ id })).toMatchObject({ ok: false, error: { code: 'ORDER_FINISHED' } });
    });

    it('asked for twice with one key is the same one, also after the order has ended', async () => {
      const id = await placed();
      const first = await commands.cancel({ id }, 'cancel-key');
      const again = await commands.cancel({ id }, 'cancel-key');
      expect(first.ok && again.ok && first.value.command.id === again.value.command.id).toBe(true);
      const other = await placed();
      expect(await commands.cancel({ id: other }, 'cancel-key')).toMatchObject({
        ok: false,
        error: { code: 'IDEMPOTENCY_CONFLICT' },
      });
    });

    it('whose answer is younger than a read of the book is not ended by that read, nor is its order', async () => {
      const id = await resting();
      await commands.cancel({ id });
      const { context } = pipeline.parts;
      // The read begins before the call; what it gives back is as new as can be.
      const broker = Object.assign(
        Object.create(context.broker('main')) as ReturnType<typeof context.broker>,
        {
          getOrders: async () => {
            await send(id);
            return context.broker('main').getOrders();
          },
        },
      );
      await pollAccount({ ...context, broker: () => broker }, 'main', { always: true });
      expect(await pipeline.order(id)).toMatchObject({ status: 'OPEN' });
      expect(await commands.of({ id })).toMatchObject([{ state: 'IN_FLIGHT', answer: 'ACKNOWLEDGED' }]);
      await poll();
      expect(await pipeline.order(id)).toMatchObject({ status: 'CANCELLED' });
      expect(await commands.of({ id })).toMatchObject([{ outcome: 'ACCEPTED' }]);
    });

    it('is sent by the dispatcher also when what else is due can not be read', async () => {
      const id = await resting();
      await commands.cancel({ id });
      await pipeline.sql(
        `update order_commands set next_step_at = clock_timestamp() - interval '3 seconds' where order_id = $1`,
        [id],
      );
      const { context } = pipeline.parts;
      const reads = new Proxy(context.db.reads, {
        get: (pool, name) =>
          name === 'query'
            ? (query: { name?: string }) =>
                query.name === 'sauda_due'
                  ? Promise.reject(new Error('of this test'))
                  : pool.query(query as { text: string })
            : (Reflect.get(pool, name) as unknown),
      });
      const deaf = {
        ping: () => Promise.resolve({ ok: false, error: 'deaf' } as const),
        ensureSchedules: () => Promise.resolve(null),
        enqueueMany: () => Promise.resolve(false),
        isPaused: () => Promise.resolve(null),
        setPaused: () => Promise.resolve(false),
      };
      const dispatcher = createDispatcher({ ...context, db: { ...context.db, reads } }, deaf);
      await eventually(() => expect(dispatcher.beat()).rejects.toThrow('of this test'), { what: 'a beat' });
      await eventually(
        async () => expect(await commands.of({ id })).toMatchObject([{ answer: 'ACKNOWLEDGED' }]),
        { what: 'the cancel to be sent' },
      );
      await pipeline.sql(`delete from leases where name = 'dispatcher'`);
      await poll();
      expect(await pipeline.order(id)).toMatchObject({ status: 'CANCELLED' });
    });

    it('that no queue brought to a worker is sent by the dispatcher; two of them make one call', async () => {
      const id = await resting();
      const before = await calls('cancelOrder');
      await commands.cancel({ id });
      await pipeline.sql(
        `update order_commands set next_step_at = clock_timestamp() - interval '3 seconds' where order_id = $1`,
        [id],
      );
      const { context } = pipeline.parts;
      const deaf = {
        ping: () => Promise.resolve({ ok: false, error: 'deaf' } as const),
        ensureSchedules: () => Promise.resolve(null),
        enqueueMany: () => Promise.resolve(false),
        isPaused: () => Promise.resolve(null),
        setPaused: () => Promise.resolve(false),
      };
      const beats = [createDispatcher(context, deaf), createDispatcher(context, deaf)];
      await eventually(
        async () => {
          await Promise.all(beats.map((dispatcher) => dispatcher.beat()));
          expect(await commands.of({ id })).toMatchObject([{ answer: 'ACKNOWLEDGED' }]);
        },
        { what: 'the cancel to be sent' },
      );
      await poll();
      expect(await pipeline.order(id)).toMatchObject({ status: 'CANCELLED' });
      expect(await calls('cancelOrder')).toBe(before + 1);
    });

    it('passes while trading is HALTED', async () => {
      const id = await resting();
      await setState('HALTED');
      await commands.cancel({ id });
      await send(id);
      await poll();
      await setState('ACTIVE');
      expect(await pipeline.order(id)).toMatchObject({ status: 'CANCELLED' });
    });
  });

  describe('a modify', () => {
    it.each(['PENDING', 'VALIDATED'])(
      'of a %s order changes it at once, and its checks run again',
      async (status) => {
        const id = await placed();
        if (status === 'VALIDATED') await validate(id);
        const result = await commands.modify({ id }, { quantity: 20, price: '2301.00' });
        expect(result).toMatchObject({
          ok: true,
          value: { order: { status: 'PENDING', quantity: 20 }, command: { outcome: 'ACCEPTED' } },
        });
        await submit(id);
        expect((await pipeline.order(id)).attempt).toBe(0);
        await validate(id);
        expect(await pipeline.order(id)).toMatchObject({
          status: 'VALIDATED',
          quantity: 20,
          openingQuantity: 20,
        });
        await submit(id);
        await poll();
        const { orders } = await pipeline.book();
        const { brokerOrderId } = await pipeline.order(id);
        expect(orders.find((row) => row.order_id === brokerOrderId)).toMatchObject({
          quantity: 20,
          price: 2301,
        });
      },
    );

    it('of a PENDING order to terms over a limit has it rejected by its checks', async () => {
      const id = await placed();
      await commands.modify({ id }, { quantity: 5000 });
      await validate(id);
      expect(await pipeline.order(id)).toMatchObject({ status: 'REJECTED', failedCheck: 'QUANTITY_LIMITS' });
    });

    it('that breaks a rule of the market is refused with the field', async () => {
      const id = await placed();
      expect(await commands.modify({ id }, { price: '2300.03' })).toMatchObject({
        ok: false,
        error: { code: 'INVALID_ORDER', errors: [{ pointer: '/price', code: 'TICK_SIZE' }] },
      });
      await commands.cancel({ id });
    });

    it.each(['HALTED', 'REDUCING'])(
      'that raises the quantity is an entry while %s; one that lowers it passes',
      async (state) => {
        const id = await resting({ quantity: 20 });
        const before = await calls('modifyOrder');
        await setState(state);
        await commands.modify({ id }, { quantity: 21 });
        await send(id);
        expect(await commands.of({ id })).toMatchObject([{ outcome: 'REFUSED', sends: 0 }]);
        expect((await commands.of({ id }))[0]?.reason).toContain(`trading is ${state}`);
        expect(await calls('modifyOrder')).toBe(before);
        await commands.modify({ id }, { quantity: 15 });
        await send(id);
        await poll();
        await setState('ACTIVE');
        expect(await pipeline.order(id)).toMatchObject({ status: 'OPEN', quantity: 15 });
      },
    );

    it('that raises risk by its price is an entry, too', async () => {
      const id = await resting();
      await setState('HALTED');
      await commands.modify({ id }, { price: '2310.00' });
      await send(id);
      await setState('ACTIVE');
      expect(await commands.of({ id })).toMatchObject([{ outcome: 'REFUSED' }]);
    });

    it('counts its increase once: to exactly the limit passes, one more does not', async () => {
      const id = await resting({
        quantity: 600,
        symbol: 'INFY',
        price: '1500.00',
        stopLoss: '1490.00',
        takeProfit: '1530.00',
      });
      await commands.modify({ id }, { quantity: 1001 });
      await send(id);
      await commands.modify({ id }, { quantity: 1000 });
      await send(id);
      await poll();
      expect((await commands.of({ id })).map(({ outcome }) => outcome)).toEqual(['REFUSED', 'ACCEPTED']);
      expect((await commands.of({ id }))[0]?.reason).toBe(
        'the position could reach 1001, over the limit of 1000',
      );
    });

    it('on its way is counted against the limits of other orders', async () => {
      const id = await resting({
        quantity: 500,
        symbol: 'TCS',
        price: '3000.00',
        stopLoss: '2990.00',
        takeProfit: '3050.00',
      });
      await pipeline.addFault({ call: 'modifyOrder', kind: 'timeout' });
      await commands.modify({ id }, { quantity: 900 });
      await send(id);
      const other = await placed({
        quantity: 200,
        symbol: 'TCS',
        price: '3000.00',
        stopLoss: '2990.00',
        takeProfit: '3050.00',
      });
      await validate(other);
      expect(await pipeline.order(other)).toMatchObject({
        status: 'REJECTED',
        failedCheck: 'QUANTITY_LIMITS',
      });
    });

    it('taken between the reads of orders and of trades is not filled by its old quantity', async () => {
      const id = await resting();
      await fillPart(pipeline, 4);
      await poll();
      expect(await pipeline.order(id)).toMatchObject({ filledQuantity: 4 });
      await commands.modify({ id }, { quantity: 20 });
      const { context } = pipeline.parts;
      const { brokerOrderId } = await pipeline.order(id);
      const broker = Object.assign(
        Object.create(context.broker('main')) as ReturnType<typeof context.broker>,
        {
          getOrders: async () => {
            const rows = await context.broker('main').getOrders();
            await send(id);
            await eventually(
              async () => {
                await fillPart(pipeline, 6);
                const { orders } = await pipeline.book();
                expect(orders.find((row) => row.order_id === brokerOrderId)?.filled_quantity).toBe(10);
              },
              { what: 'the exchange to fill it' },
            );
            return rows;
          },
        },
      );
      await pollAccount({ ...context, broker: () => broker }, 'main', { always: true });
      expect(await pipeline.order(id)).toMatchObject({
        status: 'PARTIALLY_FILLED',
        quantity: 10,
        filledQuantity: 4,
      });
      await poll();
      expect(await pipeline.order(id)).toMatchObject({
        status: 'PARTIALLY_FILLED',
        quantity: 20,
        filledQuantity: 10,
      });
      expect(await commands.of({ id })).toMatchObject([{ outcome: 'ACCEPTED' }]);
      await commands.cancel({ id });
      await send(id);
      await poll();
    });

    it('of the stop keeps a price that waits, and a new price keeps the stop that waits', async () => {
      const id = await resting();
      await commands.modify({ id }, { price: '2301.00' });
      await commands.modify({ id }, { stopLoss: '2285.00' });
      // Nothing was on its way: the stop is there at once, and the price is still to be asked for.
      expect((await pipeline.order(id)).stopLoss?.toFixed(2)).toBe('2285.00');
      expect((await commands.of({ id })).map(({ state, outcome }) => outcome ?? state)).toEqual([
        'WAITING',
        'ACCEPTED',
      ]);
      await send(id);
      // Behind a modify on its way both wait as one.
      await commands.modify({ id }, { price: '2302.00' });
      await commands.modify({ id }, { stopLoss: '2286.00' }, 'stop-key');
      await commands.modify({ id }, { price: '2303.00' }, 'price-key');
      expect(await commands.modify({ id }, { price: '2303.00' }, 'price-key')).toMatchObject({ ok: true });
      expect(await commands.modify({ id }, { price: '2304.00' }, 'price-key')).toMatchObject({ ok: false });
      await poll();
      await send(id);
      await poll();
      const order = await pipeline.order(id);
      expect([order.price?.toFixed(2), order.stopLoss?.toFixed(2)]).toEqual(['2303.00', '2286.00']);
    });

    it('that does not fit what another one made of the order is refused when its turn comes', async () => {
      const id = await resting({ takeProfit: '2800.00' });
      await commands.modify(
        { id },
        { orderType: 'SL', triggerPrice: '2480.00', price: '2481.00', stopLoss: '2461.00' },
      );
      await send(id);
      // Judged by the limit order that it still is.
      expect(await commands.modify({ id }, { price: '2302.00' })).toMatchObject({ ok: true });
      await poll();
      expect(await pipeline.order(id)).toMatchObject({ orderType: 'SL' });
      const before = await calls('modifyOrder');
      await send(id);
      expect(await calls('modifyOrder')).toBe(before);
      const refused = (await commands.of({ id })).at(-1);
      expect(refused).toMatchObject({ outcome: 'REFUSED' });
      expect(refused?.reason).toMatch(/trigger/i);
    });

    it('of an exit to more than the position is refused', async () => {
      const id = await placed({ ...EXIT, quantity: 10, price: '2600.00', symbol: 'SBIN' });
      expect(await commands.modify({ id }, { quantity: 20, price: '900.00' })).toMatchObject({ ok: true });
      await validate(id);
      expect(await pipeline.order(id)).toMatchObject({ status: 'REJECTED' });
    });
  });
});
