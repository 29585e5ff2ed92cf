import type { Database } from '../db/client.ts';
import { findTokenByHash } from '../db/stores/api-token-store.ts';

export { listTokens } from '../db/stores/api-token-store.ts';

/** Whom a bearer token stands for. */
export interface TokenHolder {
  readonly id: string;
  readonly name: string;
  readonly role: 'viewer' | 'trader' | 'operator' | 'admin';
  readonly accountId: string | null;
  readonly strategyId: string | null;
}

/** The holder of the token whose sha256 (hex) this is; null when it is unknown or revoked. */
export async function findToken(db: Database, tokenHash: string): Promise<TokenHolder | null> {
  const row = await findTokenByHash(db, tokenHash);
  if (row === null) return null;
  const { id, name, role, accountId, strategyId } = row;
  return { id, name, role, accountId, strategyId };
}
