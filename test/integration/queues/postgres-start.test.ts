import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectQueues } from '../../../src/queues/backend.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import { eventually } from '../../support/wait.ts';
import { createEmptyDatabase, recordingLog } from './backends.ts';

describe('starting on Postgres', () => {
  let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
  const log = recordingLog();

  beforeAll(async () => {
    database = await createEmptyDatabase();
  });
  afterAll(() => database.drop());

  const connect = (databaseUrl: string, startTimeoutMs?: number) =>
    connectQueues(
      { backend: 'postgres', databaseUrl },
      { log, callTimeoutMs: 30_000, ...(startTimeoutMs && { startTimeoutMs }) },
    );

  it('migrates once when several start together, and all of them work', async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const all = await Promise.all([1, 2, 3, 4, 5, 6].map(() => connect(database.url)));
    try {
      const applied = await client.query<{ n: number; versions: number }>(
        'select count(*)::int as n, count(distinct version)::int as versions from bullmq.migration',
      );
      expect(applied.rows[0]?.n).toBe(applied.rows[0]?.versions);
      const added = all.map((queues, n) => queues.enqueue('poll', `p-${n}`, { accountId: 'main' }));
      expect(await Promise.all(added)).toEqual(all.map(() => true));
      expect(await all[0]!.counts('poll')).toMatchObject({ waiting: 6 });
    } finally {
      await Promise.all(all.map((queues) => queues.close()));
      await client.end();
    }
  });

  it('waits for a database that is not up yet', async () => {
    const proxy = await startTcpProxy({ port: Number(new URL(database.url).port) });
    await proxy.setMode('refuse');
    const connecting = connect(proxy.through(database.url));
    await eventually(() => expect(log.lines.some((line) => line.level === 'warn')).toBe(true), {
      what: 'a first try',
    });
    await proxy.setMode('pass');
    const queues = await connecting;
    expect(await queues.ping()).toMatchObject({ ok: true });
    await queues.close();
    await proxy.close();
  });

  it('gives up after the time it was given, and at once when waiting cannot help', async () => {
    const nobody = new URL(database.url);
    nobody.port = '1';
    await expect(connect(nobody.href, 300)).rejects.toThrow(/was not ready after/);
    const missing = new URL(database.url);
    missing.pathname = '/no_such_database';
    await expect(connect(missing.href, 60_000)).rejects.toThrow(/no_such_database/);
  });

  it('keeps the options of the URL and adds its own', async () => {
    const url = new URL(database.url);
    url.searchParams.set('options', '-c work_mem=5MB');
    const queues = await connect(url.href);
    expect(await queues.enqueue('poll', 'p-options', { accountId: 'main' })).toBe(true);
    await queues.close();
  });
});
