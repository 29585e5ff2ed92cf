import type { Config } from '../config/config.ts';
import { DatabaseNotReachableError } from '../db/connection.ts';
import { DataDirLockedError, lockDataDir, openDataDir } from './data-dir.ts';
import { startPrivatePostgres } from './private-postgres.ts';
import { PrivatePostgresError } from './private-postgres/errors.ts';
import { findDatabaseUrl } from './process.ts';

/**
 * Runs `work` on DATABASE_URL, or on the private Postgres of DATA_DIR: the one that runs, or one that is started for
 * the time of `work` when nobody runs it. Throws DatabaseNotReachableError when another process is just starting it, or
 * it can not be started; else what `work` throws.
 */
export async function withDatabaseHere<T>(
  config: Config,
  purpose: string,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const running = await findDatabaseUrl(config);
  if (running !== null) return work(running);
  const dataDir = await openDataDir(config.dataDir);
  const lock = await lockDataDir(dataDir, purpose).catch(orNotReachable);
  try {
    const postgres = await startPrivatePostgres({ dataDir }).catch(orNotReachable);
    try {
      return await work(postgres.url);
    } finally {
      await postgres.stop();
    }
  } finally {
    await lock.release();
  }
}

function orNotReachable(error: unknown): never {
  if (error instanceof DataDirLockedError || error instanceof PrivatePostgresError) {
    throw new DatabaseNotReachableError(error.message, { cause: error });
  }
  throw error;
}
