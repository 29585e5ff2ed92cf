import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import type { Order } from '../../../src/domain/order.ts';
import { readDueSteps } from '../../../src/db/stores/due-store.ts';
import { armFailpoints } from '../../../src/lib/failpoint.ts';
import type { CheckResult } from '../../../src/risk/check.ts';
import type { Composition } from '../../../src/runtime/compose.ts';
import { submitOrder } from '../../../src/services/submit-order.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { mostWithin } from '../../support/pipeline/book.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { EXIT, MARKET, type OrderFields, RESTING, SHORT } from '../../support/pipeline/requests.ts';

const HALT = `update accounts set trading_state = 'HALTED', halt_id = gen_random_uuid(), halt_exits = $2 where id = $1`;

/** Of the burst: twice and more what a busy machine takes from a slot to the wire. */
const SEND_WINDOW_MS = 1000;

onEachBackend((backend) => {
  describe('just before it is sent', () => {
    let pipeline: Pipeline;
    /** A process that has never seen an instrument, a price or a fund. */
    let other: Composition;

    beforeAll(async () => {
      // Nobody works on the queues: the tests take each step themselves.
      pipeline = await startPipeline({
        ...{ backend, disturbed: true },
        roles: ['fillPoller'],
        accounts: [
          'stale',
          'halted',
          'operators',
          'exits',
          'shrunk',
          'plain',
          'strategy',
          'day',
          'missed',
          'rerun',
          'again',
          'busy',
        ],
        environment: { ORDER_PLACEMENTS_PER_DAY: '45' },
      });
      other = await pipeline.compose('other');
    });
    afterAll(async () => {
      await pipeline.stop();
    });

    const step = ({ accountId, id }: Pick<Order, 'accountId' | 'id'>) => ({ accountId, orderId: id });
    const validated = async (account: string, fields: OrderFields = {}): Promise<Order> => {
      const order = await pipeline.place({ account, ...fields });
      await validateOrder(pipeline.parts.context, step(order));
      await pipeline.waitForStatus(order, 'VALIDATED');
      return order;
    };
    const filled = async (account: string, fields: OrderFields = {}): Promise<OrderRow> => {
      const order = await validated(account, fields);
      await submitOrder(pipeline.parts.context, step(order));
      return pipeline.waitForStatus(order, 'FILLED');
    };
    const checkOf = async (orderId: string, name: string): Promise<CheckResult | undefined> => {
      const [row] = await pipeline.sql<{ results: CheckResult[] }>(
        'select results from order_checks where order_id = $1',
        [orderId],
      );
      return row?.results.find((result) => result.check === name);
    };
    it('an order older than its maxAgeMs is refused as STALE, at the checks and at submission', async () => {
      const maxAgeMs = 3_600_000;
      const waiting = await validated('stale', { maxAgeMs });
      const pending = await pipeline.place({ account: 'stale', maxAgeMs });
      const young = await validated('stale', { maxAgeMs });
      const patient = await validated('stale', { maxAgeMs: 0 });
      await pipeline.sql(
        `update orders set created_at = created_at - interval '1 hour 1 ms' where id = any($1)`,
        [[waiting.id, pending.id, patient.id]],
      );
      await submitOrder(pipeline.parts.context, step(waiting));
      await validateOrder(pipeline.parts.context, step(pending));
      for (const order of [waiting, pending]) {
        expect(await pipeline.order(order.id)).toMatchObject({
          status: 'REJECTED',
          rejectedBy: 'OMS',
          failedCheck: 'STALE',
          attempt: 0,
        });
      }
      for (const order of [young, patient]) {
        await submitOrder(pipeline.parts.context, step(order));
        await pipeline.waitForStatus(order, 'FILLED');
      }
      expect((await pipeline.book('stale')).orders).toHaveLength(2);
    });

    it('an entry meets a halt that came after its checks, in any process, and ends REJECTED', async () => {
      const first = await validated('halted');
      const second = await validated('halted');
      const pending = await pipeline.place({ account: 'halted' });
      await pipeline.sql(HALT, ['halted', 'reduceOnly']);
      await submitOrder(pipeline.parts.context, step(first));
      await submitOrder(other.context, step(second));
      await validateOrder(pipeline.parts.context, step(pending));
      for (const order of [first, second, pending]) {
        expect(await pipeline.order(order.id)).toMatchObject({
          status: 'REJECTED',
          failedCheck: 'CIRCUIT_BREAKER',
          attempt: 0,
        });
      }
      expect((await pipeline.book('halted')).orders).toEqual([]);
    });

    it('an entry of a halted strategy is refused, those of others go', async () => {
      const own = await validated('strategy', { strategyId: 'alpha' });
      const others = await validated('strategy', { strategyId: 'beta' });
      await pipeline.sql(
        `update strategies set trading_state = 'HALTED', halt_id = gen_random_uuid() where account_id = 'strategy' and id = 'alpha'`,
      );
      await submitOrder(other.context, step(own));
      await submitOrder(other.context, step(others));
      expect(await pipeline.order(own.id)).toMatchObject({
        status: 'REJECTED',
        failedCheck: 'CIRCUIT_BREAKER',
      });
      await pipeline.waitForStatus(others, 'FILLED');
    });

    it('a reduceOnly order passes a halt, unless exits are left to operators', async () => {
      await filled('exits');
      await filled('operators');
      await pipeline.sql(HALT, ['exits', 'reduceOnly']);
      await pipeline.sql(HALT, ['operators', 'operatorOnly']);
      const exit = await validated('exits', { ...EXIT, ...MARKET });
      await submitOrder(other.context, step(exit));
      await pipeline.waitForStatus(exit, 'FILLED');

      const refused = await pipeline.place({ account: 'operators', ...EXIT, ...MARKET });
      await validateOrder(pipeline.parts.context, step(refused));
      expect(await pipeline.order(refused.id)).toMatchObject({
        status: 'REJECTED',
        failedCheck: 'CIRCUIT_BREAKER',
      });
    });

    it('a reduceOnly order is never clipped: too large is refused, naming the largest that would do', async () => {
      await filled('shrunk');
      const large = await pipeline.place({ account: 'shrunk', ...EXIT, ...MARKET, quantity: 11 });
      await validateOrder(pipeline.parts.context, step(large));
      expect(await pipeline.order(large.id)).toMatchObject({
        status: 'REJECTED',
        rejectedBy: 'OMS',
        attempt: 0,
      });
      expect(await checkOf(large.id, 'REDUCE_ONLY')).toMatchObject({
        verdict: 'FAIL',
        message: expect.stringContaining('the largest is 10') as string,
      });
    });

    it('a reduceOnly order whose position went away after its checks is refused at submission', async () => {
      const exit = await validated('shrunk', { ...EXIT, ...MARKET });
      await filled('shrunk', { ...SHORT, ...MARKET, quantity: 4 });
      await submitOrder(other.context, step(exit));
      expect(await pipeline.order(exit.id)).toMatchObject({
        status: 'REJECTED',
        failedCheck: 'REDUCE_ONLY',
        attempt: 0,
      });
    });

    it('an order that was to reduce what is gone is checked again, and opens nothing unchecked', async () => {
      await filled('plain');
      const exit = await validated('plain', { ...EXIT, reduceOnly: false });
      expect((await pipeline.order(exit.id)).openingQuantity).toBe(0);
      await filled('plain', { ...SHORT, ...MARKET, quantity: 4 });
      await submitOrder(pipeline.parts.context, step(exit));
      expect(await pipeline.order(exit.id)).toMatchObject({ status: 'PENDING', attempt: 0 });
      expect(await pipeline.kinds(exit.id)).toContain('OrderCheckedAgain');
      await validateOrder(pipeline.parts.context, step(exit));
      expect(await pipeline.order(exit.id)).toMatchObject({
        status: 'REJECTED',
        failedCheck: 'STOP_LOSS_REQUIRED',
      });
    });

    it("the day's placements end with the budget: what comes later is refused, not sent", async () => {
      await pipeline.sql(
        `update accounts set budget = jsonb_build_object('slots', '[]'::jsonb, 'tens', '[]'::jsonb,
          'day', sauda.trading_day(sauda.clock())::text, 'placements', 41) where id = 'day'`,
      );
      const checks: (string | null)[] = [];
      for (let n = 0; n < 3; n += 1) {
        const order = await validated('day');
        await submitOrder(pipeline.parts.context, step(order));
        checks.push((await pipeline.waitForStatus(order, 'final')).failedCheck);
      }
      expect(checks).toEqual([null, null, 'ORDER_BUDGET']);
      expect((await pipeline.book('day')).orders).toHaveLength(2);
    });

    it('a claim that waited past its deadline is not sent, and goes in its next attempt under a new tag', async () => {
      const order = await validated('missed');
      const context = pipeline.parts.context;
      const settings = { ...context.settings, sendWindowMs: 50 };
      armFailpoints('submit.beforeCall:sleep:60');
      try {
        await submitOrder({ ...context, settings }, step(order));
      } finally {
        armFailpoints('');
      }
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'VALIDATED', attempt: 1 });
      expect((await pipeline.book('missed')).orders).toEqual([]);
      await submitOrder(context, step(order));
      const filled = await pipeline.waitForStatus(order, 'FILLED');
      expect(filled).toMatchObject({ attempt: 2 });
      expect((await pipeline.book('missed')).orders).toMatchObject([{ tag: filled.attemptTag }]);
      expect(
        await pipeline.sql(
          `select outcome, outcome_reason like 'MISSED_SLOT%' as missed from order_attempts where order_id = $1 order by attempt`,
          [order.id],
        ),
      ).toMatchObject([{ outcome: 'NOT_PLACED', missed: true }, { outcome: 'PLACED' }]);
    });

    it('U5 a job that many workers run at once, and again later, places once', async () => {
      const order = await validated('again', RESTING);
      const run = (context: Composition['context']) => submitOrder(context, step(order));
      await Promise.all(
        Array.from({ length: 20 }, (_, n) => run(n % 2 === 0 ? pipeline.parts.context : other.context)),
      );
      await pipeline.waitForStatus(order, 'OPEN');
      await Promise.all([run(pipeline.parts.context), run(other.context)]);
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'OPEN', attempt: 1 });
      expect((await pipeline.book('again')).orders).toHaveLength(1);
    });

    it('F.1.b a job that runs again after its first worker died finds the claim, and only asks', async () => {
      const order = await validated('rerun', RESTING);
      armFailpoints('submit.afterClaim:throw');
      await expect(submitOrder(pipeline.parts.context, step(order))).rejects.toThrow('submit.afterClaim');
      for (const context of [other.context, pipeline.parts.context]) await submitOrder(context, step(order));
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'SUBMITTING', attempt: 1 });
      // Once nobody can answer any more it is a question to the book.
      await pipeline.sql('update orders set next_step_at = clock_timestamp() where id = $1', [order.id]);
      await submitOrder(other.context, step(order));
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'UNKNOWN', attempt: 1 });
      expect((await pipeline.book('rerun')).orders).toEqual([]);
    });

    it('U11 a 429 is no rejection: both wait out the pause, and then the exit goes before the entry', async () => {
      const { context } = pipeline.parts;
      await filled('busy', { quantity: 5 });
      const entry = await validated('busy', RESTING);
      const exit = await validated('busy', { ...EXIT, ...MARKET, quantity: 5 });
      await pipeline.addFault({ call: 'placeOrder', kind: 'rateLimited', user: 'busy', count: 2 });
      for (const order of [entry, exit]) {
        await submitOrder(context, step(order));
        expect(await pipeline.order(order.id)).toMatchObject({ status: 'VALIDATED', rejectedBy: null });
      }
      // The pauses are over, the entry's first: the test does not wait for them.
      await pipeline.sql(
        `update orders set next_step_at = clock_timestamp() - case when id = $1 then interval '1 second' else '0' end
         where account_id = 'busy' and status = 'VALIDATED'`,
        [entry.id],
      );
      const { orders } = await readDueSteps(context.db);
      const due = orders.filter(({ accountId }) => accountId === 'busy');
      expect(due.map(({ id }) => id)).toEqual([exit.id, entry.id]);
      for (const order of due) await submitOrder(context, step(order));
      await pipeline.waitForStatus(exit, 'FILLED');
      expect(await pipeline.waitForStatus(entry, 'OPEN')).toMatchObject({ attempt: 2 });
    });

    it('leaves every invariant standing', async () => {
      await expectInvariants(pipeline.sql);
    });
  });

  describe('with all roles at work', () => {
    let pipeline: Pipeline;

    beforeAll(async () => {
      pipeline = await startPipeline({
        ...{ backend, disturbed: true },
        accounts: ['race', 'burst'],
        environment: {
          SEND_WINDOW_MS: String(SEND_WINDOW_MS),
          ORDER_CALLS_PER_SECOND: '8',
          ENTRY_CALLS_PER_SECOND: '6',
          ORDER_CALLS_PER_MINUTE: '380',
        },
      });
    });
    afterAll(async () => {
      await pipeline.stop();
    });

    it('racing exits never reverse a position', async () => {
      await pipeline.waitForStatus(await pipeline.place({ account: 'race' }), 'FILLED');
      const exits = await Promise.all(
        Array.from({ length: 10 }, () =>
          pipeline.place({ account: 'race', ...EXIT, ...MARKET, quantity: 4 }),
        ),
      );
      const ended = await Promise.all(exits.map((order) => pipeline.waitForStatus(order, 'final')));
      expect(ended.filter((row) => row.status === 'FILLED')).toHaveLength(2);
      const refused = await pipeline.sql(
        `select count(*)::int as count from orders o join order_checks c on c.order_id = o.id
          where o.account_id = 'race' and o.status = 'REJECTED' and o.rejected_by = 'OMS'
            and c.results @> '[{"check": "REDUCE_ONLY", "verdict": "FAIL"}]'`,
      );
      expect(refused).toEqual([{ count: 8 }]);
      const sums = await pipeline.sql<{ held: number }>(
        `select sum(quantity) over (order by traded_at, length(trade_id), trade_id)::int as held from position_entries where account_id = 'race'`,
      );
      expect(Math.min(...sums.map((row) => row.held))).toBe(2);
    });

    it('a burst of 30 orders reaches the exchange within 8 in any second, entries within 6, and all go', async () => {
      const infy: OrderFields = {
        symbol: 'INFY',
        price: '1580.00',
        stopLoss: '1570.00',
        takeProfit: '1610.00',
      };
      const first = await pipeline.place({ account: 'burst', ...infy, quantity: 100 });
      await pipeline.waitForStatus(first, 'FILLED');
      const burst = await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          pipeline.place({
            account: 'burst',
            quantity: 1,
            ...(index % 5 === 0 ? { ...EXIT, ...MARKET, symbol: 'INFY' } : {}),
          }),
        ),
      );
      for (const order of burst) await pipeline.waitForStatus(order, 'FILLED');

      const calls = await readCalls();
      const entries = calls.filter((call) => call.side === 'BUY');
      const exits = calls.filter((call) => call.side === 'SELL');
      // A call starts in its slot's window, so slots this far apart keep the calls of any second within the limit.
      const apart = 1000 + SEND_WINDOW_MS;
      expect(mostWithin(apart, calls.map(slotOf))).toBeLessThanOrEqual(8);
      expect(mostWithin(apart, entries.map(slotOf))).toBeLessThanOrEqual(6);
      const received = calls.flatMap((call) => call.receivedAt ?? []);
      expect(received).toHaveLength(31);
      for (const call of calls) expect(call.receivedAt ?? Infinity).toBeGreaterThanOrEqual(call.slotAt - 2);
      // What a stop of the machine held back between the last look at the clock and the exchange proves nothing.
      const inTime = (of: readonly Call[]) =>
        of.flatMap(({ receivedAt, sendBy }) =>
          receivedAt !== null && receivedAt <= sendBy ? receivedAt : [],
        );
      expect(mostWithin(1000, inTime(calls))).toBeLessThanOrEqual(8);
      expect(mostWithin(1000, inTime(entries))).toBeLessThanOrEqual(6);
      // Exits do not wait behind entries: of 8 slots two are not for these.
      expect(Math.max(...exits.map(slotOf))).toBeLessThan(Math.max(...entries.map(slotOf)));
    });

    interface Call {
      readonly side: string;
      /** Epoch milliseconds. */
      readonly slotAt: number;
      readonly sendBy: number;
      /** Null: it was too late for its slot, and took another. */
      readonly receivedAt: number | null;
    }
    const slotOf = (call: Call): number => call.slotAt;
    const readCalls = async (): Promise<Call[]> => {
      const attempts = await pipeline.sql<
        Omit<Call, 'receivedAt'> & { readonly brokerOrderId: string | null }
      >(
        `select o.side, t.broker_order_id as "brokerOrderId", extract(epoch from t.not_before)::float8 * 1000 as "slotAt",
            extract(epoch from t.send_by)::float8 * 1000 as "sendBy"
          from order_attempts t join orders o on o.account_id = t.account_id and o.id = t.order_id
          where t.account_id = 'burst' order by t.not_before`,
      );
      const { orders } = await pipeline.book('burst');
      const receivedAt = new Map(orders.map((order) => [order.order_id, order.received_at_ms]));
      return attempts.map(({ brokerOrderId, ...call }) => ({
        ...call,
        receivedAt: receivedAt.get(brokerOrderId ?? '') ?? null,
      }));
    };

    it('leaves every invariant standing', async () => {
      await expectInvariants(pipeline.sql, { atRest: true });
    });
  });
});
