import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type Context, Hono } from 'hono';
import type { Account } from './account.ts';
import { istDateTime } from './clock.ts';
import type { CallTwist } from './exchange.ts';
import type { Call, Fault } from './faults.ts';
import { BAD_TOKEN, type KiteError, TOO_MANY_REQUESTS } from './kite-error.ts';
import { gttRoutes } from './rest-gtts.ts';
import { orderRoutes } from './rest-orders.ts';
import type { RestParts, Route } from './rest-parts.ts';
import { readRoutes } from './rest-reads.ts';
import { type Answer, badGateway, failure, maintenancePage, pause, sendTruncated, success } from './wire.ts';

type Ctx = Context<{ Bindings: HttpBindings }>;

const API_KEY = 'paper';
const MAX_BODY_CHARS = 1_000_000;
/** Order calls that are remembered for the control port. */
const MAX_ORDER_CALLS = 100_000;
const TIMED_OUT = 'Order request timed out. Please check the order book and confirm before placing again.';
const USER_TOKEN = /^paper(?:-([A-Za-z0-9_]{1,32}))?$/;
const NOT_FOUND: KiteError = { status: 404, errorType: 'GeneralException', message: 'Route not found' };
const TOO_LARGE: KiteError = {
  status: 400,
  errorType: 'InputException',
  message: 'The request is too large.',
};
const INTERNAL: KiteError = { status: 500, errorType: 'GeneralException', message: 'Something went wrong.' };

/** The user of an api key and access token; null when they are not accepted. */
export function authenticate(apiKey: string, accessToken: string): string | null {
  const match = USER_TOKEN.exec(accessToken);
  return apiKey !== API_KEY || match === null ? null : (match[1] ?? 'PAPER');
}

/** Kite Connect's REST surface. */
export function createRestApp(parts: RestParts): Hono<{ Bindings: HttpBindings }> {
  const app = new Hono<{ Bindings: HttpBindings }>();
  for (const route of [...orderRoutes(parts), ...gttRoutes(parts), ...readRoutes(parts)]) {
    app.on(route.method, route.path, (c) => serve(c, parts, route));
  }
  app.post('/session/token', async (c) => {
    count(parts, 'session');
    return send(openSession(new URLSearchParams(await c.req.text()), parts.nowMs()));
  });
  app.notFound(() => send(failure(NOT_FOUND)));
  app.onError(() => send(failure(INTERNAL)));
  return app;
}

/** Exchanges a request token for an access token. Any checksum passes: there is no secret to protect. */
function openSession(form: URLSearchParams, nowMs: number): Answer {
  const requestToken = form.get('request_token') ?? '';
  const token = USER_TOKEN.test(requestToken) ? requestToken : 'paper';
  const user = authenticate(form.get('api_key') ?? '', token);
  if (user === null) return failure(BAD_TOKEN);
  return success({
    user_type: 'individual',
    email: 'paper@example.com',
    user_name: 'Paper Trader',
    user_shortname: 'Paper',
    broker: 'ZERODHA',
    exchanges: ['NSE', 'NFO'],
    products: ['CNC', 'NRML', 'MIS', 'MTF'],
    order_types: ['MARKET', 'LIMIT', 'SL', 'SL-M'],
    avatar_url: null,
    user_id: user,
    api_key: API_KEY,
    access_token: token,
    public_token: token,
    enctoken: '',
    refresh_token: '',
    silo: '',
    login_time: istDateTime(nowMs),
    meta: { demat_consent: 'physical' },
  });
}

async function serve(c: Ctx, parts: RestParts, route: Route): Promise<Response> {
  count(parts, route.call);
  const text = route.method === 'POST' || route.method === 'PUT' ? await c.req.text() : '';
  const user = userOf(c.req.header('authorization') ?? '');
  const account = user === null ? null : parts.exchange.account(user);
  if (account === null) return send(failure(BAD_TOKEN));
  if (text.length > MAX_BODY_CHARS) return send(failure(TOO_LARGE));
  noteOrderCall(parts, route, account.id);
  const fault = parts.faults.take(route.call, account.id);
  const { outgoing } = c.env;
  if (fault?.kind === 'timeout') {
    parts.held.hold(outgoing);
    return RESPONSE_ALREADY_SENT;
  }
  if (fault?.kind === 'reset') {
    outgoing.destroy();
    return RESPONSE_ALREADY_SENT;
  }
  const instead = fault === null ? null : insteadOfTaking(fault, route.call);
  const answer = instead ?? take(c, parts, route, account, text, fault);
  if (route.method !== 'GET') parts.wake();
  if (fault?.kind === 'slow') await pause(fault.delayMs);
  const { latencyMs } = parts.settings();
  if (latencyMs > 0) await pause(latencyMs);
  return fault === null ? send(answer) : deliver(fault, answer, c, parts);
}

/** Answers of faults whose request is not taken; null when it is. */
function insteadOfTaking(fault: Fault, call: Call): Answer | null {
  switch (fault.kind) {
    case 'refuse':
      return failure({
        status: 400,
        errorType: fault.errorType,
        message: fault.message ?? 'The request was refused.',
      });
    case 'serverError':
      return badGateway();
    case 'rateLimited':
      return failure(TOO_MANY_REQUESTS);
    case 'forbidden':
      return failure({ ...BAD_TOKEN, message: fault.message ?? BAD_TOKEN.message });
    case 'htmlOk':
      return maintenancePage();
    case 'emptyList':
      return success(call === 'positions' ? { net: [], day: [] } : call === 'quote' ? {} : []);
    case 'acceptThenTimeout':
    case 'acceptThenReset':
    case 'timeout':
    case 'reset':
    case 'serverErrorAfterAccept':
    case 'htmlOkAfterAccept':
    case 'badRequestTimedOutAfterAccept':
    case 'lateVisibility':
    case 'slow':
    case 'truncated':
    case 'rejectAtExchange':
      return null;
  }
}

/** Sends what a fault makes of the answer to a request that was taken. */
function deliver(fault: Fault, answer: Answer, c: Ctx, parts: RestParts): Response {
  const { outgoing } = c.env;
  const unanswered = fault.kind === 'acceptThenTimeout' || (fault.kind === 'lateVisibility' && fault.silent);
  if (unanswered) {
    parts.held.hold(outgoing);
    return RESPONSE_ALREADY_SENT;
  }
  if (fault.kind === 'acceptThenReset') {
    outgoing.destroy();
    return RESPONSE_ALREADY_SENT;
  }
  if (fault.kind === 'truncated') {
    sendTruncated(outgoing, answer);
    return RESPONSE_ALREADY_SENT;
  }
  if (fault.kind === 'serverErrorAfterAccept') return send(badGateway());
  if (fault.kind === 'htmlOkAfterAccept') return send(maintenancePage());
  if (fault.kind === 'badRequestTimedOutAfterAccept') {
    return send(failure({ status: 400, errorType: 'OrderException', message: TIMED_OUT }));
  }
  return send(answer);
}

function take(
  c: Ctx,
  parts: RestParts,
  route: Route,
  account: Account,
  text: string,
  fault: Fault | null,
): Answer {
  const nowMs = parts.nowMs();
  if (!parts.rates.admit(account.id, route.limit, parts.settings().rateLimits, nowMs)) {
    return failure(TOO_MANY_REQUESTS);
  }
  return route.handle({
    account,
    path: (name) => c.req.param(name) ?? '',
    query: (name) => c.req.query(name) ?? null,
    queries: (name) => c.req.queries(name) ?? [],
    form: new Map(new URLSearchParams(text)),
    text,
    twist: fault === null ? {} : twistOf(fault),
    nowMs,
  });
}

function twistOf(fault: Fault): CallTwist {
  if (fault.kind === 'lateVisibility') return { hideForMs: fault.delayMs };
  if (fault.kind === 'rejectAtExchange') {
    return { rejectMessage: fault.message ?? '16388 : The order was rejected by the exchange.' };
  }
  return {};
}

function userOf(header: string): string | null {
  const match = /^token ([^:]+):(.+)$/.exec(header);
  return match === null ? null : authenticate(match[1] ?? '', match[2] ?? '');
}

function noteOrderCall({ orderCalls, nowMs }: RestParts, { call, limit }: Route, user: string): void {
  if (limit !== 'place' && limit !== 'modify' && limit !== 'cancel') return;
  if (orderCalls.length >= MAX_ORDER_CALLS) orderCalls.shift();
  orderCalls.push({ at: nowMs(), user, call });
}

function count(parts: RestParts, call: string): void {
  parts.counters.set(call, (parts.counters.get(call) ?? 0) + 1);
}

function send(answer: Answer): Response {
  return new Response(answer.body, {
    status: answer.status,
    headers: { 'content-type': answer.contentType },
  });
}
