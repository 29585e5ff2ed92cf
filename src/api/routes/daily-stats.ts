import { z } from '@hono/zod-openapi';
import { listDays } from '../../services/read-lists.ts';
import { dayJson } from '../account-json.ts';
import { decodeCursor, page } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import { day, isUsedDay } from '../fields.ts';
import { accountQuery, pageQuery } from '../query.ts';
import { dayListSchema } from '../schemas/account.ts';

export const dailyStatsEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/daily-stats',
    role: 'viewer',
    summary: 'Figures of each trading day, newest first',
    query: z.object({ ...accountQuery, day: day().optional(), ...pageQuery }),
    answers: { 200: { description: 'A page of days.', schema: dayListSchema } },
    handle: async ({ query, context, account }) => {
      const { limit, cursor, ...filter } = query;
      const rows = await listDays(context.db, {
        day: filter.day,
        accountId: await account(),
        before: decodeCursor(cursor, [isUsedDay])?.[0],
        limit: limit + 1,
      });
      return { status: 200, body: page(rows, limit, dayJson, (row) => [row.day]) };
    },
  }),
];
