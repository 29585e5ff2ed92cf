/** Policies, halts and closing, with stops at the exchange: docs/protection.md. */
import { describe, expect, it } from 'vitest';
import { readPositions } from '../../../src/services/read-positions.ts';
import { readUnprotectedSeconds } from '../../../src/services/read-unprotected.ts';
import { setTradingState } from '../../../src/services/set-trading-state.ts';
import { useDesks } from '../../support/pipeline/desk.ts';
import { onEachBackend } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

onEachBackend((backend) => {
  const desks = useDesks({ backend });

  describe('a position', () => {
    it('of the policy oms has no order at the exchange, and is sold when the stop is passed', async () => {
      const { guarded, bought } = await desks.open('oms');
      await bought({ protection: 'oms', quantity: 20 });
      await eventually(async () => expect(await guarded.groups()).toMatchObject([{ heldQuantity: 20 }]), {
        what: 'a group',
      });
      expect(await guarded.stops()).toEqual([]);
      await desks.setPrice('2425.00');
      await guarded.isFlat();
    });

    it('of the policy none is left alone', async () => {
      const { guarded, bought } = await desks.open('none');
      await bought({ protection: 'none', quantity: 20 });
      expect(await guarded.groups()).toEqual([]);
      expect(await guarded.net()).toBe(20);
    });

    it('has a trailing stop that follows the price up, in steps, and never down', async () => {
      const { pipeline } = desks;
      const { account, guarded, bought, stopAt } = await desks.open('trail');
      await bought({ quantity: 20, trailing: { distance: '20', step: '5' } });
      await guarded.protects(20);
      await desks.setPrice('2461.00');
      await stopAt('2441.0000');
      await eventually(
        async () =>
          expect(
            await pipeline.sql(`select stop_loss from positions where account_id = $1 and status = 'OPEN'`, [
              account,
            ]),
          ).toEqual([{ stop_loss: '2441.0000' }]),
        { what: 'the position to follow' },
      );
      await desks.setPrice('2464.00');
      await desks.setPrice('2450.00');
      await guarded.protects(20);
      await stopAt('2441.0000');
    });

    it('says how much of it is protected, and for how long it was not', async () => {
      const { pipeline } = desks;
      const { account, guarded, commands, bought, stopRows } = await desks.open('manual');
      const { context } = pipeline.parts;
      await bought({ quantity: 20 });
      await guarded.protects(20);
      const shown = async () =>
        readPositions(context.db, {
          accountId: account,
          strategyId: null,
          statuses: ['OPEN'],
          limit: 5,
        });
      await eventually(async () => expect(await shown()).toMatchObject([{ protectedQuantity: 20 }]), {
        what: 'it to be shown',
      });
      // A person takes the stop away: trading.md section 4 lets it pass, tells, and it is placed again.
      const [stop] = await stopRows();
      expect((await commands.cancel({ id: stop?.id ?? '' })).ok).toBe(true);
      await pipeline.waitForStatus({ id: stop?.id ?? '' }, 'CANCELLED');
      await guarded.protects(20);
      // On a machine that stood still it was without its stop for longer than the bound, which is told, too.
      const told = (await guarded.alerts()).filter(({ type }) => type !== 'unprotected_position');
      expect(told).toMatchObject([{ type: 'stop_lost', severity: 'CRITICAL' }]);
      const [measured] = (await readUnprotectedSeconds(context.db)).filter(
        ({ accountId: of }) => of === account,
      );
      expect(measured?.seconds).toBeGreaterThan(0);
    });

    it('of two strategies has a stop for each, and the exit of one leaves the other protected', async () => {
      const { guarded, bought, stopAt } = await desks.open('two');
      await bought({ strategyId: 'a', quantity: 10 });
      await bought({ strategyId: 'b', quantity: 15, stopLoss: '2420.00' });
      await guarded.protects(25);
      expect((await guarded.stops()).map(({ quantity }) => quantity).sort((a, b) => a - b)).toEqual([10, 15]);
      await bought({
        strategyId: 'a',
        side: 'SELL',
        quantity: 10,
        reduceOnly: true,
        role: 'EXIT',
        stopLoss: null,
      });
      await guarded.protects(15);
      await stopAt('2420.0000');
    });

    it('that can neither be protected nor closed is told as CRITICAL, and leaves once it can', async () => {
      const { pipeline } = desks;
      const { account, guarded, resting, fills } = await desks.open('stuck');
      const entry = await resting({ quantity: 20 });
      await pipeline.addFault({ call: 'placeOrder', kind: 'rejectAtExchange', count: -1, user: account });
      await fills(entry, 20);
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
      const { pipeline } = desks;
      const { account, guarded, resting, fills } = await desks.open('halt');
      const entry = await resting({ quantity: 20 });
      await fills(entry, 5);
      await guarded.protects(5);
      await setTradingState(pipeline.parts.context, {
        ...{ accountId: account, state: 'HALTED', scope: 'account', reason: 'a test', by: 'test' },
      });
      await fills(entry, 5);
      await guarded.protects(10);
      await setTradingState(pipeline.parts.context, {
        ...{ accountId: account, state: 'HALTED', scope: 'account', reason: 'a test', by: 'test' },
        cancelOpen: true,
      });
      await pipeline.waitForStatus(entry, 'CANCELLED');
      await guarded.protects(10);
    });

    it('a flatten cancels the stops and then exits, and nothing is reversed', async () => {
      const { pipeline } = desks;
      const { account, guarded, bought } = await desks.open('flat');
      await bought({ quantity: 20, takeProfit: '2491.00' });
      await guarded.protects(20);
      await setTradingState(pipeline.parts.context, {
        ...{ accountId: account, state: 'HALTED', scope: 'account', reason: 'a test', by: 'test' },
        flatten: true,
      });
      await guarded.isFlat();
      const cycles = await pipeline.sql(`select max(cycle) as n from positions where account_id = $1`, [
        account,
      ]);
      expect(cycles).toEqual([{ n: 1 }]);
    });
  });
});
