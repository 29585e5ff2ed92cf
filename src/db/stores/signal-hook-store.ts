import { and, asc, eq, gt, isNull } from 'drizzle-orm';
import type { SignalHookRow } from '../account-rows.ts';
import type { Database } from '../client.ts';
import { signalHooks } from '../schema/index.ts';

/** The hook whose secret has this sha256 (hex), unless it was revoked: asked at every alert. */
export async function findSignalHook(db: Database, tokenHash: string): Promise<SignalHookRow | null> {
  const [row] = await db.orm
    .select()
    .from(signalHooks)
    .where(and(eq(signalHooks.tokenHash, tokenHash), isNull(signalHooks.revokedAt)));
  return row ?? null;
}

/** Oldest first: ids sort by their time of birth. */
export async function listSignalHooks(
  db: Database,
  of: { readonly accountId: string; readonly after: string | null; readonly limit: number },
): Promise<SignalHookRow[]> {
  const after = of.after === null ? undefined : gt(signalHooks.id, of.after);
  return db.orm
    .select()
    .from(signalHooks)
    .where(and(eq(signalHooks.accountId, of.accountId), after))
    .orderBy(asc(signalHooks.id))
    .limit(of.limit);
}
