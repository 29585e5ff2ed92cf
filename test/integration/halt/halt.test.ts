import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findOperation } from '../../../src/db/stores/operation-store.ts';
import type { Order } from '../../../src/domain/order.ts';
import { placeOrder } from '../../../src/services/place-order.ts';
import { type SetTradingState, setTradingState } from '../../../src/services/set-trading-state.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { MARKET, type OrderFields, RESTING, orderRequest } from '../../support/pipeline/requests.ts';
import { eventually } from '../../support/wait.ts';

const QUEUED = 200;
const IN_FLIGHT = 20;
/** More than waits before it when it comes, and less than a second's worth: the same on a machine of any speed. */
const WORK_AHEAD = 150;

function halt(accountId: string, changes: Partial<SetTradingState> = {}): SetTradingState {
  return { accountId, state: 'HALTED', scope: 'account', reason: 'a test', by: 'test', ...changes };
}

onEachBackend((backend) => {
  describe('a halt', () => {
    let pipeline: Pipeline;

    beforeAll(async () => {
      pipeline = await startPipeline({
        backend,
        accounts: ['load', 'strategies', 'unknown', 'twin', 'limited', 'working'],
        environment: {
          BROKER_TIMEOUT_MS: '4000',
          SEND_WINDOW_MS: '3000',
          ORDER_CALLS_PER_SECOND: String(IN_FLIGHT),
          ENTRY_CALLS_PER_SECOND: String(IN_FLIGHT),
          ORDER_CALLS_PER_MINUTE: '0',
          MAX_ORDER_AGE_MS: '0',
          DUPLICATE_WINDOW_MS: '0',
          MAX_OPEN_ORDER_VALUE: '0',
          MAX_POSITION_SIZE: '0',
        },
      });
    });
    afterAll(async () => {
      await pipeline.stop();
    });

    const set = async (change: SetTradingState) => {
      const done = await setTradingState(pipeline.parts.context, change);
      if (!done.ok) throw new Error(done.error.message);
      return done.value;
    };
    const inStatus = async (account: string, status: string): Promise<number> => {
      const [row] = await pipeline.sql<{ count: number }>(
        'select count(*)::int as count from orders where account_id = $1 and status = $2',
        [account, status],
      );
      return row?.count ?? 0;
    };
    const until = (what: string, check: () => Promise<void>) => eventually(check, { what });

    it(`during ${QUEUED} queued and ${IN_FLIGHT} claimed entries lets none but the claimed reach the broker`, async () => {
      const calls = { call: 'placeOrder', kind: 'slow', delayMs: 1500, count: -1 };
      await pipeline.addFault(calls);
      const placed: Promise<Order>[] = [];
      for (let n = 0; n < QUEUED + IN_FLIGHT; n += 1) {
        placed.push(pipeline.place({ account: 'load', ...RESTING, quantity: 1 + (n % 50) }));
      }
      const orders = await Promise.all(placed);
      await until('calls to be on their way', async () => {
        expect(await inStatus('load', 'SUBMITTING')).toBeGreaterThanOrEqual(IN_FLIGHT);
      });
      const answer = await set(halt('load'));
      await pipeline.clearFaults();

      // What was claimed before the latch is the journal's to say.
      const journal = await pipeline.sql<{ seq: string; kind: string; entity: string }>(
        `select seq, kind, entity from journal where account_id = 'load'
          and kind in ('SubmissionClaimed', 'TradingStateChanged', 'OrderSubmitted') order by seq`,
      );
      const latch = journal.findIndex(({ kind }) => kind === 'TradingStateChanged');
      const before = journal.slice(0, latch);
      const claimed = new Set(
        before.filter(({ kind }) => kind === 'SubmissionClaimed').map(({ entity }) => entity),
      );
      const answered = new Set(
        before.filter(({ kind }) => kind === 'OrderSubmitted').map(({ entity }) => entity),
      );
      expect(journal.slice(latch).filter(({ kind }) => kind === 'SubmissionClaimed')).toEqual([]);
      expect(answer.inFlight.map(({ id }) => id).sort()).toEqual(
        [...claimed].filter((id) => !answered.has(id)).sort(),
      );
      expect(answer.inFlight.length).toBeGreaterThan(0);
      // Every claim was answered before the answer came.
      expect(answer.inFlight.filter(({ status }) => status === 'SUBMITTING')).toEqual([]);
      expect(answer.ended).toHaveLength(orders.length - claimed.size);

      await until('the claimed ones to be cancelled', async () => {
        expect(await inStatus('load', 'CANCELLED')).toBe(answer.inFlight.length);
      });
      const book = await pipeline.book('load');
      expect(book.orders).toHaveLength(claimed.size);
      const rejected = await pipeline.sql<{ failed_check: string; attempt: number; count: number }>(
        `select failed_check, attempt, count(*)::int as count from orders
          where account_id = 'load' and status = 'REJECTED' group by 1, 2`,
      );
      expect(rejected).toEqual([
        { failed_check: 'CIRCUIT_BREAKER', attempt: 0, count: orders.length - claimed.size },
      ]);
      await until('the operation to end', async () => {
        const row = await findOperation(pipeline.parts.context.db, 'load', answer.operationId!);
        expect(row).toMatchObject({ state: 'DONE', details: { left: [] } });
      });
    });

    it('of a strategy leaves the orders of others alone', async () => {
      const at = { account: 'strategies', ...RESTING };
      const own = await pipeline.place({ ...at, strategyId: 'alpha' });
      const other = await pipeline.place({ ...at, strategyId: 'beta' });
      await Promise.all([own, other].map((order) => pipeline.waitForStatus(order, 'OPEN')));
      const alpha = halt('strategies', { scope: 'strategy', strategyId: 'alpha', cancelOpen: true });
      await set(alpha);
      expect((await pipeline.waitForStatus(own, 'final')).status).toBe('CANCELLED');
      const later = await Promise.all(
        ['alpha', 'beta', null].map((strategyId) => pipeline.place({ ...at, strategyId, quantity: 3 })),
      );
      const ended = await Promise.all(
        later.map((order) => pipeline.waitForStatus(order, 'OPEN').catch(() => pipeline.order(order.id))),
      );
      expect(ended.map(({ status, failedCheck }) => [status, failedCheck])).toEqual([
        ['REJECTED', 'CIRCUIT_BREAKER'],
        ['OPEN', null],
        ['OPEN', null],
      ]);
      expect((await pipeline.order(other.id)).status).toBe('OPEN');
    });

    it('cancels working entries when it is asked to, and leaves stops', async () => {
      const filled = await pipeline.place({ account: 'working', ...MARKET });
      await pipeline.waitForStatus(filled, 'FILLED');
      const stopFields: OrderFields = {
        ...{ side: 'SELL', orderType: 'SL', price: '2425.00', triggerPrice: '2430.00' },
        ...{ stopLoss: null, takeProfit: null, reduceOnly: true, role: 'STOP' },
      };
      const stop = await pipeline.place({ account: 'working', ...stopFields });
      const entry = await pipeline.place({ account: 'working', ...RESTING });
      await Promise.all([stop, entry].map((order) => pipeline.waitForStatus(order, 'OPEN')));
      const answer = await set(halt('working', { cancelOpen: true }));
      expect(answer.inFlight).toEqual([]);
      expect((await pipeline.waitForStatus(entry, 'final')).status).toBe('CANCELLED');
      await until('the operation to end', async () => {
        const row = await findOperation(pipeline.parts.context.db, 'working', answer.operationId!);
        expect(row?.state).toBe('DONE');
      });
      expect((await pipeline.order(stop.id)).status).toBe('OPEN');
    });

    it('cancels an order whose placement had no answer when it turns up', async () => {
      await pipeline.addFault({ call: 'placeOrder', kind: 'acceptThenReset', count: 1 });
      const hide = { call: 'orders', kind: 'serverError', count: -1 };
      await pipeline.addFault(hide);
      const order = await pipeline.place({ account: 'unknown', ...RESTING });
      await until('it to be UNKNOWN', async () => {
        expect((await pipeline.order(order.id)).status).toBe('UNKNOWN');
      });
      const answer = await set(halt('unknown'));
      expect(answer.inFlight).toEqual([{ id: order.id, status: 'UNKNOWN' }]);
      await pipeline.clearFaults();
      expect((await pipeline.waitForStatus(order, 'final')).status).toBe('CANCELLED');
      expect((await pipeline.book('unknown')).orders.map(({ status }) => status)).toEqual(['CANCELLED']);
    });

    it('ends an entry that comes back from the broker untaken, also after its release', async () => {
      await pipeline.addFault({ call: 'placeOrder', kind: 'rateLimited', count: 1 });
      await pipeline.changeSettings({ latencyMs: 3000 });
      const order = await pipeline.place({ account: 'limited', ...RESTING });
      await until('its call to be on its way', async () => {
        expect((await pipeline.order(order.id)).status).toBe('SUBMITTING');
      });
      const halted = await set(halt('limited', { waitMs: 0 }));
      await set(halt('limited', { state: 'ACTIVE', releases: halted.haltId, reason: 'again' }));
      const ended = await pipeline.waitForStatus(order, 'final');
      await pipeline.changeSettings({ latencyMs: 0 });
      // Either the halt found it back already, or its answer came after the release.
      expect(ended).toMatchObject({ status: 'REJECTED', failedCheck: 'CIRCUIT_BREAKER', attempt: 1 });
      expect((await pipeline.book('limited')).orders).toEqual([]);
    });

    it('leaves every invariant standing', async () => {
      await expectInvariants(pipeline.sql);
    });
  });

  describe('under 20 busy submitters', () => {
    it('a halt gets through before much else does', async () => {
      const pipeline = await startPipeline({ backend, roles: [], environment: { MAX_ORDER_AGE_MS: '0' } });
      try {
        const others = await Promise.all(Array.from({ length: 20 }, (_, n) => pipeline.compose(`busy-${n}`)));
        let stopped = false;
        let written = 0;
        const busy = others.map(async ({ context }) => {
          while (!stopped) {
            const placed = await placeOrder(context, {
              accountId: 'main',
              actor: 'busy',
              request: orderRequest(RESTING),
            });
            if (!placed.ok) throw new Error('refused');
            await validateOrder(context, { accountId: 'main', orderId: placed.value.order.id });
            written += 1;
          }
        });
        await eventually(() => expect(written).toBeGreaterThan(100), { what: 'work to be under way' });
        const before = written;
        const beganMs = performance.now();
        const halted = setTradingState(pipeline.parts.context, halt('main'));
        await eventually(
          async () => {
            const [row] = await pipeline.sql<{ trading_state: string }>(
              `select trading_state from accounts where id = 'main'`,
            );
            expect(row?.trading_state).toBe('HALTED');
          },
          { what: 'the halt to be in force', intervalMs: 10 },
        );
        // A second on a machine of its own; a busy one is judged by what got through before it.
        console.log(`in force ${Math.round(performance.now() - beganMs)} ms after it was asked for`);
        expect(written - before).toBeLessThan(WORK_AHEAD);
        stopped = true;
        await Promise.all([halted, ...busy]);
      } finally {
        await pipeline.stop();
      }
    });
  });
});
