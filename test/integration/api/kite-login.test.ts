/* eslint-disable @typescript-eslint/no-unsafe-member-access -- answers are JSON, looked into freely */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type BrokerLogin, brokerLoginUrl } from '../../../src/api/kite-login.ts';
import { isPostbackSigned, kiteLoginUrl } from '../../../src/broker/kite/login.ts';
import { createSealer } from '../../../src/lib/sealer.ts';
import { createBrokerSessions } from '../../../src/services/broker-session.ts';
import { type FakeClock, fakeClock } from '../../../src/time/clock.ts';
import { ADMIN_TOKEN, type ApiFixture, startApiFixture } from './support.ts';

const sealer = createSealer(Buffer.alloc(32, 5));
const TOKEN = 'canary-access-token-of-today';

let api: ApiFixture;
let app: OpenAPIHono;
let clock: FakeClock;
let brokerUser: string;
let exchanged: string[];

const login: BrokerLogin = {
  ...{ broker: 'kite', apiKey: 'key', sealer },
  url: (state) => kiteLoginUrl('key', state),
  exchange: async (requestToken) => {
    exchanged.push(requestToken);
    if (requestToken === 'bad') throw new Error(`no: ${requestToken}`);
    return { brokerUser, accessToken: TOKEN };
  },
  isPostbackSigned: (of) => isPostbackSigned(of, 'secret'),
};

beforeAll(async () => {
  api = await startApiFixture();
});
afterAll(() => api.close());
beforeEach(async () => {
  clock = fakeClock('2026-11-23T09:00:00+05:30');
  app = api.appWith({ brokerLogin: login, clock });
  brokerUser = 'AB1234';
  exchanged = [];
  await api.sql('delete from broker_sessions');
});

const begin = async (token = ADMIN_TOKEN) => {
  const begun = await api.send('GET', '/kite/login?accountId=main', { app, token });
  expect(begun.status, begun.text).toBe(200);
  const params = new URL(begun.json.url as string).searchParams.get('redirect_params')!;
  return new URLSearchParams(params).get('state')!;
};
const end = (state: string, changes: Readonly<Record<string, string>> = {}) => {
  const query = { action: 'login', status: 'success', request_token: 'request1', state, ...changes };
  return api.send('GET', `/kite/callback?${new URLSearchParams(query).toString()}`, { app, token: null });
};
const sessionsOf = (key = sealer) =>
  createBrokerSessions({
    ...{
      ...api.context,
      sealer: key,
      apiKey: 'key',
      fallback: null,
      clock,
      log: api.context.log,
      actor: 'test',
    },
  });

describe('the daily login', () => {
  test('ends with a session that is encrypted, in the journal without its token, and read by every process', async () => {
    const done = await end(await begin());
    expect(done.status, done.text).toBe(200);
    expect(exchanged).toEqual(['request1']);
    const [row] = await api.sql('select * from broker_sessions');
    expect(row).toMatchObject({
      account_id: 'main',
      broker_user: 'AB1234',
      status: 'LIVE',
      key_id: sealer.keyId,
    });
    expect(await sessionsOf().token('main')).toBe(TOKEN);
    const entries = await api.sql<{ actor: string; data: string }>(
      `select actor, data from journal where kind = 'BrokerSessionOpened' order by seq desc limit 1`,
    );
    expect(entries[0]!.actor).toBe('api:admin');
    expect(entries[0]!.data).toContain('"tokenId":"admin"');
    expect(entries[0]!.data).toContain('2026-11-24T06:00:00.000+05:30');
    for (const table of ['broker_sessions', 'journal', 'alerts']) {
      expect(JSON.stringify(await api.sql(`select * from ${table}`))).not.toContain(TOKEN);
    }
    expect(done.text + JSON.stringify(api.log)).not.toContain(TOKEN);
    expect(api.jobs.some(({ queue }) => queue === 'poll')).toBe(true);
  });

  test('sends a browser to the broker, and one that nobody knows to the login first', async () => {
    const headers = { accept: 'text/html' };
    const known = await api.send('GET', '/kite/login', { app, headers });
    expect(known.status).toBe(302);
    expect(known.headers.get('location')).toMatch(/^https:\/\/kite\.zerodha\.com\/connect\/login\?/);
    const stranger = await api.send('GET', '/kite/login', { app, headers, token: null });
    expect(stranger.headers.get('location')).toBe('/login?next=/kite/login');
  });

  test('is for operators, and there is none on paper', async () => {
    const made = await api.send('POST', '/v1/tokens', { body: { name: 'trades', role: 'trader' } });
    const refused = await api.send('GET', '/kite/login', { app, token: made.json.token as string });
    expect(refused.json.code).toBe('FORBIDDEN');
    for (const path of ['/kite/login', '/kite/callback']) expect((await api.get(path)).status).toBe(404);
  });

  test('can begin in the chat, whose operators have no cookie, and is theirs in the journal', async () => {
    const who = { id: api.context.newId(), accountId: 'main', tokenId: 'telegram', actor: 'telegram' };
    const url = new URL(brokerLoginUrl(login, { ...who, now: clock.now() }));
    const state = new URLSearchParams(url.searchParams.get('redirect_params')!).get('state')!;
    expect((await end(state)).status).toBe(200);
    const [entry] = await api.sql<{ actor: string }>(
      `select actor from journal where kind = 'BrokerSessionOpened' order by seq desc limit 1`,
    );
    expect(entry).toEqual({ actor: 'telegram' });
  });

  test('takes nothing that was not begun here: forged, changed, late, or a second time', async () => {
    const state = await begin();
    const [text = '', signature = ''] = state.split('.');
    const other = Buffer.from(JSON.stringify({ accountId: 'other', untilMs: 9e15 })).toString('base64url');
    for (const forged of ['', 'x', text, `${text}.`, `${other}.${signature}`, `${text}.${signature}x`]) {
      expect([forged, (await end(forged)).json.code]).toEqual([forged, 'FORBIDDEN']);
    }
    expect((await end(state)).status).toBe(200);
    expect((await end(state)).json.code).toBe('FORBIDDEN');
    const late = await begin();
    clock.advance(10 * 60_000 + 1);
    expect((await end(late)).json.code).toBe('FORBIDDEN');
    expect(exchanged).toEqual(['request1']);
  });

  test('that the broker did not take, or of another user, changes nothing', async () => {
    const changed: Readonly<Record<string, string>>[] = [
      { status: 'failure' },
      { request_token: '' },
      { request_token: 'bad' },
      { request_token: 'a b' },
    ];
    for (const changes of changed) {
      const refused = await end(await begin(), changes);
      expect(refused.json.code).toBe('LOGIN_REFUSED');
      expect(refused.text).not.toContain('bad');
    }
    expect(await api.sql('select 1 from broker_sessions')).toEqual([]);
    expect((await end(await begin())).status).toBe(200);
    brokerUser = 'ZZ9999';
    expect((await end(await begin())).json.code).toBe('LOGIN_REFUSED');
    expect(await api.sql('select broker_user from broker_sessions')).toEqual([{ broker_user: 'AB1234' }]);
  });
});

describe('the session', () => {
  test('is over at 06:00 in India', async () => {
    await end(await begin());
    clock.setNow('2026-11-24T05:59:59+05:30');
    clock.advance(0);
    expect(await sessionsOf().token('main')).toBe(TOKEN);
    clock.setNow('2026-11-24T06:00:00+05:30');
    expect(await sessionsOf().token('main')).toBe('');
  });

  test('opens for its account and with its key alone', async () => {
    await end(await begin());
    expect(await sessionsOf(createSealer(Buffer.alloc(32, 6))).token('main')).toBe('');
    expect(JSON.stringify(api.log)).toContain('log in again');
    await api.sql(
      `insert into accounts (id, name, capital) values ('second', 'Second', 1) on conflict do nothing`,
    );
    await api.sql(`update broker_sessions set account_id = 'second'`);
    expect(await sessionsOf().token('second')).toBe('');
  });

  test('that the broker refuses is used no more, and a newer one is not ended with it', async () => {
    await end(await begin());
    const [one, other] = [sessionsOf(), sessionsOf()];
    expect([await one.token('main'), await other.token('main')]).toEqual([TOKEN, TOKEN]);
    await one.refused('main', 'another token');
    expect(await api.sql('select status from broker_sessions')).toEqual([{ status: 'LIVE' }]);
    await one.refused('main', TOKEN);
    await other.refused('main', TOKEN);
    expect(await one.token('main')).toBe('');
    expect(await api.sql('select status, access_token_encrypted from broker_sessions')).toEqual([
      { status: 'EXPIRED', access_token_encrypted: null },
    ]);
    const ended = await api.sql(`select 1 from journal where kind = 'BrokerSessionEnded'`);
    expect(ended).toHaveLength(1);
    await end(await begin());
    clock.advance(1001);
    expect(await one.token('main')).toBe(TOKEN);
  });
});

describe('a postback', () => {
  const ORDER = { order_id: '220303000308932', order_timestamp: '2022-03-03 09:24:25', user_id: 'AB1234' };
  const signed = (of: Readonly<Record<string, unknown>> = {}) => ({
    ...ORDER,
    status: 'COMPLETE',
    checksum: createHash('sha256').update(`${ORDER.order_id}${ORDER.order_timestamp}secret`).digest('hex'),
    ...of,
  });
  const post = (body: unknown) => api.send('POST', '/kite/postback', { app, token: null, body });
  const books = () => api.sql('select seq from accounts order by id');

  test('is a hint to read again: nothing of what it says is believed, also when it comes twice', async () => {
    await end(await begin());
    const [before, jobs] = [await books(), api.jobs.length];
    for (const body of [signed(), signed({ status: 'REJECTED', filled_quantity: 1_000_000 }), signed()]) {
      expect((await post(body)).status).toBe(200);
    }
    expect(await books()).toEqual(before);
    expect(api.jobs.slice(jobs).every(({ queue }) => queue === 'poll')).toBe(true);
  });

  test('with a wrong checksum, about somebody else, of a wrong form or size is refused and leaves no trace', async () => {
    await end(await begin());
    const [before, jobs] = [await books(), api.jobs.length];
    for (const [body, status] of [
      [signed({ checksum: 'f'.repeat(64) }), 401],
      [signed({ checksum: '' }), 400],
      [signed({ order_id: 220303000308932 }), 400],
      [signed({ order_timestamp: '2022-03-03 09:24:26' }), 401],
      [signed({ user_id: 'ZZ9999' }), 401],
      [[], 400],
      [null, 400],
      [signed({ padding: 'x'.repeat(70_000) }), 413],
    ] as const) {
      const refused = await post(body);
      expect([JSON.stringify(body).slice(0, 200), refused.status]).toEqual([
        JSON.stringify(body).slice(0, 200),
        status,
      ]);
    }
    const bytes = await api.send('POST', '/kite/postback', {
      app,
      token: null,
      raw: new Uint8Array([255, 254]),
    });
    expect(bytes.json.code).toBe('BAD_JSON');
    expect(await books()).toEqual(before);
    expect(api.jobs).toHaveLength(jobs);
    expect(api.brokerCalls).toEqual([]);
  });
});
