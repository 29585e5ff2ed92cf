/** Policies, halts and closing, with stops at the exchange: docs/protection.md. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import { readPositions } from '../../../src/services/read-positions.ts';
import { readUnprotectedSeconds } from '../../../src/services/read-unprotected.ts';
import { setTradingState } from '../../../src/services/set-trading-state.ts';
import { commandsOf } from '../../support/pipeline/commands.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { guardedOf } from '../../support/pipeline/protection.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { type OrderFields, RESTING } from '../../support/pipeline/requests.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

const ACCOUNTS = ['oms', 'none', 'trail', 'halt', 'flat', 'two', 'manual', 'stuck'];
const NO_TARGET = { takeProfit: null } as const;

onEachBackend((backend) => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend,
      environment: { PROTECTION: 'exchange' },
      exchange: { tickIntervalMs: 3_600_000 },
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
  const setPrice = async (price: string): Promise<void> => {
    await pipeline.setPrices({ 'NSE:RELIANCE': price });
    await pipeline.readPrices(pipeline.parts);
  };
  beforeEach(async () => {
    await pipeline.clearFaults();
    await setPrice('2450.00');
  });

  const bought = async (account: string, fields: OrderFields = {}): Promise<OrderRow> =>
    pipeline.waitForStatus(await pipeline.place({ account, ...NO_TARGET, ...fields }), 'FILLED');
  const triggerOf = async (account: string): Promise<string | undefined> =>
    (
      await pipeline.sql<{ trigger_price: string }>(
        `select trigger_price from orders where account_id = $1 and role = 'STOP' and finished_at is null`,
        [account],
      )
    )[0]?.trigger_price;

  describe('a position', () => {
    it('of the policy oms has no order at the exchange, and is sold when the stop is passed', async () => {
      const guarded = guardedOf(pipeline, 'oms');
      await bought('oms', { protection: 'oms', quantity: 20 });
      await eventually(async () => expect(await guarded.groups()).toMatchObject([{ heldQuantity: 20 }]), {
        what: 'a group',
      });
      expect(await guarded.stops()).toEqual([]);
      await setPrice('2425.00');
      await guarded.isFlat();
    });

    it('of the policy none is left alone', async () => {
      const guarded = guardedOf(pipeline, 'none');
      await bought('none', { protection: 'none', quantity: 20 });
      expect(await guarded.groups()).toEqual([]);
      expect(await guarded.net()).toBe(20);
    });

    it('has a trailing stop that follows the price up, in steps, and never down', async () => {
      const guarded = guardedOf(pipeline, 'trail');
      await bought('trail', { quantity: 20, trailing: { distance: '20', step: '5' } });
      await guarded.protects(20);
      await setPrice('2461.00');
      await eventually(async () => expect(await triggerOf('trail')).toBe('2441.0000'), { what: 'the move' });
      await eventually(
        async () =>
          expect(
            await pipeline.sql(
              `select stop_loss from positions where account_id = 'trail' and status = 'OPEN'`,
            ),
          ).toEqual([{ stop_loss: '2441.0000' }]),
        { what: 'the position to follow' },
      );
      await setPrice('2464.00');
      await setPrice('2450.00');
      await guarded.protects(20);
      expect(await triggerOf('trail')).toBe('2441.0000');
    });

    it('says how much of it is protected, and for how long it was not', async () => {
      const guarded = guardedOf(pipeline, 'manual');
      const { context } = pipeline.parts;
      await bought('manual', { quantity: 20 });
      await guarded.protects(20);
      const shown = async () =>
        readPositions(context.db, {
          accountId: 'manual',
          strategyId: null,
          statuses: ['OPEN'],
          limit: 5,
        });
      await eventually(async () => expect(await shown()).toMatchObject([{ protectedQuantity: 20 }]), {
        what: 'it to be shown',
      });
      // A person takes the stop away: trading.md section 4 lets it pass, tells, and it is placed again.
      const [stop] = await pipeline.sql<{ id: string }>(
        `select id from orders where account_id = 'manual' and role = 'STOP' and finished_at is null`,
      );
      expect((await commandsOf(pipeline, 'manual').cancel({ id: stop?.id ?? '' })).ok).toBe(true);
      await pipeline.waitForStatus({ id: stop?.id ?? '' }, 'CANCELLED');
      await guarded.protects(20);
      expect(await guarded.alerts()).toMatchObject([{ type: 'stop_lost', severity: 'CRITICAL' }]);
      const [measured] = (await readUnprotectedSeconds(context.db)).filter(
        ({ accountId }) => accountId === 'manual',
      );
      expect(measured?.seconds).toBeGreaterThan(0);
    });

    it('of two strategies has a stop for each, and the exit of one leaves the other protected', async () => {
      const guarded = guardedOf(pipeline, 'two');
      await bought('two', { strategyId: 'a', quantity: 10 });
      await bought('two', { strategyId: 'b', quantity: 15, stopLoss: '2420.00' });
      await guarded.protects(25);
      expect((await guarded.stops()).map(({ quantity }) => quantity).sort((a, b) => a - b)).toEqual([10, 15]);
      await bought('two', {
        strategyId: 'a',
        side: 'SELL',
        quantity: 10,
        reduceOnly: true,
        role: 'EXIT',
        stopLoss: null,
      });
      await guarded.protects(15);
      expect(await triggerOf('two')).toBe('2420.0000');
    });

    it('that can neither be protected nor closed is told as CRITICAL, and leaves once it can', async () => {
      const guarded = guardedOf(pipeline, 'stuck');
      const entry = await pipeline.place({ account: 'stuck', ...RESTING, ...NO_TARGET, quantity: 20 });
      const { brokerOrderId } = await pipeline.waitForStatus(entry, 'OPEN');
      await pipeline.addFault({ call: 'placeOrder', kind: 'rejectAtExchange', count: -1, user: 'stuck' });
      await outsideOf(pipeline, 'stuck').execute(brokerOrderId ?? '', 20, '2300.00');
      await eventually(
        async () =>
          expect((await guarded.alerts()).map(({ type }) => type)).toEqual(
            expect.arrayContaining(['stop_refused', 'protection_stuck', 'unprotected_position']),
          ),
        { what: 'a person to be told' },
      );
      await pipeline.clearFaults();
      await guarded.isFlat();
    });
  });

  describe('while trading is HALTED', () => {
    it('a fill that was on its way still gets its stop, and cancelling open orders leaves stops alone', async () => {
      const guarded = guardedOf(pipeline, 'halt');
      const entry = await pipeline.place({ account: 'halt', ...RESTING, ...NO_TARGET, quantity: 20 });
      const { brokerOrderId } = await pipeline.waitForStatus(entry, 'OPEN');
      await outsideOf(pipeline, 'halt').execute(brokerOrderId ?? '', 5, '2300.00');
      await guarded.protects(5);
      await setTradingState(pipeline.parts.context, {
        ...{ accountId: 'halt', state: 'HALTED', scope: 'account', reason: 'a test', by: 'test' },
      });
      await outsideOf(pipeline, 'halt').execute(brokerOrderId ?? '', 5, '2300.00');
      await guarded.protects(10);
      await setTradingState(pipeline.parts.context, {
        ...{ accountId: 'halt', state: 'HALTED', scope: 'account', reason: 'a test', by: 'test' },
        cancelOpen: true,
      });
      await pipeline.waitForStatus(entry, 'CANCELLED');
      await guarded.protects(10);
    });

    it('a flatten cancels the stops and then exits, and nothing is reversed', async () => {
      const guarded = guardedOf(pipeline, 'flat');
      await bought('flat', { quantity: 20, takeProfit: '2491.00' });
      await guarded.protects(20);
      await setTradingState(pipeline.parts.context, {
        ...{ accountId: 'flat', state: 'HALTED', scope: 'account', reason: 'a test', by: 'test' },
        flatten: true,
      });
      await guarded.isFlat();
      const cycles = await pipeline.sql(`select max(cycle) as n from positions where account_id = 'flat'`);
      expect(cycles).toEqual([{ n: 1 }]);
    });
  });
});
