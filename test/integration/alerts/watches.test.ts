/** What tells by itself, day by day or when a teller is dead. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tellJournalHeads } from '../../../src/services/tell-journal-heads.ts';
import { startWorkerWatch } from '../../../src/services/watch-workers.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await startPipeline({ backend: 'postgres', roles: [] });
});
afterAll(() => pipeline.stop());

const told = (type: string) =>
  pipeline.sql<{ severity: string; message: string; details: unknown; cleared: boolean }>(
    `select severity, message, details, cleared_at is not null as cleared from alerts
      where account_id = 'system' and type = $1`,
    [type],
  );

it('a dispatcher that fell silent is told by the alerter', async () => {
  await pipeline.sql(
    `insert into heartbeats (account_id, duty, started_at)
      values ('system', 'process:dispatcher', clock_timestamp() - interval '1 minute')`,
  );
  const watch = startWorkerWatch(pipeline.parts.context, 50);
  try {
    await eventually(async () => expect(await told('worker_down')).toHaveLength(1), { what: 'the alert' });
    const [alert] = await told('worker_down');
    expect(alert).toMatchObject({ severity: 'CRITICAL', cleared: false });
    expect(alert?.message).toMatch(
      /^no process of dispatcher has been heard of for \d+ s \(limit 20 s\): start it again; until then the queues alone bring the work/,
    );
    await pipeline.sql(
      `update heartbeats set started_at = clock_timestamp() where duty = 'process:dispatcher'`,
    );
    await eventually(async () => expect(await told('worker_down')).toMatchObject([{ cleared: true }]), {
      what: 'its end',
    });
  } finally {
    watch.stop();
  }
});

it('where each journal stood as the day began is told once a day', async () => {
  const { context } = pipeline.parts;
  // Everything is of today: there is nothing to keep yet.
  await tellJournalHeads(context);
  expect(await told('journal_head')).toEqual([]);

  const [head] = await pipeline.sql<{ seq: number; hash: string }>(
    `select seq::int, hash from journal where account_id = 'main' order by seq desc limit 1`,
  );
  await pipeline.sql(`insert into sauda.clock_offset (shift) values (interval '1 day')`);
  try {
    await Promise.all([tellJournalHeads(context), tellJournalHeads(context)]);
    await tellJournalHeads(context);
    const [alert, ...more] = await told('journal_head');
    // Two at the same time may tell it twice, never three times.
    expect(more.length).toBeLessThan(2);
    expect(alert).toMatchObject({ severity: 'INFO', cleared: true });
    expect(alert?.message).toContain(`main entry ${head?.seq} ${head?.hash}`);
    const details = alert?.details as { readonly heads: readonly unknown[] };
    expect(details.heads).toContainEqual({ accountId: 'main', seq: head?.seq, hash: head?.hash });
  } finally {
    await pipeline.sql(`delete from sauda.clock_offset`);
  }
});
