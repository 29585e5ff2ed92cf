import { and, desc, eq, exists, isNotNull, isNull, or, sql } from 'drizzle-orm';
import type { AlertRow } from '../account-rows.ts';
import type { Database } from '../client.ts';
import type { AlertSeverity } from '../../domain/alert-delivery.ts';
import { alerts, orders } from '../schema/index.ts';
import type { InstantAndId } from './order-read-store.ts';

export interface AlertFilter {
  readonly accountIds: readonly string[];
  readonly severity?: AlertSeverity | undefined;
  readonly type?: string | undefined;
  readonly acknowledged?: boolean | undefined;
  /** Whether its condition still stands. */
  readonly open?: boolean | undefined;
  /** Only alerts of the account as a whole and of this strategy's orders. */
  readonly strategyId?: string | null | undefined;
  readonly before?: InstantAndId | null | undefined;
  readonly limit: number;
}

/** Newest first, by (at, id): each account by its index alerts_newest. */
export async function listAlerts(db: Database, { accountIds, ...filter }: AlertFilter): Promise<AlertRow[]> {
  const lists = await Promise.all(accountIds.map((accountId) => listOfAccount(db, accountId, filter)));
  return lists.flat().sort(newestFirst).slice(0, filter.limit);
}

function newestFirst(a: AlertRow, b: AlertRow): number {
  return b.at.getTime() - a.at.getTime() || (a.id < b.id ? 1 : -1);
}

async function listOfAccount(
  db: Database,
  accountId: string,
  filter: Omit<AlertFilter, 'accountIds'>,
): Promise<AlertRow[]> {
  const { before, strategyId } = filter;
  return db.orm
    .select()
    .from(alerts)
    .where(
      and(
        eq(alerts.accountId, accountId),
        filter.severity === undefined ? undefined : eq(alerts.severity, filter.severity),
        filter.type === undefined ? undefined : eq(alerts.type, filter.type),
        acknowledgedIs(filter.acknowledged),
        openIs(filter.open),
        typeof strategyId === 'string' ? concerns(db, strategyId) : undefined,
        before === null || before === undefined
          ? undefined
          : sql`(${alerts.at}, ${alerts.id}) < (${before.at.toISOString()}::timestamptz, ${before.id}::uuid)`,
      ),
    )
    .orderBy(desc(alerts.at), desc(alerts.id))
    .limit(filter.limit);
}

/** CRITICAL, standing, and acknowledged by nobody: these are told again and again. Of every account. */
const unseen = and(eq(alerts.severity, 'CRITICAL'), isNull(alerts.clearedAt), isNull(alerts.acknowledgedAt));

/** Every account's alerts that stand, also those of no account: what nobody has seen first, then the newest. */
export async function listStandingAlerts(
  db: Database,
  limit: number,
): Promise<{ readonly alerts: AlertRow[]; readonly total: number }> {
  const stands = isNull(alerts.clearedAt);
  const [rows, total] = await Promise.all([
    db.orm
      .select()
      .from(alerts)
      .where(stands)
      .orderBy(desc(sql`${unseen}`), desc(alerts.at), desc(alerts.id))
      .limit(limit),
    db.orm.$count(alerts, stands),
  ]);
  return { alerts: rows, total };
}

/** Those that a channel of this name, or one that begins so, had told by then. */
export interface ToldBy {
  readonly channel: string;
  readonly at: Date;
}

/** Every account's CRITICAL alerts that nobody acknowledged, newest first. */
export async function listUnseenAlerts(
  db: Database,
  { limit, toldBy }: { readonly limit: number; readonly toldBy?: ToldBy },
): Promise<{ readonly alerts: AlertRow[]; readonly total: number }> {
  const told =
    toldBy === undefined
      ? undefined
      : sql`exists (select from alert_deliveries d where d.account_id = ${alerts.accountId}
          and d.alert_id = ${alerts.id} and starts_with(d.channel, ${toldBy.channel})
          and d.delivered_at < ${toldBy.at.toISOString()}::timestamptz)`;
  const which = and(unseen, told);
  const [rows, total] = await Promise.all([
    db.orm.select().from(alerts).where(which).orderBy(desc(alerts.at), desc(alerts.id)).limit(limit),
    db.orm.$count(alerts, which),
  ]);
  return { alerts: rows, total };
}

/** How long an alert that stands no more can still be named by its code. */
const NAMED_FOR = '7 days';

/** Alerts of any account whose id ends with these digits: those that stand, and those of the last days. */
export async function findAlertsByCode(db: Database, code: string): Promise<AlertRow[]> {
  const named = sql`right(replace(${alerts.id}::text, '-', ''), ${code.length}::int) = ${code}`;
  const recent = sql`${alerts.accountId} in (select id from accounts)
    and ${alerts.at} > sauda.clock() - interval '${sql.raw(NAMED_FOR)}'`;
  return db.orm
    .select()
    .from(alerts)
    .where(and(named, or(isNull(alerts.clearedAt), recent)))
    .limit(MAX_NAMED);
}

/** Alerts that share a code: hardly ever two. */
const MAX_NAMED = 10;

function acknowledgedIs(wanted: boolean | undefined) {
  if (wanted === undefined) return undefined;
  return wanted ? isNotNull(alerts.acknowledgedAt) : isNull(alerts.acknowledgedAt);
}

function openIs(wanted: boolean | undefined) {
  if (wanted === undefined) return undefined;
  return wanted ? isNull(alerts.clearedAt) : isNotNull(alerts.clearedAt);
}

function concerns(db: Database, strategyId: string) {
  const itsOrder = db.orm
    .select({ id: orders.id })
    .from(orders)
    .where(
      and(
        eq(orders.accountId, alerts.accountId),
        eq(orders.id, alerts.orderId),
        eq(orders.strategyId, strategyId),
      ),
    );
  return or(isNull(alerts.orderId), exists(itsOrder));
}
