import { z } from '@hono/zod-openapi';
import { PRODUCTS } from '../../domain/instrument.ts';
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
import { reconcileOnRequest } from '../../services/reconcile-on-request.ts';
import { positionJson } from '../account-json.ts';
import { decodeInstantAndId, page } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import { bookedPrice, idParams, instrumentParams, optional, plainText } from '../fields.ts';
import { istOrNull } from '../order-json.ts';
import { actorOf } from '../principal.ts';
import { ApiProblem } from '../problem.ts';
import { accountQuery, pageQuery, queryInteger } from '../query.ts';
import { positionSchema } from '../schemas/account.ts';
import {
  RECONCILIATION_STATUSES,
  type ReconciliationJson,
  reconciliationListSchema,
  reconciliationSchema,
} from '../schemas/reconciliation.ts';

const MAX_REASON_LENGTH = 500;
/** Of a position, units: from one end to the other is still a quantity that Postgres' integer holds. */
const MAX_QUANTITY = 1_000_000_000;
const settled = {
  accountId: optional(plainText(64)),
  reason: plainText(MAX_REASON_LENGTH),
  price: bookedPrice(),
};

export const reconciliationEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/reconciliations',
    role: 'viewer',
    summary: 'Comparisons with the broker, newest first',
    query: z.object({ ...accountQuery, status: z.enum(RECONCILIATION_STATUSES).optional(), ...pageQuery }),
    answers: { 200: { description: 'A page of runs.', schema: reconciliationListSchema } },
    handle: async ({ query, context, account }) => {
      const { limit, cursor, status } = query;
      const rows = await listReconciliations(context.db, {
        accountId: await account(),
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
    params: idParams,
    role: 'viewer',
    summary: 'One comparison with its differences',
    query: z.object(accountQuery),
    answers: { 200: { description: 'The run.', schema: reconciliationSchema } },
    handle: async ({ context, account, params }) => {
      const accountId = await account();
      const run = await findReconciliation(context.db, accountId, params.id);
      if (run === null) throw new ApiProblem('NOT_FOUND', { detail: 'There is no such run.' });
      return { status: 200, body: reconciliationJson(run) };
    },
  }),
  endpoint({
    method: 'post',
    path: '/v1/reconciliations',
    role: 'operator',
    concerns: 'account',
    summary: 'Compare with the broker now; answers when it is done',
    query: z.object(accountQuery),
    answers: { 200: { description: 'The run, finished.', schema: reconciliationSchema } },
    handle: async ({ principal, context, account }) => {
      const accountId = await account();
      const run = await reconcileOnRequest(context, accountId, actorOf(principal));
      if (run === null) {
        throw new ApiProblem('RECONCILIATION_RUNS', { detail: 'Another run of this account is under way.' });
      }
      return { status: 200, body: reconciliationJson(run) };
    },
  }),
  endpoint({
    method: 'post',
    path: '/v1/reconciliations/{id}/differences/{n}/approve',
    params: idParams.extend({ n: queryInteger(0, 999_999) }),
    role: 'operator',
    concerns: 'account',
    summary: 'Take the broker’s figure for ours; twice is the same as once',
    query: z.object(accountQuery),
    body: z.strictObject(settled).openapi('Approval'),
    answers: { 200: { description: 'The run with the difference approved.', schema: reconciliationSchema } },
    handle: async ({ body, principal, context, account, params }) => {
      const approved = await approveDifference(context, {
        accountId: await account(),
        actor: actorOf(principal),
        runId: params.id,
        index: params.n,
        price: body.price,
        reason: body.reason,
      });
      if (!approved.ok) throw problemOf(approved.error);
      return { status: 200, body: reconciliationJson(approved.value) };
    },
  }),
  endpoint({
    method: 'post',
    path: '/v1/positions/{exchange}/{symbol}/adjust',
    params: instrumentParams,
    role: 'operator',
    concerns: 'account',
    summary: 'Say what the account holds in truth; booked as an outside change, with who and why',
    query: z.object(accountQuery),
    body: z
      .strictObject({
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
    handle: async ({ body, principal, context, account, params }) => {
      const accountId = await account();
      const { exchange, symbol } = params;
      const instrument = await context.instruments.find(exchange, symbol);
      if (instrument === null) {
        throw new ApiProblem('NOT_FOUND', { detail: 'There is no such instrument.' });
      }
      const { product, quantity, reason, price } = body;
      const adjusted = await adjustPosition(context, {
        ...{ accountId, actor: actorOf(principal), instrument, product, quantity, reason },
        ...{ price, evidence: {}, onlyFrom: null },
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
    differences: run.differences.map((one) => ({ ...one, kind: one.kind ?? 'POSITION' })),
  };
}
