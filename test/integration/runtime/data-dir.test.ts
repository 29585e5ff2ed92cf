import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  DataDirLockedError,
  inspectProcess,
  lockDataDir,
  openDataDir,
  readDataDirHolder,
  readOrCreateSecret,
} from '../../../src/runtime/data-dir.ts';
import { startChild, type ChildProgram } from '../../support/servers/child.ts';

const CHILD = new URL('./children/lock-data-dir.ts', import.meta.url);
const CONTENDERS = 6;

let folder: string;
let children: ChildProgram[];

beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'sauda-data-dir-'));
  children = [];
});

afterEach(async () => {
  for (const child of children) await child.kill('SIGKILL');
  await fs.rm(folder, { recursive: true });
});

interface Attempt {
  readonly won: boolean;
  readonly pid?: number;
  readonly holder?: number;
}

/** Starts the contenders, waits until all are loaded, and lets them go at once. */
async function race(count: number): Promise<{ child: ChildProgram; attempt: Attempt }[]> {
  const contenders = Array.from({ length: count }, () => startChild(CHILD, [folder, 'a contender']));
  children.push(...contenders);
  for (const child of contenders) expect(await child.nextLine()).toBe('ready');
  for (const child of contenders) child.write('go\n');
  return Promise.all(
    contenders.map(async (child) => ({ child, attempt: JSON.parse(await child.nextLine()) as Attempt })),
  );
}

async function writeStaleClaim(claim: { pid: number; identity: string | null }): Promise<void> {
  const lock = join(folder, 'lock');
  await fs.mkdir(lock);
  await fs.writeFile(join(lock, '7'), JSON.stringify({ ...claim, purpose: 'the dead', released: false }));
}

describe('the lock on DATA_DIR', () => {
  test('is refused while another holds it, in a sentence that says who, since when and for what', async () => {
    const lock = await lockDataDir(folder, 'sauda server');
    const refusal = await lockDataDir(folder, 'sauda worker').catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DataDirLockedError);
    const { message, holder } = refusal as DataDirLockedError;
    expect(holder).toMatchObject({ pid: process.pid, purpose: 'sauda server' });
    expect(message).toMatch(
      new RegExp(
        `process ${process.pid} \\(sauda server\\), started at \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d IST`,
      ),
    );
    await lock.release();
  });

  test('is free again after release, and a late second release does not free the next holder', async () => {
    const first = await lockDataDir(folder, 'first');
    await first.release();
    expect(await readDataDirHolder(folder)).toBeNull();
    const second = await lockDataDir(folder, 'second');
    await first.release();
    expect(await readDataDirHolder(folder)).toMatchObject({ purpose: 'second' });
    await second.release();
  });

  test('goes to exactly one of several that come at once, and the others name the winner', async () => {
    const results = await race(CONTENDERS);
    const winners = results.filter(({ attempt }) => attempt.won);
    expect(winners).toHaveLength(1);
    const losers = results.filter(({ attempt }) => !attempt.won);
    expect(losers.map(({ attempt }) => attempt.holder)).toEqual(losers.map(() => winners[0]?.attempt.pid));
  });

  test('goes to exactly one of several that find the claim of a dead process', async () => {
    await writeStaleClaim({ pid: 999_999_999, identity: null });
    expect((await race(CONTENDERS)).filter(({ attempt }) => attempt.won)).toHaveLength(1);
    expect(await fs.readdir(join(folder, 'lock'))).toEqual(['8']);
  });

  test('is freed by kill -9 of its holder', async () => {
    const [first] = await race(1);
    expect(first?.attempt.won).toBe(true);
    await first?.child.kill('SIGKILL');
    const lock = await lockDataDir(folder, 'the next');
    await lock.release();
  });

  test('is not held by another process that got the pid of a dead holder', async () => {
    await writeStaleClaim({ pid: process.pid, identity: 'an earlier boot/12345' });
    const lock = await lockDataDir(folder, 'the next');
    expect(await readDataDirHolder(folder)).toMatchObject({ pid: process.pid, purpose: 'the next' });
    await lock.release();
  });

  test('stays with a holder whose process is the same', async () => {
    const { identity } = await inspectProcess(process.pid);
    await writeStaleClaim({ pid: process.pid, identity });
    await expect(lockDataDir(folder, 'the next')).rejects.toBeInstanceOf(DataDirLockedError);
  });

  test('has one holder at any moment through many takes and releases by tasks at once', async () => {
    let holding = 0;
    let most = 0;
    let taken = 0;
    const take = async (): Promise<void> => {
      for (let round = 0; round < 25; round += 1) {
        const lock = await lockDataDir(folder, 'a task').catch((error: unknown) => {
          if (error instanceof DataDirLockedError) return null;
          throw error;
        });
        if (lock === null) continue;
        holding += 1;
        taken += 1;
        most = Math.max(most, holding);
        await new Promise((resolve) => setImmediate(resolve));
        holding -= 1;
        await lock.release();
      }
    };
    await Promise.all(Array.from({ length: 8 }, take));
    expect(most).toBe(1);
    expect(taken).toBeGreaterThan(5);
  });
});

describe.skipIf(process.getuid?.() !== 0)('a lock made by root in the folder of a normal user', () => {
  test('can be taken by that user afterwards', async () => {
    const nobody = { uid: 65_534, gid: 65_534 };
    await fs.chown(folder, nobody.uid, nobody.gid);
    await (await lockDataDir(folder, 'root')).release();
    const child = startChild(CHILD, [folder, 'a user'], nobody);
    children.push(child);
    expect(await child.nextLine()).toBe('ready');
    child.write('go\n');
    expect(JSON.parse(await child.nextLine())).toMatchObject({ won: true });
  });
});

describe('DATA_DIR', () => {
  test('is made private when absent, and left alone when there', async () => {
    const fresh = await openDataDir(join(folder, 'a', 'b'));
    expect((await fs.stat(fresh)).mode & 0o777).toBe(0o700);
    await fs.chmod(fresh, 0o750);
    await openDataDir(fresh);
    expect((await fs.stat(fresh)).mode & 0o777).toBe(0o750);
  });
});

describe('a secret', () => {
  test('is one value for all that ask at once, kept 0600', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => readOrCreateSecret(folder, 'token', 32)),
    );
    expect(new Set(answers).size).toBe(1);
    expect(Buffer.from(answers[0] ?? '', 'base64url')).toHaveLength(32);
    expect((await fs.stat(join(folder, 'token'))).mode & 0o777).toBe(0o600);
    expect(await fs.readdir(folder)).toEqual(['token']);
  });

  test('that others could read is closed to them', async () => {
    await fs.writeFile(join(folder, 'token'), 'chosen by hand\n', { mode: 0o644 });
    expect(await readOrCreateSecret(folder, 'token', 32)).toBe('chosen by hand');
    expect((await fs.stat(join(folder, 'token'))).mode & 0o777).toBe(0o600);
  });

  test('is never an empty string', async () => {
    await fs.writeFile(join(folder, 'token'), '\n', { mode: 0o600 });
    await expect(readOrCreateSecret(folder, 'token', 32)).rejects.toThrow('is empty');
  });
});
