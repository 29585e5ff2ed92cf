import type { PlacementOutcome } from '../broker/port.ts';
import type { AccountView } from '../db/account-view.ts';
import type { Context } from './context.ts';

/**
 * What two planted bugs (src/lib/mutant.ts) remember between their wrong place and the right one. Empty unless one is
 * armed, which configuration refuses in production and with real money.
 */

/** `call-before-commit`: calls made inside the transaction that claims, by claim. */
const earlyCalls = new Map<string, Promise<PlacementOutcome>>();

export function callEarly(claimId: string, call: () => Promise<PlacementOutcome>): void {
  if (!earlyCalls.has(claimId)) earlyCalls.set(claimId, call());
}

export function earlyCall(claimId: string): Promise<PlacementOutcome> | null {
  return earlyCalls.get(claimId) ?? null;
}

/** `trade-position-two-tx`: what recorded trades have yet to do to positions, by trade. */
const unbooked = new Map<string, (view: AccountView) => void>();

export function bookLater(trade: string, book: (view: AccountView) => void): void {
  unbooked.set(trade, book);
}

export async function bookUnbooked(context: Context, accountId: string): Promise<void> {
  const work = [...unbooked.values()];
  unbooked.clear();
  if (work.length === 0) return;
  const run = (view: AccountView): void => {
    for (const book of work) book(view);
  };
  await context.withAccount({ accountId, actor: context.processName, needs: {}, run });
}
