import type { Database } from '../client.ts';
import type { TokenHolder } from './api-token-store.ts';

/** A browser's session that has not expired. */
export interface FoundSession {
  readonly id: string;
  /** Hex sha256 of the token that opened it. */
  readonly tokenHash: string;
  /** Whose token that is, and whether it may be used from the address; null: no token that is a row. */
  readonly holder: TokenHolder | null;
  readonly mayUse: boolean;
}

/** Opens a session, and removes those that have expired: they are few, and nobody else looks for them. */
export async function insertWebSession(
  db: Database,
  of: {
    readonly id: string;
    readonly cookieHash: string;
    readonly tokenHash: string;
    readonly address: string | null;
    readonly lifeMs: number;
  },
): Promise<void> {
  await db.reads.query({
    name: 'sauda_open_web_session',
    text: `with expired as (delete from web_sessions where expires_at < clock_timestamp())
      insert into web_sessions (id, cookie_hash, token_hash, opened_from, created_at, expires_at)
      values ($1, $2, $3, $4::inet, clock_timestamp(), clock_timestamp() + $5 * interval '1 millisecond')`,
    values: [of.id, of.cookieHash, of.tokenHash, of.address, of.lifeMs],
  });
}

/** Asked at every request, like tokens: a session ends in every process at once, and with its token. */
export async function findWebSession(
  db: Database,
  cookieHash: string,
  address: string | null,
): Promise<FoundSession | null> {
  const { rows } = await db.reads.query<
    { sessionId: string; tokenHash: string; mayUse: boolean } & (
      TokenHolder | { [Field in keyof TokenHolder]: null }
    )
  >({
    name: 'sauda_web_session',
    text: `select s.id as "sessionId", s.token_hash as "tokenHash", t.id, t.name, t.role,
        t.account_id as "accountId", t.strategy_id as "strategyId",
        t.allowed_from is null or coalesce($2::inet <<= any(t.allowed_from), false) as "mayUse"
      from web_sessions s
      left join api_tokens t on t.token_hash = s.token_hash and t.revoked_at is null
      where s.cookie_hash = $1 and s.expires_at > clock_timestamp()`,
    values: [cookieHash, address],
  });
  const [row] = rows;
  if (row === undefined) return null;
  const { sessionId, tokenHash, mayUse, ...holder } = row;
  return { id: sessionId, tokenHash, mayUse, holder: holder.id === null ? null : holder };
}

/** Its id; null: there is none. */
export async function deleteWebSession(db: Database, cookieHash: string): Promise<string | null> {
  const { rows } = await db.reads.query<{ id: string }>({
    name: 'sauda_end_web_session',
    text: 'delete from web_sessions where cookie_hash = $1 returning id',
    values: [cookieHash],
  });
  return rows[0]?.id ?? null;
}
