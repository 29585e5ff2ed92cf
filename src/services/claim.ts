import type { Order } from '../domain/order.ts';

/** A committed claim: the right, and the duty, to make one call. */
export interface Claim {
  readonly order: Order;
  readonly claimId: string;
  /** This process's monotonic clock: not before, and not after, the call may start. */
  readonly notBeforeMs: number;
  readonly deadlineMs: number;
}

export type ClaimDecision =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'later'; readonly order: Order; readonly at: Date }
  /** It would open more than its checks allowed for: it is PENDING again, and they run anew. */
  | { readonly kind: 'recheck'; readonly order: Order }
  /** The fence needs the instrument, which this process has not seen yet. */
  | { readonly kind: 'unprepared'; readonly order: Order }
  | { readonly kind: 'claimed'; readonly claim: Claim };
