import { mkdtemp, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY_FOLDER = '/dev/shm';
const NEEDED_BYTES = 2_000_000_000;

/** A new folder for the data of a test server: in memory where there is plenty, three times as fast as a disk. */
export async function makeTemporaryFolder(prefix: string): Promise<string> {
  return mkdtemp(join((await hasRoom(MEMORY_FOLDER)) ? MEMORY_FOLDER : tmpdir(), `sauda-${prefix}-`));
}

async function hasRoom(folder: string): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize >= NEEDED_BYTES;
  } catch {
    return false;
  }
}
