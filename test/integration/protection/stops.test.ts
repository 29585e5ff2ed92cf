/** Every filled share has its stop at the exchange: docs/protection.md, controls.md U14 to U17. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import { commandsOf } from '../../support/pipeline/commands.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { guardedOf } from '../../support/pipeline/protection.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { EXIT, MARKET, type OrderFields, RESTING } from '../../support/pipeline/requests.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

const ACCOUNTS = [
  'parts',
  'lost',
  'refused',
  'trigger',
  'hand',
  'exit',
  'target',
  'both',
  'move',
  'gap',
  'reverse',
];
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
  beforeEach(async () => {
    await pipeline.clearFaults();
    await pipeline.changeSettings({ transitMs: 0, volumeCap: 0 });
    await pipeline.setPrices({ 'NSE:RELIANCE': '2450.00' });
  });

  const bought = async (account: string, fields: OrderFields = {}): Promise<OrderRow> =>
    pipeline.waitForStatus(await pipeline.place({ account, ...fields }), 'FILLED');

  describe('a stop', () => {
    it('rests at the exchange for exactly what is filled, and grows with every part', async () => {
      const guarded = guardedOf(pipeline, 'parts');
      const entry = await pipeline.place({ account: 'parts', ...RESTING, ...NO_TARGET, quantity: 50 });
      const { brokerOrderId } = await pipeline.waitForStatus(entry, 'OPEN');
      expect(await guarded.stops()).toEqual([]);
      for (const held of [10, 20, 30, 40, 50]) {
        await outsideOf(pipeline, 'parts').execute(brokerOrderId ?? '', 10, '2300.00');
        await guarded.protects(held);
      }
      const [stop] = await guarded.stops();
      expect(stop).toMatchObject({ transaction_type: 'SELL', order_type: 'SL-M', status: 'TRIGGER PENDING' });
      const [group] = await guarded.groups();
      expect(group).toMatchObject({ parentOrderId: entry.id, mode: 'STOP', policy: 'exchange' });
    });

    it('U14: that the exchange takes away (self trade) is placed again, and a person is told', async () => {
      const guarded = guardedOf(pipeline, 'lost');
      await bought('lost', { quantity: 20 });
      await guarded.protects(20);
      const [stop] = await guarded.stops();
      await outsideOf(pipeline, 'lost').end(stop?.order_id ?? '', 'CANCELLED', 'self trade prevention');
      await eventually(
        async () => {
          const [now] = await guarded.stops();
          expect(now?.order_id).not.toBe(stop?.order_id);
        },
        { what: 'another stop' },
      );
      await guarded.protects(20);
      expect((await guarded.alerts()).filter(({ severity }) => severity === 'CRITICAL')).not.toEqual([]);
    });

    it('U15: that the exchange rejects at its trigger becomes an exit inside the band', async () => {
      const guarded = guardedOf(pipeline, 'trigger');
      await bought('trigger', { quantity: 20 });
      await guarded.protects(20);
      const [stop] = await guarded.stops();
      const rule = '17070 : The Price is out of the LPP range';
      await outsideOf(pipeline, 'trigger').end(stop?.order_id ?? '', 'REJECTED', rule);
      await guarded.isFlat();
      expect((await guarded.alerts()).map(({ type }) => type)).toContain('stop_refused');
    });

    it('that is refused again and again becomes an exit', async () => {
      const guarded = guardedOf(pipeline, 'refused');
      const entry = await pipeline.place({ account: 'refused', ...RESTING, ...NO_TARGET, quantity: 20 });
      const { brokerOrderId } = await pipeline.waitForStatus(entry, 'OPEN');
      await pipeline.addFault({
        call: 'placeOrder',
        kind: 'rejectAtExchange',
        count: 2,
        user: 'refused',
        message: 'price out of LPP range',
      });
      await outsideOf(pipeline, 'refused').execute(brokerOrderId ?? '', 20, '2300.00');
      await guarded.isFlat();
      const types = (await guarded.alerts()).map(({ type }) => type);
      expect(types).toContain('stop_refused');
    });

    it('is cancelled when the position is closed by hand in the app', async () => {
      const guarded = guardedOf(pipeline, 'hand');
      await bought('hand', { quantity: 20 });
      await guarded.protects(20);
      await outsideOf(pipeline, 'hand').place({ side: 'SELL', quantity: 20, price: '2440.00' });
      await guarded.isFlat();
    });

    it('shrinks with an exit of the strategy, and ends with the position', async () => {
      const guarded = guardedOf(pipeline, 'exit');
      await bought('exit', { quantity: 20 });
      await guarded.protects(20);
      await bought('exit', { ...EXIT, ...MARKET, quantity: 15 });
      await guarded.protects(5);
      await bought('exit', { ...EXIT, ...MARKET, quantity: 5 });
      await guarded.isFlat();
    });

    it('moves with the stopLoss of its order, and by its own trigger', async () => {
      const guarded = guardedOf(pipeline, 'move');
      const entry = await pipeline.place({ account: 'move', ...RESTING, ...NO_TARGET, quantity: 20 });
      const { brokerOrderId } = await pipeline.waitForStatus(entry, 'OPEN');
      await outsideOf(pipeline, 'move').execute(brokerOrderId ?? '', 10, '2300.00');
      await guarded.protects(10);
      const moved = await commandsOf(pipeline, 'move').modify(entry, { stopLoss: '2290.00' });
      expect(moved.ok).toBe(true);
      const positionAt = async (stopLoss: string) =>
        eventually(
          async () =>
            expect(
              await pipeline.sql(
                `select stop_loss from positions where account_id = 'move' and status = 'OPEN'`,
              ),
            ).toEqual([{ stop_loss: stopLoss }]),
          { what: `the position to say ${stopLoss}` },
        );
      const stopAt = async (trigger: string) =>
        eventually(
          async () => {
            const rows = await pipeline.sql<{ id: string; trigger_price: string }>(
              `select id, trigger_price from orders where account_id = 'move' and role = 'STOP' and finished_at is null`,
            );
            expect(rows).toMatchObject([{ trigger_price: trigger }]);
            return rows[0]?.id ?? '';
          },
          { what: `a stop at ${trigger}` },
        );
      const id = await stopAt('2290.0000');
      await positionAt('2290.0000');
      await commandsOf(pipeline, 'move').modify({ id }, { triggerPrice: '2295.00' });
      await stopAt('2295.0000');
      await positionAt('2295.0000');
      await outsideOf(pipeline, 'move').execute(brokerOrderId ?? '', 10, '2300.00');
      await guarded.protects(20);
      await stopAt('2295.0000');
      await pipeline.waitForStatus(entry, 'FILLED');
      const late = await commandsOf(pipeline, 'move').modify(entry, { stopLoss: '2285.00' });
      expect(late).toMatchObject({
        ok: false,
        error: { code: 'ORDER_FINISHED', guard: { id, role: 'STOP' } },
      });
      // The fill brought the order's own stop, 2290.00: the position keeps what rests.
      await positionAt('2295.0000');
      const notes = await pipeline.sql<{ data: string }>(
        `select data from journal where account_id = 'move' and kind = 'PositionStopMoved' order by seq`,
      );
      expect(
        notes.map(({ data }) => (JSON.parse(data) as { stopLoss: string }).stopLoss).slice(0, 2),
      ).toEqual(['2290', '2295']);
    });

    it('that the market jumps over sells below it, and leaves nothing open', async () => {
      const guarded = guardedOf(pipeline, 'gap');
      await bought('gap', { quantity: 20 });
      await guarded.protects(20);
      await pipeline.setPrices({ 'NSE:RELIANCE': '2400.00' });
      await pipeline.setPrices({ 'NSE:RELIANCE': '2400.00' });
      await guarded.isFlat();
    });
  });

  describe('a target', () => {
    it('shares the quantity: a partial fill of it shrinks the stop, and the stop ends the rest', async () => {
      const guarded = guardedOf(pipeline, 'target');
      await bought('target', { quantity: 20 });
      await guarded.protects(20);
      const [target] = await eventually(
        async () => {
          const found = await guarded.others('SELL');
          expect(found).toMatchObject([{ quantity: 20, order_type: 'LIMIT' }]);
          return found;
        },
        { what: 'a target' },
      );
      await outsideOf(pipeline, 'target').execute(target?.order_id ?? '', 8, '2491.00');
      await guarded.protects(12);
      const [stop] = await guarded.stops();
      await outsideOf(pipeline, 'target').execute(stop?.order_id ?? '', 12, '2430.00');
      await guarded.isFlat();
    });

    it('that fills in the same second as the stop leaves a position that is taken back and told', async () => {
      const guarded = guardedOf(pipeline, 'both');
      await bought('both', { quantity: 20 });
      await guarded.protects(20);
      const targets = await eventually(
        async () => {
          const found = await guarded.others('SELL');
          expect(found).toHaveLength(1);
          return found;
        },
        { what: 'a target' },
      );
      const [stop] = await guarded.stops();
      const outside = outsideOf(pipeline, 'both');
      await outside.execute(stop?.order_id ?? '', 20, '2430.00');
      await outside.execute(targets[0]?.order_id ?? '', 20, '2491.00');
      await guarded.isFlat();
      expect((await guarded.alerts()).map(({ type }) => type)).toContain('protection_overfilled');
    });
  });

  it('a reversal ends the old stop and begins one on the other side', async () => {
    const guarded = guardedOf(pipeline, 'reverse');
    await bought('reverse', { quantity: 20, ...NO_TARGET });
    await guarded.protects(20);
    await bought('reverse', { side: 'SELL', quantity: 50, stopLoss: '2470.00', takeProfit: null });
    await guarded.protects(30);
    expect(await guarded.stops()).toMatchObject([{ transaction_type: 'BUY' }]);
  });
});
