/** Many processes at one account's lock at once, and the mistakes that make the lock worthless. */
import type pg from 'pg';
import { expect } from 'vitest';
import { type AccountTransactions, createAccountTransactions } from '../../../src/db/account-transaction.ts';
import type { Order } from '../../../src/domain/order.ts';
import type { Composition } from '../../../src/runtime/compose.ts';
import type { Context } from '../../../src/services/context.ts';
import { prepare } from '../../../src/services/check-input.ts';
import { validateOrder } from '../../../src/services/validate-order.ts';
import type { Pipeline } from '../pipeline.ts';
import { eventually } from '../wait.ts';

export type Query = (statement: string | pg.QueryConfig) => Promise<pg.QueryResult>;

/** Hands out clients whose statements pass through `change`, which may alter them or do something before. */
export function intercept(
  pool: pg.Pool,
  change: (statement: string | pg.QueryConfig, query: Query) => Promise<pg.QueryResult>,
): pg.Pool {
  return new Proxy(pool, {
    get: (target, property) => {
      if (property !== 'connect') return Reflect.get(target, property) as unknown;
      return async () => {
        const client = await target.connect();
        const query: Query = (statement) => client.query(statement as string);
        return new Proxy(client, {
          get: (of, name) => {
            const member = Reflect.get(of, name) as unknown;
            if (name === 'query') return (statement: string | pg.QueryConfig) => change(statement, query);
            return typeof member === 'function' ? (member.bind(of) as unknown) : member;
          },
        });
      };
    },
  });
}

export const textOf = (statement: string | pg.QueryConfig): string =>
  typeof statement === 'string' ? statement : statement.text;

/** The planted mistake: the lock is taken by the statement that reads, so the read is older than the wait for it. */
export function mergeLockIntoRead({
  database,
}: Composition): AccountTransactions & { readonly merged: () => number } {
  let merged = 0;
  const accounts = intercept(database.accounts, (statement, query) => {
    const text = textOf(statement);
    if (/for no key update\s*$/.test(text)) return query('select 1');
    if (!/json_build_object\('now'/.test(text)) return query(statement);
    merged += 1;
    const { values = [] } = statement as pg.QueryConfig;
    return query({ text: `${text} for no key update of a`, values });
  });
  return { ...createAccountTransactions({ ...database, accounts }), merged: () => merged };
}

/** Has orders of one account checked, each by so many processes, all of which wait for its lock before any gets it. */
export async function checkAtOnce(
  pipeline: Pipeline,
  placed: readonly Order[],
  contexts: readonly Context[],
  checkers = 1,
): Promise<void> {
  const accountId = placed[0]?.accountId ?? '';
  // Prices, funds and margins are known before: whoever had to ask for them would come late.
  await Promise.all(
    contexts.map(async (context) => {
      await context.funds.refresh(accountId, 0);
      const held = await pipeline.sql<{ id: number }>(
        `select instrument_id as id from positions where account_id = $1 and status = 'OPEN'`,
        [accountId],
      );
      const ids = held.map(({ id }) => id);
      await Promise.all(
        placed.map((order) =>
          prepare(context, order, {
            held: ids,
            maxAgeMs: context.settings.limits.priceMaxAgeMs,
            addedMargin: false,
          }),
        ),
      );
    }),
  );
  const holder = await pipeline.parts.database.reads.connect();
  await holder.query('begin');
  await holder.query('select from accounts where id = $1 for no key update', [accountId]);
  const checks = placed.flatMap(({ id }, index) =>
    Array.from({ length: checkers }, (_, n) =>
      validateOrder(contexts[(index + n) % contexts.length]!, { accountId, orderId: id }),
    ),
  );
  await eventually(
    async () => {
      const [row] = await pipeline.sql<{ count: number }>(
        `select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
      );
      expect(row?.count).toBe(contexts.length);
    },
    { what: 'every process to wait for the lock' },
  );
  await holder.query('commit');
  holder.release();
  await Promise.all(checks);
}
