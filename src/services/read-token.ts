import type { Database } from '../db/client.ts';
import { type TokenHolder, findTokenByHash } from '../db/stores/api-token-store.ts';
import { type FoundSession, findWebSession } from '../db/stores/web-session-store.ts';
import { webSessionHash } from './open-web-session.ts';

export { listTokens, touchToken } from '../db/stores/api-token-store.ts';
export type { TokenHolder } from '../db/stores/api-token-store.ts';
export type { ApiTokenRow } from '../db/account-rows.ts';

/** ELSEWHERE: the token is good, but not from this address. */
export type FoundToken = TokenHolder | 'ELSEWHERE' | null;

/** The holder of the token whose sha256 (hex) this is; null when it is unknown or revoked. */
export async function findToken(
  db: Database,
  tokenHash: string,
  address: string | null,
): Promise<FoundToken> {
  const row = await findTokenByHash(db, tokenHash, address);
  if (row === null) return null;
  const { mayUse, ...holder } = row;
  return mayUse ? holder : 'ELSEWHERE';
}

/** The session that a cookie's secret names; null when there is none, or it has expired. */
export async function findSession(
  db: Database,
  secret: string,
  address: string | null,
): Promise<FoundSession | null> {
  return findWebSession(db, webSessionHash(secret), address);
}
