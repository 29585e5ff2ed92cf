/**
 * Kite's JSON rows to the port's values. A row that cannot be read fails the whole read: a shorter list
 * would say "this order does not exist". Unknown extra fields and unheard-of statuses pass.
 */
import { ZERO, type Decimal } from '../../domain/money.ts';
import type {
  BrokerFunds,
  BrokerGtt,
  BrokerGttLeg,
  BrokerHolding,
  BrokerOrder,
  BrokerPosition,
  BrokerPositions,
  BrokerQuote,
  BrokerSegmentFunds,
  BrokerTrade,
} from '../port.ts';
import { type RowCache, createRowCache } from './row-cache.ts';
import {
  amount,
  amountOrNull,
  asList,
  asRow,
  count,
  instantOrNull,
  positiveOrNull,
  proseOrNull,
  type Row,
  side,
  signedCount,
  unreadable,
  word,
  wordOrNull,
  words,
} from './fields.ts';

const TIME_ONLY = /^\d{2}:\d{2}:\d{2}$/;

type OrderRows = RowCache<BrokerOrder>;
type TradeRows = RowCache<BrokerTrade>;
export const orderRowCache = (): OrderRows => createRowCache((row) => String(row['order_id']));
export const tradeRowCache = (): TradeRows =>
  createRowCache((row) => `${String(row['order_id'])}/${String(row['trade_id'])}`);

export function parseOrders(data: unknown, cache = orderRowCache()): readonly BrokerOrder[] {
  const orders = asList(data, 'orders').map((row, index) =>
    cache.read(row, () => parseOrder(row, `orders[${index}]`)),
  );
  cache.endRead();
  return orders;
}

function parseOrder(value: unknown, where: string): BrokerOrder {
  const row = asRow(value, where);
  const filledQuantity = count(row, 'filled_quantity', where);
  const averagePrice = amountOrNull(row, 'average_price', where);
  if (averagePrice === null && filledQuantity > 0) {
    throw unreadable(`${where} has ${filledQuantity} filled but no average_price`);
  }
  return {
    orderId: word(row, 'order_id', where),
    exchangeOrderId: wordOrNull(row, 'exchange_order_id', where),
    parentOrderId: wordOrNull(row, 'parent_order_id', where),
    status: word(row, 'status', where),
    statusMessage: proseOrNull(row, 'status_message') ?? proseOrNull(row, 'status_message_raw'),
    exchange: word(row, 'exchange', where),
    tradingsymbol: word(row, 'tradingsymbol', where),
    instrumentToken: count(row, 'instrument_token', where),
    transactionType: side(row, 'transaction_type', where),
    orderType: word(row, 'order_type', where),
    product: word(row, 'product', where),
    variety: word(row, 'variety', where),
    validity: word(row, 'validity', where),
    quantity: count(row, 'quantity', where),
    filledQuantity,
    price: amountOrNull(row, 'price', where) ?? ZERO,
    triggerPrice: amountOrNull(row, 'trigger_price', where) ?? ZERO,
    averagePrice: averagePrice ?? ZERO,
    orderTimestamp: instantOrNull(row, 'order_timestamp', where),
    exchangeTimestamp: instantOrNull(row, 'exchange_timestamp', where),
    tag: wordOrNull(row, 'tag', where),
    tags: words(row, 'tags', where),
    raw: row,
  };
}

export function parseTrades(data: unknown, cache = tradeRowCache()): readonly BrokerTrade[] {
  const trades = asList(data, 'trades').map((row, index) =>
    cache.read(row, () => parseTrade(row, `trades[${index}]`)),
  );
  cache.endRead();
  return trades;
}

function parseTrade(value: unknown, where: string): BrokerTrade {
  const row = asRow(value, where);
  const quantity = count(row, 'quantity', where);
  if (quantity === 0) throw unreadable(`${where}.quantity is 0`);
  return {
    tradeId: word(row, 'trade_id', where),
    orderId: word(row, 'order_id', where),
    exchangeOrderId: wordOrNull(row, 'exchange_order_id', where),
    exchange: word(row, 'exchange', where),
    tradingsymbol: word(row, 'tradingsymbol', where),
    instrumentToken: count(row, 'instrument_token', where),
    transactionType: side(row, 'transaction_type', where),
    product: word(row, 'product', where),
    quantity,
    price: amount(row, 'average_price', where),
    fillTimestamp: fillInstant(row, where),
    raw: row,
  };
}

/** fill_timestamp when it has its date, else exchange_timestamp; a fill without an instant cannot be booked. */
function fillInstant(row: Row, where: string): Date {
  const fill = row.fill_timestamp;
  const isShort = typeof fill === 'string' && TIME_ONLY.test(fill);
  const instant =
    (isShort ? null : instantOrNull(row, 'fill_timestamp', where)) ??
    instantOrNull(row, 'exchange_timestamp', where);
  if (!instant) throw unreadable(`${where} has neither fill_timestamp nor exchange_timestamp with a date`);
  return instant;
}

export function parseGtts(data: unknown): readonly BrokerGtt[] {
  return asList(data, 'gtts').map((value, index) => {
    const where = `gtts[${index}]`;
    const row = asRow(value, where);
    const condition = asRow(row.condition, `${where}.condition`);
    const triggers = asList(condition.trigger_values, `${where}.condition.trigger_values`);
    const orders = asList(row.orders, `${where}.orders`);
    if (triggers.length !== orders.length) throw unreadable(`${where} has not one order for each trigger`);
    return {
      triggerId: String(count(row, 'id', where)),
      status: word(row, 'status', where),
      exchange: word(condition, 'exchange', `${where}.condition`),
      tradingsymbol: word(condition, 'tradingsymbol', `${where}.condition`),
      createdAt: instantOrNull(row, 'created_at', where),
      legs: orders.map((leg, at) => parseLeg(leg, triggers[at], `${where}.orders[${at}]`)),
    };
  });
}

function parseLeg(value: unknown, trigger: unknown, where: string): BrokerGttLeg {
  const row = asRow(value, where);
  return {
    trigger: amount({ trigger }, 'trigger', where),
    price: amount(row, 'price', where),
    transactionType: side(row, 'transaction_type', where),
    product: word(row, 'product', where),
    quantity: count(row, 'quantity', where),
    result: isMissing(row.result) ? null : parseLegResult(row.result, `${where}.result`),
  };
}

function parseLegResult(value: unknown, where: string): BrokerGttLeg['result'] {
  const row = asRow(asRow(value, where).order_result, `${where}.order_result`);
  return { orderId: wordOrNull(row, 'order_id', where), reason: proseOrNull(row, 'rejection_reason') };
}

export function parsePositions(data: unknown): BrokerPositions {
  const both = asRow(data, 'positions');
  const list = (name: 'net' | 'day') =>
    asList(both[name], `positions.${name}`).map((row, index) =>
      parsePosition(row, `positions.${name}[${index}]`),
    );
  return { net: list('net'), day: list('day') };
}

function parsePosition(value: unknown, where: string): BrokerPosition {
  const row = asRow(value, where);
  return {
    exchange: word(row, 'exchange', where),
    tradingsymbol: word(row, 'tradingsymbol', where),
    instrumentToken: count(row, 'instrument_token', where),
    product: word(row, 'product', where),
    quantity: signedCount(row, 'quantity', where),
    overnightQuantity: signedCount(row, 'overnight_quantity', where),
    averagePrice: amount(row, 'average_price', where),
    raw: row,
  };
}

export function parseFunds(data: unknown): BrokerFunds {
  const row = asRow(data, 'margins');
  return { equity: parseSegment(row, 'equity'), commodity: parseSegment(row, 'commodity') };
}

function parseSegment(funds: Row, segment: string): BrokerSegmentFunds | null {
  const value = funds[segment];
  if (value === null || value === undefined) return null;
  const where = `margins.${segment}`;
  const row = asRow(value, where);
  const available = asRow(row.available, `${where}.available`);
  const utilised = row.utilised === undefined ? {} : asRow(row.utilised, `${where}.utilised`);
  const used = (name: string): Decimal => amountOrNull(utilised, name, `${where}.utilised`) ?? ZERO;
  return {
    net: amount(row, 'net', where),
    liveBalance: amount(available, 'live_balance', `${where}.available`),
    cash: amount(available, 'cash', `${where}.available`),
    blocked: used('span').plus(used('exposure')),
  };
}

/** `quantity` leaves out T1 shares and those sold today (kite.md section 3.6). */
export function parseHoldings(data: unknown): readonly BrokerHolding[] {
  return asList(data, 'holdings').map((value, index) => {
    const where = `holdings[${index}]`;
    const row = asRow(value, where);
    const parts = ['quantity', 'used_quantity', 't1_quantity'].map((name) => count(row, name, where));
    return {
      exchange: word(row, 'exchange', where),
      tradingsymbol: word(row, 'tradingsymbol', where),
      openingQuantity: parts.reduce((total, part) => total + part, 0),
    };
  });
}

/** One total per order asked about, in the order asked. */
export function parseOrderMargins(
  data: unknown,
  asked: readonly { readonly tradingsymbol: string }[],
): readonly Decimal[] {
  const rows = asList(data, 'margins');
  if (rows.length !== asked.length) {
    throw unreadable(`margins has ${rows.length} rows for ${asked.length} orders`);
  }
  return asked.map((order, index) => {
    const where = `margins[${index}]`;
    const row = asRow(rows[index], where);
    if (word(row, 'tradingsymbol', where) !== order.tradingsymbol) {
      throw unreadable(`${where} is not for ${order.tradingsymbol}`);
    }
    return amount(row, 'total', where);
  });
}

/** Of a basket with positions considered: what its orders block together with what is there already. */
export function parseAddedMargin(data: unknown): Decimal {
  return amount(asRow(asRow(data, 'basket')['final'], 'basket.final'), 'total', 'basket.final');
}

function mapKeys<T>(data: unknown, keys: readonly string[], parse: (row: Row, where: string) => T) {
  const rows = asRow(data, 'quotes');
  const found = new Map<string, T>();
  for (const key of keys) {
    // Own properties only: "constructor" is no instrument.
    if (!Object.hasOwn(rows, key) || rows[key] === null) continue;
    const where = `quotes["${key}"]`;
    found.set(key, parse(asRow(rows[key], where), where));
  }
  return found;
}

export function parseLastPrices(data: unknown, keys: readonly string[]): ReadonlyMap<string, Decimal> {
  return mapKeys(data, keys, (row, where) => amount(row, 'last_price', where));
}

export function parseQuotes(data: unknown, keys: readonly string[]): ReadonlyMap<string, BrokerQuote> {
  return mapKeys(data, keys, (row, where) => ({
    lastPrice: amount(row, 'last_price', where),
    previousClose: isMissing(row.ohlc)
      ? null
      : positiveOrNull(asRow(row.ohlc, `${where}.ohlc`), 'close', `${where}.ohlc`),
    bestBid: bestPrice(row, 'buy', where),
    bestOffer: bestPrice(row, 'sell', where),
    lowerCircuit: positiveOrNull(row, 'lower_circuit_limit', where),
    upperCircuit: positiveOrNull(row, 'upper_circuit_limit', where),
    at: instantOrNull(row, 'timestamp', where),
  }));
}

function isMissing(value: unknown): boolean {
  return value === null || value === undefined;
}

/** The first level of one side of the book; Kite fills an empty book with zeros, and indices have none. */
function bestPrice(quote: Row, bookSide: 'buy' | 'sell', where: string): Decimal | null {
  if (isMissing(quote.depth)) return null;
  const depth = asRow(quote.depth, `${where}.depth`);
  if (isMissing(depth[bookSide])) return null;
  const [first] = asList(depth[bookSide], `${where}.depth.${bookSide}`);
  if (first === undefined) return null;
  const at = `${where}.depth.${bookSide}[0]`;
  return positiveOrNull(asRow(first, at), 'price', at);
}
