import { expect, it } from 'vitest';
import type { Database } from '../../../src/db/client.ts';
import { createInstrumentDirectory } from '../../../src/market-data/instruments.ts';

/** A database whose every read of a name is held until `answer`, and counted. */
function heldDatabase() {
  const held: HeldRead[] = [];
  const where = (): Promise<unknown[]> =>
    new Promise((resolve, reject) => held.push({ resolve, reject: () => reject(new Error('gone')) }));
  const db = { orm: { select: () => ({ from: () => ({ where }) }) } } as unknown as Database;
  return { db, held };
}

interface HeldRead {
  readonly resolve: (rows: unknown[]) => void;
  readonly reject: () => void;
}

const ROW = { id: 7, exchange: 'NSE', symbol: 'RELIANCE', multiplier: null };

it('asks once for a share that hundreds of first orders name, and not again while it is kept', async () => {
  const { db, held } = heldDatabase();
  const directory = createInstrumentDirectory(db, () => 0);
  const first = Array.from({ length: 300 }, () => directory.find('NSE', 'RELIANCE'));
  expect(held).toHaveLength(1);
  held[0]?.resolve([ROW]);
  const found = await Promise.all(first);
  expect(new Set(found).size).toBe(1);
  expect(found[0]?.id).toBe(7);
  expect(await directory.find('NSE', 'RELIANCE')).toBe(found[0]);
  expect(held).toHaveLength(1);
});

it('asks again after a read that failed, and after one that found nothing', async () => {
  const { db, held } = heldDatabase();
  const directory = createInstrumentDirectory(db, () => 0);
  const failing = directory.find('NSE', 'RELIANCE');
  held[0]?.reject();
  await expect(failing).rejects.toThrow('gone');
  const missing = directory.find('NSE', 'RELIANCE');
  held[1]?.resolve([]);
  expect(await missing).toBeNull();
  void directory.find('NSE', 'RELIANCE');
  expect(held).toHaveLength(3);
});
