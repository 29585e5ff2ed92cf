import type { ProtectionGroupRow } from '../account-rows.ts';
import type { Database } from '../client.ts';

/** Instruments that live protection groups of an account are about. */
export async function readProtectedInstruments(db: Database, accountId: string): Promise<number[]> {
  const { rows } = await db.reads.query<{ id: number }>({
    name: 'sauda_protected_instruments',
    text: `select distinct instrument_id as id from protection_groups
      where account_id = $1 and ended_at is null`,
    values: [accountId],
  });
  return rows.map(({ id }) => id);
}

/** Groups that are looked through for the newest of each holder. */
const NEWEST_AMONG = 500;

/** The newest group of each holder and side in these instruments, ended ones included, newest first. */
export async function readNewestProtections(
  db: Database,
  accountId: string,
  instrumentIds: readonly number[],
): Promise<ProtectionGroupRow[]> {
  const rows = await db.orm.query.protectionGroups.findMany({
    where: (g, { and, eq, inArray }) =>
      and(eq(g.accountId, accountId), inArray(g.instrumentId, [...instrumentIds])),
    orderBy: (g, { desc }) => [desc(g.createdAt), desc(g.id)],
    limit: NEWEST_AMONG,
  });
  const newest = new Map<string, ProtectionGroupRow>();
  for (const row of rows) {
    const key = `${row.instrumentId}/${row.product}/${row.side}/${row.strategyId ?? ''}`;
    if (!newest.has(key)) newest.set(key, row);
  }
  return [...newest.values()];
}

export interface Unprotected {
  readonly accountId: string;
  /** "NSE:RELIANCE". */
  readonly instrument: string;
  /** Managed units without a stop at the exchange, as of the newest looks. */
  readonly quantity: number;
  /** Seconds that positions of this instrument have been without all of their stop, ended ones included. */
  readonly seconds: number;
}

/** How much, and for how long in all, protected positions were without their stops, by account and instrument. */
export async function readUnprotected(db: Database): Promise<Unprotected[]> {
  const { rows } = await db.reads.query<{
    account_id: string;
    instrument: string;
    quantity: number;
    seconds: number;
  }>({
    name: 'sauda_unprotected',
    text: `select account_id, exchange || ':' || symbol as instrument,
        (coalesce(sum(held_quantity - protected_quantity) filter (where ended_at is null), 0))::int as quantity,
        (sum(unprotected_ms + case when unprotected_since is null then 0
          else greatest(0, extract(epoch from sauda.clock() - unprotected_since) * 1000) end) / 1000)::float8 as seconds
      from protection_groups where policy = 'exchange' group by 1, 2 order by 1, 2`,
  });
  return rows.map(({ account_id, ...row }) => ({ accountId: account_id, ...row }));
}
