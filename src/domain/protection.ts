import { Decimal } from './money.ts';
import { pauseAfter } from './operation.ts';
import { isFinal } from './order-status.ts';
import { type Order, type Side, sideSign } from './order.ts';

/** STOP: by orders that rest. EXIT: a stop is of no use any more, the position leaves by exits that are chased. */
export type ProtectionMode = 'STOP' | 'EXIT';

/** What protects a position: its stops, its targets, and exits where a stop is not possible. */
export const GUARD_ROLES = ['STOP', 'TARGET', 'EXIT'] as const;
export type GuardRole = (typeof GUARD_ROLES)[number];

/** Cancels of one guard: how many were asked for, and the instant before which another one is not. */
export interface CancelTries {
  readonly tries: number;
  readonly notBefore: string;
}

/** After one more cancel: should it be refused, the next one waits, longer each time. */
export function afterCancel(before: CancelTries | undefined, now: Date): CancelTries {
  const tries = (before?.tries ?? 0) + 1;
  return { tries, notBefore: new Date(now.getTime() + pauseAfter(tries)).toISOString() };
}

/** Who asks, in commands and the journal, when nobody outside did. */
export const PROTECTION_ACTOR = 'protection';

/** The side of the orders that close a position opened by `side`. */
export function closingSide(side: Side): Side {
  return side === 'BUY' ? 'SELL' : 'BUY';
}

/** The stop that loses less of a position opened by `side`. */
export function tighterStop(side: Side, a: Decimal, b: Decimal): Decimal {
  return side === 'BUY' ? Decimal.max(a, b) : Decimal.min(a, b);
}

/** The condition of the alert that stands while a position outlives its stops of the day. */
export function overnightCondition(groupId: string): string {
  return `protection:${groupId}:closed`;
}

/** One guard's client order id: the same place in its group gives the same id, so that twice is once. */
export function guardClientId(groupId: string, placed: number): string {
  return `protect.${groupId}.${placed}`;
}

/** True of orders that belong to a protection group. */
export function isGuard(order: Pick<Order, 'protectionGroup'>): boolean {
  return order.protectionGroup !== null;
}

/** Units at the broker, as far as is known: they close the position when the trigger is reached. */
export function restingLeaves(
  order: Pick<Order, 'status' | 'brokerOrderId' | 'quantity' | 'filledQuantity'>,
): number {
  if (isFinal(order.status) || order.brokerOrderId === null) return 0;
  return Math.max(0, order.quantity - order.filledQuantity);
}

export interface Holder {
  /** Null: what belongs to no strategy. */
  readonly strategyId: string | null;
  readonly side: Side;
}

/**
 * How much of a position each of its holders has, in the order given: strategies by their own positions, what is left
 * to the holder without one. Together never more than the position itself, and nothing on its other side.
 */
export function sharesOf(
  net: number,
  holders: readonly Holder[],
  owned: ReadonlyMap<string, number>,
): number[] {
  let left = Math.abs(net);
  const take = (most: number): number => {
    const part = Math.min(left, Math.max(0, most));
    left -= part;
    return part;
  };
  const isOn = (holder: Holder) => sideSign(holder.side) === Math.sign(net);
  const ofStrategies = holders.map((holder) =>
    holder.strategyId === null || !isOn(holder)
      ? 0
      : take(sideSign(holder.side) * (owned.get(holder.strategyId) ?? 0)),
  );
  // A strategy whose position nobody guards keeps its part from the holder without one.
  for (const [strategyId, quantity] of owned) {
    if (!holders.some((holder) => holder.strategyId === strategyId && isOn(holder))) {
      take(Math.sign(net) * quantity);
    }
  }
  return holders.map((holder, index) =>
    holder.strategyId === null && isOn(holder) ? take(left) : (ofStrategies[index] ?? 0),
  );
}
