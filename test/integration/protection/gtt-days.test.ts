/** A GTT over a night: what the next day does to its position, it follows (controls.md H.1.c, H.1.d). */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import { acknowledgeAlert } from '../../../src/services/acknowledge-alert.ts';
import { closePositions } from '../../../src/services/close-positions.ts';
import { keepGtts } from '../../../src/services/keep-gtts.ts';
import { protectAccount } from '../../../src/services/protect-account.ts';
import type { Running } from '../../../src/runtime/roles.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { freshAccount, guardedOf } from '../../support/pipeline/protection.ts';
import type { OrderFields } from '../../support/pipeline/requests.ts';
import { ALL_ROLES, onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually, waitFor } from '../../support/wait.ts';

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

  it('a share that may have been split over night is not sold by its old stop until a person has looked', async () => {
    const account = await freshAccount(pipeline, 'split');
    const guarded = guardedOf(pipeline, account);
    const { context } = pipeline.parts;
    await filled(account, { quantity: 20, gtt: true });
    await guarded.protects(20);
    const { id: gtt } = await hasOne(account, 20);
    // Our close of the day before is twice the broker's.
    await pipeline.sql('update positions set previous_close = 4900 where account_id = $1', [account]);
    const suspected = await waitFor(
      async () => {
        const [alert] = await pipeline.sql<{ id: string }>(
          `select id from alerts where account_id = $1 and type = 'corporate_action_suspected' and cleared_at is null`,
          [account],
        );
        return alert?.id;
      },
      { what: 'the suspicion' },
    );
    const [stop] = await guarded.stops();
    await outsideOf(pipeline, account).end(stop?.order_id ?? '', 'CANCELLED', 'the day is over');
    // The broker ends GTTs of such a share itself.
    const headers = { authorization: `token paper:paper-${account}` };
    await fetch(`${pipeline.exchange.url}/gtt/triggers/${gtt}`, { method: 'DELETE', headers });
    await eventually(
      async () =>
        expect(
          await pipeline.sql(`select status from orders where account_id = $1 and role = 'STOP'`, [account]),
        ).toEqual([{ status: 'CANCELLED' }]),
      { what: 'the end of the stop' },
    );
    await pipeline.setPrices({ 'NSE:RELIANCE': '2420.00' });
    await pipeline.readPrices(pipeline.parts);
    for (let look = 0; look < 3; look++) await protectAccount(context, { accountId: account });
    expect(
      await pipeline.sql(`select role from orders where account_id = $1 order by created_at`, [account]),
    ).toEqual([{ role: 'ENTRY' }, { role: 'STOP' }]);
    expect(await guarded.net()).toBe(20);
    const told = async () => (await guarded.alerts()).map(({ severity, type }) => `${severity} ${type}`);
    await eventually(async () => expect(await told()).toContain('WARNING gtt_lost'), { what: 'the GTT' });

    // The price of the new share: its old stop is outside of the band, and nobody watches it.
    await pipeline.setPrices({ 'NSE:RELIANCE': '2750.00' });
    await pipeline.readPrices(pipeline.parts);
    await eventually(async () => expect(await told()).toContain('CRITICAL unprotected_position'), {
      what: 'a person to be told that nothing protects it',
    });
    for (let look = 0; look < 3; look++) await protectAccount(context, { accountId: account });
    const standing = await pipeline.sql<{ type: string }>(
      `select type from alerts where account_id = $1 and severity = 'CRITICAL' and cleared_at is null`,
      [account],
    );
    expect(standing.map(({ type }) => type)).toContain('unprotected_position');
    expect(await told()).not.toContain('WARNING stop_outside_band');
    expect(await guarded.net()).toBe(20);
    await pipeline.setPrices({ 'NSE:RELIANCE': '2450.00' });
    await pipeline.readPrices(pipeline.parts);
    for (let look = 0; look < 3; look++) await keepGtts(context, { accountId: account });
    expect((await gttsOf(account)).filter(({ status }) => status === 'active')).toEqual([]);
    await pipeline.setPrices({ 'NSE:RELIANCE': '2420.00' });
    await pipeline.readPrices(pipeline.parts);

    const seen = await acknowledgeAlert(context, {
      accountId: account,
      ...{ alertId: suspected, strategyId: null },
      actor: 'a person',
    });
    expect(seen.ok).toBe(true);
    await guarded.isFlat();
  });

  it('and not before the monitor has looked at it either', async () => {
    const account = await freshAccount(pipeline, 'early');
    const guarded = guardedOf(pipeline, account);
    await pipeline.setPrices({ 'NSE:RELIANCE': '2450.00' });
    await pipeline.readPrices(pipeline.parts);
    await filled(account, { quantity: 20 });
    await guarded.protects(20);
    for (const role of running) await role.stop();
    await pipeline.sql('update positions set previous_close = 4900 where account_id = $1', [account]);
    const [stop] = await guarded.stops();
    await outsideOf(pipeline, account).end(stop?.order_id ?? '', 'CANCELLED', 'the day is over');
    const withoutMonitor = ALL_ROLES.filter((role) => role !== 'riskMonitor');
    running = withoutMonitor.map((role) => pipeline.startRole(role));
    const ended = `select status from orders where account_id = $1 and role = 'STOP' and status = 'CANCELLED'`;
    await waitFor(async () => (await pipeline.sql(ended, [account])).length > 0, { what: 'its end' });
    await eventually(
      async () => expect((await guarded.alerts()).map(({ type }) => type)).toContain('unprotected_position'),
      { what: 'a person to be told' },
    );
    for (let look = 0; look < 3; look++) await protectAccount(pipeline.parts.context, { accountId: account });
    const roles = `select role from orders where account_id = $1 order by created_at`;
    expect(await pipeline.sql(roles, [account])).toEqual([{ role: 'ENTRY' }, { role: 'STOP' }]);
    expect(await guarded.net()).toBe(20);
    expect((await guarded.alerts()).map(({ type }) => type)).not.toContain('corporate_action_suspected');
    await pipeline.sql('update positions set previous_close = null where account_id = $1', [account]);
    await guarded.protects(20);
  });
});
