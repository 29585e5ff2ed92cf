/** The files of a cluster: making one with initdb, judging one that is there, reading postmaster.pid. */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { inspectProcess } from '../data-dir.ts';
import type { Binaries } from './binaries.ts';
import { hasCode, PrivatePostgresError } from './errors.ts';
import { run, type RunAs } from './run.ts';

export const USER = 'sauda';

/** Written by initdb from its start to its end; a folder without one of them is no cluster. */
const PARTS_OF_A_CLUSTER = [
  'PG_VERSION',
  'global/pg_control',
  'postgresql.conf',
  'pg_hba.conf',
  'base/1/PG_VERSION',
];

export interface CreateOptions {
  readonly directory: string;
  readonly binaries: Binaries;
  readonly runAs: RunAs;
  readonly password: string;
  readonly fast: boolean;
  readonly log: (line: string) => void;
  /** Ends initdb. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Makes the cluster when there is none, and says whether it did. initdb works in a folder beside it that is
 * renamed at the end, so the place is empty or complete; of two makers at once the slower one drops its work.
 */
export async function createClusterIfAbsent(options: CreateOptions): Promise<boolean> {
  const { directory, log } = options;
  if (await isCluster(directory)) return false;
  await sweepDrafts(directory);
  await moveIncompleteAside(directory, log);
  const draft = `${directory}.new-${process.pid}-${randomBytes(4).toString('hex')}`;
  const passwordFile = `${draft}.password`;
  try {
    await fs.mkdir(draft, { mode: 0o700 });
    await fs.writeFile(passwordFile, options.password, { mode: 0o600, flag: 'wx' });
    if (options.runAs !== null) {
      await fs.chown(draft, options.runAs.uid, options.runAs.gid);
      await fs.chown(passwordFile, options.runAs.uid, options.runAs.gid);
    }
    await runInitdb(options, draft, passwordFile);
    await fs.rename(draft, directory);
    await syncFolder(dirname(directory));
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST') && (await isCluster(directory))) return false;
    throw error;
  } finally {
    await fs.rm(passwordFile, { force: true });
    await fs.rm(draft, { recursive: true, force: true });
  }
}

/** The builtin C.UTF-8 locale sorts by code point and does not change with the libraries of the system. */
async function runInitdb(options: CreateOptions, draft: string, passwordFile: string): Promise<void> {
  const { exitCode, output } = await run(
    options.binaries.initdb,
    [
      ...['-D', draft, '-U', USER, '--pwfile', passwordFile, '-A', 'scram-sha-256', '-E', 'UTF8'],
      ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'],
      ...(options.fast ? ['--no-sync'] : []),
    ],
    options.runAs,
    options.signal,
  );
  if (exitCode !== 0) {
    throw new PrivatePostgresError('INITDB_FAILED', `initdb failed in ${draft}: ${output.trim()}`);
  }
}

/** A complete cluster, as far as its files tell. */
export async function isCluster(directory: string): Promise<boolean> {
  for (const part of PARTS_OF_A_CLUSTER) {
    try {
      await fs.access(join(directory, part));
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return false;
      throw error;
    }
  }
  return true;
}

/** Throws VERSION_MISMATCH unless the cluster was made by the same major version. */
export async function checkVersion(directory: string, binaries: Binaries): Promise<void> {
  const version = (await fs.readFile(join(directory, 'PG_VERSION'), 'utf8')).trim();
  if (version === binaries.major) return;
  throw new PrivatePostgresError(
    'VERSION_MISMATCH',
    `The cluster in ${directory} was made by PostgreSQL ${version}, but the installed programs are version ` +
      `${binaries.major}. Install the package version that made it, or dump it with version ${version} and ` +
      `load the dump into a new DATA_DIR.`,
  );
}

/** Drafts of makers that died; a draft whose maker lives is another start at work. */
async function sweepDrafts(directory: string): Promise<void> {
  const parent = dirname(directory);
  const prefix = `${basename(directory)}.new-`;
  for (const name of await fs.readdir(parent)) {
    if (!name.startsWith(prefix)) continue;
    const maker = Number.parseInt(name.slice(prefix.length), 10);
    if (maker !== process.pid && (await inspectProcess(maker)).alive) continue;
    if (maker === process.pid) continue;
    await fs.rm(join(parent, name), { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Moved, not removed: whoever put it there may want to look. An empty folder is simply replaced. */
async function moveIncompleteAside(directory: string, log: (line: string) => void): Promise<void> {
  try {
    if ((await fs.readdir(directory)).length === 0) return;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  // Another start may have finished its cluster since we looked.
  if (await isCluster(directory)) return;
  const aside = `${directory}.incomplete-${randomBytes(4).toString('hex')}`;
  await fs.rename(directory, aside);
  log(`${directory} held no complete cluster; it was moved to ${aside}, and a new one is made.`);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What a running server writes about itself into its data directory. */
export interface PostmasterFile {
  readonly pid: number;
  readonly port: number | null;
  readonly ready: boolean;
}

/** Lines: pid, data directory, start time, port, socket folder, address, shared memory key, status. */
export function parsePostmasterFile(text: string): PostmasterFile | null {
  const lines = text.split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  const port = Number(lines[3]);
  const isPort = Number.isInteger(port) && port > 0 && port < 65_536;
  return { pid, port: isPort ? port : null, ready: lines[7] === 'ready' };
}

export async function readPostmasterFile(directory: string): Promise<PostmasterFile | null> {
  try {
    return parsePostmasterFile(await fs.readFile(join(directory, 'postmaster.pid'), 'utf8'));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Is the process a living Postgres on this cluster? A zombie, or another program that got the pid, is not. */
export async function isLivePostmaster(pid: number, directory: string): Promise<boolean> {
  if (!(await inspectProcess(pid)).alive) return false;
  return process.platform === 'linux' ? worksInLinux(pid, directory) : worksInByPs(pid, directory);
}

/** A server works in its data directory, even after that was moved; where /proc hides that, its name decides. */
async function worksInLinux(pid: number, directory: string): Promise<boolean> {
  try {
    const program = (await fs.readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')[0] ?? '';
    if (basename(program) !== 'postgres') return false;
    const [here, there] = await Promise.all([fs.stat(`/proc/${pid}/cwd`), fs.stat(directory)]);
    return here.dev === there.dev && here.ino === there.ino;
  } catch (error) {
    return hasCode(error, 'EACCES', 'EPERM');
  }
}

async function worksInByPs(pid: number, directory: string): Promise<boolean> {
  const { exitCode, output } = await run('/bin/ps', ['-ww', '-o', 'command=', '-p', String(pid)], null);
  return exitCode === 0 && output.includes('postgres') && output.includes(directory);
}

/**
 * Makes a postmaster.pid whose server is dead acceptable to the next one. Postgres refuses to start while the pid
 * in it answers signals, as a zombie or an unrelated program that got the number does, but it takes the pid of
 * its own parent for stale. So the first line becomes our pid; the shared memory key stays, and with it the
 * check that no orphan of the old server still works on the files.
 */
export async function disownPostmasterFile(directory: string, deadPid: number, runAs: RunAs): Promise<void> {
  const path = join(directory, 'postmaster.pid');
  const lines = (await fs.readFile(path, 'utf8')).split('\n');
  if (Number(lines[0]) !== deadPid) return;
  const draft = `${path}.${randomBytes(4).toString('hex')}`;
  await fs.writeFile(draft, [String(process.pid), ...lines.slice(1)].join('\n'), { mode: 0o600, flag: 'wx' });
  if (runAs !== null) await fs.chown(draft, runAs.uid, runAs.gid);
  await fs.rename(draft, path);
}
