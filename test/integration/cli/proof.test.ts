import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatabaseNotReachableError, withConnection } from '../../../src/db/connection.ts';
import { type RunningApiRole, startApiRole } from '../../../src/runtime/api-role.ts';
import { EXIT } from '../../../src/runtime/process.ts';
import { openAccount } from '../../../src/services/open-account.ts';
import { type TestDatabase, createTestDatabase } from '../../support/database.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { startWorkerProcess } from '../../support/pipeline/worker-process.ts';

const CLI = 'src/cli/main.ts';
const NOBODY = { DATABASE_URL: 'postgres://x:y@127.0.0.1:9/none', PORT: '9' };
const SOME_ID = '0198f000-0000-7000-8000-000000000001';

/** Programs go by the exit code: 0 done, 1 refused or wrong, 2 usage, 3 not reachable (api.md). */
describe('what sauda proves and keeps, by its exit code', () => {
  let pipeline: Pipeline;
  let api: RunningApiRole;
  let folder: string;
  const restored: TestDatabase[] = [];
  let order: string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'sauda-proof-'));
    pipeline = await startPipeline({
      backend: 'postgres',
      // No dispatcher: it reconciles by itself, and a run that is asked for beside its own is refused.
      roles: ['validator', 'submitter', 'fillPoller', 'marketData'],
    });
    api = await startApiRole(
      pipeline.parts,
      { ...pipeline.config, port: 0, adminToken: 'a-token-of-this-test' },
      folder,
    );
    order = (await pipeline.waitForStatus(await pipeline.place(), 'FILLED')).id;
  });
  afterAll(async () => {
    await api.stop();
    await pipeline.stop();
    for (const database of restored) await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  const sauda = async (args: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
    const here = {
      DATABASE_URL: pipeline.database.url,
      PORT: new URL(api.url).port,
      ADMIN_TOKEN: 'a-token-of-this-test',
      DATA_DIR: folder,
    };
    const started = startWorkerProcess(CLI, { ...here, ...environment }, args);
    const { code } = await started.ended();
    return { code, output: started.output() };
  };
  const json = async (...args: readonly string[]): Promise<{ code: number | null; answer: unknown }> => {
    const { code, output } = await sauda([...args, '--json']);
    return { code, answer: JSON.parse(output) as unknown };
  };
  const inFolder = (name: string): string => path.join(folder, name);
  /** As a person sees it: on a terminal, which util-linux's script makes. */
  const onTerminal = async (...args: readonly string[]): Promise<string> => {
    const words = [process.execPath, '--import', 'tsx', CLI, ...args].map((word) => `'${word}'`);
    const env = { PATH: process.env['PATH'], DATABASE_URL: pipeline.database.url, DATA_DIR: folder };
    const { stdout } = await promisify(execFile)('script', ['-qec', words.join(' '), '/dev/null'], { env });
    return stdout;
  };

  it.skipIf(!existsSync('/usr/bin/script'))(
    'tells on a terminal how far it is, and nowhere else',
    async () => {
      const [file, backup] = [inFolder('told.gz'), inFolder('told')];
      for (const left of [file, backup]) await rm(left, { recursive: true, force: true });
      expect(await onTerminal('export', '--out', file)).toMatch(
        /^account main: \d+ entries …\r\n\d+ entries of main/,
      );
      expect(await onTerminal('backup', backup)).toMatch(/^(table \w+ …\r\n)*table orders …\r\n/);
      await rm(backup, { recursive: true });
      const piped = await sauda(['backup', backup]);
      expect(piped).toMatchObject({ code: 0, output: expect.not.stringContaining('…') as string });
    },
  );

  it('0: books that are right, an order explained, a journal kept, a backup that restores', async () => {
    const [file, backup] = [inFolder('journal.gz'), inFolder('backup')];
    // Nothing is there yet, also when this is tried again.
    for (const left of [file, backup]) await rm(left, { recursive: true, force: true });
    const empty = await createTestDatabase();
    restored.push(empty);
    const [audit, explained, reconciled, exported, kept, words] = await Promise.all([
      json('audit'),
      json('explain', order),
      json('reconcile'),
      json('export', '--out', file),
      json('backup', backup),
      sauda(['audit']),
    ]);
    expect(audit).toMatchObject({ code: 0, answer: { ok: true, findings: [] } });
    expect(explained).toMatchObject({ code: 0, answer: { order: { id: order, status: 'FILLED' } } });
    expect(reconciled).toMatchObject({ code: 0, answer: { status: 'CLEAN' } });
    expect(exported).toMatchObject({ code: 0, answer: { accountId: 'main', file } });
    expect(kept).toMatchObject({ code: 0, answer: { format: 'sauda-backup/1' } });
    expect([words.code, words.output]).toEqual([0, expect.stringContaining('ok: chains intact') as string]);
    const [proven, tried, back] = await Promise.all([
      json('verify-export', file),
      json('restore', backup, '--verify'),
      json('restore', backup, '--into', empty.url),
    ]);
    expect(proven).toMatchObject({ code: 0, answer: { accountId: 'main' } });
    expect(tried).toMatchObject({ code: 0, answer: { ok: true } });
    expect(back).toMatchObject({ code: 0 });
  });

  it('0: what is held, as a person says it, and what the newest comparison left open', async () => {
    const say = (quantity: string) =>
      json('adjust', 'NSE:RELIANCE', 'mis', quantity, '--reason', 'counted', '--price', '2450.00');
    expect(await say('-3')).toMatchObject({ code: 0, answer: expect.anything() as unknown });
    const held = `select sum(quantity)::int as held from positions where account_id = 'main'`;
    expect(await pipeline.sql(held)).toEqual([{ held: -3 }]);
    expect(await say('10')).toMatchObject({ code: 0 });
    expect(await pipeline.sql(held)).toEqual([{ held: 10 }]);
    expect(await json('reconcile')).toMatchObject({ code: 0, answer: { status: 'CLEAN' } });
    expect(await json('differences')).toMatchObject({ code: 0, answer: { open: [] } });
  });

  it('1: books that are wrong, with each finding named', async () => {
    const sql = (text: string) => pipeline.sql(`set session_replication_role = replica; ${text}`);
    await sql(`update trades set price = price + 1 where order_id = '${order}'`);
    try {
      const wrong = await json('audit');
      expect(wrong).toMatchObject({ code: EXIT.refused, answer: { ok: false } });
      expect(JSON.stringify(wrong.answer)).toContain(order);
    } finally {
      await sql(`update trades set price = price - 1 where order_id = '${order}'`);
    }
  });

  it('1: what is refused', async () => {
    const refused = await Promise.all([
      sauda(['audit', '--account', 'nobody', '--json']),
      sauda(['export', '--account', 'nobody', '--json']),
      sauda(['verify-export', inFolder('nothing'), '--json']),
      sauda(['restore', inFolder('nothing'), '--verify', '--json']),
      sauda(['restore', inFolder('backup'), '--into', pipeline.database.url, '--json']),
      sauda(['backup', inFolder('backup'), '--json']),
      sauda(['explain', SOME_ID, '--json']),
      sauda(['approve', SOME_ID, '0', '--reason', 'x', '--json']),
    ]);
    expect(refused.map(({ code }) => code)).toEqual(refused.map(() => EXIT.refused));
    for (const { output } of refused)
      expect(JSON.parse(output)).toMatchObject({ message: expect.any(String) as string });
  });

  it('2: what is not clear', async () => {
    const unclear = await Promise.all([
      sauda(['restore', inFolder('backup')]),
      sauda(['restore', inFolder('backup'), '--verify', '--into', pipeline.database.url]),
      sauda(['export', '--from', '2026-02-30']),
      sauda(['audit', '--timeout', 'soon']),
      sauda(['approve', SOME_ID, 'first', '--reason', 'x']),
      sauda(['approve', SOME_ID, '0']),
      sauda(['explain']),
    ]);
    expect(unclear.map(({ code }) => code)).toEqual(unclear.map(() => EXIT.usage));
    expect(unclear[0].output).toContain('say either --verify, or --into');
  });

  it('3: a database or an API that is not there, which says nothing of the books', async () => {
    const down = await Promise.all(
      [
        ['audit'],
        ['export', '--out', inFolder('none.gz')],
        ['backup', inFolder('none')],
        ['restore', inFolder('backup'), '--verify'],
        ['restore', inFolder('backup'), '--into', NOBODY.DATABASE_URL],
        ['explain', order],
        ['reconcile'],
        ['approve', SOME_ID, '0', '--reason', 'x'],
      ].map((args) => sauda([...args, '--json'], NOBODY)),
    );
    expect(down.map(({ code }) => code)).toEqual(down.map(() => EXIT.notReachable));
    for (const { output } of down) {
      expect(JSON.parse(output)).toMatchObject({ code: 'NOT_REACHABLE' });
      expect(output).not.toContain('x:y');
    }
  });

  it('3: a server that ends the connection in the middle', async () => {
    const ended = withConnection(pipeline.database.url, {}, (client) =>
      client.query('select pg_terminate_backend(pg_backend_pid())'),
    );
    await expect(ended).rejects.toThrow(DatabaseNotReachableError);
    const refused = withConnection(pipeline.database.url, {}, (client) => client.query('select 1 / 0'));
    await expect(refused).rejects.toThrow('division by zero');
  });

  it('1: a journal of one of several accounts, without a word which', async () => {
    await openAccount(pipeline.parts.context, { id: 'second', name: 'second', actor: 'test' });
    const unnamed = await sauda(['export', '--json']);
    expect([unnamed.code, unnamed.output]).toEqual([
      EXIT.refused,
      expect.stringContaining('there are several accounts') as string,
    ]);
    const file = inFolder('second.gz');
    expect(await json('export', '--account', 'second', '--out', file)).toMatchObject({
      code: 0,
      answer: { accountId: 'second' },
    });
  });
});
