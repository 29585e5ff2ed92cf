import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '../../src/client/index.ts';
import { findFreePort } from './servers/port.ts';
import { type Reaper, startReaper } from './servers/reaper.ts';
import { makeTemporaryFolder } from './servers/temporary-folder.ts';
import { waitFor } from './wait.ts';

/** A machine's worth of Sauda: DATA_DIR and ports that stay the same from start to start. */
export interface Installation {
  readonly dataDir: string;
  readonly apiUrl: string;
  /** Kite's wire of the paper exchange. */
  readonly marketUrl: string;
  readonly controlUrl: string;
  /** What its processes are given. */
  readonly environment: Readonly<Record<'DATA_DIR' | 'PORT', string>>;
  start(options?: StartOptions): RunningAll;
  /** The pid of the private Postgres; null when none runs. */
  postmaster(): Promise<number | null>;
  /** Whatever still runs is killed, and the folder removed. */
  remove(): Promise<void>;
}

export interface StartOptions {
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** `workers/all.ts` as a process. */
export interface RunningAll {
  output(): string;
  /** A client with the admin token, once the API answers; throws with the output when it ends first. */
  ready(): Promise<Client>;
  /** Sends the signal and gives the time until the process was gone, milliseconds, and its exit code. */
  end(signal: NodeJS.Signals): Promise<{ readonly code: number | null; readonly tookMs: number }>;
  /** How it ended by itself. */
  ended(): Promise<number | null>;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
}

const START_TIMEOUT_MS = 180_000;

/** An empty DATA_DIR in a folder of its own, run by this user or by `as`. */
export async function makeInstallation(as?: User): Promise<Installation> {
  const folder = await makeTemporaryFolder('all');
  await fs.chmod(folder, 0o755);
  const dataDir = path.join(folder, 'data');
  await fs.mkdir(dataDir, { mode: 0o700 });
  if (as !== undefined) await fs.chown(dataDir, as.uid, as.gid);
  const pidFile = path.join(dataDir, 'postgres', 'postmaster.pid');
  const reaper: Reaper = startReaper(pidFile, folder, 'INT');
  const [api, paper, control] = [await findFreePort(), await findFreePort(), await findFreePort()];
  const running: RunningAll[] = [];
  const environment = {
    PATH: process.env['PATH'] ?? '',
    TZ: 'Asia/Kolkata',
    DATA_DIR: dataDir,
    PORT: String(api),
    PAPER_PORT: String(paper),
    PAPER_CONTROL_PORT: String(control),
    PAPER_FILL_DELAY_MS: '50',
    PAPER_FILL_PROBABILITY: '1',
    DEMO: 'off',
    // A busy machine must not decide whether an order goes out in time.
    SEND_WINDOW_MS: '5000',
    PRICE_MAX_AGE_MS: '60000',
    MAX_ORDER_AGE_MS: '0',
  };
  return {
    dataDir,
    apiUrl: `http://127.0.0.1:${api}`,
    marketUrl: `http://127.0.0.1:${paper}`,
    controlUrl: `http://127.0.0.1:${control}`,
    environment,
    start: (options = {}) => {
      const started = startAll(
        { ...environment, ...options.environment },
        options.args ?? [],
        as,
        async () => {
          const token = await fs.readFile(path.join(dataDir, 'admin.token'), 'utf8');
          return createClient({ baseUrl: `http://127.0.0.1:${api}`, token: token.trim() });
        },
      );
      running.push(started);
      return started;
    },
    postmaster: async () => {
      const text = await fs.readFile(pidFile, 'utf8').catch(() => '');
      const pid = Number(text.split('\n')[0]);
      return pid > 0 && (await isRunning(pid)) ? pid : null;
    },
    remove: async () => {
      await Promise.all(running.map((one) => one.end('SIGKILL')));
      await reaper.dismiss();
    },
  };
}

function startAll(
  environment: Readonly<Record<string, string>>,
  args: readonly string[],
  as: User | undefined,
  connect: () => Promise<Client>,
): RunningAll {
  const child = spawn(process.execPath, ['--import', 'tsx', 'workers/all.ts', ...args], {
    ...as,
    cwd: fileURLToPath(new URL('../../', import.meta.url)),
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-200_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const exited = once(child, 'exit');
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    output: () => output,
    ready: async () => {
      await waitFor(() => hasEnded() || output.includes('Sauda is running'), {
        what: 'Sauda to run',
        timeoutMs: START_TIMEOUT_MS,
      });
      if (hasEnded()) throw new Error(`it ended before it ran: ${output}`);
      return connect();
    },
    end: async (signal) => {
      const began = performance.now();
      if (!hasEnded()) {
        child.kill(signal);
        await exited;
      }
      return { code: child.exitCode, tookMs: performance.now() - began };
    },
    ended: async () => {
      await exited;
      return child.exitCode;
    },
  };
}

/** A zombie answers signals but runs nothing. */
async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
    const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    return !/\) [ZX] /.test(stat);
  } catch {
    return false;
  }
}
