import { assert } from '../lib/assert.ts';
import type { Exchange, Product } from './instrument.ts';
import { type Decimal, ZERO, decimal } from './money.ts';
import { type OrderStatus, isFinal, isLive, targetOf } from './order-status.ts';
import type { ProtectionPolicy, Trailing } from './protection-policy.ts';

export const SIDES = ['BUY', 'SELL'] as const;
export type Side = (typeof SIDES)[number];
export const ORDER_TYPES = ['MARKET', 'LIMIT', 'SL', 'SL-M'] as const;
export type OrderType = (typeof ORDER_TYPES)[number];

/** Waits for its trigger: nothing else is a stop. */
export function isStopType(type: OrderType): boolean {
  return type === 'SL' || type === 'SL-M';
}
export const VALIDITIES = ['DAY', 'IOC', 'TTL'] as const;
export type Validity = (typeof VALIDITIES)[number];
export const VARIETIES = ['regular', 'amo'] as const;
export type Variety = (typeof VARIETIES)[number];
export const ROLES = ['ENTRY', 'STOP', 'TARGET', 'EXIT', 'SLICE'] as const;
export type OrderRole = (typeof ROLES)[number];
export type RejectedBy = 'OMS' | 'BROKER' | 'EXCHANGE';

/**
 * Why an order row exists: a request, an exit that an operator stands behind (it passes where a halt leaves exits to
 * operators), or a broker order found in the book (protocol.md).
 */
export const ORDER_CAUSES = ['REQUEST', 'OPERATOR', 'TWIN', 'EXTERNAL'] as const;
export type OrderCause = (typeof ORDER_CAUSES)[number];

/** What the strategy asked for. Prices in rupees; quantity in units. */
export interface OrderTerms {
  readonly accountId: string;
  readonly id: string;
  readonly clientOrderId: string;
  /** sha256 of the parsed request: tells a replay from a conflict. */
  readonly requestHash: string;
  readonly strategyId: string | null;
  readonly instrumentId: number;
  readonly exchange: Exchange;
  readonly symbol: string;
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
  /** Older than this when it is its turn to be sent: rejected STALE. Null: never stale. */
  readonly maxAgeMs: number | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly role: OrderRole;
  readonly parentOrderId: string | null;
  readonly protectionGroup: string | null;
  /** How what it opens is protected; null: not by the OMS. */
  readonly protection: ProtectionPolicy | null;
  /** Its stop follows the price; null: it stays. */
  readonly trailing: Trailing | null;
  /** What it opens has a GTT as well, a second net at the broker. */
  readonly gtt: boolean;
  readonly cause: OrderCause;
  /** IST date; rolls at 06:00. */
  readonly tradingDay: string;
}

/** The terms that a modify may change; it names those it changes. */
export type ModifiableTerms = Pick<
  OrderTerms,
  | 'quantity'
  | 'orderType'
  | 'validity'
  | 'validityMinutes'
  | 'price'
  | 'triggerPrice'
  | 'stopLoss'
  | 'takeProfit'
  | 'disclosedQuantity'
  | 'marketProtection'
>;

/** Terms as JSON: decimals as text. */
export type PlainTerms = {
  readonly [Name in keyof ModifiableTerms]?: Decimal extends Exclude<ModifiableTerms[Name], null>
    ? string | null
    : ModifiableTerms[Name];
};

/**
 * What a modify on its way may make of the order: limits count it, where it is more than the order itself, until the
 * book has spoken. Figures per unit are rupees as text.
 */
export interface Reserve {
  readonly quantity: number;
  readonly openingQuantity: number;
  readonly marginPerUnit: string;
  readonly riskPerUnit: string | null;
  readonly referencePrice: string | null;
  readonly valuePerUnit: string | null;
}

/** What is reserved for an order: for the modify that was claimed last, and for those lost on their way before it. */
export interface HeldReserve extends Reserve {
  /** The command it is of; left out: only of lost ones. */
  readonly commandId?: string;
  /** The most that any of the lost ones asked for. */
  readonly lost?: Reserve;
}

/** The terms and everything that happened to them: the projection of the order's events. */
export interface Order extends OrderTerms {
  readonly status: OrderStatus;
  readonly rejectedBy: RejectedBy | null;
  readonly failedCheck: string | null;
  readonly statusReason: string | null;
  /** The part that opened or added to risk when validated; the rest reduces a position (trading.md section 2). */
  readonly openingQuantity: number;
  /** Rupees reserved per unit of openingQuantity while the order is live. */
  readonly marginPerUnit: Decimal | null;
  /** Rupees lost per unit at the stop; null without a stop. */
  readonly riskPerUnit: Decimal | null;
  readonly referencePrice: Decimal | null;
  /** Rupees a unit may cost at most: reference, protection and multiplier. Null when not validated by us. */
  readonly valuePerUnit: Decimal | null;
  /** Attempts claimed so far; the fields below describe the newest. */
  readonly attempt: number;
  readonly attemptTag: string | null;
  readonly claimedAt: Date | null;
  readonly sendBy: Date | null;
  readonly brokerOrderId: string | null;
  readonly exchangeOrderId: string | null;
  /** The broker's own last word. */
  readonly brokerStatus: string | null;
  readonly filledQuantity: number;
  /** Sum of quantity x price of its trades: exact. */
  readonly filledValue: Decimal;
  /** The broker said COMPLETE but its trades do not add up yet, since this instant. */
  readonly awaitingTradesSince: Date | null;
  /** Modifies that the broker counts, or may have counted; those made in its app as far as a read showed them. */
  readonly modifications: number;
  /** Trades that were taken back or changed after they were recorded; only then may what is filled fall. */
  readonly corrections: number;
  /** Null while no modify is on its way, or lost on it. */
  readonly reserve: HeldReserve | null;
  /** Start of the newest broker read applied: older reads apply only trades (protocol.md). */
  readonly lastReadAt: Date | null;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly submittedAt: Date | null;
  readonly finishedAt: Date | null;
  /** When the dispatcher looks at it; null: only polls or people move it on. */
  readonly nextStepAt: Date | null;
}

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

/** The figures alone. */
export function reserveOf(figures: Reserve): Reserve {
  const { quantity, openingQuantity, marginPerUnit, riskPerUnit, referencePrice, valuePerUnit } = figures;
  return { quantity, openingQuantity, marginPerUnit, riskPerUnit, referencePrice, valuePerUnit };
}

/** One command is out at a time: what is reserved already is of modifies that the book has not spoken about. */
function claimed({ reserve }: Order, event: Extract<OrderEvent, { kind: 'ModifyClaimed' }>): HeldReserve {
  const { commandId } = event;
  return { ...reserveOf(event), commandId, ...(reserve === null ? {} : { lost: mostOf(reserve) }) };
}

function released({ reserve }: Order, { commandId }: { readonly commandId: string }): HeldReserve | null {
  return reserve?.commandId === commandId ? (reserve.lost ?? null) : reserve;
}

/** The most that may come of a reserve: of the newest modify and of those that were lost. */
export function mostOf(reserve: HeldReserve): Reserve {
  const own = reserveOf(reserve);
  const { lost } = reserve;
  if (lost === undefined) return own;
  return {
    quantity: Math.max(own.quantity, lost.quantity),
    openingQuantity: Math.max(own.openingQuantity, lost.openingQuantity),
    marginPerUnit: larger(decimal(own.marginPerUnit), lost.marginPerUnit)?.toFixed() ?? own.marginPerUnit,
    riskPerUnit: largerText(own.riskPerUnit, lost.riskPerUnit),
    referencePrice: largerText(own.referencePrice, lost.referencePrice),
    valuePerUnit: largerText(own.valuePerUnit, lost.valuePerUnit),
  };
}

function largerText(a: string | null, b: string | null): string | null {
  return larger(a === null ? null : decimal(a), b)?.toFixed() ?? null;
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

/** Terms that are ours alone: a change of these needs no call of the broker. */
const LOCAL_TERMS: ReadonlySet<string> = new Set<keyof ModifiableTerms>(['stopLoss', 'takeProfit']);

/** True of a term that is ours alone. */
export function isLocalTerm(name: string): boolean {
  return LOCAL_TERMS.has(name);
}

/** True when the terms name none that the broker holds. */
export function isLocal(terms: PlainTerms): boolean {
  return Object.keys(terms).every(isLocalTerm);
}

const AMOUNTS: ReadonlySet<string> = new Set<keyof ModifiableTerms>([
  'price',
  'triggerPrice',
  'stopLoss',
  'takeProfit',
  'marketProtection',
]);

/** Terms from their JSON. */
export function termsOf(plain: PlainTerms): Partial<ModifiableTerms> {
  return Object.fromEntries(
    Object.entries(plain).map(([name, value]) => [
      name,
      AMOUNTS.has(name) && value !== null ? decimal(value) : value,
    ]),
  );
}

/** Terms as JSON, for the journal and for commands. */
export function plainTermsOf(terms: Partial<ModifiableTerms>): PlainTerms {
  return Object.fromEntries(
    Object.entries(terms).map(([name, value]) => [name, isAmount(value) ? value.toFixed() : value]),
  );
}

function isAmount(value: unknown): value is Decimal {
  return typeof value === 'object' && value !== null;
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

/** Quantity still to fill; 0 once finished. */
export function leavesQuantity(order: Pick<Order, 'status' | 'quantity' | 'filledQuantity'>): number {
  return isFinal(order.status) ? 0 : Math.max(0, order.quantity - order.filledQuantity);
}

/** The part of the leaves that still adds risk: what reduces a position fills first. */
export function openingLeaves(
  order: Pick<Order, 'status' | 'quantity' | 'filledQuantity' | 'openingQuantity'>,
): number {
  return isLive(order.status) ? Math.min(leavesQuantity(order), order.openingQuantity) : 0;
}

/** What other orders need to know of a live one: limits are sums over these. Many are read, so no more than that. */
export type LiveOrder = Pick<
  Order,
  | 'id'
  | 'instrumentId'
  | 'product'
  | 'side'
  | 'role'
  | 'status'
  | 'quantity'
  | 'filledQuantity'
  | 'openingQuantity'
  | 'marginPerUnit'
  | 'riskPerUnit'
  | 'submittedAt'
  | 'strategyId'
  | 'orderType'
  | 'price'
  | 'triggerPrice'
  | 'valuePerUnit'
  | 'createdAt'
>;

/** What the controls over a stretch of time need to know of an order that has finished, or of an outside one. */
export type FinishedOrder = Pick<
  Order,
  | 'id'
  | 'strategyId'
  | 'instrumentId'
  | 'side'
  | 'role'
  | 'status'
  | 'quantity'
  | 'price'
  | 'triggerPrice'
  | 'filledQuantity'
  | 'openingQuantity'
  | 'rejectedBy'
  | 'failedCheck'
  | 'createdAt'
  | 'cause'
>;

/** The order as limits count it: with the most that a modify on its way may make of it. */
export function counted<
  T extends Pick<
    Order,
    'role' | 'quantity' | 'openingQuantity' | 'marginPerUnit' | 'riskPerUnit' | 'valuePerUnit' | 'reserve'
  >,
>(order: T): T {
  // A stop opens nothing, and one whose growth is in doubt must not keep another from being placed beside it.
  if (order.reserve === null || order.role === 'STOP') return order;
  const reserve = mostOf(order.reserve);
  return {
    ...order,
    quantity: Math.max(order.quantity, reserve.quantity),
    openingQuantity: Math.max(order.openingQuantity, reserve.openingQuantity),
    marginPerUnit: larger(order.marginPerUnit, reserve.marginPerUnit),
    riskPerUnit: larger(order.riskPerUnit, reserve.riskPerUnit),
    valuePerUnit: larger(order.valuePerUnit, reserve.valuePerUnit),
  };
}

function larger(a: Decimal | null, b: string | null): Decimal | null {
  if (b === null) return a;
  const other = decimal(b);
  return a === null || other.gt(a) ? other : a;
}

/** Margin held for a live order; zero when it is not live (design.md invariant 5). */
export function reservedMargin(order: LiveOrder): Decimal {
  return (order.marginPerUnit ?? ZERO).times(openingLeaves(order));
}

/** Exact average price of the trades; null while nothing is filled. */
export function averageFillPrice(order: Pick<Order, 'filledQuantity' | 'filledValue'>): Decimal | null {
  return order.filledQuantity === 0 ? null : order.filledValue.div(order.filledQuantity);
}

/** +1 for BUY, -1 for SELL. */
export function sideSign(side: Side): 1 | -1 {
  return side === 'BUY' ? 1 : -1;
}

/** Exits lower risk: they have their own queue, skip the checks of new risk, and pass a halt. */
export function isExit(order: Pick<Order, 'reduceOnly' | 'role'>): boolean {
  return order.reduceOnly || order.role === 'STOP' || order.role === 'TARGET' || order.role === 'EXIT';
}

/**
 * True of an order that nobody asked to open anything: an exit, or a plain one without a stop whose checks saw it only
 * reduce. What it opens all the same, after something else closed the position first, is taken back.
 */
export function onlyReduces(
  order: Pick<Order, 'reduceOnly' | 'role' | 'stopLoss' | 'openingQuantity' | 'marginPerUnit'>,
): boolean {
  const wasChecked = order.marginPerUnit !== null;
  return isExit(order) || (order.stopLoss === null && order.openingQuantity === 0 && wasChecked);
}
