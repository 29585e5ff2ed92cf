import { z } from '@hono/zod-openapi';
import { createAccount } from '../../services/create-account.ts';
import { listAccounts } from '../../services/read-accounts.ts';
import { accountJson } from '../account-json.ts';
import { decodeCursor, namePart, page } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import { optional, optionalPrice, plainText } from '../fields.ts';
import { actorOf } from '../principal.ts';
import { ApiProblem } from '../problem.ts';
import { pageQuery } from '../query.ts';
import { accountListSchema, accountSchema } from '../schemas/account.ts';

const newAccount = z
  .strictObject({
    id: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'must be 1 to 40 of a-z 0-9 _ -, first a letter or a digit'),
    name: optional(plainText(100)),
    capital: optionalPrice().refine((value) => value === null || !value.isNegative(), {
      error: 'must not be negative',
      params: { code: 'RANGE' },
    }),
  })
  .openapi('NewAccount');

export const accountEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/accounts',
    role: 'viewer',
    summary: 'Accounts that the token may see',
    query: z.object(pageQuery),
    answers: { 200: { description: 'A page of accounts.', schema: accountListSchema } },
    handle: async ({ query, principal, context }) => {
      const rows = await listAccounts(context.db, {
        only: principal.accountId,
        after: decodeCursor(query.cursor, [namePart])?.[0],
        limit: query.limit + 1,
      });
      return { status: 200, body: page(rows, query.limit, accountJson, ({ id }) => [id]) };
    },
  }),
  endpoint({
    method: 'post',
    path: '/v1/accounts',
    role: 'admin',
    concerns: 'installation',
    summary: 'Open an account',
    query: z.object({}),
    body: newAccount,
    answers: { 201: { description: 'Opened.', schema: accountSchema } },
    handle: async ({ body, principal, context }) => {
      const created = await createAccount(context, { ...body, actor: actorOf(principal) });
      if (!created.ok) throw new ApiProblem(created.error);
      return { status: 201, body: accountJson(created.value) };
    },
  }),
];
