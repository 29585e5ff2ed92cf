import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findPackage } from '../../../src/runtime/private-postgres/binaries.ts';
import { canEnter } from '../../../src/runtime/private-postgres/location.ts';

let folder: string;

beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'sauda-location-'));
});

afterEach(() => fs.rm(folder, { recursive: true }));

describe('a folder can be entered', () => {
  test.each([
    ['its owner', 0o100, 'owner'],
    ['its group', 0o010, 'group'],
    ['anybody else', 0o001, 'other'],
  ] as const)('by %s only with the right of that class', async (_who, bit, kind) => {
    const { uid, gid } = await fs.stat(folder);
    const user = {
      owner: { uid, gid: gid + 1 },
      group: { uid: uid + 1, gid },
      other: { uid: uid + 1, gid: gid + 1 },
    };
    await fs.chmod(folder, bit);
    expect(await canEnter(folder, user[kind])).toBe(true);
    await fs.chmod(folder, 0o111 & ~bit);
    expect(await canEnter(folder, user[kind])).toBe(false);
    await fs.chmod(folder, 0o700);
  });

  test('only when each folder above it can be', async () => {
    const { uid, gid } = await fs.stat(folder);
    const stranger = { uid: uid + 1, gid: gid + 1 };
    const inner = join(folder, 'inner');
    await fs.mkdir(inner, { mode: 0o755 });
    expect(await canEnter(inner, stranger)).toBe(false);
    await fs.chmod(folder, 0o711);
    expect(await canEnter(inner, stranger)).toBe(true);
  });
});

describe('the Postgres programs', () => {
  test.each(['plan9-x64', 'win32-x64'])('are said not to exist for %s, with the way out', (system) => {
    expect(() => findPackage(system)).toThrow(/no private Postgres for .*Set DATABASE_URL/);
  });

  test('that npm left out are reported with the way out', () => {
    const absent = process.platform === 'darwin' ? 'linux-arm64' : 'darwin-arm64';
    expect(() => findPackage(absent)).toThrow(/is not installed .*Set DATABASE_URL/);
  });
});
