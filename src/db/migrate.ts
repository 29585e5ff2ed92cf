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

/** The database was migrated by a newer build: what this one would write may mean something else by now. */
export class SchemaAheadError extends Error {
  override readonly name = 'SchemaAheadError';

  constructor(known: string) {
    super(
      `the database was migrated by a newer version of Sauda (this one knows up to ${known}): ` +
        'start that version, or restore a backup that this one took',
    );
  }
}

/**
 * Applies every pending migration, in one transaction, under an advisory lock. Safe to run many times at once. Throws
 * SchemaAheadError when the database knows migrations that this build does not, DatabaseNotReachableError.
 */
export async function migrate(databaseUrl: string): Promise<void> {
  await withConnection(databaseUrl, { options: '-c search_path=public' }, async (client) => {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    if (await isSchemaAhead(client)) throw new SchemaAheadError(schemaVersion());
    await applyMigrations(drizzle(client), { migrationsFolder: migrationsFolder() });
  });
}

/** Names of migrations in this build that the database has not applied; readyz and tests look here. */
export async function pendingMigrations(client: pg.Pool | pg.ClientBase): Promise<string[]> {
  const applied = await appliedMigrations(client);
  return builtMigrations()
    .filter((entry) => !applied.has(entry.when))
    .map((entry) => entry.tag);
}

/** True when the database has applied a migration that this build does not know. */
export async function isSchemaAhead(client: pg.Pool | pg.ClientBase): Promise<boolean> {
  const known = new Set(builtMigrations().map(({ when }) => when));
  return [...(await appliedMigrations(client))].some((when) => !known.has(when));
}

/** The newest migration that this build knows. */
export function schemaVersion(): string {
  return builtMigrations().at(-1)?.tag ?? 'none';
}

function builtMigrations(): MigrationJournal['entries'] {
  const text = readFileSync(path.join(migrationsFolder(), 'meta', '_journal.json'), 'utf8');
  return (JSON.parse(text) as MigrationJournal).entries;
}

/** By the time that drizzle gives each of them. */
async function appliedMigrations(client: pg.Pool | pg.ClientBase): Promise<ReadonlySet<number>> {
  const exists = await client.query<{ found: boolean }>(
    `select to_regclass('drizzle.__drizzle_migrations') is not null as found`,
  );
  if (exists.rows[0]?.found !== true) return new Set();
  const applied = await client.query<{ created_at: string }>(
    'select created_at from drizzle.__drizzle_migrations',
  );
  return new Set(applied.rows.map((row) => Number(row.created_at)));
}
