import { realpath } from 'node:fs/promises';
import pg from 'pg';
import { USER } from './cluster.ts';
import { hasCode } from './errors.ts';

export const DATABASE = 'sauda';

/** Whoever asks asks again; a server that has answered is only slow. */
const WHEN_ASKING = { connectionTimeoutMillis: 5_000, query_timeout: 10_000 };
const WHEN_KNOWN = { connectionTimeoutMillis: 30_000, query_timeout: 60_000 };

/** What answers at a port: our cluster, our password refused, or anything else. */
export type Answer =
  | { readonly kind: 'ours'; readonly durable: boolean }
  | { readonly kind: 'refused-password' }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'none'; readonly reason: string };

export interface Address {
  readonly port: number;
  readonly password: string;
}

export function formatUrl({ port, password }: Address): string {
  return `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`;
}

/** Connects for real and asks the server for its data directory: a port alone proves nothing. */
export async function ask(address: Address, directory: string): Promise<Answer> {
  try {
    return await withClient(address, WHEN_ASKING, async (client) => {
      const { rows } = await client.query<{ directory: string; durable: boolean }>(
        `select current_setting('data_directory') as directory,
                current_setting('fsync') = 'on' and current_setting('full_page_writes') = 'on'
                  and current_setting('synchronous_commit') = 'on' as durable`,
      );
      const row = rows[0];
      if (row === undefined || (await resolved(row.directory)) !== (await resolved(directory))) {
        return { kind: 'foreign' };
      }
      return { kind: 'ours', durable: row.durable };
    });
  } catch (error) {
    // invalid_password, invalid_authorization_specification
    if (hasCode(error, '28P01', '28000')) return { kind: 'refused-password' };
    return { kind: 'none', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Creates the database when absent; two at once is no error. */
export async function createDatabaseIfAbsent(address: Address): Promise<void> {
  await withClient(address, WHEN_KNOWN, async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE]);
    if (rowCount !== 0) return;
    try {
      await client.query(`create database ${DATABASE}`);
    } catch (error) {
      // duplicate_database, or unique_violation when both passed the server's own check
      if (!hasCode(error, '42P04', '23505')) throw error;
    }
  });
}

async function withClient<T>(
  address: Address,
  limits: typeof WHEN_ASKING,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    ...{ host: '127.0.0.1', port: address.port, user: USER, password: address.password },
    ...{ database: 'postgres', application_name: 'sauda start' },
    ...limits,
  });
  // A connection that breaks between two calls must not become an uncaught error.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function resolved(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}
