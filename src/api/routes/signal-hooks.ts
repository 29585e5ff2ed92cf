import { z } from '@hono/zod-openapi';
import { formatIst } from '../../domain/calendar.ts';
import { EXCHANGES } from '../../domain/instrument.ts';
import { createSignalHook } from '../../services/create-signal-hook.ts';
import { type SignalHookRow, listSignalHooks } from '../../services/read-signal-hooks.ts';
import { revokeSignalHook } from '../../services/revoke-signal-hook.ts';
import { decodeCursor, page, uuidPart } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import { idParams, name64, optional, plainText } from '../fields.ts';
import { istOrNull } from '../order-json.ts';
import { actorOf } from '../principal.ts';
import { ApiProblem } from '../problem.ts';
import { accountQuery, pageQuery } from '../query.ts';
import {
  type SignalHookJson,
  newSignalHookSchema,
  signalHookListSchema,
  signalHookSchema,
} from '../schemas/signal-hook.ts';

const MAX_INSTRUMENTS = 100;
const MAX_UNITS = 100_000_000;
const DEFAULT_MAX_AGE_MS = 60_000;
const LONGEST_AGE_MS = 3_600_000;
const INSTRUMENT = new RegExp(`^(${EXCHANGES.join('|')}):[^\\s:]{1,100}$`);

const instrument = plainText(110).refine((text) => INSTRUMENT.test(text), {
  error: 'must be EXCHANGE:SYMBOL',
  params: { code: 'FORMAT' },
});

const newHook = z
  .strictObject({
    accountId: optional(plainText(64)),
    name: name64(),
    strategyId: name64(),
    instruments: z
      .array(instrument)
      .min(1)
      .max(MAX_INSTRUMENTS)
      .openapi({ example: ['NSE:INFY'] }),
    maxQuantity: z.int().min(1).max(MAX_UNITS).openapi({ description: 'Units of one order or position.' }),
    maxAgeMs: z.int().min(1000).max(LONGEST_AGE_MS).default(DEFAULT_MAX_AGE_MS),
  })
  .openapi('NewSignalHookRequest');

export const signalHookEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/hooks',
    role: 'operator',
    concerns: 'account',
    summary: 'Addresses for alerts of charting services, without their secrets',
    query: z.object({ ...accountQuery, ...pageQuery }),
    answers: { 200: { description: 'A page of hooks.', schema: signalHookListSchema } },
    handle: async ({ query, context, account }) => {
      const rows = await listSignalHooks(context.db, {
        accountId: await account(),
        after: decodeCursor(query.cursor, [uuidPart])?.[0] ?? null,
        limit: query.limit + 1,
      });
      return { status: 200, body: page(rows, query.limit, hookJson, ({ id }) => [id]) };
    },
  }),
  endpoint({
    method: 'post',
    path: '/v1/hooks',
    role: 'operator',
    concerns: 'account',
    summary: 'Make an address for alerts, bound to a strategy; the answer is the only place that shows it',
    query: z.object(accountQuery),
    body: newHook,
    answers: { 201: { description: 'Made.', schema: newSignalHookSchema } },
    handle: async ({ body, principal, context, account }) => {
      const of = { ...body, accountId: await account(), actor: actorOf(principal) };
      const { hook, token } = await createSignalHook(context, of);
      return { status: 201, body: { ...hookJson(hook), path: `/hooks/tradingview/${token}` } };
    },
  }),
  endpoint({
    method: 'delete',
    path: '/v1/hooks/{id}',
    params: idParams,
    role: 'operator',
    concerns: 'account',
    summary: 'End an address for alerts: the next alert to it is refused; twice is the same as once',
    query: z.object(accountQuery),
    answers: { 200: { description: 'Revoked.', schema: signalHookSchema } },
    handle: async ({ params, principal, context, account }) => {
      const of = { accountId: await account(), hookId: params.id, actor: actorOf(principal) };
      const revoked = await revokeSignalHook(context, of);
      if (!revoked.ok) throw new ApiProblem('NOT_FOUND', { detail: 'There is no such hook.' });
      return { status: 200, body: hookJson(revoked.value) };
    },
  }),
];

function hookJson(row: SignalHookRow): SignalHookJson {
  const { id, accountId, name, strategyId, instruments, maxQuantity, maxAgeMs } = row;
  return {
    ...{ id, accountId, name, strategyId, instruments, maxQuantity, maxAgeMs },
    createdAt: formatIst(row.createdAt),
    revokedAt: istOrNull(row.revokedAt),
  };
}
