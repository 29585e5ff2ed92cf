import type { AccountView } from '../db/account-view.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import type { Instrument } from '../domain/instrument.ts';
import { type Decimal, ZERO } from '../domain/money.ts';
import { type FieldError, type OrderRequest, checkRequest, requestHash } from '../domain/order-request.ts';
import type { Order } from '../domain/order.ts';
import { acceptedOrder } from '../domain/order-events.ts';
import { assert } from '../lib/assert.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { CheckInput, CheckResult, Effect } from '../risk/check.ts';
import { duplicateOrder } from '../risk/checks/duplicate-order.ts';
import { runChecks } from '../risk/pre-trade.ts';
import {
  type NeededPrices,
  checkInput,
  checkNeeds,
  estimatedCharges,
  isPrepared,
  neededPrices,
  prepare,
  resized,
} from './check-input.ts';
import type { Context } from './context.ts';
import { FUNDS_DOUBT_AGE_MS } from './validate-order.ts';

/** What would happen at a price the order aims at, rupees for the opening part; null without that price. */
export interface Exit {
  readonly price: Decimal;
  /** Gained or lost before charges: a loss is negative. */
  readonly gross: Decimal;
  /** Charges of the way in and the way out. */
  readonly charges: Decimal;
  readonly net: Decimal;
}

export interface Preview {
  readonly request: OrderRequest;
  readonly at: Date;
  readonly checks: readonly CheckResult[];
  readonly failed: CheckResult | null;
  readonly effect: Effect;
  readonly reference: Decimal | null;
  readonly lastPrice: Decimal | null;
  readonly lastPriceAgeMs: number | null;
  /** Of the whole order, protection included. */
  readonly value: Decimal | null;
  /** Of the opening part. */
  readonly margin: Decimal | null;
  readonly availableFunds: Decimal | null;
  /** Of the way in, for the opening part. */
  readonly charges: Decimal;
  readonly riskCapital: Decimal;
  readonly atStop: Exit | null;
  readonly atTarget: Exit | null;
  /** Reward over risk; null without both prices, or when there is nothing to lose. */
  readonly riskReward: Decimal | null;
  readonly netRiskReward: Decimal | null;
  readonly largest: Largest;
}

/** The most that would pass now, and the check that refuses one lot more; null: nothing we know of does. */
export interface Largest {
  readonly quantity: number;
  readonly limitedBy: CheckResult | null;
}

/** Above every limit that can be set. */
const MAX_QUANTITY = 100_000_000;

/** What an order is judged by, read under the lock: the search for the largest quantity needs it no longer. */
interface Facts {
  readonly request: OrderRequest;
  readonly input: CheckInput;
  readonly marginPerUnit: Decimal | null;
  /** The same of the largest order there can be: it opens, so that whatever a check may look at has been read. */
  readonly ofLargest: CheckInput;
}

type Seen =
  | { readonly kind: 'refused'; readonly errors: readonly FieldError[] }
  | { readonly kind: 'prepare'; readonly order: Order; readonly prices: NeededPrices }
  | { readonly kind: 'facts'; readonly facts: Facts };

/** What has been read anew for a second look. */
interface Tries {
  readonly prepared: boolean;
  readonly sure: boolean;
}

/** Carries what was seen out of the work: the transaction is left without a change. */
class Unkept<T> extends Error {
  readonly value: T;

  constructor(value: T) {
    super('nothing is kept');
    this.value = value;
  }
}

/**
 * Judges an order exactly as if it had been placed now, by the same reading of prices, funds and margins and the same
 * checks under the account's lock, and keeps nothing: no order, no journal entry, no day that this would have opened.
 */
export async function previewOrder(
  context: Context,
  { accountId, request }: { readonly accountId: string; readonly request: OrderRequest },
): Promise<Result<Preview, readonly FieldError[]>> {
  const listed = await context.instruments.find(request.exchange, request.symbol);
  if (listed === null) return err(refusalOf(request, null, new Date(0)));
  for (let tries: Tries = { prepared: false, sure: false }; ;) {
    const seen = await lookAt(context, accountId, (view): Seen => {
      const refused = refusalOf(request, listed, view.now);
      if (refused.length > 0) return { kind: 'refused', errors: refused };
      const order = draftOf(context, accountId, request, listed, view.now);
      const prices = neededPrices(context, view, order);
      if (!tries.prepared && !isPrepared(context, order, prices)) return { kind: 'prepare', order, prices };
      return { kind: 'facts', facts: factsOf(context, view, order, request) };
    });
    if (seen.kind === 'refused') return err(seen.errors);
    if (seen.kind === 'prepare') {
      await prepare(context, seen.order, seen.prices);
      tries = { ...tries, prepared: true };
      continue;
    }
    const { failed } = runChecks(seen.facts.input);
    if (failed?.check !== 'BALANCE' || tries.sure) return ok(previewOf(context, seen.facts));
    await context.funds.refresh(accountId, FUNDS_DOUBT_AGE_MS);
    tries = { prepared: true, sure: true };
  }
}

function refusalOf(request: OrderRequest, listed: Instrument | null, now: Date): readonly FieldError[] {
  const checked = checkRequest(request, listed, tradingDayOf(now));
  return checked.ok ? [] : checked.error;
}

function draftOf(
  context: Context,
  accountId: string,
  request: OrderRequest,
  { id: instrumentId }: Instrument,
  now: Date,
): Order {
  return acceptedOrder(
    {
      ...request,
      accountId,
      id: context.newId(),
      requestHash: requestHash(request),
      instrumentId,
      maxAgeMs: null,
      parentOrderId: null,
      protectionGroup: null,
      protection: null,
      trailing: null,
      gtt: false,
      cause: 'REQUEST',
      tradingDay: tradingDayOf(now),
    },
    now,
  );
}

async function lookAt<T>(context: Context, accountId: string, look: (view: AccountView) => T): Promise<T> {
  try {
    await context.withAccount({
      accountId,
      actor: context.processName,
      needs: checkNeeds(context, accountId),
      run: (view) => {
        throw new Unkept(look(view));
      },
    });
  } catch (error) {
    if (error instanceof Unkept) return error.value as T;
    throw error;
  }
  assert(false, 'work that throws has thrown');
}

function factsOf(context: Context, view: AccountView, order: Order, request: OrderRequest): Facts {
  const { input, marginPerUnit } = checkInput(context, view, order);
  const { input: ofLargest } = checkInput(context, view, { ...order, quantity: MAX_QUANTITY });
  return { request, input, marginPerUnit, ofLargest };
}

function previewOf(context: Context, { request, input, marginPerUnit, ofLargest }: Facts): Preview {
  const { order } = input;
  const { results, failed } = runChecks(input);
  const { effect, reference, valuePerUnit, price } = input;
  const atStop = exitAt(input, order.stopLoss);
  const atTarget = exitAt(input, order.takeProfit);
  return {
    request,
    at: input.at,
    checks: results,
    failed,
    effect,
    reference,
    lastPrice: price?.last ?? null,
    lastPriceAgeMs: price === null ? null : Math.round(price.ageMs),
    value: valuePerUnit?.times(order.quantity) ?? null,
    margin: marginPerUnit?.times(effect.openingQuantity) ?? null,
    availableFunds: input.availableFunds,
    charges: input.charges,
    riskCapital: input.riskCapital,
    atStop,
    atTarget,
    riskReward: ratio(atTarget?.gross, atStop?.gross),
    netRiskReward: ratio(atTarget?.net, atStop?.net),
    largest: largestOf(context, ofLargest),
  };
}

/** The opening part bought at the reference and sold at `price`, or the other way round for a SELL. */
function exitAt(input: CheckInput, price: Decimal | null): Exit | null {
  const { order, instrument, reference, effect } = input;
  if (price === null || reference === null || effect.openingQuantity === 0) return null;
  const units = (instrument.multiplier ?? ZERO).times(effect.openingQuantity);
  const sign = order.side === 'BUY' ? 1 : -1;
  const gross = price.minus(reference).times(sign).times(units);
  const side = order.side === 'BUY' ? 'SELL' : 'BUY';
  const out = estimatedCharges({ ...order, side }, instrument, price.times(units), order.tradingDay).total;
  const charges = input.charges.plus(out);
  return { price, gross, charges, net: gross.minus(charges) };
}

function ratio(reward: Decimal | undefined, loss: Decimal | undefined): Decimal | null {
  return reward === undefined || loss === undefined || loss.gte(0) ? null : reward.div(loss.negated());
}

/**
 * The largest quantity, in whole lots, that passes every check: found by halving, for what passes as more passes as
 * less. Only a duplicate is one by its very quantity, so that check is asked last, of the quantity that was found.
 */
function largestOf(context: Context, facts: CheckInput): Largest {
  const { lotSize } = facts.instrument;
  const judge = (lots: number) => runChecks(resized(context, facts, lots * lotSize));
  const failure = (lots: number) => judge(lots).results.find(isRefusal) ?? null;
  let limitedBy = failure(1);
  if (limitedBy !== null) return { quantity: 0, limitedBy };
  let most = 1;
  let refused = Math.floor(MAX_QUANTITY / lotSize) + 1;
  while (refused - most > 1) {
    const lots = Math.floor((most + refused) / 2);
    const found = failure(lots);
    if (found === null) most = lots;
    else [refused, limitedBy] = [lots, found];
  }
  const twin = judge(most).failed;
  return twin === null
    ? { quantity: most * lotSize, limitedBy }
    : { quantity: (most - 1) * lotSize, limitedBy: twin };
}

function isRefusal({ check, verdict }: CheckResult): boolean {
  return verdict === 'FAIL' && check !== duplicateOrder.name;
}
