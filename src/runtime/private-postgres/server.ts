/** The server process: starting it detached, waiting until it serves, stopping it. */
import { spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Binaries } from './binaries.ts';
import { disownPostmasterFile, isLivePostmaster, readPostmasterFile } from './cluster.ts';
import { ask } from './connection.ts';
import { hasCode, PrivatePostgresError } from './errors.ts';
import { PROGRAM_ENV, type RunAs } from './run.ts';

const POLL_MS = 15;
const RESTART_PAUSE_MS = 300;
/** For a server that never gets going; one that lives and recovers after a crash gets longer. */
const START_TIMEOUT_MS = 30_000;
const RECOVERY_TIMEOUT_MS = 300_000;
/** A start that dies for another reason than a running server: a lost race for the port, or a broken cluster. */
const MAX_FAILED_STARTS = 3;
/** Postgres itself kills the sessions that ignore a SIGQUIT for 5 s. */
const STOP_PATIENTLY_MS = { SIGINT: 5_000, SIGQUIT: 15_000 } as const;
/** For an end that can not wait: what a SIGQUIT leaves undone is recovered by the next start. */
export const STOP_NOW_MS = { SIGINT: 600, SIGQUIT: 400 } as const;
const MAX_LOG_BYTES = 10_000_000;
const LOG_TAIL_BYTES = 2_000;

/** Small enough for an idle laptop. The command line outranks postgresql.conf, so durability is decided here. */
const SETTINGS: readonly string[] = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'cluster_name=sauda',
  'shared_buffers=64MB',
  'maintenance_work_mem=32MB',
  'min_wal_size=80MB',
  'max_wal_size=512MB',
  'autovacuum_max_workers=2',
  'max_parallel_workers=2',
  'io_method=sync',
  'jit=off',
  'log_checkpoints=off',
];
const MAX_CONNECTIONS = 200;
const DURABLE: readonly string[] = ['fsync=on', 'full_page_writes=on', 'synchronous_commit=on'];
const FAST: readonly string[] = ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off'];

export interface ServerOptions {
  readonly directory: string;
  readonly binaries: Binaries;
  readonly runAs: RunAs;
  readonly password: string;
  readonly logFile: string;
  readonly fast: boolean;
  /** Fixed by the caller; otherwise each attempt takes one the system says is free. */
  readonly port: number | undefined;
  readonly maxConnections: number | undefined;
  readonly log: (line: string) => void;
  /** Ends the start, and a server that does not serve yet. */
  readonly signal: AbortSignal | undefined;
}

export interface RunningServer {
  readonly pid: number;
  readonly port: number;
  /** False when another process started it while we were about to. */
  readonly startedByUs: boolean;
  /** What it says it committed is on disk. */
  readonly durable: boolean;
}

/**
 * Starts the server unless one runs already, and returns once it serves. Collisions (another start, a dead
 * server not yet reaped, its orphans still holding the memory) are retried; Postgres itself decides who runs.
 */
export async function bringUp(options: ServerOptions): Promise<RunningServer> {
  const { directory } = options;
  const began = performance.now();
  const logOffset = await prepareLog(options);
  let child: ChildProcess | null = null;
  let nextStartAt = began;
  let failedStarts = 0;
  let answered = 'nothing';
  for (;;) {
    if (options.signal?.aborted === true) {
      // Its child knows the signal before it has a postmaster.pid that others could find it by.
      child?.kill('SIGINT');
      throw new PrivatePostgresError('START_FAILED', `The start of Postgres on ${directory} was stopped.`);
    }
    const file = await readPostmasterFile(directory);
    const alive = file !== null && (await isLivePostmaster(file.pid, directory));
    if (alive && file.ready && file.port !== null) {
      const answer = await ask({ port: file.port, password: options.password }, directory);
      if (answer.kind === 'ours') {
        const startedByUs = file.pid === child?.pid;
        return { pid: file.pid, port: file.port, startedByUs, durable: answer.durable };
      }
      if (answer.kind === 'refused-password') {
        if (file.pid === child?.pid) await stopServer(directory);
        throw wrongPassword(directory);
      }
      answered = answer.kind === 'none' ? answer.reason : 'another server';
    }
    if (child !== null && hasEnded(child)) {
      child = null;
      if (file === null) failedStarts += 1;
      nextStartAt = performance.now() + RESTART_PAUSE_MS;
    }
    const waitedMs = performance.now() - began;
    const limitMs = alive ? RECOVERY_TIMEOUT_MS : START_TIMEOUT_MS;
    if (failedStarts >= MAX_FAILED_STARTS || waitedMs > limitMs) {
      throw new PrivatePostgresError(
        'START_FAILED',
        `Postgres did not start on ${directory} in ${Math.round(waitedMs)} ms (answered: ${answered}). ` +
          `The end of ${options.logFile}:\n${await readTail(options.logFile, logOffset)}`,
      );
    }
    if (child === null && !alive && performance.now() >= nextStartAt) {
      if (file !== null) await disownPostmasterFile(directory, file.pid, options.runAs).catch(ignoreAbsent);
      child = await spawnServer(options);
    }
    await delay(POLL_MS);
  }
}

export function wrongPassword(directory: string): PrivatePostgresError {
  return new PrivatePostgresError(
    'WRONG_PASSWORD',
    `The cluster in ${directory} refuses the password in DATA_DIR/postgres.password. Put the old file back; or, ` +
      `if its data is not needed (DATA_DIR was deleted), move ${directory} away to start with an empty one.`,
  );
}

/**
 * Fast shutdown: sessions are ended, nothing is lost. Waits for postmaster.pid to vanish, because a zombie still
 * answers signals. A server that does not end in time (5 s) is told to quit at once; it recovers at its next start.
 */
export async function stopServer(
  directory: string,
  patience: Readonly<Record<'SIGINT' | 'SIGQUIT', number>> = STOP_PATIENTLY_MS,
): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    const file = await readPostmasterFile(directory);
    if (file === null || !(await isLivePostmaster(file.pid, directory))) return;
    try {
      process.kill(file.pid, signal);
    } catch (error) {
      if (!hasCode(error, 'ESRCH')) throw error;
    }
    const deadline = performance.now() + patience[signal];
    while (performance.now() < deadline) {
      const now = await readPostmasterFile(directory);
      if (now?.pid !== file.pid || !(await isLivePostmaster(file.pid, directory))) return;
      await delay(POLL_MS);
    }
  }
  throw new PrivatePostgresError(
    'STOP_FAILED',
    `Postgres on ${directory} did not stop, not even on SIGQUIT.`,
  );
}

/** Its own session and process group: Ctrl-C in the terminal ends us, and we end it in order. */
async function spawnServer(options: ServerOptions): Promise<ChildProcess> {
  const { directory, binaries, runAs, logFile } = options;
  const port = options.port ?? (await findFreePort());
  const connections = `max_connections=${options.maxConnections ?? MAX_CONNECTIONS}`;
  const settings = [...SETTINGS, connections, ...(options.fast ? FAST : DURABLE)].flatMap((setting) => [
    '-c',
    setting,
  ]);
  const output = await fs.open(logFile, 'a', 0o600);
  try {
    const child = spawn(binaries.postgres, ['-D', directory, '-p', String(port), ...settings], {
      ...runAs,
      cwd: '/',
      detached: true,
      env: PROGRAM_ENV,
      stdio: ['ignore', output.fd, output.fd],
    });
    child.once('error', (error) => options.log(`Postgres could not be started: ${error.message}`));
    child.unref();
    return child;
  } finally {
    await output.close();
  }
}

/** A child that could not be started has no pid and never reports an exit. */
function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

async function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port was given'));
        else resolve(address.port);
      });
    });
  });
}

/** Keeps one old log, and returns where the lines of this start will begin. */
async function prepareLog({ logFile, runAs }: ServerOptions): Promise<number> {
  const file = await fs.open(logFile, 'a', 0o600);
  try {
    const { size } = await file.stat();
    if (runAs !== null) await file.chown(runAs.uid, runAs.gid);
    if (size <= MAX_LOG_BYTES) return size;
  } finally {
    await file.close();
  }
  await fs.rename(logFile, `${logFile}.1`);
  return 0;
}

async function readTail(path: string, from: number): Promise<string> {
  const text = await fs.readFile(path).catch(() => Buffer.alloc(0));
  return text.subarray(from).subarray(-LOG_TAIL_BYTES).toString('utf8').trim();
}

function ignoreAbsent(error: unknown): void {
  if (!hasCode(error, 'ENOENT')) throw error;
}
