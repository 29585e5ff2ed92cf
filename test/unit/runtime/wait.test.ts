import { describe, expect, test } from 'vitest';
import { eventually, waitFor } from '../../support/wait.ts';

describe('eventually', () => {
  test('returns the value once the check no longer throws', async () => {
    let looks = 0;
    const check = () => {
      looks += 1;
      if (looks < 3) throw new Error('not yet');
      return looks;
    };
    expect(await eventually(check, { what: 'three looks', intervalMs: 1 })).toBe(3);
  });

  test('says at the deadline what it waited for and what was wrong', async () => {
    const check = () => {
      throw new Error('2 of 3 orders are open');
    };
    await expect(
      eventually(check, { what: 'all orders to close', timeoutMs: 5, intervalMs: 1 }),
    ).rejects.toThrow(/waited 5 ms \(\d+ looks\) for all orders to close; at last: 2 of 3 orders are open/);
  });
});

describe('waitFor', () => {
  test('takes zero and the empty string for values, and null, undefined and false for none', async () => {
    expect(await waitFor(() => 0, { what: 'zero' })).toBe(0);
    expect(await waitFor(() => '', { what: 'nothing written' })).toBe('');
    for (const none of [null, undefined, false]) {
      await expect(waitFor(() => none, { what: 'never', timeoutMs: 3, intervalMs: 1 })).rejects.toThrow(
        'never',
      );
    }
  });
});
