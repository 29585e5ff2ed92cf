import { formatIst } from '../domain/calendar.ts';
import { modificationsLeft } from '../domain/command.ts';
import { type Decimal, ZERO, formatMoney, toValueScale } from '../domain/money.ts';
import { type Order, averageFillPrice, leavesQuantity } from '../domain/order.ts';
import { isFinal } from '../domain/order-status.ts';
import type { TradeRow } from '../services/read-lists.ts';
import { type Evidence, type OrderCommandRow, type OrderStory, pendingOf } from '../services/read-orders.ts';
import type { OrderDetailJson, OrderJson, TradeJson } from './schemas/order.ts';

/** Money as text, at most four places; null stays null. */
export function moneyOrNull(value: Decimal | null): string | null {
  return value === null ? null : moneyText(value);
}

/** Derived money (a share of a share) is rounded to the four places that are stored, half even. */
export function moneyText(value: Decimal): string {
  return decimalText(toValueScale(value));
}

/** A share as text; what rounded to zero from below is zero, not "-0". */
export function decimalText(value: Decimal): string {
  return formatMoney(value.isZero() ? ZERO : value);
}

export function istOrNull(instant: Date | null): string | null {
  return instant === null ? null : formatIst(instant);
}

/** A command that is not done, beside its order. */
function pendingCommandJson(command: OrderCommandRow | undefined): OrderJson['pendingCommand'] {
  if (command === undefined) return null;
  const { id, kind, state, terms, requestedBy, requestedAt, sentAt } = command;
  if (state === 'DONE') return null;
  return {
    ...{ id, kind, state, terms, requestedBy },
    requestedAt: formatIst(requestedAt),
    sentAt: istOrNull(sentAt),
  };
}

/** An order exactly as api.md lists it, with the command that is on its way, if any. */
export function orderJson(order: Order, pending?: OrderCommandRow): OrderJson {
  return {
    id: order.id,
    accountId: order.accountId,
    clientOrderId: order.clientOrderId,
    strategyId: order.strategyId,
    symbol: order.symbol,
    exchange: order.exchange,
    side: order.side,
    quantity: order.quantity,
    orderType: order.orderType,
    product: order.product,
    validity: order.validity,
    price: moneyOrNull(order.price),
    triggerPrice: moneyOrNull(order.triggerPrice),
    stopLoss: moneyOrNull(order.stopLoss),
    takeProfit: moneyOrNull(order.takeProfit),
    reduceOnly: order.reduceOnly,
    role: order.role,
    cause: order.cause,
    parentOrderId: order.parentOrderId,
    protectionGroup: order.protectionGroup,
    protection: order.protection,
    trailingStop: order.trailing,
    gtt: order.gtt,
    variety: order.variety,
    tradingDay: order.tradingDay,
    status: order.status,
    rejectedBy: order.rejectedBy,
    failedCheck: order.failedCheck,
    statusReason: order.statusReason,
    brokerOrderId: order.brokerOrderId,
    exchangeOrderId: order.exchangeOrderId,
    filledQuantity: order.filledQuantity,
    leavesQuantity: leavesQuantity(order),
    averagePrice: moneyOrNull(averageFillPrice(order)),
    pendingCommand: pendingCommandJson(pending),
    modificationsUsed: order.modifications,
    modificationsLeft: isFinal(order.status) ? 0 : modificationsLeft(order),
    version: order.version,
    createdAt: formatIst(order.createdAt),
    updatedAt: formatIst(order.updatedAt),
    submittedAt: istOrNull(order.submittedAt),
    finishedAt: istOrNull(order.finishedAt),
    metadata: order.metadata,
  };
}

/** One order with its story. */
export function orderDetailJson({
  order,
  checks,
  commands,
  trades,
  evidence,
  timeline,
  guards,
  groupId,
  parent,
}: OrderStory): OrderDetailJson {
  return {
    ...orderJson(order, pendingOf(commands)),
    protectionGroup: groupId,
    checks: checks.map(({ check, verdict, value, limit, message }) => ({
      check,
      verdict,
      value,
      limit,
      message,
    })),
    commands: commands.map((command) => ({
      id: command.id,
      kind: command.kind,
      state: command.state,
      outcome: command.outcome,
      reason: command.reason,
      terms: command.terms,
      requestedBy: command.requestedBy,
      requestedAt: formatIst(command.requestedAt),
      sentAt: istOrNull(command.sentAt),
      finishedAt: istOrNull(command.finishedAt),
    })),
    trades: trades.map(tradeJson),
    evidence: evidence === null ? null : evidenceJson(evidence),
    timeline: timeline.map((entry) => ({ ...entry, at: formatIst(entry.at) })),
    guards: guards.map((guard) => orderJson(guard)),
    parent: parent === null ? null : orderJson(parent),
  };
}

function evidenceJson({ reads, candidates, ...counts }: Evidence): OrderDetailJson['evidence'] {
  return {
    ...counts,
    reads: reads.map((read) => ({ ...read, startedAt: formatIst(read.startedAt) })),
    candidates: candidates.map((one) => ({ ...one, firstSeenAt: formatIst(one.firstSeenAt) })),
  };
}

export function tradeJson(trade: TradeRow): TradeJson {
  return {
    id: trade.entryId,
    accountId: trade.accountId,
    orderId: trade.orderId,
    strategyId: trade.strategyId,
    exchange: trade.exchange,
    symbol: trade.symbol,
    product: trade.product,
    side: trade.side,
    quantity: trade.quantity,
    price: moneyText(trade.price),
    value: moneyText(trade.price.times(trade.quantity).times(trade.multiplier)),
    tradeId: trade.tradeId,
    brokerOrderId: trade.brokerOrderId,
    tradeDate: trade.tradeDate,
    tradedAt: formatIst(trade.tradedAt),
    recordedAt: formatIst(trade.recordedAt),
    charges: moneyText(trade.charges),
    annulledAt: istOrNull(trade.annulledAt),
    chargeDetails: {
      brokerage: moneyText(trade.brokerage),
      transactionTax: moneyText(trade.transactionTax),
      exchangeCharge: moneyText(trade.exchangeCharge),
      sebiCharge: moneyText(trade.sebiCharge),
      stampDuty: moneyText(trade.stampDuty),
      gst: moneyText(trade.gst),
    },
  };
}
