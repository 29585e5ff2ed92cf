import { afterEach, describe, expect, it, vi } from 'vitest';
import { armFailpoints, failpoint } from '../../../src/lib/failpoint.ts';

const slept = vi.hoisted((): number[] => []);
vi.mock('node:timers/promises', () => ({
  setTimeout: (ms: number) => {
    slept.push(ms);
    return Promise.resolve();
  },
}));

afterEach(() => {
  slept.length = 0;
  armFailpoints('');
  vi.restoreAllMocks();
});

const passes = async (name: string, times: number): Promise<string[]> => {
  const seen: string[] = [];
  for (let n = 0; n < times; n += 1) {
    seen.push(
      await failpoint(name).then(
        () => 'passed',
        (error: unknown) => String(error),
      ),
    );
  }
  return seen;
};

describe('a failpoint', () => {
  it('does nothing unless it is armed', async () => {
    expect(await passes('poll.read', 2)).toEqual(['passed', 'passed']);
    armFailpoints('poll.write:throw');
    expect(await passes('poll.read', 2)).toEqual(['passed', 'passed']);
  });

  it('throws once, at its first pass', async () => {
    armFailpoints('poll.read:throw');
    expect(await passes('poll.read', 3)).toEqual(['Error: failpoint poll.read', 'passed', 'passed']);
  });

  it('throws once, at the pass it names', async () => {
    armFailpoints('poll.read@3:throw');
    expect(await passes('poll.read', 5)).toEqual([
      'passed',
      'passed',
      'Error: failpoint poll.read',
      'passed',
      'passed',
    ]);
  });

  it('counts its own passes alone', async () => {
    armFailpoints('a@2:throw,b:throw');
    expect(await passes('b', 2)).toEqual(['Error: failpoint b', 'passed']);
    expect(await passes('a', 2)).toEqual(['passed', 'Error: failpoint a']);
  });

  it('kills the process at once and with no chance to clean up', async () => {
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
    armFailpoints('submit.afterClaim:kill');
    void failpoint('submit.afterClaim');
    expect(kill).toHaveBeenCalledWith(process.pid, 'SIGKILL');
  });

  it('sleeps for as long as it says, each time from the pass it names', async () => {
    armFailpoints('poll.read@2:sleep:300');
    await failpoint('poll.read');
    expect(slept).toEqual([]);
    await failpoint('poll.read');
    await failpoint('poll.read');
    expect(slept).toEqual([300, 300]);
  });

  it('hangs for ever', async () => {
    armFailpoints('poll.read:hang');
    const first = await Promise.race([
      failpoint('poll.read').then(() => 'woke'),
      new Promise((r) => setTimeout(r, 30, 'hangs')),
    ]);
    expect(first).toBe('hangs');
  });

  it('is disarmed by the next specification', async () => {
    armFailpoints('a:throw');
    armFailpoints('b:throw');
    expect(await passes('a', 1)).toEqual(['passed']);
  });
});

describe('a specification of failpoints', () => {
  it('may be empty and may hold empty parts', async () => {
    armFailpoints('');
    armFailpoints(',a:throw,');
    expect(await passes('a', 1)).toEqual(['Error: failpoint a']);
  });

  it.each(['a:explode', 'a', 'a:', 'a@0:throw', 'a@x:throw', 'a@1.5:throw', 'a:sleep:soon', 'a:sleep:-1'])(
    'that can not be read is refused: %s',
    (spec) => {
      expect(() => armFailpoints(spec)).toThrow(/failpoint/);
    },
  );
});
