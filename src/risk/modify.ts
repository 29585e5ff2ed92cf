import type { Position } from '../domain/account.ts';
import { Decimal, ZERO } from '../domain/money.ts';
import { type Order, averageFillPrice, isStopType, openingLeaves, sideSign } from '../domain/order.ts';
import type { CheckResult, PriceView } from './check.ts';
import { referencePrice, riskPerUnit } from './effect.ts';

/** An order before and after a change of its terms, with the opening part of its leaves each time. */
export interface Change {
  readonly before: Order;
  readonly after: Order;
  readonly openingBefore: number;
  readonly openingAfter: number;
  readonly price: PriceView | null;
  readonly multiplier: Decimal;
  /** See heldLossOf. */
  readonly held: HeldLoss | null;
  /** Protection moves its guards by its own plan: its terms are not judged as a person's are. */
  readonly byProtection: boolean;
}

/** Rupees that what is held already would lose at the stop; null: no stop bounds it. */
export interface HeldLoss {
  readonly before: Decimal | null;
  readonly after: Decimal | null;
}

/**
 * What a change of a stop does to what is held already: of a part-filled entry, what its fills opened and still is
 * there, at their average price; of a stop that guards a position, as much of that as it closes. Null: nothing is held.
 */
export function heldLossOf(
  { before, after, multiplier }: Pick<Change, 'before' | 'after' | 'multiplier'>,
  position: Pick<Position, 'quantity' | 'openValue'> | null,
): HeldLoss | null {
  const held = position === null ? 0 : sideSign(before.side) * position.quantity;
  if (position === null || held === 0) return null;
  if (isStopType(before.orderType) && held < 0) {
    // A stop made an exit at another price is one that was taken back, and that always passes.
    if (!isStopType(after.orderType)) return null;
    const closes = Math.min(-held, Math.max(0, after.quantity - before.filledQuantity));
    const cost = position.openValue.div(-held);
    const at = (stop: Decimal | null) =>
      lossAt(stop?.times(multiplier) ?? null, cost, -sideSign(before.side), closes);
    return { before: at(before.triggerPrice), after: at(after.triggerPrice) };
  }
  const opened = Math.min(held, Math.max(0, before.openingQuantity - openingLeaves(before)));
  const cost = averageFillPrice(before)?.times(multiplier) ?? null;
  if (opened <= 0 || cost === null) return null;
  const at = (stop: Decimal | null) =>
    lossAt(stop?.times(multiplier) ?? null, cost, sideSign(before.side), opened);
  return { before: at(before.stopLoss), after: at(after.stopLoss) };
}

/** A stop past the price that was paid loses nothing. */
function lossAt(stop: Decimal | null, cost: Decimal, sign: number, quantity: number): Decimal | null {
  return stop === null ? null : Decimal.max(ZERO, cost.minus(stop).times(sign).times(quantity));
}

/** Rupees by which the loss of what is held grows; null: its bound is taken away. */
export function widenedBy({ before, after }: HeldLoss): Decimal | null {
  if (before === null) return ZERO;
  return after === null ? null : Decimal.max(ZERO, after.minus(before));
}

/**
 * True when a change raises quantity or risk, and so is an entry for every fence and check (protocol.md). What only
 * lowers risk always passes. Risk is what is held and the opening leaves times their loss per unit at the stop, and
 * the value of the leaves.
 */
export function raisesRisk(change: Change): boolean {
  const { before, after, openingBefore, openingAfter, price, multiplier } = change;
  if (after.quantity > before.quantity || openingAfter > openingBefore) return true;
  if (widens(change)) return true;
  if (openingAfter === 0) return false;
  const [was, is] = [referencePrice(before, price), referencePrice(after, price)];
  if (before.orderType !== after.orderType || exceeds(is, was)) return true;
  if (exceeds(after.marketProtection, before.marketProtection)) return true;
  const [riskWas, riskIs] = [
    riskPerUnit(was, before.stopLoss, multiplier),
    riskPerUnit(is, after.stopLoss, multiplier),
  ];
  // Without a stop the loss has no bound: losing one raises the risk, getting one does not.
  return before.stopLoss === null ? false : after.stopLoss === null || exceeds(riskIs, riskWas);
}

function widens({ held, byProtection }: Change): boolean {
  return !byProtection && held !== null && widenedBy(held)?.isZero() !== true;
}

function exceeds(now: Decimal | null, before: Decimal | null): boolean {
  return now !== null && (before === null || now.gt(before));
}

/** Checks of the terms a person gave, which also hold where a change lowers risk: a stop belongs on its side. */
const OF_TERMS: readonly (readonly [check: string, term: 'stopLoss' | 'takeProfit'])[] = [
  ['STOP_LOSS_REQUIRED', 'stopLoss'],
  ['RISK_REWARD', 'takeProfit'],
];

/** The first failure that stops the change; null when it may go on. */
export function blockingFailure(change: Change, results: readonly CheckResult[]): CheckResult | null {
  const failures = results.filter(({ verdict }) => verdict === 'FAIL');
  const misplaced = movesTrigger(change) ? misplacedTrigger(results) : null;
  if (raisesRisk(change)) return failures[0] ?? misplaced;
  const { before, after } = change;
  const counts = new Set(
    OF_TERMS.filter(([, term]) => after[term] !== null && !isEqual(after[term], before[term])).map(
      ([check]) => check,
    ),
  );
  return failures.find(({ check }) => counts.has(check)) ?? misplaced;
}

/** True when a person gives a stop another trigger or limit: it must still wait, and be taken when it triggers. */
export function movesTrigger({ before, after, byProtection }: Change): boolean {
  if (byProtection || after.triggerPrice === null) return false;
  return !isEqual(after.triggerPrice, before.triggerPrice) || !isEqual(after.price, before.price);
}

/** An exit's first trigger is only warned of: it must not be kept from being placed. Moving it there is refused. */
function misplacedTrigger(results: readonly CheckResult[]): CheckResult | null {
  return (
    results.find(
      ({ check, verdict }) => check === 'TRIGGER_SANITY' && (verdict === 'FAIL' || verdict === 'WARN'),
    ) ?? null
  );
}

function isEqual(a: Decimal | null, b: Decimal | null): boolean {
  return a === null || b === null ? a === b : a.eq(b);
}
