import { z } from '@hono/zod-openapi';
import { type ResolveRefusal, resolveOrder } from '../../services/resolve-order.ts';
import { endpoint } from '../endpoint.ts';
import { idParams, optional, plainText } from '../fields.ts';
import { orderJson } from '../order-json.ts';
import { actorOf } from '../principal.ts';
import { ApiProblem } from '../problem.ts';
import { accountQuery } from '../query.ts';
import { orderSchema } from '../schemas/order.ts';

const MAX_REASON_LENGTH = 500;
/** Broker order ids are digits, 19 of them and more to come. */
const MAX_ID_LENGTH = 32;

const body = z
  .strictObject({
    accountId: optional(plainText(64)),
    decision: z.enum(['adopt', 'neverPlaced', 'expired']),
    brokerOrderId: plainText(MAX_ID_LENGTH).optional().openapi({
      description:
        'For adopt: the broker order that it is; see candidates in the evidence of GET /v1/orders/ID.',
    }),
    reason: plainText(MAX_REASON_LENGTH),
  })
  .openapi('Resolution');

export const resolveOrderEndpoint = endpoint({
  method: 'post',
  path: '/v1/orders/{id}/resolve',
  params: idParams,
  role: 'operator',
  summary: 'End the doubt about an order that is UNKNOWN; twice is the same as once',
  query: z.object(accountQuery),
  body,
  answers: {
    200: {
      description: 'The order as it stands: with the broker’s status and fills, or REJECTED as never placed.',
      schema: orderSchema,
    },
  },
  handle: async ({ body: given, principal, context, account, params }) => {
    const resolved = await resolveOrder(context, {
      accountId: await account(),
      orderId: params.id,
      actor: actorOf(principal),
      strategyId: principal.strategyId,
      decision: given.decision,
      brokerOrderId: given.brokerOrderId ?? null,
      reason: given.reason,
    });
    if (!resolved.ok) throw problemOf(resolved.error);
    return { status: 200, body: orderJson(resolved.value) };
  },
});

function problemOf(refusal: ResolveRefusal): ApiProblem {
  switch (refusal.code) {
    case 'NOT_FOUND':
      return new ApiProblem('NOT_FOUND', { detail: 'There is no such order.' });
    case 'ORDER_NOT_UNKNOWN': {
      const { status, brokerOrderId } = refusal.order;
      const as = brokerOrderId === null ? '' : ` as broker order ${brokerOrderId}`;
      return new ApiProblem('ORDER_NOT_UNKNOWN', {
        detail: `The order is ${status}${as}: there is nothing to decide about it.`,
      });
    }
    case 'BROKER_ORDER_NOT_FOUND':
      return new ApiProblem('BROKER_ORDER_NOT_FOUND', {
        detail:
          refusal.brokerOrderId === null
            ? "The broker's book holds no order with this order's tag; name the one that it is."
            : `Neither the broker's book nor what was seen of it today holds ${refusal.brokerOrderId}.`,
      });
    case 'BROKER_ORDER_DIFFERS':
      return new ApiProblem('BROKER_ORDER_DIFFERS', { detail: `It can not be adopted: ${refusal.what}.` });
  }
}
