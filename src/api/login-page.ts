import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context as HonoContext } from 'hono';
import { endWebSession } from '../services/end-web-session.ts';
import { WEB_SESSION_MS, openWebSession } from '../services/open-web-session.ts';
import type { Context } from '../services/context.ts';
import type { Authenticated, Authenticator } from './authenticate.ts';
import { noSessionCookie, requireSameOrigin, sessionCookie, sessionSecretOf } from './browser-session.ts';
import { addressOf, credentialsOf, originOf } from './connection.ts';
import { refuseOtherMethods } from './mount.ts';
import { keepPolicy, localPath, pagePolicy } from './pages.ts';
import { type Principal, actorOf } from './principal.ts';
import { ApiProblem } from './problem.ts';
import type { RateLimits } from './rate-limit.ts';
import { readForm } from './request-body.ts';

/**
 * /login: a token for a browser's session, so that pages (/queues, /docs) need no header. A plain form without a
 * script. The token is in the body of one request and in no address, log or page; the cookie can not be read by pages.
 */
const LOGIN = '/login';
const LOGOUT = '/logout';
const STYLE = '/login/style.css';
/** Where a login leads that came from no other page. */
const AFTER_LOGIN = '/docs';

const POLICY = pagePolicy({ 'style-src': "'self'", 'form-action': "'self'" });

export interface LoginOptions {
  readonly context: Context;
  readonly authenticate: Authenticator;
  readonly limits: RateLimits;
}

/** To be called before the headers of all answers are set. */
export function keepLoginPolicy(app: OpenAPIHono): void {
  for (const path of [LOGIN, LOGOUT, STYLE]) keepPolicy(app, path, POLICY);
}

export function mountLogin(app: OpenAPIHono, { context, authenticate, limits }: LoginOptions): void {
  app.get(LOGIN, async (c) => {
    limits.open(c, addressOf(c));
    const next = localPath(c.req.query('next'), AFTER_LOGIN);
    const who = await holderOf(c, authenticate);
    return c.html(page(who === null ? form(next, null) : loggedIn(who, next)));
  });
  app.post(LOGIN, async (c) => {
    limits.open(c, addressOf(c));
    requireSameOrigin(credentialsOf(c));
    const given = await readForm(c.req.raw);
    const next = localPath(given.get('next'), AFTER_LOGIN);
    let holder: Authenticated;
    try {
      holder = await authenticate.token((given.get('token') ?? '').trim(), addressOf(c));
    } catch (error) {
      if (error instanceof ApiProblem && error.code === 'UNAUTHENTICATED') {
        return c.html(page(form(next, 'This is no token that is valid here.')), 401);
      }
      throw error;
    }
    const { principal, tokenHash } = holder;
    const asked = originOf(c, context, principal);
    const { secret } = await openWebSession(asked, {
      ...{ actor: actorOf(principal), tokenHash, address: addressOf(c) },
    });
    c.header('set-cookie', sessionCookie(secret, WEB_SESSION_MS));
    return c.redirect(next, 303);
  });
  app.post(LOGOUT, async (c) => {
    limits.open(c, addressOf(c));
    const secret = sessionSecretOf(credentialsOf(c));
    const who = await holderOf(c, authenticate);
    if (secret !== null && who !== null) {
      requireSameOrigin(credentialsOf(c));
      await endWebSession(originOf(c, context, who), { secret, actor: actorOf(who) });
    }
    c.header('set-cookie', noSessionCookie());
    return c.redirect(LOGIN, 303);
  });
  app.get(STYLE, (c) => c.body(CSS, 200, { 'content-type': 'text/css; charset=utf-8' }));
  refuseOtherMethods(app, LOGIN, ['GET', 'POST']);
  refuseOtherMethods(app, LOGOUT, ['POST']);
  refuseOtherMethods(app, STYLE, ['GET']);
}

/** Whether a browser that asks for a page should be shown the login instead of a problem. */
export function loginInstead(c: HonoContext, error: unknown): Response | null {
  const isStranger = error instanceof ApiProblem && error.code === 'UNAUTHENTICATED';
  const wantsPage = c.req.method === 'GET' && (c.req.header('accept') ?? '').includes('text/html');
  return isStranger && wantsPage ? c.redirect(`${LOGIN}?next=${localPath(c.req.path, AFTER_LOGIN)}`) : null;
}

/** Whose session the browser has; null: none that counts. */
async function holderOf(c: HonoContext, authenticate: Authenticator): Promise<Principal | null> {
  const credentials = credentialsOf(c);
  if (sessionSecretOf(credentials) === null) return null;
  try {
    return await authenticate.request({ ...credentials, method: 'GET' });
  } catch (error) {
    if (error instanceof ApiProblem && error.code === 'UNAUTHENTICATED') return null;
    throw error;
  }
}

function page(content: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Sauda: log in</title>
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="stylesheet" href="${STYLE}">
  </head>
  <body>
    <main>
      <h1>Sauda</h1>
      ${content}
    </main>
  </body>
</html>
`;
}

function form(next: string, problem: string | null): string {
  return `${problem === null ? '' : `<p role="alert">${problem}</p>`}
      <form method="post" action="${LOGIN}">
        <input type="hidden" name="next" value="${next}">
        <label for="token">Token</label>
        <input id="token" name="token" type="password" autocomplete="off" required autofocus>
        <button>Log in</button>
      </form>
      <p>The admin token is printed at the start; others come from <code>sauda token create</code>.</p>`;
}

/** Names of tokens are plain (A-Z a-z 0-9 . _ -), as the API takes them. */
function loggedIn({ name, role }: Principal, next: string): string {
  return `<p>Logged in as <strong>${name}</strong> (${role}).</p>
      <p><a href="${next}">Go on</a></p>
      <form method="post" action="${LOGOUT}"><button>Log out</button></form>`;
}

const CSS = `:root { color-scheme: light dark; font-family: system-ui, sans-serif; }
body { display: grid; min-height: 100vh; margin: 0; place-items: center; }
main { width: min(22rem, 90vw); }
form { display: grid; gap: 0.6rem; }
input, button { padding: 0.5rem; font: inherit; }
[role='alert'] { font-weight: bold; }
`;
