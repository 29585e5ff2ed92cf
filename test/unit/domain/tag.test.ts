import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptTag } from '../../../src/domain/tag.ts';

const ORDER = '0189dcd5-5311-7d40-8db0-9496a2eef37b';
const uuid = fc.uuid();
const attempt = fc.integer({ min: 1, max: 1_000_000 });

describe('attemptTag', () => {
  it('stays what it was: a tag at the broker must be found again after an upgrade', () => {
    expect(attemptTag(ORDER, 1)).toBe('Dr50lte05qOwuib1VGcm');
    expect(attemptTag(ORDER, 2)).toBe('IqEAN0UWIEVQS6IFRHtw');
  });

  it('is 20 letters and digits, with a letter first', () => {
    fc.assert(
      fc.property(uuid, attempt, (orderId, n) => {
        expect(attemptTag(orderId, n)).toMatch(/^[A-Za-z][A-Za-z0-9]{19}$/);
        expect(attemptTag(orderId, n)).toBe(attemptTag(orderId, n));
      }),
    );
  });

  it('differs between attempts and between orders', () => {
    const tags = new Set<string>();
    for (let n = 1; n <= 2000; n += 1) tags.add(attemptTag(ORDER, n));
    for (let n = 0; n < 2000; n += 1) {
      tags.add(attemptTag(`0189dcd5-5311-7d40-8db0-${n.toString(16).padStart(12, '0')}`, 1));
    }
    expect(tags.size).toBe(4000);
  });

  it('uses every letter and digit at every place about equally', () => {
    const counts = new Map<string, number>();
    for (let n = 1; n <= 6200; n += 1) {
      const last = attemptTag(ORDER, n).charAt(19);
      counts.set(last, (counts.get(last) ?? 0) + 1);
    }
    expect(counts.size).toBe(62);
    for (const count of counts.values()) expect(count).toBeGreaterThan(50);
  });

  it.each([
    ['not-a-uuid', 1],
    [ORDER.toUpperCase(), 1],
    [ORDER, 0],
    [ORDER, 1.5],
    [ORDER, Number.NaN],
    [ORDER, 1_000_001],
  ])('refuses order %s, attempt %s', (orderId, n) => {
    expect(() => attemptTag(orderId, n)).toThrow();
  });
});
