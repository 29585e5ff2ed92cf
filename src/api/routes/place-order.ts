import { z } from '@hono/zod-openapi';
import { EXCHANGES, PRODUCTS } from '../../domain/instrument.ts';
import type { OrderRequest } from '../../domain/order-request.ts';
import { ORDER_STATUSES, type OrderStatus, hasReached } from '../../domain/order-status.ts';
import { ORDER_TYPES, type Order, SIDES, VALIDITIES, VARIETIES } from '../../domain/order.ts';
import { PROTECTION_POLICIES } from '../../domain/protection-policy.ts';
import { placeOrder } from '../../services/place-order.ts';
import { readOrderRow, readPendingCommands } from '../../services/read-orders.ts';
import { strategyOf } from '../access.ts';
import { type Answer, type Call, type Ports, endpoint } from '../endpoint.ts';
import { name64, optional, optionalPrice, plainText, price, whole } from '../fields.ts';
import { idempotencyKeyOf } from '../idempotency-key.ts';
import { orderJson } from '../order-json.ts';
import { actorOf, hasRole } from '../principal.ts';
import { ApiProblem, fieldProblem } from '../problem.ts';
import { accountQuery, queryInteger } from '../query.ts';
import { orderSchema } from '../schemas/order.ts';

/** Bytes of metadata as JSON (api.md). */
const MAX_METADATA_BYTES = 8192;
const MAX_WAIT_MS = 30_000;
const DEFAULT_WAIT_MS = 10_000;
/** A day; 0: never stale. */
const MAX_AGE_MS = 86_400_000;
/** Longer than any symbol; a longer text names none. */
const MAX_SYMBOL_LENGTH = 100;

const metadata = z
  .record(z.string(), z.unknown())
  .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= MAX_METADATA_BYTES, {
    error: `must be at most ${MAX_METADATA_BYTES} bytes as JSON`,
    params: { code: 'TOO_LARGE' },
  });

/** Rupees behind the best price since the fill, and the smallest move worth a modify. */
const trailingStop = z.strictObject({ distance: price(), step: price() });

export const newOrderBody = z
  .strictObject({
    clientOrderId: optional(name64()),
    accountId: optional(plainText(64)),
    strategyId: optional(name64()),
    symbol: plainText(MAX_SYMBOL_LENGTH),
    exchange: z.enum(EXCHANGES),
    side: z.enum(SIDES),
    quantity: z.int(),
    orderType: z.enum(ORDER_TYPES),
    product: z.enum(PRODUCTS),
    validity: optional(z.enum(VALIDITIES)),
    validityMinutes: optional(whole()),
    variety: optional(z.enum(VARIETIES)),
    price: optionalPrice(),
    triggerPrice: optionalPrice(),
    stopLoss: optionalPrice(),
    takeProfit: optionalPrice(),
    disclosedQuantity: optional(whole()),
    marketProtection: optionalPrice(),
    reduceOnly: optional(z.boolean()),
    maxAgeMs: optional(z.int().min(0).max(MAX_AGE_MS)),
    metadata: optional(metadata),
    protection: optional(z.enum(PROTECTION_POLICIES)),
    trailingStop: optional(trailingStop),
    gtt: optional(z.boolean()),
  })
  .openapi('NewOrder');

const query = z.object({
  ...accountQuery,
  waitFor: z.enum(ORDER_STATUSES).optional(),
  timeoutMs: queryInteger(0, MAX_WAIT_MS).default(DEFAULT_WAIT_MS),
});

type Body = z.output<typeof newOrderBody>;

export const placeOrderEndpoint = endpoint({
  method: 'post',
  path: '/v1/orders',
  role: 'trader',
  summary: 'Place an order',
  query,
  body: newOrderBody,
  headers: { 'Idempotency-Key': 'The clientOrderId, for callers that keep it out of the body.' },
  answers: {
    202: { description: 'Accepted: stored, and on its way through the checks.', schema: orderSchema },
    200: { description: 'The same order had been accepted before; this is it.', schema: orderSchema },
  },
  handle: place,
});

async function place(call: Call<z.output<typeof query>, Body>): Promise<Answer> {
  const clientOrderId = clientOrderIdOf(call.body, call.header('idempotency-key'));
  const strategyId = strategyOf(call.principal, call.body.strategyId);
  const accountId = await call.account();
  const placed = await placeOrder(call.context, {
    accountId,
    actor: actorOf(call.principal),
    byOperator: hasRole(call.principal, 'operator'),
    request: requestOf(call.body, clientOrderId, strategyId),
  });
  if (!placed.ok) {
    if (placed.error.code === 'UNPROTECTED')
      throw new ApiProblem('FORBIDDEN', { detail: `${placed.error.message}.` });
    if (placed.error.code === 'INVALID_ORDER')
      throw new ApiProblem('INVALID_ORDER', { errors: placed.error.errors });
    throw new ApiProblem('IDEMPOTENCY_CONFLICT', {
      detail: 'An order with this clientOrderId and other content was accepted before.',
    });
  }
  const { order, replayed } = placed.value;
  const { waitFor, timeoutMs } = call.query;
  const shown = waitFor === undefined ? order : await waited(call, order, waitFor, timeoutMs);
  // A new order has no command yet.
  const pending = replayed ? await readPendingCommands(call.context.db, accountId, [order.id]) : null;
  return {
    status: replayed ? 200 : 202,
    body: orderJson(shown, pending?.get(order.id)),
    headers: { location: `/v1/orders/${order.id}`, ...(replayed ? { 'idempotency-replayed': 'true' } : {}) },
  };
}

/** From the body or the header; both must agree. */
function clientOrderIdOf(given: Body, header: string | undefined): string {
  const key = idempotencyKeyOf(header);
  if (key === null) {
    if (given.clientOrderId !== null) return given.clientOrderId;
    throw badClientOrderId('REQUIRED', 'is required, here or as the header Idempotency-Key');
  }
  if (given.clientOrderId !== null && given.clientOrderId !== key) {
    throw badClientOrderId('MISMATCH', 'differs from the header Idempotency-Key');
  }
  return key;
}

function badClientOrderId(code: string, says: string): ApiProblem {
  return new ApiProblem('INVALID_BODY', { errors: [fieldProblem('/clientOrderId', code, says)] });
}

export function requestOf(given: Body, clientOrderId: string, strategyId: string | null): OrderRequest {
  const reduceOnly = given.reduceOnly ?? false;
  return {
    clientOrderId,
    strategyId,
    symbol: given.symbol,
    exchange: given.exchange,
    side: given.side,
    // -0 is 0 for every rule.
    quantity: given.quantity + 0,
    orderType: given.orderType,
    product: given.product,
    validity: given.validity ?? 'DAY',
    validityMinutes: given.validityMinutes,
    variety: given.variety ?? 'regular',
    price: given.price,
    triggerPrice: given.triggerPrice,
    stopLoss: given.stopLoss,
    takeProfit: given.takeProfit,
    disclosedQuantity: given.disclosedQuantity,
    marketProtection: given.marketProtection,
    reduceOnly,
    maxAgeMs: given.maxAgeMs,
    metadata: given.metadata,
    role: reduceOnly ? 'EXIT' : 'ENTRY',
    // Left out where not given, so that content of before hashes as before.
    ...(given.protection === null ? {} : { protection: given.protection }),
    ...(given.gtt === null ? {} : { gtt: given.gtt }),
    ...(given.trailingStop === null
      ? {}
      : {
          trailing: {
            distance: given.trailingStop.distance.toFixed(),
            step: given.trailingStop.step.toFixed(),
          },
        }),
  };
}

/** The order once it has reached the status, or as it is when time is up. The acceptance stands in any case. */
async function waited(
  call: Ports & { signal: AbortSignal },
  order: Order,
  waitFor: OrderStatus,
  timeoutMs: number,
): Promise<Order> {
  const { accountId, id: orderId } = order;
  const isDone = (status: OrderStatus) => hasReached(status, waitFor);
  if (isDone(order.status)) return order;
  await call.waitForOrder({ accountId, orderId, isDone, timeoutMs, signal: call.signal });
  try {
    return (await readOrderRow(call.context.db, accountId, orderId)) ?? order;
  } catch {
    return order;
  }
}
