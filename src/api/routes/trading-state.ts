import { z } from '@hono/zod-openapi';
import { TRADING_STATES } from '../../domain/account.ts';
import { formatIst } from '../../domain/calendar.ts';
import { readTradingState } from '../../services/read-accounts.ts';
import { type KillSwitchEventRow, listKillSwitchEvents } from '../../services/read-lists.ts';
import { setTradingState } from '../../services/set-trading-state.ts';
import { decodeInstantAndId, page } from '../cursor.ts';
import { type Ports, endpoint } from '../endpoint.ts';
import { name64, optional, optionalPrice, plainText, uuid } from '../fields.ts';
import { istOrNull } from '../order-json.ts';
import { type Principal, actorOf } from '../principal.ts';
import { ApiProblem, fieldProblem } from '../problem.ts';
import { accountQuery, pageQuery } from '../query.ts';
import { type TradingStateJson, changedTradingStateSchema, tradingStateSchema } from '../schemas/account.ts';
import { type KillSwitchEventJson, killSwitchEventListSchema } from '../schemas/operation.ts';

const MAX_REASON_LENGTH = 500;

const body = z
  .strictObject({
    accountId: optional(plainText(64)),
    state: z.enum(TRADING_STATES),
    scope: z.enum(['account', 'strategy']).default('account'),
    strategyId: optional(name64()),
    reason: plainText(MAX_REASON_LENGTH),
    cancelOpen: z.boolean().default(false),
    flatten: z.boolean().default(false),
    exits: z.enum(['reduceOnly', 'operatorOnly']).default('reduceOnly'),
    releases: optional(uuid()).openapi({ description: 'The halt to leave; another one in force is a 409.' }),
    newDailyLossPct: optionalPrice().openapi({
      description: 'A share of riskCapital, for the rest of the day.',
    }),
    rebasePeak: z.boolean().default(false),
  })
  .openapi('TradingStateChange');

export const tradingStateEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/trading-state',
    role: 'viewer',
    summary: 'What may be traded now',
    query: z.object(accountQuery),
    answers: { 200: { description: 'Of the account and its strategies.', schema: tradingStateSchema } },
    handle: async ({ principal, context, account }) => {
      const accountId = await account();
      return { status: 200, body: await stateJson(context, principal, accountId) };
    },
  }),
  endpoint({
    method: 'put',
    path: '/v1/trading-state',
    role: 'operator',
    summary: 'Halt, reduce or release trading; answers when what was on its way is answered',
    query: z.object(accountQuery),
    body,
    answers: {
      200: {
        description: 'Changed; inFlight are the orders whose calls were on their way.',
        schema: changedTradingStateSchema,
      },
    },
    handle: async ({ body: given, principal, context, account }) => {
      const accountId = await account();
      requireScope(principal, given);
      const changed = await setTradingState(context, { ...given, accountId, by: actorOf(principal) });
      if (!changed.ok) {
        const { code, message: detail } = changed.error;
        throw new ApiProblem(code === 'UNKNOWN_STRATEGY' ? 'NOT_FOUND' : code, { detail });
      }
      const { inFlight, operationId } = changed.value;
      const state = await stateJson(context, principal, accountId);
      return { status: 200, body: { ...state, inFlight: [...inFlight], operationId } };
    },
  }),
  endpoint({
    method: 'get',
    path: '/v1/kill-switch-events',
    role: 'viewer',
    summary: 'Changes of trading states, newest first',
    query: z.object({ ...accountQuery, ...pageQuery }),
    answers: { 200: { description: 'A page of changes.', schema: killSwitchEventListSchema } },
    handle: async ({ query, principal, context, account }) => {
      const rows = await listKillSwitchEvents(context.db, {
        accountId: await account(),
        strategyId: principal.strategyId,
        before: decodeInstantAndId(query.cursor),
        limit: query.limit + 1,
      });
      return {
        status: 200,
        body: page(rows, query.limit, eventJson, ({ at, id }) => [at.toISOString(), id]),
      };
    },
  }),
];

function requireScope(principal: Principal, { scope, strategyId }: z.output<typeof body>): void {
  if (principal.strategyId !== null && principal.strategyId !== strategyId) {
    throw new ApiProblem('FORBIDDEN', { detail: `The token is bound to strategy ${principal.strategyId}.` });
  }
  if ((scope === 'strategy') === (strategyId !== null)) return;
  const says = scope === 'strategy' ? 'is required with scope strategy' : 'goes with scope strategy alone';
  throw new ApiProblem('INVALID_BODY', { errors: [fieldProblem('/strategyId', 'REQUIRED', says)] });
}

async function stateJson(
  context: Ports['context'],
  principal: Principal,
  accountId: string,
): Promise<TradingStateJson> {
  const { at, strategies, ...state } = await readTradingState(context.db, accountId);
  return {
    accountId,
    scope: 'account',
    ...state,
    at: istOrNull(at),
    strategies: strategies
      .filter(({ strategyId }) => principal.strategyId === null || strategyId === principal.strategyId)
      .map((strategy) => ({ ...strategy, at: istOrNull(strategy.at) })),
  };
}

function eventJson(row: KillSwitchEventRow): KillSwitchEventJson {
  const { id, accountId, haltId, scope, strategyId, reason, details } = row;
  const { fromState: from, toState: to, actor: by } = row;
  return { id, accountId, haltId, scope, strategyId, from, to, reason, by, details, at: formatIst(row.at) };
}
