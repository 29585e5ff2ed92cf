import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context as HonoContext } from 'hono';
import type { Sealer } from '../lib/sealer.ts';
import type { Context } from '../services/context.ts';
import { hintPostback } from '../services/hint-postback.ts';
import { openBrokerSession } from '../services/open-broker-session.ts';
import type { Clock } from '../time/clock.ts';
import { type AccountOf, requireScope } from './access.ts';
import type { Authenticator } from './authenticate.ts';
import { addressOf, credentialsOf, originOf } from './connection.ts';
import { loginInstead } from './login-page.ts';
import { refuseOtherMethods } from './mount.ts';
import { type Principal, actorOf, hasRole } from './principal.ts';
import { ApiProblem } from './problem.ts';
import type { RateLimits } from './rate-limit.ts';
import { readBytes } from './request-body.ts';

/**
 * The broker's daily login and its postbacks. /kite/login sends an operator to Kite with a signed state; /kite/callback
 * takes nothing without that state, since cookies do not come along from another site, and trades the request token for
 * the day's access token, which is stored encrypted and shown to nobody.
 */
const LOGIN = '/kite/login';
const CALLBACK = '/kite/callback';
const POSTBACK = '/kite/postback';

/** How long a login may take at the broker; Kite's own page waits no longer. */
const STATE_MS = 10 * 60_000;
const REQUEST_TOKEN = /^[A-Za-z0-9_-]{1,128}$/;
/** Logins that ended lately, so that one state is good for one login. */
const USED_AT_MOST = 1000;

/** The broker whose login it is. */
export interface BrokerLogin {
  readonly broker: string;
  readonly apiKey: string;
  readonly sealer: Sealer;
  /** The page that a person opens. */
  readonly url: (state: string) => string;
  /** Throws when the broker does not take the token. */
  readonly exchange: (
    requestToken: string,
  ) => Promise<{ readonly brokerUser: string; readonly accessToken: string }>;
  readonly isPostbackSigned: (of: {
    readonly orderId: string;
    readonly orderTimestamp: string;
    readonly checksum: string;
  }) => boolean;
}

export interface KiteLoginOptions {
  readonly context: Context;
  readonly clock: Clock;
  readonly authenticate: Authenticator;
  readonly limits: RateLimits;
  readonly accountOf: AccountOf;
  readonly login: BrokerLogin;
}

interface State {
  /** No two are alike. */
  readonly id: string;
  readonly accountId: string;
  /** Who asked: the login is theirs in the journal. */
  readonly tokenId: string;
  readonly actor: string;
  readonly untilMs: number;
}

export function mountKiteLogin(app: OpenAPIHono, options: KiteLoginOptions): void {
  const used = new Set<string>();
  app.get(LOGIN, async (c) => beginLogin(c, options));
  app.get(CALLBACK, async (c) => {
    options.limits.open(c, addressOf(c));
    const given = c.req.query('state') ?? '';
    const state = readState(given, options);
    if (state === null || used.has(given)) {
      throw new ApiProblem('FORBIDDEN', {
        detail: 'This login was not begun here, or too long ago: begin again.',
      });
    }
    if (used.size >= USED_AT_MOST) used.clear();
    used.add(given);
    return endLogin(c, state, options);
  });
  app.post(POSTBACK, async (c) => takePostback(c, options));
  for (const path of [LOGIN, CALLBACK]) refuseOtherMethods(app, path, ['GET']);
  refuseOtherMethods(app, POSTBACK, ['POST']);
}

/** Where there is no broker to log in to, a person who asks is told why; it is as little there as any other address. */
export function refuseKiteLogin(app: OpenAPIHono): void {
  const refuse = (): never => {
    throw new ApiProblem('NOT_FOUND', {
      detail: 'There is no broker to log in to: BROKER is paper, or ZERODHA_API_SECRET is not set.',
    });
  };
  for (const path of [LOGIN, CALLBACK]) app.get(path, refuse);
}

/** A browser is sent to the broker; a program is told the address. Nothing changes yet. */
async function beginLogin(c: HonoContext, options: KiteLoginOptions): Promise<Response> {
  const { context, authenticate, limits, login, clock, accountOf } = options;
  let principal: Principal;
  try {
    principal = await authenticate.request(credentialsOf(c));
  } catch (error) {
    const page = loginInstead(c, error);
    if (page !== null) return page;
    throw error;
  }
  limits.principal(c, principal);
  if (!hasRole(principal, 'operator')) {
    throw new ApiProblem('FORBIDDEN', {
      detail: `This needs the role operator; the token has ${principal.role}.`,
    });
  }
  requireScope(principal, 'account');
  const accountId = await accountOf(principal, c.req.query('accountId') ?? c.req.query('account'));
  const url = brokerLoginUrl(login, {
    ...{ id: context.newId(), accountId, tokenId: principal.id, actor: actorOf(principal) },
    now: clock.now(),
  });
  const wantsPage = (c.req.header('accept') ?? '').includes('text/html');
  return wantsPage ? c.redirect(url) : c.json({ url, accountId, expiresInMs: STATE_MS });
}

async function endLogin(c: HonoContext, state: State, options: KiteLoginOptions): Promise<Response> {
  const { context, login, clock } = options;
  const requestToken = c.req.query('request_token') ?? '';
  if (c.req.query('status') !== 'success' || !REQUEST_TOKEN.test(requestToken)) {
    throw new ApiProblem('LOGIN_REFUSED', { detail: 'The broker says that the login did not succeed.' });
  }
  const { accountId, tokenId, actor } = state;
  const { brokerUser, accessToken } = await login.exchange(requestToken).catch((error: unknown) => {
    context.log.warn({ err: error, accountId }, 'the broker did not take a login');
    throw new ApiProblem('LOGIN_REFUSED', { detail: 'The broker did not take the login: begin again.' });
  });
  const opened = await openBrokerSession(originOf(c, context, { id: tokenId }), login.sealer, {
    ...{ accountId, actor, brokerUser, accessToken, now: clock.now() },
    ...{ broker: login.broker, apiKey: login.apiKey },
  });
  if (!opened.ok) {
    throw new ApiProblem('LOGIN_REFUSED', {
      detail: `The books of ${accountId} are those of another user of the broker.`,
    });
  }
  return c.text(`Logged in to the broker for account ${accountId}. This page can be closed.\n`);
}

/** Answered fast: what it tells of is read from the broker, later, by the poller. */
async function takePostback(c: HonoContext, { context, limits, login }: KiteLoginOptions): Promise<Response> {
  limits.open(c, addressOf(c));
  const body = postbackOf(await readBytes(c.req.raw));
  if (!login.isPostbackSigned(body)) {
    context.log.warn({ ip: addressOf(c) }, 'a postback with a wrong checksum was refused');
    throw new ApiProblem('UNAUTHENTICATED', { detail: 'The checksum is wrong.' });
  }
  if (!(await hintPostback(context, body.userId))) {
    throw new ApiProblem('UNAUTHENTICATED', { detail: 'It is about nobody who is known here.' });
  }
  return c.json({});
}

interface Postback {
  readonly orderId: string;
  readonly orderTimestamp: string;
  readonly checksum: string;
  readonly userId: string;
}

const LONGEST_WORD = 128;

/** Kite names no media type that could be relied on, so what counts is that it is an object with these texts. */
function postbackOf(bytes: Uint8Array): Postback {
  let row: unknown;
  try {
    row = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new ApiProblem('BAD_JSON');
  }
  const word = (name: string): string => {
    const value: unknown = typeof row === 'object' && row !== null ? Reflect.get(row, name) : undefined;
    if (typeof value === 'string' && value !== '' && value.length <= LONGEST_WORD) return value;
    throw new ApiProblem('INVALID_BODY', { detail: `${name} must be a short text.` });
  };
  return {
    orderId: word('order_id'),
    orderTimestamp: word('order_timestamp'),
    checksum: word('checksum'),
    userId: word('user_id'),
  };
}

/** The page of the broker, for somebody who proved elsewhere that he is an operator; good for ten minutes. */
export function brokerLoginUrl(
  login: BrokerLogin,
  of: Omit<State, 'untilMs'> & { readonly now: Date },
): string {
  const { now, ...who } = of;
  return login.url(writeState({ ...who, untilMs: now.getTime() + STATE_MS }, login.sealer));
}

function writeState(state: State, sealer: Sealer): string {
  const text = Buffer.from(JSON.stringify(state)).toString('base64url');
  return `${text}.${sealer.sign(`kite-login:${text}`)}`;
}

/** Null for what was not written here, or too long ago. */
function readState(text: string, { login, clock }: KiteLoginOptions): State | null {
  const [state = '', signature = ''] = text.split('.');
  if (!login.sealer.verify(`kite-login:${state}`, signature)) return null;
  const read = JSON.parse(Buffer.from(state, 'base64url').toString()) as State;
  return read.untilMs > clock.now().getTime() ? read : null;
}
