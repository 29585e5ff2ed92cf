import { describe, expect, it } from 'vitest';
import { createDirectRuns } from '../../../src/services/direct-runs.ts';

/** Work that ends when the test says so. */
function heldWork() {
  const ends = new Map<string, () => void>();
  const begun: string[] = [];
  const work = (name: string) => () => {
    begun.push(name);
    return new Promise<void>((resolve) => ends.set(name, resolve));
  };
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { begun, work, end };
}

describe('direct runs', () => {
  it('run every one of twenty accounts in their order, four at a time, and drop none', async () => {
    const { begun, work, end } = heldWork();
    const runs = createDirectRuns(4, () => undefined);
    const accounts = Array.from({ length: 20 }, (_, index) => `protect:${index}`);
    for (const name of accounts) runs.run(name, work(name));
    expect(begun).toEqual(accounts.slice(0, 4));
    for (const name of accounts) await end(name);
    expect(begun).toEqual(accounts);
  });

  it('take a name once while it waits or runs, and again after', async () => {
    const { begun, work, end } = heldWork();
    const runs = createDirectRuns(1, () => undefined);
    for (const name of ['a', 'b', 'a', 'b']) runs.run(name, work(name));
    await end('a');
    await end('b');
    expect(begun).toEqual(['a', 'b']);
    runs.run('a', work('a'));
    expect(begun).toEqual(['a', 'b', 'a']);
  });

  it('tell of a run that failed, and go on', async () => {
    const { begun, work, end } = heldWork();
    const failed: string[] = [];
    const runs = createDirectRuns(1, (name) => failed.push(name));
    runs.run('a', () => Promise.reject(new Error('no')));
    runs.run('b', work('b'));
    await end('a');
    expect(failed).toEqual(['a']);
    expect(begun).toEqual(['b']);
  });
});
