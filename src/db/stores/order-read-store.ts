import { and, asc, desc, eq, gte, inArray, isNull, lt, or, type SQL, sql } from 'drizzle-orm';
import { addDays, startOfTradingDay } from '../../domain/calendar.ts';
import type { Exchange } from '../../domain/instrument.ts';
import { type OrderStatus, UNFINISHED_STATUSES, isFinal } from '../../domain/order-status.ts';
import type { AttemptRow, OrderCommandRow, OrderRow, TradeRow } from '../account-rows.ts';
import type { Database } from '../client.ts';
import { journal, orderAttempts, orderCommands, orders, trades } from '../schema/index.ts';

export type JournalRow = typeof journal.$inferSelect;

/** Where a page of newest-first rows ended. */
export interface InstantAndId {
  readonly at: Date;
  readonly id: string;
}

export interface OrderFilter {
  readonly accountId: string;
  readonly statuses?: readonly OrderStatus[] | undefined;
  readonly exchange?: Exchange | undefined;
  readonly symbol?: string | undefined;
  readonly strategyId?: string | null | undefined;
  readonly clientOrderId?: string | undefined;
  /** A trading day. */
  readonly day?: string | undefined;
  readonly before?: InstantAndId | null | undefined;
  readonly limit: number;
}

/** An after-market order counts for a later day than that of its acceptance, at most this many days later. */
const LONGEST_CLOSURE_DAYS = 10;
/** Journal entries of one order that are read; each partial fill is one. */
const MAX_ENTRIES = 5000;

/** Newest first, by (created_at, id): index orders_newest. */
export async function listOrders(db: Database, filter: OrderFilter): Promise<OrderRow[]> {
  return db.orm
    .select()
    .from(orders)
    .where(
      and(
        eq(orders.accountId, filter.accountId),
        hasStatus(filter.statuses),
        filter.exchange === undefined ? undefined : eq(orders.exchange, filter.exchange),
        filter.symbol === undefined ? undefined : eq(orders.symbol, filter.symbol),
        typeof filter.strategyId === 'string' ? eq(orders.strategyId, filter.strategyId) : undefined,
        filter.clientOrderId === undefined ? undefined : eq(orders.clientOrderId, filter.clientOrderId),
        filter.day === undefined ? undefined : ofTradingDay(filter.day),
        isBefore(filter.before),
      ),
    )
    .orderBy(desc(orders.createdAt), desc(orders.id))
    .limit(filter.limit);
}

/** Every status that is not final is asked for by the end an order lacks: there are few, and an index can hold them. */
function hasStatus(statuses: readonly OrderStatus[] | undefined): SQL | undefined {
  if (statuses === undefined) return undefined;
  const isUnfinished =
    statuses.length === UNFINISHED_STATUSES.length && statuses.every((status) => !isFinal(status));
  return isUnfinished ? isNull(orders.finishedAt) : inArray(orders.status, [...statuses]);
}

/** The bounds on created_at are implied by the day; they let the index find the place. */
function ofTradingDay(day: string): SQL | undefined {
  return and(
    eq(orders.tradingDay, day),
    gte(orders.createdAt, startOfTradingDay(addDays(day, -LONGEST_CLOSURE_DAYS))),
    lt(orders.createdAt, startOfTradingDay(addDays(day, 1))),
  );
}

function isBefore(place: InstantAndId | null | undefined): SQL | undefined {
  if (place === null || place === undefined) return undefined;
  return sql`(${orders.createdAt}, ${orders.id}) < (${place.at.toISOString()}::timestamptz, ${place.id}::uuid)`;
}

export async function findOrder(db: Database, accountId: string, id: string): Promise<OrderRow | null> {
  const rows = await db.orm
    .select()
    .from(orders)
    .where(and(eq(orders.accountId, accountId), eq(orders.id, id)));
  return rows[0] ?? null;
}

/** Everything beside the order's row, as it is stored. */
export interface OrderRecords {
  readonly checks: readonly unknown[];
  readonly commands: readonly OrderCommandRow[];
  readonly attempts: readonly AttemptRow[];
  readonly trades: readonly TradeRow[];
  readonly entries: readonly JournalRow[];
}

/** The kind of entry that holds the verdicts of a run of the checks. */
const CHECKS = 'ChecksRun';

/** The most guards of one order that are shown; a stop that is replaced all day makes more. */
const MAX_GUARDS = 100;

/**
 * Stops, targets and protective exits of the groups that an order's position had, oldest first: those that were placed
 * for it (index orders_of_parent), and those there were when it joined.
 */
export async function readGuards(db: Database, accountId: string, orderId: string): Promise<OrderRow[]> {
  const groups = sql`select g.id::text from protection_groups g
    where g.account_id = ${accountId} and g.parent_order_id = ${orderId}
    union select o.protection_group from orders o where o.account_id = ${accountId} and o.parent_order_id = ${orderId}`;
  return db.orm
    .select()
    .from(orders)
    .where(
      and(
        eq(orders.accountId, accountId),
        or(eq(orders.parentOrderId, orderId), sql`${orders.protectionGroup} in (${groups})`),
      ),
    )
    .orderBy(asc(orders.createdAt), asc(orders.id))
    .limit(MAX_GUARDS);
}

/** The group that an order's fill began or joined last; null: none. */
export async function readGroupOf(db: Database, accountId: string, orderId: string): Promise<string | null> {
  const { rows } = await db.reads.query<{ id: string }>({
    name: 'sauda_group_of_order',
    text: `select id from protection_groups where account_id = $1 and parent_order_id = $2
      order by created_at desc limit 1`,
    values: [accountId, orderId],
  });
  return rows[0]?.id ?? null;
}

/** Journal entries of these orders, with the order of each, in their order. */
export async function readJournalOf(
  db: Database,
  accountId: string,
  orderIds: readonly string[],
): Promise<(JournalRow & { readonly entity: string })[]> {
  if (orderIds.length === 0) return [];
  return db.orm
    .select()
    .from(journal)
    .where(and(eq(journal.accountId, accountId), inArray(journal.entity, [...orderIds])))
    .orderBy(asc(journal.seq))
    .limit(MAX_ENTRIES);
}

/** The records of one order; small reads by index, side by side. */
export async function readOrderRecords(
  db: Database,
  accountId: string,
  orderId: string,
): Promise<OrderRecords> {
  const [commands, attempts, tradeRows, entries] = await Promise.all([
    db.orm
      .select()
      .from(orderCommands)
      .where(and(eq(orderCommands.accountId, accountId), eq(orderCommands.orderId, orderId)))
      .orderBy(asc(orderCommands.requestedAt), asc(orderCommands.id)),
    db.orm
      .select()
      .from(orderAttempts)
      .where(and(eq(orderAttempts.accountId, accountId), eq(orderAttempts.orderId, orderId)))
      .orderBy(asc(orderAttempts.attempt)),
    db.orm
      .select()
      .from(trades)
      .where(and(eq(trades.accountId, accountId), eq(trades.orderId, orderId)))
      .orderBy(asc(trades.tradedAt), asc(trades.entryId)),
    db.orm
      .select()
      .from(journal)
      .where(and(eq(journal.accountId, accountId), eq(journal.entity, orderId)))
      .orderBy(asc(journal.seq))
      .limit(MAX_ENTRIES),
  ]);
  const checks = entries.findLast(({ kind }) => kind === CHECKS);
  return {
    checks: checks === undefined ? [] : verdictsOf(checks),
    commands,
    attempts,
    trades: tradeRows,
    entries,
  };
}

function verdictsOf({ data }: JournalRow): readonly unknown[] {
  return (JSON.parse(data) as { readonly results: readonly unknown[] }).results;
}

/** Commands of these orders that are not done. */
export async function readOpenCommands(
  db: Database,
  accountId: string,
  orderIds: readonly string[],
): Promise<OrderCommandRow[]> {
  if (orderIds.length === 0) return [];
  return db.orm
    .select()
    .from(orderCommands)
    .where(
      and(
        eq(orderCommands.accountId, accountId),
        inArray(orderCommands.orderId, [...orderIds]),
        sql`${orderCommands.state} <> 'DONE'`,
      ),
    );
}

export interface OrderKey {
  readonly accountId: string;
  readonly orderId: string;
}

/** Statuses of some orders by primary key, in one round trip; "accountId/orderId" names each. */
export async function readOrderStatuses(
  db: Database,
  keys: readonly OrderKey[],
): Promise<ReadonlyMap<string, OrderStatus>> {
  const accountIds = [...new Set(keys.map((key) => key.accountId))];
  const rows = await db.orm
    .select({ accountId: orders.accountId, id: orders.id, status: orders.status })
    .from(orders)
    .where(
      or(
        ...accountIds.map((accountId) =>
          and(
            eq(orders.accountId, accountId),
            inArray(
              orders.id,
              keys.filter((key) => key.accountId === accountId).map((key) => key.orderId),
            ),
          ),
        ),
      ),
    );
  return new Map(rows.map((row) => [`${row.accountId}/${row.id}`, row.status]));
}

/** Orders of the trading day by status, and those still live from earlier ones; what a gauge shows. */
export async function countOrdersByStatus(
  db: Database,
  accountIds: readonly string[],
  since: Date,
): Promise<{ readonly status: OrderStatus; readonly count: number }[]> {
  const live = sql`${orders.finishedAt} is null and ${orders.status} in ('VALIDATED','SUBMITTING','UNKNOWN','SUBMITTED','OPEN','PARTIALLY_FILLED')`;
  return db.orm
    .select({ status: orders.status, count: sql<number>`count(*)::int` })
    .from(orders)
    .where(and(inArray(orders.accountId, [...accountIds]), or(gte(orders.createdAt, since), live)))
    .groupBy(orders.status);
}
