import { join } from 'node:path';
import { startPrivatePostgres } from '../../../src/runtime/private-postgres.ts';
import { startReaper } from './reaper.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

export interface TestPostgres {
  /** Of database `sauda`, as its superuser. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Pools open more of their connections on a slow machine; all pools of all processes at once stay below this. */
const MAX_CONNECTIONS = 500;

/**
 * A Postgres of its own in a temporary folder, gone with its data at `stop` or when the test run dies. A test that
 * kills it with -9 and expects commits to be there asks for `durable`.
 */
export async function startTestPostgres(options: { durable?: boolean } = {}): Promise<TestPostgres> {
  const dataDir = await makeTemporaryFolder('test-postgres');
  const reaper = startReaper(join(dataDir, 'postgres', 'postmaster.pid'), dataDir, 'INT');
  try {
    const postgres = await startPrivatePostgres({
      dataDir,
      fast: options.durable !== true,
      maxConnections: MAX_CONNECTIONS,
    });
    return {
      url: postgres.url,
      port: postgres.port,
      pid: postgres.pid,
      stop: async () => {
        await postgres.stop();
        await reaper.dismiss();
      },
    };
  } catch (error) {
    await reaper.dismiss();
    throw error;
  }
}
