/* eslint-disable @typescript-eslint/no-unsafe-assignment -- matchers */
/** What a person sees of protection: one story of an order and its guards, its figures, and an audit that misses them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OpenAPIHono } from '@hono/zod-openapi';
import { createMetrics } from '../../../src/api/metrics.ts';
import { INVARIANTS } from '../../../src/db/invariants.ts';
import { explanation } from '../../../src/cli/explain.ts';
import type { OrderDetailBody } from '../../../src/client/index.ts';
import { orderDetailJson } from '../../../src/api/order-json.ts';
import { positionJson } from '../../../src/api/account-json.ts';
import { readOrder } from '../../../src/services/read-orders.ts';
import { readPositions } from '../../../src/services/read-positions.ts';
import { readUnprotectedSeconds } from '../../../src/services/read-unprotected.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { guardedOf } from '../../support/pipeline/protection.ts';
import { RESTING } from '../../support/pipeline/requests.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

let pipeline: Pipeline;

beforeAll(async () => {
  pipeline = await startPipeline({
    backend: 'postgres',
    environment: { PROTECTION: 'exchange' },
    exchange: { tickIntervalMs: 3_600_000 },
    accounts: ['main', 'naked', 'lost'],
  });
});
afterAll(async () => {
  await pipeline.stop();
});

const story = async (id: string, account = 'main'): Promise<OrderDetailBody> => {
  const found = await readOrder(pipeline.parts.context.db, account, id);
  if (found === null) throw new Error(`there is no order ${id}`);
  return orderDetailJson(found);
};
const position = async (account: string) => {
  const [row] = await readPositions(pipeline.parts.context.db, {
    ...{ accountId: account, strategyId: null, statuses: ['OPEN'], limit: 5 },
  });
  if (row === undefined) throw new Error('nothing is held');
  return positionJson(row);
};
const findingsOf = async (words: RegExp): Promise<number> => {
  const invariant = INVARIANTS.find(({ what }) => words.test(what));
  if (invariant === undefined) throw new Error('there is no such invariant');
  return (await pipeline.sql(invariant.sql)).length;
};

describe('an order with its protection', () => {
  it('is one story: the entry, its stop and its target, by the journal, from both ends', async () => {
    const guarded = guardedOf(pipeline);
    const { id } = await pipeline.waitForStatus(await pipeline.place({ quantity: 20 }), 'FILLED');
    await guarded.protects(20);
    const shown = await eventually(
      async () => {
        const now = await story(id);
        expect(now.guards.map(({ role, status }) => [role, status])).toEqual([
          ['STOP', 'OPEN'],
          ['TARGET', 'OPEN'],
        ]);
        return now;
      },
      { what: 'stop and target to rest' },
    );
    const [group] = await guarded.groups();
    expect(shown).toMatchObject({ protectionGroup: group?.id, parent: null });
    const seqs = shown.timeline.map(({ seq }) => seq);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    const eventsOf = (role: string) =>
      shown.timeline.filter((step) => step.role === role).map(({ event }) => event);
    expect(eventsOf('ENTRY')).toContain('ProtectionBegun');
    for (const role of ['STOP', 'TARGET']) {
      expect(eventsOf(role)).toEqual(
        expect.arrayContaining(['OrderAccepted', 'OrderSubmitted', 'OrderOpened']),
      );
    }
    const [stop] = shown.guards;
    expect(shown.timeline.filter(({ orderId }) => orderId === stop?.id)[0]).toMatchObject({
      ...{ role: 'STOP', event: 'OrderAccepted', to: 'PENDING' },
    });
    expect(await story(stop?.id ?? '')).toMatchObject({
      ...{ role: 'STOP', parentOrderId: id, guards: [] },
      parent: { id, role: 'ENTRY' },
    });
    const told = explanation(shown, []);
    expect(told).toContain('Protection');
    expect(told).toContain('STOP SELL 20 SL-M at trigger 2430.00');
    expect(told).toContain('STOP OrderAccepted');
  });

  it('of a second entry shows the stop that was there when it joined', async () => {
    const { id } = await pipeline.waitForStatus(await pipeline.place({ quantity: 5 }), 'FILLED');
    await guardedOf(pipeline).protects(25);
    expect((await story(id)).guards.map(({ role }) => role)).toContain('STOP');
  });
});

describe('what is without its stop', () => {
  it('is shown of the position and in the metrics, by instrument', async () => {
    const entry = await pipeline.place({ account: 'naked', ...RESTING, takeProfit: null, quantity: 20 });
    const { brokerOrderId } = await pipeline.waitForStatus(entry, 'OPEN');
    await pipeline.addFault({ call: 'placeOrder', kind: 'rejectAtExchange', count: -1, user: 'naked' });
    await outsideOf(pipeline, 'naked').execute(brokerOrderId ?? '', 20, '2300.00');
    await eventually(
      async () =>
        expect(await position('naked')).toMatchObject({
          ...{ quantity: 20, protectedQuantity: 0, protection: 'exchange' },
          unprotectedSince: expect.stringMatching(/^\d{4}-/),
        }),
      { what: 'the position to be shown naked' },
    );
    expect((await position('naked')).unprotectedSeconds).toBeGreaterThan(0);
    const { context } = pipeline.parts;
    const metrics = createMetrics(new OpenAPIHono(), {
      clock: systemClock,
      log: context.log,
      countOrders: () => Promise.resolve([]),
      unprotected: () => readUnprotectedSeconds(context.db),
    });
    const text = await metrics.scrape();
    expect(text).toMatch(/^sauda_unprotected_quantity\{account="naked",instrument="NSE:RELIANCE"\} 20$/m);
    expect(text).toMatch(/^sauda_unprotected_seconds\{account="naked",instrument="NSE:RELIANCE"\} [\d.]+$/m);
    expect(await position('main')).toMatchObject({ protection: 'exchange', unprotectedSince: null });
  });

  it('for a minute without an alert is found by the audit', async () => {
    expect(await findingsOf(/without its stop for a minute/)).toBe(0);
    await eventually(
      async () => {
        // A look of our own puts it right within a second.
        await pipeline.sql(
          `update protection_groups set unprotected_since = sauda.clock() - interval '2 minutes' where account_id = 'naked'`,
        );
        await pipeline.sql(
          `update alerts set cleared_at = now() where account_id = 'naked' and type = 'unprotected_position'`,
        );
        expect(await findingsOf(/without its stop for a minute/)).toBe(1);
      },
      { what: 'the audit to name it' },
    );
    await pipeline.clearFaults();
    await guardedOf(pipeline, 'naked').isFlat();
  });

  it('and has no group at all is found by the audit', async () => {
    await pipeline.waitForStatus(await pipeline.place({ account: 'lost', takeProfit: null }), 'FILLED');
    await guardedOf(pipeline, 'lost').protects(10);
    expect(await findingsOf(/no protection group is theirs/)).toBe(0);
    await pipeline.sql(`update protection_groups set ended_at = now() where account_id = 'lost'`);
    expect(await findingsOf(/no protection group is theirs/)).toBe(1);
    await pipeline.sql(`update protection_groups set ended_at = null where account_id = 'lost'`);
  });
});
