import { wakeAfterLogin } from '../db/stores/step-store.ts';
import type { Context } from './context.ts';
import { enqueueNextStep } from './next-step.ts';
import { UNREADABLE } from './tell-unreadable.ts';

/**
 * The broker's book was read, so it takes calls again: what its dead session put off is due at once, and the alerts
 * end. Commands are found by the dispatcher. Runs any number of times.
 */
export async function resumeAfterLogin(context: Context, accountId: string): Promise<void> {
  const woken = await wakeAfterLogin(context.db, accountId);
  await context.withAccount({
    accountId,
    actor: context.processName,
    needs: { openAlerts: true },
    run: (view) => {
      for (const condition of ['broker_session_expired', UNREADABLE]) view.clearAlert(condition);
    },
  });
  for (const order of woken) await enqueueNextStep(context, order);
}
