import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import type { Db } from './client.ts';
import * as schema from './schema/index.ts';

/** The whole database as it was at one moment, read-only, while everything else goes on. */
export interface Snapshot {
  readonly orm: Db;
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

/**
 * Runs `work` on a connection and a repeatable-read transaction of its own: no lock that anybody waits for. A statement
 * that takes longer than `timeoutMs` fails. A long one keeps old row versions from being cleaned up until it ends.
 */
export async function withSnapshot<T>(
  url: string,
  { timeoutMs, applicationName }: { readonly timeoutMs: number; readonly applicationName: string },
  work: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5000,
    statement_timeout: timeoutMs,
    application_name: applicationName,
    options: '-c timezone=UTC -c search_path=public',
  });
  // A connection that breaks emits, too; the query in flight rejects, and that is what is handled.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('begin isolation level repeatable read, read only');
    return await work({
      orm: drizzle(client, { schema }),
      query: async <Row extends object>(text: string, values?: readonly unknown[]) =>
        (await client.query<Row & pg.QueryResultRow>(text, values === undefined ? [] : [...values])).rows,
    });
  } finally {
    await client.end();
  }
}
