import { z } from '@hono/zod-openapi';
import { EXCHANGES } from '../../domain/instrument.ts';
import { ORDER_STATUSES, type OrderStatus, UNFINISHED_STATUSES } from '../../domain/order-status.ts';
import type { Order } from '../../domain/order.ts';
import { listOrders } from '../../services/read-lists.ts';
import { readOrder, readPendingCommands } from '../../services/read-orders.ts';
import { strategyOf } from '../access.ts';
import { decodeInstantAndId, page } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import { day, idParams, name64, plainText } from '../fields.ts';
import { orderDetailJson, orderJson } from '../order-json.ts';
import { ApiProblem } from '../problem.ts';
import { accountQuery, pageQuery } from '../query.ts';
import { orderDetailSchema, orderListSchema } from '../schemas/order.ts';

const status = z.array(z.enum([...ORDER_STATUSES, 'open']));

export const orderEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/orders',
    role: 'viewer',
    summary: 'List orders, newest first',
    query: z.object({
      ...accountQuery,
      status: status
        .optional()
        .openapi({ description: 'Repeatable; "open" is every status that is not final.' }),
      symbol: plainText(100).optional(),
      exchange: z.enum(EXCHANGES).optional(),
      strategyId: name64().optional(),
      clientOrderId: name64().optional(),
      day: day().optional().openapi({ description: 'Trading day; it begins at 06:00 IST.' }),
      ...pageQuery,
    }),
    repeatable: ['status'],
    answers: { 200: { description: 'A page of orders.', schema: orderListSchema } },
    handle: async ({ query, principal, context, account }) => {
      const { limit, cursor, status: statuses, ...filter } = query;
      const accountId = await account();
      const rows = await listOrders(context.db, {
        ...filter,
        accountId,
        strategyId: strategyOf(principal, filter.strategyId),
        statuses: statuses === undefined ? undefined : expand(statuses),
        before: decodeInstantAndId(cursor),
        limit: limit + 1,
      });
      const pending = await readPendingCommands(
        context.db,
        accountId,
        rows.map(({ id }) => id),
      );
      const json = (row: Order) => orderJson(row, pending.get(row.id));
      return {
        status: 200,
        body: page(rows, limit, json, ({ createdAt, id }) => [createdAt.toISOString(), id]),
      };
    },
  }),
  endpoint({
    method: 'get',
    path: '/v1/orders/{id}',
    params: idParams,
    role: 'viewer',
    summary: 'One order with its checks, commands, trades and timeline',
    query: z.object(accountQuery),
    answers: { 200: { description: 'The order.', schema: orderDetailSchema } },
    handle: async ({ principal, context, account, params }) => {
      const accountId = await account();
      const story = await readOrder(context.db, accountId, params.id);
      const isHidden = principal.strategyId !== null && story?.order.strategyId !== principal.strategyId;
      if (story === null || isHidden)
        throw new ApiProblem('NOT_FOUND', { detail: 'There is no such order.' });
      return { status: 200, body: orderDetailJson(story) };
    },
  }),
];

function expand(statuses: readonly (OrderStatus | 'open')[]): OrderStatus[] {
  return [...new Set(statuses.flatMap((wanted) => (wanted === 'open' ? UNFINISHED_STATUSES : [wanted])))];
}
