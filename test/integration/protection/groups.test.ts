/** What joins, leaves, and gaps through a protection group: docs/protection.md. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import { closePositions } from '../../../src/services/close-positions.ts';
import { commandsOf } from '../../support/pipeline/commands.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { guardedOf } from '../../support/pipeline/protection.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { MARKET, type OrderFields, RESTING } from '../../support/pipeline/requests.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

const ACCOUNTS = ['looser', 'tighter', 'weaker', 'stronger', 'none', 'leaving', 'part', 'gap', 'fill'];
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
  const setPrices = async (prices: Readonly<Record<string, string>>): Promise<void> => {
    await pipeline.setPrices(prices);
    await pipeline.readPrices(pipeline.parts);
  };
  beforeEach(async () => {
    await pipeline.clearFaults();
    await setPrices({ 'NSE:RELIANCE': '2450.00' });
  });

  const bought = async (account: string, fields: OrderFields = {}): Promise<OrderRow> =>
    pipeline.waitForStatus(await pipeline.place({ account, ...NO_TARGET, ...fields }), 'FILLED');
  const stopsOf = (account: string) =>
    pipeline.sql<{ id: string; trigger_price: string }>(
      `select id, trigger_price from orders where account_id = $1 and role = 'STOP' and finished_at is null`,
      [account],
    );
  const stopAt = async (account: string, trigger: string) =>
    eventually(async () => expect(await stopsOf(account)).toMatchObject([{ trigger_price: trigger }]), {
      what: `a stop at ${trigger}`,
    });
  describe('an entry that joins a position', () => {
    it('with a looser stop leaves the tighter one where it is, until a person moves it', async () => {
      const guarded = guardedOf(pipeline, 'looser');
      await bought('looser', { quantity: 10, stopLoss: '2430.00' });
      await guarded.protects(10);
      const second = await pipeline.place({ account: 'looser', ...RESTING, ...NO_TARGET, quantity: 20 });
      const { brokerOrderId } = await pipeline.waitForStatus(second, 'OPEN');
      await outsideOf(pipeline, 'looser').execute(brokerOrderId ?? '', 10, '2300.00');
      await guarded.protects(20);
      await stopAt('looser', '2430.0000');
      expect(await guarded.groups()).toMatchObject([{ parentOrderId: second.id }]);
      expect((await commandsOf(pipeline, 'looser').modify(second, { stopLoss: '2285.00' })).ok).toBe(true);
      await stopAt('looser', '2285.0000');
      await guarded.protects(20);
    });

    it('with a tighter stop brings all of it there, and leaves a target that it has none in place of', async () => {
      const guarded = guardedOf(pipeline, 'tighter');
      await bought('tighter', { quantity: 10, stopLoss: '2420.00', takeProfit: '2550.00' });
      await guarded.protects(10);
      await bought('tighter', { quantity: 10, stopLoss: '2440.00' });
      await guarded.protects(20);
      await stopAt('tighter', '2440.0000');
      await eventually(
        async () => expect(await guarded.others('SELL')).toMatchObject([{ quantity: 20, price: 2550 }]),
        { what: 'the target to grow' },
      );
    });

    it('of the policy oms, or none, takes no stop away from the exchange', async () => {
      const guarded = guardedOf(pipeline, 'weaker');
      await bought('weaker', { quantity: 10 });
      await guarded.protects(10);
      const [stop] = await stopsOf('weaker');
      await bought('weaker', { quantity: 10, protection: 'oms' });
      await guarded.protects(20);
      await bought('weaker', { quantity: 5, protection: 'none' });
      await guarded.protects(25);
      expect(await stopsOf('weaker')).toMatchObject([{ id: stop?.id }]);
      expect(await guarded.groups()).toMatchObject([{ policy: 'exchange', heldQuantity: 25 }]);
    });

    it('of the policy exchange brings one that was watched to the exchange', async () => {
      const guarded = guardedOf(pipeline, 'stronger');
      await bought('stronger', { quantity: 10, protection: 'oms' });
      await eventually(async () => expect(await guarded.groups()).toMatchObject([{ heldQuantity: 10 }]), {
        what: 'a group',
      });
      expect(await guarded.alerts()).toMatchObject([{ type: 'protection_oms', severity: 'INFO' }]);
      await bought('stronger', { quantity: 10 });
      await guarded.protects(20);
    });

    it('that leaves by protective exits is refused, and one that rests is cancelled', async () => {
      const guarded = guardedOf(pipeline, 'leaving');
      await bought('leaving', { quantity: 20 });
      await guarded.protects(20);
      const resting = await pipeline.place({ account: 'leaving', ...RESTING, ...NO_TARGET });
      await pipeline.waitForStatus(resting, 'OPEN');
      await pipeline.addFault({ call: 'placeOrder', kind: 'rejectAtExchange', count: -1, user: 'leaving' });
      const [stop] = await guarded.stops();
      await outsideOf(pipeline, 'leaving').end(
        stop?.order_id ?? '',
        'REJECTED',
        '17070 : out of the LPP range',
      );
      await pipeline.waitForStatus(resting, 'CANCELLED');
      const late = await pipeline.place({ account: 'leaving', ...NO_TARGET });
      expect(await pipeline.waitForStatus(late, 'REJECTED')).toMatchObject({
        rejectedBy: 'OMS',
        failedCheck: 'POSITION_LEAVING',
      });
      await pipeline.clearFaults();
      await guarded.isFlat();
    });
  });

  it('a part that is closed by an exit which rests leaves the rest with its stop', async () => {
    const guarded = guardedOf(pipeline, 'part');
    await bought('part', { quantity: 20, takeProfit: '2550.00' });
    await guarded.protects(20);
    // Nothing trades for a while.
    await pipeline.changeSettings({ fillProbability: 0 });
    const closed = await closePositions(pipeline.parts.context, {
      ...{ accountId: 'part', actor: 'test', byOperator: true, strategyId: null, includeExternal: false },
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
    await setPrices({ 'NSE:RELIANCE': '2450.00' });
    await guarded.protects(15);
  });

  describe('a stop', () => {
    it('U16: of an option, that is triggered and rests below a gap, is chased until the position is out', async () => {
      const guarded = guardedOf(pipeline, 'gap');
      const [put] = await pipeline.sql<{ symbol: string }>(
        `select symbol from instruments where exchange = 'NFO' and symbol like '%24500PE' order by symbol`,
      );
      const symbol = put?.symbol ?? '';
      const option = { exchange: 'NFO', product: 'NRML', symbol, quantity: 75 } as const;
      await bought('gap', { ...option, ...MARKET, stopLoss: '250.00' });
      await guarded.protects(75);
      expect(await guarded.stops()).toMatchObject([{ order_type: 'SL', trigger_price: 250, price: 200 }]);
      await setPrices({ [`NFO:${symbol}`]: '190.00' });
      await guarded.isFlat();
      const [ended] = await pipeline.sql<{ reason: string; unprotected_ms: number }>(
        `select reason, unprotected_ms::int as unprotected_ms from protection_groups where account_id = 'gap'`,
      );
      expect(ended?.reason).toBe('the stop was triggered and rests unfilled');
      // Once it rests like that it counts for nothing.
      expect(ended?.unprotected_ms).toBeGreaterThan(0);
    });

    it('is missing since the fill, and not only since the fill was read', async () => {
      const guarded = guardedOf(pipeline, 'fill');
      const entry = await pipeline.place({ account: 'fill', ...RESTING, ...NO_TARGET, quantity: 20 });
      const { brokerOrderId } = await pipeline.waitForStatus(entry, 'OPEN');
      await outsideOf(pipeline, 'fill').execute(brokerOrderId ?? '', 20, '2300.00');
      await guarded.protects(20);
      const [row] = await eventually(
        async () => {
          const rows = await pipeline.sql<{ seconds: number; least: number }>(
            `select g.unprotected_ms / 1000.0 as seconds, extract(epoch from s.submitted_at - t.traded_at)::float8 as least
             from protection_groups g
             join trades t on t.account_id = g.account_id and t.order_id = g.parent_order_id
             join orders s on s.account_id = g.account_id and s.role = 'STOP' and s.finished_at is null
             where g.account_id = 'fill' and g.unprotected_since is null and s.submitted_at is not null`,
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
