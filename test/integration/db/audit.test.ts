import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BrokerPort } from '../../../src/broker/port.ts';
import { restoreBackup, takeBackup, withRestored } from '../../../src/db/backup.ts';
import { type AuditReport, auditBooks } from '../../../src/services/audit-books.ts';
import { exportJournal, verifyExport } from '../../../src/services/export-journal.ts';
import { loadInstruments } from '../../../src/services/load-instruments.ts';
import { placeOrder } from '../../../src/services/place-order.ts';
import { createTestDatabase } from '../../support/database.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { EXIT, MARKET, RESTING, SHORT, orderRequest } from '../../support/pipeline/requests.ts';
import { eventually } from '../../support/wait.ts';

const OPTIONS = { accountId: null, atRest: false, timeoutMs: 60_000 };

let pipeline: Pipeline;
let folder: string;
let backup: string;
let filled: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'sauda-audit-'));
  backup = path.join(folder, 'backup');
  pipeline = await startPipeline({
    backend: 'postgres',
    accounts: ['main', 'second'],
    exchange: { volumeCap: 4 },
  });
  const first = await pipeline.place({ strategyId: 'alpha' });
  filled = (await pipeline.waitForStatus(first, 'FILLED')).id;
  await pipeline.waitForStatus(await pipeline.place(RESTING), 'OPEN');
  await pipeline.waitForStatus(await pipeline.place({ stopLoss: null }), 'REJECTED');
  await pipeline.waitForStatus(await pipeline.place({ ...SHORT, ...MARKET, quantity: 25 }), 'FILLED');
  await pipeline.waitForStatus(
    await pipeline.place({ ...EXIT, ...MARKET, side: 'BUY', quantity: 5 }),
    'FILLED',
  );
  await pipeline.waitForStatus(await pipeline.place({ account: 'second' }), 'FILLED');
  await takeBackup(pipeline.parts.database.url, backup);
});
afterAll(async () => {
  await pipeline.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The audit of a copy of the books in which `statement` was done behind every guard's back. */
async function auditAfter(statement: string): Promise<AuditReport> {
  return withRestored(pipeline.parts.database.url, backup, async (url) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query(`set session_replication_role = replica`);
      const { rowCount } = await client.query(statement);
      expect(rowCount, 'rows that the test changed').toBeGreaterThan(0);
    } finally {
      await client.end();
    }
    return auditBooks(url, OPTIONS);
  });
}

describe('an audit', () => {
  it('finds nothing in books that are right, while orders go on', async () => {
    const placed = Promise.all(Array.from({ length: 20 }, () => pipeline.place({ account: 'second' })));
    const report = await auditBooks(pipeline.parts.database.url, OPTIONS);
    await placed;
    expect(report).toMatchObject({ ok: true, findings: [], findingCount: 0 });
    const main = report.accounts.find(({ id }) => id === 'main');
    expect(main).toMatchObject({ orders: 5, head: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    expect(main?.positions).toBeGreaterThanOrEqual(2);
  });

  it('finds nothing in a restored backup, which holds every row', async () => {
    const [restored, counts] = await withRestored(
      pipeline.parts.database.url,
      backup,
      async (url, manifest) => [
        await auditBooks(url, OPTIONS),
        Object.fromEntries(manifest.tables.map(({ name, rows }) => [name, rows])),
      ],
    );
    expect(restored).toMatchObject({ ok: true, findings: [] });
    expect(counts).toMatchObject({ journal: expect.any(Number) as number, accounts: 3 });
    expect(restored.accounts.reduce((sum, { entries }) => sum + entries, 0)).toBe(counts['journal']);
  });

  it.each([
    [
      'a changed order',
      `update orders set price = price + 1 where side = 'BUY' and status = 'FILLED' and price is not null`,
      /^REPLAY: order .*: price is 24\d\d, replay gives/,
    ],
    [
      'a deleted journal entry',
      `delete from journal where account_id = 'main' and seq = 7`,
      /^CHAIN: entry 7 is missing: found 8$/,
    ],
    [
      'a cut-off journal',
      `delete from journal where account_id = 'main' and seq = (select max(seq) from journal where account_id = 'main')`,
      /^CHAIN: the account is at entry \d+, its journal ends at \d+$/,
    ],
    [
      'a changed hash',
      `update journal set hash = repeat('a', 64) where account_id = 'main' and seq = 3`,
      /^CHAIN: entry 3 or its predecessor was changed/,
    ],
    [
      'changed words in the journal',
      `update journal set data = replace(data, 'RELIANCE', 'INFY') where account_id = 'main' and kind = 'OrderAccepted'`,
      /^CHAIN: entry \d+ or its predecessor was changed/,
    ],
    [
      'an order that is gone',
      `delete from orders where status = 'REJECTED'`,
      /^REPLAY: order .* was accepted and is not stored$/,
    ],
    [
      'a trade that is gone',
      `delete from trades where ctid = (select ctid from trades where account_id = 'main' limit 1)`,
      /^REPLAY: order .*: trade .* is not stored$/,
    ],
    [
      'a trade nobody made',
      `insert into trades select (t).* from (select jsonb_populate_record(trades, '{"trade_id": "99", "entry_id": "0198f000-0000-7000-8000-000000000001"}') as t
         from trades where account_id = 'main' limit 1) of_another`,
      /^REPLAY: order .*: trade 99.* is not in the journal$/,
    ],
    [
      'a position of another size',
      `update positions set quantity = quantity + 1, buy_quantity = buy_quantity + 1 where account_id = 'main' and status = 'OPEN'`,
      /^REPLAY: position .*: quantity is/,
    ],
    [
      'a P&L made better',
      `update daily_stats set realized_pnl = realized_pnl + 0.01 where account_id = 'main'`,
      /^INVARIANT: the days' realized P&L/,
    ],
    [
      'a trade of another price',
      `update trades set price = price + 1 where ctid = (select ctid from trades where account_id = 'main' limit 1)`,
      /^REPLAY: order .*: trade .*: price is/,
    ],
    [
      'a trade of another moment',
      `update trades set traded_at = traded_at + interval '1 second' where account_id = 'main'`,
      /^REPLAY: order .*: trade .*: tradedAt is/,
    ],
    [
      'a trade with other charges',
      `update trades set gst = gst + 1, charges = charges + 1 where account_id = 'main'`,
      /^REPLAY: order .*: trade .*: charges is/,
    ],
    [
      'a trade of another share',
      `update trades set symbol = 'INFY' where account_id = 'main'`,
      /^REPLAY: order .*: trade .*: symbol is/,
    ],
    [
      'an entry of another moment',
      `update position_entries set traded_at = traded_at + interval '1 second' where account_id = 'main'`,
      /^INVARIANT: an entry is not what its trade says/,
    ],
    [
      'a state of trading that nobody set',
      `update accounts set trading_state = 'REDUCING' where id = 'main'`,
      /^INVARIANT: an account's trading state is not that/,
    ],
    [
      'a limit that nobody set',
      `update accounts set limits = '{"MAX_POSITIONS": {"value": "99", "reason": "x", "by": "y", "at": "2026-01-01T00:00:00.000Z", "expiresAt": null}}' where id = 'main'`,
      /^INVARIANT: a limit is not that of its newest entry/,
    ],
    [
      'a halt that was never noted',
      `insert into kill_switch_events (account_id, id, scope, from_state, to_state, reason, actor, at)
         values ('main', '0198f000-0000-7000-8000-000000000001', 'account', 'ACTIVE', 'HALTED', 'x', 'y', now())`,
      /^INVARIANT: a kill switch event has no entry/,
    ],
    [
      'an attempt with another tag',
      `update order_attempts set tag = 'X' || substr(tag, 2) where ctid = (select ctid from order_attempts where account_id = 'main' limit 1)`,
      /^INVARIANT: an attempt is not what its order's claim says/,
    ],
    [
      'a day that began with more',
      `update daily_stats set opening_equity = opening_equity + 1 where account_id = 'main'`,
      /^INVARIANT: a day began with another equity/,
    ],
    [
      'a day with another count of trades',
      `update daily_stats set trades_count = trades_count + 1 where account_id = 'main'`,
      /^INVARIANT: a day's trades, turnover or charges/,
    ],
    [
      'a broker order that was there before its claim',
      `update broker_orders set first_seen_at = first_seen_at - interval '1 hour' where tag is not null`,
      /^INVARIANT: the broker held an order of ours before it was claimed \(12\)/,
    ],
    [
      'an entry that was sent while halted',
      `insert into journal select account_id, (select min(seq) - 1 from journal c where c.account_id = j.account_id and c.kind = 'SubmissionClaimed'),
         version, at, actor, 'TradingStateChanged', account_id, '{"scope":"account","from":"ACTIVE","to":"HALTED"}', hash
         from journal j where account_id = 'second' and seq = 1 on conflict (account_id, seq) do update set kind = excluded.kind, data = excluded.data, entity = excluded.entity`,
      /^INVARIANT: an entry was claimed between a halt of the account and its release \(6\)/,
    ],
    [
      'an order that went on after its end',
      `update journal set kind = 'OrderCancelled' where account_id = 'second' and kind = 'OrderValidated'`,
      /^INVARIANT: a finished order changed .* \(8\)/,
    ],
  ])('names %s', async (_, statement, finding) => {
    const { ok, findings } = await auditAfter(statement);
    expect(ok).toBe(false);
    expect(findings.map(({ area, what }) => `${area}: ${what}`)).toContainEqual(
      expect.stringMatching(finding),
    );
  });

  it('ends when its time is over, and says that nothing is known', async () => {
    const { url } = pipeline.parts.database;
    // Little time and less: it ends between two statements as well as in one.
    for (const timeoutMs of [1, 2, 5]) {
      await expect(auditBooks(url, { ...OPTIONS, timeoutMs })).rejects.toThrow(
        `not finished within ${timeoutMs / 1000} s`,
      );
    }
  });

  it('waits for no lock of a live system, and nobody waits for it', async () => {
    const { url } = pipeline.parts.database;
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    try {
      await holder.query('begin');
      await holder.query('select from accounts for update');
      await holder.query(`update orders set updated_at = updated_at`);
      expect(await auditBooks(url, OPTIONS)).toMatchObject({ findings: [] });
    } finally {
      await holder.query('rollback');
      await holder.end();
    }
  });

  it('of an account that is not there is refused', async () => {
    await expect(
      auditBooks(pipeline.parts.database.url, { ...OPTIONS, accountId: 'nobody' }),
    ).rejects.toThrow('there is no account nobody');
  });
});

describe('a backup', () => {
  it('is refused where one is already, and where a file of it was changed', async () => {
    const { url } = pipeline.parts.database;
    await expect(takeBackup(url, backup)).rejects.toThrow('is there already');
    const other = path.join(folder, 'other');
    const told: string[] = [];
    const { tables } = await takeBackup(url, other, (line) => told.push(line));
    expect(told).toEqual(tables.map(({ name }) => `table ${name}`));
    await writeFile(path.join(other, 'trades.copy.gz'), gzipSync('nothing'));
    await rm(path.join(other, 'orders.copy.gz'));
    await expect(withRestored(url, other, () => Promise.resolve())).rejects.toThrow(
      /damaged: .*orders can not be read.*trades was changed/,
    );
    const left = await pipeline.sql(
      `select datname from pg_database where starts_with(datname, left(current_database(), 20) || '_restored_')`,
    );
    expect(left).toEqual([]);
  });

  it('goes on trading where it was restored: the next instrument has a number of its own', async () => {
    const restored = await createTestDatabase();
    const parts = await pipeline.compose('restored', { databaseUrl: restored.url });
    try {
      await restoreBackup(restored.url, backup);
      const { reads } = parts.database;
      await reads.query('update instruments set listed_on = listed_on - 1');
      const listed = await parts.defaultBroker.getInstruments();
      const [first] = listed;
      if (first === undefined) throw new Error('nothing is listed');
      const more = [...listed, { ...first, tradingsymbol: 'NEWCOMER', instrumentToken: 7_777_777 }];
      const broker = Object.assign(Object.create(parts.defaultBroker) as BrokerPort, {
        getInstruments: () => Promise.resolve(more),
      });
      expect(await loadInstruments(parts.database, broker)).toBe(more.length);
      const { rows } = await reads.query<{ last: boolean }>(
        `select id = (select max(id) from instruments) as last from instruments where symbol = 'NEWCOMER'`,
      );
      expect(rows).toEqual([{ last: true }]);
      for (const role of ['validator', 'submitter', 'fillPoller', 'dispatcher'] as const)
        pipeline.startRole(role, parts);
      await pipeline.readPrices(parts);
      const placed = await placeOrder(parts.context, {
        ...{ accountId: 'second', actor: 'test', request: orderRequest({}) },
      });
      if (!placed.ok) throw new Error('the order was refused');
      await eventually(
        async () => {
          const found = await reads.query('select status from orders where id = $1', [placed.value.order.id]);
          expect(found.rows).toEqual([{ status: 'FILLED' }]);
        },
        { what: 'an order in the restored database to be filled' },
      );
    } finally {
      await parts.close();
      await restored.drop();
    }
  });

  it('is not restored over accounts', async () => {
    await expect(restoreBackup(pipeline.parts.database.url, backup)).rejects.toThrow('it must be empty');
  });
});

describe('an exported journal', () => {
  const told: string[] = [];
  const exported = (file: string, days: { from?: string; to?: string } = {}) =>
    exportJournal(pipeline.parts.database.url, {
      onProgress: (line) => told.push(line),
      accountId: 'main',
      from: days.from ?? null,
      to: days.to ?? null,
      fileOf: () => path.join(folder, file),
    });
  const changed = async (
    from: string,
    to: string,
    change: (lines: string[]) => string[],
  ): Promise<string> => {
    const lines = gunzipSync(await readFile(path.join(folder, from)))
      .toString()
      .split('\n');
    await writeFile(path.join(folder, to), gzipSync(change(lines).join('\n')));
    return path.join(folder, to);
  };

  it('proves itself: every entry up to the head', async () => {
    const done = await exported('whole.gz');
    const [head] = await pipeline.sql<{ seq: string; head: string }>(
      `select seq, head from accounts where id = 'main'`,
    );
    expect(done).toMatchObject({
      fromSeq: 1,
      toSeq: Number(head?.seq),
      entries: Number(head?.seq),
      head: head?.head,
    });
    expect(told).toEqual([`account main: ${done.entries} entries`]);
    expect(await verifyExport(done.file)).toMatchObject({
      ok: true,
      value: { entries: done.entries, head: done.head },
    });
    expect(gunzipSync(await readFile(done.file)).toString()).toContain(filled);
  });

  it('of one day is that day’s, and of days without entries empty', async () => {
    const [today] = await pipeline.sql<{ day: string }>(
      `select sauda.trading_day(sauda.clock())::text as day`,
    );
    const day = today?.day ?? '';
    expect((await exported('day.gz', { from: day, to: day })).fromSeq).toBe(1);
    const empty = await exported('empty.gz', { from: '2031-01-01' });
    expect(told.at(-1)).toBe('account main: 0 entries');
    expect(empty).toMatchObject({ entries: 0, fromSeq: null });
    expect(await verifyExport(empty.file)).toMatchObject({ ok: true });
  });

  it.each<[string, (lines: string[]) => string[], RegExp]>([
    [
      'a changed entry',
      (lines) =>
        lines.map((line, n) => (n === 3 ? line.replace('main', 'mine').replace(/"at":"2/, '"at":"1') : line)),
      /changed/,
    ],
    ['a left out entry', (lines) => lines.filter((_, n) => n !== 4), /entry 4 is missing/],
    ['an end cut off', (lines) => lines.slice(0, 6), /ends after 5 entries/],
    [
      'entries cut off before the last line',
      (lines) => [...lines.slice(0, 6), ...lines.slice(-2)],
      /it holds 5/,
    ],
    ['another file', () => ['{"format":"else"}'], /not an export/],
    ['no JSON', () => ['hello'], /can not be read/],
  ])('with %s is no proof', async (_, change, why) => {
    await exported('source.gz');
    const verdict = await verifyExport(await changed('source.gz', 'changed.gz', change));
    expect(verdict).toMatchObject({ ok: false, error: expect.stringMatching(why) as string });
  });

  it('that is not there, or of an account that is not, is told', async () => {
    expect(await verifyExport(path.join(folder, 'nothing'))).toMatchObject({ ok: false });
    await expect(
      exportJournal(pipeline.parts.database.url, {
        ...{ accountId: 'nobody', from: null, to: null, fileOf: () => path.join(folder, 'x.gz') },
      }),
    ).rejects.toThrow('there is no account nobody');
  });
});
