/** A strategy's own exits beside the stop, and fills that nobody expects any more: docs/protection.md. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import type { BookOrder } from '../../support/pipeline/book.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { guardedOf } from '../../support/pipeline/protection.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { EXIT, type OrderFields } from '../../support/pipeline/requests.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

const ACCOUNTS = ['reduce', 'plain', 'several', 'race', 'late', 'leave'];
const NO_TARGET = { takeProfit: null } as const;
/** Rests above the market until it comes there. */
const ABOVE = { side: 'SELL', price: '2480.00', stopLoss: null, takeProfit: null } as const;
const BACK = '2485.00';

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
  beforeEach(async () => {
    await pipeline.clearFaults();
    await pipeline.setPrices({ 'NSE:RELIANCE': '2450.00' });
  });

  const bought = async (account: string, fields: OrderFields = {}): Promise<OrderRow> =>
    pipeline.waitForStatus(await pipeline.place({ account, ...NO_TARGET, ...fields }), 'FILLED');
  const resting = async (account: string, fields: OrderFields): Promise<OrderRow> =>
    pipeline.waitForStatus(await pipeline.place({ account, ...fields }), 'OPEN');
  const stopOf = async (account: string): Promise<BookOrder> => {
    const [stop] = await guardedOf(pipeline, account).stops();
    if (stop === undefined) throw new Error('there is no stop');
    return stop;
  };

  describe('an exit of the strategy that rests when the stop fills', () => {
    it.each([
      ['reduce', 'a reduceOnly one', { ...EXIT, ...ABOVE }],
      ['plain', 'a plain one that only reduced when it was checked', ABOVE],
    ] as const)(
      '%s: %s is taken away, and does not reverse the position later',
      async (account, _, fields) => {
        const guarded = guardedOf(pipeline, account);
        await bought(account, { quantity: 20 });
        await guarded.protects(20);
        const exit = await resting(account, { ...fields, quantity: 20 });
        await outsideOf(pipeline, account).execute((await stopOf(account)).order_id, 20, '2430.00');
        await pipeline.waitForStatus(exit, 'CANCELLED');
        await pipeline.setPrices({ 'NSE:RELIANCE': BACK });
        await guarded.isFlat();
        const cycles = await pipeline.sql('select max(cycle) as n from positions where account_id = $1', [
          account,
        ]);
        expect(cycles).toEqual([{ n: 1 }]);
      },
    );

    it('several share what is left after a part of it, the oldest first', async () => {
      const guarded = guardedOf(pipeline, 'several');
      await bought('several', { quantity: 20 });
      await guarded.protects(20);
      const first = await resting('several', { ...EXIT, ...ABOVE, quantity: 8 });
      const second = await resting('several', { ...ABOVE, quantity: 12 });
      await outsideOf(pipeline, 'several').execute((await stopOf('several')).order_id, 10, '2430.00');
      await eventually(
        async () => {
          expect((await pipeline.order(first.id, 'several')).quantity).toBe(8);
          expect((await pipeline.order(second.id, 'several')).quantity).toBe(2);
        },
        { what: 'the younger exit to be cut' },
      );
      await pipeline.setPrices({ 'NSE:RELIANCE': BACK });
      await guarded.isFlat();
    });

    it('that fills in the same second is taken back, and told', async () => {
      const guarded = guardedOf(pipeline, 'race');
      await bought('race', { quantity: 20 });
      await guarded.protects(20);
      const exit = await resting('race', { ...ABOVE, quantity: 20 });
      const outside = outsideOf(pipeline, 'race');
      await outside.execute((await stopOf('race')).order_id, 20, '2430.00');
      await outside.execute(exit.brokerOrderId ?? '', 20, '2480.00');
      await guarded.isFlat();
      await pipeline.waitForStatus(exit, 'FILLED');
      expect((await guarded.alerts()).map(({ type }) => type)).toContain('protection_overfilled');
    });
  });

  it('a stop that fills after its group has ended leaves a position that is taken back, and told', async () => {
    const guarded = guardedOf(pipeline, 'late');
    await bought('late', { quantity: 20 });
    await guarded.protects(20);
    const { order_id: lost } = await stopOf('late');
    const outside = outsideOf(pipeline, 'late');
    // The book says that it is gone, and is wrong.
    await outside.show(lost, 'CANCELLED');
    await eventually(async () => expect(await guarded.stops()).toHaveLength(2), { what: 'another stop' });
    await outside.place({ side: 'SELL', quantity: 20 });
    await eventually(async () => expect(await guarded.groups()).toEqual([]), { what: 'the group to end' });
    await outside.execute(lost, 20, '2430.00');
    await outside.show(lost, null);
    await eventually(
      async () => expect((await guarded.alerts()).map(({ type }) => type)).toContain('protection_overfilled'),
      { what: 'a person to be told' },
    );
    await guarded.isFlat();
  });

  it('a position that has to leave is not held back by an exit that rests where nothing trades', async () => {
    const guarded = guardedOf(pipeline, 'leave');
    await bought('leave', { quantity: 20 });
    await guarded.protects(20);
    const exit = await resting('leave', { ...EXIT, ...ABOVE, quantity: 20 });
    const rule = '17070 : The Price is out of the LPP range';
    await outsideOf(pipeline, 'leave').end((await stopOf('leave')).order_id, 'REJECTED', rule);
    await pipeline.waitForStatus(exit, 'CANCELLED');
    await guarded.isFlat();
  });
});
