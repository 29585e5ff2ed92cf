import type { SignalHookRow } from '../db/account-rows.ts';
import { type Result, err, ok } from '../lib/result.ts';
import type { Context } from './context.ts';

/** Ends a hook for good: the next alert to it is refused, in every process. Twice is the same as once. */
export async function revokeSignalHook(
  context: Pick<Context, 'withAccount'>,
  {
    accountId,
    hookId,
    actor,
  }: { readonly accountId: string; readonly hookId: string; readonly actor: string },
): Promise<Result<SignalHookRow, 'NOT_FOUND'>> {
  return context.withAccount<Result<SignalHookRow, 'NOT_FOUND'>>({
    accountId,
    actor,
    needs: { signalHooks: [hookId] },
    run: (view) => {
      const hook = view.signalHook(hookId);
      if (hook === null) return err('NOT_FOUND');
      if (hook.revokedAt !== null) return ok(hook);
      const revoked = { ...hook, revokedAt: view.now };
      view.putSignalHook(revoked, 'SignalHookRevoked', {
        ...{ name: hook.name, strategyId: hook.strategyId },
        before: { revokedAt: null },
        after: { revokedAt: view.now.toISOString() },
      });
      return ok(revoked);
    },
  });
}
