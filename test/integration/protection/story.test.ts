/* eslint-disable @typescript-eslint/no-unsafe-assignment -- matchers */
/** What a person sees of protection: one story of an order and its guards, its figures, and an audit that misses them. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
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
import { freshAccount, guardedOf } from '../../support/pipeline/protection.ts';
import { RESTING } from '../../support/pipeline/requests.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

let pipeline: Pipeline;

beforeAll(async () => {
  pipeline = await startPipeline({
    backend: 'postgres',
    environment: { PROTECTION: 'exchange' },
    exchange: { tickIntervalMs: 3_600_000 },
  });
});
afterAll(async () => {
  await pipeline.stop();
});

const story = async (id: string, account: string): Promise<OrderDetailBody> => {
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
const findingsOf = async (words: RegExp, account: string): Promise<number> => {
  const invariant = INVARIANTS.find(({ what }) => words.test(what));
  if (invariant === undefined) throw new Error('there is no such invariant');
  const found = await pipeline.sql<{ account_id: string }>(invariant.sql);
  return found.filter(({ account_id: of }) => of === account).length;
};
/** 20 shares for which the exchange takes no stop and no exit, until the faults are cleared. */
const naked = async (): Promise<string> => {
  const account = await freshAccount(pipeline, 'naked');
  const entry = await pipeline.place({ account, ...RESTING, takeProfit: null, quantity: 20 });
  const { brokerOrderId } = await pipeline.waitForStatus(entry, 'OPEN');
  await pipeline.addFault({ call: 'placeOrder', kind: 'rejectAtExchange', count: -1, user: account });
  await outsideOf(pipeline, account).execute(brokerOrderId ?? '', 20, '2300.00');
  await eventually(
    async () =>
      expect(await position(account)).toMatchObject({
        ...{ quantity: 20, protectedQuantity: 0, protection: 'exchange' },
        unprotectedSince: expect.stringMatching(/^\d{4}-/),
      }),
    { what: 'the position to be shown naked' },
  );
  return account;
};
const protectedBy = async (name: string, quantity: number): Promise<{ account: string; id: string }> => {
  const account = await freshAccount(pipeline, name);
  const { id } = await pipeline.waitForStatus(await pipeline.place({ account, quantity }), 'FILLED');
  await guardedOf(pipeline, account).protects(quantity);
  return { account, id };
};

describe('an order with its protection', () => {
  it('is one story: the entry, its stop and its target, by the journal, from both ends', async () => {
    const { account, id } = await protectedBy('story', 20);
    const guarded = guardedOf(pipeline, account);
    const shown = await eventually(
      async () => {
        const now = await story(id, account);
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
    expect(await story(stop?.id ?? '', account)).toMatchObject({
      ...{ role: 'STOP', parentOrderId: id, guards: [] },
      parent: { id, role: 'ENTRY' },
    });
    const told = explanation(shown, []);
    expect(told).toMatch(/Attempts\n  1: tag [A-Za-z0-9]+, .*\n     OrderSubmitted at .*/);
    expect(told).toContain('Protection');
    expect(told).toContain('STOP SELL 20 SL-M at trigger 2430.00');
    expect(told).toContain('STOP OrderAccepted');
  });

  it('of a second entry shows the stop that was there when it joined', async () => {
    const { account } = await protectedBy('joined', 20);
    const { id } = await pipeline.waitForStatus(await pipeline.place({ account, quantity: 5 }), 'FILLED');
    await guardedOf(pipeline, account).protects(25);
    expect((await story(id, account)).guards.map(({ role }) => role)).toContain('STOP');
  });
});

describe('what is without its stop', () => {
  beforeEach(async () => {
    await pipeline.clearFaults();
  });

  it('is shown of the position and in the metrics, by instrument', async () => {
    const account = await naked();
    expect((await position(account)).unprotectedSeconds).toBeGreaterThan(0);
    const { context } = pipeline.parts;
    const metrics = createMetrics(new OpenAPIHono(), {
      clock: systemClock,
      log: context.log,
      countOrders: () => Promise.resolve([]),
      unprotected: () => readUnprotectedSeconds(context.db),
    });
    const text = await metrics.scrape();
    const labels = `\\{account="${account}",instrument="NSE:RELIANCE"\\}`;
    expect(text).toMatch(new RegExp(`^sauda_unprotected_quantity${labels} 20$`, 'm'));
    expect(text).toMatch(new RegExp(`^sauda_unprotected_seconds${labels} [\\d.]+$`, 'm'));
  });

  it('for a minute without an alert is found by the audit', async () => {
    const account = await naked();
    expect(await findingsOf(/without its stop for a minute/, account)).toBe(0);
    await eventually(
      async () => {
        // A look of our own puts it right within a second.
        await pipeline.sql(
          `update protection_groups set unprotected_since = sauda.clock() - interval '2 minutes' where account_id = $1`,
          [account],
        );
        await pipeline.sql(
          `update alerts set cleared_at = now() where account_id = $1 and type = 'unprotected_position'`,
          [account],
        );
        expect(await findingsOf(/without its stop for a minute/, account)).toBe(1);
      },
      { what: 'the audit to name it' },
    );
    await pipeline.clearFaults();
    // Its next stop may be taken before it has to leave.
    await guardedOf(pipeline, account).isSafe();
  });

  it('and has no group at all is found by the audit', async () => {
    const { account } = await protectedBy('lost', 10);
    expect(await findingsOf(/no protection group is theirs/, account)).toBe(0);
    await pipeline.sql(`update protection_groups set ended_at = now() where account_id = $1`, [account]);
    expect(await findingsOf(/no protection group is theirs/, account)).toBe(1);
    await pipeline.sql(`update protection_groups set ended_at = null where account_id = $1`, [account]);
  });
});
