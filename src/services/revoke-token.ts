import type { ApiTokenRow } from '../db/account-rows.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import { type Result, err, ok } from '../lib/result.ts';
import type { Context } from './context.ts';

/**
 * Ends a token for good: the next request with it is refused, in every process, and streams that it opened end within
 * a moment, by this entry of the journal. Twice is the same as once.
 */
export async function revokeToken(
  context: Pick<Context, 'withAccount'>,
  { tokenId, actor }: { readonly tokenId: string; readonly actor: string },
): Promise<Result<ApiTokenRow, 'NOT_FOUND'>> {
  return context.withAccount<Result<ApiTokenRow, 'NOT_FOUND'>>({
    accountId: SYSTEM_ACCOUNT,
    actor,
    needs: { tokens: [tokenId] },
    run: (view) => {
      const token = view.token(tokenId);
      if (token === null) return err('NOT_FOUND');
      if (token.revokedAt !== null) return ok(token);
      const revoked = { ...token, revokedAt: view.now };
      const { name, role, accountId, strategyId } = token;
      view.putToken(revoked, 'TokenRevoked', {
        ...{ name, role, accountId, strategyId },
        before: { revokedAt: null },
        after: { revokedAt: view.now.toISOString() },
      });
      return ok(revoked);
    },
  });
}
