/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment,
   @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call -- answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENDPOINTS } from '../../../src/api/endpoints.ts';
import { type ReplayEntry, foldOrders } from '../../../src/domain/replay.ts';
import { fill, placeAtBroker } from './fills.ts';
import { type ApiFixture, type SendOptions, goodOrder, startApiFixture } from './support.ts';

let api: ApiFixture;
let operator: { id: string; token: string };

beforeAll(async () => {
  api = await startApiFixture();
  operator = (await api.send('POST', '/v1/tokens', { body: { name: 'anita', role: 'admin' } })).json;
});
afterAll(() => api.close());

const reason = 'a test of the journal';

async function placed(changes: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const body = goodOrder({ accountId: 'main', ...changes });
  const answer = await api.send('POST', '/v1/orders', { body });
  expect(answer.status, answer.text).toBe(202);
  return answer.json.id;
}

async function inDoubt(): Promise<string> {
  const id = await placed();
  await api.sql(
    `update orders set status = 'UNKNOWN', attempt = 1, attempt_tag = $2, claimed_at = now(), send_by = now(),
      next_step_at = null, margin_per_unit = 100, opening_quantity = quantity where id = $1`,
    [id, `T${id.replaceAll('-', '').slice(-19)}`],
  );
  await api.sql(
    `insert into order_attempts (account_id, order_id, attempt, tag, claimed_at, not_before, send_by, claim_id, outcome)
     values ('main', $1, 1, $2, now(), now(), now(), $1, 'UNKNOWN')`,
    [id, `T${id.replaceAll('-', '').slice(-19)}`],
  );
  return id;
}

async function held(symbol: string): Promise<void> {
  const terms = { symbol, price: '1500', stopLoss: '1490', takeProfit: '1530' };
  await fill(api, await placeAtBroker(api, terms), 10, '1500');
}

async function alertId(): Promise<string> {
  const id = api.context.newId();
  await api.context.withAccount({
    accountId: 'main',
    actor: 'test',
    needs: { openAlerts: true },
    run: (view) =>
      view.raiseAlert({
        ...{ id, orderId: null, condition: `test:${id}`, severity: 'WARNING', type: 'TEST' },
        ...{ message: 'look', details: {} },
      }),
  });
  return id;
}

let names = 0;
const fresh = () => `made-${(names += 1)}`;
const hook = () => {
  const name = fresh();
  return { name, strategyId: name, instruments: ['NSE:INFY'], maxQuantity: 10 };
};

/** One call of every endpoint that changes something. */
const CALLS: Readonly<Record<string, () => Promise<readonly [string, SendOptions]>>> = {
  'POST /v1/orders': async () => ['/v1/orders', { body: goodOrder() }],
  'PATCH /v1/orders/{id}': async () => [`/v1/orders/${await placed()}`, { body: { quantity: 11 } }],
  'DELETE /v1/orders/{id}': async () => [`/v1/orders/${await placed()}`, {}],
  'POST /v1/orders/{id}/resolve': async () => [
    `/v1/orders/${await inDoubt()}/resolve`,
    { body: { decision: 'neverPlaced', reason } },
  ],
  'POST /v1/reconciliations': async () => ['/v1/reconciliations', {}],
  'POST /v1/positions/{exchange}/{symbol}/adjust': async () => [
    '/v1/positions/NSE/RELIANCE/adjust',
    { body: { product: 'MIS', quantity: (names += 1), price: '2400', reason } },
  ],
  'PUT /v1/prices': async () => ['/v1/prices', { body: { prices: { 'NSE:RELIANCE': '2450' } } }],
  'PUT /v1/trading-state': async () => ['/v1/trading-state', { body: { state: 'REDUCING', reason } }],
  'POST /v1/flatten': async () => {
    await held('INFY');
    return ['/v1/flatten', { body: { symbol: 'INFY', exchange: 'NSE' } }];
  },
  'POST /v1/positions/{exchange}/{symbol}/close': async () => {
    await held('M&M');
    return ['/v1/positions/NSE/M%26M/close', { body: { quantity: 1 } }];
  },
  'PUT /v1/limits': async () => ['/v1/limits', { body: { limits: { MAX_POSITIONS: '4' }, reason } }],
  'POST /v1/alerts/{id}/acknowledge': async () => [`/v1/alerts/${await alertId()}/acknowledge`, {}],
  'POST /v1/strategies': async () => ['/v1/strategies', { body: { id: fresh(), reason } }],
  'PATCH /v1/strategies/{id}': async () => {
    await placed({ strategyId: 'alpha' });
    return ['/v1/strategies/alpha', { body: { enabled: false, reason } }];
  },
  'POST /v1/accounts': async () => ['/v1/accounts', { body: { id: fresh() } }],
  'POST /v1/tokens': async () => ['/v1/tokens', { body: { name: 'made', role: 'viewer' } }],
  'DELETE /v1/tokens/{id}': async () => {
    const { json } = await api.send('POST', '/v1/tokens', { body: { name: 'gone', role: 'viewer' } });
    return [`/v1/tokens/${json.id as string}`, {}];
  },
  'POST /v1/hooks': async () => ['/v1/hooks', { body: hook() }],
  'DELETE /v1/hooks/{id}': async () => {
    const { json } = await api.send('POST', '/v1/hooks', { body: hook() });
    return [`/v1/hooks/${json.id as string}`, {}];
  },
  'POST /v1/queues/{name}/pause': async () => ['/v1/queues/alert/pause', { body: { reason } }],
  'POST /v1/queues/{name}/resume': async () => ['/v1/queues/alert/resume', { body: { reason } }],
};
/** A preview changes nothing; the other two need a broker or a failed job, and go through the same door. */
const NOT_HERE = [
  'POST /v1/orders/preview',
  'POST /v1/reconciliations/{id}/differences/{n}/approve',
  'POST /v1/queues/{name}/jobs/{id}/retry',
];

describe('who did what', () => {
  test('every call that changes something is here', () => {
    const writes = ENDPOINTS.filter(({ method }) => method !== 'get');
    const known = [...Object.keys(CALLS), ...NOT_HERE].sort();
    expect(writes.map(({ method, path }) => `${method.toUpperCase()} ${path}`).sort()).toEqual(known);
  });

  test.each(Object.entries(CALLS))(
    '%s is in the journal with who, from where and in which request',
    async (name, make) => {
      const [path, options] = await make();
      const requestId = `request-${(names += 1)}`;
      const url =
        path.includes('/v1/accounts') || path.includes('/v1/tokens') ? path : `${path}?accountId=main`;
      const withAccount = /prices|queues/.test(path) ? path : url;
      const answer = await api.send(name.split(' ')[0]!, withAccount, {
        ...options,
        token: operator.token,
        headers: { 'x-request-id': requestId },
      });
      expect(answer.status, answer.text).toBeLessThan(300);
      expect(answer.headers.get('x-request-id')).toBe(requestId);
      const entries = await api.sql<{ actor: string; data: string }>(
        `select actor, data from journal where data::json->'origin'->>'requestId' = $1 order by account_id, seq`,
        [requestId],
      );
      expect(entries.length).toBeGreaterThan(0);
      // What an operation begins at once, the process does for whoever asked.
      expect(entries[0]!.actor).toBe('api:anita');
      for (const { data } of entries) {
        expect(JSON.parse(data).origin).toEqual({ tokenId: operator.id, ip: null, requestId });
      }
    },
  );

  test('is no term of an order to whoever replays the journal', async () => {
    const rows = await api.sql<ReplayEntry>(
      `select account_id as "accountId", seq::int, at, kind, entity, data from journal
       where kind = 'OrderAccepted' and data like '%"origin"%'`,
    );
    expect(rows.length).toBeGreaterThan(0);
    for (const order of foldOrders(rows).values()) expect(order).not.toHaveProperty('origin');
  });

  test('before and after stand beside what a person decided', async () => {
    const ofKind = async (kind: string) => {
      const { json } = await api.get(`/v1/journal?accountId=main&kind=${kind}`);
      return json.items[0].data;
    };
    expect(await ofKind('OrderResolved')).toMatchObject({
      before: { status: 'UNKNOWN' },
      after: { status: 'REJECTED' },
    });
    expect(await ofKind('StrategyDisabled')).toMatchObject({
      before: { enabled: true },
      after: { enabled: false, disabledReason: reason },
    });
    expect(await ofKind('AlertAcknowledged')).toMatchObject({
      before: { acknowledgedBy: null },
      after: { acknowledgedBy: 'api:anita' },
    });
    expect(await ofKind('LimitChanged')).toMatchObject({ before: null, after: { value: '4' } });
  });
});

describe('GET /v1/journal', () => {
  const list = async (query: string, token?: string) => {
    const answer = await api.send('GET', `/v1/journal?${query}`, token === undefined ? {} : { token });
    expect(answer.status, answer.text).toBe(200);
    return answer.json as {
      items: { seq: number; event: string; actor: string; at: string }[];
      nextCursor: string | null;
    };
  };

  test('is every entry once, newest first, whatever is added while it is read', async () => {
    const all = await api.sql<{ seq: string }>(
      `select seq from journal where account_id = 'main' order by seq desc`,
    );
    const seen: number[] = [];
    let cursor: string | null = null;
    do {
      const page = await list(`accountId=main&limit=7${cursor === null ? '' : `&cursor=${cursor}`}`);
      seen.push(...page.items.map(({ seq }) => seq));
      cursor = page.nextCursor;
      await placed();
    } while (cursor !== null);
    expect(seen).toEqual(all.map(({ seq }) => Number(seq)));
  });

  test('finds by who, what, about what and when', async () => {
    const id = await placed();
    const mine = await list(`accountId=main&entity=${id}`);
    expect(mine.items.map(({ event }) => event)).toEqual(['OrderAccepted']);
    expect(
      (await list('accountId=main&actor=api:anita')).items.every(({ actor }) => actor === 'api:anita'),
    ).toBe(true);
    const { at } = mine.items[0]!;
    const from = await list(`accountId=main&from=${encodeURIComponent(at)}`);
    expect(from.items.map(({ at }) => at).every((one) => one >= at)).toBe(true);
    const to = await list(`accountId=main&entity=${id}&to=${encodeURIComponent(at)}`);
    expect(to.items).toEqual([]);
  });

  test('of the system is for an admin who is bound to no account', async () => {
    const found = await list('accountId=system&kind=TokenCreated', operator.token);
    expect(found.items.length).toBeGreaterThan(0);
    const made = async (body: object) =>
      (await api.send('POST', '/v1/tokens', { body: { name: 'other', ...body } })).json.token as string;
    for (const body of [{ role: 'operator' }, { role: 'admin', accountId: 'main' }]) {
      const answer = await api.send('GET', '/v1/journal?accountId=system', { token: await made(body) });
      expect(answer.status).toBe(404);
    }
    expect((await api.send('GET', '/v1/journal', { token: await made({ role: 'trader' }) })).status).toBe(
      403,
    );
  });

  test('from where a person acted is told there alone: neither streams nor timelines say it', async () => {
    const id = await placed();
    expect((await api.get(`/v1/orders/${id}?accountId=main`)).text).not.toContain('"origin"');
  });
});

describe('POST /v1/strategies', () => {
  test('makes one before its first order, with the limits it starts with', async () => {
    const body = {
      id: 'small',
      name: 'Small start',
      limits: { MAX_QUANTITY_PER_ORDER: '5' },
      reason,
      accountId: 'main',
    };
    const made = await api.send('POST', '/v1/strategies', { body });
    expect(made.status, made.text).toBe(201);
    expect(made.json).toMatchObject({
      ...{ id: 'small', name: 'Small start', enabled: true, tradingState: 'ACTIVE' },
      limits: { MAX_QUANTITY_PER_ORDER: { value: '5', reason } },
    });
    const preview = await api.send('POST', '/v1/orders/preview', {
      body: goodOrder({ strategyId: 'small', accountId: 'main', quantity: 6 }),
    });
    const check = preview.json.checks.find((one: { check: string }) => one.check === 'QUANTITY_LIMITS');
    expect(check).toMatchObject({ verdict: 'FAIL', limit: '5' });
    const again = await api.send('POST', '/v1/strategies', { body });
    expect([again.status, again.json.code]).toEqual([409, 'STRATEGY_EXISTS']);
  });

  test('may be disabled from the start, and with a bad limit there is none', async () => {
    const off = { id: 'off', enabled: false, reason, accountId: 'main' };
    expect((await api.send('POST', '/v1/strategies', { body: off })).json).toMatchObject({
      enabled: false,
      disabledReason: reason,
    });
    const bad = { id: 'bad', limits: { MAX_POSITIONS: '4', NO_SUCH: '1' }, reason, accountId: 'main' };
    const refused = await api.send('POST', '/v1/strategies', { body: bad });
    expect(refused.status).toBe(422);
    expect(refused.json.errors).toMatchObject([{ pointer: '/limits/NO_SUCH', code: 'UNKNOWN_LIMIT' }]);
    expect(await api.sql(`select 1 from strategies where id = 'bad'`)).toEqual([]);
    expect(await api.sql(`select 1 from journal where entity = 'bad'`)).toEqual([]);
  });
});
