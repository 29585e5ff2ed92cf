import type { BrokerGttTerms, BrokerOrderChange, BrokerOrderRequest } from '../port.ts';

/** Kite's automatic market protection; MARKET and SL-M without protection are refused since 2026-04-01. */
const AUTOMATIC_PROTECTION = '-1';

/**
 * The form fields of one placement, a fresh object each time because the client writes into it.
 * What is not set is left out: the client would send null as an empty field. Decimals go as plain text.
 */
export function placementParams(order: BrokerOrderRequest): Record<string, string | number> {
  const params: Record<string, string | number> = {
    exchange: order.exchange,
    tradingsymbol: order.tradingsymbol,
    transaction_type: order.transactionType,
    product: order.product,
    ...changeParams(order),
  };
  if (order.tag !== undefined) params.tag = order.tag;
  return params;
}

type Terms = Omit<BrokerOrderChange, 'variety' | 'orderId'>;

/** The form fields of terms that a modification may change, under the same rules. */
export function changeParams(order: Terms): Record<string, string | number> {
  const params: Record<string, string | number> = {
    order_type: order.orderType,
    validity: order.validity,
    quantity: order.quantity,
  };
  if (order.price !== undefined) params.price = order.price.toFixed();
  if (order.triggerPrice !== undefined) params.trigger_price = order.triggerPrice.toFixed();
  if (order.validityTtlMinutes !== undefined) params.validity_ttl = order.validityTtlMinutes;
  if (order.disclosedQuantity !== undefined) params.disclosed_quantity = order.disclosedQuantity;
  if (order.marketProtection !== undefined) {
    params.market_protection = order.marketProtection.toFixed();
  } else if (order.orderType === 'MARKET' || order.orderType === 'SL-M') {
    params.market_protection = AUTOMATIC_PROTECTION;
  }
  return params;
}

/** What the client makes a GTT's form of; its JSON wants numbers. */
export function gttParams(terms: BrokerGttTerms): Record<string, unknown> {
  const { exchange, tradingsymbol, transactionType, product, quantity, lastPrice, legs } = terms;
  return {
    trigger_type: legs.length === 1 ? 'single' : 'two-leg',
    ...{ exchange, tradingsymbol, last_price: lastPrice.toNumber() },
    trigger_values: legs.map(({ trigger }) => trigger.toNumber()),
    orders: legs.map(({ price }) => ({
      ...{ transaction_type: transactionType, order_type: 'LIMIT', product, quantity },
      price: price.toNumber(),
    })),
  };
}

/** One row of the margin calculator, whose JSON wants numbers and 0 for a price there is none of. */
export function marginParams(order: BrokerOrderRequest): Record<string, string | number> {
  return {
    exchange: order.exchange,
    tradingsymbol: order.tradingsymbol,
    transaction_type: order.transactionType,
    variety: order.variety,
    product: order.product,
    order_type: order.orderType,
    quantity: order.quantity,
    price: order.price?.toNumber() ?? 0,
    trigger_price: order.triggerPrice?.toNumber() ?? 0,
  };
}
