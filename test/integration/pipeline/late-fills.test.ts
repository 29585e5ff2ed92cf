import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { BrokerOrder, BrokerPort, BrokerTrade } from '../../../src/broker/port.ts';
import { decimal } from '../../../src/domain/money.ts';
import type { Context } from '../../../src/services/context.ts';
import { pollAccount } from '../../../src/services/poll-account.ts';
import { submitOrder } from '../../../src/services/submit-order.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { type OrderFields, RESTING } from '../../support/pipeline/requests.ts';

const RESTING_SALE = {
  side: 'SELL',
  price: '2600.00',
  stopLoss: '2620.00',
  takeProfit: '2550.00',
} as const satisfies OrderFields;

/** What the broker is made to say of an order: fills as [quantity, price, instant]. */
interface Said {
  readonly order: { readonly id: string; readonly brokerOrderId: string };
  readonly fills: readonly (readonly [number, string, Date])[];
  readonly status?: string;
  readonly statusMessage?: string;
}

describe('fills that come late or wrong', () => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend: 'postgres',
      roles: [],
      accounts: ['refold', 'yesterday', 'isolated', 'trips'],
    });
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  const resting = async (account: string, fields: OrderFields = {}): Promise<Said['order']> => {
    const { id } = await pipeline.place({ account, ...RESTING, ...fields });
    const step = { accountId: account, orderId: id };
    await validateOrder(pipeline.parts.context, step);
    await submitOrder(pipeline.parts.context, step);
    const { brokerOrderId } = await pipeline.order(id);
    if (brokerOrderId === null) throw new Error('the order was not sent');
    return { id, brokerOrderId };
  };

  /** Polls with a book that holds the exchange's rows, changed as `said`. */
  const poll = async (account: string, said: readonly Said[], always = true): Promise<void> => {
    const { context } = pipeline.parts;
    const real = context.broker(account);
    const rows = await real.getOrders();
    const sayOf = (row: BrokerOrder) => said.find(({ order }) => order.brokerOrderId === row.orderId);
    const book = rows.map((row): BrokerOrder => {
      const say = sayOf(row);
      if (say === undefined) return row;
      const filledQuantity = say.fills.reduce((sum, [quantity]) => sum + quantity, 0);
      const status = say.status ?? (filledQuantity >= row.quantity ? 'COMPLETE' : row.status);
      return { ...row, filledQuantity, status, statusMessage: say.statusMessage ?? null };
    });
    const trades = rows.flatMap((row) =>
      (sayOf(row)?.fills ?? []).map(([quantity, price, fillTimestamp], index): BrokerTrade => ({
        tradeId: `${row.orderId.slice(-6)}${index}`,
        orderId: row.orderId,
        exchangeOrderId: row.exchangeOrderId,
        exchange: row.exchange,
        tradingsymbol: row.tradingsymbol,
        instrumentToken: row.instrumentToken,
        transactionType: row.transactionType,
        product: row.product,
        quantity,
        price: decimal(price),
        fillTimestamp,
        raw: {},
      })),
    );
    const broker: BrokerPort = Object.assign(Object.create(real) as BrokerPort, {
      getOrders: () => Promise.resolve(book),
      getTrades: () => Promise.resolve(trades),
    });
    const changed: Context = { ...context, broker: () => broker };
    await pollAccount(changed, account, { always });
  };

  const now = async (): Promise<number> => {
    const [row] = await pipeline.sql<{ now: Date }>('select sauda.clock() as now');
    return row?.now.getTime() ?? 0;
  };

  it('replace every cycle that was made without them', async () => {
    const strategyId = 'late';
    await pipeline.sql(
      `insert into strategies (account_id, id, name, enabled, trading_state, limits, created_at, updated_at)
       values ('refold', 'late', 'Late', true, 'ACTIVE', '{}', now(), now()) on conflict do nothing`,
    );
    const first = await resting('refold', { strategyId });
    const second = await resting('refold', { strategyId, ...RESTING_SALE });
    const third = await resting('refold', { strategyId });
    const late = await resting('refold', { strategyId, quantity: 5 });
    const start = (await now()) - 60_000;
    const at = (second: number) => new Date(start + second * 1000);
    const inOrder: Said[] = [
      { order: first, fills: [[10, '2300.00', at(1)]] },
      { order: second, fills: [[10, '2310.00', at(5)]] },
      { order: third, fills: [[10, '2290.00', at(9)]] },
    ];
    await poll('refold', inOrder);
    const cycles = (table: string) =>
      pipeline.sql(`select cycle, status, quantity from ${table} where account_id = 'refold' order by cycle`);
    expect(await cycles('positions')).toMatchObject([
      { cycle: 1, status: 'CLOSED' },
      { cycle: 2, status: 'OPEN', quantity: 10 },
    ]);

    await poll('refold', [...inOrder, { order: late, fills: [[5, '2305.00', at(3)]] }]);
    const one = [{ cycle: 1, status: 'OPEN', quantity: 15 }];
    expect(await cycles('positions')).toEqual(one);
    expect(await cycles('strategy_positions')).toEqual(one);
    expect((await pipeline.order(late.id)).status).toBe('FILLED');
    expect(await replayDifferences(pipeline.parts.context.db)).toEqual([]);
    await expectInvariants(pipeline.sql);
  });

  it('of a day that is over add to what that day had', async () => {
    const order = await resting('yesterday');
    const dayBefore = (await now()) - 24 * 3_600_000;
    const first: Said['fills'][number] = [4, '2300.00', new Date(dayBefore)];
    await poll('yesterday', [{ order, fills: [first] }]);
    await poll('yesterday', [{ order, fills: [first, [6, '2300.00', new Date(dayBefore + 1000)]] }]);
    const days = await pipeline.sql(
      `select trades_count, turnover::float8 from daily_stats
       where account_id = 'yesterday' and day = sauda.trading_day(sauda.clock()) - 1`,
    );
    expect(days).toEqual([{ trades_count: 2, turnover: 23_000 }]);
    await expectInvariants(pipeline.sql);
  });

  it('of one order do not stop those of the others, and are told once', async () => {
    const overfilled = await resting('isolated');
    const good = await resting('isolated', { symbol: 'RELIANCE' });
    const senseless = await resting('isolated');
    const at = new Date((await now()) - 1000);
    const said: Said[] = [
      { order: overfilled, fills: [[20, '2300.00', at]] },
      {
        order: senseless,
        fills: [
          [10, '2300.00', at],
          [0, '2300.00', at],
        ],
      },
      { order: good, fills: [[10, '2300.00', at]] },
    ];
    await poll('isolated', said);
    await poll('isolated', said);
    expect((await pipeline.order(good.id)).status).toBe('FILLED');
    expect((await pipeline.order(overfilled.id)).filledQuantity).toBe(0);
    expect((await pipeline.order(senseless.id)).filledQuantity).toBe(0);
    const alerts = await pipeline.sql(
      `select severity, condition from alerts where account_id = 'isolated' order by condition`,
    );
    const told = [overfilled, senseless].map(({ id }) => ({
      severity: 'CRITICAL',
      condition: `order:${id}:poll`,
    }));
    expect(alerts).toEqual(told.sort((a, b) => (a.condition < b.condition ? -1 : 1)));
    await expectInvariants(pipeline.sql);

    // Nothing was lost: once the broker makes sense, it is applied.
    await poll('isolated', [{ order: senseless, fills: [[10, '2300.00', at]] }]);
    expect((await pipeline.order(senseless.id)).status).toBe('FILLED');
  });

  it('of live orders are found with what the poll began with: no other read', async () => {
    const order = await resting('trips');
    const at = new Date((await now()) - 1000);
    const { reads, beats } = pipeline.parts.context.db;
    const spies = [reads, beats].map((pool) => vi.spyOn(pool, 'query'));
    await poll('trips', [{ order, fills: [[10, '2300.00', at]] }], false);
    const names = spies.flatMap((spy) =>
      spy.mock.calls.map(([statement]: readonly unknown[]) => (statement as { readonly name: string }).name),
    );
    for (const spy of spies) spy.mockRestore();
    expect(names).toEqual(['sauda_begin_poll', 'sauda_end_poll']);
    expect((await pipeline.order(order.id)).status).toBe('FILLED');
  });
});
