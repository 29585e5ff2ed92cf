import { BrokerError } from '../broker/errors.ts';
import { readPollSilence } from '../db/stores/poll-store.ts';
import type { Context } from './context.ts';
import { sessionExpired } from './record-placement.ts';

/** Read errors for so long are told: shorter ones pass by themselves. */
const UNREADABLE_AFTER_MS = 30_000;

/** Stands while the books of an account can not be read; the first read that succeeds ends it. */
export const UNREADABLE = 'broker_unreadable';

/**
 * Tells of a read of the broker that failed: at once when the session is dead, since nobody would log in otherwise, and
 * after a while whatever the reason. It changes nothing else (design.md invariant 12). Never throws: what failed is
 * the read.
 */
export async function tellUnreadable(context: Context, accountId: string, error: unknown): Promise<void> {
  try {
    const isLoggedOut = error instanceof BrokerError && error.code === 'SESSION_EXPIRED';
    const silentMs = await readPollSilence(context.db, accountId);
    if (!isLoggedOut && silentMs < UNREADABLE_AFTER_MS) return;
    const reason = error instanceof Error ? error.message : String(error);
    await context.withAccount({
      accountId,
      actor: context.processName,
      needs: { openAlerts: true },
      run: (view) => {
        if (isLoggedOut) sessionExpired(context, view, reason);
        if (silentMs < UNREADABLE_AFTER_MS) return;
        view.raiseAlert({
          id: context.newId(),
          severity: 'CRITICAL',
          type: 'broker_unreadable',
          message: `the broker's book was last read ${Math.round(silentMs / 1000)} s ago (limit ${UNREADABLE_AFTER_MS / 1000} s): ${reason}; orders, fills and stops are not followed meanwhile`,
          details: { silentMs: Math.round(silentMs) },
          orderId: null,
          condition: UNREADABLE,
        });
      },
    });
  } catch (failure) {
    context.log.warn({ err: failure, accountId }, 'a broker that can not be read could not be told');
  }
}
