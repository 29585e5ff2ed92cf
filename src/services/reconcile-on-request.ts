import type { ReconciliationRow } from '../db/stores/reconciliation-store.ts';
import type { Context } from './context.ts';
import { reconcileAccount } from './reconcile-account.ts';

/**
 * A run that a person asks for: in the journal before it begins and when it has ended, beside the run's own row. Null
 * when another run of the account is under way, which is said as well.
 */
export async function reconcileOnRequest(
  context: Context,
  accountId: string,
  actor: string,
): Promise<ReconciliationRow | null> {
  const id = context.newId();
  const note = (kind: string, data: Readonly<Record<string, unknown>>) =>
    context.withAccount({ accountId, actor, needs: {}, run: (view) => view.note(kind, id, data) });
  await note('ReconciliationAsked', {});
  const run = await reconcileAccount(context, accountId, { startedBy: actor });
  await note('ReconciliationAnswered', {
    runId: run?.id ?? null,
    status: run?.status ?? 'ANOTHER_RUNS',
    differences: run?.differences.length ?? 0,
  });
  return run;
}
