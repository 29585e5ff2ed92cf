import { istDateTime } from './clock.ts';
import type { Quote } from './market.ts';
import { averageRupees, type Paise, rupees } from './paise.ts';

type Row = Record<string, unknown>;

export interface DepthLevel {
  readonly price: Paise;
  readonly quantity: number;
  readonly orders: number;
}

const LEVELS = 5;

/**
 * Five levels a tick apart around the last price. Quantities are made up but steady for a price, so that two reads of
 * an unchanged market agree. A locked circuit has one side only.
 */
export function depth(quote: Quote): { readonly buy: DepthLevel[]; readonly sell: DepthLevel[] } {
  return { buy: side(quote, -1), sell: side(quote, 1) };
}

function side(quote: Quote, direction: 1 | -1): DepthLevel[] {
  const levels: DepthLevel[] = [];
  for (let level = 1; level <= LEVELS; level += 1) {
    const price = quote.last + direction * level * quote.tick;
    const inside = price >= quote.lower && price <= quote.upper && quote.instrument.type !== 'INDEX';
    const mixed = (Math.imul(price + level, 2_654_435_761) >>> 8) % 400;
    const lots = 1 + mixed * level;
    levels.push(
      inside
        ? { price, quantity: lots * quote.lotSize, orders: 1 + (mixed % 20) }
        : { price: 0, quantity: 0, orders: 0 },
    );
  }
  return levels;
}

export function totalQuantity(levels: readonly DepthLevel[]): number {
  return levels.reduce((total, level) => total + level.quantity, 0);
}

function ohlc(quote: Quote): Row {
  return {
    open: rupees(quote.open),
    high: rupees(quote.high),
    low: rupees(quote.low),
    close: rupees(quote.close),
  };
}

export function ltpRow(quote: Quote): Row {
  return { instrument_token: quote.instrument.token, last_price: rupees(quote.last) };
}

export function ohlcRow(quote: Quote): Row {
  return { ...ltpRow(quote), ohlc: ohlc(quote) };
}

/** A value of GET /quote; the fields of quote.json. ohlc.close is the previous close. */
export function quoteRow(quote: Quote, nowMs: number): Row {
  const { buy, sell } = depth(quote);
  const level = (l: DepthLevel): Row => ({ price: rupees(l.price), quantity: l.quantity, orders: l.orders });
  return {
    instrument_token: quote.instrument.token,
    timestamp: istDateTime(nowMs),
    last_trade_time: istDateTime(quote.lastTradeAt),
    last_price: rupees(quote.last),
    last_quantity: quote.lastQuantity,
    buy_quantity: totalQuantity(buy),
    sell_quantity: totalQuantity(sell),
    volume: quote.volume,
    average_price: averageRupees(quote.turnover, quote.volume),
    oi: 0,
    oi_day_high: 0,
    oi_day_low: 0,
    net_change: rupees(quote.last - quote.close),
    lower_circuit_limit: rupees(quote.lower),
    upper_circuit_limit: rupees(quote.upper),
    ohlc: ohlc(quote),
    depth: { buy: buy.map(level), sell: sell.map(level) },
  };
}
