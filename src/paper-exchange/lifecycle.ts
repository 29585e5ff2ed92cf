import type { HistoryRow, Order, OrderRequest, OrderTerms, Status } from './order.ts';
import { remaining } from './order.ts';
import type { Paise } from './paise.ts';

/** Rows an order's history holds at most; past it further partial fills add none (25 modifications need 100). */
const MAX_HISTORY_ROWS = 400;
/** Kite's first history row carries this instead of the instrument's token (order_info.json). */
const BOGUS_TOKEN = 1;

/** What a new order takes from its surroundings. */
interface Birth {
  readonly id: string;
  readonly user: string;
  readonly exchange: string;
  readonly tradingsymbol: string;
  readonly guid: string;
  readonly placedBy: string;
  readonly nowMs: number;
  readonly visibleAt: number;
}

/** A new order in its first state, PUT ORDER REQ RECEIVED. */
export function receive(birth: Birth, request: OrderRequest): Order {
  const order: Order = {
    id: birth.id,
    user: birth.user,
    exchange: birth.exchange,
    tradingsymbol: birth.tradingsymbol,
    token: request.token,
    variety: request.variety,
    side: request.side,
    product: request.product,
    tag: request.tag,
    tags: request.tag === null ? [] : [request.tag],
    guid: birth.guid,
    placedBy: birth.placedBy,
    shown: null,
    touched: 0,
    receivedAt: birth.nowMs,
    visibleAt: birth.visibleAt,
    released: false,
    requestedType: request.orderType,
    orderType: request.orderType,
    quantity: request.quantity,
    price: request.price,
    trigger: request.trigger,
    disclosed: request.disclosed,
    validity: request.validity,
    ttl: request.ttl,
    protection: request.protection,
    status: 'PUT ORDER REQ RECEIVED',
    statusMessage: null,
    statusMessageRaw: null,
    exchangeOrderId: null,
    orderAt: birth.nowMs,
    exchangeAt: null,
    exchangeUpdateAt: null,
    filled: 0,
    filledValue: 0,
    pending: request.quantity,
    cancelled: 0,
    modified: false,
    modifications: 0,
    transit: null,
    dueAt: null,
    expiresAt: null,
    passive: false,
    triggeredAt: null,
    charges: '0',
    rows: [],
  };
  order.rows.push({ ...snapshot(order), token: BOGUS_TOKEN });
  return order;
}

function snapshot(order: Order): HistoryRow {
  return {
    status: order.status,
    message: order.statusMessage,
    at: order.orderAt,
    exchangeAt: order.exchangeAt,
    exchangeOrderId: order.exchangeOrderId,
    token: order.token,
    orderType: order.orderType,
    quantity: order.quantity,
    disclosed: order.disclosed,
    price: order.price,
    trigger: order.trigger,
    validity: order.validity,
    filled: order.filled,
    filledValue: order.filledValue,
    pending: order.pending,
    cancelled: order.cancelled,
    modified: order.modified,
  };
}

/** Moves the order to `status` and writes the history row. */
export function enter(order: Order, status: Status): void {
  order.status = status;
  order.rows.push(snapshot(order));
}

/** The limit a market order gets: the price and how many percent from the market it is. */
export interface Protection {
  readonly price: Paise;
  readonly percent: number;
}

/** A MARKET order becomes a LIMIT at its protection price, tagged as Kite does (orders.json, kite.md 3.12). */
export function protectMarket(order: Order, { price, percent }: Protection): void {
  order.orderType = 'LIMIT';
  order.price = price;
  const tags = order.tags.filter((tag) => !tag.startsWith('mktp'));
  order.tags = [...tags, 'mktp', `mktp:${percent.toFixed(2)}`];
}

/** Puts the order on the exchange: OPEN PENDING, then TRIGGER PENDING or OPEN. */
export function reachExchange(order: Order, exchangeOrderId: string, nowMs: number, dueAt: number): void {
  enter(order, 'OPEN PENDING');
  order.exchangeOrderId = exchangeOrderId;
  order.exchangeAt = nowMs;
  order.exchangeUpdateAt = nowMs;
  if (order.validity === 'TTL') order.expiresAt = nowMs + order.ttl * 60_000;
  becomeLive(order, dueAt);
}

/** OPEN, or TRIGGER PENDING for a stop that has not triggered. */
function becomeLive(order: Order, dueAt: number): void {
  const waits = (order.orderType === 'SL' || order.orderType === 'SL-M') && order.triggeredAt === null;
  order.dueAt = waits ? null : dueAt;
  enter(order, waits ? 'TRIGGER PENDING' : 'OPEN');
}

/** The market reached the trigger at `last`; `price` is the limit from here on. */
export function trigger(order: Order, last: Paise, price: Paise, nowMs: number, dueAt: number): void {
  order.triggeredAt = last;
  order.price = price;
  order.exchangeUpdateAt = nowMs;
  order.dueAt = dueAt;
  enter(order, 'OPEN');
}

/** One execution; the last one completes the order. */
export function fill(order: Order, quantity: number, price: Paise, nowMs: number): void {
  order.filled += quantity;
  order.filledValue += quantity * price;
  order.pending = remaining(order);
  order.exchangeUpdateAt = nowMs;
  order.exchangeAt = nowMs;
  if (order.pending === 0) {
    order.dueAt = null;
    order.transit = null;
    enter(order, 'COMPLETE');
  } else if (order.transit === null && order.rows.length < MAX_HISTORY_ROWS) {
    enter(order, 'OPEN');
  }
}

/**
 * One execution was taken back or changed after the fact. An order that was complete and is not any more is open again,
 * but fills by itself no more; one that ended otherwise stays ended.
 */
export function amend(order: Order, change: { readonly quantity: number; readonly value: Paise }): void {
  order.touched += 1;
  order.filled += change.quantity;
  order.filledValue += change.value;
  if (order.status === 'CANCELLED' || order.status === 'REJECTED') return;
  order.pending = remaining(order);
  if (order.status === 'COMPLETE' && order.pending > 0) enter(order, 'OPEN');
}

/** Refused by RMS or by the exchange: all quantities show zero (orders.json). */
export function reject(order: Order, message: string, raw: string): void {
  order.statusMessage = message;
  order.statusMessageRaw = raw;
  order.pending = 0;
  order.dueAt = null;
  order.transit = null;
  enter(order, 'REJECTED');
}

/**
 * Ends the order unfilled or partly filled. Kite's numbers do not add up and are reproduced (orders.json): a client's
 * cancel without fills shows the rest as pending and cancelled, the exchange's as pending only; with fills pending is 0.
 */
export function cancel(order: Order, by: 'client' | 'exchange', message: string | null, nowMs: number): void {
  const rest = remaining(order);
  if (by === 'client') enter(order, 'CANCEL PENDING');
  order.statusMessage = message;
  order.pending = order.filled > 0 ? 0 : rest;
  order.cancelled = by === 'client' || order.filled > 0 ? rest : 0;
  if (order.exchangeOrderId !== null) order.exchangeUpdateAt = nowMs;
  order.dueAt = null;
  order.transit = null;
  enter(order, 'CANCELLED');
}

/** The first two rows of a modification. */
export function startModify(order: Order, nowMs: number): void {
  order.modifications += 1;
  order.orderAt = nowMs;
  enter(order, 'MODIFY VALIDATION PENDING');
  enter(order, 'MODIFY PENDING');
}

/** The surroundings of a modification. */
interface Modification {
  readonly protection: Protection | null;
  readonly nowMs: number;
  readonly dueAt: number;
  /** The order waits for the market to open. */
  readonly isAmo: boolean;
}

/** The exchange took the modification: MODIFIED still shows the old terms, the next row the new ones (order_info.json). */
export function applyModify(order: Order, terms: OrderTerms, change: Modification): void {
  const { protection, nowMs, dueAt, isAmo } = change;
  order.transit = null;
  if (!isAmo) {
    order.exchangeAt = nowMs;
    order.exchangeUpdateAt = nowMs;
  }
  enter(order, 'MODIFIED');
  Object.assign(order, terms);
  order.requestedType = terms.orderType;
  if (protection !== null) protectMarket(order, protection);
  order.pending = remaining(order);
  order.passive = false;
  if (terms.orderType === 'LIMIT' || terms.orderType === 'MARKET') order.triggeredAt = null;
  order.expiresAt = terms.validity === 'TTL' ? nowMs + terms.ttl * 60_000 : null;
  if (isAmo) enter(order, 'AMO REQ RECEIVED');
  else becomeLive(order, dueAt);
  order.modified = true;
}

/** The exchange refused the modification: NOT MODIFIED, and the order lives on with its old terms. */
export function refuseModify(order: Order, message: string, back: Status): void {
  order.transit = null;
  order.statusMessage = message;
  enter(order, 'NOT MODIFIED');
  enter(order, back);
}
