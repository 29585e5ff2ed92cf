import { createHash } from 'node:crypto';
import { err, ok, type Result } from '../lib/result.ts';
import {
  type Exchange,
  type Instrument,
  type Product,
  isOption,
  isTradable,
  productsOf,
} from './instrument.ts';
import { canonicalJson } from './journal.ts';
import { Decimal, decimal, isOnTick } from './money.ts';
import type { OrderRole, OrderType, Side, Validity, Variety } from './order.ts';
import type { ProtectionPolicy, Trailing } from './protection-policy.ts';

/** A request to place an order, its fields known to have the right types; no rule of the market applied yet. */
export interface OrderRequest {
  readonly clientOrderId: string;
  readonly strategyId: string | null;
  readonly symbol: string;
  readonly exchange: Exchange;
  readonly side: Side;
  readonly quantity: number;
  readonly orderType: OrderType;
  readonly product: Product;
  readonly validity: Validity;
  readonly validityMinutes: number | null;
  readonly variety: Variety;
  readonly price: Decimal | null;
  readonly triggerPrice: Decimal | null;
  readonly stopLoss: Decimal | null;
  readonly takeProfit: Decimal | null;
  readonly disclosedQuantity: number | null;
  readonly marketProtection: Decimal | null;
  readonly reduceOnly: boolean;
  readonly maxAgeMs: number | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly role: OrderRole;
  /** Left out or null: as configured. */
  readonly protection?: ProtectionPolicy | null;
  readonly trailing?: Trailing | null;
  /** Left out: false. */
  readonly gtt?: boolean;
}

export interface FieldError {
  /** JSON pointer into the request, e.g. "/price". */
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

/** The most a plain price may be, rupees: far above any listed price, far below what numeric(24,4) holds. */
/** No share, option or future of Kite comes near; what is multiplied with it stays within its column. */
export const MAX_PRICE = 10_000_000;
const MAX_QUANTITY = 100_000_000;

/** The order in which problems are named. */
const FIELD_ORDER = [
  'symbol',
  'quantity',
  'orderType',
  'product',
  'validity',
  'validityMinutes',
  'price',
  'triggerPrice',
  'stopLoss',
  'takeProfit',
  'disclosedQuantity',
  'marketProtection',
  'trailingStop',
  'gtt',
].map((name) => `/${name}`);

/**
 * The rules that need nothing but the request and the instrument (api.md: 422 at once). Everything that needs a
 * price, a limit, the clock or the account is a check. All problems are named, in the order of the fields.
 */
export function checkRequest(
  request: OrderRequest,
  instrument: Instrument | null,
  today: string,
): Result<Instrument, FieldError[]> {
  if (instrument === null) {
    // What was sent is not said again: nobody knows what it is.
    const message = `symbol is not in the list of instruments of ${request.exchange}`;
    return err([{ pointer: '/symbol', code: 'UNKNOWN_SYMBOL', message }]);
  }
  const errors = [
    ...instrumentErrors(request, instrument, today),
    ...quantityErrors(request, instrument),
    ...priceErrors(request, instrument),
    ...validityErrors(request),
    ...trailingErrors(request),
    ...gttErrors(request),
  ];
  errors.sort((a, b) => FIELD_ORDER.indexOf(a.pointer) - FIELD_ORDER.indexOf(b.pointer));
  return errors.length === 0 ? ok(instrument) : err(errors);
}

/** sha256 of the parsed request: the same content gives the same text, however its numbers were written. */
export function requestHash(request: OrderRequest): string {
  const plain = Object.fromEntries(
    Object.entries(request).map(([name, value]) => [
      name,
      isDecimal(value) ? value.toFixed() : (value as unknown),
    ]),
  );
  return createHash('sha256').update(canonicalJson(plain)).digest('hex');
}

function isDecimal(value: unknown): value is Decimal {
  // Not by its members: metadata may have a member of any name.
  return value instanceof Decimal;
}

function trailingErrors({ trailing, stopLoss }: OrderRequest): FieldError[] {
  if (trailing == null) return [];
  const isGood = decimal(trailing.distance).gt(0) && decimal(trailing.step).gte(0);
  return [
    ...(isGood
      ? []
      : [error('/trailingStop', 'NOT_POSITIVE', 'distance must be above zero, and step not below')]),
    ...(stopLoss === null ? [error('/trailingStop', 'NO_STOP', 'needs a stopLoss to begin at')] : []),
  ];
}

function gttErrors({ gtt = false, stopLoss }: OrderRequest): FieldError[] {
  return gtt && stopLoss === null ? [error('/gtt', 'NO_STOP', 'needs a stopLoss to stand behind')] : [];
}

/** A GTT stands behind stops at the exchange; `policy` is what the order's protection came to. */
export function gttPolicyErrors(
  { gtt = false }: Pick<OrderRequest, 'gtt'>,
  policy: ProtectionPolicy | null,
): FieldError[] {
  if (!gtt || policy === 'exchange') return [];
  const message = `needs protection exchange, and this order's is ${policy ?? 'none: it only reduces'}`;
  return [error('/gtt', 'NOT_AT_EXCHANGE', message)];
}

function instrumentErrors(request: OrderRequest, instrument: Instrument, today: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!isTradable(instrument)) {
    errors.push(error('/symbol', 'NOT_TRADABLE', `${request.symbol} is an index and can not be traded`));
  }
  if (instrument.expiry !== null && instrument.expiry < today) {
    errors.push(error('/symbol', 'EXPIRED_CONTRACT', `${request.symbol} expired on ${instrument.expiry}`));
  }
  if (instrument.multiplier === null) {
    errors.push(
      error('/symbol', 'NO_MULTIPLIER', `the contract multiplier of ${request.symbol} is not known`),
    );
  }
  const products = productsOf(request.exchange);
  if (!products.includes(request.product)) {
    const message = `${request.exchange} takes ${products.join(', ')}, not ${request.product}`;
    errors.push(error('/product', 'PRODUCT_FOR_EXCHANGE', message));
  }
  return errors;
}

function quantityErrors(request: OrderRequest, instrument: Instrument): FieldError[] {
  const { quantity, disclosedQuantity } = request;
  if (quantity < 1) return [error('/quantity', 'MIN', 'quantity must be at least 1')];
  if (quantity > MAX_QUANTITY) return [error('/quantity', 'MAX', `quantity must be at most ${MAX_QUANTITY}`)];
  const errors: FieldError[] = [];
  if (quantity % instrument.lotSize !== 0) {
    errors.push(
      error('/quantity', 'LOT_SIZE', `quantity must be a multiple of the lot size ${instrument.lotSize}`),
    );
  }
  if (disclosedQuantity !== null && (disclosedQuantity < 1 || disclosedQuantity > quantity)) {
    errors.push(error('/disclosedQuantity', 'RANGE', 'disclosedQuantity must be from 1 to quantity'));
  }
  return errors;
}

function priceErrors(request: OrderRequest, instrument: Instrument): FieldError[] {
  const { orderType } = request;
  const needsPrice = orderType === 'LIMIT' || orderType === 'SL';
  const needsTrigger = orderType === 'SL' || orderType === 'SL-M';
  const errors = [
    ...presence('/price', request.price, needsPrice, orderType),
    ...presence('/triggerPrice', request.triggerPrice, needsTrigger, orderType),
  ];
  const prices = [
    ['/price', request.price],
    ['/triggerPrice', request.triggerPrice],
    ['/stopLoss', request.stopLoss],
    ['/takeProfit', request.takeProfit],
  ] as const;
  for (const [pointer, price] of prices) {
    if (price !== null) errors.push(...priceRules(pointer, price, instrument));
  }
  if (orderType === 'SL' && request.price !== null && request.triggerPrice !== null) {
    const wrong =
      request.side === 'BUY'
        ? request.price.lt(request.triggerPrice)
        : request.price.gt(request.triggerPrice);
    if (wrong) {
      const rule = request.side === 'BUY' ? 'at or above' : 'at or below';
      errors.push(
        error(
          '/price',
          'PRICE_SIDE',
          `the price of a ${request.side} SL order must be ${rule} its triggerPrice`,
        ),
      );
    }
  }
  if (orderType === 'SL-M' && (isOption(instrument.instrumentType) || request.exchange === 'BSE')) {
    errors.push(
      error('/orderType', 'ORDER_TYPE', `${request.exchange} refuses SL-M here; use SL with a price`),
    );
  }
  const protection = request.marketProtection;
  if (protection !== null && !(protection.eq(-1) || (protection.gt(0) && protection.lte(100)))) {
    errors.push(error('/marketProtection', 'RANGE', 'marketProtection must be -1, or over 0 and up to 100'));
  }
  return errors;
}

function presence(
  pointer: string,
  price: Decimal | null,
  needed: boolean,
  orderType: OrderType,
): FieldError[] {
  const name = pointer.slice(1);
  if (needed && price === null) return [error(pointer, 'REQUIRED', `a ${orderType} order needs a ${name}`)];
  if (!needed && price !== null)
    return [error(pointer, 'NOT_ALLOWED', `a ${orderType} order takes no ${name}`)];
  return [];
}

function priceRules(pointer: string, price: Decimal, instrument: Instrument): FieldError[] {
  const name = pointer.slice(1);
  if (price.lte(0)) return [error(pointer, 'MIN', `${name} must be over 0`)];
  if (price.gt(MAX_PRICE)) return [error(pointer, 'MAX', `${name} must be at most ${MAX_PRICE}`)];
  if (isOnTick(price, instrument.tickSize)) return [];
  return [
    error(pointer, 'TICK_SIZE', `${name} must be a multiple of the tick ${instrument.tickSize.toFixed()}`),
  ];
}

function validityErrors(request: OrderRequest): FieldError[] {
  const errors: FieldError[] = [];
  if (request.validity === 'TTL' && request.validityMinutes === null) {
    errors.push(error('/validityMinutes', 'REQUIRED', 'validity TTL needs validityMinutes'));
  }
  if (request.validity === 'TTL' && request.validityMinutes !== null && request.validityMinutes < 1) {
    errors.push(error('/validityMinutes', 'MIN', 'validityMinutes must be at least 1'));
  }
  if (request.validity !== 'TTL' && request.validityMinutes !== null) {
    errors.push(
      error('/validityMinutes', 'NOT_ALLOWED', `validity ${request.validity} takes no validityMinutes`),
    );
  }
  if (request.validity === 'IOC' && request.exchange === 'MCX') {
    errors.push(error('/validity', 'VALIDITY', 'MCX takes no IOC orders from algorithms'));
  }
  if (request.validity === 'IOC' && request.variety === 'amo') {
    errors.push(error('/validity', 'VALIDITY', 'an after-market order can not be IOC'));
  }
  return errors;
}

function error(pointer: string, code: string, message: string): FieldError {
  return { pointer, code, message };
}
