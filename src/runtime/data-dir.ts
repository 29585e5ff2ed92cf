/**
 * DATA_DIR: the private folder of one installation on one machine, its lock and its secrets.
 *
 * The lock promises: at most one live process holds it; death in any form, kill -9 included, frees it; a reused
 * pid is not taken for the holder. Node has no flock, so the holder is the newest of numbered claims in lock/:
 *  1. A claim appears by link(2): whole, and for one taker only.
 *  2. Claim n+1 may follow claim n only when n is released or its process is dead.
 *  3. The newest claim is never removed. Older ones are removed by the holder, lowest first, so a taker whose
 *     predecessor has gone knows that it came late, whatever number it managed to create.
 * Processes in different pid namespaces (two containers on one volume) cannot see each other: not supported.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const LOCK_FOLDER = 'lock';
const MAX_CLAIM_ATTEMPTS = 200;

/** Who holds a DATA_DIR. `startedAt` is the time its claim was written, by the file system's clock. */
export interface DataDirHolder {
  readonly pid: number;
  readonly purpose: string;
  readonly startedAt: Date;
}

export interface DataDirLock {
  /** The absolute path of the locked folder. */
  readonly directory: string;
  readonly purpose: string;
  /** Frees the folder; a second call does nothing. */
  release(): Promise<void>;
}

/** Another live process holds the folder. */
export class DataDirLockedError extends Error {
  override readonly name = 'DataDirLockedError';
  readonly code = 'DATA_DIR_LOCKED';
  readonly directory: string;
  readonly holder: DataDirHolder;

  constructor(directory: string, holder: DataDirHolder) {
    const since = holder.startedAt.toLocaleString('sv-SE', { timeZone: 'Asia/Kolkata' });
    super(
      `${directory} is in use by process ${holder.pid} (${holder.purpose}), started at ${since} IST. ` +
        'Stop it first, or choose another DATA_DIR.',
    );
    this.directory = directory;
    this.holder = holder;
  }
}

/** Makes the folder, 0700, when absent, and returns its real path. The mode of an existing one is left alone. */
export async function openDataDir(path: string): Promise<string> {
  const directory = resolve(path);
  await fs.mkdir(directory, { recursive: true, mode: 0o700 });
  return fs.realpath(directory);
}

/**
 * Takes the folder for this process; `purpose` is what a refused second start is told ("sauda server").
 * Throws DataDirLockedError while another process, or an earlier call in this one, holds it.
 */
export async function lockDataDir(path: string, purpose: string): Promise<DataDirLock> {
  const directory = await openDataDir(path);
  const folder = join(directory, LOCK_FOLDER);
  await makeLockFolder(directory, folder);
  const { identity } = await inspectProcess(process.pid);
  const claim: Claim = { pid: process.pid, identity, purpose, released: false };
  for (let attempt = 0; attempt < MAX_CLAIM_ATTEMPTS; attempt += 1) {
    const newest = await readNewestClaim(folder);
    if (newest === null) continue;
    if (await isHeld(newest.claim)) throw new DataDirLockedError(directory, holderOf(newest));
    const generation = newest.generation + 1;
    if (!(await claimGeneration(folder, generation, claim))) continue;
    await removeOlderThan(folder, generation);
    let released = false;
    return {
      directory,
      purpose,
      release: async () => {
        if (released) return;
        released = true;
        await replaceFile(join(folder, String(generation)), JSON.stringify({ ...claim, released: true }));
      },
    };
  }
  throw new Error(`no claim on ${folder} succeeded in ${MAX_CLAIM_ATTEMPTS} attempts`);
}

/** Who holds the folder now; null when nobody does. */
export async function readDataDirHolder(path: string): Promise<DataDirHolder | null> {
  const newest = await readNewestClaim(join(resolve(path), LOCK_FOLDER));
  return newest !== null && (await isHeld(newest.claim)) ? holderOf(newest) : null;
}

/**
 * The secret kept in `directory`/`name`: base64url of `bytes` random bytes, 0600, made at the first call.
 * Processes that call at once agree on one value, because the file appears by link(2) with its content.
 */
export async function readOrCreateSecret(directory: string, name: string, bytes: number): Promise<string> {
  const path = join(directory, name);
  const found = await readSecret(path);
  if (found !== null) return found;
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writeDurably(draft, randomBytes(bytes).toString('base64url'), 0o600);
  try {
    await giveToOwnerOf(directory, draft);
    await fs.link(draft, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    await fs.rm(draft, { force: true });
  }
  const secret = await readSecret(path);
  if (secret === null) throw new Error(`${path} vanished while it was being made`);
  return secret;
}

/** The secret in the file, or null when there is no such file. Takes rights of group and others away. */
export async function readSecret(path: string): Promise<string | null> {
  let text: string;
  try {
    text = (await fs.readFile(path, 'utf8')).trim();
    if (((await fs.stat(path)).mode & 0o077) !== 0) await fs.chmod(path, 0o600);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
  if (text === '') throw new Error(`${path} is empty; put its content back, or remove it to get a new one`);
  return text;
}

/** Is the process there, and which one: `identity` differs between two processes that had the same pid. */
export interface ProcessState {
  /** False for a zombie too: it answers kill(pid, 0) but holds nothing. */
  readonly alive: boolean;
  /** Boot and start time; null where the system does not tell. */
  readonly identity: string | null;
}

/** Looks a pid up in the process table. */
export async function inspectProcess(pid: number): Promise<ProcessState> {
  if (!answersSignals(pid)) return { alive: false, identity: null };
  if (process.platform === 'linux') return inspectLinuxProcess(pid);
  if (process.platform === 'darwin') return inspectDarwinProcess(pid);
  return { alive: true, identity: null };
}

function answersSignals(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

async function inspectLinuxProcess(pid: number): Promise<ProcessState> {
  try {
    const [stat, boot] = await Promise.all([
      fs.readFile(`/proc/${pid}/stat`, 'utf8'),
      fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    // proc(5): the program name may hold spaces and brackets; after it come the state (3) ... start time (22).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0] ?? '';
    const startTicks = fields[19];
    if (state === 'Z' || state === 'X' || startTicks === undefined) return { alive: false, identity: null };
    return { alive: true, identity: `${boot.trim()}/${startTicks}` };
  } catch {
    // A mount with hidepid shows nothing of others; the answer to the signal then decides.
    return { alive: answersSignals(pid), identity: null };
  }
}

async function inspectDarwinProcess(pid: number): Promise<ProcessState> {
  try {
    const { stdout } = await promisify(execFile)('/bin/ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      env: { LC_ALL: 'C', TZ: 'UTC' },
    });
    const [state = '', ...start] = stdout.trim().split(/\s+/);
    return state.startsWith('Z')
      ? { alive: false, identity: null }
      : { alive: true, identity: start.join(' ') };
  } catch {
    return { alive: answersSignals(pid), identity: null };
  }
}

interface Claim {
  readonly pid: number;
  readonly identity: string | null;
  readonly purpose: string;
  readonly released: boolean;
}

interface NumberedClaim {
  readonly generation: number;
  readonly claim: Claim | null;
  readonly writtenAt: Date;
}

/** The lock folder appears with claim 0, released, inside: it is never empty, and 0 is never made again. */
async function makeLockFolder(directory: string, folder: string): Promise<void> {
  if (await exists(folder)) return;
  const draft = await fs.mkdtemp(join(directory, 'lock-draft-'));
  try {
    await fs.chmod(draft, 0o755);
    const nobody: Claim = { pid: 0, identity: null, purpose: 'nobody yet', released: true };
    await writeDurably(join(draft, '0'), JSON.stringify(nobody), 0o644);
    await giveToOwnerOf(directory, draft);
    await fs.rename(draft, folder);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY') && !hasCode(error, 'EEXIST')) throw error;
  } finally {
    await fs.rm(draft, { recursive: true, force: true });
  }
}

/** Null when the folder is absent, or changed under our eyes: the caller looks again. */
async function readNewestClaim(folder: string): Promise<NumberedClaim | null> {
  try {
    const generation = (await listGenerations(folder)).at(-1);
    if (generation === undefined) return null;
    const path = join(folder, String(generation));
    const [text, { mtime }] = await Promise.all([fs.readFile(path, 'utf8'), fs.stat(path)]);
    return { generation, claim: parseClaim(text), writtenAt: mtime };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

async function listGenerations(folder: string): Promise<number[]> {
  const names = await fs.readdir(folder);
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** Null for what no holder ever wrote (a damaged disk): such a claim binds nobody. */
function parseClaim(text: string): Claim | null {
  try {
    const value = JSON.parse(text) as Partial<Record<keyof Claim, unknown>> | null;
    if (typeof value?.pid !== 'number' || typeof value.purpose !== 'string') return null;
    const identity = typeof value.identity === 'string' ? value.identity : null;
    return { pid: value.pid, purpose: value.purpose, identity, released: value.released === true };
  } catch {
    return null;
  }
}

async function isHeld(claim: Claim | null): Promise<boolean> {
  if (claim === null || claim.released) return false;
  const { alive, identity } = await inspectProcess(claim.pid);
  return alive && (identity === null || claim.identity === null || identity === claim.identity);
}

function holderOf({ claim, writtenAt }: NumberedClaim): DataDirHolder {
  return { pid: claim?.pid ?? 0, purpose: claim?.purpose ?? 'unknown', startedAt: writtenAt };
}

/** True when this process now holds `generation`; false when another was faster. */
async function claimGeneration(folder: string, generation: number, claim: Claim): Promise<boolean> {
  const path = join(folder, String(generation));
  const draft = join(folder, `draft-${randomBytes(6).toString('hex')}`);
  await writeDurably(draft, JSON.stringify(claim), 0o644);
  try {
    await fs.link(draft, path);
  } catch (error) {
    // EEXIST: another has this number. ENOENT: a new holder swept our draft away.
    if (hasCode(error, 'EEXIST') || hasCode(error, 'ENOENT')) return false;
    throw error;
  } finally {
    await fs.rm(draft, { force: true });
  }
  if (await exists(join(folder, String(generation - 1)))) return true;
  await fs.rm(path, { force: true });
  return false;
}

async function removeOlderThan(folder: string, generation: number): Promise<void> {
  for (const older of await listGenerations(folder)) {
    if (older < generation) await fs.rm(join(folder, String(older)), { force: true });
  }
  for (const name of await fs.readdir(folder)) {
    if (name.startsWith('draft-')) await fs.rm(join(folder, name), { force: true });
  }
}

/** What root makes in the folder of a normal user stays usable by that user. */
async function giveToOwnerOf(directory: string, path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await fs.stat(directory);
  await fs.chown(path, uid, gid);
}

async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writeDurably(draft, text, 0o644);
  await fs.rename(draft, path);
}

async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  const file = await fs.open(path, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await fs.access(path);
    return true;
  } catch {
    return false;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
