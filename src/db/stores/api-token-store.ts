import { and, asc, eq, gt, isNull } from 'drizzle-orm';
import type { Database } from '../client.ts';
import { apiTokens } from '../schema/index.ts';

export type ApiTokenRow = typeof apiTokens.$inferSelect;

/** The token with this sha256 (hex), unless it was revoked. */
export async function findTokenByHash(db: Database, tokenHash: string): Promise<ApiTokenRow | null> {
  const rows = await db.orm
    .select()
    .from(apiTokens)
    .where(and(eq(apiTokens.tokenHash, tokenHash), isNull(apiTokens.revokedAt)));
  return rows[0] ?? null;
}

export async function insertToken(
  db: Database,
  token: Pick<ApiTokenRow, 'id' | 'name' | 'role' | 'tokenHash' | 'accountId' | 'strategyId'>,
): Promise<void> {
  await db.orm.insert(apiTokens).values(token);
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
