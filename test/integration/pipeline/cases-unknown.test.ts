/** What is not known, and how it ends: controls.md G.1.a to G.1.c, U1 to U4, U6, U7, U12, U20, U21, U23, and resolve. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import { reservedMargin } from '../../../src/domain/live-order.ts';
import { armFailpoints } from '../../../src/lib/failpoint.ts';
import { pollAccount } from '../../../src/services/poll-account.ts';
import { readOrder } from '../../../src/services/read-orders.ts';
import { type ResolveOrderInput, resolveOrder } from '../../../src/services/resolve-order.ts';
import { pollWith } from '../../support/pipeline/books.ts';
import { callsOf, control } from '../../support/pipeline/book.ts';
import { commandsOf } from '../../support/pipeline/commands.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { type OutsideOrder, outsideOf } from '../../support/pipeline/outside.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { type OrderFields, RESTING } from '../../support/pipeline/requests.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually, waitFor } from '../../support/wait.ts';

const ACCOUNTS = [
  ...['g1a', 'g1b', 'g1c', 'u1', 'u2', 'u3', 'u4call', 'u4answer', 'u6', 'u7', 'u12', 'u20', 'u21', 'u23'],
  ...['twin', 'never', 'latetwin', 'untagged', 'filled', 'wrong', 'waiting', 'race', 'answer', 'unread'],
];
const LOST = { kind: 'timeout' };
const LATE = (delayMs: number) => ({ kind: 'lateVisibility', silent: true, delayMs });
/** Until the test shows it: no time decides. */
const HIDDEN = LATE(3_600_000);

onEachBackend((backend) => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend,
      disturbed: true,
      accounts: ['main', ...ACCOUNTS],
      // Many cases are about a call without an answer.
      environment: { BROKER_TIMEOUT_MS: '2000' },
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
  beforeEach(() => pipeline.clearFaults());
  afterEach(() => armFailpoints(''));

  const place = (account: string, fields: OrderFields = {}) =>
    pipeline.place({ account, maxAgeMs: 0, ...fields });
  const failing = (account: string, fault: object, call = 'placeOrder') =>
    pipeline.addFault({ call, user: account, ...fault });
  /** An order that the broker never had, and nobody can know. */
  const inDoubt = async (account: string, fields: OrderFields = {}): Promise<OrderRow> => {
    await failing(account, LOST);
    const order = await pipeline.waitForStatus(await place(account, { ...RESTING, ...fields }), 'UNKNOWN');
    return order;
  };
  const resolve = (order: Pick<OrderRow, 'id' | 'accountId'>, of: Partial<ResolveOrderInput>) =>
    resolveOrder(pipeline.parts.context, {
      accountId: order.accountId,
      orderId: order.id,
      actor: 'a person',
      decision: 'neverPlaced',
      brokerOrderId: null,
      reason: 'asked the broker',
      ...of,
    });
  const alertsOf = async (account: string): Promise<string[]> =>
    (
      await pipeline.sql<{ said: string }>(
        `select severity || ' ' || type || case when cleared_at is null then '' else ' cleared' end as said
         from alerts where account_id = $1 order by at, id`,
        [account],
      )
    ).map(({ said }) => said);
  const told = (account: string, what: string) =>
    waitFor(async () => (await alertsOf(account)).includes(what), { what: `"${what}"` });
  const reads = (account: string, count: number) =>
    waitFor(
      async () => {
        const [row] = await pipeline.sql<{ count: number }>(
          'select count(*)::int as count from broker_reads where account_id = $1 and clean',
          [account],
        );
        return (row?.count ?? 0) >= count;
      },
      { what: `${count} clean reads` },
    );
  const placements = async (account: string) => (await pipeline.book(account)).orders.length;
  const becomes = (order: Pick<OrderRow, 'id'>, wanted: object): Promise<OrderRow> =>
    eventually(
      async () => {
        const row = await pipeline.order(order.id);
        expect(row).toMatchObject(wanted);
        return row;
      },
      { what: `order ${order.id} to be ${JSON.stringify(wanted)}` },
    );
  const outside = (account: string, order: Partial<OutsideOrder> = {}): Promise<string> =>
    outsideOf(pipeline, account).place({ side: 'BUY', quantity: 10, price: '2300.00', ...order });
  const orderOf = async (account: string, brokerOrderId: string): Promise<OrderRow | undefined> =>
    pipeline.parts.context.db.orm.query.orders.findFirst({
      where: (o, { and, eq }) => and(eq(o.accountId, account), eq(o.brokerOrderId, brokerOrderId)),
    });

  describe('a placement without an answer', () => {
    it('U1 that the broker took is found by its tag and followed; there is one broker order', async () => {
      await failing('u1', { kind: 'acceptThenTimeout' });
      const order = await place('u1');
      const row = await pipeline.waitForStatus(order, 'FILLED');
      expect((await pipeline.book('u1')).orders).toMatchObject([{ tag: row.attemptTag }]);
    });

    it('U2 that the broker never got stays UNKNOWN until a person says so; its margin is free then', async () => {
      const order = await inDoubt('u2');
      await told('u2', 'CRITICAL order_unknown');
      const unknown = await pipeline.order(order.id);
      expect(reservedMargin(unknown).gt(0)).toBe(true);
      // While nobody knows, limits count it: with another like it, open orders would be worth too much.
      const limit = {
        MAX_OPEN_ORDER_VALUE: { value: '30000', setBy: 'test', setAt: new Date().toISOString() },
      };
      await pipeline.sql(`update accounts set limits = $1 where id = 'u2'`, [limit]);
      const beside = await place('u2', { ...RESTING, price: '2301.00' });
      expect(await pipeline.waitForStatus(beside, 'REJECTED')).toMatchObject({
        failedCheck: 'OPEN_ORDER_VALUE',
      });
      await pipeline.sql(`update accounts set limits = '{}' where id = 'u2'`);
      expect((await resolve(order, {})).ok).toBe(true);
      const ended = await pipeline.order(order.id);
      expect(ended).toMatchObject({ status: 'REJECTED', rejectedBy: 'OMS', attempt: 1 });
      expect(ended.statusReason).toContain('a person');
      expect(reservedMargin(ended).isZero()).toBe(true);
      expect(await alertsOf('u2')).toEqual([
        'CRITICAL order_unknown cleared',
        'WARNING order_rejected cleared',
        'WARNING order_rejected cleared',
      ]);
      // A new try is a new decision.
      const again = await place('u2');
      await pipeline.waitForStatus(again, 'FILLED');
      expect(await placements('u2')).toBe(1);
    });

    it('U3 that appears after clean reads without it is matched all the same; nothing was placed again', async () => {
      await failing('u3', LATE(1200));
      const order = await place('u3');
      await reads('u3', 1);
      expect((await pipeline.order(order.id)).status).not.toBe('FILLED');
      await pipeline.waitForStatus(order, 'FILLED');
      expect(await placements('u3')).toBe(1);
    });

    it('U4 because its worker died before the call is resolved by asking: never placed again by a machine', async () => {
      armFailpoints('submit.beforeCall:hang');
      const order = await place('u4call', RESTING);
      const unknown = await pipeline.waitForStatus(order, 'UNKNOWN');
      armFailpoints('');
      expect(unknown.statusReason).toContain('never reported');
      await told('u4call', 'CRITICAL order_unknown');
      expect(await placements('u4call')).toBe(0);
      expect((await resolve(unknown, {})).ok).toBe(true);
    });

    it('U4 because its worker died between the call and the answer is found in the book', async () => {
      armFailpoints('submit.afterCall:hang');
      const order = await place('u4answer', RESTING);
      await pipeline.waitForStatus(order, 'OPEN');
      armFailpoints('');
      expect(await placements('u4answer')).toBe(1);
    });

    it('U6 is filled before its answer is here: the fill is kept, and counted once', async () => {
      await failing('u6', { kind: 'slow', delayMs: 400 });
      const order = await place('u6');
      const row = await pipeline.waitForStatus(order, 'FILLED');
      await waitFor(async () => (await callsOf(pipeline.exchange))['placeOrder'], { what: 'the answer' });
      expect(row.filledQuantity).toBe(10);
      expect((await pipeline.kinds(order.id)).filter((kind) => kind === 'TradeRecorded')).toHaveLength(1);
    });

    it('U12 because the session died is not placed, waits for a login without a storm, and goes on after it', async () => {
      await failing('u12', { kind: 'forbidden' });
      const order = await place('u12', RESTING);
      const waiting = await becomes(order, { status: 'VALIDATED', attempt: 1 });
      // A look that the broker answers clears it again, perhaps before this one sees it.
      expect(await alertsOf('u12')).toContainEqual(expect.stringMatching(/^CRITICAL broker_session_expired/));
      const pauseMs = (waiting.nextStepAt?.getTime() ?? 0) - waiting.updatedAt.getTime();
      expect(pauseMs).toBeGreaterThan(20_000);
      // Somebody logged in; the test does not wait for the pause.
      await pipeline.sql('update orders set next_step_at = clock_timestamp() where id = $1', [order.id]);
      await becomes(order, { status: 'OPEN', attempt: 2 });
      expect(await placements('u12')).toBe(1);
    });
  });

  describe('a question about an order', () => {
    it('G.1.a that finds nothing once proves nothing: the order stays in doubt, with every read kept', async () => {
      const order = await inDoubt('g1a');
      await reads('g1a', 3);
      expect((await pipeline.order(order.id)).status).toBe('UNKNOWN');
      const story = await readOrder(pipeline.parts.context.db, 'g1a', order.id);
      expect(story?.evidence?.cleanCount).toBeGreaterThanOrEqual(3);
      for (const read of story?.evidence?.reads ?? []) {
        expect(read).toMatchObject({ clean: true, found: false, ofItsDay: true });
      }
      expect((await resolve(order, {})).ok).toBe(true);
    });

    it('G.1.b that is answered after no answer drives the order as an answer would', async () => {
      await failing('g1b', { kind: 'acceptThenReset' });
      const order = await place('g1b', RESTING);
      const row = await pipeline.waitForStatus(order, 'OPEN');
      const [attempt] = await pipeline.sql<{ outcome: string; broker_order_id: string }>(
        'select outcome, broker_order_id from order_attempts where order_id = $1',
        [order.id],
      );
      expect(attempt).toEqual({ outcome: 'ADOPTED', broker_order_id: row.brokerOrderId });
    });

    it('G.1.c that is asked all through its life changes nothing where nothing changed', async () => {
      const order = await pipeline.waitForStatus(await place('g1c', RESTING), 'OPEN');
      const before = await pipeline.kinds(order.id);
      for (let look = 0; look < 5; look++) {
        await pollAccount(pipeline.parts.context, 'g1c', { always: true });
      }
      expect(await pipeline.kinds(order.id)).toEqual(before);
      expect((await pipeline.order(order.id)).version).toBe(order.version);
    });

    it('U7 at any number and in any order takes no state back', async () => {
      const resting = await pipeline.waitForStatus(await place('u7', RESTING), 'OPEN');
      const filled = await pipeline.waitForStatus(await place('u7'), 'FILLED');
      const { context } = pipeline.parts;
      const now = await context.broker('u7').getOrders();
      // What a cache or a late push would say: open, nothing filled.
      const old = now.map((row) => ({ ...row, status: 'OPEN', filledQuantity: 0 }));
      await pollWith(pipeline, 'u7', { orders: () => old });
      await Promise.all(Array.from({ length: 8 }, () => pollAccount(context, 'u7', { always: true })));
      await pollWith(pipeline, 'u7', { orders: (rows) => [...rows].reverse() });
      expect(await pipeline.order(filled.id)).toMatchObject({ status: 'FILLED', filledQuantity: 10 });
      expect(await pipeline.order(resting.id)).toMatchObject({ status: 'OPEN', version: resting.version });
    });

    it('U20 whose answer fails or is empty is never read as "nothing is there"', async () => {
      const held = await pipeline.waitForStatus(await place('u20'), 'FILLED');
      const resting = await pipeline.waitForStatus(await place('u20', RESTING), 'OPEN');
      for (const call of ['orders', 'trades', 'positions']) {
        for (const kind of ['emptyList', 'serverError', 'truncated']) {
          await failing('u20', { kind, count: 2 }, call);
        }
      }
      for (let look = 0; look < 8; look++) {
        await pollAccount(pipeline.parts.context, 'u20', { always: true }).catch(() => undefined);
      }
      expect(await pipeline.order(resting.id)).toMatchObject({ status: 'OPEN', version: resting.version });
      expect(await pipeline.order(held.id)).toMatchObject({ status: 'FILLED', version: held.version });
      const positions = await pipeline.sql(`select quantity, status from positions where account_id = 'u20'`);
      expect(positions).toEqual([{ quantity: 10, status: 'OPEN' }]);
    });

    it('U21 may list orders in any order, and use an id again on another day', async () => {
      const first = await pipeline.waitForStatus(await place('u21'), 'FILLED');
      const second = await pipeline.waitForStatus(await place('u21', RESTING), 'OPEN');
      await pollWith(pipeline, 'u21', { orders: (rows) => [...rows].reverse() });
      expect((await pipeline.order(second.id)).version).toBe(second.version);

      // The same id in the book of the next day is another order.
      const tomorrow = (at: Date | null) => (at === null ? null : new Date(at.getTime() + 24 * 3_600_000));
      await pollWith(pipeline, 'u21', {
        orders: (rows) => {
          const row = rows.find(({ orderId }) => orderId === first.brokerOrderId);
          if (row === undefined) throw new Error('the order is not in the book');
          const again = {
            ...row,
            ...{ status: 'OPEN', filledQuantity: 0, tag: null, tags: [] },
            orderTimestamp: tomorrow(row.orderTimestamp),
          };
          return [again, ...rows];
        },
      });
      const rows = await pipeline.sql(
        `select cause, status, filled_quantity from orders where account_id = 'u21' and broker_order_id = $1 order by cause`,
        [first.brokerOrderId],
      );
      expect(rows).toEqual([
        { cause: 'EXTERNAL', status: 'OPEN', filled_quantity: 0 },
        { cause: 'REQUEST', status: 'FILLED', filled_quantity: 10 },
      ]);
    });

    it('U23 and L.1.a that is answered by any word of transit, or one never heard of, leaves the order live', async () => {
      const order = await pipeline.waitForStatus(await place('u23', RESTING), 'OPEN');
      const book = outsideOf(pipeline, 'u23');
      const words = [
        'PUT ORDER REQ RECEIVED',
        'VALIDATION PENDING',
        'OPEN PENDING',
        'MODIFY VALIDATION PENDING',
        'MODIFY PENDING',
        'MODIFIED',
        'NOT MODIFIED',
        'CANCEL PENDING',
        'UPDATE',
      ];
      for (const word of words) {
        await book.show(order.brokerOrderId ?? '', word);
        await becomes(order, { status: 'OPEN', brokerStatus: word, finishedAt: null });
      }
      expect(await alertsOf('u23')).toEqual([]);
      await book.show(order.brokerOrderId ?? '', 'FROZEN BY MOON');
      await becomes(order, { status: 'OPEN', brokerStatus: 'FROZEN BY MOON', finishedAt: null });
      expect(await alertsOf('u23')).toEqual(['WARNING broker_status_unknown']);
      await book.show(order.brokerOrderId ?? '', null);
      await becomes(order, { brokerStatus: 'OPEN' });
    });
  });

  describe('a person who resolves', () => {
    it('says never placed twice with one effect, and nothing about an order that is not in doubt', async () => {
      const order = await inDoubt('never');
      const both = await Promise.all([resolve(order, {}), resolve(order, {})]);
      expect(both.map(({ ok }) => ok)).toEqual([true, true]);
      expect((await resolve(order, {})).ok).toBe(true);
      expect((await pipeline.kinds(order.id)).filter((kind) => kind === 'OrderRejected')).toHaveLength(1);
      const [attempt] = await pipeline.sql<{ outcome: string }>(
        'select outcome from order_attempts where order_id = $1',
        [order.id],
      );
      expect(attempt?.outcome).toBe('NEVER_PLACED');

      const open = await pipeline.waitForStatus(await place('never', RESTING), 'OPEN');
      for (const decision of ['neverPlaced', 'expired'] as const) {
        expect(await resolve(open, { decision })).toMatchObject({
          ok: false,
          error: { code: 'ORDER_NOT_UNKNOWN', order: { status: 'OPEN' } },
        });
      }
      expect(await resolve({ id: pipeline.parts.context.newId(), accountId: 'never' }, {})).toEqual({
        ok: false,
        error: { code: 'NOT_FOUND' },
      });
    });

    it('is overruled by a twin that turns up later: it is followed, and told', async () => {
      await failing('latetwin', HIDDEN);
      const order = await place('latetwin', RESTING);
      await pipeline.waitForStatus(order, 'UNKNOWN');
      expect((await resolve({ ...order, accountId: 'latetwin' }, {})).ok).toBe(true);
      expect((await pipeline.order(order.id)).status).toBe('REJECTED');
      await control(pipeline.exchange, 'POST', '/orders/show');
      const back = await becomes(order, { status: 'OPEN', rejectedBy: null });
      expect(back.brokerOrderId).not.toBeNull();
      await told('latetwin', 'CRITICAL late_twin');
    });

    it('loses to the book when both speak at once: whoever is first, the broker order is followed', async () => {
      await failing('race', HIDDEN);
      const order = await place('race', RESTING);
      await pipeline.waitForStatus(order, 'UNKNOWN');
      await control(pipeline.exchange, 'POST', '/orders/show');
      const [decided] = await Promise.all([
        resolve({ ...order, accountId: 'race' }, {}),
        pollAccount(pipeline.parts.context, 'race', { always: true }),
      ]);
      expect(decided).toMatchObject({ ok: false, error: { code: 'ORDER_NOT_UNKNOWN' } });
      const row = await becomes(order, { status: 'OPEN' });
      expect(row.rejectedBy).toBeNull();
    });

    it('adopts an order without our tag that is live: its outside row lets go of it', async () => {
      const order = await inDoubt('untagged');
      const id = await outside('untagged');
      const before = await waitFor(() => orderOf('untagged', id), { what: 'the outside row' });
      expect(before.cause).toBe('EXTERNAL');
      const story = await readOrder(pipeline.parts.context.db, 'untagged', order.id);
      expect(story?.evidence?.candidates).toMatchObject([
        { brokerOrderId: id, side: 'BUY', quantity: 10, orderId: before.id, cause: 'EXTERNAL' },
      ]);

      const adopted = await resolve(order, { decision: 'adopt', brokerOrderId: id });
      expect(adopted).toMatchObject({ ok: true, value: { id: order.id, status: 'OPEN', brokerOrderId: id } });
      expect(await pipeline.order(before.id)).toMatchObject({ status: 'CANCELLED', brokerOrderId: null });
      // Twice is the same as once.
      expect((await resolve(order, { decision: 'adopt', brokerOrderId: id })).ok).toBe(true);
      expect((await pipeline.kinds(order.id)).filter((kind) => kind === 'OrderSubmitted')).toHaveLength(1);
    });

    it('adopts an order without our tag that is filled, with its fills and their strategy at once', async () => {
      const order = await inDoubt('filled', { strategyId: 'momentum' });
      const id = await outside('filled', { price: '2450.00' });
      await eventually(
        async () =>
          expect(await orderOf('filled', id)).toMatchObject({ cause: 'EXTERNAL', status: 'FILLED' }),
        { what: 'the outside fill' },
      );
      const adopted = await resolve(order, { decision: 'adopt', brokerOrderId: id });
      expect(adopted).toMatchObject({ ok: true, value: { status: 'FILLED', filledQuantity: 10 } });
      const positions = await pipeline.sql(
        `select managed_by, quantity from positions where account_id = 'filled' and status = 'OPEN'`,
      );
      expect(positions).toEqual([{ managed_by: 'OMS', quantity: 10 }]);
      const own = await pipeline.sql(
        `select strategy_id, quantity from strategy_positions where account_id = 'filled'`,
      );
      expect(own).toEqual([{ strategy_id: 'momentum', quantity: 10 }]);
      const trades = await pipeline.sql(
        `select order_id, strategy_id, annulled_at from trades where account_id = 'filled'`,
      );
      expect(trades).toEqual([{ order_id: order.id, strategy_id: 'momentum', annulled_at: null }]);
    });

    it('can not adopt what is another order, instrument or side, or is not there', async () => {
      const order = await inDoubt('wrong');
      const own = await pipeline.waitForStatus(await place('wrong', RESTING), 'OPEN');
      const sale = await outside('wrong', { side: 'SELL', price: '2600.00' });
      await waitFor(() => orderOf('wrong', sale), { what: 'the outside row' });
      const adopt = (brokerOrderId: string | null) => resolve(order, { decision: 'adopt', brokerOrderId });
      expect(await adopt(own.brokerOrderId)).toMatchObject({ error: { code: 'BROKER_ORDER_DIFFERS' } });
      expect(await adopt(sale)).toMatchObject({ error: { code: 'BROKER_ORDER_DIFFERS' } });
      expect(await adopt('12345')).toMatchObject({ error: { code: 'BROKER_ORDER_NOT_FOUND' } });
      expect(await adopt(null)).toMatchObject({ error: { code: 'BROKER_ORDER_NOT_FOUND' } });
      expect((await pipeline.order(order.id)).status).toBe('UNKNOWN');
      expect((await resolve(order, {})).ok).toBe(true);
    });

    it('adopts by what was seen before where the book can not be read now', async () => {
      const order = await inDoubt('unread');
      const id = await outside('unread');
      await waitFor(() => orderOf('unread', id), { what: 'the outside row' });
      await failing('unread', { kind: 'serverError', count: -1 }, 'orders');
      const adopted = await resolve(order, { decision: 'adopt', brokerOrderId: id });
      expect(adopted).toMatchObject({ ok: true, value: { status: 'SUBMITTED', brokerOrderId: id } });
      await pipeline.clearFaults();
      await becomes(order, { status: 'OPEN' });
    });

    it('lets the cancel that waited for the end of the doubt go on', async () => {
      const doubtful = await inDoubt('waiting');
      const commands = commandsOf(pipeline, 'waiting');
      await commands.cancel(doubtful);
      expect((await resolve(doubtful, {})).ok).toBe(true);
      expect(await commands.outcomes(doubtful, 1)).toEqual(['TOO_LATE']);

      const other = await inDoubt('waiting');
      await commands.cancel(other);
      const id = await outside('waiting');
      await waitFor(() => orderOf('waiting', id), { what: 'the outside row' });
      expect((await resolve(other, { decision: 'adopt', brokerOrderId: id })).ok).toBe(true);
      expect(await commands.outcomes(other, 1)).toEqual(['ACCEPTED']);
      await becomes(other, { status: 'CANCELLED' });
    });
  });

  it('an answer that names a broker order which the book showed without our tag makes it ours', async () => {
    await failing('answer', { kind: 'slow', delayMs: 300 });
    const order = await place('answer', RESTING);
    await waitFor(async () => (await placements('answer')) > 0, { what: 'the order at the broker' });
    await pollWith(pipeline, 'answer', {
      orders: (rows) => rows.map((row) => ({ ...row, tag: null, tags: [] })),
    });
    const row = await becomes(order, { status: 'OPEN' });
    const rows = await pipeline.sql(
      `select id, broker_order_id from orders where account_id = 'answer' and broker_order_id is not null`,
    );
    expect(rows).toEqual([{ id: order.id, broker_order_id: row.brokerOrderId }]);
  });

  it('a second broker order with our tag is a row of its own, linked, followed, counted, and told', async () => {
    const order = await pipeline.waitForStatus(await place('twin', RESTING), 'OPEN');
    const id = await outside('twin', { as: 'program', tag: order.attemptTag ?? '' });
    const twin = await waitFor(() => orderOf('twin', id), { what: 'the twin' });
    expect(twin).toMatchObject({ cause: 'TWIN', parentOrderId: order.id, status: 'OPEN', quantity: 10 });
    expect(reservedMargin(twin).eq(reservedMargin(order))).toBe(true);
    expect(await alertsOf('twin')).toEqual(['CRITICAL broker_twin']);
    // The person decides: the second one goes.
    await commandsOf(pipeline, 'twin').cancel(twin);
    await becomes(twin, { status: 'CANCELLED' });
    expect((await pipeline.order(order.id)).status).toBe('OPEN');
    expect(await alertsOf('twin')).toEqual(['CRITICAL broker_twin']);
  });
});
