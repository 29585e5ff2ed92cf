import type { BrokerFunds } from '../broker/port.ts';

/**
 * Compares what the broker has blocked with what may have it blocked. Pure. How much a position or an order needs is the
 * broker's to say (SPAN files, hedges, peaks of the day): our estimate of it would differ every day and prove nothing.
 * What can be told for certain is money that is blocked for nothing that either of us knows.
 */
export interface BlockedMargin {
  readonly segment: 'equity' | 'commodity';
  /** Whole ones, rounded up. */
  readonly rupees: number;
}

/** By segment; none while anything is held, waits, or was traded so lately that a figure may be older than it. */
export function blockedForNothing(funds: BrokerFunds, isAnythingThere: boolean): BlockedMargin[] {
  if (isAnythingThere) return [];
  return (['equity', 'commodity'] as const).flatMap((segment) => {
    const blocked = funds[segment]?.blocked;
    return blocked === undefined || !blocked.gt(0) ? [] : [{ segment, rupees: blocked.ceil().toNumber() }];
  });
}
