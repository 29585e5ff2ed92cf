/** A kill -9 of whoever changes the books beside an order's own path: corrections, the end of a day, adjustments, alerts. */
import { afterEach, describe, expect, it } from 'vitest';
import { instantOfIst } from '../../../src/domain/calendar.ts';
import { pollAccount } from '../../../src/services/poll-account.ts';
import { submitOrder } from '../../../src/services/submit-order.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { control } from '../../support/pipeline/book.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { RESTING } from '../../support/pipeline/requests.ts';
import { ALL_ROLES, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { startWorkerProcess, type WorkerProcess } from '../../support/pipeline/worker-process.ts';
import { eventually } from '../../support/wait.ts';

const ACT = 'test/support/pipeline/act-program.ts';

let pipeline: Pipeline;
let victim: WorkerProcess | null = null;
afterEach(async () => {
  await victim?.kill();
  victim = null;
  await pipeline.stop();
});

const dies = async (program: string, failpoint: string, args: readonly string[] = []): Promise<void> => {
  victim = startWorkerProcess(
    program,
    { ...pipeline.environment, SAUDA_FAILPOINTS: `${failpoint}:kill` },
    args,
  );
  expect(await victim.ended(), victim.output()).toEqual({ code: null, signal: 'SIGKILL' });
};
const addsUp = async (): Promise<void> => {
  await eventually(() => expectInvariants(pipeline.sql), { what: 'the invariants' });
  expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
};
const count = async (from: string): Promise<number> =>
  (await pipeline.sql<{ count: number }>(`select count(*)::int as count from ${from}`))[0]?.count ?? 0;
const held = async (): Promise<number> =>
  (await pipeline.sql<{ held: number }>(`select coalesce(sum(quantity), 0)::int as held from positions`))[0]
    ?.held ?? 0;

describe('a kill -9', () => {
  it.each(['correct.beforeCommit', 'correct.afterCommit'])(
    'at %s leaves a trade that was taken back taken back once',
    async (failpoint) => {
      pipeline = await startPipeline({
        backend: 'postgres',
        roles: ALL_ROLES.filter((role) => role !== 'reconciler' && role !== 'dispatcher'),
        environment: { RECONCILE_INTERVAL_MS: '500' },
      });
      const order = await pipeline.waitForStatus(await pipeline.place(), 'FILLED');
      const [trade] = (await pipeline.book()).trades;
      await outsideOf(pipeline, 'main').bustTrade(trade?.trade_id ?? '');
      await dies('reconciler', failpoint);
      pipeline.startRole('reconciler');
      await eventually(async () => expect(await held()).toBe(0), { what: 'the correction' });
      expect(await count(`journal where kind = 'TradeCorrected'`)).toBe(1);
      expect(await count(`alerts where type = 'trade_corrected'`)).toBe(1);
      expect(await pipeline.order(order.id)).toMatchObject({ filledQuantity: 0 });
      await addsUp();
    },
  );

  it.each(['dayEnd.beforeCommit', 'dayEnd.afterCommit'])(
    'at %s leaves an order of yesterday EXPIRED once',
    async (failpoint) => {
      let shiftMs = 0;
      pipeline = await startPipeline({
        backend: 'postgres',
        roles: [],
        exchange: {
          tickIntervalMs: 3_600_000,
          clock: { now: () => new Date(performance.timeOrigin + performance.now() + shiftMs) },
        },
      });
      const moveTo = async (day: string, time: string): Promise<void> => {
        const [real] = await pipeline.sql<{ now: Date }>('select clock_timestamp() as now');
        shiftMs = instantOfIst(day, time).getTime() - (real?.now.getTime() ?? 0);
        await pipeline.sql(
          `insert into sauda.clock_offset (shift) values ($1 * interval '1 millisecond')
           on conflict (id) do update set shift = excluded.shift`,
          [shiftMs],
        );
      };
      const { context } = pipeline.parts;
      await moveTo('2026-11-24', '14:00');
      const { id } = await pipeline.place({ ...RESTING, maxAgeMs: 0 });
      await validateOrder(context, { accountId: 'main', orderId: id });
      await submitOrder(context, { accountId: 'main', orderId: id });
      await pollAccount(context, 'main', { always: true });
      await moveTo('2026-11-24', '16:30');
      await pollAccount(context, 'main', { always: true });
      await control(pipeline.exchange, 'POST', '/reset');
      await moveTo('2026-11-25', '08:00');
      await dies('fill-poller', failpoint);
      await eventually(
        async () => {
          await pollAccount(context, 'main', { always: true });
          expect((await pipeline.order(id)).status).toBe('EXPIRED');
        },
        { what: 'the end of the order' },
      );
      expect(await count(`journal where kind = 'OrderExpired'`)).toBe(1);
      expect(await count(`alerts where type = 'order_expired'`)).toBe(1);
      await addsUp();
    },
  );

  it.each(['adjust.beforeCommit', 'adjust.afterCommit'])(
    'at %s leaves an adjustment made once, when it is asked for again',
    async (failpoint) => {
      pipeline = await startPipeline({ backend: 'postgres' });
      const order = await pipeline.waitForStatus(await pipeline.place(), 'FILLED');
      await dies(ACT, failpoint, [order.id, 'adjust', '4']);
      victim = startWorkerProcess(ACT, pipeline.environment, [order.id, 'adjust', '4']);
      expect(await victim.ended(), victim.output()).toMatchObject({ code: 0 });
      expect(await held()).toBe(4);
      expect(await count(`journal where kind = 'PositionAdjusted'`)).toBe(1);
      await addsUp();
    },
  );

  it('at alert.claimed loses no alert: the next look tells it', async () => {
    pipeline = await startPipeline({ backend: 'postgres', roles: [] });
    const { context } = pipeline.parts;
    await context.withAccount({
      accountId: 'main',
      actor: 'test',
      needs: { openAlerts: true },
      run: (view) =>
        view.raiseAlert({
          ...{ id: context.newId(), severity: 'CRITICAL', type: 'kill_switch_triggered', message: 'halted' },
          ...{ details: {}, orderId: null, condition: 'test' },
        }),
    });
    await dies('alerter', 'alert.claimed');
    const told = `alert_deliveries where channel = 'log' and state = 'DELIVERED'`;
    expect(await count(told)).toBe(0);
    pipeline.startRole('alerter');
    await eventually(async () => expect(await count(told)).toBe(1), { what: 'the alert' });
  });
});
