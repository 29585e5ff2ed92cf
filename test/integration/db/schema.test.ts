import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  isSchemaAhead,
  migrate,
  migrationsFolder,
  pendingMigrations,
  SchemaAheadError,
} from '../../../src/db/migrate.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { startWorkerProcess } from '../../support/pipeline/worker-process.ts';
import { execute, withDatabase } from '../../support/servers/template.ts';

const root = join(import.meta.dirname, '../../..');
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
});

async function migrationsIn(folder: string): Promise<string[]> {
  return (await readdir(join(folder, 'drizzle'))).filter((name) => name.endsWith('.sql')).sort();
}

describe('the migrations', () => {
  it('are what the schema says: generating adds none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sauda-drift-'));
    try {
      for (const part of ['src', 'drizzle', 'drizzle.config.ts', 'package.json', 'tsconfig.json']) {
        await cp(join(root, part), join(folder, part), { recursive: true });
      }
      await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
      const before = await migrationsIn(folder);
      const tool = join(root, 'node_modules/drizzle-kit/bin.cjs');
      const { stdout } = await promisify(execFile)(process.execPath, [tool, 'generate', '--name', 'drift'], {
        cwd: folder,
        timeout: 240_000,
      });
      expect(await migrationsIn(folder), stdout).toEqual(before);
      expect(stdout).toContain('No schema changes');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('are all applied to a database that tests clone', async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    expect(await pendingMigrations(client)).toEqual([]);
    await client.end();
  });

  it('are applied once when four processes start at the same time, and again change nothing', async () => {
    const name = `migrators_${process.pid}`;
    const server = inject('postgresUrl');
    await execute(server, `create database ${name}`);
    const url = withDatabase(server, name);
    try {
      await Promise.all([migrate(url), migrate(url), migrate(url), migrate(url)]);
      await migrate(url);
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const { rows } = await client.query<{ count: number }>(
        'select count(*)::int as count from drizzle.__drizzle_migrations',
      );
      expect(await pendingMigrations(client)).toEqual([]);
      await client.end();
      const files = (await readdir(migrationsFolder())).filter((file) => file.endsWith('.sql'));
      expect(rows[0]?.count).toBe(files.length);
    } finally {
      await execute(server, `drop database if exists ${name} with (force)`);
    }
  });

  it('refuse a database of a newer version, and a process that runs meanwhile stops', async () => {
    const database = await createTestDatabase();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const worker = startWorkerProcess('risk-monitor', {
      DATABASE_URL: database.url,
      QUEUE_BACKEND: 'postgres',
      KITE_API_ROOT: 'http://127.0.0.1:9',
    });
    try {
      await worker.ready();
      expect(await isSchemaAhead(client)).toBe(false);
      await client.query(
        `insert into drizzle.__drizzle_migrations (hash, created_at) values ('of the future', 4102444800000)`,
      );
      expect(await isSchemaAhead(client)).toBe(true);
      await expect(migrate(database.url)).rejects.toBeInstanceOf(SchemaAheadError);
      expect(await worker.ended()).toEqual({ code: 1, signal: null });
      const again = startWorkerProcess('risk-monitor', {
        DATABASE_URL: database.url,
        QUEUE_BACKEND: 'postgres',
        KITE_API_ROOT: 'http://127.0.0.1:9',
      });
      expect(await again.ended()).toEqual({ code: 1, signal: null });
      expect(again.output()).toContain('newer version');
    } finally {
      await worker.kill();
      await client.end();
      await database.drop();
    }
  });
});
