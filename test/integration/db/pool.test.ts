import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Database, connectDatabase } from '../../../src/db/client.ts';
import { DatabaseNotReachableError } from '../../../src/db/connection.ts';
import { migrate } from '../../../src/db/migrate.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { type TcpProxy, startTcpProxy } from '../../support/tcp-proxy.ts';

let test: TestDatabase;
let proxy: TcpProxy;
let db: Database;
beforeEach(async () => {
  test = await createTestDatabase();
  proxy = await startTcpProxy({ port: Number(new URL(test.url).port) });
  db = connectDatabase(proxy.through(test.url));
});
afterEach(async () => {
  await proxy.close();
  await db.close();
  await test.drop();
});

/** Longer than a connection is trusted without a question. */
const IDLE_MS = 1200;
/** What one query with a dead connection waits for, before this pool asked first. */
const ONE_QUERY_TIMEOUT_MS = 8000;

const together = (count: number) =>
  Promise.all(Array.from({ length: count }, () => db.reads.query('select pg_sleep(0.1)')));
const idleFor = (ms: number) => db.urgent.query('select pg_sleep($1)', [ms / 1000]);

describe('connections that died without a word', () => {
  it('are found by a question and dropped together, not waited for one by one', async () => {
    await together(6);
    await db.accounts.query('select 1');
    await db.beats.query('select 1');
    await idleFor(IDLE_MS);
    await proxy.setMode('severed');
    await proxy.setMode('pass');
    const began = performance.now();
    // As the dispatcher goes on: one after the other, on all pools.
    for (let n = 0; n < 6; n += 1) await db.reads.query('select 1');
    await db.accounts.query('select 1');
    await db.beats.query('select 1');
    expect(performance.now() - began).toBeLessThan(ONE_QUERY_TIMEOUT_MS);
  });

  it('fail what was under way on them, and nothing after it', async () => {
    await together(6);
    const lost = db.reads.query('select pg_sleep(0.5)');
    await proxy.setMode('severed');
    await proxy.setMode('pass');
    await expect(lost).rejects.toThrow();
    const began = performance.now();
    await together(6);
    expect(performance.now() - began).toBeLessThan(ONE_QUERY_TIMEOUT_MS);
  });
});

describe('a pool', () => {
  it('keeps its connections while they answer, also after a refusal by the server', async () => {
    await together(3);
    await idleFor(IDLE_MS);
    const before = await pids();
    await expect(db.beats.query('select 1 / 0')).rejects.toThrow('division by zero');
    await idleFor(IDLE_MS);
    await together(3);
    expect(await pids()).toEqual(before);
  });
});

describe('a start', () => {
  it('with nothing to migrate waits for no other, also for one that died while it held the lock', async () => {
    await db.urgent.query('select pg_advisory_lock(7283201)');
    await migrate(test.url);
  });

  it('that the database does not answer says so, and does not wait for ever', async () => {
    const holder = await db.reads.connect();
    await holder.query('begin');
    await holder.query('lock table drizzle.__drizzle_migrations in access exclusive mode');
    await expect(migrate(test.url)).rejects.toThrow(DatabaseNotReachableError);
    await holder.query('rollback');
    holder.release();
  });
});

async function pids(): Promise<number[]> {
  const { rows } = await db.urgent.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and application_name like '%:reads' order by pid`,
  );
  return rows.map(({ pid }) => pid);
}
