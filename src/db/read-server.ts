import { withConnection } from './connection.ts';
import { isSchemaAhead, pendingMigrations } from './migrate.ts';

export interface ServerFacts {
  /** "18.4" */
  readonly version: string;
  readonly versionNumber: number;
  /** Its real clock. */
  readonly now: Date;
  readonly pending: readonly string[];
  readonly isAhead: boolean;
}

/** What a doctor asks of Postgres; changes nothing. Throws DatabaseNotReachableError. */
export async function readServerFacts(url: string): Promise<ServerFacts> {
  return withConnection(url, { options: '-c statement_timeout=5000' }, async (client) => {
    const { rows } = await client.query<{ version: string; number: number; now: Date }>(
      `select current_setting('server_version') as version,
        current_setting('server_version_num')::int as number, clock_timestamp() as now`,
    );
    const [row] = rows;
    if (row === undefined) throw new Error('Postgres gave no row');
    return {
      version: row.version.split(' ')[0] ?? row.version,
      versionNumber: row.number,
      now: row.now,
      pending: await pendingMigrations(client),
      isAhead: await isSchemaAhead(client),
    };
  });
}
