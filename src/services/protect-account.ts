import type { Needs } from '../db/account-load.ts';
import { readProtectedInstruments } from '../db/stores/protection-store.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Context } from './context.ts';
import { enqueueNextStep } from './next-step.ts';
import { type ProtectionLook, lookAtProtection } from './protect-group.ts';
import { enqueueCommand } from './stage-command.ts';

/** What a look reads when there are groups. */
export const PROTECTION_NEEDS = {
  protections: true,
  openPositions: true,
  runningOperations: true,
  openAlerts: true,
} as const satisfies Needs;

/**
 * Looks at every live protection group of an account: the safety net behind the looks that polls make with the fills
 * they record. `hasGtts`: groups have GTTs to be kept as well (keep-gtts.ts). Runs any number of times, also at once: each decides under the lock from what is there.
 */
export async function protectAccount(
  context: Context,
  { accountId }: { readonly accountId: string },
): Promise<{ readonly hasGtts: boolean }> {
  await failpoint('protect.begin');
  const ids = await readProtectedInstruments(context.db, accountId);
  if (ids.length === 0) return { hasGtts: false };
  const instruments = await context.instruments.byIds(ids);
  await context.prices.refresh([...instruments.values()]);
  await failpoint('protect.beforeCommit');
  const { look, hasGtts } = await context.withAccount({
    accountId,
    actor: context.processName,
    needs: PROTECTION_NEEDS,
    run: (view) => ({
      look: lookAtProtection(context, view),
      hasGtts: view.protections().some(({ gtt, gttNet }) => gtt || gttNet !== null),
    }),
  });
  await failpoint('protect.afterCommit');
  await enqueueProtection(context, look);
  return { hasGtts };
}

/** The fast path after the commit of a look. A queue that does not answer loses nothing. */
export async function enqueueProtection(context: Context, look: ProtectionLook): Promise<void> {
  for (const order of look.orders) await enqueueNextStep(context, order);
  for (const command of look.commands) await enqueueCommand(context, command);
}
