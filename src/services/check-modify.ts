import type { AccountView } from '../db/account-view.ts';
import { ZERO, decimal } from '../domain/money.ts';
import {
  type Order,
  type PlainTerms,
  type Reserve,
  openingLeaves,
  reservedMargin,
  termsOf,
} from '../domain/order.ts';
import { isGuard } from '../domain/protection.ts';
import type { CheckInput, CheckResult } from '../risk/check.ts';
import { quantityLimits } from '../risk/checks/quantity-limits.ts';
import { effectOf, riskPerUnit } from '../risk/effect.ts';
import { type Change, blockingFailure, raisesRisk } from '../risk/modify.ts';
import { runChecks } from '../risk/pre-trade.ts';
import type { Context } from './context.ts';
import { checkInput, isPrepared, prepare } from './check-input.ts';

export type ModifyVerdict =
  /** Prices, funds or margins have to be read outside the lock first: see prepareModify. */
  | { readonly kind: 'UNPREPARED'; readonly changed: Order }
  | ({ readonly kind: 'REFUSED'; readonly reason: string } & Judged)
  | ({ readonly kind: 'PASSED' } & Judged);

interface Judged {
  /** What limits count of the order with the new terms. */
  readonly reserve: Reserve;
  readonly results: readonly CheckResult[];
}

/**
 * Runs the checks on the new terms of an order that is at the broker, under the account lock. The order itself is not
 * among the live ones it is judged against, and what it reserves is free for it: only the increase counts. With
 * `prepared`, what could not be read before the lock stays unknown and is judged as such.
 */
export function checkModify(
  context: Context,
  view: AccountView,
  {
    order,
    terms,
    prepared,
  }: { readonly order: Order; readonly terms: PlainTerms; readonly prepared: boolean },
): ModifyVerdict {
  const changed: Order = { ...order, ...termsOf(terms) };
  const instrument = context.instruments.cached(order.instrumentId);
  if (instrument === null) return { kind: 'UNPREPARED', changed };
  const leaves = Math.max(0, changed.quantity - order.filledQuantity);
  const others = view.liveOrders().filter((live) => live.id !== order.id);
  const effect = effectOf({ ...changed, quantity: leaves }, view.openPositions(), others);
  const change: Change = {
    before: order,
    after: changed,
    openingBefore: openingLeaves(order),
    openingAfter: effect.openingQuantity,
    price: context.prices.peek(instrument.id),
    multiplier: instrument.multiplier ?? decimal(1),
  };
  if (!prepared && !isGuard(order) && raisesRisk(change) && !isPrepared(context, changed))
    return { kind: 'UNPREPARED', changed };

  const remaining = checkInput(context, view, { ...changed, quantity: leaves });
  const { marginPerUnit } = remaining;
  const availableFunds = remaining.input.availableFunds?.plus(reservedMargin(order)) ?? null;
  const input: CheckInput = { ...remaining.input, effect, availableFunds };
  // What is still to fill is judged; the order's own maximum is about all of it.
  const results = runChecks(input).results.map((result) =>
    result.check === quantityLimits.name
      ? { check: result.check, ...quantityLimits.run({ ...input, order: changed }) }
      : result,
  );
  // What was opened by fills stays opened by this order.
  const filledOpening = Math.max(0, order.openingQuantity - openingLeaves(order));
  const reserve: Reserve = {
    quantity: changed.quantity,
    openingQuantity: Math.min(changed.quantity, effect.openingQuantity + filledOpening),
    marginPerUnit: (marginPerUnit ?? order.marginPerUnit ?? ZERO).toDecimalPlaces(8).toFixed(),
    riskPerUnit:
      riskPerUnit(input.reference, changed.stopLoss, change.multiplier)?.toDecimalPlaces(8).toFixed() ?? null,
    valuePerUnit: (input.valuePerUnit ?? order.valuePerUnit)?.toDecimalPlaces(8).toFixed() ?? null,
    referencePrice: (input.reference ?? order.referencePrice)?.toDecimalPlaces(4).toFixed() ?? null,
  };
  const failed = blockingFailure(change, results);
  return failed === null
    ? { kind: 'PASSED', reserve, results }
    : { kind: 'REFUSED', reason: failed.message, reserve, results };
}

/** Funds younger than this are taken for a modify, milliseconds: there is no second look after a refusal. */
const FUNDS_AGE_MS = 1000;

/** Brings up to date, outside the lock, what an order's new terms are judged by. */
export async function prepareModify(context: Context, changed: Order): Promise<void> {
  await Promise.all([prepare(context, changed), context.funds.refresh(changed.accountId, FUNDS_AGE_MS)]);
}
