import { createHash } from 'node:crypto';
import type { AlertSeverity } from './alert-delivery.ts';
import type { AlertType } from './alert-types.ts';
import { type Decimal, formatMoneyForPeople } from './money.ts';
import { type Order, averageFillPrice, isExit } from './order.ts';

/** How an order can end, as people are told of it. */
export const OUTCOME_TYPES = [
  'order_rejected',
  'order_filled',
  'order_cancelled',
  'order_expired',
] as const satisfies readonly AlertType[];
export type OutcomeType = (typeof OUTCOME_TYPES)[number];

/** Begins the condition of an alert that tells an event: it stands for nothing that could end. */
export const OUTCOME_EVENT = 'event:order:';

export interface Outcome {
  readonly type: OutcomeType;
  readonly severity: AlertSeverity;
  readonly message: string;
  readonly details: {
    /** What ended, without the reason: lines with the same reason are told together. */
    readonly line: string;
    readonly why: string | null;
    /** "REJECTED by the broker": with the reason, what orders that are told together share. */
    readonly how: string;
    /** "BUY 10 RELIANCE at ₹2,450.05": what is left to say of each. */
    readonly short: string;
    readonly clientOrderId: string;
  };
}

/**
 * What is told of an order that has just ended; null: it was never ours, and what people do at the broker's own page
 * has alerts of its own. An exit that was refused or has expired leaves a position open: CRITICAL.
 */
export function outcomeOf(order: Order): Outcome | null {
  if (order.cause === 'EXTERNAL') return null;
  switch (order.status) {
    case 'FILLED':
      return outcome(order, { type: 'order_filled', severity: 'INFO', how: 'filled', why: null });
    case 'CANCELLED':
      return outcome(order, {
        ...{ type: 'order_cancelled', severity: 'INFO' },
        ...{ how: 'cancelled', why: order.statusReason },
      });
    case 'EXPIRED':
      return outcome(order, {
        ...{ type: 'order_expired', severity: graveForExits(order) },
        ...{ how: 'expired', why: order.statusReason },
      });
    case 'REJECTED': {
      const by = { OMS: 'the OMS', BROKER: 'the broker', EXCHANGE: 'the exchange' }[
        order.rejectedBy ?? 'OMS'
      ];
      const check = order.failedCheck === null ? '' : `${order.failedCheck}: `;
      return outcome(order, {
        ...{ type: 'order_rejected', severity: graveForExits(order), how: `REJECTED by ${by}` },
        why: `${check}${order.statusReason ?? 'no reason was given'}`,
      });
    }
    case 'PENDING':
    case 'VALIDATED':
    case 'SUBMITTING':
    case 'UNKNOWN':
    case 'SUBMITTED':
    case 'OPEN':
    case 'PARTIALLY_FILLED':
      return null;
  }
}

/** The id of the alert about this end: the same whenever it is told, and never that of another end. */
export function outcomeId(order: Pick<Order, 'accountId' | 'id' | 'version'>): string {
  const hex = createHash('sha256')
    .update(`outcome/${order.accountId}/${order.id}/${order.version}`)
    .digest('hex');
  // A UUID of version 8, RFC 9562: the rest is ours to choose.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function graveForExits(order: Order): AlertSeverity {
  return isExit(order) ? 'CRITICAL' : 'WARNING';
}

function outcome(
  order: Order,
  { type, severity, how, why }: Pick<Outcome, 'type' | 'severity'> & Pick<Outcome['details'], 'how' | 'why'>,
): Outcome {
  const { side, quantity, exchange, symbol, product, clientOrderId, status } = order;
  const ended = `${how}${status === 'FILLED' ? filledText(order) : partText(order)}`;
  const line = `${side} ${quantity} ${exchange}:${symbol} ${product} ${termsText(order)}${ended} (${clientOrderId})`;
  const message = why === null ? line : `${line}: ${why}`;
  return { type, severity, message, details: { line, why, how, short: shortText(order), clientOrderId } };
}

function shortText(order: Order): string {
  const { role, side, quantity, filledQuantity, symbol, status } = order;
  const average = status === 'FILLED' ? averageFillPrice(order) : null;
  const part = status !== 'FILLED' && filledQuantity > 0 ? `${filledQuantity}/` : '';
  const price = average === null ? '' : ` at ${rupees(average)}`;
  return `${role === 'ENTRY' ? '' : `${role} `}${side} ${part}${quantity} ${symbol}${price}`;
}

function termsText({ orderType, price, triggerPrice, role }: Order): string {
  const parts = [
    role === 'ENTRY' ? '' : role,
    orderType,
    price === null ? '' : `at ${rupees(price)}`,
    triggerPrice === null ? '' : `trigger ${rupees(triggerPrice)}`,
  ].filter((part) => part !== '');
  return `${parts.join(' ')} `;
}

function filledText(order: Order): string {
  const average = averageFillPrice(order);
  if (average === null) return '';
  return ` at ${rupees(average)}, value ${rupees(order.filledValue)}`;
}

function partText(order: Order): string {
  if (order.filledQuantity === 0) return '';
  return ` after ${order.filledQuantity} of ${order.quantity} were filled`;
}

function rupees(value: Decimal): string {
  return `₹${formatMoneyForPeople(value)}`;
}
