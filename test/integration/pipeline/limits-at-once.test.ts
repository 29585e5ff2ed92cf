/**
 * Limits hold at every commit with any number of validators (design.md, invariant 9): each limit is fired at by four
 * processes that get the account's lock at the same moment, and the journal tells what stood after every commit. The
 * same shots with the lock merged into the reading statement pass every limit: these tests can see the mistake.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tradingDayOf } from '../../../src/domain/calendar.ts';
import { type Decimal, ZERO, decimal } from '../../../src/domain/money.ts';
import { reservedMargin } from '../../../src/domain/live-order.ts';
import { type Order, openingLeaves } from '../../../src/domain/order.ts';
import { isLive } from '../../../src/domain/order-status.ts';
import type { Composition } from '../../../src/runtime/compose.ts';
import type { Context } from '../../../src/services/context.ts';
import { openAccount } from '../../../src/services/open-account.ts';
import { stageLimitChange } from '../../../src/services/stage-limit-change.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { foldOrders, readJournal } from '../../support/pipeline/replay.ts';
import { type OrderFields, shareEntry, SHARES } from '../../support/pipeline/requests.ts';
import { checkAtOnce, mergeLockIntoRead } from '../../support/pipeline/rush.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';

const PROCESSES = 4;
const SHOTS = 60;

/** Ten shares as MIS and as CNC: twenty keys, each worth no more than 8,000. */
const KEYS = SHARES.flatMap(([symbol, price]) =>
  (['MIS', 'CNC'] as const).map((product) => shareEntry(symbol, price, { product, quantity: 2 })),
);

interface Shot {
  readonly name: string;
  readonly value: string;
  readonly order: (n: number) => OrderFields;
  /** How much of the limit the account's live orders use; 0 to begin with. */
  readonly used: (live: readonly Order[]) => Decimal | number;
  readonly most: number;
}

const SHOTS_AT: readonly Shot[] = [
  {
    name: 'MAX_POSITIONS',
    value: '5',
    order: (n) => KEYS[n % KEYS.length] ?? {},
    used: (live) =>
      new Set(live.filter(opens).map(({ instrumentId, product }) => `${instrumentId}/${product}`)).size,
    most: 5,
  },
  {
    name: 'MAX_POSITION_SIZE',
    value: '25',
    order: () => ({ quantity: 4 }),
    used: (live) => live.reduce((total, order) => total + openingLeaves(order), 0),
    most: 25,
  },
  {
    name: 'MAX_OPEN_ORDER_VALUE',
    value: '50000',
    order: (n) => KEYS[n % KEYS.length] ?? {},
    used: (live) =>
      live.reduce(
        (total, order) => total.plus((order.valuePerUnit ?? ZERO).times(openingLeaves(order))),
        ZERO,
      ),
    most: 50_000,
  },
  {
    name: 'MAX_POSITION_VALUE',
    value: '61250',
    order: () => ({ quantity: 4 }),
    used: (live) => live.reduce((total, order) => total + 2450 * openingLeaves(order), 0),
    most: 61_250,
  },
  {
    name: 'MAX_ORDER_TO_POSITION_RATIO',
    value: '3',
    order: () => ({ quantity: 1 }),
    used: (live) => live.filter(opens).length,
    most: 3,
  },
  {
    name: 'DUPLICATE_WINDOW_MS',
    value: '3600000',
    order: () => ({}),
    used: (live) => live.filter(opens).length,
    most: 1,
  },
  {
    name: 'REPEATED_EXECUTION_MAX',
    value: '4',
    order: () => ({ strategyId: 'runaway', quantity: 1 }),
    used: (live) => live.filter(opens).length,
    most: 4,
  },
];

/** A strategy that is paused raises an alert, for which the account is read again, after the wait and so rightly. */
const SEEN_BY_SHOTS = SHOTS_AT.filter(({ name }) => name !== 'REPEATED_EXECUTION_MAX');

function opens(order: Order): boolean {
  return openingLeaves(order) > 0;
}

let pipeline: Pipeline;
let processes: Composition[];
let accounts = 0;

beforeAll(async () => {
  pipeline = await startPipeline({
    backend: 'postgres',
    roles: [],
    // The window is configured, so that finished orders come with the first read; most accounts turn it off.
    environment: {
      MAX_POSITION_SIZE: '0',
      MAX_OPEN_ORDER_VALUE: '0',
      MAX_ORDER_AGE_MS: '0',
      DUPLICATE_WINDOW_MS: '3600000',
    },
  });
  processes = await Promise.all(
    Array.from({ length: PROCESSES }, (_, index) => pipeline.compose(`process${index + 1}`)),
  );
  await Promise.all(processes.map((parts) => pipeline.readPrices(parts)));
});
afterAll(async () => {
  await pipeline.stop();
});

async function openWith(limits: Readonly<Record<string, string>>): Promise<string> {
  const account = `shots${++accounts}`;
  await openAccount(pipeline.parts.context, { id: account, name: account, actor: 'test' });
  await pipeline.parts.context.withAccount({
    accountId: account,
    actor: 'test',
    needs: {},
    run: (view) => {
      for (const [name, value] of Object.entries({ DUPLICATE_WINDOW_MS: '0', ...limits })) {
        expect(
          stageLimitChange(view, { name, value, expiresAt: null, reason: 'a test', by: 'test' }).ok,
        ).toBe(true);
      }
    },
  });
  return account;
}

/** The most that live orders used of a limit after any entry of the account's journal. */
async function mostUsed(account: string, used: Shot['used']): Promise<number> {
  let most = 0;
  const live = new Map<string, Order>();
  const entries = (await readJournal(pipeline.parts.database.reads)).filter(
    (entry) => entry.accountId === account,
  );
  foldOrders(entries, (order) => {
    if (isLive(order.status)) live.set(order.id, order);
    else live.delete(order.id);
    most = Math.max(most, decimal(used([...live.values()])).toNumber());
  });
  return most;
}

async function fire(shot: Shot, contexts: readonly Context[]): Promise<string> {
  const account = await openWith({ [shot.name]: shot.value });
  const placed = await Promise.all(
    Array.from({ length: SHOTS }, (_, n) => pipeline.place({ account, ...shot.order(n) })),
  );
  await checkAtOnce(pipeline, placed, contexts);
  return account;
}

describe('sixty orders from four processes at once', () => {
  it.each(SHOTS_AT.map((shot) => [shot.name, shot] as const))(
    'never pass %s, at any commit',
    async (_, shot) => {
      const account = await fire(
        shot,
        processes.map(({ context }) => context),
      );
      const rows = await pipeline.sql<{ status: string }>(
        'select distinct status from orders where account_id = $1 order by 1',
        [account],
      );
      expect(rows.map(({ status }) => status)).toEqual(['REJECTED', 'VALIDATED']);
      const used = await mostUsed(account, shot.used);
      expect(used).toBeLessThanOrEqual(shot.most);
      // And the limit was reached: what fits was taken.
      expect(used).toBeGreaterThan(shot.most * 0.8);
    },
  );

  it.each(SEEN_BY_SHOTS.map((shot) => [shot.name, shot] as const))(
    'would pass %s if the lock were part of the reading statement',
    async (_, shot) => {
      const planted = processes.map((parts) => ({ parts, transactions: mergeLockIntoRead(parts) }));
      const account = await fire(
        shot,
        planted.map(({ parts, transactions }) => ({ ...parts.context, ...transactions })),
      );
      for (const { transactions } of planted) expect(transactions.merged()).toBeGreaterThan(0);
      expect(await mostUsed(account, shot.used)).toBeGreaterThan(shot.most);
    },
  );

  it('never take an order over MAX_ORDER_VALUE, whatever else is under way', async () => {
    const account = await openWith({ MAX_ORDER_VALUE: '9800' });
    const placed = await Promise.all(
      Array.from({ length: SHOTS }, (_, n) => pipeline.place({ account, quantity: 3 + (n % 3) })),
    );
    await checkAtOnce(
      pipeline,
      placed,
      processes.map(({ context }) => context),
    );
    const rows = await pipeline.sql(
      `select status, failed_check, min(quantity) as least, max(quantity) as most, count(*)::int as count
        from orders where account_id = $1 group by 1, 2 order by 1`,
      [account],
    );
    expect(rows).toEqual([
      { status: 'REJECTED', failed_check: 'ORDER_VALUE', least: 5, most: 5, count: 20 },
      { status: 'VALIDATED', failed_check: null, least: 3, most: 4, count: 40 },
    ]);
  });

  it('never reserve more than the funds there are, at any commit', async () => {
    const account = await openWith({});
    const funds = 20_000;
    const placed = await Promise.all(
      Array.from({ length: SHOTS }, (_, n) => pipeline.place({ account, ...KEYS[n % KEYS.length] })),
    );
    // Whatever the exchange holds, the funds that all processes have read are 20,000.
    const contexts = await Promise.all(
      processes.map(async ({ context }): Promise<Context> => {
        await context.funds.refresh(account, 0);
        const net = decimal(funds);
        return {
          ...context,
          funds: {
            peek: (id, segment) => {
              const snapshot = context.funds.peek(id, segment);
              return snapshot === null ? null : { ...snapshot, net };
            },
            refresh: () => Promise.resolve(),
          },
        };
      }),
    );
    await checkAtOnce(pipeline, placed, contexts);
    const reserved = await mostUsed(account, (live) =>
      live.reduce((total, order) => total.plus(reservedMargin(order)), ZERO),
    );
    expect(reserved).toBeLessThanOrEqual(funds);
    expect(reserved).toBeGreaterThan(funds * 0.6);
  });

  it('enter nothing after the commit of the loss that reached MAX_DAILY_LOSS', async () => {
    const account = await openWith({ MAX_DAILY_LOSS: '0.06' });
    const placed = await Promise.all(
      Array.from({ length: SHOTS }, (_, n) => pipeline.place({ account, ...KEYS[n % KEYS.length] })),
    );
    const book = (rupees: Decimal) =>
      pipeline.parts.context.withAccount({
        accountId: account,
        actor: 'test',
        needs: { baseline: true },
        run: (view) => {
          view.changeDay(tradingDayOf(view.now), () => ({ realizedPnl: rupees }));
          view.note('LossBooked', account, {});
        },
      });
    const contexts = processes.map(({ context }) => context);
    const loss = decimal('0.06').times(pipeline.config.accountBalance).negated();
    const half = placed.splice(SHOTS / 2);
    await checkAtOnce(pipeline, placed, contexts);
    await Promise.all([
      ...half.map(({ id }, n) =>
        validateOrder(contexts[n % PROCESSES]!, { accountId: account, orderId: id }),
      ),
      book(loss),
    ]);
    const entries = (await readJournal(pipeline.parts.database.reads)).filter(
      (entry) => entry.accountId === account,
    );
    const lost = entries.findIndex((entry) => entry.kind === 'LossBooked');
    expect(entries.slice(lost).filter((entry) => entry.kind === 'OrderValidated')).toEqual([]);
    expect(entries.slice(0, lost).some((entry) => entry.kind === 'OrderValidated')).toBe(true);
    const late = await pipeline.place({ account });
    await validateOrder(contexts[0]!, { accountId: account, orderId: late.id });
    expect(await pipeline.order(late.id)).toMatchObject({ status: 'REJECTED', failedCheck: 'DAILY_LOSS' });
    await book(ZERO);
  });
});

it('leaves every other invariant standing', async () => {
  await expectInvariants(pipeline.sql);
});
