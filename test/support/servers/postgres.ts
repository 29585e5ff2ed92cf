import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startPrivatePostgres } from '../../../src/runtime/private-postgres.ts';
import { waitFor } from '../wait.ts';
import { findFreePort } from './port.ts';
import { startReaper } from './reaper.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

export interface TestPostgres {
  /** Of database `sauda`, as its superuser. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface FixedPostgres extends TestPostgres {
  /** Ends it at once, as a power cut does (SIGQUIT: no checkpoint, sessions cut); `start` recovers it on its port. */
  crash(): Promise<void>;
  start(): Promise<void>;
  /** Every process of it stops answering without closing a connection (SIGSTOP), until `resume`. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

/** Pools open more of their connections on a slow machine; all pools of all processes at once stay below this. */
const MAX_CONNECTIONS = 500;

/**
 * A Postgres of its own in a temporary folder, gone with its data at `stop` or when the test run dies. A test that
 * kills it with -9 and expects commits to be there asks for `durable`.
 */
export async function startTestPostgres(options: { durable?: boolean } = {}): Promise<TestPostgres> {
  return startFixedPostgres(options);
}

/** The same, and it can be hurt: it comes back on its port with what it had committed. */
export async function startFixedPostgres(options: { durable?: boolean } = {}): Promise<FixedPostgres> {
  const dataDir = await makeTemporaryFolder('test-postgres');
  const reaper = startReaper(join(dataDir, 'postgres', 'postmaster.pid'), dataDir, 'INT');
  const port = await findFreePort();
  const bringUp = () =>
    startPrivatePostgres({
      ...{ dataDir, port, fast: options.durable !== true, maxConnections: MAX_CONNECTIONS },
    });
  try {
    let postgres = await bringUp();
    const signalAll = async (signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> => {
      for (const pid of [...(await childrenOf(postgres.pid)), postgres.pid]) {
        try {
          process.kill(pid, signal);
        } catch {
          continue; // a session that ended meanwhile
        }
      }
    };
    return {
      url: postgres.url,
      port,
      get pid() {
        return postgres.pid;
      },
      crash: async () => {
        process.kill(postgres.pid, 'SIGQUIT');
        await waitFor(() => !isAlive(postgres.pid), { what: 'Postgres to be down' });
      },
      start: async () => {
        postgres = await bringUp();
      },
      pause: () => signalAll('SIGSTOP'),
      resume: () => signalAll('SIGCONT'),
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

async function childrenOf(parent: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=']);
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, ppid]) => (ppid === parent && pid !== undefined ? [pid] : []));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
