import type { Config } from '../config/config.ts';
import { lockDataDir, openDataDir } from './data-dir.ts';
import { startPrivatePostgres } from './private-postgres.ts';
import { findDatabaseUrl } from './process.ts';

/**
 * Runs `work` on DATABASE_URL, or on the private Postgres of DATA_DIR: the one that runs, or one that is started for
 * the time of `work` when nobody runs it. Throws DataDirLockedError when another process is just starting there.
 */
export async function withDatabaseHere<T>(
  config: Config,
  purpose: string,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const running = await findDatabaseUrl(config);
  if (running !== null) return work(running);
  const dataDir = await openDataDir(config.dataDir);
  const lock = await lockDataDir(dataDir, purpose);
  try {
    const postgres = await startPrivatePostgres({ dataDir });
    try {
      return await work(postgres.url);
    } finally {
      await postgres.stop();
    }
  } finally {
    await lock.release();
  }
}
