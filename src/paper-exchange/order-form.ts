import { ok, type Result } from '../lib/result.ts';
import { inputError, type KiteError } from './kite-error.ts';
import type { Market, Quote } from './market.ts';
import type {
  Order,
  OrderRequest,
  OrderTerms,
  OrderType,
  Product,
  Side,
  Validity,
  Variety,
} from './order.ts';
import { takesMarket } from './order.ts';
import { type Paise, parsePaise } from './paise.ts';
import { checkTerms, tickText } from './rules.ts';

/** The decoded fields of a form-encoded body; redundant and unknown ones are ignored. */
export type Form = ReadonlyMap<string, string>;

const SIDES: readonly Side[] = ['BUY', 'SELL'];
export const PRODUCTS: readonly Product[] = ['CNC', 'MIS', 'NRML', 'MTF'];
const ORDER_TYPES: readonly OrderType[] = ['MARKET', 'LIMIT', 'SL', 'SL-M'];
const VALIDITIES: readonly Validity[] = ['DAY', 'IOC', 'TTL'];
const TAG = /^[A-Za-z0-9]{1,20}$/;

/** A refusal inside the parsers below; caught at their border. */
class Refusal extends Error {
  readonly refusal: string;
  constructor(refusal: string) {
    super(refusal);
    this.refusal = refusal;
  }
}

/** Decodes and checks the body of POST /orders/{variety}. */
export function parsePlacement(variety: string, form: Form, market: Market): Result<OrderRequest, KiteError> {
  return guarded(() => {
    if (variety !== 'regular' && variety !== 'amo') {
      throw new Refusal(`Invalid \`variety\`. \`${variety}\` orders are not supported here.`);
    }
    const quote = findQuote(market, required(form, 'exchange'), required(form, 'tradingsymbol'));
    const side = oneOf(form, 'transaction_type', SIDES);
    const product = oneOf(form, 'product', PRODUCTS);
    const terms = readTerms(form, quote, {
      orderType: oneOf(form, 'order_type', ORDER_TYPES),
      quantity: wholeNumber('quantity', required(form, 'quantity')),
      price: 0,
      trigger: 0,
      disclosed: 0,
      validity: 'DAY',
      ttl: 0,
      protection: 0,
    });
    const tag = readTag(form);
    const checked = checkTerms(terms, { quote, side, product, protectionNeeded: true, filled: 0 });
    if (!checked.ok) return checked;
    checkAutoslice(form, terms.quantity, quote.instrument.freeze);
    return ok({
      ...tidy(terms),
      variety: variety satisfies Variety,
      token: quote.instrument.token,
      side,
      product,
      tag,
    });
  });
}

/** Decodes and checks the body of PUT /orders/{variety}/{id}: fields left out or empty stay as they are. */
export function parseModification(form: Form, order: Order, quote: Quote): Result<OrderTerms, KiteError> {
  return guarded(() => {
    const wasMarket = takesMarket(order);
    const terms = readTerms(form, quote, {
      orderType:
        given(form, 'order_type') === null ? keptType(order, form) : oneOf(form, 'order_type', ORDER_TYPES),
      quantity: order.quantity,
      price: order.price,
      trigger: order.trigger,
      disclosed: order.disclosed,
      validity: order.validity,
      ttl: order.ttl,
      protection: wasMarket ? order.protection : 0,
    });
    const { side, product, filled } = order;
    const checked = checkTerms(terms, { quote, side, product, protectionNeeded: !wasMarket, filled });
    return checked.ok ? ok(tidy(terms)) : checked;
  });
}

/** A stored market order that gets no new price stays one; with a new price it is an ordinary limit order. */
function keptType(order: Order, form: Form): OrderType {
  return order.requestedType === 'MARKET' && given(form, 'price') === null ? 'MARKET' : order.orderType;
}

function readTerms(form: Form, quote: Quote, base: OrderTerms): OrderTerms {
  const validity = given(form, 'validity') === null ? base.validity : oneOf(form, 'validity', VALIDITIES);
  const quantity = given(form, 'quantity');
  const disclosed = given(form, 'disclosed_quantity');
  const ttl = given(form, 'validity_ttl');
  const protection = given(form, 'market_protection');
  return {
    orderType: base.orderType,
    quantity: quantity === null ? base.quantity : wholeNumber('quantity', quantity),
    price: priceField(form, 'price', base.price, quote),
    trigger: priceField(form, 'trigger_price', base.trigger, quote),
    disclosed: disclosed === null ? base.disclosed : wholeNumber('disclosed_quantity', disclosed),
    validity,
    ttl: validity !== 'TTL' ? 0 : ttl === null ? base.ttl : wholeNumber('validity_ttl', ttl),
    protection: protection === null ? base.protection : parseProtection(protection),
  };
}

/** Drops what the order type does not use, as the order book shows it. */
function tidy(terms: OrderTerms): OrderTerms {
  const { orderType } = terms;
  return {
    ...terms,
    price: orderType === 'MARKET' || orderType === 'SL-M' ? 0 : terms.price,
    trigger: orderType === 'MARKET' || orderType === 'LIMIT' ? 0 : terms.trigger,
  };
}

function findQuote(market: Market, exchange: string, tradingsymbol: string): Quote {
  const quote = market.find(`${exchange}:${tradingsymbol}`);
  if (quote === undefined) {
    throw new Refusal('The instrument you are placing an order for has either expired or does not exist.');
  }
  return quote;
}

function checkAutoslice(form: Form, quantity: number, freeze: number): void {
  if (given(form, 'autoslice') !== 'true') return;
  if (freeze === 0 || quantity < freeze) {
    throw new Refusal(`Quantity should be greater than or equal to ${freeze} for order slicing.`);
  }
}

function readTag(form: Form): string | null {
  const tag = given(form, 'tag');
  if (tag === null) return null;
  if (tag.length > 20) throw new Refusal('Invalid `tag`. It should be at most 20 characters long.');
  if (!TAG.test(tag)) throw new Refusal('Invalid `tag`. It should be alphanumeric.');
  return tag;
}

function parseProtection(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value > 100 || (value < 0 && value !== -1)) {
    throw new Refusal('Invalid `market_protection`. It should be -1 or from 0 to 100.');
  }
  return value;
}

function priceField(form: Form, name: string, base: Paise, quote: Quote): Paise {
  const text = given(form, name);
  if (text === null) return base;
  const price = parsePaise(text);
  if (price === null) throw new Refusal(`Invalid \`${name}\`.`);
  if (price === 'fine') throw new Refusal(tickText(quote.tick));
  return price;
}

function wholeNumber(name: string, text: string): number {
  if (!/^-?\d{1,9}$/.test(text)) throw new Refusal(`Invalid \`${name}\`.`);
  const value = Number(text);
  if (value < 0)
    throw new Refusal(name === 'quantity' ? 'Quantity should be greater than zero.' : `Invalid \`${name}\`.`);
  return value;
}

function oneOf<T extends string>(form: Form, name: string, allowed: readonly T[]): T {
  const text = required(form, name);
  const found = allowed.find((value) => value === text);
  if (found === undefined) throw new Refusal(`Invalid \`${name}\`.`);
  return found;
}

function required(form: Form, name: string): string {
  const text = given(form, name);
  if (text === null) throw new Refusal(`Missing or empty field \`${name}\``);
  return text;
}

/** The field's text; null when absent or empty (the official client sends null as an empty value). */
function given(form: Form, name: string): string | null {
  const text = form.get(name);
  return text === undefined || text === '' ? null : text;
}

function guarded<T>(parse: () => Result<T, KiteError>): Result<T, KiteError> {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Refusal) return inputError(error.refusal);
    throw error;
  }
}
