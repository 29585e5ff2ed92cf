import type { Context } from './context.ts';

const hinted = new WeakMap<Context, Map<string, number>>();

/**
 * Asks for an early look at an account's book, at most once a poll interval: the first order of a quiet account is
 * seen at once, and a busy account is looked at by its schedule, many orders at a time.
 */
export async function hintPoll(context: Context, accountId: string): Promise<void> {
  const last = hinted.get(context) ?? new Map<string, number>();
  hinted.set(context, last);
  const now = performance.now();
  if (now - (last.get(accountId) ?? -Infinity) < context.settings.pollIntervalMs) return;
  last.set(accountId, now);
  await context.queues.enqueue('poll', `${accountId}-sent`, { accountId });
}

/** When this process last asked for one, on its monotonic clock; -Infinity when it never did. */
export function lastHintMs(context: Context, accountId: string): number {
  return hinted.get(context)?.get(accountId) ?? -Infinity;
}
