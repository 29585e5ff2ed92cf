import type { Database } from '../client.ts';

export interface BrokerSessionRow {
  readonly accountId: string;
  readonly broker: string;
  readonly brokerUser: string | null;
  readonly apiKey: string;
  /** Never in clear; null: there is none. */
  readonly accessTokenEncrypted: string | null;
  readonly keyId: string | null;
  readonly status: 'LIVE' | 'EXPIRED' | 'NEEDS_LOGIN';
  readonly loginAt: Date | null;
  readonly expiresAt: Date | null;
}

const ROW = `account_id as "accountId", broker, broker_user as "brokerUser", api_key as "apiKey",
  access_token_encrypted as "accessTokenEncrypted", key_id as "keyId", status, login_at as "loginAt",
  expires_at as "expiresAt"`;

/** The session of an account; null: nobody ever logged in. */
export async function readBrokerSession(db: Database, accountId: string): Promise<BrokerSessionRow | null> {
  const { rows } = await db.reads.query<BrokerSessionRow>({
    name: 'sauda_broker_session',
    text: `select ${ROW} from broker_sessions where account_id = $1`,
    values: [accountId],
  });
  return rows[0] ?? null;
}

/** Accounts of a broker's user, and whether the broker's user of any account is known. */
export async function accountsOfBrokerUser(
  db: Database,
  brokerUser: string,
): Promise<{ readonly accounts: readonly string[]; readonly isAnyKnown: boolean }> {
  const { rows } = await db.reads.query<{ accountId: string; isUser: boolean }>({
    name: 'sauda_accounts_of_broker_user',
    text: `select account_id as "accountId", broker_user = $1 as "isUser" from broker_sessions
      where broker_user is not null order by account_id`,
    values: [brokerUser],
  });
  const accounts = rows.filter(({ isUser }) => isUser).map(({ accountId }) => accountId);
  return { accounts, isAnyKnown: rows.length > 0 };
}

/** The session that a login brought, in place of the one before. */
export async function putBrokerSession(db: Database, row: BrokerSessionRow): Promise<void> {
  await db.reads.query({
    name: 'sauda_put_broker_session',
    text: `insert into broker_sessions (account_id, broker, broker_user, api_key, access_token_encrypted, key_id,
        status, login_at, expires_at, updated_at)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp())
      on conflict (account_id) do update set broker = excluded.broker, broker_user = excluded.broker_user,
        api_key = excluded.api_key, access_token_encrypted = excluded.access_token_encrypted,
        key_id = excluded.key_id, status = excluded.status, login_at = excluded.login_at,
        expires_at = excluded.expires_at, updated_at = clock_timestamp()`,
    values: [
      ...[row.accountId, row.broker, row.brokerUser, row.apiKey, row.accessTokenEncrypted, row.keyId],
      ...[row.status, row.loginAt, row.expiresAt],
    ],
  });
}

/** Ends the session that holds exactly this token, which a newer login may have replaced. True: it was live. */
export async function expireBrokerSession(db: Database, accountId: string, sealed: string): Promise<boolean> {
  const result = await db.reads.query({
    name: 'sauda_expire_broker_session',
    text: `update broker_sessions set status = 'EXPIRED', access_token_encrypted = null,
        updated_at = clock_timestamp()
      where account_id = $1 and access_token_encrypted = $2 and status = 'LIVE'`,
    values: [accountId, sealed],
  });
  return result.rowCount === 1;
}
