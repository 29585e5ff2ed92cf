import type { BrokerOrder } from '../broker/port.ts';
import type { BookBefore, Command, CommandOutcome } from '../domain/command.ts';
import { type Decimal, decimal } from '../domain/money.ts';
import { type Order, leavesQuantity } from '../domain/order.ts';
import { mostOf } from '../domain/order-reserve.ts';
import { type PlainTerms, isLocal } from '../domain/order-terms.ts';
import {
  type OrderStatus,
  isAmoWaiting,
  isInTransit,
  meaningOfBrokerStatus,
} from '../domain/order-status.ts';

/**
 * What a read of the broker's book means for a command in flight. Pure. An answer of the broker says only that the
 * request was taken or refused; the book says what became of it (kite.md sections 3.2, 3.3).
 */
export type CommandVerdict =
  /** The read tells nothing: it began before the answer, or the broker is still at work on the order. */
  | { readonly kind: 'NOTHING' }
  /** A whole read that does not show it yet: counted. */
  | { readonly kind: 'NOT_SHOWN' }
  /** A cancel that had no effect may be sent again: twice is the same as once. */
  | { readonly kind: 'AGAIN'; readonly reason: string }
  | { readonly kind: 'END'; readonly outcome: CommandOutcome; readonly reason: string | null };

const NOTHING: CommandVerdict = { kind: 'NOTHING' };
/** How long the broker may be at work on an order, milliseconds; a first status was seen for 83 s (kite.md section 3.3). */
export const TRANSIT_MS = 30_000;
/** Whole reads without the change before a command counts as lost (protocol.md). */
const READS_BEFORE_LOST = 2;
/** Calls of one cancel at most; each follows a read that showed the order live. */
export const MAX_CANCEL_SENDS = 8;

/** True while nothing read may end the order or its command: the call is out, or its answer is younger. */
export function isOut(command: Pick<Command, 'state' | 'answeredAt'>, readAt: Date): boolean {
  return command.state === 'IN_FLIGHT' && (command.answeredAt === null || readAt <= command.answeredAt);
}

/**
 * True when nothing of what a command asked for can come any more, although it is in hand still: the order has ended
 * there, whatever the call will be answered, or the broker refused it. Other terms that the row shows then are
 * somebody else's.
 */
export function isSpent(
  command: Pick<Command, 'state' | 'answer' | 'answeredAt'>,
  row: Pick<BrokerOrder, 'status'>,
  readAt: Date,
): boolean {
  if (ENDED.has(meaningOfBrokerStatus(row.status))) return true;
  return command.answer === 'REFUSED' && !isOut(command, readAt);
}

export function commandVerdict(
  command: Command,
  order: Order,
  row: BrokerOrder,
  facts: { readonly readAt: Date; readonly confirmMs: number },
): CommandVerdict {
  if (command.state !== 'IN_FLIGHT' || isOut(command, facts.readAt)) return NOTHING;
  if (ENDED.has(meaningOfBrokerStatus(row.status))) return NOTHING; // only its trades are awaited
  const sight = command.kind === 'MODIFY' ? sightOf(command, order, row) : 'NOT_SHOWN';
  if (sight === 'SHOWN') return end('ACCEPTED', null);
  const isStuck = isStuckInTransit(command, row, facts.readAt);
  if (isInTransit(row.status) && !isStuck) return NOTHING;
  if (command.answer === 'REFUSED') return end('REFUSED', command.reason);
  const refusal = newRefusal(row, command.bookBefore);
  if (refusal !== null) return end('REFUSED', refusal);
  // A refusal that is still to be read must not be overtaken: NOT MODIFIED may come before its message.
  if (sight === 'SILENT' && command.answer === 'ACKNOWLEDGED' && row.status !== 'NOT MODIFIED') {
    return end('ACCEPTED', null);
  }
  const lost =
    command.cleanReads + 1 >= READS_BEFORE_LOST &&
    facts.readAt.getTime() - (command.answeredAt?.getTime() ?? 0) >= facts.confirmMs;
  if (isStuck && command.kind === 'MODIFY') {
    return end('UNKNOWN', `the broker has shown ${row.status} for ${TRANSIT_MS / 1000} s and longer`);
  }
  if (command.kind === 'CANCEL') return cancelVerdict(command, lost);
  return lost
    ? end('UNKNOWN', "the broker's book never showed the new terms; the old ones stand until it does")
    : { kind: 'NOT_SHOWN' };
}

/** No answer: the order is live, so the call may be made again at once. Taken, but without effect: after a while. */
function cancelVerdict(command: Command, lost: boolean): CommandVerdict {
  if (command.answer === 'ACKNOWLEDGED' && !lost) return { kind: 'NOT_SHOWN' };
  if (command.sends >= MAX_CANCEL_SENDS) {
    return end('UNKNOWN', `the order is still live after ${command.sends} calls to cancel it`);
  }
  return { kind: 'AGAIN', reason: 'the book still shows the order live' };
}

const ENDED: ReadonlySet<string> = new Set(['COMPLETE', 'CANCELLED', 'REJECTED']);

/** True when a command was answered long ago and its order is in transit all the same: nothing may wait for it more. */
export function isStuckInTransit(
  { answeredAt }: Pick<Command, 'answeredAt'>,
  { status }: Pick<BrokerOrder, 'status'>,
  readAt: Date,
): boolean {
  return isInTransit(status) && answeredAt !== null && readAt.getTime() - answeredAt.getTime() >= TRANSIT_MS;
}

/** What a command comes to when its order has ended. A modify whose terms the order has was done before. */
export function outcomeAtEnd(
  command: Pick<Command, 'kind' | 'terms'>,
  order: Order,
): { readonly outcome: CommandOutcome; readonly reason: string | null } {
  const done =
    command.kind === 'CANCEL'
      ? order.status === 'CANCELLED'
      : Object.entries(command.terms ?? {}).every(([name, value]) =>
          isSame(value, plain(order[name as keyof PlainTerms])),
        );
  if (done) return { outcome: 'ACCEPTED', reason: null };
  return { outcome: 'TOO_LATE', reason: `the order is ${WORDS[order.status]} already` };
}

const WORDS: Record<OrderStatus, string> = {
  PENDING: 'pending',
  VALIDATED: 'validated',
  SUBMITTING: 'being sent',
  UNKNOWN: 'in doubt',
  SUBMITTED: 'submitted',
  OPEN: 'open',
  PARTIALLY_FILLED: 'partly filled',
  FILLED: 'filled',
  CANCELLED: 'cancelled',
  REJECTED: 'rejected',
  EXPIRED: 'expired',
};

function end(outcome: CommandOutcome, reason: string | null): CommandVerdict {
  return { kind: 'END', outcome, reason };
}

/**
 * A refusal by the exchange leaves the order live with a message, or with the word NOT MODIFIED alone; what stood there
 * before is no answer to a new command.
 */
function newRefusal(row: BrokerOrder, before: BookBefore | null): string | null {
  const isTouched = hasNewTimestamp(row, before);
  if (row.statusMessage === null) return row.status === 'NOT MODIFIED' && isTouched ? 'not modified' : null;
  const isOld = before?.message === bookMarks(row.raw).message && !isTouched;
  return isOld ? null : row.statusMessage;
}

/** True when the broker took a request about the order since `before` was kept. */
function hasNewTimestamp(row: BrokerOrder, before: BookBefore | null): boolean {
  return before?.orderTimestamp !== bookMarks(row.raw).orderTimestamp;
}

/** What is kept of a row when a command is sent. */
export function bookMarks(raw: Readonly<Record<string, unknown>>): BookBefore {
  return { message: textOf(raw['status_message']), orderTimestamp: textOf(raw['order_timestamp']) };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/**
 * What a row says of the terms of a modify. SHOWN: it has every one that the book repeats. SILENT: it repeats none of
 * them (a market protection), so that they count as done once the request was taken and nothing was refused.
 */
type Sight = 'SHOWN' | 'SILENT' | 'NOT_SHOWN';

/** What is judged together when an order becomes one of another type. */
const OF_TYPE: ReadonlySet<string> = new Set(['orderType', 'price', 'triggerPrice']);

function sightOf(command: Command, order: Order, row: BrokerOrder): Sight {
  const { terms, answer } = command;
  if (terms === null || answer === 'REFUSED') return 'NOT_SHOWN';
  const sights: Sight[] = [];
  let others = terms;
  if (changesType(order, terms) && terms.orderType === 'MARKET') {
    others = Object.fromEntries(Object.entries(terms).filter(([name]) => !OF_TYPE.has(name)));
    sights.push(sightOfMarket(order, row, command.bookBefore));
  }
  const shown = shownFor(order, row, others);
  const wanted = Object.entries(others).filter(([name]) => name in shown);
  if (wanted.length > 0) {
    const isShown = wanted.every(([name, value]) => isSame(value, shown[name as keyof PlainTerms]));
    sights.push(isShown ? 'SHOWN' : 'NOT_SHOWN');
  }
  if (sights.includes('NOT_SHOWN')) return 'NOT_SHOWN';
  if (sights.includes('SILENT')) return 'SILENT';
  if (sights.includes('SHOWN')) return 'SHOWN';
  return isResting(row) ? 'SILENT' : 'NOT_SHOWN';
}

/**
 * A market order may stand in the book as the LIMIT it was made into (kite.md section 3.12). It is the old limit order
 * still while nothing of it has moved; with its price kept, only a request that was taken since tells them apart.
 */
function sightOfMarket(order: Order, row: BrokerOrder, before: BookBefore | null): Sight {
  if (row.orderType === 'MARKET') return 'SHOWN';
  if (row.orderType !== 'LIMIT') return 'NOT_SHOWN';
  if (order.price === null || !row.price.eq(order.price)) return 'SHOWN';
  return row.raw['modified'] === true && hasNewTimestamp(row, before) && isResting(row)
    ? 'SILENT'
    : 'NOT_SHOWN';
}

/** The broker is done with what it was asked; after-market orders rest at the broker itself. */
function isResting({ status }: BrokerOrder): boolean {
  return isAmoWaiting(status) || (meaningOfBrokerStatus(status) === 'RESTING' && !isInTransit(status));
}

function changesType(order: Pick<Order, 'orderType'>, { orderType }: PlainTerms): boolean {
  return orderType !== undefined && orderType !== order.orderType;
}

/** What the row says of the terms that were asked for: one of another type has to show that type. */
function shownFor(order: EchoedTerms, row: BrokerOrder, asked: PlainTerms): PlainTerms {
  return changesType(order, asked) ? { ...plainFacts(row), ...pricedTerms(row) } : bookTerms(order, row);
}

/** True when the book shows the terms of a modify and the order does not have them yet. */
export function showsNewTerms(command: Command, order: Order, row: BrokerOrder): boolean {
  const { kind, terms } = command;
  if (kind !== 'MODIFY' || terms === null || isLocal(terms)) return false;
  if (sightOf(command, order, row) !== 'SHOWN') return false;
  if (changesType(order, terms)) return true;
  const shown = bookTerms(order, row);
  return Object.entries(terms).some(([name, value]) => name in shown && !isTermOf(order, name, value));
}

/** The terms of an order that its row in the book repeats. */
export type EchoedTerms = Pick<
  Order,
  'quantity' | 'orderType' | 'validity' | 'price' | 'triggerPrice' | 'disclosedQuantity'
>;

/** Terms in which the row differs from an order of ours, for the book to be followed; empty when in none. */
export function differingTerms(order: EchoedTerms, row: BrokerOrder): PlainTerms {
  return Object.fromEntries(
    Object.entries(bookTerms(order, row)).filter(([name, value]) => !isTermOf(order, name, value)),
  );
}

function isTermOf(order: EchoedTerms, name: string, value: unknown): boolean {
  return isSame(value, plain(order[name as keyof EchoedTerms]));
}

/**
 * The terms that a row of the book says of an order, as far as they are those that were sent or that somebody else
 * changed. A market order stands there as the LIMIT it was made into; whether the book keeps the type of a stop that
 * has triggered is not known (kite.md section 3.12), so neither is a change of terms.
 */
function bookTerms(order: Pick<Order, 'orderType'>, row: BrokerOrder): PlainTerms {
  const facts = plainFacts(row);
  const priced = pricedTerms(row);
  if (priced === null) return facts;
  const isLimit = row.orderType === 'LIMIT' || row.orderType === 'MARKET';
  switch (order.orderType) {
    case 'MARKET':
      return isLimit ? facts : { ...facts, ...priced };
    case 'LIMIT':
      return { ...facts, ...priced };
    case 'SL':
      if (!isLimit) return { ...facts, ...priced };
      return row.orderType === 'LIMIT' ? { ...facts, price: priced.price ?? null } : facts;
    case 'SL-M':
      if (isLimit) return facts;
      return row.orderType === 'SL' && row.status !== 'TRIGGER PENDING'
        ? { ...facts, triggerPrice: priced.triggerPrice ?? null }
        : { ...facts, ...priced };
  }
}

/** What a row says whatever its type is. */
function plainFacts(row: BrokerOrder): PlainTerms {
  const { quantity, validity, raw } = row;
  const disclosedQuantity = raw['disclosed_quantity'];
  return {
    quantity,
    ...(validity === 'DAY' || validity === 'IOC' || validity === 'TTL' ? { validity } : {}),
    ...(typeof disclosedQuantity === 'number' && disclosedQuantity > 0 ? { disclosedQuantity } : {}),
  };
}

/** Type and prices of a row that has the prices its type needs; null for any other. */
function pricedTerms({ orderType, price, triggerPrice }: BrokerOrder): PlainTerms | null {
  const [at, from] = [
    price.gt(0) ? price.toFixed() : null,
    triggerPrice.gt(0) ? triggerPrice.toFixed() : null,
  ];
  switch (orderType) {
    case 'MARKET':
      return { orderType, price: null, triggerPrice: null };
    case 'LIMIT':
      return at === null ? null : { orderType, price: at, triggerPrice: null };
    case 'SL':
      return at === null || from === null ? null : { orderType, price: at, triggerPrice: from };
    case 'SL-M':
      return from === null ? null : { orderType, price: null, triggerPrice: from };
    default:
      return null;
  }
}

function plain(value: string | number | Decimal | null): string | number | null {
  return typeof value === 'object' && value !== null ? value.toFixed() : value;
}

function isSame(a: unknown, b: unknown): boolean {
  if (typeof a === 'string' && typeof b === 'string' && /^\d/.test(a) && /^\d/.test(b)) {
    return decimal(a).eq(decimal(b));
  }
  return a === b;
}

/** True when a modify asks for no more than is filled: the rest is cancelled, and the order is then filled. */
export function cutsToFilled(command: Pick<Command, 'terms'>, order: Pick<Order, 'filledQuantity'>): boolean {
  const quantity = command.terms?.quantity;
  return quantity !== undefined && order.filledQuantity > 0 && quantity <= order.filledQuantity;
}

/**
 * How much of an order may be booked from this read, so that it is not filled by a quantity it no longer has. A modify
 * that raises the quantity may have been taken between the read of the orders and that of the trades: trades past the
 * row's own count wait for the next read. A row that shows more than the order, while a command in hand keeps it from
 * being followed, leaves the trade that would fill the order to the read that follows it.
 */
export function bookableQuantity(order: Order, row: BrokerOrder): number {
  if (meaningOfBrokerStatus(row.status) === 'COMPLETE' || leavesQuantity(order) === 0) return Infinity;
  if (row.quantity > order.quantity) return order.quantity - 1;
  const reserved = order.reserve === null ? 0 : mostOf(order.reserve).quantity;
  return reserved > order.quantity ? row.filledQuantity : Infinity;
}
