import { createHash, randomBytes } from 'node:crypto';
import { insertToken } from '../db/stores/api-token-store.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import type { Context } from './context.ts';
import { registerStrategy } from './place-order.ts';
import type { TokenHolder } from './read-token.ts';

/** 256 bits: far beyond guessing, whatever the rate. */
const SECRET_BYTES = 32;

export interface CreateTokenInput {
  readonly actor: string;
  readonly name: string;
  readonly role: TokenHolder['role'];
  readonly accountId: string | null;
  /** Needs an account; the strategy is registered when nobody has used it yet. */
  readonly strategyId: string | null;
}

/**
 * Makes a bearer token. The secret is in the answer and nowhere else: only its sha256 is stored. The journal entry
 * comes first, so that no token exists of which the journal does not know. Throws UnknownAccountError.
 */
export async function createToken(
  context: Context,
  { actor, name, role, accountId, strategyId }: CreateTokenInput,
): Promise<TokenHolder & { readonly token: string }> {
  const id = context.newId();
  const token = `sauda_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  if (accountId !== null) {
    await context.withAccount({
      accountId,
      actor,
      needs: strategyId === null ? {} : { strategies: true },
      run: (view) => {
        if (strategyId !== null) registerStrategy(view, strategyId);
      },
    });
  }
  await context.withAccount({
    accountId: SYSTEM_ACCOUNT,
    actor,
    needs: {},
    run: (view) => view.note('TokenCreated', id, { name, role, accountId, strategyId }),
  });
  const tokenHash = createHash('sha256').update(token).digest('hex');
  await insertToken(context.db, { id, name, role, tokenHash, accountId, strategyId });
  return { id, name, role, accountId, strategyId, token };
}
