import { z } from '@hono/zod-openapi';
import { formatIst } from '../../domain/calendar.ts';
import { createToken } from '../../services/create-token.ts';
import { type ApiTokenRow, listTokens } from '../../services/read-token.ts';
import { revokeToken } from '../../services/revoke-token.ts';
import { decodeCursor, page, uuidPart } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import { idParams, name64, network, optional, plainText } from '../fields.ts';
import { istOrNull } from '../order-json.ts';
import { API_ROLES, actorOf } from '../principal.ts';
import { ApiProblem } from '../problem.ts';
import { pageQuery } from '../query.ts';
import { type TokenJson, newTokenSchema, tokenListSchema, tokenSchema } from '../schemas/account.ts';

/** Networks of one token. */
const MAX_NETWORKS = 50;

const newToken = z
  .strictObject({
    name: name64(),
    role: z.enum(API_ROLES),
    accountId: optional(plainText(64)),
    strategyId: optional(name64()),
    allowedFrom: optional(z.array(network()).min(1).max(MAX_NETWORKS)).openapi({
      description: 'Addresses and networks (CIDR) that may use it; left out: any.',
      example: ['127.0.0.1', '10.0.0.0/8'],
    }),
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
  endpoint({
    method: 'delete',
    path: '/v1/tokens/{id}',
    params: idParams,
    role: 'admin',
    concerns: 'installation',
    summary: 'Revoke a token: refused from the next request on, its streams end; twice is the same as once',
    query: z.object({}),
    answers: { 200: { description: 'Revoked.', schema: tokenSchema } },
    handle: async ({ params, principal, context }) => {
      const revoked = await revokeToken(context, { tokenId: params.id, actor: actorOf(principal) });
      if (!revoked.ok) throw new ApiProblem('NOT_FOUND', { detail: 'There is no such token.' });
      return { status: 200, body: tokenJson(revoked.value) };
    },
  }),
];

function tokenJson(row: ApiTokenRow): TokenJson {
  const { id, name, role, accountId, strategyId, allowedFrom, lastUsedFrom } = row;
  return {
    id,
    name,
    role,
    accountId,
    strategyId,
    allowedFrom,
    lastUsedAt: istOrNull(row.lastUsedAt),
    lastUsedFrom,
    createdAt: formatIst(row.createdAt),
    revokedAt: istOrNull(row.revokedAt),
  };
}
