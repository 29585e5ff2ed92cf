import { z } from '@hono/zod-openapi';
import { EXCHANGES, PRODUCTS } from '../../domain/instrument.ts';
import { ORDER_CAUSES, ORDER_TYPES, ROLES, SIDES, VALIDITIES, VARIETIES } from '../../domain/order.ts';
import { PROTECTION_POLICIES } from '../../domain/protection-policy.ts';
import { ORDER_STATUSES } from '../../domain/order-status.ts';
import { date, instant, listOf, money, record } from './parts.ts';

const pendingCommand = z.object({
  id: z.string(),
  kind: z.enum(['CANCEL', 'MODIFY']),
  state: z.enum(['WAITING', 'IN_FLIGHT']),
  terms: record.nullable(),
  requestedBy: z.string(),
  requestedAt: instant,
  sentAt: instant.nullable(),
});

const orderFields = {
  id: z.string().openapi({ format: 'uuid' }),
  accountId: z.string(),
  clientOrderId: z.string(),
  strategyId: z.string().nullable(),
  symbol: z.string(),
  exchange: z.enum(EXCHANGES),
  side: z.enum(SIDES),
  quantity: z.int(),
  orderType: z.enum(ORDER_TYPES),
  product: z.enum(PRODUCTS),
  validity: z.enum(VALIDITIES),
  price: money.nullable(),
  triggerPrice: money.nullable(),
  stopLoss: money.nullable(),
  takeProfit: money.nullable(),
  reduceOnly: z.boolean(),
  role: z.enum(ROLES),
  cause: z.enum(ORDER_CAUSES).openapi({
    description:
      'EXTERNAL: placed elsewhere; its fills belong to no strategy and no limit counts it. TWIN: a second broker order with the tag of parentOrderId.',
  }),
  parentOrderId: z.string().nullable(),
  protectionGroup: z.string().nullable(),
  protection: z.enum(PROTECTION_POLICIES).nullable().openapi({
    description: 'How what it opens is protected: a stop at the exchange, our own watch, or not at all.',
  }),
  trailingStop: z.object({ distance: money, step: money }).nullable(),
  gtt: z.boolean().openapi({ description: 'What it opens has a GTT at the broker as well, a second net.' }),
  variety: z.enum(VARIETIES),
  tradingDay: date,
  status: z.enum(ORDER_STATUSES),
  rejectedBy: z.enum(['OMS', 'BROKER', 'EXCHANGE']).nullable(),
  failedCheck: z.string().nullable(),
  statusReason: z.string().nullable(),
  brokerOrderId: z.string().nullable(),
  exchangeOrderId: z.string().nullable(),
  filledQuantity: z.int(),
  leavesQuantity: z.int(),
  averagePrice: money.nullable(),
  pendingCommand: pendingCommand.nullable(),
  modificationsUsed: z.int().openapi({ description: 'Modifications that the broker counts; it takes 25.' }),
  modificationsLeft: z.int().openapi({
    description: 'That may still be asked for; the last five of a stop are kept for protection.',
  }),
  version: z.int(),
  createdAt: instant,
  updatedAt: instant,
  submittedAt: instant.nullable(),
  finishedAt: instant.nullable(),
  metadata: record.nullable(),
};

export const orderSchema = z.object(orderFields).openapi('Order');
export type OrderJson = z.infer<typeof orderSchema>;

export const tradeSchema = z
  .object({
    id: z.string().openapi({ format: 'uuid' }),
    accountId: z.string(),
    orderId: z.string(),
    strategyId: z.string().nullable(),
    exchange: z.enum(EXCHANGES),
    symbol: z.string(),
    product: z.enum(PRODUCTS),
    side: z.enum(SIDES),
    quantity: z.int(),
    price: money,
    value: money.openapi({ description: 'Price x quantity x multiplier.' }),
    tradeId: z.string(),
    brokerOrderId: z.string(),
    tradeDate: date,
    tradedAt: instant,
    recordedAt: instant,
    charges: money,
    annulledAt: instant
      .nullable()
      .openapi({ description: 'When the exchange took it back; it counts nowhere.' }),
    chargeDetails: z.object({
      brokerage: money,
      transactionTax: money,
      exchangeCharge: money,
      sebiCharge: money,
      stampDuty: money,
      gst: money,
    }),
  })
  .openapi('Trade');
export type TradeJson = z.infer<typeof tradeSchema>;

export const checkSchema = z.object({
  check: z.string(),
  verdict: z.enum(['PASS', 'FAIL', 'WARN', 'SKIP']),
  value: z.string().nullable(),
  limit: z.string().nullable(),
  message: z.string(),
});

const evidence = z.object({
  reads: z.array(
    z.object({
      startedAt: instant,
      clean: z.boolean(),
      rows: z.int().nullable(),
      fault: z.string().nullable(),
      found: z.boolean(),
      ofItsDay: z.boolean(),
    }),
  ),
  readCount: z.int(),
  cleanCount: z.int(),
  tradeReadCount: z.int(),
  strayTradeCount: z.int(),
  candidates: z.array(
    z.object({
      brokerOrderId: z.string(),
      side: z.enum(SIDES),
      quantity: z.int(),
      status: z.string(),
      filledQuantity: z.int(),
      tag: z.string().nullable(),
      firstSeenAt: instant,
      orderId: z.string().nullable(),
      cause: z.enum(ORDER_CAUSES).nullable(),
    }),
  ),
});

export const orderDetailSchema = z
  .object({
    ...orderFields,
    checks: z.array(checkSchema),
    commands: z.array(
      z.object({
        id: z.string(),
        kind: z.enum(['CANCEL', 'MODIFY']),
        state: z.enum(['WAITING', 'IN_FLIGHT', 'DONE']),
        outcome: z.string().nullable(),
        reason: z.string().nullable(),
        terms: record.nullable(),
        requestedBy: z.string(),
        requestedAt: instant,
        sentAt: instant.nullable(),
        finishedAt: instant.nullable(),
      }),
    ),
    trades: z.array(tradeSchema),
    evidence: evidence.nullable().openapi({
      description:
        'Of an order that was in doubt: which reads of the book looked for its tag, and what it may be.',
    }),
    timeline: z.array(
      z.object({
        orderId: z
          .string()
          .openapi({ description: "Whose step it is: the order's own, or one of its guards'." }),
        role: z.enum(ROLES),
        seq: z.int(),
        at: instant,
        event: z.string(),
        from: z.enum(ORDER_STATUSES).nullable(),
        to: z.enum(ORDER_STATUSES).nullable(),
        actor: z.string(),
        data: record,
      }),
    ),
    guards: z.array(orderSchema).openapi({
      description: 'Stops, targets and protective exits of what the order opened, oldest first.',
    }),
    parent: orderSchema.nullable().openapi({
      description: 'Of a stop, a target, a protective exit or a twin: the order it belongs to.',
    }),
  })
  .openapi('OrderDetail');
export type OrderDetailJson = z.infer<typeof orderDetailSchema>;

export const orderListSchema = listOf(orderSchema);
export const tradeListSchema = listOf(tradeSchema);
