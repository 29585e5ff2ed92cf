import { z } from '@hono/zod-openapi';
import { formatIst } from '../../domain/calendar.ts';
import { createToken } from '../../services/create-token.ts';
import { listTokens } from '../../services/read-token.ts';
import { decodeCursor, page, uuidPart } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import { name64, optional, plainText } from '../fields.ts';
import { istOrNull } from '../order-json.ts';
import { API_ROLES, actorOf } from '../principal.ts';
import { pageQuery } from '../query.ts';
import { type TokenJson, newTokenSchema, tokenListSchema } from '../schemas/account.ts';

const newToken = z
  .strictObject({
    name: name64(),
    role: z.enum(API_ROLES),
    accountId: optional(plainText(64)),
    strategyId: optional(name64()),
  })
  .openapi('NewTokenRequest');

export const tokenEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/tokens',
    role: 'admin',
    concerns: 'installation',
    summary: 'Tokens, without their secrets',
    query: z.object(pageQuery),
    answers: { 200: { description: 'A page of tokens.', schema: tokenListSchema } },
    handle: async ({ query, context }) => {
      const rows = await listTokens(context.db, {
        after: decodeCursor(query.cursor, [uuidPart])?.[0],
        limit: query.limit + 1,
      });
      return { status: 200, body: page(rows, query.limit, tokenJson, ({ id }) => [id]) };
    },
  }),
  endpoint({
    method: 'post',
    path: '/v1/tokens',
    role: 'admin',
    concerns: 'installation',
    summary: 'Make a token; the answer is the only place that shows it',
    query: z.object({}),
    body: newToken,
    answers: { 201: { description: 'Made.', schema: newTokenSchema } },
    handle: async ({ body, principal, context, accountOf }) => {
      const isBound = body.accountId !== null || body.strategyId !== null;
      const accountId = isBound ? await accountOf(principal, body.accountId) : null;
      const created = await createToken(context, { ...body, accountId, actor: actorOf(principal) });
      return { status: 201, body: created };
    },
  }),
];

function tokenJson(
  row: Omit<TokenJson, 'createdAt' | 'revokedAt'> & { createdAt: Date; revokedAt: Date | null },
): TokenJson {
  const { id, name, role, accountId, strategyId } = row;
  return {
    id,
    name,
    role,
    accountId,
    strategyId,
    createdAt: formatIst(row.createdAt),
    revokedAt: istOrNull(row.revokedAt),
  };
}
