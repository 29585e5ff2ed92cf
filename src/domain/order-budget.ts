/**
 * The broker's budget of order calls, kept on the account row and changed only under its lock (protocol.md).
 * A claim takes the next free slot: never more than `perSecond` slots in any sliding second, of which entries
 * and modifies may use `entriesPerSecond`; never more than `perMinute` in any minute (counted in tens of seconds, rounded up);
 * never more than `perDay` placements a trading day. A limit of 0 is off. Source: kite.md section 3.5.
 */
export interface BudgetLimits {
  readonly perSecond: number;
  readonly entriesPerSecond: number;
  readonly perMinute: number;
  readonly perDay: number;
}

export interface BudgetState {
  /** The newest slots in the order they were given, epoch milliseconds; at most perSecond of them. */
  readonly slots: readonly number[];
  readonly entrySlots: readonly number[];
  /** [start of ten seconds in epoch ms, calls], oldest first; at most eight. */
  readonly tens: readonly (readonly [number, number])[];
  readonly day: string;
  readonly placements: number;
}

export type CallPriority = 'kill' | 'protectiveExit' | 'exit' | 'cancel' | 'modify' | 'entry';

export type SlotDecision =
  | { readonly kind: 'SLOT'; readonly at: number; readonly state: BudgetState }
  /** The next slot is too far away: come back then. */
  | { readonly kind: 'LATER'; readonly at: number }
  | { readonly kind: 'DAY_SPENT' };

const TEN_SECONDS = 10_000;
const SECOND = 1000;

/** How far ahead a slot may be for the worker to wait for it instead of coming back, milliseconds. */
export const MAX_SLOT_WAIT_MS = 1000;

export const EMPTY_BUDGET: BudgetState = { slots: [], entrySlots: [], tens: [], day: '', placements: 0 };

/** Takes the next slot at or after `now` (epoch ms) for one call. */
export function takeSlot(
  state: BudgetState,
  limits: BudgetLimits,
  call: {
    readonly now: number;
    readonly day: string;
    readonly priority: CallPriority;
    readonly places: boolean;
    /** How long after its slot the call may still start: late ones must not crowd the second after it. */
    readonly lateByMs?: number;
  },
): SlotDecision {
  const placements = state.day === call.day ? state.placements : 0;
  if (call.places && limits.perDay > 0 && placements >= limits.perDay) return { kind: 'DAY_SPENT' };

  // Modifies share the slots of entries, so that exits and cancels never wait behind them.
  const isEntry = call.priority === 'entry' || call.priority === 'modify';
  const windowMs = SECOND + (call.lateByMs ?? 0);
  let at = Math.max(call.now, windowFree(state.slots, limits.perSecond, windowMs));
  if (isEntry) at = Math.max(at, windowFree(state.entrySlots, limits.entriesPerSecond, windowMs));
  at = Math.max(at, minuteFree(state.tens, limits.perMinute, at));
  if (at - call.now > MAX_SLOT_WAIT_MS + (call.lateByMs ?? 0)) return { kind: 'LATER', at };

  return {
    kind: 'SLOT',
    at,
    state: {
      slots: keepLast(state.slots, at, limits.perSecond),
      entrySlots: isEntry ? keepLast(state.entrySlots, at, limits.entriesPerSecond) : state.entrySlots,
      tens: countTen(state.tens, limits.perMinute, at, call.now),
      day: call.day,
      placements: placements + (call.places ? 1 : 0),
    },
  };
}

/**
 * Slots of the second before `now` and those given away ahead of it, calls counted in the minute before, and
 * placements of `day`: what an operator is shown.
 */
export function usedBudget(
  state: BudgetState,
  now: number,
  day: string,
): { second: number; minute: number; day: number } {
  const recent = state.tens.filter(([start]) => start > now - 60_000 - TEN_SECONDS);
  return {
    second: state.slots.filter((slot) => slot > now - SECOND).length,
    minute: recent.reduce((total, [, calls]) => total + calls, 0),
    day: state.day === day ? state.placements : 0,
  };
}

/** Reads the stored state; anything unreadable counts as empty only when it is the initial empty object. */
export function parseBudget(stored: unknown): BudgetState {
  if (typeof stored !== 'object' || stored === null || !('slots' in stored)) return EMPTY_BUDGET;
  return stored as BudgetState;
}

/** Earliest instant at which one more call keeps at most `limit` in any window. */
function windowFree(slots: readonly number[], limit: number, windowMs: number): number {
  if (limit <= 0 || slots.length < limit) return 0;
  return (slots[slots.length - limit] ?? 0) + windowMs;
}

function minuteFree(tens: readonly (readonly [number, number])[], limit: number, at: number): number {
  if (limit <= 0) return 0;
  let free = 0;
  let used = 0;
  for (let i = tens.length - 1; i >= 0; i--) {
    const [start, calls] = tens[i] ?? [0, 0];
    if (start + TEN_SECONDS + 60_000 <= at) break;
    used += calls;
    if (used >= limit) {
      free = start + TEN_SECONDS + 60_000;
      break;
    }
  }
  return free;
}

function keepLast(slots: readonly number[], at: number, limit: number): readonly number[] {
  return limit <= 0 ? [] : [...slots, at].slice(-limit);
}

function countTen(
  tens: readonly (readonly [number, number])[],
  limit: number,
  at: number,
  now: number,
): readonly (readonly [number, number])[] {
  if (limit <= 0) return [];
  const start = Math.floor(at / TEN_SECONDS) * TEN_SECONDS;
  const counted = (tens.find(([t]) => t === start)?.[1] ?? 0) + 1;
  // Forgotten by the time of the call, not of its slot: the next call must not find free what this one waits for.
  const kept = tens.filter(([t]) => t !== start && t > now - 60_000 - TEN_SECONDS);
  // A slot taken now may lie before one that an entry already waits for: the order is kept by time.
  return [...kept, [start, counted] as const].sort((a, b) => a[0] - b[0]);
}
