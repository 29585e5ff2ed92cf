import { and, asc, eq, gt, inArray, sql } from 'drizzle-orm';
import type { JournalEntry } from '../../domain/journal.ts';
import { orders, positionEntries, positions, strategyPositions, trades } from '../schema/index.ts';
import type { Snapshot } from '../snapshot.ts';

/** Reads of a whole account's books in pieces that fit in memory, however many years they hold. */

export interface AuditedAccount {
  readonly id: string;
  /** The newest number and hash that the account itself holds. */
  readonly seq: number;
  readonly head: string;
}

export interface AuditEntry extends JournalEntry {
  readonly accountId: string;
}

export type AuditedOrder = typeof orders.$inferSelect;
export type AuditedTrade = typeof trades.$inferSelect;
export type AuditedEntry = typeof positionEntries.$inferSelect;
export type AuditedPosition = typeof positions.$inferSelect | typeof strategyPositions.$inferSelect;

const JOURNAL_AT_ONCE = 5000;
const ORDERS_AT_ONCE = 500;

type RawEntry = Omit<AuditEntry, 'accountId' | 'seq'> & { account_id: string; seq: string };
const ENTRY_COLUMNS = 'account_id, version, seq, at, actor, kind, entity, data, hash';

function entryOf({ account_id: accountId, seq, ...rest }: RawEntry): AuditEntry {
  return { ...rest, accountId, seq: Number(seq) };
}

/** Every account, or the named one. */
export async function readAuditedAccounts(
  snapshot: Snapshot,
  accountId: string | null,
): Promise<AuditedAccount[]> {
  const rows = await snapshot.query<{ id: string; seq: string; head: string }>(
    'select id, seq, head from accounts where $1::text is null or id = $1 order by id',
    [accountId],
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

/** An account's journal in its order, a few thousand entries at a time. */
export async function* readJournalInBatches(
  snapshot: Snapshot,
  accountId: string,
  { from = 1, to = Number.MAX_SAFE_INTEGER }: { readonly from?: number; readonly to?: number } = {},
): AsyncGenerator<AuditEntry[]> {
  for (let after = from - 1; ;) {
    const rows = await snapshot.query<RawEntry>(
      `select ${ENTRY_COLUMNS} from journal where account_id = $1 and seq > $2 and seq <= $3
       order by seq limit ${JOURNAL_AT_ONCE}`,
      [accountId, after, to],
    );
    if (rows.length > 0) yield rows.map(entryOf);
    if (rows.length < JOURNAL_AT_ONCE) return;
    after = Number(rows.at(-1)?.seq);
  }
}

export interface JournalRange {
  readonly firstSeq: number;
  /** Below firstSeq when the range is empty. */
  readonly lastSeq: number;
  /** Hash of the entry before the first; null at the account's start. */
  readonly previousHash: string | null;
}

/** The entries of some trading days (both included, null open); entries are in the order of their time. */
export async function findJournalRange(
  snapshot: Snapshot,
  accountId: string,
  { from, to }: { readonly from: string | null; readonly to: string | null },
): Promise<JournalRange> {
  const [row] = await snapshot.query<{ first: string; last: string; hash: string | null }>(
    `with bounds as (
       select coalesce((select min(seq) from journal where account_id = $1
           and ($2::date is null or sauda.trading_day(at::timestamptz) >= $2::date)),
         (select seq + 1 from accounts where id = $1)) as first,
       coalesce((select max(seq) from journal where account_id = $1
           and ($3::date is null or sauda.trading_day(at::timestamptz) <= $3::date)), 0) as last)
     select first, last,
       (select hash from journal where account_id = $1 and seq = bounds.first - 1) as hash from bounds`,
    [accountId, from, to],
  );
  return {
    firstSeq: Number(row?.first ?? 1),
    lastSeq: Number(row?.last ?? 0),
    previousHash: row?.hash ?? null,
  };
}

export interface AuditedOrders {
  readonly rows: AuditedOrder[];
  /** Of all of them, in the account's order. */
  readonly entries: AuditEntry[];
  readonly trades: AuditedTrade[];
}

/** An account's orders with what the journal says of each and their trades, some hundred orders at a time. */
export async function* readOrdersWithEntries(
  snapshot: Snapshot,
  accountId: string,
): AsyncGenerator<AuditedOrders> {
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const rows = await snapshot.orm
      .select()
      .from(orders)
      .where(and(eq(orders.accountId, accountId), gt(orders.id, after)))
      .orderBy(asc(orders.id))
      .limit(ORDERS_AT_ONCE);
    if (rows.length > 0) {
      const ids = rows.map(({ id }) => id);
      const entries = await snapshot.query<RawEntry>(
        `select ${ENTRY_COLUMNS} from journal where account_id = $1 and entity = any($2) order by seq`,
        [accountId, ids],
      );
      const ofThem = and(eq(trades.accountId, accountId), inArray(trades.orderId, ids));
      yield {
        rows,
        entries: entries.map(entryOf),
        trades: await snapshot.orm.select().from(trades).where(ofThem),
      };
    }
    if (rows.length < ORDERS_AT_ONCE) return;
    after = rows.at(-1)?.id ?? after;
  }
}

/** Ids of orders that the journal says were accepted and that no row has; at most a hundred. */
export async function readOrdersWithoutRow(snapshot: Snapshot, accountId: string): Promise<string[]> {
  const rows = await snapshot.query<{ entity: string }>(
    `select j.entity from journal j where j.account_id = $1 and j.kind = 'OrderAccepted'
       and not exists (select from orders o where o.account_id = j.account_id and o.id::text = j.entity)
     order by j.seq limit 100`,
    [accountId],
  );
  return rows.map(({ entity }) => entity);
}

/** What one position was made of: its entries, and the cycles that are stored. */
export interface AuditedKey {
  readonly name: string;
  readonly entries: AuditedEntry[];
  readonly cycles: AuditedPosition[];
}

/** Every position of an account, instrument by instrument: of the account, and of each strategy. */
export async function* readPositionKeys(
  snapshot: Snapshot,
  accountId: string,
): AsyncGenerator<readonly AuditedKey[]> {
  const instruments = await snapshot.query<{ id: number }>(
    `select instrument_id as id from position_entries where account_id = $1
     union select instrument_id from positions where account_id = $1
     union select instrument_id from strategy_positions where account_id = $1 order by 1`,
    [accountId],
  );
  for (const { id } of instruments) {
    const of = (table: typeof positionEntries | typeof positions | typeof strategyPositions) =>
      sql`${table.accountId} = ${accountId} and ${table.instrumentId} = ${id}`;
    const entries = await snapshot.orm.select().from(positionEntries).where(of(positionEntries));
    const ofAccount = await snapshot.orm.select().from(positions).where(of(positions));
    const ofStrategies = await snapshot.orm.select().from(strategyPositions).where(of(strategyPositions));
    yield [
      ...keysOf('position', entries, ofAccount, (row) => `${id}/${row.product}/${row.managedBy}`),
      ...keysOf(
        'strategy position',
        entries.filter((entry) => entry.strategyId !== null),
        ofStrategies,
        (row) => `${row.strategyId ?? ''}/${id}/${row.product}`,
      ),
    ];
  }
}

function keysOf<Row extends AuditedPosition>(
  what: string,
  entries: readonly AuditedEntry[],
  rows: readonly Row[],
  keyOf: (row: AuditedEntry | Row) => string,
): AuditedKey[] {
  const keys = new Map<string, AuditedKey>();
  const of = (row: AuditedEntry | Row): AuditedKey => {
    const key = keyOf(row);
    const found = keys.get(key) ?? { name: `${what} ${key}`, entries: [], cycles: [] };
    keys.set(key, found);
    return found;
  };
  for (const entry of entries) of(entry).entries.push(entry);
  for (const row of rows) of(row).cycles.push(row);
  return [...keys.values()];
}
