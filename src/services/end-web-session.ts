import { deleteWebSession } from '../db/stores/web-session-store.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import type { Context } from './context.ts';
import { webSessionHash } from './open-web-session.ts';

/** Ends the session that the cookie's secret names, in every process at once; twice is the same as once. */
export async function endWebSession(
  context: Pick<Context, 'withAccount' | 'db'>,
  { secret, actor }: { readonly secret: string; readonly actor: string },
): Promise<void> {
  const id = await deleteWebSession(context.db, webSessionHash(secret));
  if (id === null) return;
  await context.withAccount({
    accountId: SYSTEM_ACCOUNT,
    actor,
    needs: {},
    run: (view) => view.note('WebSessionEnded', id, {}),
  });
}
