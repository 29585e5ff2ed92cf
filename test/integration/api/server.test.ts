import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningApi, startApi } from '../../../src/api/start-api.ts';
import { ApiError, createClient } from '../../../src/client/index.ts';
import { ADMIN_TOKEN, type ApiFixture, goodOrder, startApiFixture } from './support.ts';

let api: ApiFixture;
let server: RunningApi;
beforeAll(async () => {
  api = await startApiFixture();
  server = await startApi({ app: api.app, host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await server.close();
  await api.close();
});

const HEADERS = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };

/** Sends raw bytes and gives what came back until there was the line of a status, or the server closed. */
async function raw(text: string, more?: () => Iterable<string>): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1');
    let answer = '';
    const end = () => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      if (answer.includes('\r\n')) end();
    });
    socket.on('error', () => undefined);
    socket.on('close', end);
    socket.write(text);
    for (const part of more?.() ?? []) socket.write(part);
  });
}

describe('over a real connection', () => {
  test('an order is placed and read back', async () => {
    const body = JSON.stringify(goodOrder());
    const placed = await fetch(`${server.url}/v1/orders`, { method: 'POST', headers: HEADERS, body });
    expect(placed.status).toBe(202);
    const again = await fetch(new URL(placed.headers.get('location')!, server.url), { headers: HEADERS });
    expect(again.status).toBe(200);
  });

  test('20 MB are refused with 413, and so is a body of no declared length once it is too long', async () => {
    const declared = await fetch(`${server.url}/v1/orders`, {
      method: 'POST',
      headers: HEADERS,
      body: 'x'.repeat(20_000_000),
    });
    expect(declared.status).toBe(413);
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const answer = await raw(
      `POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_TOKEN}\r\nContent-Type: application/json\r\n` +
        'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n',
      function* () {
        for (let i = 0; i < 40; i++) yield chunk;
        yield '0\r\n\r\n';
      },
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('a body that is cut off places nothing', async () => {
    const jobs = api.jobs.length;
    const text = JSON.stringify(goodOrder());
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      `POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_TOKEN}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${text.length + 10}\r\n\r\n${text}`,
    );
    // A request that came later is answered: what came before has been read.
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    socket.destroy();
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    expect(api.jobs).toHaveLength(jobs);
  });

  test.each([
    ['words', 'hello\r\n\r\n'],
    ['no host', 'GET /livez HTTP/1.1\r\n\r\n'],
    ['a host that is no host', 'GET /livez HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n'],
    [
      'two lengths',
      'POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}',
    ],
    [
      'length and chunks',
      'POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a header of 100 kB', `GET /livez HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`],
  ])('a request of %s is refused, and the server goes on', async (_, text) => {
    const answer = await raw(text);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  });

  test('a client that hangs up during waitFor stops the looking', async () => {
    const hangUp = new AbortController();
    const body = JSON.stringify(goodOrder());
    const jobs = api.jobs.length;
    const answer = fetch(`${server.url}/v1/orders?waitFor=FILLED&timeoutMs=30000`, {
      method: 'POST',
      headers: HEADERS,
      body,
      signal: hangUp.signal,
    });
    await expect.poll(() => api.jobs.length).toBe(jobs + 1);
    hangUp.abort();
    await expect(answer).rejects.toThrow();
    await expect
      .poll(
        async () => {
          const count = 'select xact_commit from pg_stat_database where datname = current_database()';
          const reads = async () => Number((await api.sql<{ xact_commit: string }>(count))[0]?.xact_commit);
          const before = await reads();
          await new Promise((resolve) => setTimeout(resolve, 1200));
          return (await reads()) - before;
        },
        { timeout: 120_000 },
      )
      .toBeLessThan(8);
  });
});

describe('the client for strategies', () => {
  test('places, reads, waits and is told what is wrong', async () => {
    const admin = createClient({ baseUrl: server.url, token: ADMIN_TOKEN });
    const { token } = await admin.createToken({
      name: 'sdk',
      role: 'trader',
      accountId: 'main',
      strategyId: 'sdk',
    });
    const client = createClient({ baseUrl: server.url, token });
    const wanted = {
      symbol: 'M&M',
      exchange: 'NSE',
      side: 'SELL',
      quantity: 3,
      orderType: 'LIMIT',
      product: 'MIS',
      price: '3000.05',
      stopLoss: '3010.00',
    } as const;
    const placed = await client.placeOrder(wanted, { status: 'FILLED', timeoutMs: 50 });
    expect(placed).toMatchObject({ status: 'PENDING', strategyId: 'sdk', price: '3000.05' });
    expect((await client.orders({ status: ['open', 'FILLED'], symbol: 'M&M' })).items).toMatchObject([
      { id: placed.id },
    ]);
    expect((await client.waitFor(placed.id, 'PENDING')).timeline).toHaveLength(1);
    expect(await client.positionsOf(wanted)).toEqual([]);
    expect((await client.risk()).pendingOrders).toBeGreaterThan(0);
    const refusal: unknown = await client
      .placeOrder({ ...wanted, price: '3000.07' })
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ApiError);
    expect(refusal).toMatchObject({
      code: 'INVALID_ORDER',
      errors: [{ pointer: '/price', code: 'TICK_SIZE' }],
    });
    await expect(client.pushPrices({ 'NSE:INFY': '1' })).rejects.toMatchObject({ status: 403 });
  });
});

describe('closing', () => {
  test('cuts idle and busy connections and does not wait for what these wait for', async () => {
    const other = await startApi({ app: api.app, host: '127.0.0.1', port: 0 });
    const agent = new Agent({ keepAlive: true });
    await new Promise<void>((resolve, reject) => {
      request(`${other.url}/livez`, { agent }, (response) => {
        response.resume().on('end', resolve);
      })
        .on('error', reject)
        .end();
    });
    const jobs = api.jobs.length;
    const busy = fetch(`${other.url}/v1/orders?waitFor=FILLED&timeoutMs=30000`, {
      method: 'POST',
      headers: HEADERS,
      body: JSON.stringify(goodOrder()),
    }).catch((error: unknown) => error);
    await expect.poll(() => api.jobs.length).toBeGreaterThan(jobs);
    await other.close();
    // Had it been waited for, its half minute would have ended with an answer.
    expect(await busy).toBeInstanceOf(Error);
    agent.destroy();
    await expect(fetch(`${other.url}/livez`)).rejects.toThrow();
  });

  test('an address that is taken is an error', async () => {
    await expect(startApi({ app: api.app, host: '127.0.0.1', port: server.port })).rejects.toThrow(
      /EADDRINUSE/,
    );
  });
});
