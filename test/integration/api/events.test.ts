/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment,
   @typescript-eslint/no-unsafe-return -- answers are JSON, looked into freely */
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type EventFeed, type FeedSettings } from '../../../src/api/event-feed.ts';
import { eventSchema } from '../../../src/api/schemas/event.ts';
import { decimal } from '../../../src/domain/money.ts';
import { type RunningApi, startApi } from '../../../src/api/start-api.ts';
import { ApiError, createClient } from '../../../src/client/index.ts';
import { createAccountTransactions } from '../../../src/db/account-transaction.ts';
import { findFreePort } from '../../support/servers/port.ts';
import { eventually } from '../../support/wait.ts';
import { fill as fillOrder, placeAtBroker } from './fills.ts';
import { openSse } from './sse.ts';
import { ADMIN_TOKEN, type ApiFixture, feedOf, goodOrder, startApiFixture } from './support.ts';

let api: ApiFixture;
let server: Server;

interface Server extends RunningApi {
  readonly feed: EventFeed;
}

/** A server over the fixture's database with a feed of its own; stopped as the api role does it. */
async function start(settings: Partial<FeedSettings> = {}, port = 0): Promise<Server> {
  const feed = feedOf(api.context, { lookMs: 5, ...settings });
  const app = api.appWith({ events: feed });
  const running = await startApi({ app, host: '127.0.0.1', port });
  return {
    ...running,
    feed,
    close: () => {
      feed.close();
      return running.close();
    },
  };
}

beforeAll(async () => {
  api = await startApiFixture();
  server = await start();
});
afterAll(async () => {
  await server.close();
  await api.close();
});

const ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` };
const head = async () =>
  Number((await api.sql<{ seq: string }>(`select seq from accounts where id = 'main'`))[0]!.seq);

/** Writes entries one transaction each, as another process would. */
async function write(writer: string, count: number): Promise<void> {
  const transactions = createAccountTransactions(api.db);
  for (let n = 0; n < count; n++) {
    await transactions.withAccount({
      accountId: 'main',
      actor: writer,
      needs: {},
      run: (view) => {
        view.note('Tested', writer, { n });
        if (n % 3 === 0) view.note('TestedTwice', writer, { n });
      },
    });
  }
}

/** The journal after a number, as the stream should tell it. */
async function journal(after: number) {
  const rows = await api.sql<{ seq: string; kind: string; entity: string; actor: string; data: string }>(
    `select seq, kind, entity, actor, data from journal where account_id = 'main' and seq > $1 order by seq`,
    [after],
  );
  return rows.map(({ seq, kind, data, ...row }) => ({
    ...row,
    seq: Number(seq),
    event: kind,
    data: JSON.parse(data) as unknown,
  }));
}

describe('the event stream', () => {
  test('cut anywhere and resumed is the journal: in order, no gap, no repeat, while four processes write', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 12 }), async (cuts) => {
        const from = await head();
        const writing = Promise.all(['w1', 'w2', 'w3', 'w4'].map((writer) => write(writer, 12)));
        const seen: Record<string, unknown>[] = [];
        let last = from;
        const read = async (enough: (count: number) => boolean | Promise<boolean>) => {
          const stream = await openSse(`${server.url}/v1/events`, {
            ...ADMIN,
            'last-event-id': String(last),
          });
          for (let count = 0; !(await enough(count)); count++) {
            let frame = await stream.next();
            while (frame?.data === null) frame = await stream.next();
            if (frame === null) throw new Error('the stream ended');
            const event = JSON.parse(frame.data) as Record<string, unknown>;
            expect(frame.id).toBe(String(event['seq']));
            seen.push(event);
            last = Number(frame.id);
          }
          await stream.cancel();
        };
        const total = from + 4 * (12 + 4);
        for (const cut of cuts) await read((count) => count >= cut || last >= total);
        await writing;
        expect(await head()).toBe(total);
        await read(() => last >= total);
        expect(seen).toEqual((await journal(from)).map((entry) => expect.objectContaining(entry)));
      }),
      { numRuns: 8 },
    );
  });

  test('tells of an order with its strategy, in the shape of the documentation', async () => {
    const stream = await openSse(`${server.url}/v1/events`, ADMIN);
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const at = await head();
    expect(await stream.next()).toEqual({ id: String(at), event: null, data: null });
    const { json } = await api.send('POST', '/v1/orders', { body: goodOrder({ strategyId: 'alpha' }) });
    const events = (await stream.until(await head())).map(([, event]) => event);
    for (const event of events) expect(() => eventSchema.strict().parse(event)).not.toThrow();
    expect(events.find(({ event }) => event === 'OrderAccepted')).toMatchObject({
      entity: json.id,
      strategyId: 'alpha',
      actor: 'api:admin',
      accountId: 'main',
      order: {
        symbol: 'RELIANCE',
        exchange: 'NSE',
        side: 'BUY',
        product: 'MIS',
        role: 'ENTRY',
        parentOrderId: null,
      },
      data: { symbol: 'RELIANCE', quantity: 10 },
    });
    await stream.cancel();
  });

  test.each(['alpha', null])(
    'of a fill tells how the order and what it is part of stand, for strategy %s',
    async (strategyId) => {
      const from = await head();
      const orderId = await placeAtBroker(api, { strategyId });
      await fillOrder(api, orderId, 4, '2450.00');
      await api.sql(
        `insert into last_prices (instrument_id, price, source, at)
         select instrument_id, 2455.5, 'PUSH', clock_timestamp() from orders where id = $1
         on conflict (instrument_id) do update set price = excluded.price, at = excluded.at`,
        [orderId],
      );
      const stream = await openSse(`${server.url}/v1/events?since=${from}`, ADMIN);
      const events = (await stream.until(await head())).map(([, event]) => event);
      await stream.cancel();
      for (const event of events) expect(() => eventSchema.strict().parse(event)).not.toThrow();
      // What is read later than it happened stands as it does now, from the first entry on.
      for (const event of events.filter(({ entity }) => entity === orderId)) {
        expect(event['state']).toEqual({
          ...{ status: 'PARTIALLY_FILLED', quantity: 10, filledQuantity: 4, leavesQuantity: 6 },
          ...{ averagePrice: '2450.00', price: '2450.00', triggerPrice: null },
        });
      }
      const of = events.find(({ event }) => event === 'TradeRecorded')?.['position'] as Record<
        string,
        unknown
      >;
      const { charges, netPnl, lastPriceAgeMs, ...position } = of;
      expect(position).toEqual({
        ...{ strategyId, cycle: expect.any(Number), status: 'OPEN', quantity: strategyId === null ? 8 : 4 },
        ...{ averagePrice: '2450.00', realizedPnl: '0.00', lastPrice: '2455.50' },
        unrealizedPnl: strategyId === null ? '44.00' : '22.00',
      });
      expect(decimal(String(netPnl)).plus(String(charges)).toFixed(2)).toBe(position['unrealizedPnl']);
      expect(lastPriceAgeMs).toBeLessThan(60_000);
      const others = events.filter(({ event }) => event !== 'TradeRecorded');
      expect(others.every((event) => event['position'] === null)).toBe(true);
    },
  );

  test('of a token bound to a strategy tells of its own orders, its own row and alerts of the account alone', async () => {
    const body = { name: 'bound', role: 'viewer', accountId: 'main', strategyId: 'alpha' };
    const { token } = (await api.send('POST', '/v1/tokens', { body })).json;
    const from = await head();
    const place = async (strategyId: string | null) =>
      (await api.send('POST', '/v1/orders', { body: goodOrder({ strategyId }) })).json.id as string;
    const [own, beta, none] = [await place('alpha'), await place('beta'), await place(null)];
    const alert = async (orderId: string | null) => {
      const id = api.context.newId();
      await api.context.withAccount({
        accountId: 'main',
        actor: 'test',
        needs: { openAlerts: true },
        run: (view) =>
          view.raiseAlert({
            ...{ id, severity: 'INFO', type: 'near_stop', message: 'm', details: {}, orderId, condition: id },
          }),
      });
    };
    for (const about of [own, beta, none, null]) await alert(about);
    await write('main', 1); // entity "main", as the account's own entries have it
    await alert(null);
    const stream = await openSse(`${server.url}/v1/events?since=${from}`, {
      authorization: `Bearer ${token}`,
    });
    const events = (await stream.until(await head())).map(([, event]) => event);
    await stream.cancel();
    expect(events.map(({ event, entity }) => [event, entity === own])).toEqual([
      ['OrderAccepted', true],
      ['AlertRaised', true],
      ['AlertRaised', false],
      ['AlertRaised', false],
    ]);
    expect(JSON.stringify(events)).not.toContain(beta);
    expect(JSON.stringify(events)).not.toContain(none);
  });

  test('is for those with a token, and names a number that can not be', async () => {
    const from = await head();
    const get = (query: string, options = {}) => api.send('GET', `/v1/events${query}`, options);
    expect((await get('', { token: null })).status).toBe(401);
    expect((await get('', { token: 'x'.repeat(20) })).status).toBe(401);
    expect((await get('?accountId=other')).status).toBe(404);
    expect((await get(`?since=${from + 1}`)).json).toMatchObject({
      code: 'INVALID_QUERY',
      detail: expect.stringContaining(`past the end of this journal, which is at ${from}`),
    });
    for (const since of ['-1', 'x', '1.5', '99999999999']) {
      expect((await get(`?since=${since}`)).status).toBe(400);
    }
    expect((await get('', { headers: { 'last-event-id': 'x' } })).json.code).toBe('INVALID_HEADER');
    expect((await api.send('POST', '/v1/events')).status).toBe(405);
  });

  test('is not opened by HEAD, and is closed when the client leaves: places come free', async () => {
    const small = await start({ maxStreams: 1 });
    try {
      for (let n = 0; n < 3; n++) {
        const answer = await fetch(`${small.url}/v1/events`, { method: 'HEAD', headers: ADMIN });
        expect(answer.status).toBe(200);
      }
      const first = await openSse(`${small.url}/v1/events`, ADMIN);
      await first.next();
      const refused = await fetch(`${small.url}/v1/events`, { headers: ADMIN });
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toBe('5');
      expect(await refused.json()).toMatchObject({ code: 'UNAVAILABLE' });
      await first.cancel();
      const second = await freePlace(small);
      await second.cancel();
    } finally {
      await small.close();
    }
  });

  test('drops a reader that does not read, and its place comes free', async () => {
    const from = await head();
    await fill(20_000);
    const small = await start({ maxStreams: 1, slowMs: 100 });
    const socket = connect(small.port, '127.0.0.1').pause();
    socket.on('error', () => undefined);
    try {
      socket.write(
        `GET /v1/events?since=${from} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_TOKEN}\r\n\r\n`,
      );
      const { feed } = small;
      await eventually(() => expect(feed.streams()).toBe(1), { what: 'the slow reader to be there' });
      await eventually(() => expect(feed.streams()).toBe(0), { what: 'the slow reader to be dropped' });
      const next = await openSse(`${small.url}/v1/events`, ADMIN);
      expect(next.response.status).toBe(200);
      await next.cancel();
    } finally {
      socket.destroy();
      await small.close();
    }
  });

  test('ends soon after its token was revoked', async () => {
    const body = { name: 'short', role: 'viewer', accountId: 'main' };
    const { id, token } = (await api.send('POST', '/v1/tokens', { body })).json;
    const strict = await start({ recheckMs: 0, heartbeatMs: 100 });
    try {
      const stream = await openSse(`${strict.url}/v1/events`, { authorization: `Bearer ${token}` });
      await stream.next();
      await api.sql('update api_tokens set revoked_at = clock_timestamp() where id = $1', [id]);
      expect(await stream.next()).toMatchObject({
        event: 'end',
        data: expect.stringContaining('UNAUTHENTICATED'),
      });
      expect(await stream.next()).toBeNull();
    } finally {
      await strict.close();
    }
  });

  test('ends with a reason when the server stops, which does not keep it from stopping', async () => {
    const stopping = await start();
    const stream = await openSse(`${stopping.url}/v1/events`, ADMIN);
    await stream.next();
    const socket = new WebSocket(`${stopping.url.replace('http', 'ws')}/v1/ws`, { headers: ADMIN });
    const closed = new Promise<[number, string]>((resolve) => {
      socket.on('close', (code, reason) => resolve([code, reason.toString()]));
    });
    await new Promise((resolve) => socket.once('open', resolve));
    await stopping.close();
    expect(await stream.next()).toMatchObject({
      event: 'end',
      data: expect.stringContaining('SHUTTING_DOWN'),
    });
    expect(await stream.next()).toBeNull();
    expect(await closed).toEqual([1001, expect.stringContaining('SHUTTING_DOWN')]);
  });

  test('is told to two hundred clients at once', async () => {
    const from = await head();
    const streams = await Promise.all(
      Array.from({ length: 200 }, () => openSse(`${server.url}/v1/events?since=${from}`, ADMIN)),
    );
    await write('crowd', 30);
    const to = await head();
    const told = await Promise.all(streams.map((stream) => stream.until(to)));
    for (const events of told) {
      expect(events.map(([seq]) => seq)).toEqual(Array.from({ length: to - from }, (_, n) => from + 1 + n));
    }
    await Promise.all(streams.map((stream) => stream.cancel()));
  });
});

/** Entries of about a kilobyte, written past the account's transaction: only their number matters. */
async function fill(count: number): Promise<void> {
  await api.sql(
    `insert into journal (account_id, seq, version, at, actor, kind, entity, data, hash)
      select 'main', a.seq + n, 1, '2026-11-23T09:15:00.000Z', 'filler', 'Filled', 'filler',
        '{"text":"' || repeat('x', 1000) || '"}', repeat('0', 64)
      from accounts a, generate_series(1, $1) n where a.id = 'main'`,
    [count],
  );
  await api.sql(`update accounts set seq = seq + $1 where id = 'main'`, [count]);
}

function freePlace({ url }: Server) {
  return eventually(
    async () => {
      const stream = await openSse(`${url}/v1/events`, ADMIN);
      if (stream.response.status === 200) return stream;
      await stream.cancel();
      throw new Error(`it answered ${stream.response.status}`);
    },
    { what: 'a free place' },
  );
}

describe('the WebSocket', () => {
  const open = (query: string, headers: Readonly<Record<string, string>> = ADMIN) =>
    new WebSocket(`${server.url.replace('http', 'ws')}/v1/ws${query}`, { headers });

  test('carries the same events from the same place', async () => {
    const from = await head();
    await write('socket', 5);
    const socket = open(`?since=${from}`);
    const seen: unknown[] = [];
    socket.on('message', (data) => seen.push(JSON.parse((data as Buffer).toString())));
    await write('socket', 5);
    const expected = (await journal(from)).map((entry) => expect.objectContaining(entry));
    await eventually(() => expect(seen).toEqual(expected), { what: 'all events' });
    socket.terminate();
  });

  test('is refused like any other call', async () => {
    const refusal = async (query: string, headers?: Readonly<Record<string, string>>) => {
      const socket = open(query, headers);
      const answer = await new Promise<{ statusCode?: number | undefined }>((resolve) => {
        socket.once('unexpected-response', (_, response) => resolve(response));
      });
      socket.on('error', () => undefined).terminate();
      return answer.statusCode;
    };
    expect(await refusal('', {})).toBe(401);
    expect(await refusal('?since=999999999')).toBe(400);
    expect(await refusal('?accountId=other')).toBe(404);
    expect(await refusal('/other')).toBe(404);
    const plain = await fetch(`${server.url}/v1/ws`, { headers: ADMIN });
    expect(plain.status).toBe(426);
    expect(plain.headers.get('upgrade')).toBe('websocket');
  });

  test('is told to two hundred clients at once', async () => {
    const from = await head();
    const sockets = Array.from({ length: 200 }, () => open(`?since=${from}`));
    const told = sockets.map((socket) => {
      const seen: number[] = [];
      socket.on('message', (data) => {
        seen.push((JSON.parse((data as Buffer).toString()) as { seq: number }).seq);
      });
      return seen;
    });
    await write('crowd', 30);
    const expected = Array.from({ length: (await head()) - from }, (_, n) => from + 1 + n);
    for (const seen of told) {
      await eventually(() => expect(seen).toEqual(expected), { what: 'every event at every client' });
    }
    for (const socket of sockets) socket.terminate();
  });

  test('closes on a client that does not read, with 1013 and the reason', async () => {
    const from = await head();
    await fill(20_000);
    const feed = feedOf(api.context, { lookMs: 5, slowMs: 200, lastWordsMs: 120_000 });
    const ended: string[] = [];
    const watched: EventFeed = {
      ...feed,
      subscribe: (options) => {
        const subscription = feed.subscribe(options);
        if (subscription === null) return null;
        const end = subscription.end.bind(subscription);
        subscription.end = (reason) => {
          ended.push(reason.code);
          end(reason);
        };
        return subscription;
      },
    };
    const running = await startApi({ app: api.appWith({ events: watched }), host: '127.0.0.1', port: 0 });
    try {
      const socket = new WebSocket(`${running.url.replace('http', 'ws')}/v1/ws?since=${from}`, {
        headers: ADMIN,
      });
      const closed = new Promise<[number, string]>((resolve) => {
        socket.on('close', (code, reason) => resolve([code, reason.toString()]));
      });
      await new Promise((resolve) => socket.once('open', resolve));
      socket.pause();
      await eventually(() => expect(ended).toContain('SLOW_READER'), { what: 'the client to be found slow' });
      socket.resume();
      expect(await closed).toEqual([
        1013,
        expect.stringMatching(/^SLOW_READER: Nothing was read for 200 ms/),
      ]);
    } finally {
      feed.close();
      await running.close();
    }
  });

  test('closes on a client that sends too much', async () => {
    const socket = open('');
    const closed = new Promise<number>((resolve) => socket.on('close', resolve));
    socket.on('open', () => socket.send('x'.repeat(5000)));
    expect(await closed).toBe(1009);
  });
});

describe('the client', () => {
  const clientAt = (url: string, token = ADMIN_TOKEN) => createClient({ baseUrl: url, token });

  test('iterates every event once, also across restarts of the server', async () => {
    const from = await head();
    let running = await start({}, await findFreePort());
    const { port, url } = running;
    const seen: number[] = [];
    const to = from + 3 * (30 + 10);
    const following = (async () => {
      for await (const event of clientAt(url).events({ since: from })) {
        seen.push(event.seq);
        if (event.seq >= to) break;
      }
    })();
    const writing = write('restart', 90);
    for (const until of [20, 60]) {
      await eventually(() => expect(seen.length).toBeGreaterThan(until), { what: `${until} events` });
      await running.close();
      running = await start({}, port);
    }
    await writing;
    await following;
    expect(seen).toEqual(Array.from({ length: to - from }, (_, n) => from + 1 + n));
    await running.close();
  });

  test('that starts now misses nothing of what happens while its first connection is gone', async () => {
    let running = await start({}, await findFreePort());
    const { port, url } = running;
    const place = await head();
    const events = clientAt(url).events();
    const first = events.next();
    await eventually(() => expect(running.feed.streams()).toBe(1), { what: 'the stream' });
    await running.close();
    await write('gone', 1);
    running = await start({}, port);
    expect((await first).value).toMatchObject({ seq: place + 1, actor: 'gone' });
    await events.return();
    await running.close();
  });

  test('ends when told, and throws what would be refused again', async () => {
    const gone = new AbortController();
    const events = clientAt(server.url).events({ signal: gone.signal });
    const waiting = events.next();
    gone.abort();
    expect(await waiting).toMatchObject({ done: true });
    await expect(clientAt(server.url, 'x'.repeat(20)).events().next()).rejects.toThrow(ApiError);
    await expect(clientAt(server.url).events({ since: 999_999_999 }).next()).rejects.toMatchObject({
      code: 'INVALID_QUERY',
    });
  });
});
