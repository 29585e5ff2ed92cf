import { z } from '@hono/zod-openapi';
import { readRisk } from '../../services/read-risk.ts';
import { riskJson } from '../account-json.ts';
import { endpoint } from '../endpoint.ts';
import { accountQuery } from '../query.ts';
import { riskSchema } from '../schemas/account.ts';

export const riskEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/risk',
    role: 'viewer',
    summary: "An account's money, exposure and limits now",
    query: z.object(accountQuery),
    answers: { 200: { description: 'One consistent reading.', schema: riskSchema } },
    handle: async ({ context, account }) => {
      const accountId = await account();
      return { status: 200, body: riskJson(accountId, await readRisk(context, accountId)) };
    },
  }),
];
