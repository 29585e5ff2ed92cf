import { createHash } from 'node:crypto';
import { LIVE_CONFIRMED, LIVE_ENTITY } from '../db/stores/live-confirmation-store.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import type { Context } from './context.ts';

export { isLiveConfirmed } from '../db/stores/live-confirmation-store.ts';

/** A person takes it on them that orders of this app cost real money: for good, in the journal, for this app alone. */
export async function confirmLive(
  context: Pick<Context, 'withAccount'>,
  { app, actor }: { readonly app: string; readonly actor: string },
): Promise<void> {
  await context.withAccount({
    accountId: SYSTEM_ACCOUNT,
    actor,
    needs: {},
    run: (view) => view.note(LIVE_CONFIRMED, LIVE_ENTITY, { app }),
  });
}

/** An app of the broker as the journal names it: its key is no secret, and none of the journal's business either. */
export function liveAppOf(apiKey: string): string {
  return createHash('sha256').update(`kite/${apiKey}`).digest('hex').slice(0, 16);
}
