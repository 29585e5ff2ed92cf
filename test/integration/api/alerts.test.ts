/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment,
   @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-return -- answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alertSchema } from '../../../src/api/schemas/account.ts';
import { type ApiFixture, goodOrder, startApiFixture } from './support.ts';

let api: ApiFixture;
/** Alerts by what they are about. */
const alerts = { account: '', alpha: '', beta: '', plain: '' };
const tokens: Record<string, string> = {};

beforeAll(async () => {
  api = await startApiFixture();
  const token = async (name: string, role: string, strategyId?: string) => {
    const body = { name, role, accountId: 'main', ...(strategyId === undefined ? {} : { strategyId }) };
    tokens[name] = (await api.send('POST', '/v1/tokens', { body })).json.token;
  };
  const orders: Record<string, string> = {};
  for (const strategyId of ['alpha', 'beta', null]) {
    const body = goodOrder({ strategyId });
    orders[strategyId ?? 'plain'] = (await api.send('POST', '/v1/orders', { body })).json.id;
  }
  alerts.account = await raise(null);
  alerts.alpha = await raise(orders['alpha']!);
  alerts.beta = await raise(orders['beta']!);
  alerts.plain = await raise(orders['plain']!);
  await token('viewer', 'viewer');
  await token('trader', 'trader');
  await token('operator', 'operator');
  await token('alpha', 'operator', 'alpha');
});
afterAll(() => api.close());

async function raise(orderId: string | null, accountId = 'main'): Promise<string> {
  const id = api.context.newId();
  await api.context.withAccount({
    accountId,
    actor: 'test',
    needs: { openAlerts: true },
    run: (view) =>
      view.raiseAlert({
        ...{ id, severity: 'WARNING', type: 'stale_price', message: 'old', details: {}, orderId },
        condition: `test:${id}`,
      }),
  });
  return id;
}

const acknowledge = (id: string, token?: string | null) =>
  api.send('POST', `/v1/alerts/${id}/acknowledge`, token === undefined ? {} : { token });
const journaled = async (id: string) =>
  (
    await api.sql<{ actor: string }>(
      `select actor from journal where account_id = 'main' and kind = 'AlertAcknowledged'
        and data::json ->> 'id' = $1`,
      [id],
    )
  ).map(({ actor }) => actor);

describe('acknowledging an alert', () => {
  test('says who and when, and is in the journal', async () => {
    const { status, json } = await acknowledge(alerts.account, tokens['operator']);
    expect(status).toBe(200);
    expect(() => alertSchema.strict().parse(json)).not.toThrow();
    expect(json).toMatchObject({ id: alerts.account, acknowledgedBy: 'api:operator', clearedAt: null });
    expect(json.acknowledgedAt).toMatch(/\+05:30$/);
    expect(await journaled(alerts.account)).toEqual(['api:operator']);
  });

  test('twenty times at once is the same as once: one entry, and who was first stays', async () => {
    const id = await raise(null);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => acknowledge(id, n % 2 === 0 ? tokens['operator']! : undefined)),
    );
    const later = await acknowledge(id);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const [by] = await journaled(id);
    expect(await journaled(id)).toHaveLength(1);
    const told = [...answers, later].map(({ json }) => `${json.acknowledgedBy} ${json.acknowledgedAt}`);
    expect(new Set(told).size).toBe(1);
    expect(told[0]).toContain(by);
  });

  test('needs an operator', async () => {
    for (const name of ['viewer', 'trader']) {
      expect((await acknowledge(alerts.plain, tokens[name])).status).toBe(403);
    }
    expect((await acknowledge(alerts.plain, null)).status).toBe(401);
    expect(await journaled(alerts.plain)).toEqual([]);
  });

  test("of another strategy's order, or of none, is not there for a token bound to one; its own is", async () => {
    expect((await acknowledge(alerts.beta, tokens['alpha'])).status).toBe(404);
    expect((await acknowledge(alerts.plain, tokens['alpha'])).status).toBe(404);
    expect((await acknowledge(await raise(null), tokens['alpha'])).json.code).toBe('FORBIDDEN');
    expect((await acknowledge(alerts.alpha, tokens['alpha'])).status).toBe(200);
    expect(await journaled(alerts.beta)).toEqual([]);
  });

  test('that does not exist is 404, and what is no id is 400', async () => {
    expect((await acknowledge('00000000-0000-7000-8000-000000000000')).status).toBe(404);
    expect((await acknowledge('nonsense')).json.code).toBe('INVALID_ID');
    expect((await api.get('/v1/alerts/nonsense/acknowledge')).status).toBe(405);
  });
});

describe('alerts of no account', () => {
  let id: string;
  beforeAll(async () => {
    id = await raise(null, 'system');
    for (const [name, role] of [
      ['free-operator', 'operator'],
      ['free-viewer', 'viewer'],
    ] as const) {
      tokens[name] = (await api.send('POST', '/v1/tokens', { body: { name, role } })).json.token;
    }
  });
  const listed = async (path: string, token: string | undefined) => {
    const { status, json } = await api.send('GET', path, token === undefined ? {} : { token });
    return status === 200 ? json.items.map((one: { id: string }) => one.id) : status;
  };

  test('stand among the others, newest first and over pages, or alone, for operators bound to none', async () => {
    for (const token of [undefined, tokens['free-operator']]) {
      const all = await listed('/v1/alerts', token);
      expect(all).toContain(id);
      expect(all).toContain(alerts.account);
      expect(await listed('/v1/alerts?accountId=system', token)).toEqual([id]);
      expect(await listed('/v1/alerts?accountId=main', token)).not.toContain(id);
      const paged: string[] = [];
      let cursor = '';
      do {
        const { json } = await api.get(`/v1/alerts?limit=2${cursor}`);
        paged.push(...(json.items as { id: string }[]).map((one) => one.id));
        cursor = json.nextCursor === null ? '' : `&cursor=${encodeURIComponent(String(json.nextCursor))}`;
      } while (cursor !== '');
      expect(paged).toEqual(all);
    }
  });

  test('are not there for anybody else', async () => {
    for (const name of ['viewer', 'trader', 'operator', 'alpha', 'free-viewer']) {
      expect(await listed('/v1/alerts', tokens[name])).not.toContain(id);
      expect(await listed('/v1/alerts?accountId=system', tokens[name])).toBe(404);
    }
    for (const name of ['operator', 'alpha']) expect((await acknowledge(id, tokens[name])).status).toBe(404);
    expect((await acknowledge(id, tokens['free-viewer'])).status).toBe(403);
  });

  test('are acknowledged by their id, with or without the name of the system', async () => {
    const other = await raise(null, 'system');
    const named = await api.send('POST', `/v1/alerts/${other}/acknowledge?accountId=system`, {
      token: tokens['free-operator']!,
    });
    expect(named.json).toMatchObject({ accountId: 'system', acknowledgedBy: 'api:free-operator' });
    expect((await acknowledge(id)).json).toMatchObject({ id, accountId: 'system' });
    expect(await listed('/v1/alerts?accountId=system&acknowledged=false', undefined)).toEqual([]);
  });
});

describe('alerts in a list', () => {
  test('are filtered by whether they stand and whether a person has seen them', async () => {
    const ids = async (query: string) =>
      (await api.get(`/v1/alerts?${query}`)).json.items.map(({ id }: { id: string }) => id);
    const cleared = await raise(null);
    await api.context.withAccount({
      accountId: 'main',
      actor: 'test',
      needs: { openAlerts: true },
      run: (view) => view.clearAlert(`test:${cleared}`),
    });
    expect(await ids('open=false')).toEqual([cleared]);
    expect(await ids('open=true')).not.toContain(cleared);
    expect(await ids('acknowledged=true')).toContain(alerts.alpha);
    expect(await ids('acknowledged=false')).not.toContain(alerts.alpha);
    expect((await api.get('/v1/alerts?open=yes')).status).toBe(400);
  });

  test('come with how each channel stands', async () => {
    await api.sql(
      `insert into alert_deliveries (account_id, alert_id, channel, state, attempts, last_error, delivered_at)
        values ('main', $1, 'log', 'DELIVERED', 1, null, '2026-11-23T09:15:00Z'),
          ('main', $1, 'webhook', 'FAILED', 14, 'the receiver answered 500', null)`,
      [alerts.beta],
    );
    const { json } = await api.get('/v1/alerts');
    const found = json.items.find(({ id }: { id: string }) => id === alerts.beta);
    expect(() => alertSchema.strict().parse(found)).not.toThrow();
    expect(found.deliveries).toEqual([
      {
        channel: 'log',
        state: 'DELIVERED',
        attempts: 1,
        lastError: null,
        messageId: null,
        deliveredAt: '2026-11-23T14:45:00.000+05:30',
      },
      {
        channel: 'webhook',
        state: 'FAILED',
        attempts: 14,
        lastError: 'the receiver answered 500',
        messageId: null,
        deliveredAt: null,
      },
    ]);
  });
});
