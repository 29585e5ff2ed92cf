import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Database } from '../client.ts';
import { reconciliationLog } from '../schema/index.ts';
import type { StoredDifference } from '../schema/operations.ts';
import type { InstantAndId } from './order-read-store.ts';

export type ReconciliationRow = typeof reconciliationLog.$inferSelect;
export type { StoredDifference } from '../schema/operations.ts';

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
  run: Pick<ReconciliationRow, 'accountId' | 'id' | 'status' | 'checked' | 'differences' | 'fault'>,
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

/** Runs that a crash left: they proved nothing. Also forgets runs beyond the newest `keep` that found nothing. */
export async function sweepReconciliations(db: Database, accountId: string, keep: number): Promise<void> {
  await db.reads.query(
    `update reconciliation_log set status = 'FAILED', finished_at = sauda.clock(), fault = 'the run was cut off'
     where account_id = $1 and status = 'RUNNING'`,
    [accountId],
  );
  await db.reads.query(
    `delete from reconciliation_log where account_id = $1 and status = 'CLEAN' and started_at <
       (select started_at from reconciliation_log where account_id = $1 order by started_at desc offset $2 limit 1)`,
    [accountId, keep],
  );
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

/** What our books hold now, both owners together, of every key that is open. */
export async function readHeldKeys(db: Database, accountId: string): Promise<BookedKey[]> {
  const { rows } = await db.reads.query<BookedKey>(
    `select instrument_id as "instrumentId", exchange, symbol, product, sum(quantity)::int as quantity
     from positions where account_id = $1 and status = 'OPEN' group by 1, 2, 3, 4`,
    [accountId],
  );
  return rows;
}

/** Keys "EXCHANGE:SYMBOL/PRODUCT" of which an order is in doubt or owes trades: a difference there is explained. */
export async function readUnsettledKeys(db: Database, accountId: string): Promise<Set<string>> {
  const { rows } = await db.reads.query<{ name: string }>(
    `select distinct exchange || ':' || symbol || '/' || product as name from orders
     where account_id = $1 and finished_at is null
       and (status in ('SUBMITTING', 'UNKNOWN') or awaiting_trades_since is not null)`,
    [accountId],
  );
  return new Set(rows.map(({ name }) => name));
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

/** Trades recorded since a moment that are outside ones, or were recorded more than `lateMs` after they happened. */
export async function readTradesFound(
  db: Database,
  accountId: string,
  since: Date,
  lateMs: number,
): Promise<FoundTrade[]> {
  const { rows } = await db.reads.query<FoundTrade>(
    `select t.symbol, t.exchange, t.product, t.order_id as "orderId", o.cause, coalesce(b.raw ->> 'placed_by' <> b.raw ->> 'account_id'
         or b.raw ->> 'status_message' ~* '\\mRMS\\M|square.?off', false) as "byBroker",
       t.broker_order_id as "brokerOrderId", t.trade_id as "tradeId", t.side, t.quantity, t.traded_at as "tradedAt"
     from trades t join orders o on o.account_id = t.account_id and o.id = t.order_id
     left join broker_orders b on b.account_id = t.account_id and b.broker_order_id = t.broker_order_id and b.order_id = o.id
     where t.account_id = $1 and t.recorded_at >= $2
       and (o.cause = 'EXTERNAL' or t.recorded_at - t.traded_at > $3 * interval '1 millisecond')
     order by t.recorded_at, t.trade_id limit 500`,
    [accountId, since, lateMs],
  );
  return rows;
}
