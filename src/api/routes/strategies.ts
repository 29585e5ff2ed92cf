import { z } from '@hono/zod-openapi';
import { PROTECTION_POLICIES } from '../../domain/protection-policy.ts';
import { createStrategy } from '../../services/create-strategy.ts';
import { enableStrategy } from '../../services/enable-strategy.ts';
import { listStrategies } from '../../services/read-lists.ts';
import { setStrategyProtection } from '../../services/set-strategy-protection.ts';
import { strategyJson } from '../account-json.ts';
import { decodeCursor, namePart, page } from '../cursor.ts';
import { strategyOf } from '../access.ts';
import { endpoint } from '../endpoint.ts';
import { name64, optional, plainText } from '../fields.ts';
import { actorOf } from '../principal.ts';
import { ApiProblem } from '../problem.ts';
import { accountQuery, pageQuery } from '../query.ts';
import { strategyListSchema, strategySchema } from '../schemas/account.ts';
import { limitProblem, limitValues } from './limits.ts';

const change = z
  .strictObject({
    accountId: optional(plainText(64)),
    enabled: optional(z.boolean()),
    /** Null: as configured; left out: it stays. */
    protection: z.enum(PROTECTION_POLICIES).nullable().optional(),
    reason: plainText(500),
  })
  .refine(({ enabled, protection }) => enabled !== null || protection !== undefined, {
    error: 'must say what to change: enabled or protection',
    path: ['enabled'],
    params: { code: 'REQUIRED' },
  })
  .openapi('StrategyChange');

const newStrategy = z
  .strictObject({
    accountId: optional(plainText(64)),
    id: name64(),
    name: optional(plainText(100)),
    enabled: z.boolean().default(true),
    limits: limitValues(0).default({}),
    reason: plainText(500),
  })
  .openapi('NewStrategy');

export const strategyEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/strategies',
    role: 'viewer',
    summary: 'Strategies that an operator made, that have placed an order, or that hold a token',
    query: z.object({ ...accountQuery, ...pageQuery }),
    answers: { 200: { description: 'A page of strategies.', schema: strategyListSchema } },
    handle: async ({ query, principal, context, account }) => {
      const rows = await listStrategies(context.db, {
        accountId: await account(),
        only: principal.strategyId,
        after: decodeCursor(query.cursor, [namePart])?.[0],
        limit: query.limit + 1,
      });
      return { status: 200, body: page(rows, query.limit, strategyJson, ({ id }) => [id]) };
    },
  }),
  endpoint({
    method: 'post',
    path: '/v1/strategies',
    role: 'operator',
    summary: 'Make a strategy before its first order, with the limits it starts with',
    query: z.object(accountQuery),
    body: newStrategy,
    answers: { 201: { description: 'Made.', schema: strategySchema } },
    handle: async ({ body, principal, context, account }) => {
      strategyOf(principal, body.id);
      const accountId = await account();
      const made = await createStrategy(context, { ...body, accountId, actor: actorOf(principal) });
      if (made.ok) return { status: 201, body: strategyJson(made.value) };
      if (made.error.code === 'STRATEGY_EXISTS') throw new ApiProblem('STRATEGY_EXISTS');
      throw new ApiProblem('INVALID_LIMITS', { errors: made.error.limits.map(limitProblem) });
    },
  }),
  endpoint({
    method: 'patch',
    path: '/v1/strategies/{id}',
    params: z.object({ id: name64() }),
    role: 'operator',
    summary:
      'Let a strategy enter positions, or forbid it (its exits always pass), or say how it is protected',
    query: z.object(accountQuery),
    body: change,
    answers: { 200: { description: 'The strategy as it stands now.', schema: strategySchema } },
    handle: async ({ body, principal, context, account, params }) => {
      const strategyId = strategyOf(principal, params.id) ?? '';
      const accountId = await account();
      const { enabled, protection, reason } = body;
      const of = { accountId, strategyId, reason, actor: actorOf(principal) };
      let changed = enabled === null ? null : await enableStrategy(context, { ...of, enabled });
      if (changed?.ok !== false && protection !== undefined) {
        changed = await setStrategyProtection(context, { ...of, protection });
      }
      if (changed?.ok !== true) throw new ApiProblem('NOT_FOUND', { detail: 'There is no such strategy.' });
      return { status: 200, body: strategyJson(changed.value) };
    },
  }),
];
