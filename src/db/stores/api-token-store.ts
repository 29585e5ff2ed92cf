import { asc, gt } from 'drizzle-orm';
import type { ApiTokenRow } from '../account-rows.ts';
import type { Database } from '../client.ts';
import { apiTokens } from '../schema/index.ts';

/** Whom a bearer token stands for. */
export type TokenHolder = Pick<ApiTokenRow, 'id' | 'name' | 'role' | 'accountId' | 'strategyId'>;

/**
 * The token with this sha256 (hex), unless it was revoked, and whether it may be used from the address. Asked at every
 * request, so that a revoked token is refused by every process at once.
 */
export async function findTokenByHash(
  db: Database,
  tokenHash: string,
  address: string | null,
): Promise<(TokenHolder & { readonly mayUse: boolean }) | null> {
  const { rows } = await db.reads.query<TokenHolder & { mayUse: boolean }>({
    name: 'sauda_token_by_hash',
    text: `select id, name, role, account_id as "accountId", strategy_id as "strategyId",
        allowed_from is null or coalesce($2::inet <<= any(allowed_from), false) as "mayUse"
      from api_tokens where token_hash = $1 and revoked_at is null`,
    values: [tokenHash, address],
  });
  return rows[0] ?? null;
}

/** When and from where a token was used last; not journaled, and at most once a minute for all processes together. */
export async function touchToken(db: Database, id: string, address: string | null): Promise<void> {
  await db.reads.query({
    name: 'sauda_token_touch',
    text: `update api_tokens set last_used_at = clock_timestamp(), last_used_from = $2::inet
      where id = $1 and (last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute')`,
    values: [id, address],
  });
}

/** Oldest first: ids sort by their time of birth. */
export async function listTokens(
  db: Database,
  of: { readonly after?: string | null | undefined; readonly limit: number },
): Promise<ApiTokenRow[]> {
  return db.orm
    .select()
    .from(apiTokens)
    .where(typeof of.after === 'string' ? gt(apiTokens.id, of.after) : undefined)
    .orderBy(asc(apiTokens.id))
    .limit(of.limit);
}
