/** The second net: one GTT at the broker, kept equal to the position (docs/protection.md). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrderRow } from '../../../src/db/account-rows.ts';
import { armFailpoints } from '../../../src/lib/failpoint.ts';
import type { Running } from '../../../src/runtime/roles.ts';
import { userOf } from '../../support/pipeline/book.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { freshAccount, guardedOf } from '../../support/pipeline/protection.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { EXIT, MARKET, type OrderFields, RESTING } from '../../support/pipeline/requests.ts';
import { ALL_ROLES, onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

/** A lost call is only asked again after BROKER_TIMEOUT_MS and UNKNOWN_HORIZON_MS, twice over. */
const RECOVERY_MS = 60_000;

interface Gtt {
  readonly id: number;
  readonly status: string;
  readonly condition: { readonly trigger_values: readonly number[] };
  readonly orders: readonly { readonly quantity: number; readonly price: number }[];
}

let pipeline: Pipeline;
let running: Running[] = [];
const startRoles = () => {
  running = ALL_ROLES.map((role) => pipeline.startRole(role));
};

onEachBackend((backend) => {
  beforeAll(async () => {
    pipeline = await startPipeline({
      backend,
      roles: [],
      environment: { PROTECTION: 'exchange', BROKER_TIMEOUT_MS: '2000' },
      exchange: { tickIntervalMs: 3_600_000 },
    });
    startRoles();
  });
  afterAll(async () => {
    try {
      await eventually(() => expectInvariants(pipeline.sql, { atRest: true }), { what: 'every invariant' });
      expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
    } finally {
      await pipeline.stop();
    }
  });
  const setPrice = async (price: string): Promise<void> => {
    await pipeline.setPrices({ 'NSE:RELIANCE': price });
    await pipeline.readPrices(pipeline.parts);
  };
  beforeEach(async () => {
    // A try that failed in the night left them stopped.
    if (running.length === 0) startRoles();
    await pipeline.clearFaults();
    await setPrice('2450.00');
  });
  afterEach(() => armFailpoints(''));

  const bought = async (account: string, fields: OrderFields = {}): Promise<OrderRow> =>
    pipeline.waitForStatus(await pipeline.place({ account, quantity: 20, gtt: true, ...fields }), 'FILLED');

  /** Every GTT the exchange ever had of the account. */
  async function gttsOf(account: string, path = '', method = 'GET'): Promise<Gtt[]> {
    const response = await fetch(`${pipeline.exchange.url}/gtt/triggers${path}`, {
      method,
      headers: { authorization: `token paper:paper-${userOf(account)}` },
    });
    return ((await response.json()) as { data: Gtt[] }).data;
  }

  async function hasOne(account: string, quantity: number): Promise<Gtt> {
    return eventually(
      async () => {
        const active = (await gttsOf(account)).filter(({ status }) => status === 'active');
        expect(active.map(({ orders }) => orders[0]?.quantity)).toEqual([quantity]);
        return active[0]!;
      },
      { what: `one GTT of ${quantity}`, timeoutMs: RECOVERY_MS },
    );
  }

  async function isClosed(account: string): Promise<void> {
    await guardedOf(pipeline, account).isFlat();
    const active = (await gttsOf(account)).filter(({ status }) => status === 'active');
    expect(active).toEqual([]);
  }

  const sell = (account: string, quantity: number) =>
    bought(account, { ...EXIT, ...MARKET, quantity, gtt: false });

  describe('a GTT', () => {
    it('appears with the fill, follows the position up and down, and is gone with it', async () => {
      const account = await freshAccount(pipeline, 'follow');
      const entry = await pipeline.place({ account, ...RESTING, quantity: 30, gtt: true });
      const { brokerOrderId } = await pipeline.waitForStatus(entry, 'OPEN');
      expect(await gttsOf(account)).toEqual([]);
      // Between the stop and the target.
      await setPrice('2310.00');
      await outsideOf(pipeline, account).execute(brokerOrderId ?? '', 10, '2300.00');
      const { condition } = await hasOne(account, 10);
      expect(condition.trigger_values).toEqual([2257.2, 2373.5]);
      await outsideOf(pipeline, account).execute(brokerOrderId ?? '', 20, '2300.00');
      const { id } = await hasOne(account, 30);
      await sell(account, 25);
      expect((await hasOne(account, 5)).id).toBe(id);
      await sell(account, 5);
      await isClosed(account);
      expect(await gttsOf(account)).toMatchObject([{ id, status: 'deleted' }]);
    });

    it.each([
      ['claim', 'gtt.afterClaim'],
      ['call', 'gtt.afterCall'],
    ])('is one, and never two, when its process ends after the %s', async (name, failpoint) => {
      const account = await freshAccount(pipeline, name);
      armFailpoints(`${failpoint}:throw`);
      await bought(account);
      const { id } = await hasOne(account, 20);
      await eventually(
        async () =>
          expect(await guardedOf(pipeline, account).groups()).toMatchObject([
            { gttNet: { triggerId: String(id), call: null } },
          ]),
        { what: 'its row', timeoutMs: RECOVERY_MS },
      );
      await sell(account, 20);
      await isClosed(account);
      expect(await gttsOf(account)).toHaveLength(1);
    });

    it('is one when the answers of its placement, its change and its end are lost', async () => {
      const account = await freshAccount(pipeline, 'lost');
      const lose = (call: string) => pipeline.addFault({ call, kind: 'acceptThenReset', user: account });
      await lose('placeGtt');
      await lose('modifyGtt');
      await lose('cancelGtt');
      await bought(account);
      const { id } = await hasOne(account, 20);
      await sell(account, 5);
      expect((await hasOne(account, 15)).id).toBe(id);
      await sell(account, 15);
      await isClosed(account);
      expect(await gttsOf(account)).toHaveLength(1);
    });

    it('that is refused is told and tried again, and the stop is there all the time', async () => {
      const account = await freshAccount(pipeline, 'refused');
      await pipeline.addFault({ call: 'placeGtt', kind: 'refuse', count: 2, user: account });
      await bought(account);
      await guardedOf(pipeline, account).protects(20);
      await hasOne(account, 20);
      const alerts = await guardedOf(pipeline, account).alerts();
      expect(alerts.map(({ type }) => type)).toContain('gtt_refused');
      const standing = `select type from alerts where account_id = '${account}' and cleared_at is null`;
      await eventually(async () => expect(await pipeline.sql(standing)).toEqual([]), { what: 'its end' });
      await sell(account, 20);
      await isClosed(account);
    });

    it('that a person deletes is placed again, and told', async () => {
      const account = await freshAccount(pipeline, 'deleted');
      await bought(account);
      const { id } = await hasOne(account, 20);
      await gttsOf(account, `/${id}`, 'DELETE');
      expect((await hasOne(account, 20)).id).not.toBe(id);
      const alerts = await guardedOf(pipeline, account).alerts();
      expect(alerts.map(({ type }) => type)).toContain('gtt_lost');
      await sell(account, 20);
      await isClosed(account);
    });

    it('that fires in a gap together with the stop is told, and leaves no position of ours', async () => {
      const account = await freshAccount(pipeline, 'gap');
      const guarded = guardedOf(pipeline, account);
      await bought(account, { takeProfit: null });
      await guarded.protects(20);
      await hasOne(account, 20);
      await setPrice('2400.00');
      await eventually(async () => expect(await guarded.groups()).toEqual([]), {
        what: 'the end of its group',
        timeoutMs: RECOVERY_MS,
      });
      const alerts = await guarded.alerts();
      expect(alerts.find(({ type }) => type === 'gtt_triggered')).toMatchObject({ severity: 'CRITICAL' });
      const open = await pipeline.sql<{ managed_by: string; quantity: number }>(
        `select managed_by, quantity from positions where account_id = '${account}' and status = 'OPEN'`,
      );
      // Which of the two sales was ours to take back is decided by which was read first.
      const net = await guarded.net();
      expect(open).toEqual(net === 0 ? [] : [{ managed_by: 'EXTERNAL', quantity: -20 }]);
      if (net !== 0)
        await outsideOf(pipeline, account).place({ side: 'BUY', quantity: 20, price: '2410.00' });
      await isClosed(account);
    });

    it('H.1.a is there and acts in the night, when the stop of the day is over and nothing of ours runs', async () => {
      const account = await freshAccount(pipeline, 'night');
      const guarded = guardedOf(pipeline, account);
      await bought(account, { product: 'CNC', takeProfit: null });
      await guarded.protects(20);
      await hasOne(account, 20);
      for (const role of running.splice(0)) await role.stop();
      const [stop] = await guarded.stops();
      await outsideOf(pipeline, account).end(stop?.order_id ?? '', 'CANCELLED', 'the day is over');
      await pipeline.setPrices({ 'NSE:RELIANCE': '2400.00' });
      await eventually(async () => expect(await guarded.net()).toBe(0), { what: 'its sale' });
      startRoles();
      await guarded.isFlat();
      expect(await gttsOf(account)).toMatchObject([{ status: 'triggered' }]);
      const alerts = await guarded.alerts();
      expect(alerts.find(({ type }) => type === 'gtt_triggered')).toMatchObject({ severity: 'CRITICAL' });
    });
  });
});
