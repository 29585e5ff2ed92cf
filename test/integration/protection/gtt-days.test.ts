/** A GTT over a night: what the next day does to its position, it follows (controls.md H.1.c, H.1.d). */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import { closePositions } from '../../../src/services/close-positions.ts';
import type { Running } from '../../../src/runtime/roles.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { freshAccount, guardedOf } from '../../support/pipeline/protection.ts';
import type { OrderFields } from '../../support/pipeline/requests.ts';
import { ALL_ROLES, onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

interface Gtt {
  readonly id: number;
  readonly status: string;
  readonly orders: readonly { readonly quantity: number }[];
}

onEachBackend((backend) => {
  let pipeline: Pipeline;
  let running: Running[] = [];
  const startRoles = () => {
    running = ALL_ROLES.map((role) => pipeline.startRole(role));
  };

  beforeAll(async () => {
    pipeline = await startPipeline({
      ...{ backend, disturbed: true, roles: [] },
      environment: { PROTECTION: 'exchange', BROKER_TIMEOUT_MS: '2000' },
      exchange: { tickIntervalMs: 3_600_000 },
    });
    startRoles();
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  const gttsOf = async (account: string): Promise<Gtt[]> => {
    const headers = { authorization: `token paper:paper-${account}` };
    const response = await fetch(`${pipeline.exchange.url}/gtt/triggers`, { headers });
    return ((await response.json()) as { data: Gtt[] }).data;
  };
  const hasOne = (account: string, quantity: number): Promise<Gtt> =>
    eventually(
      async () => {
        const active = (await gttsOf(account)).filter(({ status }) => status === 'active');
        expect(active.map(({ orders }) => orders[0]?.quantity)).toEqual([quantity]);
        return active[0]!;
      },
      { what: `one GTT of ${quantity}` },
    );
  const filled = async (account: string, fields: OrderFields): Promise<OrderRow> =>
    pipeline.waitForStatus(
      await pipeline.place({ account, product: 'CNC', takeProfit: null, ...fields }),
      'FILLED',
    );

  it('H.1.c and H.1.d a GTT over a night stays as it was, ends with its position the next day, and grows with it', async () => {
    const accounts = [await freshAccount(pipeline, 'sold'), await freshAccount(pipeline, 'grown')] as const;
    const [sold, grown] = accounts;
    const before = new Map<string, number>();
    for (const account of accounts) {
      await filled(account, { quantity: 20, gtt: true });
      await guardedOf(pipeline, account).protects(20);
      before.set(account, (await hasOne(account, 20)).id);
    }

    // In the night nothing of ours runs, and the stops of the day are over.
    for (const role of running) await role.stop();
    for (const account of accounts) {
      for (const { order_id } of await guardedOf(pipeline, account).stops()) {
        await outsideOf(pipeline, account).end(order_id, 'CANCELLED', 'the day is over');
      }
      expect((await hasOne(account, 20)).id).toBe(before.get(account));
    }
    startRoles();
    for (const account of accounts) await guardedOf(pipeline, account).protects(20);

    const closing = await closePositions(pipeline.parts.context, {
      ...{ accountId: sold, actor: 'a person', byOperator: true, strategyId: null, instrument: null },
      ...{ product: null, quantity: null, includeExternal: false, reason: 'a test' },
    });
    expect(closing.ok).toBe(true);
    await guardedOf(pipeline, sold).isFlat();
    expect(await gttsOf(sold)).toMatchObject([{ id: before.get(sold), status: 'deleted' }]);
    await filled(grown, { quantity: 10, gtt: true });
    expect((await hasOne(grown, 30)).id).toBe(before.get(grown));
    await guardedOf(pipeline, grown).protects(30);
    await expectInvariants(pipeline.sql);
  });
});
