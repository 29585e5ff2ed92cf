import { describe, expect, it } from 'vitest';
import {
  type OperationScope,
  covers,
  exitClientId,
  overlap,
  pauseAfter,
} from '../../../src/domain/operation.ts';

const ALL: OperationScope = { strategyId: null, instrumentId: null, product: null };
const ALPHA = { ...ALL, strategyId: 'alpha' };
const RELIANCE = { ...ALL, instrumentId: 1 };
const RELIANCE_MIS = { ...RELIANCE, product: 'MIS' } as const;

describe('the scopes of two operations', () => {
  it('cover what lies in them', () => {
    expect([ALL, ALPHA, RELIANCE, RELIANCE_MIS].every((scope) => covers(ALL, scope))).toBe(true);
    expect(covers(RELIANCE, RELIANCE_MIS)).toBe(true);
    expect(covers(RELIANCE_MIS, RELIANCE)).toBe(false);
    expect(covers(ALPHA, ALL)).toBe(false);
    expect(covers(ALPHA, { ...ALPHA, strategyId: 'beta' })).toBe(false);
  });

  it('overlap where something may lie in both', () => {
    expect(overlap(ALPHA, RELIANCE)).toBe(true);
    expect(overlap(RELIANCE_MIS, { ...RELIANCE, product: 'CNC' })).toBe(false);
    expect(overlap(RELIANCE, { ...RELIANCE, instrumentId: 2 })).toBe(false);
    expect(overlap(ALPHA, { ...ALPHA, strategyId: 'beta' })).toBe(false);
  });
});

describe('an exit of an operation', () => {
  it('has the same id for the same place, and one that a client order may have', () => {
    const id = exitClientId('0198f000-0000-7000-8000-000000000001', '2147483647/NRML', 9999);
    expect(id).toBe('x.0198f000-0000-7000-8000-000000000001.2147483647.NRML.9999');
    expect(id).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
  });
});

describe('the pause after tries that came to nothing', () => {
  it('doubles from a second to half a minute', () => {
    expect([1, 2, 3, 4, 5, 6, 7].map(pauseAfter)).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });
});
