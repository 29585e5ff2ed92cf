/**
 * The broker's budget of order calls, kept on the account row and changed only under its lock (protocol.md). A call
 * takes the next free slot: never more than `perSecond` slots in any sliding second, never more than `perMinute` in any
 * minute (counted in tens of seconds, rounded up). Each priority may fill these only up to its own share (sharesOf), so
 * that what is more urgent always finds room that lesser calls could not take. Of `perDay` placements a trading day the
 * last are kept for exits, and what protects a position or ends a halted one is sent even beyond them: the broker
 * decides. A limit of 0 is off. Source: kite.md section 3.5.
 */
import { isMutant } from '../lib/mutant.ts';
export interface BudgetLimits {
  readonly perSecond: number;
  /** Of perSecond, what entries and modifies may fill. */
  readonly entriesPerSecond: number;
  readonly perMinute: number;
  readonly perDay: number;
}

export interface BudgetState {
  /** Slots that are not a window old, epoch milliseconds, oldest first. */
  readonly slots: readonly number[];
  /** [start of ten seconds in epoch ms, calls], oldest first; at most eight. */
  readonly tens: readonly (readonly [number, number])[];
  readonly day: string;
  readonly placements: number;
}

/** From the most urgent down. kill: an exit of a halt's flatten; protectiveExit: what a position is guarded by. */
export const CALL_PRIORITIES = ['kill', 'protectiveExit', 'exit', 'cancel', 'modify', 'entry'] as const;
export type CallPriority = (typeof CALL_PRIORITIES)[number];

export type SlotDecision =
  | { readonly kind: 'SLOT'; readonly at: number; readonly state: BudgetState }
  /** The next slot is too far away: come back then. */
  | { readonly kind: 'LATER'; readonly at: number }
  /** So many placements are used that calls of this priority may make no more today. */
  | { readonly kind: 'DAY_SPENT'; readonly share: number };

const TEN_SECONDS = 10_000;
const SECOND = 1000;

/** How far ahead a slot may be for the worker to wait for it instead of coming back, milliseconds. */
export const MAX_SLOT_WAIT_MS = 1000;

export const EMPTY_BUDGET: BudgetState = { slots: [], tens: [], day: '', placements: 0 };

/** Share of a minute's calls that may be used before a call of each priority waits. */
const SHARE_OF_MINUTE: Readonly<Record<CallPriority, number>> = {
  kill: 1,
  protectiveExit: 1,
  exit: 0.95,
  cancel: 0.9,
  modify: 0.85,
  entry: 0.8,
};
/** Of a day's placements, what is kept back: 200 of 5,000 from entries, 50 of them from plain exits, too. */
const DAY_KEPT_FROM_ENTRIES = 0.04;
const DAY_KEPT_FROM_EXITS = 0.01;

/** How full the second, the minute and the day may become by a call of one priority; 0 is without a bound. */
export interface Shares {
  readonly second: number;
  readonly minute: number;
  readonly day: number;
}

/** The nested shares: nothing that is less urgent may fill more than what is more urgent. */
export function sharesOf(limits: BudgetLimits, priority: CallPriority): Shares {
  return {
    second: secondShare(limits, priority),
    minute: limits.perMinute <= 0 ? 0 : atLeastOne(limits.perMinute * SHARE_OF_MINUTE[priority]),
    day: dayShare(limits.perDay, priority),
  };
}

function secondShare({ perSecond, entriesPerSecond }: BudgetLimits, priority: CallPriority): number {
  const ofEntries = perSecond > 0 ? Math.min(entriesPerSecond || perSecond, perSecond) : entriesPerSecond;
  switch (priority) {
    case 'entry':
    case 'modify':
      return ofEntries;
    // The last place is for what guards a position, beside any number of cancels and exits.
    case 'cancel':
    case 'exit':
      return perSecond <= 0 ? 0 : Math.max(ofEntries, perSecond - 1);
    case 'protectiveExit':
    case 'kill':
      return perSecond;
  }
}

function dayShare(perDay: number, priority: CallPriority): number {
  if (perDay <= 0) return 0;
  switch (priority) {
    case 'entry':
    case 'modify':
    case 'cancel':
      return atLeastOne(perDay - Math.ceil(perDay * DAY_KEPT_FROM_ENTRIES));
    case 'exit':
      return atLeastOne(perDay - Math.ceil(perDay * DAY_KEPT_FROM_EXITS));
    case 'protectiveExit':
    case 'kill':
      return 0;
  }
}

function atLeastOne(share: number): number {
  return Math.max(1, Math.floor(share));
}

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
  const { now, lateByMs = 0 } = call;
  const placements = state.day === call.day ? state.placements : 0;
  const shares = sharesOf(limits, call.priority);
  if (call.places && shares.day > 0 && placements >= shares.day) {
    return { kind: 'DAY_SPENT', share: shares.day };
  }

  const windowMs = SECOND + lateByMs;
  const at = isMutant('no-budget') ? now : freeSlot(state, shares, now, windowMs);
  if (at - now > MAX_SLOT_WAIT_MS + lateByMs) return { kind: 'LATER', at };

  const kept = state.slots.filter((slot) => slot > now - windowMs);
  return {
    kind: 'SLOT',
    at,
    state: {
      slots: shares.second > 0 ? [...kept, at].sort((a, b) => a - b) : kept,
      tens: countTen(state.tens, limits.perMinute, at, now),
      day: call.day,
      placements: placements + (call.places ? 1 : 0),
    },
  };
}

/** The earliest instant that is free by the second and by the minute: each may put the other off. */
function freeSlot(state: BudgetState, shares: Shares, now: number, windowMs: number): number {
  let at = now;
  for (;;) {
    const bySecond = windowFree(state.slots, shares.second, at, windowMs);
    const byMinute = Math.max(bySecond, minuteFree(state.tens, shares.minute, bySecond));
    if (byMinute === at) return at;
    at = byMinute;
  }
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

/** One window of the budget. */
export interface BudgetLeft {
  readonly used: number;
  /** 0: without a bound. */
  readonly limit: number;
  /** By priority: how many more calls it may make; null: any number. */
  readonly left: Readonly<Record<CallPriority, number | null>>;
}

/** The budget with its reserves, as an operator is shown it. */
export function budgetLeft(
  state: BudgetState,
  limits: BudgetLimits,
  now: number,
  day: string,
): Readonly<Record<'second' | 'minute' | 'day', BudgetLeft>> {
  const used = usedBudget(state, now, day);
  const of = (window: 'second' | 'minute' | 'day', limit: number): BudgetLeft => ({
    used: used[window],
    limit,
    left: Object.fromEntries(
      CALL_PRIORITIES.map((priority) => {
        const share = sharesOf(limits, priority)[window];
        return [priority, share === 0 ? null : Math.max(0, share - used[window])];
      }),
    ) as BudgetLeft['left'],
  });
  return {
    second: of('second', limits.perSecond),
    minute: of('minute', limits.perMinute),
    day: of('day', limits.perDay),
  };
}

/** Reads the stored state; anything unreadable counts as empty only when it is the initial empty object. */
export function parseBudget(stored: unknown): BudgetState {
  if (typeof stored !== 'object' || stored === null || !('slots' in stored)) return EMPTY_BUDGET;
  const { slots, tens, day, placements } = stored as BudgetState;
  return { slots, tens, day, placements };
}

/** Earliest instant from `from` on at which one more call leaves at most `share` in every window that it lies in. */
function windowFree(slots: readonly number[], share: number, from: number, windowMs: number): number {
  if (share <= 0) return from;
  // An instant that is not free becomes so when the oldest slot that crowds it leaves the window.
  const ends = slots.map((slot) => slot + windowMs).filter((end) => end > from);
  return [from, ...ends.sort((a, b) => a - b)].find((at) => isFree(slots, share, at, windowMs)) ?? from;
}

/** Slots are given ahead of time, so a call may have later ones beside it as well as earlier ones. */
function isFree(slots: readonly number[], share: number, at: number, windowMs: number): boolean {
  const near = slots.filter((slot) => Math.abs(slot - at) < windowMs);
  return [at, ...near.filter((slot) => slot <= at)].every((first) => {
    const inWindow = near.filter((slot) => slot >= first && slot < first + windowMs);
    return inWindow.length < share;
  });
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
