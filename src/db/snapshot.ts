import { drizzle } from 'drizzle-orm/node-postgres';
import type pg from 'pg';
import type { Db } from './client.ts';
import { withConnection } from './connection.ts';
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
  const session = {
    statement_timeout: timeoutMs,
    application_name: applicationName,
    options: '-c timezone=UTC -c search_path=public',
  };
  return withConnection(url, session, async (client) => {
    await client.query('begin isolation level repeatable read, read only');
    return work({
      orm: drizzle(client, { schema }),
      query: async <Row extends object>(text: string, values?: readonly unknown[]) =>
        (await client.query<Row & pg.QueryResultRow>(text, values === undefined ? [] : [...values])).rows,
    });
  });
}
