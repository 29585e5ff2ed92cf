/**
 * Where the cluster lies and which user runs it. Normally DATA_DIR/postgres, run by ourselves. Postgres refuses
 * to run as root, so root runs it as the owner of DATA_DIR, or else as postgres or nobody; when that user cannot
 * enter DATA_DIR, the cluster lies in a system folder and DATA_DIR/postgres.location names it from then on.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasCode, PrivatePostgresError } from './errors.ts';
import type { RunAs } from './run.ts';

export interface Location {
  /** The cluster: what `postgres -D` gets. */
  readonly directory: string;
  readonly runAs: RunAs;
}

/** Never a temporary folder: those are emptied by the system, and this is a trading ledger. */
export const SYSTEM_FOLDERS: readonly string[] = ['/var/lib', '/var/db', '/opt'];

const CLUSTER_NAME = 'postgres';
const POINTER_NAME = 'postgres.location';
const DATABASE_USERS: readonly string[] = ['postgres', '_postgres', 'nobody'];

/** The place of the cluster as other processes find it; nothing is made. */
export async function findDirectory(dataDir: string): Promise<string> {
  const inside = join(dataDir, CLUSTER_NAME);
  if (await exists(join(inside, 'PG_VERSION'))) return inside;
  return (await readPointer(dataDir)) ?? inside;
}

/** The place of the cluster, old or new, with the folder above it made and reachable. */
export async function chooseLocation(
  dataDir: string,
  systemFolders: readonly string[],
  log: (line: string) => void,
): Promise<Location> {
  const directory = await findDirectory(dataDir);
  const owner = await ownerOf(directory);
  const myUid = process.getuid?.();
  if (myUid !== 0) {
    if (owner !== null && owner.uid !== myUid) {
      throw new PrivatePostgresError(
        'OWNED_BY_ANOTHER_USER',
        `The cluster in ${directory} belongs to uid ${owner.uid}, not to us (uid ${myUid ?? '?'}). ` +
          'Start as that user (or as root, if root started it before), or choose another DATA_DIR.',
      );
    }
    return { directory, runAs: null };
  }
  const runAs = owner !== null && owner.uid !== 0 ? owner : await chooseDatabaseUser(dataDir);
  const parent = dirname(directory);
  if (await canEnter(parent, runAs)) return { directory, runAs };
  await openForGroup(parent, runAs);
  if (await canEnter(parent, runAs)) return { directory, runAs };
  if (owner !== null) {
    throw new PrivatePostgresError(
      'FOLDER_NOT_REACHABLE',
      `The database user (uid ${runAs.uid}) can no longer enter ${parent}, where its cluster lies. ` +
        'Give it the right to pass through each folder above, or move DATA_DIR.',
    );
  }
  const elsewhere = await makeSystemFolder(dataDir, runAs, systemFolders);
  await fs.writeFile(join(dataDir, POINTER_NAME), `${elsewhere}\n`, { mode: 0o600 });
  log(`The database user (uid ${runAs.uid}) cannot enter ${dataDir}; the database lies in ${elsewhere}.`);
  return { directory: elsewhere, runAs };
}

/** May this user pass through every folder of the path, by the mode bits? */
export async function canEnter(path: string, user: { uid: number; gid: number }): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    const { uid, gid, mode } = await fs.stat(folder);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/**
 * A folder only root may enter becomes one that the database user's group may pass through, not list (0710).
 * What lies in it keeps its own 0600.
 */
async function openForGroup(folder: string, user: { uid: number; gid: number }): Promise<void> {
  const { uid, mode } = await fs.stat(folder);
  if (uid !== 0 || (mode & 0o077) !== 0 || !(await canEnter(dirname(folder), user))) return;
  await fs.chown(folder, 0, user.gid);
  await fs.chmod(folder, 0o710);
}

async function chooseDatabaseUser(dataDir: string): Promise<{ uid: number; gid: number }> {
  const users = await readPasswd();
  const { uid } = await fs.stat(dataDir);
  const owner = uid === 0 ? undefined : users.find((user) => user.uid === uid);
  if (owner !== undefined) return owner;
  for (const name of DATABASE_USERS) {
    const user = users.find((candidate) => candidate.name === name);
    if (user !== undefined && user.uid !== 0) return { uid: user.uid, gid: user.gid };
  }
  throw new PrivatePostgresError(
    'NO_DATABASE_USER',
    'Postgres refuses to run as root, and /etc/passwd knows neither postgres nor nobody. ' +
      'Start as a normal user, or set DATABASE_URL.',
  );
}

async function readPasswd(): Promise<{ name: string; uid: number; gid: number }[]> {
  const lines = (await fs.readFile('/etc/passwd', 'utf8')).split('\n');
  return lines.flatMap((line) => {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    return /^-?\d+$/.test(uid) && /^-?\d+$/.test(gid) ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
}

async function makeSystemFolder(
  dataDir: string,
  user: { uid: number; gid: number },
  systemFolders: readonly string[],
): Promise<string> {
  const name = `sauda-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`;
  for (const root of systemFolders) {
    const folder = join(root, name);
    try {
      if (!(await canEnter(root, user))) continue;
      await fs.mkdir(folder, { mode: 0o700 });
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'EACCES', 'EPERM', 'EROFS')) continue;
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    await fs.chown(folder, user.uid, user.gid);
    return join(folder, CLUSTER_NAME);
  }
  throw new PrivatePostgresError(
    'FOLDER_NOT_REACHABLE',
    `The database user (uid ${user.uid}) cannot enter ${dataDir}, and none of ${systemFolders.join(', ')} ` +
      'can be used instead. Move DATA_DIR to a folder it can enter, or set DATABASE_URL.',
  );
}

async function readPointer(dataDir: string): Promise<string | null> {
  try {
    return (await fs.readFile(join(dataDir, POINTER_NAME), 'utf8')).trim() || null;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

async function ownerOf(directory: string): Promise<{ uid: number; gid: number } | null> {
  try {
    const { uid, gid } = await fs.stat(directory);
    return { uid, gid };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
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
