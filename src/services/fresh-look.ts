import type { Database } from '../db/client.ts';
import type { Context } from './context.ts';
import { lastHintMs } from './hint-poll.ts';

/** When the last look at an account that succeeded began, by this process's monotonic clock. */
const lastLooks = new WeakMap<Database, Map<string, number>>();
/** Share of a poll interval for which a look stands. */
const FRESH_SHARE = 0.5;

/**
 * Whether a look at the account's book that began less than half an interval ago stands: an early look, after an order
 * was sent, spares the schedule's one right behind it. One that is older than the last order sent here never does.
 */
export function isFresh(context: Context, accountId: string): boolean {
  const last = lastLooks.get(context.db)?.get(accountId) ?? -Infinity;
  if (lastHintMs(context, accountId) > last) return false;
  return performance.now() - last < context.settings.pollIntervalMs * FRESH_SHARE;
}

/** Notes a look that succeeded; a failed one leaves everything to be seen. */
export function noteLook({ db }: Pick<Context, 'db'>, accountId: string, beganMs: number): void {
  const looks = lastLooks.get(db) ?? new Map<string, number>();
  lastLooks.set(db, looks.set(accountId, beganMs));
}
