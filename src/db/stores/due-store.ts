/** What is due: all that the dispatcher looks for at every beat, read in one statement. */
import type { CommandKind } from '../../domain/command.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import type { OrderRole } from '../../domain/order.ts';
import type { Database } from '../client.ts';
import { type Read, readTogether } from '../together.ts';

export interface DueOrder {
  readonly accountId: string;
  readonly id: string;
  readonly version: number;
  readonly status: OrderStatus;
  readonly reduceOnly: boolean;
  readonly role: OrderRole;
  /** How long ago the step was due. */
  readonly overdueMs: number;
}

export interface DueCommand {
  readonly accountId: string;
  readonly id: string;
  readonly orderId: string;
  readonly kind: CommandKind;
  readonly sends: number;
  /** How long ago the step was due. */
  readonly overdueMs: number;
}

export interface DueOperation {
  readonly accountId: string;
  readonly operationId: string;
  readonly overdueMs: number;
}

export interface DueProtection {
  readonly accountId: string;
  /** How long ago the oldest look was due; 0 when the position changed and nobody told its group. */
  readonly overdueMs: number;
}

/** Rows of each kind at most. */
const AT_ONCE = 500;
const ACCOUNTS_AT_ONCE = 100;

const overdue = (column: string) =>
  `(extract(epoch from clock_timestamp() - ${column}) * 1000)::float8 as "overdueMs"`;

/** Orders whose next step is due, exits first, the longest due before the others. */
const dueOrders = (limit: number): Read<DueOrder> => ({
  text: `select account_id as "accountId", id, version, status, reduce_only as "reduceOnly", role,
      ${overdue('next_step_at')}
    from orders where next_step_at <= clock_timestamp() and parked_at is null
    order by (reduce_only or role <> 'ENTRY') desc, next_step_at limit $1`,
  values: [limit],
});

/** Commands whose next step is due, cancels first, the longest due before the others. */
const dueCommands = (limit: number): Read<DueCommand> => ({
  text: `select account_id as "accountId", id, order_id as "orderId", kind, sends, ${overdue('next_step_at')}
    from order_commands where next_step_at <= clock_timestamp() and parked_at is null
    order by kind, next_step_at limit $1`,
  values: [limit],
});

/** Operations whose next look is due, the longest due first. */
const dueOperations = (limit: number): Read<DueOperation> => ({
  text: `select account_id as "accountId", id as "operationId", ${overdue('next_step_at')}
    from operations where next_step_at <= clock_timestamp() order by next_step_at limit $1`,
  values: [limit],
});

/** A guard that may still fill: orders that the broker has, or may have. */
const GUARDS = `(select coalesce(sum(o.quantity - o.filled_quantity), 0) from orders o
  where o.account_id = g.account_id and o.protection_group = g.id::text and o.finished_at is null and o.role = 'STOP')`;

/**
 * Accounts with a protection group whose look is due, or whose position is not what it was at the last look although
 * nobody told the group.
 */
const dueProtections = (limit: number): Read<DueProtection> => ({
  text: `select g.account_id as "accountId",
      max(coalesce(extract(epoch from clock_timestamp() - g.next_look_at) * 1000, 0))::float8 as "overdueMs"
    from protection_groups g
    where g.ended_at is null and (g.next_look_at <= clock_timestamp()
      or (g.parent_stop is not null and exists (select from orders o where o.account_id = g.account_id
        and o.id = g.parent_order_id and (o.stop_loss <> g.parent_stop
          or o.take_profit is distinct from g.parent_target)))
      or (g.policy = 'exchange' and ${GUARDS} <> g.held_quantity
        and coalesce(g.next_look_at, 'infinity') > clock_timestamp() + interval '1 minute')
      or g.held_quantity > coalesce((select abs(p.quantity) from positions p where p.account_id = g.account_id
        and p.instrument_id = g.instrument_id and p.product = g.product and p.managed_by = 'OMS'
        and p.status = 'OPEN' and sign(p.quantity) = case g.side when 'BUY' then 1 else -1 end), 0))
    group by 1 order by 2 desc limit $1`,
  values: [limit],
});

/** Accounts with orders at the broker whose last poll began longer than `olderThanMs` ago. */
const overduePolls = (olderThanMs: number): Read<{ readonly accountId: string }> => ({
  text: `select distinct o.account_id as "accountId" from orders o
    left join heartbeats h on h.account_id = o.account_id and h.duty = 'poll'
    where o.finished_at is null and o.status in ('SUBMITTING','UNKNOWN','SUBMITTED','OPEN','PARTIALLY_FILLED')
      and greatest(o.updated_at, coalesce(h.started_at, o.updated_at))
        < sauda.clock() - $1::float8 * interval '1 millisecond'
      and coalesce(h.started_at, '-infinity') < clock_timestamp() - $1::float8 * interval '1 millisecond'
    limit ${ACCOUNTS_AT_ONCE}`,
  values: [olderThanMs],
});

/** Accounts for which this duty began longer than `olderThanMs` ago. */
const overdueDuty = (
  duty: 'risk' | 'reconcile',
  olderThanMs: number,
): Read<{ readonly accountId: string }> => ({
  text: `select a.id as "accountId" from accounts a
    left join heartbeats h on h.account_id = a.id and h.duty = '${duty}'
    where a.id <> 'system'
      and coalesce(h.started_at, a.created_at) < clock_timestamp() - $1::float8 * interval '1 millisecond'
    order by coalesce(h.started_at, a.created_at) limit ${ACCOUNTS_AT_ONCE}`,
  values: [olderThanMs],
});

/**
 * Of these channels, those with something that has been due for so long that nobody seems to be at it; all of them
 * when alerts wait to be laid out.
 */
const overdueChannels = (
  channels: readonly string[],
  olderThanMs: number,
): Read<{ readonly channel: string }> => ({
  text: `select channel from unnest($1::text[]) as channel
    where exists (select from alert_deliveries d where d.channel = channel.channel
        and d.next_attempt_at < clock_timestamp() - $2::float8 * interval '1 millisecond')
      or exists (select from alerts where routed_at is null
        and at < sauda.clock() - $2::float8 * interval '1 millisecond')`,
  values: [channels, olderThanMs],
});

/** Queues that a person paused. */
const pausedQueues = (): Read<{ readonly queue: string }> => ({
  text: 'select queue from queue_pauses',
  values: [],
});

/** Paused queues and the steps that are due, of orders and of commands, whether their queue is paused or not. */
export function readDueSteps(db: Database) {
  return readTogether(db, 'sauda_due_steps', {
    paused: pausedQueues(),
    commands: dueCommands(AT_ONCE),
    orders: dueOrders(AT_ONCE),
  });
}

/** After how long each duty counts as left lying, milliseconds. */
export interface OverdueAfter {
  readonly pollMs: number;
  readonly reconcileMs: number;
  readonly riskMs: number;
  readonly channelMs: number;
  readonly channels: readonly string[];
}

/** Everything that is due or left lying. */
export function readDue(db: Database, after: OverdueAfter) {
  return readTogether(db, 'sauda_due', {
    paused: pausedQueues(),
    commands: dueCommands(AT_ONCE),
    orders: dueOrders(AT_ONCE),
    operations: dueOperations(AT_ONCE),
    protections: dueProtections(AT_ONCE),
    polls: overduePolls(after.pollMs),
    reconciliations: overdueDuty('reconcile', after.reconcileMs),
    risk: overdueDuty('risk', after.riskMs),
    channels: overdueChannels(after.channels, after.channelMs),
  });
}
