import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from '../services/context.ts';
import { signalTokenHash } from '../services/create-signal-hook.ts';
import { type SignalHookRow, findSignalHook } from '../services/read-signal-hooks.ts';
import { takeSignal } from '../services/take-signal.ts';
import { fieldProblems } from './field-problems.ts';
import { addressOf, originOf } from './connection.ts';
import { refuseOtherMethods } from './mount.ts';
import { orderJson } from './order-json.ts';
import { ApiProblem } from './problem.ts';
import type { RateLimits } from './rate-limit.ts';
import { readJsonBody } from './request-body.ts';
import { signalBody, signalOf } from './signal-body.ts';

const PATH = '/hooks/tradingview/:token';
/** What a token of ours looks like; anything else is refused without asking the database. */
const TOKEN = /^[A-Za-z0-9_-]{32}$/;

/**
 * Where charting services post their alerts. They can send no header, so that the address is the secret: it is in no
 * log and in no answer. One transaction stands between the request and its answer; the checks come after it.
 */
export function mountSignalHook(
  app: OpenAPIHono,
  { context, limits }: { readonly context: Context; readonly limits: RateLimits },
): void {
  app.post(PATH, async (c) => {
    const hook = await hookOf(context, c.req.param('token'));
    if (hook === null) {
      limits.failure(addressOf(c));
      throw new ApiProblem('UNAUTHENTICATED', { detail: 'There is no such hook.' });
    }
    const { id, name, accountId, strategyId } = hook;
    limits.principal(c, { id, name, role: 'trader', accountId, strategyId });
    const body = await readJsonBody(c.req.raw, { mayBeLeftOut: false, mayBeText: true });
    const parsed = signalBody.safeParse(body);
    if (!parsed.success) {
      throw new ApiProblem('INVALID_BODY', { errors: fieldProblems(parsed.error.issues, body) });
    }
    const taken = await takeSignal(originOf(c, context, hook), { hook, signal: signalOf(parsed.data) });
    if (!taken.ok) {
      if (taken.error.code === 'IDEMPOTENCY_CONFLICT') throw new ApiProblem('IDEMPOTENCY_CONFLICT');
      throw new ApiProblem('SIGNAL_REFUSED', { errors: taken.error.errors });
    }
    const { order, replayed } = taken.value;
    if (order === null) return c.json({ order: null }, 200);
    return c.json({ order: orderJson(order) }, replayed ? 200 : 202);
  });
  refuseOtherMethods(app, PATH, ['POST']);
}

/** The path without what is secret in it, for logs. */
export function loggedPath(path: string): string {
  return path.replace(/^(\/hooks\/[^/]*)\/.*/s, '$1/…');
}

async function hookOf(context: Context, token: string): Promise<SignalHookRow | null> {
  return TOKEN.test(token) ? findSignalHook(context.db, signalTokenHash(token)) : null;
}
