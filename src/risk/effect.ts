import type { Position } from '../domain/account.ts';
import type { Instrument } from '../domain/instrument.ts';
import type { Decimal } from '../domain/money.ts';
import type { LiveOrder } from '../domain/live-order.ts';
import { type Order, type OrderRole, leavesQuantity, openingLeaves, sideSign } from '../domain/order.ts';
import { ZERO } from '../domain/money.ts';
import type { Effect, HeldPosition, PriceView } from './check.ts';

type KeyOf = Pick<Order, 'instrumentId' | 'product'>;

const sameKey = (a: KeyOf, b: KeyOf) => a.instrumentId === b.instrumentId && a.product === b.product;

/**
 * Splits an order into what certainly reduces the position and what may open or add. What other live orders of
 * its side will already take away is not there to reduce; live orders of the other side may never fill, so they
 * do not count as a position to reduce. Both ways the opening part is never understated.
 */
export function effectOf(
  order: Pick<Order, 'instrumentId' | 'product' | 'side' | 'quantity'> & {
    readonly role?: OrderRole;
    readonly protectionGroup?: string | null;
  },
  positions: readonly HeldPosition[],
  liveOrders: readonly LiveOrder[],
): Effect {
  const sign = sideSign(order.side);
  const held = positions
    .filter((position) => position.managedBy === 'OMS' && sameKey(position, order))
    .reduce((total, position) => total + position.quantity, 0);
  const others = liveOrders.filter(
    (live) => live.side === order.side && sameKey(live, order) && takesFrom(live, order.role),
  );
  const sameSide = others.reduce((total, live) => total + leavesQuantity(live), 0);
  // An entry that rests where nothing trades must not keep a position from leaving that nobody asked for.
  const opening = isProtectiveExit(order)
    ? others.reduce((total, live) => total + openingLeaves(live), 0)
    : 0;
  const against = Math.max(0, -sign * held);
  const largestReduction = Math.max(0, against - (sameSide - opening));
  const reducingQuantity = Math.min(order.quantity, largestReduction);
  return {
    reducingQuantity,
    openingQuantity: order.quantity - reducingQuantity,
    largestReduction,
    worstCaseQuantity: Math.max(0, sign * held + sameSide + order.quantity),
  };
}

function isProtectiveExit(order: {
  readonly role?: OrderRole;
  readonly protectionGroup?: string | null;
}): boolean {
  return order.role === 'EXIT' && (order.protectionGroup ?? null) !== null;
}

/**
 * Whether a live order takes from what an order of this role may close. Stops and targets of a position share its
 * quantity and shrink when anything else fills (services/protect-group.ts), so they take only from their own kind. A
 * stop whose fate is unknown does not keep another from being placed.
 */
function takesFrom(live: LiveOrder, role: OrderRole | undefined): boolean {
  if (role === 'STOP') return live.role === 'STOP' && live.status !== 'UNKNOWN';
  if (role === 'TARGET') return live.role === 'TARGET';
  return live.role !== 'STOP' && live.role !== 'TARGET';
}

/** LIMIT and SL: the limit price. SL-M: the trigger. MARKET: opposite best quote, else the fresh last price. */
export function referencePrice(
  order: Pick<Order, 'orderType' | 'price' | 'triggerPrice' | 'side'>,
  price: PriceView | null,
): Decimal | null {
  switch (order.orderType) {
    case 'LIMIT':
    case 'SL':
      return order.price;
    case 'SL-M':
      return order.triggerPrice;
    case 'MARKET': {
      if (price?.fresh !== true) return null;
      return (order.side === 'BUY' ? price.bestOffer : price.bestBid) ?? price.last;
    }
  }
}

/** Rupees lost per unit if the stop is hit; null without a stop or a reference. */
export function riskPerUnit(
  reference: Decimal | null,
  stop: Decimal | null,
  multiplier: Decimal,
): Decimal | null {
  return reference === null || stop === null ? null : reference.minus(stop).abs().times(multiplier);
}

/** Last prices by instrument; null: not known. */
export type LastPriceOf = (instrumentId: number) => Decimal | null;

/**
 * Loss if every live opening order filled and, like every position with a stop, went to its stop: of a position from
 * its last price, where `lastOf` is given (what it lost until then is in the day's P&L already), else from its cost.
 */
export function openRiskOf(
  positions: readonly Position[],
  liveOrders: readonly LiveOrder[],
  lastOf: LastPriceOf = () => null,
): Decimal {
  const ofOrders = liveOrders.reduce(
    (total, order) => total.plus((order.riskPerUnit ?? ZERO).times(openingLeaves(order))),
    ZERO,
  );
  return positions.reduce((total, position) => total.plus(positionRisk(position, lastOf)), ofOrders);
}

function positionRisk(position: Position, lastOf: LastPriceOf): Decimal {
  if (position.stopLoss === null || position.managedBy !== 'OMS') return ZERO;
  const units = position.multiplier.times(Math.abs(position.quantity));
  const from = lastOf(position.instrumentId)?.times(units) ?? position.openValue;
  const loss = from.minus(position.stopLoss.times(units)).times(Math.sign(position.quantity));
  return loss.gt(0) ? loss : ZERO;
}

/** Distinct keys that hold a managed quantity or wait to open one; "instrumentId/product". */
export function openKeys(positions: readonly HeldPosition[], liveOrders: readonly LiveOrder[]): Set<string> {
  const keys = new Set<string>();
  for (const position of positions) {
    if (position.managedBy === 'OMS' && position.quantity !== 0) keys.add(keyText(position));
  }
  for (const order of liveOrders) if (openingLeaves(order) > 0) keys.add(keyText(order));
  return keys;
}

export function keyText(of: KeyOf): string {
  return `${of.instrumentId}/${of.product}`;
}

/**
 * The short option that an order would leave without its hedge, e.g. "NFO:NIFTY26JUL25000CE"; null when it leaves none.
 * A short call is covered by long calls and long futures of its underlying, a short put by long puts and short futures,
 * that live at least as long; more hedge than short is none. What live orders are about to take of a hedge is gone
 * already. Instruments that are not known count as no hedge of anything.
 */
export function uncoveredBy(
  order: Pick<Order, 'instrumentId' | 'product' | 'side' | 'quantity'>,
  instrument: Instrument,
  {
    positions,
    liveOrders,
  }: { readonly positions: readonly Position[]; readonly liveOrders: readonly LiveOrder[] },
  instrumentOf: (id: number) => Instrument | null,
): string | null {
  const type = hedgedType(instrument, order.side);
  if (type === null) return null;
  const isRelated = (of: Instrument | null): of is Instrument =>
    of !== null && of.underlying === instrument.underlying;
  const family = positions.flatMap((position) => {
    const of = instrumentOf(position.instrumentId);
    return isRelated(of) && position.managedBy === 'OMS' ? [{ position, of }] : [];
  });
  const shorts = family.filter(
    ({ position, of }) => of.instrumentType === type && position.quantity < 0 && !outlives(of, instrument),
  );
  const short = shorts.reduce((total, { position }) => total - position.quantity, 0);
  const hedge = family
    .filter(({ position, of }) => hedgedType(of, position.quantity > 0 ? 'SELL' : 'BUY') === type)
    .reduce((total, { position }) => total + Math.abs(position.quantity), 0);
  const leaving = liveOrders
    .filter((live) => {
      const of = instrumentOf(live.instrumentId);
      return isRelated(of) && hedgedType(of, live.side) === type && takesFrom(live, undefined);
    })
    .reduce((total, live) => total + Math.max(0, leavesQuantity(live) - openingLeaves(live)), 0);
  const first = shorts[0];
  if (first === undefined || hedge - leaving - order.quantity >= short) return null;
  return `${first.position.exchange}:${first.position.symbol}`;
}

/**
 * Whether what an order takes away may be a hedge of something else of its underlying: then it can raise the margin of
 * what is left, which only the broker knows. What is not known may be anything.
 */
export function mayTakeHedge(
  order: Pick<Order, 'instrumentId' | 'side'>,
  instrument: Instrument,
  positions: readonly Position[],
  instrumentOf: (id: number) => Instrument | null,
): boolean {
  if (hedgedType(instrument, order.side) === null) return false;
  return positions.some(({ instrumentId, managedBy }) => {
    if (managedBy !== 'OMS' || instrumentId === instrument.id) return false;
    const of = instrumentOf(instrumentId);
    return of === null || of.underlying === instrument.underlying;
  });
}

/** The option type whose shorts lose a hedge when this instrument is traded on `side`; null: none does. */
function hedgedType({ instrumentType }: Instrument, side: Order['side']): 'CE' | 'PE' | null {
  switch (instrumentType) {
    case 'CE':
    case 'PE':
      return side === 'SELL' ? instrumentType : null;
    case 'FUT':
      return side === 'SELL' ? 'CE' : 'PE';
    case 'EQ':
      return null;
  }
}

function outlives(a: Instrument, b: Instrument): boolean {
  return (a.expiry ?? '') > (b.expiry ?? '');
}
