import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Database } from '../client.ts';
import { reconciliationLog } from '../schema/index.ts';
import type { StoredDifference } from '../schema/operations.ts';
import type { InstantAndId } from './order-read-store.ts';

export type ReconciliationRow = typeof reconciliationLog.$inferSelect;
export type { ReconciliationEvidence, StoredDifference } from '../schema/operations.ts';

/** Begins a run and tells its start, database clock. */
export async function insertReconciliation(
  db: Database,
  { accountId, id, startedBy }: Pick<ReconciliationRow, 'accountId' | 'id' | 'startedBy'>,
): Promise<Date> {
  const { rows } = await db.reads.query<{ startedAt: Date }>(
    `insert into reconciliation_log (account_id, id, started_at, started_by, status)
     values ($1, $2, sauda.clock(), $3, 'RUNNING') returning started_at as "startedAt"`,
    [accountId, id, startedBy],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('a run was not stored');
  return row.startedAt;
}

export async function finishReconciliation(
  db: Database,
  run: Pick<
    ReconciliationRow,
    'accountId' | 'id' | 'status' | 'checked' | 'differences' | 'fault' | 'evidence'
  >,
): Promise<ReconciliationRow> {
  const { accountId, id, ...rest } = run;
  const [row] = await db.orm
    .update(reconciliationLog)
    .set({ ...rest, finishedAt: sql`sauda.clock()` })
    .where(
      and(
        eq(reconciliationLog.accountId, accountId),
        eq(reconciliationLog.id, id),
        eq(reconciliationLog.status, 'RUNNING'),
      ),
    )
    .returning();
  if (row === undefined) throw new Error(`run ${id} is gone, or was closed as cut off while it slept`);
  return row;
}

/** Closes runs that a crash left: they proved nothing. */
export async function closeCutOffRuns(db: Database, accountId: string): Promise<void> {
  await db.reads.query(
    `update reconciliation_log set status = 'FAILED', finished_at = sauda.clock(), fault = 'the run was cut off'
     where account_id = $1 and status = 'RUNNING'`,
    [accountId],
  );
}

/** True when the newest `count` finished runs are all FAILED. */
export async function haveFailed(db: Database, accountId: string, count: number): Promise<boolean> {
  const { rows } = await db.reads.query<{ failed: boolean }>(
    `select count(*) = $2 and bool_and(status = 'FAILED') as failed from (
       select status from reconciliation_log where account_id = $1 and status <> 'RUNNING'
       order by started_at desc nulls first limit $2) newest`,
    [accountId, count],
  );
  return rows[0]?.failed === true;
}

export async function findReconciliation(
  db: Database,
  accountId: string,
  id: string,
): Promise<ReconciliationRow | null> {
  const [row] = await db.orm
    .select()
    .from(reconciliationLog)
    .where(and(eq(reconciliationLog.accountId, accountId), eq(reconciliationLog.id, id)));
  return row ?? null;
}

/** The newest run that finished with an answer; null when there is none. */
export async function findNewestReconciliation(
  db: Database,
  accountId: string,
): Promise<ReconciliationRow | null> {
  const [row] = await db.orm
    .select()
    .from(reconciliationLog)
    .where(
      and(
        eq(reconciliationLog.accountId, accountId),
        inArray(reconciliationLog.status, ['CLEAN', 'DIFFERENCES']),
      ),
    )
    .orderBy(desc(reconciliationLog.startedAt))
    .limit(1);
  return row ?? null;
}

/** Newest first. */
export async function listReconciliations(
  db: Database,
  filter: {
    readonly accountId: string;
    readonly status?: ReconciliationRow['status'] | undefined;
    readonly before: InstantAndId | null;
    readonly limit: number;
  },
): Promise<ReconciliationRow[]> {
  const { before } = filter;
  return db.orm
    .select()
    .from(reconciliationLog)
    .where(
      and(
        eq(reconciliationLog.accountId, filter.accountId),
        filter.status === undefined ? undefined : eq(reconciliationLog.status, filter.status),
        before === null
          ? undefined
          : sql`(${reconciliationLog.startedAt}, ${reconciliationLog.id}) < (${before.at.toISOString()}::timestamptz, ${before.id}::uuid)`,
      ),
    )
    .orderBy(desc(reconciliationLog.startedAt), desc(reconciliationLog.id))
    .limit(filter.limit);
}

/** Writes what became of one difference; false when it is no longer as it was proposed. */
export async function settleDifference(
  db: Database,
  run: Pick<ReconciliationRow, 'accountId' | 'id'>,
  index: number,
  change: Pick<StoredDifference, 'state' | 'settledBy' | 'settledReason'>,
): Promise<boolean> {
  const { rowCount } = await db.reads.query(
    `update reconciliation_log
     set differences = jsonb_set(differences, array[$3::text], differences -> $3::int || $4::jsonb)
     where account_id = $1 and id = $2 and differences -> $3::int ->> 'state' = 'PROPOSED'`,
    [run.accountId, run.id, index, JSON.stringify(change)],
  );
  return rowCount === 1;
}

export interface BookedKey {
  readonly instrumentId: number;
  readonly exchange: string;
  readonly symbol: string;
  readonly product: string;
  readonly quantity: number;
}

export interface Books {
  /** The account's newest journal entry: all before it is in the quantities, nothing after it. */
  readonly seq: number;
  /** What is held, both owners together, of every key that is open. */
  readonly keys: readonly BookedKey[];
}

/** What our books hold at one moment. */
export async function readBooks(db: Database, accountId: string): Promise<Books> {
  const { rows } = await db.reads.query<{ seq: string; keys: readonly BookedKey[] }>(
    `select a.seq, coalesce((select json_agg(p) from (
       select instrument_id as "instrumentId", exchange, symbol, product, sum(quantity)::int as quantity
       from positions where account_id = $1 and status = 'OPEN' group by 1, 2, 3, 4) p), '[]') as keys
     from accounts a where a.id = $1`,
    [accountId],
  );
  return { seq: Number(rows[0]?.seq ?? 0), keys: rows[0]?.keys ?? [] };
}

/** After so long a fill is in the broker's positions and in our books, milliseconds. */
const FILL_SETTLES_MS = 5000;
/** Trades are found by when they happened; one that is recorded later than this after it is no young fill. */
const YOUNG_TRADES = `traded_at > (select sauda.clock()) - interval '2 days'`;

export interface UnsettledKeys {
  /** Not to be judged now (protocol.md): an order of theirs is live or in doubt. */
  readonly live: ReadonlySet<string>;
  /** Live, or traded so lately that the broker's figure may be older than ours, or ours than the broker's. */
  readonly moving: ReadonlySet<string>;
}

/**
 * Keys "EXCHANGE:SYMBOL/PRODUCT" whose figures may be of two moments. A protective order that rests makes no key live,
 * unless something of it was traded just now (docs/decisions/0013).
 */
export async function readUnsettledKeys(db: Database, accountId: string): Promise<UnsettledKeys> {
  const { rows } = await db.reads.query<{ name: string; live: boolean }>(
    `with young as materialized (
       select instrument_id, product, exchange, symbol from trades where account_id = $1 and ${YOUNG_TRADES}
         and greatest(traded_at, recorded_at) > (select sauda.clock()) - $2 * interval '1 millisecond')
     select o.exchange || ':' || o.symbol || '/' || o.product as name, true as live from orders o
     where o.account_id = $1 and o.finished_at is null and o.status <> 'PENDING'
       and (o.role not in ('STOP', 'TARGET') or o.status in ('SUBMITTING', 'UNKNOWN')
         or o.awaiting_trades_since is not null
         or exists (select from young y where y.instrument_id = o.instrument_id and y.product = o.product))
     union select exchange || ':' || symbol || '/' || product, false from young`,
    [accountId, FILL_SETTLES_MS],
  );
  return {
    live: new Set(rows.filter(({ live }) => live).map(({ name }) => name)),
    moving: new Set(rows.map(({ name }) => name)),
  };
}

/** Anything at all that the broker may have blocked money for, but for what is held. */
export async function hasLiveOrders(db: Database, accountId: string): Promise<boolean> {
  const { rows } = await db.reads.query<{ found: boolean }>(
    'select exists (select from orders where account_id = $1 and finished_at is null) as found',
    [accountId],
  );
  return rows[0]?.found ?? true;
}

/** What was traded today, by the calendar in India: the broker's books may be wiped after midnight. */
export async function readTradedToday(
  db: Database,
  accountId: string,
): Promise<{ exchange: string; symbol: string }[]> {
  const { rows } = await db.reads.query<{ exchange: string; symbol: string }>(
    `select distinct exchange, symbol from trades
     where account_id = $1 and ${YOUNG_TRADES} and trade_date = ((select sauda.clock()) at time zone 'Asia/Kolkata')::date
       and annulled_at is null`,
    [accountId],
  );
  return rows;
}

/** What happened in an account's journal after one entry, up to another. */
export interface JournalSpan {
  readonly afterSeq: number;
  readonly toSeq: number;
}

export interface FoundTrade {
  readonly exchange: string;
  readonly symbol: string;
  readonly product: string;
  readonly orderId: string;
  readonly cause: string;
  /** The broker itself placed it (RMS, dealer), as far as its row tells. */
  readonly byBroker: boolean;
  readonly brokerOrderId: string;
  readonly tradeId: string;
  readonly side: 'BUY' | 'SELL';
  readonly quantity: number;
  readonly tradedAt: Date;
}

/** Trades recorded in a span that are outside ones, or were recorded more than `lateMs` after they happened. */
export async function readTradesFound(
  db: Database,
  accountId: string,
  { afterSeq, toSeq }: JournalSpan,
  lateMs: number,
): Promise<FoundTrade[]> {
  const { rows } = await db.reads.query<FoundTrade>(
    `select t.symbol, t.exchange, t.product, t.order_id as "orderId", o.cause, coalesce(b.raw ->> 'placed_by' <> b.raw ->> 'account_id'
         or b.raw ->> 'status_message' ~* '\\mRMS\\M|square.?off', false) as "byBroker",
       t.broker_order_id as "brokerOrderId", t.trade_id as "tradeId", t.side, t.quantity, t.traded_at as "tradedAt"
     from journal j
     join trades t on t.account_id = j.account_id and t.order_id = j.entity::uuid and t.entry_id = (j.data::jsonb ->> 'entryId')::uuid
     join orders o on o.account_id = t.account_id and o.id = t.order_id
     left join broker_orders b on b.account_id = t.account_id and b.broker_order_id = t.broker_order_id and b.order_id = o.id
     where j.account_id = $1 and j.seq > $2 and j.seq <= $3 and j.kind = 'TradeRecorded'
       and (o.cause = 'EXTERNAL' or t.recorded_at - t.traded_at > $4 * interval '1 millisecond')
     order by j.seq`,
    [accountId, afterSeq, toSeq, lateMs],
  );
  return rows;
}

/** An order that the broker's book brought, or ended without being asked. */
export interface FoundOrder {
  readonly exchange: string;
  readonly symbol: string;
  readonly product: string;
  readonly orderId: string;
  readonly brokerOrderId: string | null;
  readonly cause: string;
  readonly quantity: number;
  readonly filledQuantity: number;
  readonly kind: string;
  /** Of an end: who ended it. */
  readonly by: string | null;
  readonly reason: string | null;
  readonly seq: number;
}

/** Orders of ours that a span's entries say were adopted from the book, twins, or ended by RMS or by self-trade prevention. */
export async function readOrdersFound(
  db: Database,
  accountId: string,
  { afterSeq, toSeq }: JournalSpan,
): Promise<FoundOrder[]> {
  const { rows } = await db.reads.query<FoundOrder>(
    `select o.exchange, o.symbol, o.product, o.id as "orderId", o.broker_order_id as "brokerOrderId", o.cause, o.quantity,
       o.filled_quantity as "filledQuantity", j.kind, j.data::jsonb ->> 'by' as by, j.data::jsonb ->> 'reason' as reason,
       j.seq::int as seq
     from journal j join orders o on o.account_id = j.account_id and o.id = j.entity::uuid
     where j.account_id = $1 and j.seq > $2 and j.seq <= $3 and o.cause <> 'EXTERNAL'
       and (j.kind = 'OrderSubmitted' and j.data::jsonb ->> 'via' = 'BOOK'
         or j.kind = 'OrderCancelled' and j.data::jsonb ->> 'by' in ('RMS', 'SELF_TRADE'))
     order by j.seq`,
    [accountId, afterSeq, toSeq],
  );
  return rows;
}

/** Keys whose quantity a person set in a span: what was there before is no measure any more. */
export async function readAdjustedKeys(
  db: Database,
  accountId: string,
  { afterSeq, toSeq }: JournalSpan,
): Promise<Set<string>> {
  const { rows } = await db.reads.query<{ name: string }>(
    `select distinct data::jsonb ->> 'exchange' || ':' || (data::jsonb ->> 'symbol') || '/' || (data::jsonb ->> 'product') as name
     from journal where account_id = $1 and seq > $2 and seq <= $3 and kind = 'PositionAdjusted'`,
    [accountId, afterSeq, toSeq],
  );
  return new Set(rows.map(({ name }) => name));
}

/** By whom and why a difference of a run was booked, after the run; null: it was not. */
export async function findAdjustmentOf(
  db: Database,
  run: Pick<ReconciliationRow, 'accountId' | 'id' | 'evidence'>,
  index: number,
): Promise<{ actor: string; reason: string } | null> {
  const { rows } = await db.reads.query<{ actor: string; reason: string }>(
    `select actor, data::jsonb ->> 'reason' as reason from journal
     where account_id = $1 and seq > $2 and kind = 'PositionAdjusted'
       and data::jsonb -> 'evidence' ->> 'reconciliation' = $3 and (data::jsonb -> 'evidence' ->> 'difference')::int = $4
     limit 1`,
    [run.accountId, run.evidence?.seq ?? 0, run.id, index],
  );
  return rows[0] ?? null;
}

/** Strategies that hold something of a key. */
export async function readStrategiesHolding(
  db: Database,
  accountId: string,
  { instrumentId, product }: { readonly instrumentId: number; readonly product: string },
): Promise<string[]> {
  const { rows } = await db.reads.query<{ id: string }>(
    `select strategy_id as id from strategy_positions
     where account_id = $1 and instrument_id = $2 and product = $3 and status = 'OPEN' order by 1`,
    [accountId, instrumentId, product],
  );
  return rows.map(({ id }) => id);
}
