import type { OperationRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { covers, overlap } from '../domain/operation.ts';
import type { Context } from './context.ts';
import { type NewOperation, stageOperation } from './stage-operation.ts';

/**
 * Begins a flatten, unless one that is running already closes all of it: that one is returned. Two that overlap would
 * cancel each other's exits, so the older one ends here and its exits are the new one's to deal with.
 * Needs `runningOperations` and `openAlerts`.
 */
export function stageFlatten(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  of: Omit<NewOperation, 'kind'>,
): OperationRow {
  const { strategyId = null, instrumentId = null, product = null } = of;
  const scope = { strategyId, instrumentId, product };
  const running = view.runningOperations().filter(({ kind }) => kind === 'FLATTEN');
  const wider = running.find(
    ({ details }) =>
      covers(details, scope) &&
      details.quantity === null &&
      (of.haltId ?? null) === details.haltId &&
      (details.byOperator || of.byOperator !== true),
  );
  if (wider !== undefined) return wider;
  const operation = stageOperation(context, view, { ...of, kind: 'FLATTEN' });
  for (const older of running) {
    if (!overlap(older.details, scope)) continue;
    const left = [{ what: 'the rest', quantity: null, why: `operation ${operation.id} took its place` }];
    const ended = { state: 'FAILED', finishedAt: view.now, nextStepAt: null } as const;
    view.putOperation({ ...older, ...ended, details: { ...older.details, left } }, 'OperationEnded');
    view.clearAlert(`operation:${older.id}`);
  }
  return operation;
}
