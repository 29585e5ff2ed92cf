import type { Decimal } from '../domain/money.ts';
import type { Order } from '../domain/order.ts';
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
}

/**
 * True when a change raises quantity or risk, and so is an entry for every fence and check (protocol.md). What only
 * lowers risk always passes. Risk is the opening leaves times the loss per unit at the stop, and their value.
 */
export function raisesRisk({
  before,
  after,
  openingBefore,
  openingAfter,
  price,
  multiplier,
}: Change): boolean {
  if (after.quantity > before.quantity || openingAfter > openingBefore) return true;
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
  if (raisesRisk(change)) return failures[0] ?? null;
  const { before, after } = change;
  const counts = new Set(
    OF_TERMS.filter(([, term]) => after[term] !== null && !isEqual(after[term], before[term])).map(
      ([check]) => check,
    ),
  );
  return failures.find(({ check }) => counts.has(check)) ?? null;
}

function isEqual(a: Decimal | null, b: Decimal | null): boolean {
  return a === null || b === null ? a === b : a.eq(b);
}
