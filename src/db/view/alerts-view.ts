import { OUTCOME_EVENT } from '../../domain/order-outcome.ts';
import type { AlertRow } from '../account-rows.ts';
import { BaseView } from './base-view.ts';

const SEVERITY = { INFO: 0, WARNING: 1, CRITICAL: 2 } as const satisfies Record<AlertRow['severity'], number>;

/** The alerts of an account: one that stands for a condition, until it clears or worsens. */
export abstract class AlertsView extends BaseView {
  /**
   * Raises an alert unless the same condition stands already. One that stands with less severity has worsened: it
   * ends, and the new one takes its place.
   */
  raiseAlert(
    alert: Omit<
      AlertRow,
      'accountId' | 'at' | 'clearedAt' | 'acknowledgedAt' | 'acknowledgedBy' | 'routedAt'
    >,
  ): void {
    const standing = this.standingAlert(alert.condition);
    if (standing !== null && SEVERITY[standing.severity] >= SEVERITY[alert.severity]) return;
    if (standing !== null) this.clearAlert(alert.condition);
    const row: AlertRow = {
      ...alert,
      accountId: this.account.id,
      at: this.now,
      clearedAt: null,
      acknowledgedAt: null,
      acknowledgedBy: null,
      routedAt: null,
    };
    this.set('alerts').put(row);
    const { severity, type, message, orderId } = alert;
    this.note('AlertRaised', orderId ?? alert.id, { id: alert.id, severity, type, message });
  }

  /** Ends the alert of a condition that holds no longer; nothing when none stands. */
  clearAlert(condition: string): void {
    const standing = this.standingAlert(condition);
    if (standing === null) return;
    this.set('alerts').put({ ...standing, clearedAt: this.now });
    this.note('AlertCleared', standing.orderId ?? standing.id, { id: standing.id, type: standing.type });
  }

  /** One alert, standing or not; null when there is none. */
  alert(id: string): AlertRow | null {
    return this.set('alerts').rows.get(id) ?? this.absent('alerts', id);
  }

  /** Notes that a person has seen an alert; who was first stays. */
  acknowledgeAlert(alert: AlertRow): AlertRow {
    if (alert.acknowledgedAt !== null) return alert;
    // What stands only until it is seen ends here.
    const ends = alert.condition.startsWith(OUTCOME_EVENT) && alert.clearedAt === null;
    const row = {
      ...alert,
      acknowledgedAt: this.now,
      acknowledgedBy: this.actor,
      clearedAt: ends ? this.now : alert.clearedAt,
    };
    this.set('alerts').put(row);
    this.note('AlertAcknowledged', alert.orderId ?? alert.id, {
      ...{ id: alert.id, type: alert.type },
      before: { acknowledgedBy: null, cleared: alert.clearedAt !== null },
      after: { acknowledgedBy: row.acknowledgedBy, cleared: row.clearedAt !== null },
    });
    return row;
  }

  /** The alert that stands for a condition; null when none does. */
  standingAlert(condition: string): AlertRow | null {
    this.require('openAlerts');
    return this.all('alerts').find((row) => row.condition === condition && row.clearedAt === null) ?? null;
  }

  /** Every alert that stands. */
  standingAlerts(): AlertRow[] {
    this.require('openAlerts');
    return this.all('alerts').filter((row) => row.clearedAt === null);
  }
}
