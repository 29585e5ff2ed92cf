import { z } from '@hono/zod-openapi';
import { type Order, ORDER_TYPES, VALIDITIES } from '../../domain/order.ts';
import type { ModifiableTerms } from '../../domain/order-terms.ts';
import { type CommandRefusal, type StagedCommand, cancelOrder } from '../../services/cancel-order.ts';
import { type ModifyRefusal, modifyOrder } from '../../services/modify-order.ts';
import { readPendingCommands } from '../../services/read-orders.ts';
import { type Answer, type Call, endpoint } from '../endpoint.ts';
import { changedPrice, idParams, optional, plainText, whole } from '../fields.ts';
import { idempotencyKeyOf } from '../idempotency-key.ts';
import { orderJson } from '../order-json.ts';
import { actorOf } from '../principal.ts';
import { ApiProblem } from '../problem.ts';
import { accountQuery } from '../query.ts';
import { orderSchema } from '../schemas/order.ts';

const headers = {
  'Idempotency-Key': 'The same key gives the same command again; made for a client that had no answer.',
};
const query = z.object(accountQuery);

const namesTerms = (given: object) => namedTerms(given).length > 0;

const body = z
  .strictObject({
    accountId: optional(plainText(64)),
    quantity: z.int().optional(),
    orderType: z.enum(ORDER_TYPES).optional(),
    validity: z.enum(VALIDITIES).optional(),
    validityMinutes: whole().nullable().optional(),
    price: changedPrice(),
    triggerPrice: changedPrice(),
    stopLoss: changedPrice(),
    takeProfit: changedPrice(),
    disclosedQuantity: whole().nullable().optional(),
    marketProtection: changedPrice(),
  })
  .refine(namesTerms, {
    error: 'must name a term to change',
    params: { code: 'REQUIRED' },
  })
  .openapi('OrderChange');

type Body = z.output<typeof body>;
type Query = z.output<typeof query>;
type Params = z.output<typeof idParams>;

export const changeOrderEndpoints = [
  endpoint({
    method: 'patch',
    path: '/v1/orders/{id}',
    params: idParams,
    role: 'trader',
    summary: 'Change the terms of an order',
    query,
    body,
    headers,
    answers: {
      202: {
        description:
          'Taken: pendingCommand until the broker has done it; the terms are the old ones until then.',
        schema: orderSchema,
      },
    },
    handle: modify,
  }),
  endpoint({
    method: 'delete',
    path: '/v1/orders/{id}',
    params: idParams,
    role: 'trader',
    summary: 'Cancel an order; twice is the same as once',
    query,
    headers,
    answers: {
      202: { description: 'Taken: the order ends when the broker has ended it.', schema: orderSchema },
    },
    handle: cancel,
  }),
];

async function modify(call: Call<Query, Body, Params>): Promise<Answer> {
  const common = await commonOf(call);
  const result = await modifyOrder(call.context, { ...common, terms: termsOf(call.body) });
  if (!result.ok) throw problemOf(result.error);
  return answerOf(call, result.value);
}

async function cancel(call: Call<Query, unknown, Params>): Promise<Answer> {
  const result = await cancelOrder(call.context, { ...(await commonOf(call)), reason: null });
  if (!result.ok) throw problemOf(result.error);
  return answerOf(call, result.value);
}

async function commonOf(call: Call<Query, unknown, Params>) {
  const { principal } = call;
  return {
    accountId: await call.account(),
    orderId: call.params.id,
    actor: actorOf(principal),
    strategyId: principal.strategyId,
    idempotencyKey: idempotencyKeyOf(call.header('idempotency-key')),
  };
}

async function answerOf(call: Call<Query, unknown, Params>, { order }: StagedCommand): Promise<Answer> {
  const pending = await readPendingCommands(call.context.db, order.accountId, [order.id]);
  return {
    status: 202,
    body: orderJson(order, pending.get(order.id)),
    headers: { location: `/v1/orders/${order.id}` },
  };
}

/** The terms that were named: null takes one away, a term left out stays. */
function termsOf(given: Body): Partial<ModifiableTerms> {
  return Object.fromEntries(namedTerms(given));
}

function namedTerms(given: object): [string, unknown][] {
  return Object.entries(given).filter(([name, value]) => name !== 'accountId' && value !== undefined);
}

function problemOf(refusal: CommandRefusal | ModifyRefusal): ApiProblem {
  switch (refusal.code) {
    case 'NOT_FOUND':
      return new ApiProblem('NOT_FOUND', { detail: 'There is no such order.' });
    case 'ORDER_FINISHED':
      return new ApiProblem('ORDER_FINISHED', {
        detail: `The order is ${refusal.order.status} already.${guardHint(refusal.guard ?? null)}`,
      });
    case 'CANCEL_PENDING':
      return new ApiProblem('CANCEL_PENDING');
    case 'IDEMPOTENCY_CONFLICT':
      return new ApiProblem('IDEMPOTENCY_CONFLICT', {
        detail: 'This Idempotency-Key was used for another command.',
      });
    case 'INVALID_ORDER':
      return new ApiProblem('INVALID_ORDER', { errors: refusal.errors });
  }
}

function guardHint(guard: Order | null): string {
  if (guard === null) return '';
  return guard.role === 'STOP'
    ? ` Its stop is order ${guard.id}: change the triggerPrice of that one.`
    : ` Its target is order ${guard.id}: change the price of that one.`;
}
