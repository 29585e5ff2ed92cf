/* eslint-disable @typescript-eslint/no-unsafe-member-access -- answers are JSON, looked into freely */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type RunningApi, startApi } from '../../../src/api/start-api.ts';
import { fakeClock } from '../../../src/time/clock.ts';
import { ADMIN_TOKEN, type ApiFixture, type SendOptions, goodOrder, startApiFixture } from './support.ts';

const HOST = '127.0.0.1:8080';
/** What a browser says of a request of our own page. */
const OWN = { host: HOST, origin: `http://${HOST}`, 'sec-fetch-site': 'same-origin' };

let api: ApiFixture;
beforeAll(async () => {
  api = await startApiFixture();
});
afterAll(() => api.close());

const formOf = (fields: Readonly<Record<string, string>>, headers: SendOptions['headers'] = OWN) => ({
  token: null,
  raw: new URLSearchParams(fields).toString(),
  headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
});
const logIn = async (token: string, next = '/queues') => {
  const answer = await api.send('POST', '/login', formOf({ token, next }));
  return { ...answer, cookie: (answer.headers.get('set-cookie') ?? '').split(';')[0]! };
};
const withCookie = (cookie: string, headers: SendOptions['headers'] = OWN): SendOptions => ({
  token: null,
  headers: { cookie, ...headers },
});
const makeToken = async (role: string, changes: Readonly<Record<string, unknown>> = {}) =>
  (await api.send('POST', '/v1/tokens', { body: { name: `of-${role}`, role, ...changes } })).json as {
    id: string;
    token: string;
  };

const sent = (headers: readonly Readonly<Record<string, string>>[]) => headers;

describe('a login by a browser', () => {
  test('trades a token for a cookie that pages can not read and other sites can not send', async () => {
    const done = await logIn(ADMIN_TOKEN);
    expect([done.status, done.headers.get('location')]).toEqual([303, '/queues']);
    const cookie = done.headers.get('set-cookie')!;
    expect(cookie).toMatch(
      /^__Host-sauda=[\w-]{43}; Path=\/; Max-Age=43200; Secure; HttpOnly; SameSite=Strict$/,
    );
    const seen = await api.send('GET', '/v1/orders', withCookie(done.cookie));
    expect(seen.status).toBe(200);
    const secret = done.cookie.split('=')[1]!;
    expect(JSON.stringify(await api.sql('select * from web_sessions'))).not.toContain(secret);
    expect(JSON.stringify(await api.sql('select data from journal'))).not.toContain(secret);
    expect(JSON.stringify(api.log)).not.toContain(secret);
  });

  test('is in the journal with who and from where, and so is its end', async () => {
    const { cookie } = await logIn(ADMIN_TOKEN);
    const out = await api.send('POST', '/logout', { ...withCookie(cookie), raw: '' });
    expect([out.status, out.headers.get('location')]).toEqual([303, '/login']);
    expect(out.headers.get('set-cookie')).toContain('Max-Age=0');
    expect((await api.send('GET', '/v1/orders', withCookie(cookie))).status).toBe(401);
    const entries = await api.sql<{ kind: string; actor: string; data: string }>(
      `select kind, actor, data from journal where account_id = 'system' and kind like 'WebSession%'
        order by seq desc limit 2`,
    );
    expect(entries.map(({ kind, actor }) => [kind, actor])).toEqual([
      ['WebSessionEnded', 'api:admin'],
      ['WebSessionOpened', 'api:admin'],
    ]);
    expect(entries[0]!.data).toContain('"tokenId":"admin"');
  });

  test.each([
    ['a wrong token', { token: 'not-the-admin-token', next: '/queues' }, 401],
    ['no token', { next: '/queues' }, 401],
  ])('%s shows the page again and sets no cookie, and nothing of it is echoed', async (_, fields, status) => {
    const refused = await api.send('POST', '/login', formOf(fields));
    expect(refused.status).toBe(status);
    expect(refused.headers.get('set-cookie')).toBeNull();
    expect(refused.text).toContain('role="alert"');
    expect(refused.text).not.toContain('not-the-admin-token');
  });

  test.each(['//evil.example', '/\\evil.example', 'https://evil.example', '/x"><script>', 'javascript:x'])(
    'never leads away from here: %s',
    async (next) => {
      expect((await logIn(ADMIN_TOKEN, next)).headers.get('location')).toBe('/docs');
      const page = await api.send('GET', `/login?next=${encodeURIComponent(next)}`, { token: null });
      expect(page.text).toContain('name="next" value="/docs"');
    },
  );

  test('is a page without a script, under a policy that allows none', async () => {
    const page = await api.send('GET', '/login', { token: null });
    expect(page.status).toBe(200);
    expect(page.text).not.toMatch(/<script|https?:|style=/);
    const policy = page.headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("form-action 'self'");
    expect(policy).not.toMatch(/script|unsafe|https?:|\*/);
  });

  test('of another site is refused, and so is one that does not say where it comes from', async () => {
    const fields = { token: ADMIN_TOKEN, next: '/queues' };
    for (const headers of sent([
      { host: HOST },
      { host: HOST, origin: 'http://evil.example' },
      { host: HOST, origin: `http://${HOST}`, 'sec-fetch-site': 'cross-site' },
      { host: HOST, 'sec-fetch-site': 'same-site' },
      { host: HOST, origin: 'null' },
    ])) {
      const refused = await api.send('POST', '/login', formOf(fields, headers));
      expect([headers, refused.json?.code]).toEqual([headers, 'CROSS_SITE']);
    }
    const wrongType = await api.send('POST', '/login', { token: null, body: fields, headers: OWN });
    expect(wrongType.status).toBe(415);
    const huge = await api.send('POST', '/login', formOf({ token: 'x'.repeat(70_000) }));
    expect(huge.status).toBe(413);
  });
});

describe("a session's requests", () => {
  const order = () => ({ body: goodOrder() });
  const count = async () => (await api.sql<{ n: number }>('select count(*)::int as n from orders'))[0]!.n;

  test('write from pages of this server, and from nowhere else', async () => {
    const { cookie } = await logIn(ADMIN_TOKEN);
    const placed = await api.send('POST', '/v1/orders', { ...withCookie(cookie), ...order() });
    expect(placed.status, placed.text).toBe(202);
    const before = await count();
    for (const headers of sent([
      { host: HOST },
      { host: HOST, origin: 'http://127.0.0.1:8081' },
      { host: HOST, origin: `http://${HOST}`, 'sec-fetch-site': 'same-site' },
      { host: HOST, 'sec-fetch-site': 'none' },
      { origin: `http://${HOST}` },
    ])) {
      const refused = await api.send('POST', '/v1/orders', { ...withCookie(cookie, headers), ...order() });
      expect([headers, refused.status, refused.json.code]).toEqual([headers, 403, 'CROSS_SITE']);
    }
    expect(await count()).toBe(before);
  });

  test('with a bearer token need no origin, and the cookie beside it counts for nothing', async () => {
    const viewer = await makeToken('viewer');
    const { cookie } = await logIn(ADMIN_TOKEN);
    const refused = await api.send('POST', '/v1/orders', {
      ...order(),
      token: viewer.token,
      headers: { cookie },
    });
    expect(refused.json.code).toBe('FORBIDDEN');
    expect((await api.send('POST', '/v1/orders', order())).status).toBe(202);
  });

  test('have the role and bounds of their token, and end with it at once', async () => {
    const { id, token } = await makeToken('viewer');
    const { cookie } = await logIn(token);
    expect((await api.send('GET', '/v1/orders', withCookie(cookie))).status).toBe(200);
    const refused = await api.send('POST', '/v1/orders', { ...withCookie(cookie), ...order() });
    expect(refused.json.code).toBe('FORBIDDEN');
    await api.send('DELETE', `/v1/tokens/${id}`);
    expect((await api.send('GET', '/v1/orders', withCookie(cookie))).status).toBe(401);
  });

  test('end with the admin token that opened them', async () => {
    const { cookie } = await logIn(ADMIN_TOKEN);
    const app = api.appWith({ adminToken: 'another-admin-token' });
    expect((await api.send('GET', '/v1/orders', { ...withCookie(cookie), app })).status).toBe(401);
  });

  test('end after twelve hours, and the next login removes what is left of them', async () => {
    const { cookie } = await logIn(ADMIN_TOKEN);
    await api.sql(`update web_sessions set created_at = created_at - interval '13 h',
      expires_at = expires_at - interval '12 h'`);
    expect((await api.send('GET', '/v1/orders', withCookie(cookie))).status).toBe(401);
    await logIn(ADMIN_TOKEN);
    expect(await api.sql('select 1 from web_sessions where expires_at < clock_timestamp()')).toEqual([]);
  });

  test.each(['__Host-sauda=', '__Host-sauda=x', `__Host-sauda=${'A'.repeat(43)}`, 'sauda=1; other=2'])(
    'with a cookie that names no session (%s) are those of a stranger',
    async (cookie) => {
      expect((await api.send('GET', '/v1/orders', withCookie(cookie))).json.code).toBe('UNAUTHENTICATED');
    },
  );
});

describe('a WebSocket with a cookie', () => {
  let server: RunningApi;
  beforeEach(async () => {
    server = await startApi({ app: api.app, host: '127.0.0.1', port: 0 });
  });
  afterEach(() => server.close());

  test('is opened by pages of this server and refused to others', async () => {
    const { cookie } = await logIn(ADMIN_TOKEN);
    const open = (origin: string) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/ws?since=0`, {
          headers: { cookie, origin },
        });
        socket.on('unexpected-response', (_, response) => resolve(String(response.statusCode)));
        socket.on('open', () => {
          socket.close();
          resolve('open');
        });
        socket.on('error', () => undefined);
      });
    expect(await open(server.url)).toBe('open');
    expect(await open('http://127.0.0.1:1')).toBe('403');
  });
});

describe('requests without a valid token', () => {
  test('are limited by address; a valid token is never held up by them', async () => {
    const clock = fakeClock('2026-11-23T10:00:00+05:30');
    const app = api.appWith({ clock, rateLimitPerMinute: 3 });
    const knock = (token: string | null) => api.send('GET', '/v1/orders', { app, token });
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await knock('wrong')).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    const valid = await knock(ADMIN_TOKEN);
    expect(valid.status).toBe(200);
    expect(valid.headers.get('ratelimit-policy')).toBe('"token";q=3;w=60');
    expect(valid.headers.get('ratelimit')).toBe('"token";r=2;t=60');
    for (let i = 0; i < 3; i++) await api.send('GET', '/login', { app, token: null });
    const page = await api.send('GET', '/login', { app, token: null });
    expect([page.status, page.headers.get('ratelimit')]).toEqual([429, '"address";r=0;t=60']);
    clock.advance(60_000);
    expect((await knock('wrong')).status).toBe(401);
  });
});
