/** Trades that the exchange takes back: what is held again by that has its stop again (docs/protection.md). */
import { describe, expect, it } from 'vitest';
import { type Desk, useDesks } from '../../support/pipeline/desk.ts';
import { EXIT, MARKET } from '../../support/pipeline/requests.ts';
import { eventually } from '../../support/wait.ts';

const desks = useDesks({ backend: 'postgres' });

/** The exchange takes every fill of an order back, and ends it, so that it does not fill again. */
async function bust({ account, outside }: Desk, brokerOrderId: string, isEnded = true): Promise<void> {
  const { trades } = await desks.pipeline.book(account);
  const own = trades.filter(({ order_id: of }) => of === brokerOrderId);
  expect(own).not.toEqual([]);
  for (const { trade_id: id } of own) await outside.bustTrade(id);
  if (isEnded) await outside.end(brokerOrderId, 'CANCELLED', 'erroneous trade');
}

const ended = async ({ guarded }: Desk): Promise<void> => {
  await eventually(async () => expect(await guarded.groups()).toEqual([]), { what: 'the group to end' });
};

describe('a trade that is taken back', () => {
  it('of a stop, after its group has ended, brings the group back, and its stop with it', async () => {
    const desk = await desks.open('stop');
    await desk.bought({ quantity: 20 });
    await desk.guarded.protects(20);
    const [group] = await desk.guarded.groups();
    const { order_id: stop } = await desk.stop();
    await desk.outside.execute(stop, 20, '2430.00');
    await ended(desk);
    await bust(desk, stop);
    await desk.guarded.protects(20);
    await desk.told('trade_corrected');
    await desk.stopAt('2430.0000');
    expect(await desk.guarded.groups()).toMatchObject([{ id: group?.id, heldQuantity: 20 }]);
  });

  it('of a stop that lives on at the exchange is not sold twice', async () => {
    const desk = await desks.open('alive');
    await desk.bought({ quantity: 20 });
    await desk.guarded.protects(20);
    const { order_id: stop } = await desk.stop();
    await desk.outside.execute(stop, 20, '2430.00');
    await ended(desk);
    await bust(desk, stop, false);
    await desk.told('trade_corrected');
    await desk.guarded.isFlat();
  });

  it('of an exit grows the stop of what is left', async () => {
    const desk = await desks.open('exit');
    await desk.bought({ quantity: 20 });
    await desk.guarded.protects(20);
    const exit = await desk.bought({ ...EXIT, ...MARKET, quantity: 15 });
    await desk.guarded.protects(5);
    await bust(desk, exit.brokerOrderId ?? '');
    await desk.guarded.protects(20);
  });

  it('of a sale by hand, after its group has ended, brings the stop back', async () => {
    const desk = await desks.open('hand');
    await desk.bought({ quantity: 20 });
    await desk.guarded.protects(20);
    const sale = await desk.outside.place({ side: 'SELL', quantity: 20, price: '2440.00' });
    await ended(desk);
    await bust(desk, sale);
    await desk.guarded.protects(20);
  });

  it('of an entry that was closed leaves the other side, which is taken back and told', async () => {
    const desk = await desks.open('entry');
    const entry = await desk.bought({ quantity: 20 });
    await desk.guarded.protects(20);
    await desk.outside.execute((await desk.stop()).order_id, 20, '2430.00');
    await ended(desk);
    await bust(desk, entry.brokerOrderId ?? '');
    await desk.told('protection_overfilled');
    await desk.guarded.isFlat();
  });
});
