/** What can happen to an order, and what each event makes of it: live use and replay from the journal are one code. */
import { assert } from '../lib/assert.ts';
import { ZERO, decimal } from './money.ts';
import type { Order, OrderTerms, RejectedBy, Side } from './order.ts';
import { type HeldReserve, type Reserve, mostOf, reserveOf } from './order-reserve.ts';
import { type OrderStatus, isFinal, targetOf } from './order-status.ts';
import { type PlainTerms, isLocal, termsOf } from './order-terms.ts';

/** A trade's quantity and its price, rupees as text. */
export interface TradeTerms {
  readonly quantity: number;
  readonly price: string;
}

/** How long the direct enqueue has before the dispatcher looks as well, milliseconds. */
export const FAST_PATH_GRACE_MS = 1000;

/** Events carry JSON only (decimals and instants as text), so live use and replay from the journal are one code. */
export type OrderEvent =
  | {
      readonly kind: 'OrderValidated';
      readonly openingQuantity: number;
      readonly marginPerUnit: string;
      readonly riskPerUnit: string | null;
      readonly referencePrice: string | null;
      readonly valuePerUnit?: string | null;
    }
  | {
      readonly kind: 'OrderRejected';
      readonly by: RejectedBy;
      readonly failedCheck: string | null;
      readonly reason: string;
      readonly readAt?: string;
    }
  | {
      readonly kind: 'SubmissionClaimed';
      readonly attempt: number;
      readonly tag: string;
      readonly notBefore: string;
      readonly sendBy: string;
      /** When a claim without an answer is resolved by asking the broker. */
      readonly resolveAt: string;
    }
  | {
      readonly kind: 'SubmissionReleased';
      readonly attempt: number;
      readonly reason: string;
      readonly retryAt: string;
    }
  | { readonly kind: 'SubmissionUnknown'; readonly attempt: number; readonly reason: string }
  | {
      readonly kind: 'OrderSubmitted';
      readonly attempt: number;
      readonly brokerOrderId: string;
      /** ANSWER: the broker's reply. BOOK: found by tag. PERSON: an operator said so. */
      readonly via: 'ANSWER' | 'BOOK' | 'PERSON';
    }
  | {
      readonly kind: 'OrderOpened' | 'BrokerStatusChanged';
      readonly brokerStatus: string;
      readonly exchangeOrderId: string | null;
      readonly awaitingTrades: boolean;
      readonly readAt: string;
    }
  | {
      readonly kind: 'TradeRecorded';
      readonly tradeId: string;
      readonly brokerOrderId: string;
      readonly exchange: string;
      readonly day: string;
      readonly side: Side;
      readonly quantity: number;
      readonly price: string;
      readonly tradedAt: string;
      readonly entryId: string;
      readonly charges: Readonly<Record<string, string>>;
    }
  | {
      /** A recorded trade is not what the exchange says any more (a correction or a bust). */
      readonly kind: 'TradeCorrected';
      readonly tradeId: string;
      readonly brokerOrderId: string;
      readonly exchange: string;
      readonly day: string;
      readonly side: Side;
      /** Null: it had been taken back before. */
      readonly from: TradeTerms | null;
      /** Null: it is taken back. */
      readonly to: TradeTerms | null;
      readonly reason: string;
    }
  /** A broker order followed as an outside one turned out to be that of another order row, which follows it now. */
  | { readonly kind: 'OrderAbsorbed'; readonly intoOrderId: string; readonly reason: string }
  | ({ readonly kind: 'ModifyClaimed'; readonly commandId: string } & Reserve)
  | {
      readonly kind: 'ModifyReleased';
      readonly commandId: string;
      readonly reason: string;
      /** The broker certainly never took it, so that it does not count there. */
      readonly notDone: boolean;
    }
  | {
      readonly kind: 'OrderModified';
      /** Null: the book showed other terms that no command in hand asked for. */
      readonly commandId: string | null;
      readonly terms: PlainTerms;
      /** Of the order with these terms; absent when only its checks will tell. */
      readonly figures: Reserve | null;
    }
  | {
      readonly kind: 'OrderCancelled';
      readonly by: string;
      readonly reason: string;
      readonly readAt?: string;
    }
  | { readonly kind: 'OrderExpired'; readonly reason: string; readonly readAt?: string };

/** The order as accepted: PENDING, nothing sent. */
export function acceptedOrder(terms: OrderTerms, at: Date): Order {
  return {
    ...terms,
    status: 'PENDING',
    rejectedBy: null,
    failedCheck: null,
    statusReason: null,
    openingQuantity: 0,
    marginPerUnit: null,
    riskPerUnit: null,
    referencePrice: null,
    valuePerUnit: null,
    attempt: 0,
    attemptTag: null,
    claimedAt: null,
    sendBy: null,
    brokerOrderId: null,
    exchangeOrderId: null,
    brokerStatus: null,
    filledQuantity: 0,
    filledValue: ZERO,
    awaitingTradesSince: null,
    modifications: 0,
    corrections: 0,
    reserve: null,
    lastReadAt: null,
    version: 1,
    createdAt: at,
    updatedAt: at,
    submittedAt: null,
    finishedAt: null,
    nextStepAt: plus(at, FAST_PATH_GRACE_MS),
  };
}

/** The order after `event`; throws InvariantError when the transition table refuses it. */
export function evolve(order: Order, event: OrderEvent, at: Date): Order {
  const target = targetOf(order.status, event.kind);
  assert(target !== null, `order ${order.id}: ${event.kind} may not happen in ${order.status}`);
  const changed = { ...order, ...changes(order, event, at), version: order.version + 1, updatedAt: at };
  const status = statusAfter(order, changed, target);
  const finishedAt = isFinal(status) ? (order.finishedAt ?? at) : null;
  const nextStepAt = isFinal(status) ? null : changed.nextStepAt;
  const reserve = isFinal(status) ? null : changed.reserve;
  return { ...changed, status, finishedAt, nextStepAt, reserve };
}

function statusAfter(order: Order, changed: Order, target: OrderStatus | 'SAME' | 'FILLS'): OrderStatus {
  if (target === 'SAME') return order.status;
  if (target === 'FILLS' || (target === 'SUBMITTED' && changed.filledQuantity > 0)) {
    if (changed.filledQuantity >= changed.quantity) return 'FILLED';
    return changed.filledQuantity > 0 ? 'PARTIALLY_FILLED' : 'OPEN';
  }
  return target;
}

function changes(order: Order, event: OrderEvent, at: Date): Partial<Order> {
  switch (event.kind) {
    case 'OrderValidated':
      return {
        openingQuantity: event.openingQuantity,
        marginPerUnit: decimal(event.marginPerUnit),
        riskPerUnit: event.riskPerUnit === null ? null : decimal(event.riskPerUnit),
        referencePrice: event.referencePrice === null ? null : decimal(event.referencePrice),
        valuePerUnit: event.valuePerUnit == null ? null : decimal(event.valuePerUnit),
        nextStepAt: plus(at, FAST_PATH_GRACE_MS),
      };
    case 'OrderRejected':
      return {
        rejectedBy: event.by,
        failedCheck: event.failedCheck,
        statusReason: event.reason,
        awaitingTradesSince: null,
        ...endSeen('REJECTED', event.readAt),
      };
    case 'SubmissionClaimed':
      return {
        attempt: event.attempt,
        attemptTag: event.tag,
        claimedAt: at,
        sendBy: new Date(event.sendBy),
        statusReason: null,
        nextStepAt: new Date(event.resolveAt),
      };
    case 'SubmissionReleased':
      return { statusReason: event.reason, nextStepAt: new Date(event.retryAt) };
    case 'SubmissionUnknown':
      return { statusReason: event.reason, nextStepAt: null };
    case 'OrderSubmitted':
      return {
        brokerOrderId: event.brokerOrderId,
        submittedAt: order.submittedAt ?? at,
        statusReason: null,
        rejectedBy: null,
        failedCheck: null,
        nextStepAt: null,
      };
    case 'OrderOpened':
    case 'BrokerStatusChanged':
      return {
        brokerStatus: event.brokerStatus,
        exchangeOrderId: event.exchangeOrderId ?? order.exchangeOrderId,
        awaitingTradesSince: event.awaitingTrades ? (order.awaitingTradesSince ?? at) : null,
        ...read(event.readAt),
      };
    case 'TradeRecorded':
      return fill(order, event);
    case 'TradeCorrected':
      return corrected(order, event);
    case 'OrderAbsorbed':
      return {
        brokerOrderId: null,
        statusReason: event.reason,
        awaitingTradesSince: null,
        corrections: order.corrections + 1,
      };
    case 'ModifyClaimed':
      return { modifications: order.modifications + 1, reserve: claimed(order, event) };
    case 'ModifyReleased':
      return {
        modifications: order.modifications - (event.notDone ? 1 : 0),
        reserve: released(order, event),
      };
    case 'OrderModified':
      return {
        ...modified(order, event),
        // One that no broker knows is checked again.
        ...(order.brokerOrderId === null ? { nextStepAt: plus(at, FAST_PATH_GRACE_MS) } : {}),
      };
    case 'OrderCancelled':
    case 'OrderExpired':
      return {
        statusReason: event.reason,
        awaitingTradesSince: null,
        ...endSeen('CANCELLED', event.readAt),
      };
  }
}

function fill(order: Order, event: Extract<OrderEvent, { kind: 'TradeRecorded' }>): Partial<Order> {
  const filledQuantity = order.filledQuantity + event.quantity;
  return {
    filledQuantity,
    filledValue: order.filledValue.plus(decimal(event.price).times(event.quantity)),
    awaitingTradesSince: filledQuantity >= order.quantity ? null : order.awaitingTradesSince,
  };
}

/** One command is out at a time: what is reserved already is of modifies that the book has not spoken about. */
function claimed({ reserve }: Order, event: Extract<OrderEvent, { kind: 'ModifyClaimed' }>): HeldReserve {
  const { commandId } = event;
  return { ...reserveOf(event), commandId, ...(reserve === null ? {} : { lost: mostOf(reserve) }) };
}

function released({ reserve }: Order, { commandId }: { readonly commandId: string }): HeldReserve | null {
  return reserve?.commandId === commandId ? (reserve.lost ?? null) : reserve;
}

function corrected(order: Order, event: Extract<OrderEvent, { kind: 'TradeCorrected' }>): Partial<Order> {
  const { from, to } = event;
  const valueOf = (terms: TradeTerms | null) =>
    terms === null ? ZERO : decimal(terms.price).times(terms.quantity);
  return {
    filledQuantity: order.filledQuantity - (from?.quantity ?? 0) + (to?.quantity ?? 0),
    filledValue: order.filledValue.minus(valueOf(from)).plus(valueOf(to)),
    corrections: order.corrections + 1,
  };
}

function modified(order: Order, event: Extract<OrderEvent, { kind: 'OrderModified' }>): Partial<Order> {
  const terms = termsOf(event.terms);
  const { figures } = event;
  const quantity = terms.quantity ?? order.quantity;
  return {
    ...terms,
    reserve: isLocal(event.terms) ? order.reserve : null,
    // One that nobody here asked for counts at the broker as well; one that was lost was counted when it was claimed.
    modifications: order.modifications + (event.commandId === null && order.reserve === null ? 1 : 0),
    openingQuantity: Math.min(figures?.openingQuantity ?? order.openingQuantity, quantity),
    ...(figures === null
      ? {}
      : {
          marginPerUnit: decimal(figures.marginPerUnit),
          riskPerUnit: figures.riskPerUnit === null ? null : decimal(figures.riskPerUnit),
          referencePrice: figures.referencePrice === null ? null : decimal(figures.referencePrice),
          valuePerUnit: figures.valuePerUnit === null ? null : decimal(figures.valuePerUnit),
        }),
    awaitingTradesSince: order.filledQuantity >= quantity ? null : order.awaitingTradesSince,
  };
}

/** An end that a read of the book showed is the broker's last word; ours alone says nothing of the broker. */
function endSeen(brokerStatus: string, readAt: string | undefined): Partial<Order> {
  return readAt === undefined ? {} : { brokerStatus, ...read(readAt) };
}

function read(readAt: string | undefined): Partial<Order> {
  return readAt === undefined ? {} : { lastReadAt: new Date(readAt) };
}

function plus(at: Date, ms: number): Date {
  return new Date(at.getTime() + ms);
}
