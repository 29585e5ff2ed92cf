import { spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { inspectProcess } from '../../../src/runtime/data-dir.ts';
import { findPackage, prepareBinaries } from '../../../src/runtime/private-postgres/binaries.ts';
import { ask } from '../../../src/runtime/private-postgres/connection.ts';
import {
  findPrivatePostgres,
  startPrivatePostgres,
  type PrivatePostgres,
  type PrivatePostgresOptions,
} from '../../../src/runtime/private-postgres.ts';
import { startChild, type ChildProgram } from '../../support/servers/child.ts';
import { findFreePort } from '../../support/servers/port.ts';
import { startReaper, type Reaper } from '../../support/servers/reaper.ts';
import { makeTemporaryFolder } from '../../support/servers/temporary-folder.ts';
import { waitFor } from '../../support/wait.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('not root: tests of the database user, of 0700 folders and of copies are SKIPPED');

const CHILD = new URL('./children/start-postgres.ts', import.meta.url);
const NOBODY = { uid: 65_534, gid: 65_534 };

let folder: string;
let dataDir: string;
let reaper: Reaper;
let children: ChildProgram[];

beforeEach(async () => {
  folder = await makeTemporaryFolder('private-postgres');
  await fs.chmod(folder, 0o755);
  dataDir = join(folder, 'data');
  reaper = startReaper(join(dataDir, 'postgres', 'postmaster.pid'), folder, 'INT');
  children = [];
});

afterEach(async () => {
  for (const child of children) await child.kill('SIGKILL');
  await reaper.dismiss();
});

function start(options: Partial<PrivatePostgresOptions> = {}): Promise<PrivatePostgres> {
  return startPrivatePostgres({ dataDir, fast: true, ...options });
}

async function query<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

async function spawnStart(command: 'hold' | 'stop', as: { uid?: number; gid?: number } = {}) {
  const child = startChild(CHILD, [dataDir, command], as);
  children.push(child);
  return {
    child,
    report: JSON.parse(await child.nextLine()) as Omit<PrivatePostgres, 'stop'> & { found: string | null },
  };
}

describe('a first start', () => {
  test('makes a UTF-8 cluster with durable commits on loopback, and its url works', async () => {
    const postgres = await startPrivatePostgres({ dataDir });
    expect(postgres.how).toBe('created');
    const [row] = await query<Record<string, string>>(
      postgres.url,
      `select current_database() as database, current_user as user, current_setting('fsync') as fsync,
              current_setting('full_page_writes') as pages, current_setting('synchronous_commit') as sync,
              current_setting('listen_addresses') as listen, current_setting('unix_socket_directories') as sockets,
              current_setting('server_encoding') as encoding, current_setting('max_connections') as connections,
              (select datlocprovider::text || datlocale from pg_database where datname = current_database()) as locale`,
    );
    expect(row).toEqual({
      ...{ database: 'sauda', user: 'sauda', fsync: 'on', pages: 'on', sync: 'on', listen: '127.0.0.1' },
      ...{ sockets: '', encoding: 'UTF8', connections: '200', locale: 'bC.UTF-8' },
    });
    await postgres.stop();
  });

  test('keeps the random password in a file only its owner can read, and the server asks for it', async () => {
    const postgres = await start();
    const path = join(dataDir, 'postgres.password');
    const password = await fs.readFile(path, 'utf8');
    expect((await fs.stat(path)).mode & 0o777).toBe(0o600);
    expect(password).toMatch(/^[\w-]{32}$/);
    expect(new URL(postgres.url).password).toBe(password);
    await expect(query(postgres.url.replace(password, 'wrong'), 'select 1')).rejects.toMatchObject({
      code: '28P01',
    });
    await postgres.stop();
  });

  test('takes the port it was told to take', async () => {
    const port = await findFreePort();
    const postgres = await start({ port });
    expect(postgres.port).toBe(port);
    await postgres.stop();
  });

  test('replaces what an initdb killed half-way left behind, and keeps that aside', async () => {
    await fs.mkdir(join(dataDir, 'postgres', 'base'), { recursive: true });
    await fs.writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '18\n');
    const deadDraft = join(dataDir, 'postgres.new-999999999-abc');
    await fs.mkdir(deadDraft);
    const lines: string[] = [];
    const postgres = await start({ log: (line) => lines.push(line) });
    expect(postgres.how).toBe('created');
    const names = await fs.readdir(dataDir);
    expect(names.filter((name) => name.startsWith('postgres.incomplete-'))).toHaveLength(1);
    expect(names.filter((name) => name.startsWith('postgres.new-'))).toEqual([]);
    expect(lines).toHaveLength(1);
    await postgres.stop();
  });
});

describe('a later start', () => {
  test('starts the cluster of before, with its data', async () => {
    const first = await start();
    await query(first.url, 'create table kept as select 42 as value');
    await first.stop();
    expect(await findPrivatePostgres({ dataDir })).toBeNull();
    const second = await start();
    expect(second.how).toBe('started');
    expect(await query(second.url, 'select value from kept')).toEqual([{ value: 42 }]);
    await second.stop();
  });

  test('of two at once, one starts the server and both use it', async () => {
    const both = await Promise.all([start(), start()]);
    expect(both[0].pid).toBe(both[1].pid);
    expect(both[0].url).toBe(both[1].url);
    expect(await fs.readdir(dataDir)).not.toContainEqual(expect.stringMatching(/new-|incomplete-/));
    await both[0].stop();
  });

  test('refuses a server that runs without fsync when durable commits are needed', async () => {
    const fast = await start();
    await expect(startPrivatePostgres({ dataDir })).rejects.toMatchObject({ code: 'NOT_DURABLE' });
    await fast.stop();
  });

  test('refuses a cluster of another major version, and names both', async () => {
    await (await start()).stop();
    await fs.writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '15\n');
    await expect(start()).rejects.toMatchObject({
      code: 'VERSION_MISMATCH',
      message: expect.stringMatching(/PostgreSQL 15.*version 18/s) as string,
    });
  });

  test('refuses a wrong password file, for starters and finders, and leaves no server it started', async () => {
    const first = await start();
    await fs.writeFile(join(dataDir, 'postgres.password'), 'not-the-password');
    await expect(findPrivatePostgres({ dataDir })).rejects.toMatchObject({ code: 'WRONG_PASSWORD' });
    await expect(start()).rejects.toMatchObject({ code: 'WRONG_PASSWORD' });
    expect((await inspectProcess(first.pid)).alive).toBe(true);
    await first.stop();
    await expect(start()).rejects.toMatchObject({ code: 'WRONG_PASSWORD' });
    await expect(fs.access(join(dataDir, 'postgres', 'postmaster.pid'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  test('a cluster that cannot start is reported with the end of its log, soon', async () => {
    await (await start()).stop();
    await fs.appendFile(join(dataDir, 'postgres', 'postgresql.conf'), '\nno_such_setting = 1\n');
    await expect(start()).rejects.toMatchObject({
      code: 'START_FAILED',
      message: expect.stringContaining('no_such_setting') as string,
    });
  });
});

describe('after a crash', () => {
  test('kill -9 of node leaves the server, found by others, and the next start attaches to it', async () => {
    const { child, report } = await spawnStart('hold');
    expect(report.how).toBe('created');
    await query(report.url, 'create table kept as select 1 as value');
    await child.kill('SIGKILL');
    expect(await findPrivatePostgres({ dataDir })).toMatchObject({ url: report.url, pid: report.pid });
    const next = await start();
    expect(next).toMatchObject({ how: 'attached', pid: report.pid });
    expect(await query(next.url, 'select value from kept')).toEqual([{ value: 1 }]);
    await next.stop();
  });

  test('Ctrl-C in the terminal of node does not reach the server', async () => {
    const { child, report } = await spawnStart('hold');
    await child.killGroup('SIGINT');
    expect(await start()).toMatchObject({ how: 'attached', pid: report.pid });
    await (await start()).stop();
  });

  test('kill -9 of the server is recovered from at once, with what was committed', async () => {
    const first = await startPrivatePostgres({ dataDir });
    await query(first.url, 'create table kept as select 7 as value');
    process.kill(first.pid, 'SIGKILL');
    const second = await startPrivatePostgres({ dataDir });
    expect(second).toMatchObject({ how: 'started' });
    expect(second.pid).not.toBe(first.pid);
    expect(await query(second.url, 'select value from kept')).toEqual([{ value: 7 }]);
    await second.stop();
  });

  test('a stop after the server died, or a second stop, does nothing', async () => {
    const postgres = await start();
    process.kill(postgres.pid, 'SIGKILL');
    await waitFor(async () => !(await inspectProcess(postgres.pid)).alive, {
      what: 'the death of the server',
    });
    await postgres.stop();
    const again = await start();
    await again.stop();
    await again.stop();
  });

  test('a stale postmaster.pid does not stop the start, even when its pid now belongs to another program', async () => {
    const first = await start();
    process.kill(first.pid, 'SIGKILL');
    await waitFor(async () => !(await inspectProcess(first.pid)).alive, { what: 'the death of the server' });
    // The same user as the server's: Postgres ignores pids of other users, and refuses those of its own.
    const { uid, gid } = await fs.stat(first.directory);
    const other = spawn('/bin/sleep', ['60'], { ...(isRoot ? { uid, gid } : {}), stdio: 'ignore' });
    try {
      const path = join(first.directory, 'postmaster.pid');
      const lines = (await fs.readFile(path, 'utf8')).split('\n');
      await fs.writeFile(path, [String(other.pid), ...lines.slice(1)].join('\n'));
      expect(await findPrivatePostgres({ dataDir })).toBeNull();
      const second = await start();
      expect(second.how).toBe('started');
      await second.stop();
      expect(other.exitCode ?? other.signalCode).toBeNull();
    } finally {
      other.kill('SIGKILL');
    }
  });

  test('another cluster is not taken for ours, though a stale postmaster.pid has its pid and port', async () => {
    const ours = await start();
    process.kill(ours.pid, 'SIGKILL');
    await waitFor(async () => !(await inspectProcess(ours.pid)).alive, { what: 'the death of the server' });
    const otherData = join(folder, 'other');
    await fs.mkdir(otherData, { mode: 0o700 });
    await fs.copyFile(join(dataDir, 'postgres.password'), join(otherData, 'postgres.password'));
    const other = await startPrivatePostgres({ dataDir: otherData, fast: true });
    try {
      const { password } = new URL(other.url);
      expect(await ask({ port: other.port, password }, ours.directory)).toEqual({ kind: 'foreign' });
      await fs.copyFile(join(other.directory, 'postmaster.pid'), join(ours.directory, 'postmaster.pid'));
      expect(await findPrivatePostgres({ dataDir })).toBeNull();
      const again = await start();
      expect(again.pid).not.toBe(other.pid);
      expect(again.directory).toBe(ours.directory);
      await again.stop();
    } finally {
      await other.stop();
    }
  });

  test('a server that cannot stop in order is told to quit, and recovers what was committed', async () => {
    const first = await startPrivatePostgres({ dataDir });
    await query(first.url, 'create table kept as select 5 as value');
    const client = new pg.Client({ connectionString: first.url });
    client.on('error', () => undefined);
    await client.connect();
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    process.kill(rows[0]!.pid, 'SIGSTOP');
    await first.stop();
    const second = await startPrivatePostgres({ dataDir });
    expect(second.how).toBe('started');
    expect(await query(second.url, 'select value from kept')).toEqual([{ value: 5 }]);
    await second.stop();
    await client.end().catch(() => undefined);
  });
});

describe('as a normal user', () => {
  test.skipIf(!isRoot)('the server runs as that user, and everything lies in DATA_DIR', async () => {
    await fs.mkdir(dataDir, { mode: 0o700 });
    await fs.chown(dataDir, NOBODY.uid, NOBODY.gid);
    const { report } = await spawnStart('stop', NOBODY);
    expect(report).toMatchObject({ how: 'created', directory: join(dataDir, 'postgres'), found: report.url });
    expect((await fs.stat(report.directory)).uid).toBe(NOBODY.uid);
    expect((await fs.stat(join(dataDir, 'postgres.password'))).uid).toBe(NOBODY.uid);
  });

  test.skipIf(!isRoot)(
    'root starts the cluster of a normal user as that user, who can go on with it',
    async () => {
      await fs.mkdir(dataDir, { mode: 0o700 });
      await fs.chown(dataDir, NOBODY.uid, NOBODY.gid);
      const asRoot = await start();
      expect(asRoot.directory).toBe(join(dataDir, 'postgres'));
      expect((await fs.stat(asRoot.directory)).uid).toBe(NOBODY.uid);
      await asRoot.stop();
      const { report } = await spawnStart('stop', NOBODY);
      expect(report.how).toBe('started');
    },
  );

  test.skipIf(!isRoot)(
    'a cluster that belongs to somebody else is refused, and its owner is named',
    async () => {
      await fs.mkdir(dataDir, { mode: 0o755 });
      const { uid } = await fs.stat('/');
      await fs.mkdir(join(dataDir, 'postgres'));
      const child = startChild(CHILD, [dataDir, 'stop'], NOBODY);
      children.push(child);
      await expect(child.nextLine()).rejects.toThrow(`belongs to uid ${uid}`);
    },
  );
});

describe('as root', () => {
  test.skipIf(!isRoot)('the cluster lies in DATA_DIR when the database user can be let through', async () => {
    const postgres = await start();
    expect(postgres.directory).toBe(join(dataDir, 'postgres'));
    const { mode, uid } = await fs.stat(dataDir);
    expect({ mode: mode & 0o777, uid }).toEqual({ mode: 0o710, uid: 0 });
    expect((await fs.stat(postgres.directory)).uid).not.toBe(0);
    await postgres.stop();
  });

  test.skipIf(!isRoot)(
    'under a 0700 folder the cluster goes to a system folder, is reported and found again',
    async () => {
      await fs.chmod(folder, 0o700);
      const system = await makeTemporaryFolder('system');
      await fs.chmod(system, 0o755);
      try {
        const lines: string[] = [];
        const options = {
          systemFolders: ['/no/such/folder', system],
          log: (line: string) => lines.push(line),
        };
        const first = await start(options);
        try {
          expect(first.directory.startsWith(`${system}/sauda-`)).toBe(true);
          expect(lines).toEqual([expect.stringContaining(first.directory)]);
          expect(await findPrivatePostgres({ dataDir })).toMatchObject({ url: first.url });
          await query(first.url, 'create table kept as select 3 as value');
        } finally {
          await first.stop();
        }
        // Readable again: the cluster that exists stays in use.
        await fs.chmod(folder, 0o755);
        const second = await start(options);
        expect(await query(second.url, 'select value from kept').finally(() => second.stop())).toEqual([
          { value: 3 },
        ]);
        expect(second.directory).toBe(first.directory);
      } finally {
        await fs.rm(system, { recursive: true });
      }
    },
  );

  test.skipIf(!isRoot)(
    'programs that the database user cannot reach are copied once to where it can',
    async () => {
      const hidden = join(folder, 'hidden');
      const copyRoot = join(folder, 'readable');
      await fs.mkdir(hidden, { mode: 0o700 });
      await fs.mkdir(copyRoot, { mode: 0o755 });
      await fs.symlink(findPackage(), join(hidden, 'package'));
      const lines: string[] = [];
      const options = {
        packageFolder: join(hidden, 'package'),
        runAs: NOBODY,
        copyRoots: ['/no/such/folder', copyRoot],
        log: (line: string) => lines.push(line),
      };
      const first = await prepareBinaries(options);
      expect(first).toMatchObject({ major: '18', postgres: expect.stringContaining(copyRoot) as string });
      expect(lines).toHaveLength(1);
      const before = await fs.stat(first.postgres);
      const second = await prepareBinaries(options);
      expect((await fs.stat(second.postgres)).ino).toBe(before.ino);
    },
  );
});
