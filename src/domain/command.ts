import type { PlainTerms } from './order-terms.ts';

/**
 * A cancel or a modify of an order: a durable command beside the order's true status. WAITING for its turn, for the
 * order's broker id, or for another try; IN_FLIGHT from the claim of its call until the broker's book has shown what
 * became of it; DONE with an outcome.
 */
export type CommandKind = 'CANCEL' | 'MODIFY';
export type CommandState = 'WAITING' | 'IN_FLIGHT' | 'DONE';

/** How the broker answered the newest call; null while no answer is known. A request taken is not a change made. */
export type CommandAnswer = 'ACKNOWLEDGED' | 'REFUSED' | 'UNKNOWN';

/**
 * ACCEPTED: the book shows it. REFUSED: by us, the broker or the exchange. TOO_LATE: the order had ended.
 * UNKNOWN: taken or perhaps taken, but the book never showed it. REPLACED: a newer command took its place.
 */
export type CommandOutcome = 'ACCEPTED' | 'REFUSED' | 'TOO_LATE' | 'UNKNOWN' | 'REPLACED';

/** What tells an old message of a broker's row from one that answers a command; texts as the broker sent them. */
export interface BookBefore {
  readonly message: string | null;
  readonly orderTimestamp: string | null;
}

/** A command as far as its life is decided by it. */
export interface Command {
  readonly id: string;
  readonly kind: CommandKind;
  /** What a modify changes; null for a cancel. */
  readonly terms: PlainTerms | null;
  readonly state: CommandState;
  readonly reason: string | null;
  readonly sends: number;
  readonly answer: CommandAnswer | null;
  readonly answeredAt: Date | null;
  readonly bookBefore: BookBefore | null;
  /** Whole reads of the book, begun after the answer, that did not show what was asked. */
  readonly cleanReads: number;
}

/** Modifications the broker takes of one order (kite.md section 3.5). */
export const MAX_MODIFICATIONS = 25;
/** Of these, what a stop keeps for the OMS's own corrections (controls.md control 13). */
const KEPT_FOR_PROTECTION = 5;

/** Modifications of an order of this role that may still be asked for; the last of a stop's by protection alone. */
export function modificationsLeft(
  order: { readonly role: string; readonly modifications: number },
  byProtection = false,
): number {
  const isKept = order.role === 'STOP' && !byProtection;
  const most = isKept ? MAX_MODIFICATIONS - KEPT_FOR_PROTECTION : MAX_MODIFICATIONS;
  return Math.max(0, most - order.modifications);
}
