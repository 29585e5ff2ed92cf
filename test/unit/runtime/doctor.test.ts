import { describe, expect, it } from 'vitest';
import {
  judgeClock,
  judgeDisk,
  judgeMigrations,
  judgeRedis,
  lookAtNode,
} from '../../../src/runtime/doctor.ts';

const GOOD = { version: '7.2.4', maxmemoryPolicy: 'noeviction', appendOnly: true };

describe('what sauda doctor thinks', () => {
  it.each([
    ['18.20.0', 'bad'],
    ['20.18.9', 'bad'],
    ['20.19.0', 'ok'],
    ['24.1.0', 'ok'],
  ])('of Node %s: %s', (version, state) => expect(lookAtNode(version)).toMatchObject({ state }));

  it.each([
    [0.5e9, 'bad'],
    [3e9, 'warning'],
    [50e9, 'ok'],
  ])('of %d bytes free: %s', (free, state) => expect(judgeDisk(free, '/x')).toMatchObject({ state }));

  it.each([
    [1900, 'ok'],
    [2100, 'bad'],
  ])('of clocks %i ms apart: %s', (off, state) => expect(judgeClock('clock', off)).toMatchObject({ state }));

  it('of migrations that wait, and of a database that is ahead', () => {
    expect(judgeMigrations({ pending: [], isAhead: false }).state).toBe('ok');
    expect(judgeMigrations({ pending: ['0009_x'], isAhead: false })).toMatchObject({
      state: 'bad',
      mend: 'sauda migrate',
    });
    expect(judgeMigrations({ pending: [], isAhead: true })).toMatchObject({ state: 'bad' });
  });

  it('of Redis that evicts, or forgets', () => {
    expect(judgeRedis(GOOD)).toMatchObject([{ state: 'ok' }]);
    const [evicts] = judgeRedis({ ...GOOD, maxmemoryPolicy: 'allkeys-lru' });
    expect(evicts).toMatchObject({ state: 'bad' });
    expect(evicts?.mend).toContain('maxmemory-policy noeviction');
    const [forgets] = judgeRedis({ ...GOOD, appendOnly: false });
    expect(forgets).toMatchObject({ state: 'warning' });
    expect(judgeRedis({ ...GOOD, maxmemoryPolicy: 'volatile-ttl', appendOnly: false })).toHaveLength(2);
  });
});
