import { describe, expect, it } from 'vitest';
import type { Context } from '../../../src/services/context.ts';
import { isFresh, noteLook } from '../../../src/services/fresh-look.ts';
import { hintPoll } from '../../../src/services/hint-poll.ts';

const HOUR_MS = 3_600_000;

function contextWith(pollIntervalMs: number): Context {
  return {
    db: {},
    settings: { pollIntervalMs },
    queues: { enqueue: () => Promise.resolve(true) },
  } as unknown as Context;
}

describe('a look at the book', () => {
  it('stands for half an interval', () => {
    const context = contextWith(HOUR_MS);
    expect(isFresh(context, 'main')).toBe(false);
    noteLook(context, 'main', performance.now() - 0.49 * HOUR_MS);
    expect(isFresh(context, 'main')).toBe(true);
    noteLook(context, 'main', performance.now() - 0.51 * HOUR_MS);
    expect(isFresh(context, 'main')).toBe(false);
  });

  it('stands for its own account alone', () => {
    const context = contextWith(HOUR_MS);
    noteLook(context, 'main', performance.now());
    expect(isFresh(context, 'other')).toBe(false);
  });

  it('does not stand when an order was sent after it began', async () => {
    const context = contextWith(HOUR_MS);
    noteLook(context, 'main', performance.now() - 1);
    await hintPoll(context, 'main');
    expect(isFresh(context, 'main')).toBe(false);
    noteLook(context, 'main', performance.now());
    expect(isFresh(context, 'main')).toBe(true);
  });
});
