/** The broker's budget of order calls while it is fought for: what guards and closes positions always finds its place. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findOperation } from '../../../src/db/stores/operation-store.ts';
import { setTradingState } from '../../../src/services/set-trading-state.ts';
import { submitOrder } from '../../../src/services/submit-order.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { commandsOf } from '../../support/pipeline/commands.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { guardedOf } from '../../support/pipeline/protection.ts';
import { EXIT, MARKET, RESTING, shareEntry } from '../../support/pipeline/requests.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

const NO_TARGET = { takeProfit: null } as const;
/** A share that is bought and closed beside the storms, and one that they are of. */
const ITC = shareEntry('ITC', '412.00');

describe("the broker's order budget", () => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend: 'postgres',
      accounts: ['minute', 'storm', 'halt'],
      environment: {
        PROTECTION: 'exchange',
        // A busy machine's: twice and more what it takes from a slot to the wire.
        SEND_WINDOW_MS: '1000',
        ORDER_CALLS_PER_SECOND: '8',
        ENTRY_CALLS_PER_SECOND: '6',
        ORDER_CALLS_PER_MINUTE: '380',
      },
    });
  });
  afterAll(async () => {
    try {
      await expectInvariants(pipeline.sql);
    } finally {
      await pipeline.stop();
    }
  });

  /** Calls of the minute that other entries are to have made: just all that entries may. */
  const useMinute = (account: string) =>
    pipeline.sql(
      `update accounts set budget = budget || jsonb_build_object('tens', jsonb_build_array(jsonb_build_array(
        floor(extract(epoch from clock_timestamp()) / 10)::bigint * 10000, 304))) where id = $1`,
      [account],
    );
  const claimedAt = async (account: string, where: string): Promise<number[]> =>
    (
      await pipeline.sql<{ at: number }>(
        `select extract(epoch from t.not_before)::float8 * 1000 as at from order_attempts t
          join orders o on o.account_id = t.account_id and o.id = t.order_id
          where t.account_id = $1 and ${where} order by 1`,
        [account],
      )
    ).map(({ at }) => at);

  it('gives a fill its stop at once in a minute of which entries have used their share', async () => {
    const guarded = guardedOf(pipeline, 'minute');
    const entry = await pipeline.place({ account: 'minute', ...RESTING, ...NO_TARGET });
    const { brokerOrderId } = await pipeline.waitForStatus(entry, 'OPEN');
    await useMinute('minute');
    const waiting = await pipeline.place({ account: 'minute', ...RESTING, ...NO_TARGET });
    await pipeline.waitForStatus(waiting, 'VALIDATED');
    await outsideOf(pipeline, 'minute').execute(brokerOrderId ?? '', 10, '2300.00');
    await guarded.protects(10);
    expect(await pipeline.order(waiting.id)).toMatchObject({ status: 'VALIDATED', attempt: 0 });
  });

  it('sends a stop and an exit long before the storms of entries and cancels around them are over', async () => {
    const account = 'storm';
    const guarded = guardedOf(pipeline, account);
    const commands = commandsOf(pipeline, account);
    const held = await pipeline.place({ account, ...ITC, ...MARKET, ...NO_TARGET, quantity: 5 });
    await pipeline.waitForStatus(held, 'FILLED');
    const resting = await Promise.all(
      Array.from({ length: 12 }, () => pipeline.place({ account, ...RESTING, ...NO_TARGET })),
    );
    for (const order of resting) await pipeline.waitForStatus(order, 'OPEN', 120_000);
    const [first, ...others] = resting;
    const { brokerOrderId } = await pipeline.order(first?.id ?? '');

    const entries = Array.from({ length: 40 }, () => pipeline.place({ account, ...RESTING, ...NO_TARGET }));
    await Promise.all([...entries, ...others.map((order) => commands.cancel(order))]);
    await outsideOf(pipeline, account).execute(brokerOrderId ?? '', 10, '2300.00');
    const exit = await pipeline.place({ account, ...ITC, ...EXIT, ...MARKET, quantity: 2 });
    await eventually(
      async () => {
        const stops = await guarded.stops();
        expect(stops.some(({ tradingsymbol }) => tradingsymbol === 'RELIANCE')).toBe(true);
      },
      { what: 'the stop of the fill', timeoutMs: 60_000 },
    );
    await pipeline.waitForStatus(exit, 'FILLED', 60_000);
    for (const entry of entries) await pipeline.waitForStatus(await entry, 'OPEN', 120_000);

    const [stop] = await claimedAt(account, `o.role = 'STOP' and o.symbol = 'RELIANCE'`);
    const [exited] = await claimedAt(account, `o.id = '${exit.id}'`);
    const sent = await claimedAt(account, `o.role = 'ENTRY'`);
    const after = (at: number | undefined) => sent.filter((one) => one > (at ?? Infinity)).length;
    expect(after(stop)).toBeGreaterThan(6);
    expect(after(exited)).toBeGreaterThan(6);
  });

  it("closes a halted account's positions while its many entries are being cancelled", async () => {
    const account = 'halt';
    const held = await pipeline.place({ account, ...ITC, ...MARKET, ...NO_TARGET, quantity: 5 });
    await pipeline.waitForStatus(held, 'FILLED');
    const resting = await Promise.all(
      Array.from({ length: 24 }, () => pipeline.place({ account, ...RESTING, ...NO_TARGET })),
    );
    for (const order of resting) await pipeline.waitForStatus(order, 'OPEN', 120_000);
    const halted = await setTradingState(pipeline.parts.context, {
      ...{ accountId: account, state: 'HALTED', scope: 'account', reason: 'a test', by: 'test' },
      ...{ cancelOpen: true, flatten: true },
    });
    const operationId = halted.ok ? halted.value.operationId : null;
    await eventually(
      async () => {
        const row = await findOperation(pipeline.parts.context.db, account, operationId ?? '');
        expect(row).toMatchObject({ state: 'DONE', details: { left: [] } });
      },
      { what: 'the flatten to end', timeoutMs: 120_000 },
    );
    expect(await guardedOf(pipeline, account).net()).toBe(0);
  });
});

describe("a day's placements", () => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend: 'postgres',
      roles: ['fillPoller'],
      environment: { ORDER_PLACEMENTS_PER_DAY: '100' },
    });
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  const used = (placements: number) =>
    pipeline.sql(
      `update accounts set budget = jsonb_build_object('slots', '[]'::jsonb, 'tens', '[]'::jsonb,
        'day', sauda.trading_day(sauda.clock())::text, 'placements', $1::int)`,
      [placements],
    );
  const submitted = async (fields: Parameters<Pipeline['place']>[0]) => {
    const { accountId, id } = await pipeline.place(fields);
    await validateOrder(pipeline.parts.context, { accountId, orderId: id });
    await submitOrder(pipeline.parts.context, { accountId, orderId: id });
    return pipeline.order(id);
  };

  it('that are used refuse entries, put an exit off and tell, and stop no stop', async () => {
    const entry = await submitted({ ...MARKET, quantity: 10 });
    await pipeline.waitForStatus(entry, 'FILLED');
    await used(96);
    expect(await submitted({})).toMatchObject({
      ...{ status: 'REJECTED', failedCheck: 'ORDER_BUDGET' },
      statusReason: 'the broker takes 100 placements a day; 96 are used, and what is left is kept for exits',
    });
    expect((await submitted({ ...EXIT, ...MARKET, quantity: 1 })).status).toBe('SUBMITTED');
    await used(99);
    const exit = await submitted({ ...EXIT, ...MARKET, quantity: 2 });
    expect(exit).toMatchObject({ status: 'VALIDATED', attempt: 0 });
    expect(exit.nextStepAt?.getTime() ?? 0).toBeGreaterThan(exit.updatedAt.getTime() + 30_000);
    const told = await pipeline.sql(
      `select severity, order_id from alerts where type = 'order_budget_spent'`,
    );
    expect(told).toEqual([{ severity: 'CRITICAL', order_id: exit.id }]);
    const stop = { orderType: 'SL-M', price: null, triggerPrice: '2430.00', role: 'STOP' } as const;
    await used(100);
    expect((await submitted({ ...EXIT, ...stop, quantity: 7 })).status).toBe('SUBMITTED');
  });
});
