import type { OrderStatus } from '../../domain/order-status.ts';
import type { Decimal } from '../../domain/money.ts';
import type { OrderType, Side } from '../../domain/order.ts';
import type { ProtectionPolicy } from '../../domain/protection-policy.ts';
import type { GuardRole, ProtectionMode } from '../../domain/protection.ts';
import { isPricedOut } from '../exits.ts';

/**
 * What a protection group should do next, from what is. Pure, and level-triggered: it looks at the quantity held and
 * at the orders there are, never at what happened, so that running it twice, late, or after a crash is the same as
 * once. It keeps two bounds: stops that will last cover the quantity held, and nothing that may still fill on one side
 * of the group (stops with exits, or targets) ever closes more than is held.
 */

/** A triggered stop, or an exit, that rests this long is taken back and priced again, milliseconds (U16). */
export const CHASE_AFTER_MS = 3000;
/** The same where no price is known: the broker is asked for a MARKET exit, and anew no more often than this. */
const BLIND_CHASE_AFTER_MS = 15_000;

/** One order of the group that is not finished. */
export interface Guard {
  readonly id: string;
  readonly role: GuardRole;
  readonly status: OrderStatus;
  readonly leaves: number;
  readonly filled: number;
  readonly orderType: OrderType;
  readonly trigger: Decimal | null;
  readonly price: Decimal | null;
  /** The newest command that is not done. */
  readonly command: GuardCommand | null;
  /** It takes one more modify: seen in the broker's book, with modifications left, and none refused of late. */
  readonly takesModify: boolean;
  /** False while the pause after a cancel that was refused lasts. */
  readonly takesCancel: boolean;
  /** A stop whose trigger was reached: it is a limit in the book now. */
  readonly isTriggered: boolean;
  /** Milliseconds since something happened to it. */
  readonly idleMs: number;
}

export type GuardCommand =
  | { readonly kind: 'CANCEL' }
  /** `leaves`: what will be left to fill once it is done. */
  | {
      readonly kind: 'MODIFY';
      readonly isSent: boolean;
      readonly leaves: number;
      /** Milliseconds since it was sent. */
      readonly sentMs: number;
    };

export interface StopTerms {
  readonly orderType: Extract<OrderType, 'SL' | 'SL-M'>;
  readonly trigger: Decimal;
  readonly price: Decimal | null;
}

export interface GroupFacts {
  readonly policy: ProtectionPolicy;
  readonly mode: ProtectionMode;
  /** Managed units of this holder that are open. */
  readonly held: number;
  /** Side of the orders that close. */
  readonly side: Side;
  readonly guards: readonly Guard[];
  /** Null: the position has no stop, and leaves in EXIT mode only. */
  readonly stop: StopTerms | null;
  /** The market is at the stop or beyond it: the exchange would refuse one there. */
  readonly isStopPassed: boolean;
  readonly target: Decimal | null;
  /** The market is at the target or beyond it. */
  readonly isTargetPassed: boolean;
  /** Limit of an exit that trades now; null: no price is known. */
  readonly exitPrice: Decimal | null;
  /** A flatten closes this position and takes our orders out of its way itself. */
  readonly isClosing: boolean;
  /** A person is to look at the share first: nothing is placed or moved, and guards become smaller alone. */
  readonly isHeldBack: boolean;
  /** Units of `held` that a flatten of a part closes: the rest keeps its stop. */
  readonly leaving: number;
  /** Orders of the other side's old group may still fill. */
  readonly waitsForOther: boolean;
  /** False while a refusal's pause lasts. */
  readonly mayPlace: { readonly stop: boolean; readonly target: boolean; readonly exit: boolean };
  /** Largest quantity of one order. */
  readonly slice: number;
  /** A stop whose fate is not known for longer than this is not counted on. */
  readonly protectWithinMs: number;
}

export type Action =
  | { readonly kind: 'place'; readonly role: GuardRole; readonly quantity: number }
  | {
      readonly kind: 'modify';
      readonly id: string;
      /** What should be left to fill. */
      readonly leaves: number;
      /** New terms; null: only the quantity changes. */
      readonly stop: StopTerms | null;
      readonly target: Decimal | null;
    }
  | { readonly kind: 'cancel'; readonly id: string; readonly why: string };

export interface Plan {
  readonly mode: ProtectionMode;
  /** Why the mode became EXIT; null when it did not. */
  readonly why: string | null;
  readonly actions: readonly Action[];
}

export function planProtection(facts: GroupFacts): Plan {
  const { guards, held } = facts;
  const stay = { mode: facts.mode, why: null };
  if (held === 0) {
    return { ...stay, actions: guards.flatMap((guard) => cancel(guard, 'the position is closed')) };
  }
  if (facts.isClosing) return { ...stay, actions: [] };
  if (facts.isHeldBack) return { ...stay, actions: shrink(facts) };
  const why = facts.mode === 'EXIT' ? null : whyExit(facts);
  const mode = why === null ? facts.mode : 'EXIT';
  const now = { ...facts, mode, held: held - facts.leaving };
  return { mode, why, actions: [...chase(now), ...cover(now), ...targets(now)] };
}

/** No guard closes more than is held; the terms of what rests stay as they are. */
function shrink(facts: GroupFacts): Action[] {
  const still = { ...facts, stop: null, target: null };
  return (['STOP', 'TARGET', 'EXIT'] as const).flatMap((role) => {
    const own = facts.guards.filter((guard) => guard.role === role);
    return cut(own, lastingOf(own) - facts.held, still);
  });
}

/** Why a stop order will not do any more; null: it will. */
function whyExit({ policy, guards, stop, isStopPassed, isTargetPassed }: GroupFacts): string | null {
  const stale = guards.find((guard) => AT_REST.has(guard.status) && guard.role === 'STOP' && isSpent(guard));
  if (stale !== undefined) return 'the stop was triggered and rests unfilled';
  const isUncovered = !guards.some((guard) => guard.role === 'STOP' && guard.command?.kind !== 'CANCEL');
  if (stop !== null && isStopPassed && isUncovered) return 'the market is beyond the stop';
  if (policy === 'oms' && isTargetPassed) return 'the market is at the target';
  return null;
}

/** Takes back what rests at a price that does not trade any more; what is then missing is exited anew. */
function chase({ guards, exitPrice, side }: GroupFacts): Action[] {
  return guards.flatMap((guard) => {
    const isExit = guard.role === 'EXIT' || (guard.role === 'STOP' && guard.isTriggered);
    if (!isExit || !isResting(guard) || guard.command !== null) return [];
    if (exitPrice === null)
      return isAskedBlindly(guard) ? cancel(guard, 'it rests, and no price is known') : [];
    const isDead = guard.price !== null && isPricedOut(side, guard.price, exitPrice);
    // A protected MARKET or SL-M rests at a limit that we do not know.
    return isDead ? [] : cancel(guard, 'it rests at a price that does not trade');
  });
}

/** Without a price, one at a limit goes for a MARKET exit, whose protection the broker sets by the price it has. */
function isAskedBlindly({ price, idleMs }: Guard): boolean {
  return price !== null || idleMs >= BLIND_CHASE_AFTER_MS;
}

/** True of a stop that was triggered and rests: it protects nobody any more (U16). */
export function isSpent({ isTriggered, idleMs }: Pick<Guard, 'isTriggered' | 'idleMs'>): boolean {
  return isTriggered && idleMs >= CHASE_AFTER_MS;
}

function isResting(guard: Guard): boolean {
  return guard.idleMs >= CHASE_AFTER_MS && AT_REST.has(guard.status);
}

const AT_REST: ReadonlySet<OrderStatus> = new Set(['SUBMITTED', 'OPEN', 'PARTIALLY_FILLED']);

/** Stops, and exits where a stop will not do, of exactly what is held. */
function cover(facts: GroupFacts): Action[] {
  const { guards, held, mode, policy } = facts;
  const exits = guards.filter(({ role }) => role === 'EXIT');
  const tooMany = cut(exits, potentialOf(exits) - held, facts);
  const stops = guards
    .filter((guard) => guard.role === 'STOP' && isCounted(guard, facts))
    .map((guard) => believed(guard, facts));
  const want = policy === 'exchange' ? Math.max(0, held - potentialOf(exits)) : 0;
  const excess = lastingOf(stops) - want;
  const missing = want - potentialOf(stops);
  if (excess > 0) return [...tooMany, ...cut(stops, excess, facts)];
  if (mode === 'EXIT') return [...tooMany, ...exit(facts, held - potentialOf(exits) - potentialOf(stops))];
  const moved = move(facts, stops);
  if (missing <= 0 || facts.stop === null) return [...tooMany, ...moved];
  return [...tooMany, ...grow(facts, stops, missing, moved)];
}

/** One whose answer never came is not counted on after a while; if it turns up, what is too much is taken back. */
function isCounted(guard: Guard, { protectWithinMs }: GroupFacts): boolean {
  return guard.status !== 'UNKNOWN' || guard.idleMs <= protectWithinMs;
}

/** The same for a modify: what it asks for counts as long as its answer is young. */
function believed(guard: Guard, { protectWithinMs }: GroupFacts): Guard {
  const { command } = guard;
  const isLost = command?.kind === 'MODIFY' && command.isSent && command.sentMs > protectWithinMs;
  return isLost ? { ...guard, command: { ...command, leaves: guard.leaves } } : guard;
}

/** The most that may still fill of these. */
function potentialOf(guards: readonly Guard[]): number {
  return guards.reduce(
    (total, { leaves, command }) =>
      total + (command?.kind === 'MODIFY' ? Math.max(leaves, command.leaves) : leaves),
    0,
  );
}

/** What will be left of these once their commands are done. */
function lastingOf(guards: readonly Guard[]): number {
  return guards.reduce((total, guard) => total + lasting(guard), 0);
}

function lasting({ leaves, command }: Guard): number {
  if (command === null) return leaves;
  return command.kind === 'CANCEL' ? 0 : command.leaves;
}

/** Makes orders smaller by `excess`: the small ones go, the last one is modified; one that can not be is cancelled. */
function cut(guards: readonly Guard[], excess: number, facts: GroupFacts): Action[] {
  const actions: Action[] = [];
  let left = excess;
  const free = guards.filter(({ command }) => command?.kind !== 'CANCEL' && !isSent(command));
  for (const guard of [...free].sort((a, b) => lasting(a) - lasting(b))) {
    if (left <= 0) break;
    const size = lasting(guard);
    if (size > left && guard.takesModify) {
      actions.push(modify(guard, size - left, facts));
      break;
    }
    actions.push(...cancel(guard, 'the position is smaller'));
    left -= size;
  }
  return actions;
}

function isSent(command: GuardCommand | null): boolean {
  return command?.kind === 'MODIFY' && command.isSent;
}

/** Brings the stops that wait at another trigger to the one wanted. */
function move(facts: GroupFacts, stops: readonly Guard[]): Action[] {
  const { stop } = facts;
  if (stop === null) return [];
  return stops.flatMap((guard) => {
    if (guard.command !== null || guard.isTriggered || isAt(guard, stop)) return [];
    if (guard.takesModify) return [modify(guard, guard.leaves, facts)];
    return AT_REST.has(guard.status) || guard.status === 'PENDING' || guard.status === 'VALIDATED'
      ? cancel(guard, 'its trigger can not be moved any more')
      : [];
  });
}

function isAt({ trigger }: Guard, stop: StopTerms): boolean {
  return trigger !== null && trigger.eq(stop.trigger);
}

/** Covers `missing` more: one that rests grows, or another is placed beside it. */
function grow(
  facts: GroupFacts,
  stops: readonly Guard[],
  missing: number,
  moved: readonly Action[],
): Action[] {
  const candidate = stops.find(
    (guard) =>
      guard.takesModify &&
      guard.command === null &&
      !guard.isTriggered &&
      guard.filled + guard.leaves + missing <= facts.slice,
  );
  if (candidate !== undefined) {
    const others = moved.filter((action) => !('id' in action) || action.id !== candidate.id);
    return [...others, modify(candidate, candidate.leaves + missing, facts)];
  }
  if (facts.waitsForOther || !facts.mayPlace.stop) return [...moved];
  return [...moved, ...place('STOP', missing, facts.slice)];
}

function exit(facts: GroupFacts, missing: number): Action[] {
  const inDoubt = facts.guards.some(({ role, status }) => role === 'EXIT' && status === 'UNKNOWN');
  if (missing <= 0 || inDoubt || !facts.mayPlace.exit) return [];
  return place('EXIT', missing, facts.slice);
}

/** Targets share the quantity with the stops: never more than is held, and only beside stops that rest. */
function targets(facts: GroupFacts): Action[] {
  const { guards, held, target, mode, policy } = facts;
  const own = guards.filter(({ role }) => role === 'TARGET');
  const want = mode === 'EXIT' || target === null || policy !== 'exchange' ? 0 : held;
  const excess = lastingOf(own) - want;
  if (excess > 0) return cut(own, excess, facts);
  const moved = own.flatMap((guard): Action[] => {
    if (target === null || guard.command !== null || guard.price?.eq(target) === true) return [];
    return guard.takesModify
      ? [modify(guard, guard.leaves, facts)]
      : cancel(guard, 'its price can not be moved');
  });
  const missing = want - potentialOf(own);
  const resting = guards
    .filter(({ role, status }) => role === 'STOP' && AT_REST.has(status))
    .reduce((total, guard) => total + Math.min(guard.leaves, lasting(guard)), 0);
  if (missing <= 0 || resting < held || !facts.mayPlace.target) return moved;
  const candidate = own.find(
    ({ takesModify, command, filled, leaves }) =>
      takesModify && command === null && filled + leaves + missing <= facts.slice,
  );
  if (candidate === undefined) return [...moved, ...place('TARGET', missing, facts.slice)];
  const others = moved.filter((action) => !('id' in action) || action.id !== candidate.id);
  return [...others, modify(candidate, candidate.leaves + missing, facts)];
}

function place(role: GuardRole, quantity: number, slice: number): Action[] {
  const actions: Action[] = [];
  for (let left = quantity; left > 0; left -= slice) {
    actions.push({ kind: 'place', role, quantity: Math.min(left, slice) });
  }
  return actions;
}

function modify(guard: Guard, leaves: number, { stop, target }: GroupFacts): Action {
  const isStop = guard.role === 'STOP';
  const moves = isStop && stop !== null && !guard.isTriggered && !isAt(guard, stop);
  const reprices = guard.role === 'TARGET' && target !== null && guard.price?.eq(target) !== true;
  return {
    kind: 'modify',
    id: guard.id,
    leaves,
    stop: moves ? stop : null,
    target: reprices ? target : null,
  };
}

function cancel(guard: Guard, why: string): Action[] {
  return guard.command?.kind === 'CANCEL' || !guard.takesCancel
    ? []
    : [{ kind: 'cancel', id: guard.id, why }];
}
