import { z } from '@hono/zod-openapi';
import { previewOrder } from '../../services/preview-order.ts';
import { strategyOf } from '../access.ts';
import { endpoint } from '../endpoint.ts';
import { previewJson } from '../preview-json.ts';
import { ApiProblem } from '../problem.ts';
import { accountQuery } from '../query.ts';
import { previewSchema } from '../schemas/preview.ts';
import { newOrderBody, requestOf } from './place-order.ts';

/** What a preview is called in its own checks; no order ever bears it. */
const NO_ID = 'preview';

export const previewOrderEndpoint = endpoint({
  method: 'post',
  path: '/v1/orders/preview',
  role: 'trader',
  summary: 'What the checks would say of an order; nothing is stored',
  query: z.object(accountQuery),
  body: newOrderBody,
  answers: { 200: { description: 'Every verdict, and what is at stake.', schema: previewSchema } },
  handle: async ({ body, principal, context, account }) => {
    const strategyId = strategyOf(principal, body.strategyId);
    const accountId = await account();
    const preview = await previewOrder(context, { accountId, request: requestOf(body, NO_ID, strategyId) });
    if (!preview.ok) throw new ApiProblem('INVALID_ORDER', { errors: preview.error });
    return { status: 200, body: previewJson(accountId, preview.value) };
  },
});
