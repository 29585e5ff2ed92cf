/** Stops are orders of the day: what is told before it ends, and what is there the next morning (docs/protection.md). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { instantOfIst } from '../../../src/domain/calendar.ts';
import { pollAccount } from '../../../src/services/poll-account.ts';
import { protectAccount } from '../../../src/services/protect-account.ts';
import { submitOrder } from '../../../src/services/submit-order.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { control } from '../../support/pipeline/book.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { freshAccount, guardedOf } from '../../support/pipeline/protection.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import type { OrderFields } from '../../support/pipeline/requests.ts';
import { type Pipeline, type PipelineOptions, startPipeline } from '../../support/pipeline.ts';

const MINUTE_MS = 60_000;

describe('a position that is held', () => {
  let pipeline: Pipeline;
  let shiftMs = 0;

  const start = (environment: PipelineOptions['environment'] & object) =>
    startPipeline({
      backend: 'postgres',
      roles: [],
      environment: { PROTECTION: 'exchange', ...environment },
      exchange: {
        tickIntervalMs: 3_600_000,
        fillDelayMs: 0,
        clock: { now: () => new Date(performance.timeOrigin + performance.now() + shiftMs) },
      },
    });
  beforeAll(async () => {
    pipeline = await start({ MARKET_HOURS: 'exchange' });
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  const moveTo = async (day: string, time: string, of = pipeline): Promise<void> => {
    const [real] = await of.sql<{ now: Date }>('select clock_timestamp() as now');
    shiftMs = instantOfIst(day, time).getTime() - (real?.now.getTime() ?? 0);
    await of.sql(
      `insert into sauda.clock_offset (shift) values ($1 * interval '1 millisecond')
       on conflict (id) do update set shift = excluded.shift`,
      [shiftMs],
    );
  };
  /** What the roles would do for an account, a few times over. */
  const work = async (account: string, { context } = pipeline.parts, sql = pipeline.sql): Promise<void> => {
    for (let round = 0; round < 3; round++) {
      const waiting = () =>
        sql<{ id: string; status: string }>(
          `select id, status from orders where account_id = $1 and status in ('PENDING','VALIDATED')`,
          [account],
        );
      for (const { id } of await waiting()) {
        const step = { accountId: account, orderId: id };
        await validateOrder(context, step);
        await submitOrder(context, step);
      }
      await pollAccount(context, account, { always: true });
      await protectAccount(context, { accountId: account });
    }
  };
  const bought = async (account: string, fields: OrderFields, of = pipeline): Promise<void> => {
    await of.place({ account, takeProfit: null, maxAgeMs: 0, quantity: 20, ...fields });
    await work(account, of.parts, of.sql);
    await guardedOf(of, account).protects(20);
  };
  const alertsOf = (account: string, of = pipeline) =>
    of.sql<{ type: string; severity: string; stands: boolean }>(
      `select type, severity, cleared_at is null as stands from alerts
        where account_id = $1 order by at`,
      [account],
    );
  const told = (severity: string, stands: boolean) => ({ type: 'unprotected_overnight', severity, stands });
  const everythingAddsUp = async (): Promise<void> => {
    await expectInvariants(pipeline.sql);
    expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
  };

  it('overnight is CRITICAL before its stop ends, once, and until the next one rests', async () => {
    const account = await freshAccount(pipeline, 'carried');
    const { context } = pipeline.parts;
    const guarded = guardedOf(pipeline, account);
    await moveTo('2026-11-24', '14:00');
    await bought(account, { product: 'CNC' });
    const [group] = await guarded.groups();
    const [looks] = await pipeline.sql<{ ms: number }>(
      `select (extract(epoch from next_look_at - clock_timestamp()) * 1000)::float8 as ms from protection_groups
       where id = $1`,
      [group?.id],
    );
    // Nothing else would make it look at three o'clock.
    expect(looks?.ms).toBeGreaterThan(50 * MINUTE_MS);
    expect(looks?.ms).toBeLessThanOrEqual(60 * MINUTE_MS);
    await moveTo('2026-11-24', '14:59');
    await work(account);
    expect(await alertsOf(account)).toEqual([]);
    await moveTo('2026-11-24', '15:00');
    await work(account);
    expect(await alertsOf(account)).toEqual([told('CRITICAL', true)]);
    await moveTo('2026-11-24', '16:00');
    await work(account);
    expect(await alertsOf(account)).toEqual([told('CRITICAL', true)]);
    const [yesterdays] = await guarded.stops();

    // The book of the new day is empty, and the shares are in the demat account.
    await control(pipeline.exchange, 'POST', '/reset');
    await control(pipeline.exchange, 'PUT', `/holdings/${account}`, [
      { tradingsymbol: 'RELIANCE', quantity: 20, average_price: '2450.00' },
    ]);
    await moveTo('2026-11-25', '08:00');
    await work(account);
    expect(
      await pipeline.sql(`select status from orders where account_id = '${account}' and role = 'STOP'`),
    ).toEqual([{ status: 'EXPIRED' }]);
    expect(await guarded.stops()).toEqual([]);
    expect(await guarded.groups()).toMatchObject([{ heldQuantity: 20, protectedQuantity: 0 }]);
    expect(await alertsOf(account)).toEqual([told('CRITICAL', true)]);

    await moveTo('2026-11-25', '09:15');
    await protectAccount(context, { accountId: account });
    expect(await alertsOf(account)).toEqual([told('CRITICAL', true)]);
    await work(account);
    const [stop] = await guarded.stops();
    expect(stop).toMatchObject({ quantity: 20, trigger_price: 2430 });
    expect(stop?.order_id).not.toBe(yesterdays?.order_id);
    expect(await guarded.groups()).toMatchObject([{ heldQuantity: 20, protectedQuantity: 20 }]);
    expect(await alertsOf(account)).toEqual([told('CRITICAL', false)]);
    await everythingAddsUp();
  });

  it('until it is closed is told no longer', async () => {
    const account = await freshAccount(pipeline, 'closed');
    await moveTo('2026-11-26', '15:05');
    await bought(account, { product: 'CNC' });
    expect(await alertsOf(account)).toEqual([told('CRITICAL', true)]);
    const [stop] = await guardedOf(pipeline, account).stops();
    await outsideOf(pipeline, account).execute(stop?.order_id ?? '', 20, '2430.00');
    await work(account);
    expect(await alertsOf(account)).toEqual([told('CRITICAL', false)]);
    await everythingAddsUp();
  });

  it('intraday is a WARNING, and CRITICAL when nobody squared it off', async () => {
    const account = await freshAccount(pipeline, 'intraday');
    await moveTo('2026-11-27', '11:00');
    await bought(account, { product: 'MIS' });
    await moveTo('2026-11-27', '15:00');
    await work(account);
    expect(await alertsOf(account)).toEqual([told('WARNING', true)]);
    await moveTo('2026-11-27', '15:30');
    await work(account);
    expect(await alertsOf(account)).toEqual([told('WARNING', false), told('CRITICAL', true)]);
    await everythingAddsUp();
  });

  it('at a market that never closes is never told', async () => {
    const other = await start({ MARKET_HOURS: 'always' });
    try {
      const account = await freshAccount(other, 'open');
      await moveTo('2026-11-24', '14:30', other);
      await bought(account, { product: 'CNC' }, other);
      for (const time of ['15:10', '15:45', '23:00']) {
        await moveTo('2026-11-24', time, other);
        await work(account, other.parts, other.sql);
      }
      expect(await alertsOf(account, other)).toEqual([]);
    } finally {
      await other.stop();
    }
  });
});
