/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment,
   @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-argument -- answers are JSON, looked into freely */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fakeClock } from '../../../src/time/clock.ts';
import { ADMIN_TOKEN, type ApiFixture, goodOrder, startApiFixture } from './support.ts';

let api: ApiFixture;
const tokens: Record<string, string> = {};
let orderOfAlpha: string;
let orderOfBeta: string;

beforeAll(async () => {
  api = await startApiFixture();
  await api.send('POST', '/v1/accounts', { body: { id: 'second', name: 'Second', capital: '5000.50' } });
  const made: [string, Record<string, unknown>][] = [
    ['viewer', { role: 'viewer' }],
    ['trader', { role: 'trader', accountId: 'main' }],
    ['operator', { role: 'operator' }],
    ['admin', { role: 'admin' }],
    ['alpha', { role: 'trader', accountId: 'main', strategyId: 'alpha' }],
    ['ofSecond', { role: 'trader', accountId: 'second' }],
    ['adminOfSecond', { role: 'admin', accountId: 'second' }],
  ];
  for (const [name, body] of made) {
    const answer = await api.send('POST', '/v1/tokens', { body: { name, ...body } });
    expect(answer.status).toBe(201);
    tokens[name] = answer.json.token;
  }
  const place = async (strategyId: string) =>
    (await api.send('POST', '/v1/orders', { body: goodOrder({ strategyId, accountId: 'main' }) })).json
      .id as string;
  orderOfAlpha = await place('alpha');
  orderOfBeta = await place('beta');
});
afterAll(() => api.close());

describe('who is asking', () => {
  test.each([
    ['no header', {}],
    ['an empty header', { authorization: '' }],
    ['another scheme', { authorization: `Basic ${ADMIN_TOKEN}` }],
    ['no token', { authorization: 'Bearer' }],
    ['a wrong token', { authorization: 'Bearer wrong-token-of-nobody' }],
    ['the right token with a letter more', { authorization: `Bearer ${ADMIN_TOKEN}x` }],
    ['a token of 10 kB', { authorization: `Bearer ${'a'.repeat(10_000)}` }],
    ['two tokens', { authorization: `Bearer ${ADMIN_TOKEN} ${ADMIN_TOKEN}` }],
    ['a token as SQL', { authorization: `Bearer 'or'1'='1` }],
  ])('%s is 401, with the same body for all', async (_, headers) => {
    const missing = await api.send('GET', '/v1/orders', { token: null });
    const answer = await api.send('GET', '/v1/orders', { token: null, headers });
    expect(answer.status).toBe(401);
    expect(answer.text).toBe(missing.text);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="sauda"');
    expect(answer.json.code).toBe('UNAUTHENTICATED');
  });

  test('the scheme is read in any case, and spaces at the end do not count', async () => {
    for (const scheme of ['bearer', 'BEARER', 'Bearer  ']) {
      const headers = { authorization: `${scheme} ${ADMIN_TOKEN} ` };
      expect((await api.send('GET', '/v1/orders?accountId=main', { token: null, headers })).status).toBe(200);
    }
  });

  test('the account of a query has a short name; two that differ are a mistake', async () => {
    const status = async (query: string) => (await api.get(`/v1/orders?${query}`)).status;
    expect(await status('account=main')).toBe(200);
    expect(await status('account=main&accountId=main')).toBe(200);
    expect(await status('account=nobody')).toBe(404);
    expect(await status('account=main&account=main')).toBe(400);
    const { status: refused, json } = await api.get('/v1/orders?account=main&accountId=other');
    expect([refused, json.code, json.errors[0]]).toMatchObject([
      400,
      'INVALID_QUERY',
      { pointer: '?account', code: 'CONFLICT' },
    ]);
  });

  test('a stranger learns nothing of bodies, queries or roles', async () => {
    const answer = await api.send('POST', '/v1/orders?x=1', { token: null, raw: '{' });
    expect(answer.status).toBe(401);
  });

  test('failures are told together, not one by one, and never with the token', async () => {
    api.log.length = 0;
    const clock = fakeClock('2026-11-23T10:00:00+05:30');
    const app = api.appWith({ clock });
    for (let i = 0; i < 50; i++) await api.send('GET', '/v1/orders', { app, token: 'secret-of-a-stranger' });
    expect(api.log).toHaveLength(1);
    clock.advance(60_001);
    await api.send('GET', '/v1/orders', { app, token: 'secret-of-a-stranger' });
    expect(api.log.map(({ fields }) => fields)).toEqual([{ failures: 1 }, { failures: 50 }]);
    expect(JSON.stringify(api.log)).not.toContain('secret-of-a-stranger');
  });

  test('failures are one journal entry of nobody, counted, however many there are', async () => {
    const clock = fakeClock('2026-11-23T10:00:00+05:30');
    const app = api.appWith({ clock });
    const entries = () =>
      api.sql(
        `select actor, entity, data::jsonb from journal where account_id = 'system' and kind = 'AuthenticationFailed'
         order by seq desc limit 2`,
      );
    const before = await entries();
    for (let i = 0; i < 20; i++) await api.send('GET', '/v1/orders', { app, token: 'wrong' });
    clock.advance(60_001);
    await api.send('GET', '/v1/orders', { app, token: null });
    await vi.waitFor(
      async () =>
        expect(await entries()).toEqual([
          { actor: 'api', entity: 'api', data: { failures: 20 } },
          { actor: 'api', entity: 'api', data: { failures: 1 } },
        ]),
      { timeout: 30_000 },
    );
    expect(before).not.toEqual(await entries());
  });

  test('only the sha256 of a token is stored, and the journal says who made it', async () => {
    const [row] = await api.sql(`select * from api_tokens where name = 'alpha'`);
    expect(row?.['token_hash']).toBe(createHash('sha256').update(tokens['alpha']!).digest('hex'));
    expect(JSON.stringify(await api.sql('select * from api_tokens'))).not.toContain(tokens['alpha']);
    const entries = await api.sql(
      `select actor, kind from journal where account_id = 'system' and entity = $1`,
      [row?.['id']],
    );
    expect(entries).toEqual([{ actor: 'api:admin', kind: 'TokenCreated' }]);
  });
});

describe('what a role may do', () => {
  const order = () => ({ body: goodOrder({ accountId: 'main' }) });
  const CALLS: [string, string, () => object, readonly number[]][] = [
    // viewer, trader, operator, admin
    ['GET', '/v1/orders?accountId=main', () => ({}), [200, 200, 200, 200]],
    ['GET', '/v1/risk?accountId=main', () => ({}), [200, 200, 200, 200]],
    ['POST', '/v1/orders', order, [403, 202, 202, 202]],
    ['PUT', '/v1/prices', () => ({ body: { prices: {} } }), [403, 403, 204, 204]],
    ['GET', '/v1/tokens', () => ({}), [403, 403, 403, 200]],
    ['POST', '/v1/tokens', () => ({ body: { name: 'x', role: 'viewer' } }), [403, 403, 403, 201]],
    ['POST', '/v1/accounts', () => ({ body: { id: 'second' } }), [403, 403, 403, 409]],
  ];
  test.each(CALLS)('%s %s', async (method, path, options, expected) => {
    const statuses = [];
    for (const role of ['viewer', 'trader', 'operator', 'admin']) {
      const answer = await api.send(method, path, { ...options(), token: tokens[role]! });
      statuses.push(answer.status);
      if (answer.status === 403) expect(answer.json.code).toBe('FORBIDDEN');
    }
    expect(statuses).toEqual(expected);
  });
});

describe('what a token is bound to', () => {
  test('the account it is bound to is the default; every other one is not there', async () => {
    const placed = await api.send('POST', '/v1/orders', { body: goodOrder(), token: tokens['ofSecond']! });
    expect(placed.json.accountId).toBe('second');
    for (const accountId of ['main', 'nobody']) {
      const answer = await api.send('GET', `/v1/orders?accountId=${accountId}`, {
        token: tokens['ofSecond']!,
      });
      expect(answer.status).toBe(404);
    }
    const foreign = await api.send('GET', `/v1/orders/${orderOfAlpha}`, { token: tokens['ofSecond']! });
    expect(foreign.status).toBe(404);
    const accounts = await api.send('GET', '/v1/accounts', { token: tokens['ofSecond']! });
    expect(accounts.json.items.map(({ id }: { id: string }) => id)).toEqual(['second']);
  });

  test('with several accounts and no binding, the account must be named', async () => {
    const answer = await api.send('POST', '/v1/orders', { body: goodOrder() });
    expect(answer.status).toBe(400);
    expect(answer.json.code).toBe('ACCOUNT_REQUIRED');
  });

  test('a token of a strategy places for it without naming it, and for no other', async () => {
    const placed = await api.send('POST', '/v1/orders', { body: goodOrder(), token: tokens['alpha']! });
    expect(placed.status).toBe(202);
    expect(placed.json.strategyId).toBe('alpha');
    const other = await api.send('POST', '/v1/orders', {
      body: goodOrder({ strategyId: 'beta' }),
      token: tokens['alpha']!,
    });
    expect(other.status).toBe(403);
  });

  test('a token of a strategy sees its orders alone', async () => {
    const list = await api.send('GET', '/v1/orders', { token: tokens['alpha']! });
    expect(new Set(list.json.items.map((o: { strategyId: string }) => o.strategyId))).toEqual(
      new Set(['alpha']),
    );
    expect((await api.send('GET', `/v1/orders/${orderOfAlpha}`, { token: tokens['alpha']! })).status).toBe(
      200,
    );
    expect((await api.send('GET', `/v1/orders/${orderOfBeta}`, { token: tokens['alpha']! })).status).toBe(
      404,
    );
    expect((await api.send('GET', '/v1/orders?strategyId=beta', { token: tokens['alpha']! })).status).toBe(
      403,
    );
    const strategies = await api.send('GET', '/v1/strategies', { token: tokens['alpha']! });
    expect(strategies.json.items.map(({ id }: { id: string }) => id)).toEqual(['alpha']);
  });

  test('an admin of one account makes neither tokens nor accounts', async () => {
    const token = tokens['adminOfSecond']!;
    expect((await api.send('POST', '/v1/tokens', { token, body: { name: 'x', role: 'admin' } })).status).toBe(
      403,
    );
    expect((await api.send('POST', '/v1/accounts', { token, body: { id: 'third' } })).status).toBe(403);
  });
});

describe('orders by id', () => {
  test.each([
    ['a random UUID', '01234567-89ab-7def-8123-456789abcdef', 404],
    ['no UUID', 'not-a-uuid', 400],
    ['SQL', "'%20or%201=1", 400],
    ['a UUID and more', '01234567-89ab-7def-8123-456789abcdef0', 400],
  ])('%s', async (_, id, status) => {
    const answer = await api.get(`/v1/orders/${id}?accountId=main`);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });
});

describe('the limit of requests', () => {
  test('counts by token in minutes, and says when to come back', async () => {
    const clock = fakeClock('2026-11-23T10:00:00+05:30');
    const app = api.appWith({ clock, rateLimitPerMinute: 3 });
    const use = (token: string) => api.send('GET', '/v1/orders?accountId=main', { app, token });
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await use(tokens['viewer']!)).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    clock.advance(20_500);
    const refused = await use(tokens['viewer']!);
    expect(refused.json.code).toBe('RATE_LIMITED');
    expect(refused.headers.get('retry-after')).toBe('40');
    expect((await use(tokens['operator']!)).status).toBe(200);
    clock.advance(39_500);
    expect((await use(tokens['viewer']!)).status).toBe(200);
  });
});

describe('opening accounts', () => {
  test('writes the row and the first entry of its journal', async () => {
    const answer = await api.send('POST', '/v1/accounts', { body: { id: 'fresh', capital: 250000.5 } });
    expect(answer.status).toBe(201);
    expect(answer.json).toMatchObject({
      id: 'fresh',
      name: 'fresh',
      capital: '250000.50',
      tradingState: 'ACTIVE',
    });
    const entries = await api.sql(`select seq, kind, actor from journal where account_id = 'fresh'`);
    expect(entries).toEqual([{ seq: '1', kind: 'AccountOpened', actor: 'api:admin' }]);
  });

  test.each([
    ['an id in capitals', { id: 'Main' }, 400],
    ['no id', {}, 400],
    ['capital below zero', { id: 'x1', capital: '-1' }, 400],
    ['the system account', { id: 'system' }, 409],
    ['one that exists', { id: 'second' }, 409],
  ])('%s is refused', async (_, body, status) => {
    expect((await api.send('POST', '/v1/accounts', { body })).status).toBe(status);
  });
});
