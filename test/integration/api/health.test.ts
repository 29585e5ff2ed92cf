/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment,
   @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-argument -- answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { databaseProbes } from '../../../src/api/database-probes.ts';
import type { Probe } from '../../../src/api/health.ts';
import { connectDatabase } from '../../../src/db/client.ts';
import { eventually } from '../../support/wait.ts';
import { type ApiFixture, goodOrder, startApiFixture } from './support.ts';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApiFixture();
});
afterAll(() => api.close());

const part = (name: string, required: boolean, ok: boolean): Probe => ({
  name,
  required,
  probe: async () => (ok ? { ok } : { ok, detail: 'logged out' }),
});

describe('/readyz', () => {
  const ask = (probes: readonly Probe[]) =>
    api.send('GET', '/readyz', { token: null, app: api.appWith({ probes }) });

  test('is 200 ok when every part is', async () => {
    // A part has a second to answer: a machine that stops for one is not ready meanwhile.
    const answer = await eventually(
      async () => {
        const now = await ask([...databaseProbes(api.db), part('broker', false, true)]);
        expect(now).toMatchObject({ status: 200, json: { status: 'ok' } });
        return now;
      },
      { what: 'every part to be well' },
    );
    expect(answer.json.parts.map(({ name }: Probe) => name)).toEqual([
      'postgres',
      'migrations',
      'instruments',
      'broker',
    ]);
  });

  test('is 200 degraded, and names the part, when one is bad that orders can do without', async () => {
    const answer = await ask([part('postgres', true, true), part('broker', false, false)]);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      status: 'degraded',
      parts: [
        { name: 'postgres', status: 'ok', required: true },
        { name: 'broker', status: 'degraded', required: false, detail: 'logged out' },
      ],
    });
  });

  test('is 503 when a required part is bad', async () => {
    const answer = await ask([part('queues', true, false), part('broker', false, false)]);
    expect(answer.status).toBe(503);
    expect(answer.json.status).toBe('unavailable');
  });

  test('a part that throws or never answers is bad within a second', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const asked = ask([
      { name: 'hangs', required: false, probe: () => new Promise(() => undefined) },
      { name: 'throws', required: true, probe: () => Promise.reject(new Error('password=secret')) },
    ]);
    await vi.advanceTimersByTimeAsync(1000);
    const answer = await asked;
    expect(answer.status).toBe(503);
    expect(answer.json.parts.map(({ status }: { status: string }) => status)).toEqual(['degraded', 'down']);
    expect(answer.text).not.toContain('secret');
  });

  test('is 503 without the instruments of the day', async () => {
    await api.sql(`update instruments set listed_on = listed_on - 1`);
    const answer = await ask(databaseProbes(api.db));
    await api.sql(`update instruments set listed_on = listed_on + 1`);
    expect(answer.status).toBe(503);
    expect(answer.json.parts[2]).toMatchObject({ name: 'instruments', status: 'down' });
  });
});

describe('other addresses without a token', () => {
  test('/livez, /version and /openapi.json answer', async () => {
    expect((await api.send('GET', '/livez', { token: null })).json).toEqual({ status: 'ok' });
    expect((await api.send('GET', '/version', { token: null })).json).toMatchObject({
      name: 'sauda',
      version: '0.0.0-test',
    });
    const { json } = await api.send('GET', '/openapi.json', { token: null });
    expect(json.openapi).toBe('3.1.0');
    expect(Object.keys(json.paths)).toContain('/v1/orders/{id}');
    expect(json.paths['/v1/orders'].post.requestBody.content['application/json'].schema).toEqual({
      $ref: '#/components/schemas/NewOrder',
    });
    expect(json.components.schemas.NewOrder.required).toEqual([
      'symbol',
      'exchange',
      'side',
      'quantity',
      'orderType',
      'product',
    ]);
    expect(json.components.schemas.NewOrder.additionalProperties).toBe(false);
  });

  test('/metrics counts requests by route, orders by status and jobs by queue', async () => {
    const app = api.appWith({
      queueCounts: async () => ({ validate: { waiting: 3, active: 1 }, submit: null }),
    });
    await api.send('POST', '/v1/orders', { app, body: goodOrder() });
    await api.send('GET', '/v1/orders/01234567-89ab-7def-8123-456789abcdef', { app });
    await api.send('GET', '/no/such/place', { app });
    const text = await eventually(
      async () => {
        const metrics = (await api.send('GET', '/metrics', { app, token: null })).text;
        expect(metrics).toMatch(/sauda_orders\{status="PENDING"\} [1-9]/);
        return metrics;
      },
      { what: 'the orders to be counted in time' },
    );
    expect(text).toContain('sauda_http_requests_total{method="POST",route="/v1/orders",status="202"} 1');
    expect(text).toContain('sauda_http_requests_total{method="GET",route="/v1/orders/:id",status="404"} 1');
    expect(text).toContain('sauda_http_requests_total{method="GET",route="none",status="404"} 1');
    expect(text).toContain('sauda_orders{status="FILLED"} 0');
    expect(text).toContain('sauda_queue_jobs{queue="validate",state="waiting"} 3');
    expect(text).toMatch(/sauda_process_cpu_seconds_total [0-9.]+/);
  });

  test('/metrics can be closed to strangers', async () => {
    const app = api.appWith({ openMetrics: false });
    expect((await api.send('GET', '/metrics', { app, token: null })).status).toBe(401);
    expect((await api.send('GET', '/metrics', { app })).status).toBe(200);
  });
});

describe('addresses and methods that are not there', () => {
  test.each([
    ['GET', '/', 404],
    ['GET', '/v1', 404],
    ['GET', '/v1/orders/', 404],
    ['POST', '/v1/nothing', 404],
    ['PUT', '/v1/orders/01234567-89ab-7def-8123-456789abcdef', 405],
    ['DELETE', '/v1/orders', 405],
    ['OPTIONS', '/v1/orders', 405],
    ['POST', '/readyz', 405],
  ])('%s %s is %i, as a problem', async (method, path, status) => {
    const answer = await api.send(method, path);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.json.code).toBe(status === 404 ? 'NOT_FOUND' : 'METHOD_NOT_ALLOWED');
    if (status === 405) expect(answer.headers.get('allow')).toBeTruthy();
  });

  test('no answer may be cached, framed, sniffed or read from another origin', async () => {
    const answer = await api.send('GET', '/v1/orders', { headers: { origin: 'https://evil.example' } });
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('when Postgres does not answer', () => {
  test('every call is 503 UNAVAILABLE, says that the same id may be sent again, and nothing leaks', async () => {
    const nowhere = connectDatabase('postgres://nobody:secret@127.0.0.1:9/none');
    const { createAccountTransactions } = await import('../../../src/db/account-transaction.ts');
    const context = { ...api.context, ...createAccountTransactions(nowhere), db: nowhere };
    const app = api.appWith({ context, probes: databaseProbes(nowhere) });
    const body = goodOrder({ accountId: 'main' });
    const answers = [
      await api.send('POST', '/v1/orders', { app, body }),
      await api.send('GET', '/v1/orders', { app }),
      await api.send('GET', '/v1/risk?accountId=main', { app }),
      await api.send('GET', '/v1/orders', { app, token: 'a-token-of-the-database' }),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(503);
      expect(answer.json.code).toBe('UNAVAILABLE');
      expect(answer.json.detail).toContain('same clientOrderId, may be sent again');
      expect(answer.text).not.toMatch(/secret|127\.0\.0\.1|ECONN/);
    }
    expect((await api.send('GET', '/readyz', { app, token: null })).status).toBe(503);
    expect((await api.send('GET', '/livez', { app, token: null })).status).toBe(200);
    const metrics = await api.send('GET', '/metrics', { app, token: null });
    expect(metrics.status).toBe(200);
    await nowhere.close();
  });

  test('a failure nobody expected is 500 without its words', async () => {
    const context = {
      ...api.context,
      withAccount: () => Promise.reject(new Error('select secret from vault')),
    };
    api.log.length = 0;
    const answer = await api.send('POST', '/v1/orders', { app: api.appWith({ context }), body: goodOrder() });
    expect(answer.status).toBe(500);
    expect(answer.json).toMatchObject({ code: 'INTERNAL', status: 500 });
    expect(answer.text).not.toContain('secret');
    expect(api.log.map(({ level }) => level)).toEqual(['error']);
  });
});
