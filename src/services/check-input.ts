import type { Needs } from '../db/account-load.ts';
import type { StrategyRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { Position } from '../domain/account.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import { type Charges, chargeSegmentOf, chargesOfOrder } from '../domain/charges.ts';
import { type Instrument, instrumentKey } from '../domain/instrument.ts';
import { type Decimal, ZERO, decimal, sum } from '../domain/money.ts';
import { type FinishedOrder, type LiveOrder, reservedMargin } from '../domain/live-order.ts';
import { type Order, isExit, leavesQuantity, sideSign } from '../domain/order.ts';
import { unrealizedPnl } from '../domain/position.ts';
import { isGuard } from '../domain/protection.ts';
import { present } from '../lib/assert.ts';
import { fundsSegmentOf } from '../market-data/funds.ts';
import type { CheckInput, Effect, OldPrice, Scope } from '../risk/check.ts';
import { effectOf, mayTakeHedge, openRiskOf, referencePrice, uncoveredBy } from '../risk/effect.ts';
import { type Limits, limitsAt, ownLimitsAt } from '../risk/limits.ts';
import type { Context } from './context.ts';

/** A funds snapshot older than this is read again before an order is judged by it, milliseconds. */
const FUNDS_MAX_AGE_MS = 10_000;
/** How long after it was accepted an order is usually checked; older ones read again. */
const LOOK_BACK_SLACK_MS = 1000;
/** Automatic market protection: what a MARKET order may cost more than its reference (kite.md section 3.12). */
const AUTOMATIC_PROTECTION = decimal('0.02');

/** What the checks read with every order; what few orders need is asked for when they are met. */
export function checkNeeds(context: Context, accountId: string): Needs {
  const snapshot = context.funds.peek(accountId, 'equity') ?? context.funds.peek(accountId, 'commodity');
  const finishedWithinMs = lookBackMs(context.settings.limits, LOOK_BACK_SLACK_MS);
  return {
    liveOrders: true,
    openPositions: true,
    baseline: true,
    strategies: true,
    ...(finishedWithinMs === 0 ? {} : { finishedWithinMs }),
    ...(snapshot === null ? {} : { submittedSince: [snapshot.readAt.toISOString()] }),
  };
}

/** The same facts for another quantity of the order. Pure but for the instruments this process knows. */
export function resized(
  context: Pick<Context, 'instruments'>,
  input: CheckInput,
  quantity: number,
): CheckInput {
  const { instrument, positions, liveOrders, own, valuePerUnit: value } = input;
  const order = { ...input.order, quantity };
  const effect = effectOf(order, positions, liveOrders);
  return {
    ...input,
    order,
    effect,
    own: own === null ? null : { ...own, effect: effectOf(order, own.positions, own.liveOrders) },
    uncovers: uncoveredBy(order, instrument, { positions, liveOrders }, (id) =>
      context.instruments.cached(id),
    ),
    charges: chargesOf(order, instrument, value, effect, tradingDayOf(input.at)),
  };
}

/** The prices that an order is judged by beside its own. */
export interface NeededPrices {
  /** Instruments of the managed positions: the day's loss needs their prices (DAILY_LOSS). */
  readonly held: readonly number[];
  /** PRICE_MAX_AGE_MS of the account. */
  readonly maxAgeMs: number;
  /** While trading is REDUCING: whether the broker is asked what the order does to the margin of what is left. */
  readonly addedMargin: boolean;
}

export function neededPrices(context: Context, view: AccountView, order: Order): NeededPrices {
  const { settings } = context;
  return {
    held: view
      .openPositions()
      .filter(isManaged)
      .map(({ instrumentId }) => instrumentId),
    maxAgeMs: limitsAt(settings.limits, view.now, view.account.limits).priceMaxAgeMs,
    addedMargin: isReducing(view, order) && takesHedge(context, view, order),
  };
}

function isReducing(view: AccountView, { strategyId }: Order): boolean {
  const ofStrategy = strategyId === null ? null : view.strategy(strategyId)?.tradingState;
  return view.account.tradingState === 'REDUCING' || ofStrategy === 'REDUCING';
}

function takesHedge({ instruments }: Context, view: AccountView, order: Order): boolean {
  const instrument = instruments.cached(order.instrumentId);
  return (
    instrument !== null &&
    mayTakeHedge(order, instrument, view.openPositions(), (id) => instruments.cached(id))
  );
}

/**
 * Whether price, funds, margin and holdings, and the prices of what is `held`, are young enough to judge an order by. An
 * exit waits for none of it: only one at the market's price for that.
 */
export function isPrepared(
  context: Context,
  order: Order,
  { held, maxAgeMs, addedMargin }: NeededPrices,
): boolean {
  const instrument = context.instruments.cached(order.instrumentId);
  const funds =
    instrument === null ? null : context.funds.peek(order.accountId, fundsSegmentOf(instrument.exchange));
  if (addedMargin && context.margins.peekAdded(order) === null) return false;
  if (instrument !== null && isExit(order)) {
    return isGuard(order) || order.orderType !== 'MARKET' || !isOld(context, instrument.id, maxAgeMs);
  }
  return (
    instrument !== null &&
    !isOld(context, instrument.id, maxAgeMs) &&
    !held.some((id) => isOld(context, id, maxAgeMs)) &&
    context.margins.isKnown(order, instrument) &&
    (!delivers(order) || context.holdings.isKnown(order.accountId)) &&
    funds !== null &&
    funds.ageMs <= FUNDS_MAX_AGE_MS
  );
}

/** Brings all of it up to date, outside the lock. What can not be had stays unknown. */
export async function prepare(
  context: Context,
  order: Order,
  { held, maxAgeMs, addedMargin }: NeededPrices,
): Promise<void> {
  const known = await context.instruments.byIds([order.instrumentId, ...held]);
  const instrument = present(known.get(order.instrumentId), `instrument ${order.instrumentId}`);
  if (isExit(order)) {
    const needsPrice = !isGuard(order) && order.orderType === 'MARKET';
    if (needsPrice) await context.prices.refresh([instrument], maxAgeMs);
    if (addedMargin) await askAddedMargin(context, order);
    return;
  }
  await Promise.all([
    context.prices.refresh([...known.values()], maxAgeMs),
    context.funds.refresh(order.accountId, FUNDS_MAX_AGE_MS),
    delivers(order) ? context.holdings.refresh(order.accountId) : undefined,
  ]);
  if (addedMargin) await askAddedMargin(context, order);
  const reference = referencePrice(order, context.prices.peek(instrument.id, maxAgeMs));
  if (reference !== null) {
    await context.margins.refresh(order, instrument, valuePerUnit(order, reference, instrument));
  }
}

/** By its reference price, else by the last one; without any there is nothing to ask by. */
async function askAddedMargin({ margins, prices }: Context, order: Order): Promise<void> {
  const price = prices.peek(order.instrumentId);
  const reference = referencePrice(order, price) ?? price?.last ?? null;
  if (reference !== null) await margins.refreshAdded(order, reference);
}

/** Everything the checks look at, read under the lock or prepared before it. */
export function checkInput(
  context: Context,
  view: AccountView,
  order: Order,
): { readonly input: CheckInput; readonly marginPerUnit: Decimal | null } {
  const instrument = present(
    context.instruments.cached(order.instrumentId),
    `instrument ${order.instrumentId}`,
  );
  const strategy = order.strategyId === null ? null : view.strategy(order.strategyId);
  const limits = limitsAt(context.settings.limits, view.now, view.account.limits, strategy?.limits);
  const price = context.prices.peek(instrument.id, limits.priceMaxAgeMs);
  const reference = referencePrice(order, price);
  const liveOrders = view.liveOrders().filter((live) => live.id !== order.id);
  const positions = view.openPositions();
  const effect = effectOf(order, positions, liveOrders);
  const value = reference === null ? null : valuePerUnit(order, reference, instrument);
  const marginPerUnit = value === null ? null : context.margins.peek(order, instrument, value);
  const day = tradingDayOf(view.now);
  const today = view.today(day);
  const input: CheckInput = {
    order,
    instrument,
    limits,
    account: view.account,
    strategyState: strategy?.tradingState ?? null,
    strategyExits: strategy?.haltExits ?? null,
    strategyReason: strategy?.tradingStateReason ?? null,
    uncovers: uncoveredBy(order, instrument, { positions, liveOrders }, (id) =>
      context.instruments.cached(id),
    ),
    addedMargin:
      isReducing(view, order) && takesHedge(context, view, order) ? context.margins.peekAdded(order) : null,
    strategy,
    own: ownScope(view, order, strategy, liveOrders),
    leaving: leavingReason(view, order, effect, positions),
    at: view.now,
    session: context.settings.session,
    price,
    reference,
    effect,
    widened: null,
    liveOrders,
    finishedOrders: effect.openingQuantity === 0 ? [] : finishedOrders(view, order, limits),
    positions,
    deliverable: deliverable(context, view, order, effect, liveOrders),
    valuePerUnit: value,
    marginPerUnit,
    charges: chargesOf(order, instrument, value, effect, day),
    availableFunds: availableFunds(context, view, instrument, liveOrders),
    riskCapital: today.openingEquity,
    dayPnl: equityOf(context, view, positions).minus(today.openingEquity).minus(today.cashFlows),
    oldPrice: oldPriceOf(context, positions, limits.priceMaxAgeMs),
    openRisk: openRiskOf(positions, liveOrders, (id) => context.prices.peek(id)?.last ?? null),
  };
  return { input, marginPerUnit };
}

/** Equity by the newest prices of this process; what has none counts as it cost, and oldPriceOf names it. */
function equityOf(context: Context, view: AccountView, positions: readonly Position[]): Decimal {
  const gains = positions.filter(isManaged).map((position) => {
    const last = context.prices.peek(position.instrumentId)?.last ?? null;
    return last === null ? ZERO : unrealizedPnl(position, last);
  });
  return view.settledEquity().plus(sum(gains));
}

function oldPriceOf(context: Context, positions: readonly Position[], maxAgeMs: number): OldPrice | null {
  const old = positions.filter(isManaged).find(({ instrumentId }) => isOld(context, instrumentId, maxAgeMs));
  if (old === undefined) return null;
  return { of: instrumentKey(old), ageMs: context.prices.peek(old.instrumentId)?.ageMs ?? null };
}

function isOld(context: Context, instrumentId: number, maxAgeMs: number): boolean {
  return context.prices.peek(instrumentId, maxAgeMs)?.fresh !== true;
}

function isManaged({ managedBy }: Pick<Position, 'managedBy'>): boolean {
  return managedBy === 'OMS';
}

/** Rupees per unit an order may cost: MARKET and SL-M add the protection to their reference. */
export function valuePerUnit(order: Order, reference: Decimal, instrument: Instrument): Decimal {
  const unprotected = reference.times(instrument.multiplier ?? 1);
  if (order.orderType === 'LIMIT' || order.orderType === 'SL') return unprotected;
  const share =
    order.marketProtection?.gt(0) === true ? order.marketProtection.div(100) : AUTOMATIC_PROTECTION;
  return unprotected.times(share.plus(1));
}

/** Charges of the opening part; none without a value. */
function chargesOf(
  order: Order,
  instrument: Instrument,
  value: Decimal | null,
  { openingQuantity }: Effect,
  day: string,
): Decimal {
  return value === null ? ZERO : estimatedCharges(order, instrument, value.times(openingQuantity), day).total;
}

/** Charges of `turnover` rupees on the order's side, as an order of its own. */
export function estimatedCharges(
  { product, side }: Pick<Order, 'product' | 'side'>,
  { exchange, instrumentType }: Instrument,
  turnover: Decimal,
  day: string,
): Charges {
  const segment = chargeSegmentOf({ exchange, instrumentType, product });
  return chargesOfOrder({ segment, exchange, side, turnover, day });
}

/** Protection groups are read only for an order that adds to a position there is. */
function leavingReason(
  view: AccountView,
  { instrumentId, product, side, strategyId }: Order,
  { openingQuantity }: Effect,
  positions: readonly Position[],
): string | null {
  const isKey = (of: Pick<Order, 'instrumentId' | 'product'>) =>
    of.instrumentId === instrumentId && of.product === product;
  const adds = positions.some(
    (held) => held.managedBy === 'OMS' && isKey(held) && Math.sign(held.quantity) === sideSign(side),
  );
  if (openingQuantity === 0 || !adds) return null;
  const group = view
    .protections()
    .find((one) => isKey(one) && one.side === side && one.strategyId === strategyId && one.mode === 'EXIT');
  return group === undefined ? null : (group.reason ?? 'no stop is possible');
}

/** What the strategy's own limits are judged over; its positions are read only when it has such limits. */
function ownScope(
  view: AccountView,
  order: Order,
  strategy: Pick<StrategyRow, 'id' | 'limits'> | null,
  liveOrders: readonly LiveOrder[],
): Scope | null {
  const limits = strategy === null ? null : ownLimitsAt(strategy.limits, view.now);
  if (strategy === null || limits === null) return null;
  const positions = view.openPositionsOf(strategy.id).map(({ instrumentId, product, quantity }) => ({
    ...{ instrumentId, product, quantity },
    managedBy: 'OMS' as const,
  }));
  const own = liveOrders.filter((live) => live.strategyId === strategy.id);
  return { limits, positions, liveOrders: own, effect: effectOf(order, positions, own) };
}

/** Finished orders for as long as a limit in force looks back; what is off reads nothing. */
function finishedOrders(view: AccountView, order: Order, limits: Limits): readonly FinishedOrder[] {
  const ageMs = view.now.getTime() - order.createdAt.getTime();
  const ms = lookBackMs(limits, ageMs);
  return ms === 0 ? [] : view.finishedWithin(ms);
}

/** How far back limits look for an order of an age: twins may be as much older, or younger, than it is. */
function lookBackMs(limits: Limits, ageMs: number): number {
  return Math.max(
    limits.duplicateWindowMs > 0 ? limits.duplicateWindowMs + ageMs : 0,
    limits.repeatedExecutionMax > 0 ? limits.repeatedExecutionWindowMs : 0,
    limits.rejectRatioPause.gt(0) ? limits.rejectRatioWindowMs : 0,
  );
}

function delivers({ product, side }: Order): boolean {
  return product === 'CNC' && side === 'SELL';
}

/** Shares of the demat account as the day began, and the day's net, less what live sales will deliver. */
function deliverable(
  context: Context,
  view: AccountView,
  order: Order,
  effect: Effect,
  liveOrders: readonly LiveOrder[],
): number | null {
  if (!delivers(order) || effect.openingQuantity === 0) return null;
  const holdings = context.holdings.peek(order.accountId);
  if (holdings === null) return null;
  const { instrumentId, product } = order;
  const sales = liveOrders.filter(
    (live) => live.instrumentId === instrumentId && live.product === product && live.side === 'SELL',
  );
  return (
    (holdings.get(instrumentKey(order)) ?? 0) +
    view.tradedToday({ instrumentId, product, managedBy: 'OMS' }) -
    sales.reduce((total, live) => total + leavesQuantity(live), 0)
  );
}

/**
 * Funds of the segment less the margin of our own orders that the snapshot can not contain: those not yet handed
 * over, and all that were handed over at or after the start of its read, filled or not.
 */
function availableFunds(
  context: Context,
  view: AccountView,
  instrument: Instrument,
  liveOrders: readonly LiveOrder[],
): Decimal | null {
  const snapshot = context.funds.peek(view.account.id, fundsSegmentOf(instrument.exchange));
  if (snapshot === null) return null;
  const waiting = liveOrders.filter((live) => live.submittedAt === null).map(reservedMargin);
  const notInIt = sum([...waiting, view.marginHandedOverSince(snapshot.readAt)]);
  return snapshot.net.minus(notInIt);
}
