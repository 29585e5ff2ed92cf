import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate as applyMigrations } from 'drizzle-orm/node-postgres/migrator';
import type pg from 'pg';
import { findUp } from '../lib/find-up.ts';
import { withConnection } from './connection.ts';

/** Advisory lock of the migrators: several processes may start at once, one migrates, the others wait. */
const MIGRATION_LOCK = 7_283_201;

/** The folder of named SQL migrations, from source and from the built tree alike. */
export function migrationsFolder(): string {
  return path.join(findUp(path.dirname(fileURLToPath(import.meta.url)), 'package.json'), 'drizzle');
}

interface MigrationJournal {
  readonly entries: readonly { readonly when: number; readonly tag: string }[];
}

/** Applies every pending migration, in one transaction, under an advisory lock. Safe to run many times at once. Throws DatabaseNotReachableError. */
export async function migrate(databaseUrl: string): Promise<void> {
  await withConnection(databaseUrl, { options: '-c search_path=public' }, async (client) => {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await applyMigrations(drizzle(client), { migrationsFolder: migrationsFolder() });
  });
}

/** Names of migrations in this build that the database has not applied; readyz and tests look here. */
export async function pendingMigrations(client: pg.Pool | pg.ClientBase): Promise<string[]> {
  const journal = JSON.parse(
    readFileSync(path.join(migrationsFolder(), 'meta', '_journal.json'), 'utf8'),
  ) as MigrationJournal;
  const exists = await client.query<{ found: boolean }>(
    `select to_regclass('drizzle.__drizzle_migrations') is not null as found`,
  );
  if (exists.rows[0]?.found !== true) return journal.entries.map((entry) => entry.tag);
  const applied = await client.query<{ created_at: string }>(
    'select created_at from drizzle.__drizzle_migrations',
  );
  const times = new Set(applied.rows.map((row) => Number(row.created_at)));
  return journal.entries.filter((entry) => !times.has(entry.when)).map((entry) => entry.tag);
}
