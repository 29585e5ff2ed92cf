/** Every filled share has its stop at the exchange: docs/protection.md, controls.md U14 to U17. */
import { describe, expect, it } from 'vitest';
import { type Desk, useDesks } from '../../support/pipeline/desk.ts';
import { EXIT, MARKET } from '../../support/pipeline/requests.ts';
import { onEachBackend } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

const TARGET = { takeProfit: '2491.00' } as const;

onEachBackend((backend) => {
  const desks = useDesks({ backend });

  describe('a stop', () => {
    it('rests at the exchange for exactly what is filled, and grows with every part', async () => {
      const { guarded, resting, fills, stop } = await desks.open('parts');
      const entry = await resting({ quantity: 50 });
      expect(await guarded.stops()).toEqual([]);
      for (const held of [10, 20, 30, 40, 50]) {
        await fills(entry, 10);
        await guarded.protects(held);
      }
      expect(await stop()).toMatchObject({
        transaction_type: 'SELL',
        order_type: 'SL-M',
        status: 'TRIGGER PENDING',
      });
      const [group] = await guarded.groups();
      expect(group).toMatchObject({ parentOrderId: entry.id, mode: 'STOP', policy: 'exchange' });
    });

    it.each<[string, (desk: Desk, stop: string) => Promise<void>]>([
      ['the exchange takes away (self trade)', ({ outside }, stop) => outside.end(stop, 'CANCELLED', 'STPC')],
      ['RMS takes away', ({ outside }, stop) => outside.end(stop, 'CANCELLED', 'RMS: margin exceeds')],
      ['its owner cancels in the app', ({ outside }, stop) => outside.cancel(stop)],
    ])('U14: that %s is placed again, and a person is told', async (_, loses) => {
      const desk = await desks.open('lost');
      const { guarded, bought, stop } = desk;
      await bought({ quantity: 20, ...TARGET });
      await guarded.protects(20);
      const { order_id: lost } = await stop();
      await loses(desk, lost);
      await eventually(async () => expect((await stop()).order_id).not.toBe(lost), { what: 'another stop' });
      await guarded.protects(20);
      expect((await guarded.alerts()).filter(({ severity }) => severity === 'CRITICAL')).not.toEqual([]);
    });

    it('U15: that the exchange rejects at its trigger becomes an exit inside the band', async () => {
      const { guarded, outside, bought, stop, told } = await desks.open('trigger');
      await bought({ quantity: 20, ...TARGET });
      await guarded.protects(20);
      const rule = '17070 : The Price is out of the LPP range';
      await outside.end((await stop()).order_id, 'REJECTED', rule);
      await guarded.isFlat();
      await told('stop_refused');
    });

    it('that is refused again and again becomes an exit', async () => {
      const { pipeline } = desks;
      const { account, guarded, resting, fills, told } = await desks.open('refused');
      const entry = await resting({ quantity: 20 });
      await pipeline.addFault({
        call: 'placeOrder',
        kind: 'rejectAtExchange',
        count: 2,
        user: account,
        message: 'price out of LPP range',
      });
      await fills(entry, 20);
      await guarded.isFlat();
      await told('stop_refused');
    });

    it('is cancelled when the position is closed by hand in the app', async () => {
      const { guarded, outside, bought } = await desks.open('hand');
      await bought({ quantity: 20, ...TARGET });
      await guarded.protects(20);
      await outside.place({ side: 'SELL', quantity: 20, price: '2440.00' });
      await guarded.isFlat();
    });

    it('shrinks with an exit of the strategy, and ends with the position', async () => {
      const { guarded, bought } = await desks.open('exit');
      await bought({ quantity: 20, ...TARGET });
      await guarded.protects(20);
      await bought({ ...EXIT, ...MARKET, quantity: 15 });
      await guarded.protects(5);
      await bought({ ...EXIT, ...MARKET, quantity: 5 });
      await guarded.isFlat();
    });

    it('moves with the stopLoss of its order, and by its own trigger', async () => {
      const { pipeline } = desks;
      const { account, guarded, commands, resting, fills, stopAt } = await desks.open('move');
      const entry = await resting({ quantity: 20 });
      await fills(entry, 10);
      await guarded.protects(10);
      const moved = await commands.modify(entry, { stopLoss: '2290.00' });
      expect(moved.ok).toBe(true);
      const positionAt = async (stopLoss: string) =>
        eventually(
          async () =>
            expect(
              await pipeline.sql(
                `select stop_loss from positions where account_id = $1 and status = 'OPEN'`,
                [account],
              ),
            ).toEqual([{ stop_loss: stopLoss }]),
          { what: `the position to say ${stopLoss}` },
        );
      const id = await stopAt('2290.0000');
      await positionAt('2290.0000');
      await commands.modify({ id }, { triggerPrice: '2295.00' });
      await stopAt('2295.0000');
      await positionAt('2295.0000');
      await fills(entry, 10);
      await guarded.protects(20);
      await stopAt('2295.0000');
      await pipeline.waitForStatus(entry, 'FILLED');
      const late = await commands.modify(entry, { stopLoss: '2285.00' });
      expect(late).toMatchObject({
        ok: false,
        error: { code: 'ORDER_FINISHED', guard: { id, role: 'STOP' } },
      });
      // The fill brought the order's own stop, 2290.00: the position keeps what rests.
      await positionAt('2295.0000');
      const notes = await pipeline.sql<{ data: string }>(
        `select data from journal where account_id = $1 and kind = 'PositionStopMoved' order by seq`,
        [account],
      );
      expect(
        notes.map(({ data }) => (JSON.parse(data) as { stopLoss: string }).stopLoss).slice(0, 2),
      ).toEqual(['2290', '2295']);
    });

    it('that the market jumps over sells below it, and leaves nothing open', async () => {
      const { pipeline } = desks;
      const { guarded, bought } = await desks.open('gap');
      await bought({ quantity: 20, ...TARGET });
      await guarded.protects(20);
      await pipeline.setPrices({ 'NSE:RELIANCE': '2400.00' });
      await pipeline.setPrices({ 'NSE:RELIANCE': '2400.00' });
      await guarded.isFlat();
    });
  });

  describe('a target', () => {
    it('shares the quantity: a partial fill of it shrinks the stop, and the stop ends the rest', async () => {
      const { guarded, outside, bought, stop } = await desks.open('target');
      await bought({ quantity: 20, ...TARGET });
      await guarded.protects(20);
      const [target] = await eventually(
        async () => {
          const found = await guarded.others('SELL');
          expect(found).toMatchObject([{ quantity: 20, order_type: 'LIMIT' }]);
          return found;
        },
        { what: 'a target' },
      );
      await outside.execute(target?.order_id ?? '', 8, '2491.00');
      await guarded.protects(12);
      await outside.execute((await stop()).order_id, 12, '2430.00');
      await guarded.isFlat();
    });

    it('moves with the takeProfit of its order', async () => {
      // Between the stop and the target.
      await desks.setPrice('2310.00');
      const { guarded, commands, resting, fills } = await desks.open('better');
      const entry = await resting({ quantity: 20, takeProfit: '2350.00' });
      await fills(entry, 10);
      await guarded.protects(10);
      const targetAt = (price: number) =>
        eventually(
          async () => expect(await guarded.others('SELL')).toMatchObject([{ quantity: 10, price }]),
          { what: `a target at ${price}` },
        );
      await targetAt(2350);
      expect((await commands.modify(entry, { takeProfit: '2345.00' })).ok).toBe(true);
      await targetAt(2345);
      await guarded.protects(10);
    });

    it('that fills in the same second as the stop leaves a position that is taken back and told', async () => {
      const { guarded, outside, bought, stop, told } = await desks.open('both');
      await bought({ quantity: 20, ...TARGET });
      await guarded.protects(20);
      const targets = await eventually(
        async () => {
          const found = await guarded.others('SELL');
          expect(found).toHaveLength(1);
          return found;
        },
        { what: 'a target' },
      );
      await outside.execute((await stop()).order_id, 20, '2430.00');
      await outside.execute(targets[0]?.order_id ?? '', 20, '2491.00');
      await guarded.isFlat();
      await told('protection_overfilled');
    });
  });

  it('a reversal ends the old stop and begins one on the other side', async () => {
    const { guarded, bought } = await desks.open('reverse');
    await bought({ quantity: 20 });
    await guarded.protects(20);
    await bought({ side: 'SELL', quantity: 50, stopLoss: '2470.00' });
    await guarded.protects(30);
    expect(await guarded.stops()).toMatchObject([{ transaction_type: 'BUY' }]);
  });
});
