import { z } from '@hono/zod-openapi';
import { EXCHANGES, PRODUCTS, type Exchange, type Instrument } from '../../domain/instrument.ts';
import { type ClosePositions, closePositions } from '../../services/close-positions.ts';
import { readOperation } from '../../services/read-operation.ts';
import { strategyOf } from '../access.ts';
import { type Answer, type Ports, endpoint } from '../endpoint.ts';
import { idParams, instrumentParams, name64, optional, plainText, whole } from '../fields.ts';
import { idempotencyKeyOf } from '../idempotency-key.ts';
import { operationJson } from '../operation-json.ts';
import { type Principal, actorOf, hasRole } from '../principal.ts';
import { ApiProblem, fieldProblem } from '../problem.ts';
import { accountQuery } from '../query.ts';
import { operationSchema } from '../schemas/operation.ts';

const MAX_REASON_LENGTH = 500;

const fields = {
  accountId: optional(plainText(64)),
  strategyId: optional(name64()),
  product: optional(z.enum(PRODUCTS)),
  quantity: optional(whole()),
  includeExternal: z.boolean().default(false),
  reason: optional(plainText(MAX_REASON_LENGTH)),
};
const closeBody = z.strictObject(fields).openapi('Close');
const flattenBody = z
  .strictObject({
    ...fields,
    exchange: optional(z.enum(EXCHANGES)),
    symbol: optional(plainText(100)),
  })
  .openapi('Flatten');

const headers = {
  'Idempotency-Key':
    'The same key again is answered with the operation that it began, also once that has ended.',
};
const answers = {
  202: {
    description: 'It goes on by itself; orders are the reduce-only exits so far.',
    schema: operationSchema,
  },
};

export const operationEndpoints = [
  endpoint({
    method: 'post',
    path: '/v1/flatten',
    role: 'operator',
    summary: 'Close every managed position of an account, a strategy or an instrument',
    query: z.object(accountQuery),
    body: flattenBody,
    headers,
    answers,
    handle: async ({ body: { exchange, symbol, ...given }, ...call }) => {
      const one = exchange === null || symbol === null ? null : await instrumentOf(call, exchange, symbol);
      if (one === null && (exchange ?? symbol) !== null) {
        const errors = [
          fieldProblem('/symbol', 'REQUIRED', 'goes with an exchange, and an exchange with it'),
        ];
        throw new ApiProblem('INVALID_BODY', { errors });
      }
      return close(call, given, one);
    },
  }),
  endpoint({
    method: 'post',
    path: '/v1/positions/{exchange}/{symbol}/close',
    params: instrumentParams,
    role: 'trader',
    summary: 'Close a position, or part of it, with reduce-only orders',
    query: z.object(accountQuery),
    body: closeBody,
    headers,
    answers,
    handle: async ({ body: given, ...call }) => {
      const { exchange, symbol } = call.params;
      return close(call, given, await instrumentOf(call, exchange, symbol));
    },
  }),
  endpoint({
    method: 'get',
    path: '/v1/operations/{id}',
    params: idParams,
    role: 'viewer',
    summary: 'A halt or a flatten: its exits, and what is left',
    query: z.object(accountQuery),
    answers: { 200: { description: 'The operation.', schema: operationSchema } },
    handle: async ({ principal, context, account, params }) => {
      const story = await readOperation(context, await account(), params.id);
      const ownOnly = principal.strategyId !== null;
      if (story === null || (ownOnly && story.operation.details.strategyId !== principal.strategyId)) {
        throw new ApiProblem('NOT_FOUND', { detail: 'There is no such operation.' });
      }
      return { status: 200, body: operationJson(story) };
    },
  }),
];

type Caller = Ports & {
  readonly principal: Principal;
  readonly account: () => Promise<string>;
  readonly header: (name: string) => string | undefined;
};

async function instrumentOf({ context }: Caller, exchange: Exchange, symbol: string): Promise<Instrument> {
  const found = await context.instruments.find(exchange, symbol);
  if (found === null) throw new ApiProblem('NOT_FOUND', { detail: 'There is no such instrument.' });
  return found;
}

async function close(
  { context, principal, account, header }: Caller,
  given: z.output<typeof closeBody>,
  instrument: Instrument | null,
): Promise<Answer> {
  const { quantity, product, includeExternal } = given;
  if (quantity !== null && quantity < 1) {
    const errors = [fieldProblem('/quantity', 'MIN', 'must be at least 1')];
    throw new ApiProblem('INVALID_CLOSE', { errors });
  }
  const wanted: ClosePositions = {
    accountId: await account(),
    actor: actorOf(principal),
    byOperator: hasRole(principal, 'operator'),
    strategyId: strategyOf(principal, given.strategyId),
    instrument,
    ...{ product, quantity, includeExternal },
    idempotencyKey: idempotencyKeyOf(header('idempotency-key')),
    reason: given.reason ?? `asked for by ${actorOf(principal)}`,
  };
  const closing = await closePositions(context, wanted);
  if (!closing.ok) {
    const { code, message: detail } = closing.error;
    throw new ApiProblem(code === 'UNKNOWN_STRATEGY' ? 'NOT_FOUND' : code, { detail });
  }
  const { accountId, id } = closing.value;
  const story = await readOperation(context, accountId, id);
  if (story === null) throw new Error(`operation ${id} is not there`);
  return { status: 202, body: operationJson(story), headers: { location: `/v1/operations/${id}` } };
}
