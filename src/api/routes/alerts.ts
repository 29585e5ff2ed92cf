import { z } from '@hono/zod-openapi';
import { SEVERITIES } from '../../domain/alert-delivery.ts';
import { type AcknowledgeRefusal, acknowledgeAlert } from '../../services/acknowledge-alert.ts';
import { type Result, err } from '../../lib/result.ts';
import { type AlertRow, listAlerts, readDeliveries } from '../../services/read-lists.ts';
import { alertAccountsOf } from '../access.ts';
import { alertJson } from '../account-json.ts';
import { decodeInstantAndId, page } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import { idParams, name64 } from '../fields.ts';
import { actorOf } from '../principal.ts';
import { ApiProblem } from '../problem.ts';
import { accountQuery, pageQuery } from '../query.ts';
import { alertListSchema, alertSchema } from '../schemas/account.ts';

const yesNo = z.enum(['true', 'false']);

export const alertEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/alerts',
    role: 'viewer',
    summary:
      'Alerts, newest first; for operators bound to no account those of the system are among them, or alone with accountId=system',
    query: z.object({
      ...accountQuery,
      severity: z.enum(SEVERITIES).optional(),
      type: name64().optional(),
      acknowledged: yesNo.optional(),
      open: yesNo.optional().openapi({ description: 'Whether the condition still stands.' }),
      ...pageQuery,
    }),
    answers: { 200: { description: 'A page of alerts.', schema: alertListSchema } },
    handle: async ({ query, principal, context, accountOf, namedAccount }) => {
      const { limit, cursor, acknowledged, open, severity, type } = query;
      const accountIds = await alertAccountsOf(accountOf, principal, namedAccount);
      const rows = await listAlerts(context.db, {
        ...{ severity, type, accountIds },
        acknowledged: acknowledged === undefined ? undefined : acknowledged === 'true',
        open: open === undefined ? undefined : open === 'true',
        strategyId: principal.strategyId,
        before: decodeInstantAndId(cursor),
        limit: limit + 1,
      });
      const deliveries = await readDeliveries(
        context.db,
        accountIds,
        rows.map(({ id }) => id),
      );
      return {
        status: 200,
        body: page(
          rows,
          limit,
          (row) => alertJson(row, deliveries.get(row.id) ?? []),
          ({ at, id }) => [at.toISOString(), id],
        ),
      };
    },
  }),
  endpoint({
    method: 'post',
    path: '/v1/alerts/{id}/acknowledge',
    params: idParams,
    role: 'operator',
    summary: 'Say that a person has seen an alert; twice is the same as once',
    query: z.object(accountQuery),
    answers: { 200: { description: 'The alert, acknowledged.', schema: alertSchema } },
    handle: async ({ principal, context, accountOf, namedAccount, params }) => {
      const accountIds = await alertAccountsOf(accountOf, principal, namedAccount);
      const of = { actor: actorOf(principal), alertId: params.id, strategyId: principal.strategyId };
      let acknowledged: Result<AlertRow, AcknowledgeRefusal> = err('NOT_FOUND');
      for (const accountId of accountIds) {
        acknowledged = await acknowledgeAlert(context, { ...of, accountId });
        if (acknowledged.ok || acknowledged.error !== 'NOT_FOUND') break;
      }
      if (!acknowledged.ok) throw problemOf(acknowledged.error);
      const deliveries = await readDeliveries(context.db, accountIds, [params.id]);
      return { status: 200, body: alertJson(acknowledged.value, deliveries.get(params.id) ?? []) };
    },
  }),
];

function problemOf(refusal: AcknowledgeRefusal): ApiProblem {
  return refusal === 'NOT_FOUND'
    ? new ApiProblem('NOT_FOUND', { detail: 'There is no such alert.' })
    : new ApiProblem('FORBIDDEN', {
        detail: 'The alert is about the account as a whole; the token is bound to one strategy.',
      });
}
