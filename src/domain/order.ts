/** What an order is: its terms, everything that happened to it, and what follows from these alone. */
import type { Exchange, Product } from './instrument.ts';
import type { Decimal } from './money.ts';
import type { HeldReserve } from './order-reserve.ts';
import { type OrderStatus, isFinal, isLive } from './order-status.ts';
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
