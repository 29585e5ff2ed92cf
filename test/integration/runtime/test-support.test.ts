/** The tools other tests stand on: their faults must be real, and nothing may be left behind. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { inspectProcess } from '../../../src/runtime/data-dir.ts';
import { startChild } from '../../support/servers/child.ts';
import { startTestRedis, type TestRedis } from '../../support/servers/redis.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { eventually, waitFor } from '../../support/wait.ts';

describe('servers of a killed test run', () => {
  test.each(['running', 'paused'])('are stopped while %s, although the run had no chance to', async (how) => {
    const child = startChild(new URL('./children/start-servers.ts', import.meta.url), [how]);
    const pids = JSON.parse(await child.nextLine()) as number[];
    for (const pid of pids) expect((await inspectProcess(pid)).alive).toBe(true);
    await child.kill('SIGKILL');
    for (const pid of pids) {
      await waitFor(async () => !(await inspectProcess(pid)).alive, { what: `the end of process ${pid}` });
    }
  });
});

const redisForTests = await startTestRedis({ appendOnly: true });

describe.skipIf(redisForTests === null)('a Redis of a test', () => {
  let redis: TestRedis;
  let client: Redis;

  beforeAll(() => {
    redis = redisForTests!;
    client = new Redis(redis.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    client.on('error', () => undefined);
  });

  afterAll(async () => {
    client.disconnect();
    await redis.stop();
  });

  test('never evicts, and forgets all on flushAll', async () => {
    await client.set('a', '1');
    expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    await redis.flushAll();
    expect(await client.get('a')).toBeNull();
  });

  test('keeps its data over restart and kill -9 when it appends to a file', async () => {
    await client.set('a', '1');
    const before = redis.pid();
    await redis.restart();
    expect(redis.pid()).not.toBe(before);
    await redis.kill('SIGKILL');
    await redis.start();
    expect(await client.get('a')).toBe('1');
  });

  test('does not answer while paused, and answers what was asked once it continues', async () => {
    redis.pause();
    let answered = false;
    const reply = client.set('b', '2').then((value) => {
      answered = true;
      return value;
    });
    // A second connection proves that the pause lasts: the kernel accepts it, nobody greets it.
    const other = connect({ host: '127.0.0.1', port: redis.port });
    await once(other, 'connect');
    expect(answered).toBe(false);
    redis.continue();
    expect(await reply).toBe('OK');
    other.destroy();
  });
});

describe('the fault proxy', () => {
  let server: Server;
  let proxy: TcpProxy;
  let received: string;
  let sockets: Socket[];

  beforeEach(async () => {
    received = '';
    sockets = [];
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        received += chunk.toString();
        socket.write(`<${chunk.toString()}>`);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    proxy = await startTcpProxy({ port: address.port });
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await proxy.close();
    await new Promise((resolve) => server.close(resolve));
  });

  interface Client {
    readonly socket: Socket;
    text(): string;
    error(): string | undefined;
  }

  async function open(): Promise<Client> {
    const socket = connect({ host: proxy.host, port: proxy.port });
    sockets.push(socket);
    let text = '';
    let code: string | undefined;
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      code = error.code;
    });
    await once(socket, 'connect');
    return { socket, text: () => text, error: () => code };
  }

  const answered = (client: Client, text: string) =>
    eventually(() => expect(client.text()).toBe(text), { what: `the answer ${text}` });

  test('passes bytes both ways, and keeps the path of a url', async () => {
    const client = await open();
    client.socket.write('a');
    await answered(client, '<a>');
    expect(proxy.through('postgres://u:p@127.0.0.1:1/db')).toBe(`postgres://u:p@127.0.0.1:${proxy.port}/db`);
  });

  test('refuses new connections, leaves open ones alone, and listens again on the same port', async () => {
    const client = await open();
    const { port } = proxy;
    await proxy.setMode('refuse');
    await expect(open()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    client.socket.write('a');
    await answered(client, '<a>');
    await proxy.setMode('pass');
    expect(proxy.port).toBe(port);
    await open();
  });

  test('as a blackhole accepts connections and moves nothing, then delivers what it held', async () => {
    const client = await open();
    await proxy.setMode('blackhole');
    client.socket.write('a');
    const late = await open();
    late.socket.write('b');
    await waitFor(() => proxy.openConnections() === 2, { what: 'the second connection' });
    expect({ received, text: client.text() }).toEqual({ received: '', text: '' });
    await proxy.setMode('pass');
    await answered(client, '<a>');
    await answered(late, '<b>');
  });

  test('drops answers of requests that arrived, and resets that connection afterwards', async () => {
    const client = await open();
    await proxy.setMode('dropReplies');
    client.socket.write('order');
    await waitFor(() => proxy.traffic().repliesDropped === 7, { what: 'the lost answer' });
    expect(received).toBe('order');
    expect(client.text()).toBe('');
    await proxy.setMode('pass');
    await eventually(() => expect(client.error()).toBe('ECONNRESET'), { what: 'the reset' });
  });

  test('severs connections for good, without a word, while new ones pass', async () => {
    const old = await open();
    old.socket.write('a');
    await answered(old, '<a>');
    await proxy.setMode('severed');
    old.socket.write('b');
    const young = await open();
    young.socket.write('c');
    await answered(young, '<c>');
    await proxy.setMode('pass');
    young.socket.write('d');
    await answered(young, '<c><d>');
    expect({ received, text: old.text(), error: old.error() }).toEqual({
      ...{ received: 'acd', text: '<a>' },
      error: undefined,
    });
  });

  test('cuts a connection in the middle of an answer', async () => {
    await proxy.setMode({ cutAfter: 2 });
    const client = await open();
    client.socket.write('order');
    await eventually(() => expect(client.socket.destroyed).toBe(true), { what: 'the cut' });
    expect(client.text().length).toBeLessThanOrEqual(2);
    await proxy.setMode('pass');
  });

  test('delays each way, and keeps the order when the delay ends', async () => {
    const client = await open();
    await proxy.setMode({ latencyMs: 60 });
    const began = performance.now();
    client.socket.write('a');
    await waitFor(() => proxy.traffic().toServer === 1, { what: 'the first piece to be on its way' });
    await proxy.setMode('pass');
    client.socket.write('b');
    await eventually(() => expect(received).toBe('ab'), { what: 'both pieces' });
    expect(performance.now() - began).toBeGreaterThan(50);
  });

  test('resets all connections on demand', async () => {
    const clients = [await open(), await open()];
    await waitFor(() => proxy.openConnections() === 2, { what: 'both connections' });
    proxy.resetAll();
    for (const client of clients) {
      await eventually(() => expect(client.error()).toBe('ECONNRESET'), { what: 'the reset' });
    }
    expect(proxy.openConnections()).toBe(0);
  });
});
