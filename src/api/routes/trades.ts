import { z } from '@hono/zod-openapi';
import { EXCHANGES, PRODUCTS } from '../../domain/instrument.ts';
import { listTrades } from '../../services/read-lists.ts';
import { strategyOf } from '../access.ts';
import { decodeInstantAndId, page } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import { day, name64, plainText, uuid } from '../fields.ts';
import { tradeJson } from '../order-json.ts';
import { accountQuery, pageQuery } from '../query.ts';
import { tradeListSchema } from '../schemas/order.ts';

export const tradeEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/trades',
    role: 'viewer',
    summary: 'List trades, newest first',
    query: z.object({
      ...accountQuery,
      symbol: plainText(100).optional(),
      exchange: z.enum(EXCHANGES).optional(),
      product: z.enum(PRODUCTS).optional(),
      strategyId: name64().optional(),
      orderId: uuid().optional(),
      day: day().optional().openapi({ description: 'IST date of the fill.' }),
      ...pageQuery,
    }),
    answers: { 200: { description: 'A page of trades.', schema: tradeListSchema } },
    handle: async ({ query, principal, context, account }) => {
      const { limit, cursor, ...filter } = query;
      const rows = await listTrades(context.db, {
        ...filter,
        accountId: await account(),
        strategyId: strategyOf(principal, filter.strategyId),
        before: decodeInstantAndId(cursor),
        limit: limit + 1,
      });
      return {
        status: 200,
        body: page(rows, limit, tradeJson, ({ tradedAt, entryId }) => [tradedAt.toISOString(), entryId]),
      };
    },
  }),
];
