import { z } from '@hono/zod-openapi';
import { type RefusedLimit, changeLimits } from '../../services/change-limits.ts';
import { readLimits } from '../../services/read-accounts.ts';
import { limitChangesJson } from '../account-json.ts';
import { strategyOf } from '../access.ts';
import { type Ports, endpoint } from '../endpoint.ts';
import { instant, name64, optional, plainText } from '../fields.ts';
import { type Principal, actorOf } from '../principal.ts';
import { ApiProblem, type FieldProblem } from '../problem.ts';
import { accountQuery } from '../query.ts';
import { type LimitsJson, limitsSchema } from '../schemas/account.ts';
import { pointerTo } from '../strict-json.ts';

const MAX_REASON_LENGTH = 500;
/** Far more than there are limits. */
const MAX_CHANGES = 100;
const MAX_VALUE_LENGTH = 16_384;

const value = z
  .unknown()
  .transform((given, context): string | null => {
    if (given === null) return null;
    if (typeof given === 'number') return String(given);
    if (typeof given === 'string' && given.length <= MAX_VALUE_LENGTH) return given;
    context.addIssue({ code: 'custom', message: 'must be text, a number or null', params: { code: 'TYPE' } });
    return z.NEVER;
  })
  .openapi({
    type: ['string', 'null'],
    description: 'As in the environment: "0.02", "50000", "1.5x", "yes". Null takes it back.',
  });

/** Limits by configuration name. */
export function limitValues(atLeast: number) {
  return z.record(z.string(), value).refine(
    (limits) => {
      const count = Object.keys(limits).length;
      return count >= atLeast && count <= MAX_CHANGES;
    },
    { error: `must name ${atLeast} to ${MAX_CHANGES} limits`, params: { code: 'RANGE' } },
  );
}

const body = z
  .strictObject({
    accountId: optional(plainText(64)),
    strategyId: optional(name64()),
    limits: limitValues(1),
    reason: plainText(MAX_REASON_LENGTH),
    expiresAt: optional(instant()),
  })
  .openapi('LimitChanges');

export const limitEndpoints = [
  endpoint({
    method: 'get',
    path: '/v1/limits',
    role: 'viewer',
    summary: 'The limits in force and where each comes from',
    query: z.object(accountQuery),
    answers: { 200: { description: 'By configuration name.', schema: limitsSchema } },
    handle: async ({ principal, context, account }) => {
      const accountId = await account();
      return { status: 200, body: await limitsOf(context, principal, accountId) };
    },
  }),
  endpoint({
    method: 'put',
    path: '/v1/limits',
    role: 'operator',
    summary: 'Change limits of an account or of one of its strategies',
    query: z.object(accountQuery),
    body,
    answers: { 200: { description: 'All were changed; how they stand now.', schema: limitsSchema } },
    handle: async ({ body: given, principal, context, account }) => {
      const accountId = await account();
      const changed = await changeLimits(context, {
        accountId,
        strategyId: strategyOf(principal, given.strategyId),
        actor: actorOf(principal),
        changes: given.limits,
        reason: given.reason,
        expiresAt: given.expiresAt,
      });
      if (!changed.ok) throw new ApiProblem('INVALID_LIMITS', { errors: changed.error.map(limitProblem) });
      return { status: 200, body: await limitsOf(context, principal, accountId) };
    },
  }),
];

export function limitProblem({ name, code, message }: RefusedLimit): FieldProblem {
  const pointers = { UNKNOWN_STRATEGY: '/strategyId', EXPIRED: '/expiresAt' } as const;
  const pointer = code in pointers ? pointers[code as keyof typeof pointers] : pointerTo('/limits', name);
  return { pointer: pointer.slice(0, 100), code, message };
}

async function limitsOf(
  context: Ports['context'],
  principal: Principal,
  accountId: string,
): Promise<LimitsJson> {
  const { limits, defaults, account, strategies } = await readLimits(
    context.db,
    context.settings.limits,
    accountId,
  );
  const visible = Object.entries(strategies).filter(
    ([id]) => principal.strategyId === null || id === principal.strategyId,
  );
  return {
    accountId,
    limits,
    defaults,
    account: limitChangesJson(account),
    strategies: Object.fromEntries(visible.map(([id, changes]) => [id, limitChangesJson(changes)])),
  };
}
