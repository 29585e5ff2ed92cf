import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import type { OrderStatus } from '../../domain/order-status.ts';
import type { OperationScope } from '../../domain/operation.ts';
import type { KillSwitchEventRow, OperationRow, OrderRow } from '../account-rows.ts';
import type { Database } from '../client.ts';
import { killSwitchEvents, operations, orders } from '../schema/index.ts';
import type { InstantAndId } from './order-read-store.ts';

/**
 * Puts an operation's next look off, without the account's lock: a look that fails is tried again then. The failures
 * in a row so far.
 */
export async function holdOperation(
  db: Database,
  of: {
    readonly accountId: string;
    readonly operationId: string;
    readonly ms: number;
    readonly failed: boolean;
  },
): Promise<number> {
  const { rows } = await db.reads.query<{ step_failures: number }>({
    name: 'sauda_hold_operation',
    text: `update operations set next_step_at = clock_timestamp() + $3 * interval '1 millisecond',
        step_failures = step_failures + $4
      where account_id = $1 and id = $2 and state = 'RUNNING' returning step_failures`,
    values: [of.accountId, of.operationId, of.ms, of.failed ? 1 : 0],
  });
  return rows[0]?.step_failures ?? 0;
}

export async function findOperation(
  db: Database,
  accountId: string,
  operationId: string,
): Promise<OperationRow | null> {
  const rows = await db.orm
    .select()
    .from(operations)
    .where(and(eq(operations.accountId, accountId), eq(operations.id, operationId)));
  return rows[0] ?? null;
}

/** What lies in an operation's scope, for the rows that a look under the lock will need. */
export interface ScopeRows {
  /** Orders that are not finished. */
  readonly orderIds: readonly string[];
  readonly keys: readonly { readonly instrumentId: number; readonly product: string }[];
  /** "strategyId/instrumentId/product" of strategies that hold something of these keys. */
  readonly strategyKeys: readonly string[];
  /** Before this process asks the broker: database clock. */
  readonly at: Date;
}

/** Reads the scope as it is; what comes later is found by the next look. */
export async function readScope(
  db: Database,
  accountId: string,
  { instrumentId, product }: Pick<OperationScope, 'instrumentId' | 'product'>,
): Promise<ScopeRows> {
  const { rows } = await db.reads.query<{
    orders: string[];
    keys: { instrumentId: number; product: string }[];
    strategies: string[];
    at: string;
  }>({
    name: 'sauda_operation_scope',
    text: `select sauda.clock() as at,
      (select coalesce(json_agg(o.id), '[]') from orders o where o.account_id = $1 and o.finished_at is null
        and ($2::int is null or o.instrument_id = $2)) as orders,
      (select coalesce(json_agg(distinct jsonb_build_object('instrumentId', p.instrument_id, 'product', p.product)), '[]')
        from positions p where p.account_id = $1 and p.status = 'OPEN' and p.managed_by = 'OMS'
        and ($2::int is null or p.instrument_id = $2) and ($3::text is null or p.product = $3)) as keys,
      (select coalesce(json_agg(s.strategy_id || '/' || s.instrument_id || '/' || s.product), '[]')
        from strategy_positions s where s.account_id = $1 and s.status = 'OPEN'
        and ($2::int is null or s.instrument_id = $2) and ($3::text is null or s.product = $3)) as strategies`,
    values: [accountId, instrumentId, product],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('the scope was not read');
  return { orderIds: row.orders, keys: row.keys, strategyKeys: row.strategies, at: new Date(row.at) };
}

/** Changes of trading states, newest first. */
export async function listKillSwitchEvents(
  db: Database,
  of: {
    readonly accountId: string;
    /** Of the account as a whole and of this strategy. */
    readonly strategyId?: string | null | undefined;
    readonly before?: InstantAndId | null | undefined;
    readonly limit: number;
  },
): Promise<KillSwitchEventRow[]> {
  const { before, strategyId } = of;
  return db.orm
    .select()
    .from(killSwitchEvents)
    .where(
      and(
        eq(killSwitchEvents.accountId, of.accountId),
        typeof strategyId === 'string'
          ? sql`(${killSwitchEvents.strategyId} is null or ${killSwitchEvents.strategyId} = ${strategyId})`
          : undefined,
        before === null || before === undefined
          ? undefined
          : sql`(${killSwitchEvents.at}, ${killSwitchEvents.id}) < (${before.at.toISOString()}::timestamptz, ${before.id}::uuid)`,
      ),
    )
    .orderBy(desc(killSwitchEvents.at), desc(killSwitchEvents.id))
    .limit(of.limit);
}

export interface OrderAnswer {
  readonly status: OrderStatus;
  /** False while a placement or a modify of it was claimed and has no answer. */
  readonly isAnswered: boolean;
}

export async function readOrderAnswers(
  db: Database,
  accountId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, OrderAnswer>> {
  const { rows } = await db.reads.query<{ id: string; status: OrderStatus; answered: boolean }>({
    name: 'sauda_order_answers',
    text: `select o.id, o.status, o.status <> 'SUBMITTING' and not exists (select from order_commands c
        where c.account_id = o.account_id and c.order_id = o.id and c.kind = 'MODIFY' and c.state = 'IN_FLIGHT'
          and c.answered_at is null) as answered
      from orders o where o.account_id = $1 and o.id = any($2::uuid[])`,
    values: [accountId, ids],
  });
  return new Map(rows.map(({ id, status, answered }) => [id, { status, isAnswered: answered }]));
}

export async function readOrderRows(
  db: Database,
  accountId: string,
  ids: readonly string[],
): Promise<OrderRow[]> {
  if (ids.length === 0) return [];
  return db.orm
    .select()
    .from(orders)
    .where(and(eq(orders.accountId, accountId), inArray(orders.id, [...ids])));
}
