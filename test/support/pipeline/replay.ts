/** What the journal says, in tests, and whether the rows agree: the same audit as `sauda audit`. */
import type pg from 'pg';
import type { Database } from '../../../src/db/client.ts';
import type { JournalEntry } from '../../../src/domain/journal.ts';
import { auditBooks } from '../../../src/services/audit-books.ts';

export { foldOrders } from '../../../src/domain/replay.ts';

export interface StoredEntry extends JournalEntry {
  readonly accountId: string;
}

export async function readJournal(pool: pg.Pool): Promise<StoredEntry[]> {
  const { rows } = await pool.query<StoredEntry & { account_id: string; seq: string }>(
    'select account_id, version, seq, at, actor, kind, entity, data, hash from journal order by account_id, seq',
  );
  return rows.map(({ account_id: accountId, ...row }) => ({ ...row, accountId, seq: Number(row.seq) }));
}

/** Faults of the chains, and every field in which orders, trades or positions are not what replay gives. */
export async function replayDifferences({ url }: Pick<Database, 'url'>): Promise<string[]> {
  const { findings } = await auditBooks(url, { accountId: null, atRest: false, timeoutMs: 60_000 });
  return findings.filter(({ area }) => area !== 'INVARIANT').map(({ what }) => what);
}
