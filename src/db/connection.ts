import pg from 'pg';

/** Postgres was not there, or went away in the middle: what was being done may be done again. */
export class DatabaseNotReachableError extends Error {
  override readonly name = 'DatabaseNotReachableError';
}

/** SQLSTATEs by which a server says that it takes no work now: connection, shutting down or starting, too many clients. */
const NOT_THERE = /^(08|57P0|53300)/;
/** pg's words for a query that outlasted `query_timeout`. */
const NO_ANSWER = 'Query read timeout';
const CONNECT_TIMEOUT_MS = 5000;

/**
 * Runs `work` on a connection of its own. Throws DatabaseNotReachableError when none can be made, and when it breaks
 * while `work` runs; else what `work` throws.
 */
export async function withConnection<T>(
  url: string,
  options: pg.ClientConfig,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...options,
  });
  let broken: unknown = null;
  // A connection that breaks emits, too; what `work` waits for rejects.
  client.on('error', (error) => (broken ??= error));
  try {
    await client.connect();
  } catch (cause) {
    throw notReachable(url, cause);
  }
  try {
    return await work(client);
  } catch (error) {
    if (broken !== null || isNotThere(error)) throw notReachable(url, broken ?? error);
    throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function isNotThere(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return NOT_THERE.test(error.code ?? '');
  return error instanceof Error && error.message === NO_ANSWER;
}

/** Without the password that the address may hold. */
function notReachable(url: string, cause: unknown): DatabaseNotReachableError {
  const { host, pathname } = new URL(url);
  return new DatabaseNotReachableError(`no database answers at ${host}${pathname}: ${reasonOf(cause)}`, {
    cause,
  });
}

/** An address with several numbers fails with one error for each, and says nothing itself. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
