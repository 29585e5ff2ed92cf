import { z } from '@hono/zod-openapi';
import { EXCHANGES, PRODUCTS } from '../../domain/instrument.ts';
import { type PositionView, readPositions, readPositionsOf } from '../../services/read-positions.ts';
import { positionJson } from '../account-json.ts';
import { strategyOf } from '../access.ts';
import { decodeCursor, integerPart, namePart, page } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import { day, instrumentParams, name64, plainText } from '../fields.ts';
import { ApiProblem } from '../problem.ts';
import { accountQuery, pageQuery } from '../query.ts';
import { positionListSchema, positionSchema } from '../schemas/account.ts';

export const positionEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/positions',
    role: 'viewer',
    summary: 'List positions; of a strategy, the fold of its own trades',
    query: z.object({
      ...accountQuery,
      symbol: plainText(100).optional(),
      exchange: z.enum(EXCHANGES).optional(),
      product: z.enum(PRODUCTS).optional(),
      strategyId: name64().optional(),
      status: z.array(z.enum(['OPEN', 'CLOSED'])).default(['OPEN']),
      day: day().optional().openapi({ description: 'Open at some time of this trading day.' }),
      ...pageQuery,
    }),
    repeatable: ['status'],
    answers: { 200: { description: 'A page of positions.', schema: positionListSchema } },
    handle: async ({ query, principal, context, account }) => {
      const { limit, cursor, status: statuses, ...filter } = query;
      const rows = await readPositions(context.db, {
        ...filter,
        accountId: await account(),
        strategyId: strategyOf(principal, filter.strategyId),
        statuses,
        after: decodePlace(cursor),
        limit: limit + 1,
      });
      return { status: 200, body: page(rows, limit, positionJson, placeOf) };
    },
  }),
  endpoint({
    method: 'get',
    path: '/v1/positions/{exchange}/{symbol}',
    params: instrumentParams,
    role: 'viewer',
    summary: 'The position in one instrument; several products give {items}',
    query: z.object({ ...accountQuery, product: z.enum(PRODUCTS).optional() }),
    answers: {
      200: {
        description: 'Open, or else the newest closed one of each product.',
        schema: z.union([positionSchema, z.object({ items: z.array(positionSchema) })]),
      },
    },
    handle: async ({ query, principal, context, account, params }) => {
      const found = await readPositionsOf(context.db, {
        accountId: await account(),
        ...params,
        product: query.product,
        strategyId: strategyOf(principal, null),
      });
      const [first, second] = found.map(positionJson);
      if (first === undefined) throw new ApiProblem('NOT_FOUND', { detail: 'There is no such position.' });
      return { status: 200, body: second === undefined ? first : { items: found.map(positionJson) } };
    },
  }),
];

function placeOf({ instrumentId, product, managedBy, cycle }: PositionView): string[] {
  return [String(instrumentId), product, managedBy, String(cycle)];
}

function decodePlace(cursor: string | undefined) {
  const parts = decodeCursor(cursor, [integerPart, namePart, namePart, integerPart]);
  if (parts === null) return null;
  const [instrumentId = '', product = '', managedBy = '', cycle = ''] = parts;
  return { instrumentId: Number(instrumentId), product, managedBy, cycle: Number(cycle) };
}
