/**
 * How an alert gets to a channel. PENDING: not told yet. DELIVERED: told at least once. FAILED: given up, and shown so.
 * A CRITICAL alert is told again, ever more rarely, until a person acknowledges it or its condition ends
 * (controls.md 9); a reminder that fails takes nothing from what was delivered, and one that works mends a FAILED.
 */
export const SEVERITIES = ['INFO', 'WARNING', 'CRITICAL'] as const;
export type AlertSeverity = (typeof SEVERITIES)[number];

export type DeliveryState = 'PENDING' | 'DELIVERED' | 'FAILED';

/** Tries of one round: with pauses of 1, 2, 4 ... 60 s they take about nine minutes. */
export const MAX_FAILURES = 14;
const LONGEST_PAUSE_MS = 60_000;
/** Reminders come at least this often, unless the first pause is longer already. */
const LONGEST_REMINDER_MS = 3_600_000;

export interface Delivery {
  readonly state: DeliveryState;
  readonly failures: number;
  readonly told: number;
}

/** What a try changed; null in nextInMs: nothing more is to be done. */
export interface AfterTry extends Delivery {
  readonly nextInMs: number | null;
}

export interface ReminderRule {
  readonly severity: AlertSeverity;
  /** Until the first reminder; each later pause is twice as long, up to an hour. 0: no reminders. */
  readonly repeatMs: number;
}

/** True when an alert is at least as grave as `minimum`. */
export function reaches(severity: AlertSeverity, minimum: AlertSeverity): boolean {
  return SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(minimum);
}

export function afterSuccess(delivery: Delivery, rule: ReminderRule): AfterTry {
  const told = delivery.told + 1;
  return { state: 'DELIVERED', failures: 0, told, nextInMs: reminderMs(told, rule) };
}

/** The channel takes nothing now: that says nothing about the alert, which is never given up for it. */
export function afterOutage(delivery: Delivery): AfterTry {
  const failures = delivery.failures + 1;
  return {
    ...delivery,
    failures,
    nextInMs: Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** Math.min(failures - 1, 6)),
  };
}

export function afterFailure(delivery: Delivery, rule: ReminderRule): AfterTry {
  const failures = delivery.failures + 1;
  if (failures < MAX_FAILURES) {
    const nextInMs = Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** (failures - 1));
    return { ...delivery, failures, nextInMs };
  }
  const state = delivery.state === 'PENDING' ? 'FAILED' : delivery.state;
  return { state, failures: 0, told: delivery.told, nextInMs: reminderMs(Math.max(1, delivery.told), rule) };
}

function reminderMs(told: number, { severity, repeatMs }: ReminderRule): number | null {
  if (severity !== 'CRITICAL' || repeatMs === 0) return null;
  return Math.min(Math.max(repeatMs, LONGEST_REMINDER_MS), repeatMs * 2 ** (told - 1));
}
