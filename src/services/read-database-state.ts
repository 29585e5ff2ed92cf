import type { Database } from '../db/client.ts';
import { isSchemaAhead as isAhead, pendingMigrations } from '../db/migrate.ts';
import { instrumentsAreListed } from '../db/stores/instrument-store.ts';

/** One round trip; throws when there is no answer. */
export async function isDatabaseUp(db: Database): Promise<boolean> {
  const { rowCount } = await db.reads.query('select 1');
  return rowCount === 1;
}

/** Migrations of this build that the database lacks. */
export async function countPendingMigrations(db: Database): Promise<number> {
  return (await pendingMigrations(db.reads)).length;
}

/** True when a newer build has migrated the database past what this one knows. */
export async function isSchemaAhead(db: Database): Promise<boolean> {
  return isAhead(db.reads);
}

/** True when the trading day's list of instruments is stored. */
export async function areInstrumentsListed(db: Database): Promise<boolean> {
  return instrumentsAreListed(db);
}
