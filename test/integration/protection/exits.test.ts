/** A strategy's own exits beside the stop, and fills that nobody expects any more: docs/protection.md. */
import { describe, expect, it } from 'vitest';
import { useDesks } from '../../support/pipeline/desk.ts';
import { EXIT } from '../../support/pipeline/requests.ts';
import { onEachBackend } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

/** Rests above the market until it comes there. */
const ABOVE = { side: 'SELL', price: '2480.00', stopLoss: null, takeProfit: null } as const;
const BACK = '2485.00';

onEachBackend((backend) => {
  const desks = useDesks({ backend });

  describe('an exit of the strategy that rests when the stop fills', () => {
    it.each([
      ['reduce', 'a reduceOnly one', { ...EXIT, ...ABOVE }],
      ['plain', 'a plain one that only reduced when it was checked', ABOVE],
    ] as const)('%s: %s is taken away, and does not reverse the position later', async (name, _, fields) => {
      const { pipeline } = desks;
      const { account, guarded, outside, bought, resting, stop } = await desks.open(name);
      await bought({ quantity: 20 });
      await guarded.protects(20);
      const exit = await resting({ ...fields, quantity: 20 });
      await outside.execute((await stop()).order_id, 20, '2430.00');
      await pipeline.waitForStatus(exit, 'CANCELLED');
      await pipeline.setPrices({ 'NSE:RELIANCE': BACK });
      await guarded.isFlat();
      const cycles = await pipeline.sql('select max(cycle) as n from positions where account_id = $1', [
        account,
      ]);
      expect(cycles).toEqual([{ n: 1 }]);
    });

    it('several share what is left after a part of it, the oldest first', async () => {
      const { pipeline } = desks;
      const { account, guarded, outside, bought, resting, stop } = await desks.open('several');
      await bought({ quantity: 20 });
      await guarded.protects(20);
      const first = await resting({ ...EXIT, ...ABOVE, quantity: 8 });
      const second = await resting({ ...ABOVE, quantity: 12 });
      await outside.execute((await stop()).order_id, 10, '2430.00');
      await eventually(
        async () => {
          expect((await pipeline.order(first.id, account)).quantity).toBe(8);
          expect((await pipeline.order(second.id, account)).quantity).toBe(2);
        },
        { what: 'the younger exit to be cut' },
      );
      await pipeline.setPrices({ 'NSE:RELIANCE': BACK });
      await guarded.isFlat();
    });

    it('that fills in the same second is taken back, and told', async () => {
      const { guarded, outside, bought, resting, stop, told } = await desks.open('race');
      await bought({ quantity: 20 });
      await guarded.protects(20);
      const exit = await resting({ ...ABOVE, quantity: 20 });
      await outside.execute((await stop()).order_id, 20, '2430.00');
      await outside.execute(exit.brokerOrderId ?? '', 20, '2480.00');
      await guarded.isFlat();
      await desks.pipeline.waitForStatus(exit, 'FILLED');
      await told('protection_overfilled');
    });
  });

  it('a stop that fills after its group has ended leaves a position that is taken back, and told', async () => {
    const { guarded, outside, bought, stop, told } = await desks.open('late');
    await bought({ quantity: 20 });
    await guarded.protects(20);
    const { order_id: lost } = await stop();
    // The book says that it is gone, and is wrong.
    await outside.show(lost, 'CANCELLED');
    await eventually(async () => expect(await guarded.stops()).toHaveLength(2), { what: 'another stop' });
    await outside.place({ side: 'SELL', quantity: 20 });
    await eventually(async () => expect(await guarded.groups()).toEqual([]), { what: 'the group to end' });
    await outside.execute(lost, 20, '2430.00');
    await outside.show(lost, null);
    await told('protection_overfilled');
    await guarded.isFlat();
  });

  it('a position that nobody asked for leaves beside an entry that rests, which stays', async () => {
    const { guarded, outside, bought, resting, stop, told } = await desks.open('beside');
    await bought({ quantity: 20 });
    await guarded.protects(20);
    const exit = await resting({ ...ABOVE, quantity: 20 });
    const entry = await resting({ quantity: 30 });
    await outside.execute((await stop()).order_id, 20, '2430.00');
    await outside.execute(exit.brokerOrderId ?? '', 20, '2480.00');
    await told('protection_overfilled');
    await eventually(
      async () => {
        expect(await guarded.net()).toBe(0);
        expect(await guarded.groups()).toEqual([]);
        expect(await guarded.others('BUY')).toMatchObject([{ order_id: entry.brokerOrderId, quantity: 30 }]);
      },
      { what: 'the position to be taken back' },
    );
  });

  it('a position that has to leave is not held back by a reversal that rests', async () => {
    const { guarded, outside, bought, resting, stop } = await desks.open('turn');
    await bought({ quantity: 20 });
    await guarded.protects(20);
    const turn = await resting({ side: 'SELL', price: '2480.00', stopLoss: '2500.00', quantity: 50 });
    await outside.end((await stop()).order_id, 'REJECTED', '17070 : The Price is out of the LPP range');
    await desks.pipeline.waitForStatus(turn, 'CANCELLED');
    await guarded.isFlat();
  });

  it('a position that has to leave is not held back by an exit that rests where nothing trades', async () => {
    const { guarded, outside, bought, resting, stop } = await desks.open('leave');
    await bought({ quantity: 20 });
    await guarded.protects(20);
    const exit = await resting({ ...EXIT, ...ABOVE, quantity: 20 });
    const rule = '17070 : The Price is out of the LPP range';
    await outside.end((await stop()).order_id, 'REJECTED', rule);
    await desks.pipeline.waitForStatus(exit, 'CANCELLED');
    await guarded.isFlat();
  });
});
