import type { BrokerOrder } from '../broker/port.ts';
import type { BookBefore, Command, CommandOutcome } from '../domain/command.ts';
import { type Decimal, decimal } from '../domain/money.ts';
import { type Order, type PlainTerms, isLocal, leavesQuantity } from '../domain/order.ts';
import { type OrderStatus, meaningOfBrokerStatus } from '../domain/order-status.ts';

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
  if (command.kind === 'MODIFY' && isShown(command, order, row)) return end('ACCEPTED', null);
  if (isInTransit(row.status)) return NOTHING;
  if (command.answer === 'REFUSED') return end('REFUSED', command.reason);
  const refusal = newMessage(row, command.bookBefore);
  if (refusal !== null) return end('REFUSED', refusal);
  const lost =
    command.cleanReads + 1 >= READS_BEFORE_LOST &&
    facts.readAt.getTime() - (command.answeredAt?.getTime() ?? 0) >= facts.confirmMs;
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

/** True while the broker is at work on the order: it takes no command, and shows neither old terms nor new. */
export function isInTransit(status: string): boolean {
  return status.includes('PENDING') && status !== 'TRIGGER PENDING';
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

/** A refusal by the exchange leaves the order live with a message; an old message is no answer to a new command. */
function newMessage(row: BrokerOrder, before: BookBefore | null): string | null {
  if (row.statusMessage === null) return null;
  const now = bookMarks(row.raw);
  const isOld = before?.message === now.message && before.orderTimestamp === now.orderTimestamp;
  return isOld ? null : row.statusMessage;
}

/** What is kept of a row when a command is sent. */
export function bookMarks(raw: Readonly<Record<string, unknown>>): BookBefore {
  return { message: textOf(raw['status_message']), orderTimestamp: textOf(raw['order_timestamp']) };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** The order types whose price and trigger the book repeats; MARKET and SL-M are converted (kite.md section 3.12). */
const ECHOED: ReadonlySet<string> = new Set(['LIMIT', 'SL']);

/** True when the row has every term of the modify that the book repeats. Sends without such terms count as done. */
function isShown(command: Command, order: Order, row: BrokerOrder): boolean {
  if (command.terms === null || command.answer === 'REFUSED') return false;
  const shown = bookTerms({ ...order, orderType: command.terms.orderType ?? order.orderType }, row);
  const wanted = Object.entries(command.terms).filter(([name]) => name in shown);
  if (wanted.length === 0)
    return command.answer === 'ACKNOWLEDGED' && meaningOfBrokerStatus(row.status) === 'RESTING';
  return wanted.every(([name, value]) => isSame(value, shown[name as keyof PlainTerms]));
}

/** True when the book shows the terms of a modify and the order does not have them yet. */
export function showsNewTerms(command: Command, order: Order, row: BrokerOrder): boolean {
  if (command.kind !== 'MODIFY' || command.terms === null || isLocal(command.terms)) return false;
  return isShown(command, order, row) && Object.keys(changedIn(order, row, command.terms)).length > 0;
}

/** The terms of an order that its row in the book repeats. */
export type EchoedTerms = Pick<
  Order,
  'quantity' | 'orderType' | 'validity' | 'price' | 'triggerPrice' | 'disclosedQuantity'
>;

/** Terms in which the row differs from an order of ours, for the book to be followed; empty when in none. */
export function differingTerms(order: EchoedTerms, row: BrokerOrder): PlainTerms {
  const { orderType, ...terms } = bookTerms(order, row);
  // Whether the book keeps the type of a stop that has triggered is not known (kite.md section 3.12): no change of terms.
  const isTriggered = order.orderType === 'SL' && orderType === 'LIMIT';
  return changedIn(order, row, isTriggered || orderType === undefined ? terms : { orderType, ...terms });
}

function changedIn(order: EchoedTerms, row: BrokerOrder, wanted: PlainTerms): PlainTerms {
  const shown = bookTerms({ ...order, orderType: wanted.orderType ?? order.orderType }, row);
  return Object.fromEntries(
    Object.entries(wanted).filter(
      ([name, value]) => name in shown && !isSame(value, plain(order[name as keyof EchoedTerms])),
    ),
  );
}

/** The terms that a row of the book says, as far as they are those that were sent. */
function bookTerms(order: Pick<Order, 'orderType'>, row: BrokerOrder): PlainTerms {
  const terms: Record<string, string | number> = { quantity: row.quantity };
  if (row.validity === 'DAY' || row.validity === 'IOC' || row.validity === 'TTL')
    terms['validity'] = row.validity;
  const disclosed = row.raw['disclosed_quantity'];
  if (typeof disclosed === 'number' && disclosed > 0) terms['disclosedQuantity'] = disclosed;
  if (ECHOED.has(order.orderType) && ECHOED.has(row.orderType)) {
    terms['orderType'] = row.orderType;
    terms['price'] = row.price.toFixed();
    if (row.orderType === 'SL') terms['triggerPrice'] = row.triggerPrice.toFixed();
  }
  return terms;
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
  return (order.reserve?.quantity ?? 0) > order.quantity ? row.filledQuantity : Infinity;
}
