import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, connectDatabase } from '../../../src/db/client.ts';
import { brokerProbe } from '../../../src/runtime/probes.ts';
import { findSilentRoles } from '../../../src/services/watch-workers.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

let test: TestDatabase;
let db: Database;
beforeAll(async () => {
  test = await createTestDatabase();
  db = connectDatabase(test.url);
});
afterAll(async () => {
  await db.close();
  await test.drop();
});
beforeEach(async () => {
  await db.reads.query('delete from heartbeats');
});

const polled = (account: string, failed: boolean) =>
  db.reads.query(
    `insert into heartbeats (account_id, duty, started_at, failed) values ($1, 'poll', clock_timestamp(), $2)`,
    [account, failed],
  );

describe('readiness', () => {
  it('asks a slow broker once, however often it is asked itself', async () => {
    let calls = 0;
    let answer = (): void => undefined;
    const broker = {
      getMargins: () => {
        calls += 1;
        return new Promise<never>((_, reject) => (answer = () => reject(new Error('slow'))));
      },
    };
    const { probe } = brokerProbe(db, broker);
    const asked = [probe(), probe(), probe()];
    await expect.poll(() => calls).toBe(1);
    answer();
    for (const health of await Promise.all(asked)) expect(health.ok).toBe(false);
    expect(await probe()).toMatchObject({ ok: false });
    expect(calls).toBe(1);
  });

  it('tells the broker’s state by the newest polls, without a call', async () => {
    const { probe } = brokerProbe(db, { getMargins: () => Promise.reject(new Error('asked')) });
    await polled('one', false);
    expect(await probe()).toEqual({ ok: true });
    await polled('two', true);
    expect(await probe()).toMatchObject({ ok: false, detail: 'the book can not be read: two' });
  });

  it('names roles that fell silent, and not those that live or ended as asked', async () => {
    await db.reads.query(
      `insert into heartbeats (account_id, duty, started_at) values
        ('system', 'process:submitter', clock_timestamp() - interval '1 minute'),
        ('system', 'process:validator', clock_timestamp())`,
    );
    expect(await findSilentRoles({ db })).toEqual(['submitter']);
  });
});
