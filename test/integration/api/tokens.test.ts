/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment,
   @typescript-eslint/no-unsafe-call -- answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningApi, startApi } from '../../../src/api/start-api.ts';
import { createToken } from '../../../src/services/create-token.ts';
import { touchToken } from '../../../src/services/read-token.ts';
import { eventually } from '../../support/wait.ts';
import { openSse } from './sse.ts';
import { ADMIN_TOKEN, type ApiFixture, feedOf, startApiFixture } from './support.ts';

let api: ApiFixture;
let server: RunningApi & { stop(): Promise<void> };

beforeAll(async () => {
  api = await startApiFixture();
  // The periodic look at the token is far away: what ends a stream here is the journal.
  const events = feedOf(api.context, { lookMs: 5, recheckMs: 3_600_000 });
  const running = await startApi({ app: api.appWith({ events }), host: '127.0.0.1', port: 0 });
  server = {
    ...running,
    stop: () => {
      events.close();
      return running.close();
    },
  };
});
afterAll(async () => {
  await server.stop();
  await api.close();
});

const make = async (changes: Readonly<Record<string, unknown>> = {}) => {
  const made = await api.send('POST', '/v1/tokens', { body: { name: 'one', role: 'viewer', ...changes } });
  expect(made.status, made.text).toBe(201);
  return made.json as { id: string; token: string };
};
const use = (token: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${server.url}/v1/orders`, { headers: { authorization: `Bearer ${token}`, ...headers } });

describe('a revoked token', () => {
  test('is refused by every process from the next request on; twice is the same as once', async () => {
    const { id, token } = await make();
    expect((await use(token)).status).toBe(200);
    const revoked = await api.send('DELETE', `/v1/tokens/${id}`);
    expect(revoked.status, revoked.text).toBe(200);
    expect(revoked.json).toMatchObject({ id, name: 'one', revokedAt: expect.any(String) });
    expect((await use(token)).status).toBe(401);
    expect((await api.send('GET', '/v1/orders', { token })).status).toBe(401);
    expect((await api.send('DELETE', `/v1/tokens/${id}`)).json).toEqual(revoked.json);
    const entries = await api.sql(
      `select kind, actor from journal where account_id = 'system' and entity = $1 order by seq`,
      [id],
    );
    expect(entries).toEqual([
      { kind: 'TokenCreated', actor: 'api:admin' },
      { kind: 'TokenRevoked', actor: 'api:admin' },
    ]);
  });

  test('loses its streams at once, also where another process revoked it; others go on', async () => {
    const [ends, stays] = [await make(), await make()];
    const open = async (token: string) => {
      const stream = await openSse(`${server.url}/v1/events`, { authorization: `Bearer ${token}` });
      expect(stream.response.status).toBe(200);
      await stream.next();
      return stream;
    };
    const [ended, going] = [await open(ends.token), await open(stays.token)];
    await api.send('DELETE', `/v1/tokens/${ends.id}`);
    const last = await ended.next();
    expect(last).toMatchObject({ event: 'end', data: expect.stringContaining('UNAUTHENTICATED') });
    await api.context.withAccount({
      accountId: 'main',
      actor: 'test',
      needs: {},
      run: (view) => view.note('Tested', 'x', {}),
    });
    expect(await going.next()).toMatchObject({ event: null, data: expect.stringContaining('Tested') });
    await going.cancel();
  });

  test('that never was is 404', async () => {
    expect((await api.send('DELETE', '/v1/tokens/01234567-89ab-7def-8123-456789abcdef')).status).toBe(404);
    expect((await api.send('DELETE', '/v1/tokens/x')).status).toBe(400);
  });
});

describe('where a token may be used from', () => {
  test('only from its addresses, whatever a header says; elsewhere it is as unknown as any other text', async () => {
    const here = await make({ allowedFrom: ['10.0.0.0/8', '127.0.0.0/8'] });
    const elsewhere = await make({ allowedFrom: ['10.0.0.0/8', '2001:db8::/32'] });
    expect((await use(here.token)).status).toBe(200);
    const refused = await use(elsewhere.token, { 'x-forwarded-for': '10.0.0.1', forwarded: 'for=10.0.0.1' });
    expect(refused.status).toBe(401);
    expect(await refused.text()).toBe(await (await use('nobody-knows-this-one')).text());
  });

  test.each([[[]], [['10.0.0.0/33']], [['example.org']], [['']], ['10.0.0.1'], [[1]]])(
    'not from %j',
    async (allowedFrom) => {
      const body = { name: 'bad', role: 'viewer', allowedFrom };
      expect((await api.send('POST', '/v1/tokens', { body })).status).toBe(400);
    },
  );
});

describe('what is kept of a token', () => {
  test('when and from where it was used last, at most once a minute', async () => {
    const { id, token } = await make();
    await use(token);
    const shown = async () => {
      const { json } = await api.get('/v1/tokens?limit=500');
      return json.items.find((one: { id: string }) => one.id === id) as Record<string, unknown>;
    };
    const first = await eventually(
      async () => {
        const now = await shown();
        expect(now['lastUsedFrom']).toBe('127.0.0.1');
        return now;
      },
      { what: 'the first use' },
    );
    // Another process notes it as well, too soon and then in time.
    await touchToken(api.db, id, '10.1.1.1');
    expect(await shown()).toEqual(first);
    await api.sql(`update api_tokens set last_used_at = last_used_at - interval '61 s' where id = $1`, [id]);
    await touchToken(api.db, id, '10.1.1.1');
    expect(await shown()).toMatchObject({ lastUsedFrom: '10.1.1.1' });
  });

  test('never the text: it is in the answer that made it, and nowhere else', async () => {
    const { id, token } = await make({ allowedFrom: ['::1'] });
    const list = await api.get('/v1/tokens?limit=500');
    expect(list.text).toContain(id);
    expect(list.text).not.toContain(token);
    expect(list.text).not.toMatch(/hash/i);
    const stored = JSON.stringify([
      await api.sql('select * from api_tokens'),
      await api.sql('select * from journal'),
      api.log,
    ]);
    expect(stored).not.toContain(token);
    expect(stored).not.toContain(ADMIN_TOKEN);
  });

  test('row and journal entry are one transaction: neither is there without the other', async () => {
    const { id } = await make();
    const [row] = await api.sql(
      `select (select xmin::text from api_tokens where id = $1) as token,
        (select xmin::text from journal where entity = $1::text and kind = 'TokenCreated') as entry`,
      [id],
    );
    expect(row!['token']).toBe(row!['entry']);
    const before = await api.sql('select count(*) from api_tokens');
    const broken = { ...api.context, newId: () => 'not-a-uuid' };
    const wanted = { name: 'x', role: 'viewer', accountId: null, strategyId: null } as const;
    await expect(createToken(broken, { ...wanted, actor: 'test', allowedFrom: null })).rejects.toThrow();
    expect(await api.sql('select count(*) from api_tokens')).toEqual(before);
    expect(await api.sql(`select 1 from journal where entity = 'not-a-uuid'`)).toEqual([]);
  });
});
