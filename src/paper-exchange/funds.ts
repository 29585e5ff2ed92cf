import { type Decimal, ZERO } from '../domain/money.ts';
import type { Instrument } from './instruments.ts';
import { type Order, type Product, remaining, type Side, type Trade } from './order.ts';
import type { Paise } from './paise.ts';

/** What a user bought and sold of one instrument under one product today. Values in paise. */
export interface Position {
  readonly token: number;
  readonly product: Product;
  buyQuantity: number;
  buyValue: Paise;
  sellQuantity: number;
  sellValue: Paise;
}

/** Shares in the demat account from earlier days. */
export interface Holding {
  readonly token: number;
  readonly quantity: number;
  readonly averagePrice: Paise;
}

/** Money blocked, by the heads of Kite's margin answers, in paise. */
export interface Blocked {
  span: Paise;
  exposure: Paise;
  premium: Paise;
  /** Equity: 100% for delivery, 20% for intraday. */
  equity: Paise;
}

/** Shares of notional that stand for SPAN and exposure: plausible for an index contract, not computed from scenarios. */
const SPAN_PCT = 9;
const EXPOSURE_PCT = 3;
const MIS_EQUITY_PCT = 20;
/** The broker funds the other half; a real list has a share for each scrip. */
const MTF_EQUITY_PCT = 50;

export function noneBlocked(): Blocked {
  return { span: 0, exposure: 0, premium: 0, equity: 0 };
}

export function totalBlocked(blocked: Blocked): Paise {
  return blocked.span + blocked.exposure + blocked.premium + blocked.equity;
}

/** Margin of opening `quantity` at `price`: CNC 100%, MTF 50%, MIS equity 20%, bought options the premium, the rest like SPAN. */
export function marginOf(
  instrument: Instrument,
  product: Product,
  side: Side,
  quantity: number,
  price: Paise,
): Blocked {
  const blocked = noneBlocked();
  if (quantity === 0) return blocked;
  if (instrument.type === 'EQ' || instrument.type === 'INDEX') {
    const isDelivered = product === 'CNC' || product === 'MTF';
    if (!isDelivered) blocked.equity = percent(quantity * price, MIS_EQUITY_PCT);
    else if (side === 'BUY') {
      blocked.equity = product === 'CNC' ? quantity * price : percent(quantity * price, MTF_EQUITY_PCT);
    }
    return blocked;
  }
  if (instrument.type !== 'FUT' && side === 'BUY') {
    blocked.premium = quantity * price;
    return blocked;
  }
  const notional = quantity * (instrument.type === 'FUT' ? price : instrument.strike);
  blocked.span = percent(notional, SPAN_PCT);
  blocked.exposure = percent(notional, EXPOSURE_PCT);
  return blocked;
}

function percent(value: Paise, pct: number): Paise {
  return Math.ceil((value * pct) / 100);
}

export function addBlocked(into: Blocked, more: Blocked): void {
  into.span += more.span;
  into.exposure += more.exposure;
  into.premium += more.premium;
  into.equity += more.equity;
}

/** Signed open quantity. */
export function openQuantity(position: Position): number {
  return position.buyQuantity - position.sellQuantity;
}

/** Average price in paise, not rounded, of the side that is open; 0 when flat. */
export function openAverage(position: Position): number {
  const open = openQuantity(position);
  if (open > 0) return position.buyValue / position.buyQuantity;
  return open < 0 ? position.sellValue / position.sellQuantity : 0;
}

/** Profit of the closed quantity at day averages, in paise rounded to whole ones. */
export function realised(position: Position): Paise {
  const { buyQuantity, buyValue, sellQuantity, sellValue } = position;
  const closed = Math.min(buyQuantity, sellQuantity);
  if (closed === 0) return 0;
  if (buyQuantity === sellQuantity) return sellValue - buyValue;
  return Math.round((sellValue / sellQuantity) * closed - (buyValue / buyQuantity) * closed);
}

export function applyTrade(position: Position, trade: Pick<Trade, 'side' | 'quantity' | 'price'>): void {
  const value = trade.quantity * trade.price;
  if (trade.side === 'BUY') {
    position.buyQuantity += trade.quantity;
    position.buyValue += value;
  } else {
    position.sellQuantity += trade.quantity;
    position.sellValue += value;
  }
}

/** Live orders of one instrument and product: how much and at what price each side may still trade. */
export interface LiveSides {
  buyQuantity: number;
  buyValue: Paise;
  sellQuantity: number;
  sellValue: Paise;
}

/** Adds a live order; `price` is what margin is computed on (the limit, or for SL-M the trigger). */
export function addLive(sides: LiveSides, side: Side, quantity: number, price: Paise): void {
  if (side === 'BUY') {
    sides.buyQuantity += quantity;
    sides.buyValue += quantity * price;
  } else {
    sides.sellQuantity += quantity;
    sides.sellValue += quantity * price;
  }
}

/**
 * Margin of one instrument and product: the open position plus, on each side, the part of live orders that could
 * open more. A second exit order blocks margin of its own, as the broker's RMS does.
 */
export function keyMargin(
  instrument: Instrument,
  product: Product,
  position: Position | undefined,
  live: LiveSides,
  into: Blocked,
): void {
  const open = position === undefined ? 0 : openQuantity(position);
  if (position !== undefined && open !== 0) {
    const average = Math.round(openAverage(position));
    addBlocked(into, marginOf(instrument, product, open > 0 ? 'BUY' : 'SELL', Math.abs(open), average));
  }
  const opening = (side: Side, quantity: number, value: Paise, covers: number): void => {
    const extra = Math.max(0, quantity - Math.max(0, covers));
    if (extra === 0) return;
    addBlocked(into, marginOf(instrument, product, side, extra, Math.round(value / quantity)));
  };
  opening('BUY', live.buyQuantity, live.buyValue, -open);
  opening('SELL', live.sellQuantity, live.sellValue, open);
}

/** The price margin of a live order is computed on. */
export function marginPrice(order: Pick<Order, 'price' | 'trigger'>, last: Paise): Paise {
  return order.price > 0 ? order.price : Math.max(order.trigger, last);
}

/** Most shares a delivered sell may have: holdings (CNC) and the position, less what other live sells take. */
export function sellableDelivery(
  holding: Holding | undefined,
  position: Position | undefined,
  liveOrders: Iterable<Order>,
  of: { readonly token: number; readonly product: Product },
): number {
  let free = (holding?.quantity ?? 0) + (position === undefined ? 0 : openQuantity(position));
  for (const order of liveOrders) {
    if (order.token === of.token && order.product === of.product && order.side === 'SELL')
      free -= remaining(order);
  }
  return free;
}

/** A user's money, all in paise but for charges. */
export interface FundsView {
  readonly opening: Paise;
  readonly blocked: Blocked;
  readonly realised: Paise;
  readonly unrealised: Paise;
  readonly charges: Decimal;
  /** opening + realised - charges - blocked. */
  readonly available: Paise;
}

export function fundsView(
  opening: Paise,
  blocked: Blocked,
  realisedTotal: Paise,
  unrealised: Paise,
  charges: Decimal,
): FundsView {
  const chargesPaise = charges.equals(ZERO) ? 0 : charges.times(100).round().toNumber();
  return {
    opening,
    blocked,
    realised: realisedTotal,
    unrealised,
    charges,
    available: opening + realisedTotal - chargesPaise - totalBlocked(blocked),
  };
}
