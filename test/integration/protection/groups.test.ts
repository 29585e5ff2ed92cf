/** What joins, leaves, and gaps through a protection group: docs/protection.md. */
import { describe, expect, it } from 'vitest';
import { closePositions } from '../../../src/services/close-positions.ts';
import { useDesks } from '../../support/pipeline/desk.ts';
import { MARKET } from '../../support/pipeline/requests.ts';
import { onEachBackend } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

onEachBackend((backend) => {
  const desks = useDesks({ backend });

  describe('an entry that joins a position', () => {
    it('with a looser stop leaves the tighter one where it is, until a person moves it', async () => {
      const { guarded, commands, bought, resting, fills, stopAt } = await desks.open('looser');
      await bought({ quantity: 10, stopLoss: '2430.00' });
      await guarded.protects(10);
      const second = await resting({ quantity: 20 });
      await fills(second, 10);
      await guarded.protects(20);
      await stopAt('2430.0000');
      expect(await guarded.groups()).toMatchObject([{ parentOrderId: second.id }]);
      expect((await commands.modify(second, { stopLoss: '2285.00' })).ok).toBe(true);
      await stopAt('2285.0000');
      await guarded.protects(20);
    });

    it('with a tighter stop brings all of it there, and leaves a target that it has none in place of', async () => {
      const { guarded, bought, stopAt } = await desks.open('tighter');
      await bought({ quantity: 10, stopLoss: '2420.00', takeProfit: '2550.00' });
      await guarded.protects(10);
      await bought({ quantity: 10, stopLoss: '2440.00' });
      await guarded.protects(20);
      await stopAt('2440.0000');
      await eventually(
        async () => expect(await guarded.others('SELL')).toMatchObject([{ quantity: 20, price: 2550 }]),
        { what: 'the target to grow' },
      );
    });

    it('of the policy oms, or none, takes no stop away from the exchange', async () => {
      const { guarded, bought, stopRows } = await desks.open('weaker');
      await bought({ quantity: 10 });
      await guarded.protects(10);
      const [stop] = await stopRows();
      await bought({ quantity: 10, protection: 'oms' });
      await guarded.protects(20);
      await bought({ quantity: 5, protection: 'none' });
      await guarded.protects(25);
      expect(await stopRows()).toMatchObject([{ id: stop?.id }]);
      expect(await guarded.groups()).toMatchObject([{ policy: 'exchange', heldQuantity: 25 }]);
    });

    it('of the policy exchange brings one that was watched to the exchange', async () => {
      const { guarded, bought } = await desks.open('stronger');
      await bought({ quantity: 10, protection: 'oms' });
      await eventually(async () => expect(await guarded.groups()).toMatchObject([{ heldQuantity: 10 }]), {
        what: 'a group',
      });
      expect(await guarded.alerts()).toMatchObject([{ type: 'protection_oms', severity: 'INFO' }]);
      await bought({ quantity: 10 });
      await guarded.protects(20);
    });

    it('that leaves by protective exits is refused, and one that rests is cancelled', async () => {
      const { pipeline } = desks;
      const { account, guarded, outside, bought, resting, stop } = await desks.open('leaving');
      await bought({ quantity: 20 });
      await guarded.protects(20);
      const other = await resting();
      await pipeline.addFault({ call: 'placeOrder', kind: 'rejectAtExchange', count: -1, user: account });
      await outside.end((await stop()).order_id, 'REJECTED', '17070 : out of the LPP range');
      await pipeline.waitForStatus(other, 'CANCELLED');
      const late = await pipeline.place({ account, takeProfit: null });
      expect(await pipeline.waitForStatus(late, 'REJECTED')).toMatchObject({
        rejectedBy: 'OMS',
        failedCheck: 'POSITION_LEAVING',
      });
      await pipeline.clearFaults();
      await guarded.isFlat();
    });
  });

  it('a part that is closed by an exit which rests leaves the rest with its stop', async () => {
    const { pipeline } = desks;
    const { account, guarded, bought } = await desks.open('part');
    await bought({ quantity: 20, takeProfit: '2550.00' });
    await guarded.protects(20);
    // Nothing trades for a while.
    await pipeline.changeSettings({ fillProbability: 0 });
    const closed = await closePositions(pipeline.parts.context, {
      ...{ accountId: account, actor: 'test', byOperator: true, strategyId: null, includeExternal: false },
      instrument: await pipeline.parts.context.instruments.find('NSE', 'RELIANCE'),
      ...{ product: 'MIS', quantity: 5, reason: 'a test' },
    });
    expect(closed).toMatchObject({ ok: true });
    await eventually(
      async () => {
        const exits = await guarded.others('SELL');
        expect(exits.map(({ quantity, order_type }) => [quantity, order_type]).sort()).toEqual([
          [15, 'LIMIT'],
          [5, 'LIMIT'],
        ]);
        expect((await guarded.stops()).map(({ quantity }) => quantity)).toEqual([15]);
      },
      { what: 'an exit of 5 beside a stop of 15' },
    );
    await pipeline.changeSettings({ fillProbability: 1 });
    await desks.setPrice('2450.00');
    await guarded.protects(15);
  });

  describe('a stop', () => {
    it('U16: of an option, that is triggered and rests below a gap, is chased until the position is out', async () => {
      const { pipeline } = desks;
      const { account, guarded, bought } = await desks.open('gap');
      const [put] = await pipeline.sql<{ symbol: string }>(
        `select symbol from instruments where exchange = 'NFO' and symbol like '%24500PE' order by symbol`,
      );
      const symbol = put?.symbol ?? '';
      const option = { exchange: 'NFO', product: 'NRML', symbol, quantity: 75 } as const;
      await bought({ ...option, ...MARKET, stopLoss: '250.00' });
      await guarded.protects(75);
      expect(await guarded.stops()).toMatchObject([{ order_type: 'SL', trigger_price: 250, price: 200 }]);
      await pipeline.setPrices({ [`NFO:${symbol}`]: '190.00' });
      await pipeline.readPrices(pipeline.parts);
      await guarded.isFlat();
      const [ended] = await pipeline.sql<{ reason: string; unprotected_ms: number }>(
        `select reason, unprotected_ms::int as unprotected_ms from protection_groups where account_id = $1`,
        [account],
      );
      expect(ended?.reason).toBe('the stop was triggered and rests unfilled');
      // Once it rests like that it counts for nothing.
      expect(ended?.unprotected_ms).toBeGreaterThan(0);
    });

    it('is missing since the fill, and not only since the fill was read', async () => {
      const { pipeline } = desks;
      const { account, guarded, resting, fills } = await desks.open('fill');
      await fills(await resting({ quantity: 20 }), 20);
      await guarded.protects(20);
      const [row] = await eventually(
        async () => {
          const rows = await pipeline.sql<{ seconds: number; least: number }>(
            `select g.unprotected_ms / 1000.0 as seconds, extract(epoch from s.submitted_at - t.traded_at)::float8 as least
             from protection_groups g
             join trades t on t.account_id = g.account_id and t.order_id = g.parent_order_id
             join orders s on s.account_id = g.account_id and s.role = 'STOP' and s.finished_at is null
             where g.account_id = $1 and g.unprotected_since is null and s.submitted_at is not null`,
            [account],
          );
          expect(rows).toHaveLength(1);
          return rows;
        },
        { what: 'the seconds without a stop' },
      );
      expect(Number(row?.seconds)).toBeGreaterThanOrEqual(Number(row?.least));
    });
  });
});
