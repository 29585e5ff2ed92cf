import { z } from '@hono/zod-openapi';
import { EXCHANGES, PRODUCTS } from '../../domain/instrument.ts';
import { formatIst } from '../../domain/calendar.ts';
import { adjustPosition } from '../../services/adjust-position.ts';
import {
  type ApproveRefusal,
  type ReconciliationRow,
  approveDifference,
  findReconciliation,
  listReconciliations,
} from '../../services/approve-difference.ts';
import { readPositionsOf } from '../../services/read-positions.ts';
import { reconcileAccount } from '../../services/reconcile-account.ts';
import { positionJson } from '../account-json.ts';
import { decodeInstantAndId, page } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import { optionalPrice, plainText, uuid } from '../fields.ts';
import { istOrNull } from '../order-json.ts';
import { actorOf } from '../principal.ts';
import { ApiProblem } from '../problem.ts';
import { accountQuery, pageQuery } from '../query.ts';
import { positionSchema } from '../schemas/account.ts';
import {
  RECONCILIATION_STATUSES,
  type ReconciliationJson,
  reconciliationListSchema,
  reconciliationSchema,
} from '../schemas/reconciliation.ts';

const MAX_REASON_LENGTH = 500;
const MAX_QUANTITY = 2_000_000_000;
const settled = { reason: plainText(MAX_REASON_LENGTH), price: optionalPrice() };

export const reconciliationEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/reconciliations',
    role: 'viewer',
    summary: 'Comparisons with the broker, newest first',
    query: z.object({ ...accountQuery, status: z.enum(RECONCILIATION_STATUSES).optional(), ...pageQuery }),
    answers: { 200: { description: 'A page of runs.', schema: reconciliationListSchema } },
    handle: async ({ query, principal, context, accountOf }) => {
      const { limit, cursor, status } = query;
      const rows = await listReconciliations(context.db, {
        accountId: await accountOf(principal, query.accountId),
        status,
        before: decodeInstantAndId(cursor),
        limit: limit + 1,
      });
      return {
        status: 200,
        body: page(rows, limit, reconciliationJson, ({ startedAt, id }) => [startedAt.toISOString(), id]),
      };
    },
  }),
  endpoint({
    method: 'get',
    path: '/v1/reconciliations/{id}',
    role: 'viewer',
    summary: 'One comparison with its differences',
    query: z.object(accountQuery),
    answers: { 200: { description: 'The run.', schema: reconciliationSchema } },
    handle: async ({ query, principal, context, accountOf, param }) => {
      const accountId = await accountOf(principal, query.accountId);
      const run = await findReconciliation(context.db, accountId, runIdOf(param('id')));
      if (run === null) throw new ApiProblem('NOT_FOUND', { detail: 'There is no such run.' });
      return { status: 200, body: reconciliationJson(run) };
    },
  }),
  endpoint({
    method: 'post',
    path: '/v1/reconciliations',
    role: 'operator',
    summary: 'Compare with the broker now; answers when it is done',
    query: z.object(accountQuery),
    answers: { 200: { description: 'The run, finished.', schema: reconciliationSchema } },
    handle: async ({ query, principal, context, accountOf }) => {
      const accountId = await accountOf(principal, query.accountId);
      const run = await reconcileAccount(context, accountId, { startedBy: actorOf(principal) });
      if (run === null) {
        throw new ApiProblem('RECONCILIATION_RUNS', { detail: 'Another run of this account is under way.' });
      }
      return { status: 200, body: reconciliationJson(run) };
    },
  }),
  endpoint({
    method: 'post',
    path: '/v1/reconciliations/{id}/differences/{n}/approve',
    role: 'operator',
    summary: 'Take the broker’s figure for ours; twice is the same as once',
    query: z.object(accountQuery),
    body: z.object(settled).openapi('Approval'),
    answers: { 200: { description: 'The run with the difference approved.', schema: reconciliationSchema } },
    handle: async ({ query, body, principal, context, accountOf, param }) => {
      const n = param('n');
      if (!/^\d{1,6}$/.test(n)) {
        throw new ApiProblem('INVALID_ID', { detail: 'A difference is named by its place, from 0.' });
      }
      const approved = await approveDifference(context, {
        accountId: await accountOf(principal, query.accountId),
        actor: actorOf(principal),
        runId: runIdOf(param('id')),
        index: Number(n),
        price: body.price ?? null,
        reason: body.reason,
      });
      if (!approved.ok) throw problemOf(approved.error);
      return { status: 200, body: reconciliationJson(approved.value) };
    },
  }),
  endpoint({
    method: 'post',
    path: '/v1/positions/{exchange}/{symbol}/adjust',
    role: 'operator',
    summary: 'Say what the account holds in truth; booked as an outside change, with who and why',
    query: z.object(accountQuery),
    body: z
      .object({
        product: z.enum(PRODUCTS),
        quantity: z.int().min(-MAX_QUANTITY).max(MAX_QUANTITY).openapi({ description: 'Signed; 0 is flat.' }),
        ...settled,
      })
      .openapi('Adjustment'),
    answers: {
      200: {
        description: 'The positions of the instrument and product, one for each who manages.',
        schema: z.object({ items: z.array(positionSchema) }),
      },
    },
    handle: async ({ query, body, principal, context, accountOf, param }) => {
      const accountId = await accountOf(principal, query.accountId);
      const exchange = EXCHANGES.find((known) => known === param('exchange'));
      const symbol = param('symbol');
      const instrument = exchange === undefined ? null : await context.instruments.find(exchange, symbol);
      if (exchange === undefined || instrument === null) {
        throw new ApiProblem('NOT_FOUND', { detail: 'There is no such instrument.' });
      }
      const { product, quantity, reason, price } = body;
      const adjusted = await adjustPosition(context, {
        ...{ accountId, actor: actorOf(principal), instrument, product, quantity, reason },
        ...{ price: price ?? null, evidence: {}, onlyFrom: null },
      });
      if (!adjusted.ok) throw new ApiProblem('ADJUSTMENT_REFUSED', { detail: adjusted.error.message });
      const rows = await readPositionsOf(context.db, {
        accountId,
        exchange,
        symbol,
        product,
        strategyId: null,
      });
      return { status: 200, body: { items: rows.map(positionJson) } };
    },
  }),
];

function runIdOf(text: string): string {
  const id = uuid().safeParse(text);
  if (!id.success) throw new ApiProblem('INVALID_ID', { detail: 'A run’s id is a UUID.' });
  return id.data;
}

function problemOf({ code, message }: ApproveRefusal): ApiProblem {
  if (code === 'NOT_FOUND') return new ApiProblem('NOT_FOUND', { detail: message });
  if (code === 'DIFFERENCE_SETTLED' || code === 'DIFFERENCE_CHANGED') {
    return new ApiProblem(code, { detail: message });
  }
  if (code === 'BROKER_NOT_READ') return new ApiProblem('UNAVAILABLE', { detail: message });
  return new ApiProblem('ADJUSTMENT_REFUSED', { detail: message });
}

function reconciliationJson(run: ReconciliationRow): ReconciliationJson {
  return {
    id: run.id,
    accountId: run.accountId,
    status: run.status,
    startedAt: formatIst(run.startedAt),
    startedBy: run.startedBy,
    finishedAt: istOrNull(run.finishedAt),
    checked: run.checked,
    fault: run.fault,
    differences: run.differences.map((one) => ({ ...one })),
  };
}
