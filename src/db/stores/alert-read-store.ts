import { and, desc, eq, exists, isNotNull, isNull, or, sql } from 'drizzle-orm';
import type { AlertRow } from '../account-rows.ts';
import type { Database } from '../client.ts';
import type { AlertSeverity } from '../../domain/alert-delivery.ts';
import { alerts, orders } from '../schema/index.ts';
import type { InstantAndId } from './order-read-store.ts';

export interface AlertFilter {
  readonly accountId: string;
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

/** Newest first, by (at, id): index alerts_newest. */
export async function listAlerts(db: Database, filter: AlertFilter): Promise<AlertRow[]> {
  const { before, strategyId } = filter;
  return db.orm
    .select()
    .from(alerts)
    .where(
      and(
        eq(alerts.accountId, filter.accountId),
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
