import type { Product } from './instrument.ts';

/** HALT: cancels what is on its way or working. FLATTEN: does that too, then exits until the broker is flat. */
export type OperationKind = 'HALT' | 'FLATTEN';
/** FAILED: ended with something left, which `left` names. */
export type OperationState = 'RUNNING' | 'DONE' | 'FAILED';

export interface OperationScope {
  /** Null: the account's own. Otherwise the strategy's orders, and min(its net, the account's net). */
  readonly strategyId: string | null;
  /** Null: every instrument. */
  readonly instrumentId: number | null;
  /** Null: every product. */
  readonly product: Product | null;
}

/** What a flatten has done for one key; its exits are found by their deterministic ids, 1 to `placed`. */
export interface KeyProgress {
  readonly placed: number;
  /** Why nothing more is tried; null: it goes on. */
  readonly givenUp: string | null;
}

/** Something an operation has not done, for a person. */
export interface Leftover {
  /** "NSE:RELIANCE MIS", or the id of an order. */
  readonly what: string;
  /** Signed managed quantity that is still there; null when it is not about a position. */
  readonly quantity: number | null;
  readonly why: string;
}

/** Cancels asked for of one order: the broker may refuse one. */
export interface CancelTries {
  readonly tries: number;
  /** RFC 3339. */
  readonly lastAt: string;
}

export interface OperationDetails extends OperationScope {
  readonly reason: string;
  /** It ends when this halt is released; null: it belongs to none. */
  readonly haltId: string | null;
  /** An operator stands behind it: its exits pass a halt that leaves exits to operators. */
  readonly byOperator: boolean;
  /** Every working order that could raise the worst-case position, not only what was on its way. */
  readonly cancelOpen: boolean;
  /** Entries that were on their way when it began. */
  readonly inFlight: readonly string[];
  /** Units to close; null: all of them. */
  readonly quantity: number | null;
  readonly cancels: Readonly<Record<string, CancelTries>>;
  /** By "instrumentId/product". */
  readonly keys: Readonly<Record<string, KeyProgress>>;
  /** Exits placed so far, oldest first. */
  readonly orders: readonly string[];
  readonly left: readonly Leftover[];
  /** Looks in a row at which the broker's positions were not ours although nothing was on its way. */
  readonly differs: number;
}

const PARTS = ['strategyId', 'instrumentId', 'product'] as const;

/** True when everything in `b` lies in `a`. */
export function covers(a: OperationScope, b: OperationScope): boolean {
  return PARTS.every((part) => a[part] === null || a[part] === b[part]);
}

/** True when something may lie in both. */
export function overlap(a: OperationScope, b: OperationScope): boolean {
  return PARTS.every((part) => a[part] === null || b[part] === null || a[part] === b[part]);
}

/** The id of the n-th exit of a key: the same after a crash, so that a resumed operation doubles nothing. */
export function exitClientId(operationId: string, key: string, n: number): string {
  return `x.${operationId}.${key.replace('/', '.')}.${n}`;
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

/** The pause after the n-th try, n from 1: 1, 2, 4 ... 30 seconds. */
export function pauseAfter(tries: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, tries - 1));
}
