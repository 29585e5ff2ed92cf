import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
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

const LOOK_TIMEOUT_MS = 5000;
/** A migration of a large table may take minutes. */
const MIGRATION_TIMEOUT_MS = 600_000;
const TRY_LOCK_EVERY_MS = 250;
/** Of a migrator that says nothing for so long the server ends the session, and the lock with it: it died without a word. */
const SILENT_MIGRATOR_MS = 10_000;
const SESSION = [
  'search_path=public',
  `idle_session_timeout=${SILENT_MIGRATOR_MS}`,
  `idle_in_transaction_session_timeout=${SILENT_MIGRATOR_MS}`,
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

/**
 * Applies every pending migration, in one transaction, under an advisory lock; where none is pending it takes no lock,
 * so that no start waits for another. Safe to run many times at once. Throws SchemaAheadError when the database knows
 * migrations that this build does not, DatabaseNotReachableError.
 */
export async function migrate(databaseUrl: string): Promise<void> {
  const look = { options: SESSION, query_timeout: LOOK_TIMEOUT_MS };
  if (await withConnection(databaseUrl, look, isUpToDate)) return;
  const session = { options: SESSION, query_timeout: MIGRATION_TIMEOUT_MS };
  await withConnection(databaseUrl, session, async (client) => {
    await takeLock(client);
    if (await isUpToDate(client)) return;
    await applyMigrations(drizzle(client), { migrationsFolder: migrationsFolder() });
  });
}

async function isUpToDate(client: pg.ClientBase): Promise<boolean> {
  if (await isSchemaAhead(client)) throw new SchemaAheadError(schemaVersion());
  return (await pendingMigrations(client)).length === 0;
}

/** Asked for again and again, each time with an answer: a wait in the server would not end with a dead connection. */
async function takeLock(client: pg.ClientBase): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [
      MIGRATION_LOCK,
    ]);
    if (rows[0]?.taken === true) return;
    await sleep(TRY_LOCK_EVERY_MS);
  }
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
