import type { AlertRow } from '../db/account-rows.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { Context } from './context.ts';

export interface Acknowledgement {
  readonly accountId: string;
  readonly actor: string;
  readonly alertId: string;
  /** Whose token it is: alerts of other strategies' orders are not there for it. Null: not bound. */
  readonly strategyId: string | null;
}

/** NOT_OWN: the alert can be seen but is about the account as a whole. */
export type AcknowledgeRefusal = 'NOT_FOUND' | 'NOT_OWN';

/**
 * Notes that a person has seen an alert, which ends its reminders. Twice, also at the same time, is the same as once:
 * who was first stays, and the journal has one entry.
 */
export async function acknowledgeAlert(
  context: Context,
  { accountId, actor, alertId, strategyId }: Acknowledgement,
): Promise<Result<AlertRow, AcknowledgeRefusal>> {
  return context.withAccount<Result<AlertRow, AcknowledgeRefusal>>({
    accountId,
    actor,
    needs: { alerts: [alertId] },
    run: (view) => {
      const alert = view.alert(alertId);
      if (alert === null) return err('NOT_FOUND');
      if (strategyId !== null) {
        if (alert.orderId === null) return err('NOT_OWN');
        if (view.order(alert.orderId)?.strategyId !== strategyId) return err('NOT_FOUND');
      }
      return ok(view.acknowledgeAlert(alert));
    },
  });
}

/**
 * The same for several alerts of one account in one transaction, for a person who may see all of it. Those that are
 * not there are left out of what is returned.
 */
export async function acknowledgeAlerts(
  context: Context,
  {
    accountId,
    actor,
    alertIds,
  }: Pick<Acknowledgement, 'accountId' | 'actor'> & { alertIds: readonly string[] },
): Promise<AlertRow[]> {
  return context.withAccount({
    accountId,
    actor,
    needs: { alerts: alertIds },
    run: (view) =>
      alertIds.flatMap((id) => {
        const alert = view.alert(id);
        return alert === null ? [] : [view.acknowledgeAlert(alert)];
      }),
  });
}
