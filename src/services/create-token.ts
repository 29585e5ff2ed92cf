import { createHash, randomBytes } from 'node:crypto';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import type { Context } from './context.ts';
import { registerStrategy } from './place-order.ts';
import type { TokenHolder } from './read-token.ts';

/** 256 bits: far beyond guessing, whatever the rate. */
const SECRET_BYTES = 32;

export interface CreateTokenInput extends Omit<TokenHolder, 'id'> {
  readonly actor: string;
  /** Addresses and networks that may use it; null: any. */
  readonly allowedFrom: readonly string[] | null;
}

export interface CreatedToken extends TokenHolder {
  readonly allowedFrom: readonly string[] | null;
  readonly token: string;
}

/**
 * Makes a bearer token. The secret is in the answer and nowhere else: only its sha256 is stored, in one transaction
 * with its journal entry. A strategy that nobody has used yet is registered before, since no transaction touches two
 * accounts: a crash between leaves a strategy without a token, which is nothing. Throws UnknownAccountError.
 */
export async function createToken(
  context: Pick<Context, 'withAccount' | 'newId'>,
  { actor, name, role, accountId, strategyId, allowedFrom }: CreateTokenInput,
): Promise<CreatedToken> {
  const id = context.newId();
  const token = `sauda_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  const tokenHash = createHash('sha256').update(token).digest('hex');
  if (accountId !== null && strategyId !== null) {
    await context.withAccount({
      accountId,
      actor,
      needs: { strategies: true },
      run: (view) => registerStrategy(view, strategyId),
    });
  }
  const made = { id, name, role, accountId, strategyId, allowedFrom: allowedFrom && [...allowedFrom] };
  await context.withAccount({
    accountId: SYSTEM_ACCOUNT,
    actor,
    needs: {},
    run: (view) => {
      const unused = { revokedAt: null, lastUsedAt: null, lastUsedFrom: null };
      const said = { name, role, accountId, strategyId, allowedFrom: made.allowedFrom };
      view.putToken({ ...made, ...unused, tokenHash, createdAt: view.now }, 'TokenCreated', said);
    },
  });
  return { ...made, token };
}
