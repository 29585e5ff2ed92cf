import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAccountTransactions } from '../../../src/db/account-transaction.ts';
import { connectDatabase } from '../../../src/db/client.ts';
import { type Order, openingLeaves } from '../../../src/domain/order.ts';
import type { Composition } from '../../../src/runtime/compose.ts';
import type { Context } from '../../../src/services/context.ts';
import { openAccount } from '../../../src/services/open-account.ts';
import { placeOrder } from '../../../src/services/place-order.ts';
import { submitOrder } from '../../../src/services/submit-order.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { callsOf } from '../../support/pipeline/book.ts';
import { stored } from '../../unit/risk/fixtures.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { orderRequest, shareEntry, SHARES } from '../../support/pipeline/requests.ts';
import {
  type Query,
  checkAtOnce,
  intercept,
  mergeLockIntoRead,
  textOf,
} from '../../support/pipeline/rush.ts';
import { foldOrders, readJournal, replayDifferences } from '../../support/pipeline/replay.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import { eventually, waitFor } from '../../support/wait.ts';

const MAX_POSITIONS = 5;
const PROCESSES = 4;
const IDLE_IN_TRANSACTION_TIMEOUT = '25P03';

/** Ten shares as MIS and as CNC: twenty position keys. */
const KEYS = SHARES.flatMap(([symbol, price]) =>
  (['MIS', 'CNC'] as const).map((product) => shareEntry(symbol, price, { product, quantity: 2 })),
);

onEachBackend((backend) => {
  let pipeline: Pipeline;
  let processes: Composition[];

  beforeAll(async () => {
    pipeline = await startPipeline({
      ...{ backend, disturbed: true },
      roles: [],
      environment: { MAX_POSITIONS: String(MAX_POSITIONS) },
    });
    processes = await Promise.all(
      Array.from({ length: PROCESSES }, (_, index) => pipeline.compose(`process${index + 1}`)),
    );
    await Promise.all(processes.map((parts) => pipeline.readPrices(parts)));
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  let account = '';
  let accounts = 0;
  beforeEach(async () => {
    account = `account${++accounts}`;
    await openAccount(pipeline.parts.context, { id: account, name: account, actor: 'test' });
  });

  /** A hundred entries over twenty keys, every one checked by so many processes at once. */
  const rush = async (contexts: readonly Context[], checkers: number): Promise<void> => {
    const placed = await Promise.all(
      Array.from({ length: 100 }, (_, index) => pipeline.place({ account, ...KEYS[index % KEYS.length] })),
    );
    await checkAtOnce(pipeline, placed, contexts, checkers);
  };
  /** The most keys that were live at any commit, by the journal. */
  const mostKeys = async (): Promise<number> => {
    let most = 0;
    const live = new Map<string, Order>();
    const entries = (await readJournal(pipeline.parts.database.reads)).filter(
      (entry) => entry.accountId === account,
    );
    foldOrders(entries, (order) => {
      live.set(order.id, order);
      const keys = [...live.values()].filter((one) => openingLeaves(one) > 0);
      most = Math.max(most, new Set(keys.map((one) => `${one.instrumentId}/${one.product}`)).size);
    });
    return most;
  };

  describe('many at once', () => {
    it('F.1.a a hundred identical requests are one order, and other terms under its id are refused', async () => {
      const request = orderRequest({ clientOrderId: 'the-same' });
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          placeOrder(processes[index % PROCESSES]!.context, { accountId: account, actor: 'test', request }),
        ),
      );
      const ids = new Set(answers.map((answer) => (answer.ok ? answer.value.order.id : 'refused')));
      expect(ids.size).toBe(1);
      expect(answers.filter((answer) => answer.ok && !answer.value.replayed)).toHaveLength(1);
      const rows = await pipeline.sql('select id from orders where account_id = $1', [account]);
      expect(rows).toEqual([{ id: [...ids][0] }]);
      const other = await placeOrder(processes[0]!.context, {
        accountId: account,
        actor: 'test',
        request: { ...request, quantity: 11 },
      });
      expect(other).toMatchObject({ ok: false, error: { code: 'IDEMPOTENCY_CONFLICT' } });
    });

    it('a hundred entries from four processes never hold more than MAX_POSITIONS keys, at any commit', async () => {
      await rush(
        processes.map((parts) => parts.context),
        2,
      );
      const rows = await pipeline.sql<{ status: string; keys: number }>(
        `select status, count(distinct (instrument_id, product))::int as keys from orders where account_id = $1 group by 1`,
        [account],
      );
      expect(rows).toContainEqual({ status: 'VALIDATED', keys: MAX_POSITIONS });
      expect(rows.map((row) => row.status).sort()).toEqual(['REJECTED', 'VALIDATED']);
      expect(await mostKeys()).toBe(MAX_POSITIONS);
    });

    it('would pass the limit if the lock were part of the reading statement: this test can see the mistake', async () => {
      const planted = processes.map((parts) => ({ parts, transactions: mergeLockIntoRead(parts) }));
      await rush(
        planted.map(({ parts, transactions }) => ({
          ...parts.context,
          ...transactions,
        })),
        1,
      );
      for (const { transactions } of planted) expect(transactions.merged()).toBeGreaterThan(0);
      expect(await mostKeys()).toBeGreaterThan(MAX_POSITIONS);
    });

    it('entries from four processes never reserve more than the funds there are', async () => {
      await pipeline.sql('update accounts set limits = $2 where id = $1', [
        account,
        { MAX_POSITIONS: stored('0') },
      ]);
      const placed = await Promise.all(
        Array.from({ length: 40 }, (_, index) => {
          const [symbol, price] = SHARES[index % SHARES.length]!;
          const entry = shareEntry(symbol, price, { product: 'CNC', quantity: 1 });
          return pipeline.place({ account, ...entry });
        }),
      );
      // Whatever the exchange holds, the funds that all processes have read are 20,000.
      const funds = 20_000;
      const contexts = await Promise.all(
        processes.map(async ({ context }): Promise<Context> => {
          await context.funds.refresh(account, 0);
          const net = context.funds.peek(account, 'equity')!.net.times(0).plus(funds);
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
      await Promise.all(
        placed.map(({ id }, index) =>
          validateOrder(contexts[index % PROCESSES]!, { accountId: account, orderId: id }),
        ),
      );
      const [reserved] = await pipeline.sql<{ total: number; orders: number }>(
        `select sum(margin_per_unit * opening_quantity)::float8 as total, count(*)::int as orders from orders
          where account_id = $1 and status = 'VALIDATED'`,
        [account],
      );
      expect(reserved?.total).toBeLessThanOrEqual(funds);
      expect(reserved?.total).toBeGreaterThan(funds - 4000); // the dearest share did not fit any more
      const [refused] = await pipeline.sql(
        `select bool_and(failed_check = 'BALANCE') as all from orders where account_id = $1 and status = 'REJECTED'`,
        [account],
      );
      expect(refused).toEqual({ all: true });
    });
  });

  describe('a process that stops', () => {
    it('while it holds the lock of an account keeps nobody waiting longer than its idle timeout', async () => {
      // As in production: what these tests allow their own processes is longer.
      const database = connectDatabase(pipeline.database.url);
      const stopped = await database.accounts.connect();
      try {
        const ended = new Promise((resolve) => stopped.once('error', resolve));
        const timeout = await stopped.query('show idle_in_transaction_session_timeout');
        expect(timeout.rows).toEqual([{ idle_in_transaction_session_timeout: '2s' }]);
        await stopped.query('begin');
        await stopped.query('select from accounts where id = $1 for no key update', [account]);
        const placed = await placeOrder(processes[1]!.context, {
          accountId: account,
          actor: 'test',
          request: orderRequest(),
        });
        expect(placed.ok).toBe(true);
        // The server took the lock away: nobody gave it back.
        expect(await ended).toMatchObject({ code: IDLE_IN_TRANSACTION_TIMEOUT });
        await expect(stopped.query('commit')).rejects.toThrow();
      } finally {
        stopped.release(true);
        await database.close();
      }
    });
  });

  describe('a commit without an answer', () => {
    /** A process whose connections run through a proxy; `atCommit` happens in place of the account's next commit. */
    const proxied = async () => {
      const proxy = await startTcpProxy({ port: Number(new URL(pipeline.database.url).port) });
      const parts = await pipeline.compose('proxied', { databaseUrl: proxy.through(pipeline.database.url) });
      await pipeline.readPrices(parts);
      let atCommit: ((query: Query) => Promise<pg.QueryResult>) | null = null;
      const accounts = intercept(parts.database.accounts, (statement, query) => {
        if (atCommit === null || textOf(statement) !== 'commit') return query(statement);
        const run = atCommit;
        atCommit = null;
        return run(query);
      });
      const transactions = createAccountTransactions({ ...parts.database, accounts });
      const context: Context = { ...parts.context, ...transactions };
      return { proxy, context, next: (run: (query: Query) => Promise<pg.QueryResult>) => (atCommit = run) };
    };

    it('that happened is read again, and the claimed order is sent exactly once', async () => {
      const { proxy, context, next } = await proxied();
      const order = await pipeline.place({ account });
      await validateOrder(context, { accountId: account, orderId: order.id });
      const calls = (await callsOf(pipeline.exchange))['placeOrder'] ?? 0;
      next(async (query) => {
        await proxy.setMode('dropReplies');
        const committed = query('commit');
        committed.catch(() => undefined);
        await waitFor(() => proxy.traffic().repliesDropped > 0, { what: "the commit's answer to be lost" });
        await proxy.setMode('pass');
        return committed;
      });
      await submitOrder(context, { accountId: account, orderId: order.id });
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'SUBMITTED', attempt: 1 });
      expect((await callsOf(pipeline.exchange))['placeOrder']).toBe(calls + 1);
      expect((await pipeline.book(account)).orders).toHaveLength(1);
      await proxy.close();
    });

    it('that did not happen leaves the order VALIDATED and unsent', async () => {
      const { proxy, context, next } = await proxied();
      const order = await pipeline.place({ account });
      await validateOrder(context, { accountId: account, orderId: order.id });
      next(async (query) => {
        proxy.resetAll();
        return query('commit');
      });
      await submitOrder(context, { accountId: account, orderId: order.id });
      expect(await pipeline.order(order.id)).toMatchObject({ status: 'VALIDATED', attempt: 0 });
      expect((await pipeline.book(account)).orders).toEqual([]);
      await eventually(() => submitOrder(context, { accountId: account, orderId: order.id }), {
        what: 'a new connection',
      });
      expect((await pipeline.book(account)).orders).toHaveLength(1);
      await proxy.close();
    });
  });

  it('leaves every invariant standing, and a journal that replays to the rows', async () => {
    await expectInvariants(pipeline.sql);
    expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
  });
});
