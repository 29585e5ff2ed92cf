import type { AlertSeverity, AfterTry, DeliveryState } from '../../domain/alert-delivery.ts';
import { SYSTEM_ACCOUNT } from '../../domain/ids.ts';
import type { Database } from '../client.ts';

/** Which alerts a channel wants. */
export interface Route {
  readonly channel: string;
  readonly severities: readonly AlertSeverity[];
  /** Types it does not want, unless they are CRITICAL. */
  readonly off: readonly string[];
}

/** Alerts whose deliveries are laid out in one statement. */
const ROUTED_AT_ONCE = 500;

/**
 * Lays out the deliveries of alerts that have none yet, one row per channel that wants them, and returns how many
 * alerts there were. Any number of processes may do it at once. A channel that is added later hears of what is raised
 * from then on, not of the past.
 */
export async function routeAlerts(db: Database, routes: readonly Route[]): Promise<number> {
  const result = await db.reads.query({
    name: 'sauda_route_alerts',
    text: `with waiting as materialized (
        select account_id, id, severity from alerts where routed_at is null
        order by at limit ${ROUTED_AT_ONCE} for update skip locked),
      laid_out as (
        insert into alert_deliveries (account_id, alert_id, channel)
        select w.account_id, w.id, r.channel from waiting w
        join json_to_recordset($1::json) as r(channel text, severities text[], off text[])
          on w.severity = any(r.severities)
        join alerts a on a.account_id = w.account_id and a.id = w.id
        where w.severity = 'CRITICAL' or (a.type <> all(r.off) and not exists (
          select from chat_mutes m where m.channel = r.channel
            and m.type = a.type and m.until > clock_timestamp()))
        on conflict do nothing)
      update alerts a set routed_at = clock_timestamp() from waiting w
      where a.account_id = w.account_id and a.id = w.id`,
    values: [JSON.stringify(routes)],
  });
  return result.rowCount ?? 0;
}

/** How far back an alert may have been raised and still be told to the next in line. */
const ESCALATED_FOR = '1 day';

/** Lays out the deliveries of CRITICAL alerts that stand for so long and that nobody acknowledged. */
export async function routeEscalations(db: Database, channel: string, afterMs: number): Promise<void> {
  await db.reads.query({
    name: 'sauda_escalate_alerts',
    text: `insert into alert_deliveries (account_id, alert_id, channel)
      select a.account_id, a.id, $1 from alerts a
      where a.cleared_at is null and a.acknowledged_at is null and a.severity = 'CRITICAL'
        and a.at between sauda.clock() - interval '${ESCALATED_FOR}'
          and sauda.clock() - $2::float8 * interval '1 millisecond'
      on conflict do nothing`,
    values: [channel, afterMs],
  });
}

export interface DueDelivery {
  readonly accountId: string;
  readonly alertId: string;
  readonly severity: AlertSeverity;
  readonly type: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly orderId: string | null;
  readonly at: Date;
  readonly state: DeliveryState;
  readonly failures: number;
  readonly told: number;
  /** How long it has been due, milliseconds. */
  readonly dueForMs: number;
}

/** True when deliveries of this channel are due, or within the millisecond that the column is rounded to. */
export async function isAnythingDue(db: Database, channel: string): Promise<boolean> {
  const { rowCount } = await db.reads.query({
    name: 'sauda_any_delivery_due',
    text: `select from alert_deliveries
      where channel = $1 and next_attempt_at <= clock_timestamp() + interval '1 millisecond' limit 1`,
    values: [channel],
  });
  return rowCount === 1;
}

/**
 * A channel's due deliveries, the gravest first. Reminders of alerts that were acknowledged or whose condition has
 * ended are struck off on the way; what was never delivered stays due whatever became of its alert.
 */
export async function readDueDeliveries(
  db: Database,
  channel: string,
  limit: number,
): Promise<DueDelivery[]> {
  await db.reads.query({
    name: 'sauda_end_reminders',
    text: `update alert_deliveries d set next_attempt_at = null from alerts a
      where d.channel = $1 and d.next_attempt_at <= clock_timestamp() and d.state <> 'PENDING'
        and a.account_id = d.account_id and a.id = d.alert_id
        and (a.acknowledged_at is not null or a.cleared_at is not null)`,
    values: [channel],
  });
  const { rows } = await db.reads.query<DueDelivery>({
    name: 'sauda_due_deliveries',
    text: `select d.account_id as "accountId", d.alert_id as "alertId", a.severity, a.type, a.message, a.details,
        a.order_id as "orderId", a.at, d.state, d.failures, d.told,
        (extract(epoch from clock_timestamp() - d.next_attempt_at) * 1000)::float8 as "dueForMs"
      from alert_deliveries d join alerts a on a.account_id = d.account_id and a.id = d.alert_id
      where d.channel = $1 and d.next_attempt_at <= clock_timestamp()
      order by array_position(array['CRITICAL','WARNING'], a.severity) nulls last, d.next_attempt_at, a.at, a.id limit $2`,
    values: [channel, limit],
  });
  return rows;
}

/** Records a try. A slower process that tried the same takes nothing from a delivery that was recorded since. */
export async function recordDelivery(
  db: Database,
  delivery: Pick<DueDelivery, 'accountId' | 'alertId'> & { readonly channel: string },
  { state, failures, told, nextInMs }: AfterTry,
  error: string | null,
): Promise<void> {
  await db.reads.query({
    name: 'sauda_record_delivery',
    text: `update alert_deliveries set attempts = attempts + 1, failures = $5, told = greatest(told, $6),
        state = case when state = 'DELIVERED' then state else $4 end,
        delivered_at = case when $4 = 'DELIVERED' then coalesce(delivered_at, clock_timestamp()) else delivered_at end,
        next_attempt_at = clock_timestamp() + $7::float8 * interval '1 millisecond', last_error = $8
      where account_id = $1 and alert_id = $2 and channel = $3`,
    values: [
      ...[delivery.accountId, delivery.alertId, delivery.channel],
      ...[state, failures, told, nextInMs, error],
    ],
  });
}

/** Records one try that told, or would have told, several; as recordDelivery does. */
export async function recordDeliveries(
  db: Database,
  channel: string,
  tries: readonly (Pick<DueDelivery, 'accountId' | 'alertId'> & AfterTry)[],
  outcome: { readonly error: string } | { readonly messageId: string },
): Promise<void> {
  const error = 'error' in outcome ? outcome.error : null;
  const messageId = 'messageId' in outcome ? outcome.messageId : null;
  await db.reads.query({
    name: 'sauda_record_deliveries',
    text: `update alert_deliveries d set attempts = attempts + 1, failures = t."failures",
        told = greatest(d.told, t."told"),
        state = case when d.state = 'DELIVERED' then d.state else t."state" end,
        delivered_at = case when t."state" = 'DELIVERED' then coalesce(delivered_at, clock_timestamp())
          else delivered_at end,
        next_attempt_at = clock_timestamp() + t."nextInMs" * interval '1 millisecond',
        last_error = $3, message_id = coalesce($4, d.message_id)
      from json_to_recordset($2::json) as t("accountId" text, "alertId" uuid, "state" text, "failures" int,
        "told" int, "nextInMs" float8)
      where d.account_id = t."accountId" and d.alert_id = t."alertId" and d.channel = $1`,
    values: [channel, JSON.stringify(tries), error, messageId],
  });
}

/** The channel takes messages again: what waited for it is due now. */
export async function hastenDeliveries(db: Database, channel: string): Promise<void> {
  await db.reads.query({
    name: 'sauda_hasten_deliveries',
    text: `update alert_deliveries set next_attempt_at = clock_timestamp()
      where channel = $1 and failures > 0 and next_attempt_at > clock_timestamp()`,
    values: [channel],
  });
}

export interface DeliveryRow {
  readonly channel: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly deliveredAt: Date | null;
  readonly lastError: string | null;
  /** Of the channel's newest telling, where it has a name for it. */
  readonly messageId: string | null;
}

/** Deliveries of these alerts, by alert id; channels in the order of their names. */
export async function readDeliveries(
  db: Database,
  accountIds: readonly string[],
  alertIds: readonly string[],
): Promise<Map<string, DeliveryRow[]>> {
  const found = new Map<string, DeliveryRow[]>(alertIds.map((id) => [id, []]));
  if (alertIds.length === 0) return found;
  const { rows } = await db.reads.query<DeliveryRow & { alertId: string }>({
    name: 'sauda_deliveries',
    text: `select alert_id as "alertId", channel, state, attempts, delivered_at as "deliveredAt",
        last_error as "lastError", message_id as "messageId"
      from alert_deliveries where account_id = any($1::text[]) and alert_id = any($2::uuid[]) order by channel`,
    values: [accountIds, alertIds],
  });
  for (const { alertId, ...row } of rows) found.get(alertId)?.push(row);
  return found;
}

/** True when an alert stands for the condition. */
export async function isStanding(db: Database, accountId: string, condition: string): Promise<boolean> {
  const { rowCount } = await db.reads.query({
    name: 'sauda_alert_stands',
    text: 'select from alerts where account_id = $1 and condition = $2 and cleared_at is null',
    values: [accountId, condition],
  });
  return rowCount === 1;
}

export interface ChannelChange {
  readonly channel: string;
  /** False: it took what waited. */
  readonly isOut: boolean;
  readonly waiting: number;
  /** Of the oldest alert that waits, milliseconds. */
  readonly waitedMs: number;
}

export const channelCondition = (channel: string): string => `channel:${channel}:unreachable`;

/** Channels whose alert is not as it should be: something waits for longer than `afterMs` and nobody was told, or the other way. */
export async function readChannelChanges(
  db: Database,
  channels: readonly string[],
  afterMs: number,
): Promise<ChannelChange[]> {
  const { rows } = await db.reads.query<ChannelChange>({
    name: 'sauda_channel_changes',
    text: `select c.name as channel, w."isOut", w.waiting, w."waitedMs" from unnest($1::text[]) c(name)
      cross join lateral (
        select count(*)::int as waiting,
          coalesce(extract(epoch from sauda.clock() - min(a.at)) * 1000, 0)::float8 as "waitedMs",
          coalesce(min(a.at) < sauda.clock() - $2::float8 * interval '1 millisecond', false) as "isOut"
        from alert_deliveries d join alerts a on a.account_id = d.account_id and a.id = d.alert_id
        where d.channel = c.name and d.state = 'PENDING' and d.next_attempt_at is not null) w
      where w."isOut" <> exists (select from alerts s
        where s.account_id = $3 and s.condition = 'channel:' || c.name || ':unreachable' and s.cleared_at is null)`,
    values: [channels, afterMs, SYSTEM_ACCOUNT],
  });
  return rows;
}
