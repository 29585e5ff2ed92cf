import { ok, type Result } from '../lib/result.ts';
import { inputError, type KiteError } from './kite-error.ts';
import type { Quote } from './market.ts';
import type { OrderTerms, Product, Side } from './order.ts';
import { type Paise, shortRupees } from './paise.ts';

const NO_PROTECTION =
  'Market orders without market protection are not allowed via API. Please set market protection or use a Limit order.';
const MAX_TTL_MINUTES = 60;

/** What the terms are for. */
interface TermsContext {
  readonly quote: Quote;
  readonly side: Side;
  readonly product: Product;
  /** False for MARKET that was MARKET before: it needs no new protection (kite.md 3.12). */
  readonly protectionNeeded: boolean;
  /** Quantity executed already. */
  readonly filled: number;
}

/** The checks Kite makes before an order or a modification gets anywhere; the first that fails answers. */
export function checkTerms(terms: OrderTerms, context: TermsContext): Result<OrderTerms, KiteError> {
  const checks = [checkProduct, checkQuantity, checkProtection, checkPrices, checkValidity];
  for (const check of checks) {
    const refusal = check(terms, context);
    if (refusal !== null) return inputError(refusal);
  }
  return ok(terms);
}

type Check = (terms: OrderTerms, context: TermsContext) => string | null;

const checkProduct: Check = (terms, { quote, product }) => {
  const { instrument } = quote;
  if (instrument.type === 'INDEX') return `${instrument.tradingsymbol} is an index and cannot be traded.`;
  if (instrument.exchange === 'NFO' && (product === 'CNC' || product === 'MTF')) {
    return `Invalid \`product\`. ${product} is not allowed for derivatives. Use NRML or MIS.`;
  }
  if (instrument.exchange === 'NSE' && product === 'NRML') {
    return 'Invalid `product`. NRML is not allowed for equity. Use CNC or MIS.';
  }
  if (terms.orderType === 'SL-M' && (instrument.type === 'CE' || instrument.type === 'PE')) {
    return 'SL-M orders are blocked for stock and index options. Use an SL order with a limit price.';
  }
  return null;
};

const checkQuantity: Check = (terms, { quote, filled }) => {
  const { lotSize, freeze } = quote.instrument;
  if (terms.quantity <= 0) return 'Quantity should be greater than zero.';
  if (terms.quantity % lotSize !== 0) return `Quantity should be in multiples of the lot size ${lotSize}.`;
  if (terms.quantity <= filled) return `Quantity should be greater than the filled quantity ${filled}.`;
  if (terms.disclosed > terms.quantity) return 'Disclosed quantity cannot be greater than quantity.';
  if (freeze > 0 && terms.quantity > freeze) {
    return (
      `The order quantity ${terms.quantity} (${terms.quantity / lotSize} lots) is higher than the maximum quantity ` +
      `of ${freeze} (${freeze / lotSize} lots) allowed by the exchanges. Please place multiple orders.`
    );
  }
  return null;
};

const checkProtection: Check = (terms, { protectionNeeded }) => {
  if (terms.orderType !== 'MARKET' && terms.orderType !== 'SL-M') return null;
  return terms.protection === 0 && protectionNeeded ? NO_PROTECTION : null;
};

const checkPrices: Check = (terms, { quote, side }) => {
  const needsPrice = terms.orderType === 'LIMIT' || terms.orderType === 'SL';
  const needsTrigger = terms.orderType === 'SL' || terms.orderType === 'SL-M';
  if (needsPrice && terms.price <= 0) return 'Missing or empty field `price`';
  if (needsTrigger && terms.trigger <= 0) return 'Missing or empty field `trigger_price`';
  if (needsPrice) {
    const refusal = checkPrice(terms.price, 'price', quote);
    if (refusal !== null) return refusal;
  }
  if (needsTrigger) {
    const refusal = checkPrice(terms.trigger, 'trigger price', quote);
    if (refusal !== null) return refusal;
  }
  if (terms.orderType === 'SL' && side === 'BUY' && terms.trigger > terms.price) {
    return 'Trigger price for stoploss buy orders cannot be above the limit price.';
  }
  if (terms.orderType === 'SL' && side === 'SELL' && terms.trigger < terms.price) {
    return 'Trigger price for stoploss sell orders cannot be below the limit price.';
  }
  return null;
};

function checkPrice(price: Paise, name: 'price' | 'trigger price', quote: Quote): string | null {
  if (price % quote.tick !== 0) return tickText(quote.tick);
  if (price > quote.upper) {
    return `Your order ${name} is higher than the current upper circuit limit of ${shortRupees(quote.upper)}. You can place an order within the daily range.`;
  }
  if (price < quote.lower) {
    return `Your order ${name} is lower than the current lower circuit limit of ${shortRupees(quote.lower)}. You can place an order within the daily range.`;
  }
  return null;
}

/** Kite's refusal of a price that is off the tick (kite.md 3.10). */
export function tickText(tick: Paise): string {
  return `Tick size for this script is ${(tick / 100).toFixed(2)}. Kindly enter price in the multiple of tick size for this script`;
}

const checkValidity: Check = (terms) => {
  if (terms.validity === 'TTL' && (terms.ttl < 1 || terms.ttl > MAX_TTL_MINUTES)) {
    return `Invalid \`validity_ttl\`. It should be from 1 to ${MAX_TTL_MINUTES} minutes.`;
  }
  return null;
};
