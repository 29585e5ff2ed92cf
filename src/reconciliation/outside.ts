import type { BrokerOrder, BrokerOrderRef } from '../broker/port.ts';
import { EXCHANGES, type Exchange, PRODUCTS, type Product } from '../domain/instrument.ts';
import { isAmoWaiting } from '../domain/order-status.ts';
import type { Order, OrderTerms, Variety } from '../domain/order.ts';
import type { ModifiableTerms } from '../domain/order-terms.ts';

/**
 * What a row of the broker's book says about an order that no request of ours explains: placed in Kite's app, by
 * another program, by phone, or by the broker itself. Pure; the row is all the evidence there is (kite.md section 3).
 */

/** What is known of a broker order beside its fills. */
export type RowFacts = Pick<
  BrokerOrder,
  'orderId' | 'status' | 'exchange' | 'tradingsymbol' | 'product' | 'transactionType' | 'quantity'
>;

/** Who placed an outside order, as far as its row tells. BROKER: not the account's own user (RMS, dealer). */
export type PlacedBy = 'USER' | 'BROKER' | 'UNKNOWN';

/** The row's `placed_by` is the account's user for what is placed in the app or over the API. */
export function placedBy({ raw, statusMessage }: Pick<BrokerOrder, 'raw' | 'statusMessage'>): PlacedBy {
  if (statusMessage !== null && OF_BROKER.test(statusMessage)) return 'BROKER';
  const [by, user] = [raw['placed_by'], raw['account_id']];
  if (typeof by !== 'string' || typeof user !== 'string') return 'UNKNOWN';
  return by === user ? 'USER' : 'BROKER';
}

const OF_BROKER = /\bRMS\b|square.?off/i;
const OF_SELF_TRADE = /self.?trade|\bSTP/i;
/** Trading in the instrument stands still by order of the exchange (controls.md K.1.b). */
const OF_HALT = /\bhalt|\bsuspen/i;

/** Who ended an order of ours without being asked by us (controls.md E.1.b). */
export type EndedBy = 'USER' | 'RMS' | 'SELF_TRADE' | 'HALT' | 'EXCHANGE' | 'VALIDITY' | 'UNKNOWN';

/**
 * The cause of an end that nobody here asked for. The message says most; without one, a cancel by the account's user
 * shows the rest as cancelled and one by the exchange leaves it pending (kite.md section 1, orders.json). With fills both
 * look the same.
 */
export function endedBy(order: Pick<Order, 'validity'>, row: BrokerOrder): EndedBy {
  const { statusMessage: message, raw } = row;
  if (message !== null && OF_SELF_TRADE.test(message)) return 'SELF_TRADE';
  if (message !== null && OF_HALT.test(message)) return 'HALT';
  if (message !== null && OF_BROKER.test(message)) return 'RMS';
  if (order.validity === 'IOC') return 'VALIDITY';
  if (message !== null) return 'EXCHANGE';
  const rest = row.quantity - row.filledQuantity;
  const cancelled = raw['cancelled_quantity'];
  if (row.filledQuantity > 0 || typeof cancelled !== 'number') return 'UNKNOWN';
  return cancelled === rest ? 'USER' : 'EXCHANGE';
}

/** The terms of an order row for a broker order; null when the OMS has no word for its exchange or product. */
export function outsideTerms(row: BrokerOrder):
  | (Pick<OrderTerms, 'symbol' | 'side' | 'variety' | 'metadata'> & {
      readonly exchange: Exchange;
      readonly product: Product;
    } & ModifiableTerms)
  | null {
  const exchange = EXCHANGES.find((known) => known === row.exchange);
  const product = PRODUCTS.find((known) => known === row.product);
  if (exchange === undefined || product === undefined) return null;
  const orderType = orderTypeOf(row);
  return {
    ...{ exchange, product, orderType },
    symbol: row.tradingsymbol,
    side: row.transactionType,
    quantity: row.quantity,
    validity: row.validity === 'IOC' || row.validity === 'TTL' ? row.validity : 'DAY',
    validityMinutes: null,
    variety: varietyOf(row),
    price: orderType === 'LIMIT' || orderType === 'SL' ? row.price : null,
    triggerPrice: orderType === 'SL' || orderType === 'SL-M' ? row.triggerPrice : null,
    stopLoss: null,
    takeProfit: null,
    disclosedQuantity: null,
    marketProtection: null,
    metadata: { outside: evidenceOf(row) },
  };
}

/** Its type, as far as the row has the prices that go with it; anything else is followed as a market order. */
function orderTypeOf(row: BrokerOrder): Order['orderType'] {
  const [priced, triggered] = [row.price.gt(0), row.triggerPrice.gt(0)];
  if (row.orderType === 'LIMIT' && priced) return 'LIMIT';
  if (row.orderType === 'SL' && priced && triggered) return 'SL';
  if (row.orderType === 'SL-M' && triggered) return 'SL-M';
  return 'MARKET';
}

function varietyOf({ variety }: BrokerOrder): Variety {
  return variety === 'amo' ? 'amo' : 'regular';
}

/** What tells a person where the order came from; the raw row is kept beside it in broker_orders. */
function evidenceOf(row: BrokerOrder): Readonly<Record<string, unknown>> {
  const { raw } = row;
  return {
    by: placedBy(row),
    placedBy: text(raw['placed_by']),
    tag: row.tag,
    variety: row.variety,
    guid: text(raw['guid']),
    parentOrderId: row.parentOrderId,
    statusMessage: text(row.statusMessage),
  };
}

/** Of the broker's texts, as much as is kept. */
const TEXT_LENGTH = 300;

function text(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, TEXT_LENGTH) : null;
}

/** Varieties that the broker's address knows beside the regular one. */
const ADDRESSED = ['amo', 'co', 'iceberg', 'auction'] as const;

/**
 * The variety by which a command names an order: that of its row, whoever placed it; an after-market order is a regular
 * one once it was released, although its row goes on saying `amo` (kite.md section 3.3).
 */
export function addressVariety({
  status,
  variety,
}: {
  /** The broker's last word; null: none was read yet. */
  readonly status: string | null;
  readonly variety: unknown;
}): BrokerOrderRef['variety'] {
  const known = ADDRESSED.find((one) => one === variety) ?? 'regular';
  const isReleased = status !== null && !isAmoWaiting(status);
  return known === 'amo' && isReleased ? 'regular' : known;
}
