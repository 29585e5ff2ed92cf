import type { OrderStatus } from '../../domain/order-status.ts';
import type { OrderRole } from '../../domain/order.ts';
import type { Database } from '../client.ts';
import type { DueOrder } from './due-store.ts';

/** An account's reconciliation begins, or ended; what the dispatcher goes by. */
export async function beatReconciliation(db: Database, accountId: string): Promise<void> {
  await db.beats.query({
    name: 'sauda_beat_reconciliation',
    text: `insert into heartbeats (account_id, duty, started_at) values ($1, 'reconcile', clock_timestamp())
      on conflict (account_id, duty) do update set started_at = excluded.started_at`,
    values: [accountId],
  });
}

/** Makes due what waits for a login: orders whose newest attempt met a dead session, and such commands. The orders. */
export async function wakeAfterLogin(
  db: Database,
  accountId: string,
): Promise<Pick<DueOrder, 'accountId' | 'id' | 'version' | 'status' | 'reduceOnly' | 'role'>[]> {
  await db.reads.query({
    name: 'sauda_wake_commands_after_login',
    text: `update order_commands set next_step_at = clock_timestamp() where account_id = $1 and state = 'WAITING'
      and next_step_at > clock_timestamp() and reason like 'SESSION_EXPIRED:%'`,
    values: [accountId],
  });
  const { rows } = await db.reads.query<{
    id: string;
    version: number;
    status: OrderStatus;
    reduce_only: boolean;
    role: OrderRole;
  }>({
    name: 'sauda_wake_orders_after_login',
    text: `update orders o set next_step_at = clock_timestamp() from order_attempts t
      where o.account_id = $1 and o.status = 'VALIDATED' and o.next_step_at > clock_timestamp()
        and t.account_id = o.account_id and t.order_id = o.id and t.attempt = o.attempt
        and t.outcome_reason like 'SESSION_EXPIRED:%'
      returning o.id, o.version, o.status, o.reduce_only, o.role`,
    values: [accountId],
  });
  return rows.map((row) => ({
    ...{ accountId, id: row.id, version: row.version, status: row.status },
    ...{ reduceOnly: row.reduce_only, role: row.role },
  }));
}

export interface StepFailure {
  readonly id: string;
  readonly queue: string;
  readonly accountId: string;
  readonly orderId: string;
  readonly error: string;
  /** False: it says nothing of the order; it is tried again after the shortest pause. */
  readonly counts: boolean;
  readonly backoffMs: (failures: number) => number;
  readonly parkAfter: number;
}

/** Keeps the failure, puts the next try of the order, or of its commands, off, parks it after `parkAfter`. The failures so far. */
export async function recordStepFailure(db: Database, failure: StepFailure): Promise<number> {
  await db.reads.query({
    name: 'sauda_job_failure',
    text: 'insert into job_failures (id, queue, job_id, account_id, order_id, error) values ($1, $2, $3, $4, $5, $6)',
    values: [failure.id, failure.queue, failure.orderId, failure.accountId, failure.orderId, failure.error],
  });
  const { table, key, open } = failure.queue === 'command' ? OF_COMMANDS : OF_ORDERS;
  const { rows } = await db.reads.query<{ step_failures: number }>({
    name: `sauda_step_failure_${table}`,
    text: `update ${table} set step_failures = step_failures + $4,
        parked_at = case when step_failures + $4 >= $3 then clock_timestamp() end
      where account_id = $1 and ${key} = $2 and ${open} and parked_at is null returning step_failures`,
    values: [failure.accountId, failure.orderId, failure.parkAfter, failure.counts ? 1 : 0],
  });
  const failures = failure.counts ? (rows[0]?.step_failures ?? 0) : 0;
  await db.reads.query({
    name: `sauda_step_backoff_${table}`,
    text: `update ${table} set next_step_at = clock_timestamp() + $3 * interval '1 millisecond'
      where account_id = $1 and ${key} = $2 and next_step_at is not null`,
    values: [failure.accountId, failure.orderId, failure.backoffMs(failures)],
  });
  return failures;
}

/** Where the steps of orders, and those of their commands, count their failures. */
const OF_ORDERS = { table: 'orders', key: 'id', open: 'finished_at is null' } as const;
const OF_COMMANDS = {
  table: 'order_commands',
  key: 'order_id',
  open: "state <> 'DONE' and next_step_at is not null",
} as const;

/** Accounts that trade: everyone but the system account. */
export async function readTradingAccounts(db: Database): Promise<string[]> {
  const { rows } = await db.reads.query<{ id: string }>({
    name: 'sauda_trading_accounts',
    text: `select id from accounts where id <> 'system' order by id`,
  });
  return rows.map((row) => row.id);
}
