import type { AccountView } from '../db/account-view.ts';
import type { Position } from '../domain/account.ts';
import { ZERO, decimal } from '../domain/money.ts';
import { reservedMargin } from '../domain/live-order.ts';
import { type Order, openingLeaves } from '../domain/order.ts';
import type { Reserve } from '../domain/order-reserve.ts';
import { type PlainTerms, termsOf } from '../domain/order-terms.ts';
import { PROTECTION_ACTOR } from '../domain/protection.ts';
import type { CheckInput, CheckResult } from '../risk/check.ts';
import { quantityLimits } from '../risk/checks/quantity-limits.ts';
import { effectOf, riskPerUnit } from '../risk/effect.ts';
import {
  type Change,
  blockingFailure,
  heldLossOf,
  movesTrigger,
  raisesRisk,
  widenedBy,
} from '../risk/modify.ts';
import { runChecks } from '../risk/pre-trade.ts';
import type { Context } from './context.ts';
import { type NeededPrices, checkInput, isPrepared, neededPrices, prepare } from './check-input.ts';

export interface Unprepared {
  readonly kind: 'UNPREPARED';
  readonly changed: Order;
  readonly prices: NeededPrices;
}

export type ModifyVerdict =
  /** Prices, funds or margins have to be read outside the lock first: see prepareModify. */
  | Unprepared
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
    requestedBy,
    prepared,
  }: {
    readonly order: Order;
    readonly terms: PlainTerms;
    /** Null: nobody here did, the book shows it. */
    readonly requestedBy: string | null;
    readonly prepared: boolean;
  },
): ModifyVerdict {
  const changed: Order = { ...order, ...termsOf(terms) };
  const instrument = context.instruments.cached(order.instrumentId);
  const prices = neededPrices(context, view, changed);
  const unprepared: Unprepared = { kind: 'UNPREPARED', changed, prices };
  if (instrument === null) return unprepared;
  const leaves = Math.max(0, changed.quantity - order.filledQuantity);
  const others = view.liveOrders().filter((live) => live.id !== order.id);
  const effect = effectOf({ ...changed, quantity: leaves }, view.openPositions(), others);
  const multiplier = instrument.multiplier ?? decimal(1);
  const both = { before: order, after: changed, multiplier };
  const change: Change = {
    ...both,
    openingBefore: openingLeaves(order),
    openingAfter: effect.openingQuantity,
    price: context.prices.peek(instrument.id, prices.maxAgeMs),
    held: heldLossOf(both, managedPosition(view, order)),
    byProtection: requestedBy === PROTECTION_ACTOR,
  };
  if (!prepared && !isReady(context, change, prices)) return unprepared;

  const remaining = checkInput(context, view, { ...changed, quantity: leaves });
  const { marginPerUnit } = remaining;
  const availableFunds = remaining.input.availableFunds?.plus(reservedMargin(order)) ?? null;
  const input: CheckInput = { ...remaining.input, effect, widened: widenedOf(change), availableFunds };
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

/** What only lowers risk is judged by what is known; a stop that a person moves, by a price that can be trusted. */
function isReady(context: Context, change: Change, prices: NeededPrices): boolean {
  const { after, price, byProtection } = change;
  if (movesTrigger(change) && price?.fresh !== true) return false;
  if (byProtection || !raisesRisk(change)) return true;
  // A stop that is moved away is judged by the day's loss as an entry is.
  const { held, maxAgeMs } = prices;
  return (
    isPrepared(context, after, prices) &&
    held.every((id) => context.prices.peek(id, maxAgeMs)?.fresh === true)
  );
}

/** Protection's own moves follow a stop that was judged before. */
function widenedOf({ held, byProtection }: Change): CheckInput['widened'] {
  if (byProtection || held === null) return null;
  const by = widenedBy(held);
  return by?.isZero() === true ? null : { loss: held.after, by };
}

/** The OMS's own position of the order's key; null when nothing is held. */
export function managedPosition(
  view: AccountView,
  { instrumentId, product }: Pick<Order, 'instrumentId' | 'product'>,
): Position | null {
  const isIt = (row: Position) =>
    row.managedBy === 'OMS' && row.instrumentId === instrumentId && row.product === product;
  return view.openPositions().find(isIt) ?? null;
}

/** Funds younger than this are taken for a modify, milliseconds: there is no second look after a refusal. */
const FUNDS_AGE_MS = 1000;

/** Brings up to date, outside the lock, what an order's new terms are judged by. */
export async function prepareModify(
  context: Context,
  { changed, prices }: Pick<Unprepared, 'changed' | 'prices'>,
): Promise<void> {
  const known = await context.instruments.byIds([changed.instrumentId, ...prices.held]);
  await Promise.all([
    prepare(context, changed, prices),
    context.prices.refresh([...known.values()], prices.maxAgeMs),
    context.funds.refresh(changed.accountId, FUNDS_AGE_MS),
  ]);
}
