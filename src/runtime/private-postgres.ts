/**
 * The private Postgres of a DATA_DIR, for those who do not set DATABASE_URL. Its promises:
 *  - Only a process that holds the lock on DATA_DIR (data-dir.ts) starts and stops it; others find and attach.
 *  - It outlives us: after kill -9 of node the next start attaches, after kill -9 of Postgres the next one recovers.
 *  - It serves 127.0.0.1 only, on a port chosen by the system, behind a random password kept 0600 in DATA_DIR.
 *  - What it says it committed is on disk, unless `fast` (tests) was asked for.
 * A cluster is never removed or overwritten.
 */
import { join } from 'node:path';
import { openDataDir, readOrCreateSecret, readSecret } from './data-dir.ts';
import { findPackage, prepareBinaries } from './private-postgres/binaries.ts';
import {
  checkVersion,
  createClusterIfAbsent,
  isLivePostmaster,
  readPostmasterFile,
} from './private-postgres/cluster.ts';
import { ask, createDatabaseIfAbsent, formatUrl } from './private-postgres/connection.ts';
import { hasCode, PrivatePostgresError } from './private-postgres/errors.ts';
import { chooseLocation, findDirectory, SYSTEM_FOLDERS } from './private-postgres/location.ts';
import { bringUp, STOP_NOW_MS, stopServer, wrongPassword } from './private-postgres/server.ts';

const PASSWORD_FILE = 'postgres.password';
const PASSWORD_BYTES = 24;
const LOG_FILE = 'postgres.log';

export interface PrivatePostgresOptions {
  readonly dataDir: string;
  /** For tests: nothing is forced to disk, and a kill -9 of Postgres may lose the last commits. */
  readonly fast?: boolean;
  /** Normally left out: the system picks a free one at each start. */
  readonly port?: number;
  /** Connections at once, default 200; a test run has many processes on one server. */
  readonly maxConnections?: number;
  /** Told, in whole sentences, what an operator should know (where the cluster went). */
  readonly log?: (line: string) => void;
  /** Where root may put the cluster and the programs when the database user cannot enter DATA_DIR. */
  readonly systemFolders?: readonly string[];
  /** Ends a start under way, which then throws START_FAILED. */
  readonly signal?: AbortSignal;
}

export interface FoundPostgres {
  /** postgres://sauda:PASSWORD@127.0.0.1:PORT/sauda */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** The data directory of the cluster. */
  readonly directory: string;
}

export interface PrivatePostgres extends FoundPostgres {
  /** A new cluster, an old one started, or a server that was already running. */
  readonly how: 'created' | 'started' | 'attached';
  /** Stops the server, whoever started it, in 20 s at most. */
  stop(): Promise<void>;
}

/**
 * Starts the Postgres of this DATA_DIR, or attaches to it when it runs, and makes sure database `sauda` is there.
 * The caller holds the lock on DATA_DIR. Throws PrivatePostgresError, whose message says what to do.
 */
export async function startPrivatePostgres(options: PrivatePostgresOptions): Promise<PrivatePostgres> {
  const dataDir = await openDataDir(options.dataDir);
  const fast = options.fast ?? false;
  const running = await locateRunning(dataDir);
  const { server, how } =
    running === null ? await startServer(dataDir, options) : { server: running, how: 'attached' as const };
  const address = { port: server.port, password: server.password };
  if (!fast && !server.durable) {
    throw new PrivatePostgresError(
      'NOT_DURABLE',
      `The Postgres on ${server.directory} (process ${server.pid}) runs without fsync, as tests do. ` +
        'Stop it, then start again.',
    );
  }
  await createDatabaseIfAbsent(address);
  const { pid, port, directory } = server;
  return { url: formatUrl(address), port, pid, directory, how, stop: () => stopServer(directory) };
}

/**
 * The running Postgres of this DATA_DIR, for processes that only attach (a single worker, the command line);
 * null when it does not run, or does not serve yet. Throws WRONG_PASSWORD when it runs but refuses ours.
 */
export async function findPrivatePostgres(options: {
  readonly dataDir: string;
}): Promise<FoundPostgres | null> {
  const running = await locateRunning(options.dataDir);
  if (running === null) return null;
  const { pid, port, directory } = running;
  return { url: formatUrl(running), port, pid, directory };
}

/**
 * Ends the server of this DATA_DIR within a second, also one that only just starts; nothing when none runs. The caller
 * holds the lock. What was committed is safe: the next start recovers what a hard stop left undone.
 */
export async function endPrivatePostgres(options: { readonly dataDir: string }): Promise<void> {
  await stopServer(await findDirectory(options.dataDir), STOP_NOW_MS);
}

interface LocatedServer {
  readonly pid: number;
  readonly port: number;
  readonly directory: string;
  readonly password: string;
  readonly durable: boolean;
}

async function locateRunning(dataDir: string): Promise<LocatedServer | null> {
  const directory = await findDirectory(dataDir);
  const file = await readPostmasterFile(directory).catch((error: unknown) => {
    // A cluster of another user: chooseLocation says so in its own words.
    if (hasCode(error, 'EACCES')) return null;
    throw error;
  });
  if (file === null || !file.ready || file.port === null) return null;
  if (!(await isLivePostmaster(file.pid, directory))) return null;
  const password = await readSecret(join(dataDir, PASSWORD_FILE));
  if (password === null) throw wrongPassword(directory);
  const answer = await ask({ port: file.port, password }, directory);
  if (answer.kind === 'refused-password') throw wrongPassword(directory);
  if (answer.kind !== 'ours') return null;
  return { pid: file.pid, port: file.port, directory, password, durable: answer.durable };
}

async function startServer(
  dataDir: string,
  options: PrivatePostgresOptions,
): Promise<{ server: LocatedServer; how: PrivatePostgres['how'] }> {
  const {
    fast = false,
    port,
    maxConnections,
    systemFolders = SYSTEM_FOLDERS,
    log = () => undefined,
    signal,
  } = options;
  const { directory, runAs } = await chooseLocation(dataDir, systemFolders, log);
  const binaries = await prepareBinaries({
    packageFolder: findPackage(),
    runAs,
    copyRoots: runAs === null ? [dataDir] : systemFolders,
    log,
  });
  const password = await readOrCreateSecret(dataDir, PASSWORD_FILE, PASSWORD_BYTES);
  const created = await createClusterIfAbsent({ directory, binaries, runAs, password, fast, log, signal });
  await checkVersion(directory, binaries);
  const logFile = join(dataDir, LOG_FILE);
  const server = await bringUp({
    directory,
    binaries,
    runAs,
    password,
    logFile,
    fast,
    port,
    maxConnections,
    log,
    signal,
  });
  const how = created ? 'created' : server.startedByUs ? 'started' : 'attached';
  return { server: { ...server, directory, password }, how };
}
