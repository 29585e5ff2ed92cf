import { createServer, type IncomingMessage, type Server } from 'node:http';
import * as fs from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { startWorkerProcess, type WorkerProcess } from '../../support/pipeline/worker-process.ts';
import { findFreePort } from '../../support/servers/port.ts';
import { startTestRedis, type TestRedis } from '../../support/servers/redis.ts';
import { makeTemporaryFolder } from '../../support/servers/temporary-folder.ts';
import { eventually } from '../../support/wait.ts';

/**
 * A secret in every setting that takes one, a whole system live against a broker that fails, errors provoked at every
 * border, and then everything that the system wrote or sent is searched for each of them.
 */
const KEY = Buffer.from('canary-encryption-key-32-bytes!!');
const SECRETS = {
  ADMIN_TOKEN: 'canary-admin-token-5f1a90',
  ZERODHA_API_SECRET: 'canaryApiSecret7d20c3',
  ZERODHA_ACCESS_TOKEN: 'canaryAccessTokenOfEnv91b',
  TELEGRAM_BOT_TOKEN: '987654321:AAcanaryBotTokenAAAAAAAAAAAAAAAAAAAA',
  ALERT_WEBHOOK_SECRET: 'canary-webhook-secret-c0ffee',
} as const;
const ACCESS_TOKEN = 'canaryAccessTokenOfLogin42';
const REQUEST_TOKEN = 'canaryRequestToken77';
const WRONG_TOKEN = 'canary-token-of-a-stranger-8841';
const REDIS_PASSWORD = 'canaryRedisPassword31';

let database: TestDatabase;
let redis: TestRedis | null;
let folder: string;
const servers: Server[] = [];
const running: WorkerProcess[] = [];
/** Bodies and headers that the system sent to a person's side: the webhook, and texts to the chat. */
const told: string[] = [];
const brokerCalls: string[] = [];

type Answerer = (request: IncomingMessage, body: string) => { status: number; body: string; type?: string };

async function serve(answer: Answerer): Promise<string> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { status, body: text, type = 'application/json' } = answer(request, body);
      response
        .writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
        .end(text);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const INSTRUMENTS = [
  'instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange',
  '738561,2885,RELIANCE,RELIANCE INDUSTRIES,0.0,,0.0,0.1,1,EQ,NSE,NSE',
].join('\n');

/** Takes the login, lists instruments, and fails at everything else in turn. */
const broker: Answerer = ({ url = '', method = '' }) => {
  brokerCalls.push(`${method} ${url}`);
  const failure = (status: number, type: string) => ({
    status,
    body: JSON.stringify({ status: 'error', error_type: type, message: 'it failed', data: null }),
  });
  if (url.startsWith('/session/token')) {
    const data = { user_id: 'AB1234', api_key: 'canary-app', access_token: ACCESS_TOKEN };
    return { status: 200, body: JSON.stringify({ status: 'success', data }) };
  }
  if (url.startsWith('/instruments')) return { status: 200, body: INSTRUMENTS, type: 'text/csv' };
  if (brokerCalls.length % 3 === 0)
    return { status: 502, body: '<html>bad gateway</html>', type: 'text/html' };
  return brokerCalls.length % 3 === 1 ? failure(500, 'GeneralException') : failure(400, 'InputException');
};

beforeAll(async () => {
  [database, redis, folder] = [
    await createTestDatabase(),
    await startTestRedis(),
    await makeTemporaryFolder('canary'),
  ];
});
afterAll(async () => {
  await Promise.all(running.map((one) => one.kill()));
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await redis?.stop();
  await database.drop();
  await fs.rm(folder, { recursive: true, force: true });
});

/** Every row of every table, the queues' included, as text. */
async function databaseText(): Promise<string> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
        where schemaname not in ('pg_catalog', 'information_schema')`,
    );
    const texts: string[] = [];
    for (const { name } of rows) {
      const { rows: found } = await client.query<{ text: string }>(
        `select row_to_json(t)::text as text from ${name} t`,
      );
      texts.push(name, ...found.map(({ text }) => text));
    }
    expect(texts.length).toBeGreaterThan(50);
    return texts.join('\n');
  } finally {
    await client.end();
  }
}

async function redisText(url: string): Promise<string> {
  const client = new Redis(url);
  try {
    const texts: string[] = [];
    for (const key of await client.keys('*')) {
      const read: Record<string, () => Promise<unknown>> = {
        string: () => client.get(key),
        hash: () => client.hgetall(key),
        list: () => client.lrange(key, 0, -1),
        set: () => client.smembers(key),
        zset: () => client.zrange(key, 0, -1),
        stream: () => client.xrange(key, '-', '+'),
      };
      texts.push(key, JSON.stringify(await read[await client.type(key)]?.()));
    }
    return texts.join('\n');
  } finally {
    client.disconnect();
  }
}

test('no secret of any setting is in logs, database, queues, alerts, answers, metrics or the journal', async (context) => {
  context.skip(redis === null);
  const port = await findFreePort();
  const base = `http://127.0.0.1:${port}`;
  const url = new URL(database.url);
  const databaseSecret = url.password === '' ? 'canaryDatabasePassword19' : decodeURIComponent(url.password);
  url.password = databaseSecret;
  const brokerRoot = await serve(broker);
  const webhook = await serve(({ headers }, body) => {
    told.push(JSON.stringify(headers), body);
    return { status: told.length % 4 === 0 ? 500 : 200, body: '{}' };
  });
  const telegram = await serve((_, body) => {
    told.push(body);
    return { status: 502, body: JSON.stringify({ ok: false, error_code: 502, description: 'Bad Gateway' }) };
  });
  const environment = {
    ...SECRETS,
    DATABASE_URL: url.href,
    REDIS_URL: redis!.url.replace('redis://', `redis://default:${REDIS_PASSWORD}@`),
    ENCRYPTION_KEY: KEY.toString('base64'),
    BROKER: 'kite',
    LIVE_TRADING: 'yes',
    ZERODHA_API_KEY: 'canary-app',
    KITE_API_ROOT: brokerRoot,
    MARKET_HOURS: 'always',
    DATA_DIR: folder,
    PORT: String(port),
    ALERT_WEBHOOK_URL: webhook,
    ALERT_WEBHOOK_MIN_SEVERITY: 'INFO',
    TELEGRAM_CHAT_ID: '123456789',
    TELEGRAM_ALLOWED_USER_IDS: '123456789',
    TELEGRAM_API_ROOT: telegram,
    POLL_INTERVAL_MS: '200',
    RECONCILE_INTERVAL_MS: '1000',
  };

  const early = startWorkerProcess('all', environment);
  running.push(early);
  expect(await early.ended()).toEqual({ code: 1, signal: null });
  expect(early.output()).toContain('sauda live confirm');
  const confirm = startWorkerProcess('src/cli/main.ts', environment, ['live', 'confirm', '--yes']);
  running.push(confirm);
  expect((await confirm.ended()).code, confirm.output()).toBe(0);

  const all = startWorkerProcess('all', environment);
  running.push(all);
  const answers: string[] = [];
  const ask = async (method: string, where: string, token: string, body?: string) => {
    const answer = await fetch(`${base}${where}`, {
      ...{ method, redirect: 'manual' },
      ...(body === undefined ? {} : { body }),
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    });
    const text = await answer.text();
    answers.push(`${JSON.stringify([...answer.headers])}${text}`);
    return { status: answer.status, text };
  };
  const admin = (method: string, where: string, body?: unknown) =>
    ask(method, where, SECRETS.ADMIN_TOKEN, body === undefined ? undefined : JSON.stringify(body));
  await eventually(async () => expect((await fetch(`${base}/livez`)).status).toBe(200), {
    ...{ what: `the API: ${all.output().slice(-2000)}`, timeoutMs: 120_000 },
  });

  // A login, whose tokens are secrets of this day.
  const begun = JSON.parse((await admin('GET', '/kite/login')).text) as { url: string };
  const params = new URL(begun.url).searchParams.get('redirect_params') ?? '';
  const query = `action=login&status=success&request_token=${REQUEST_TOKEN}&${params}`;
  expect((await ask('GET', `/kite/callback?${query}`, WRONG_TOKEN)).status).toBe(200);
  await ask('GET', `/kite/callback?${query}`, WRONG_TOKEN);
  const made = JSON.parse((await admin('POST', '/v1/tokens', { name: 'canary', role: 'viewer' })).text) as {
    token: string;
  };
  answers.pop(); // the one place that shows it

  // Errors at every border: strangers, bad bodies, an order that the broker fails, queues and database cut.
  for (const [method, where] of [
    ['GET', '/v1/orders'],
    ['POST', '/v1/orders'],
    ['PUT', '/v1/trading-state'],
    ['POST', '/kite/postback'],
  ] as const) {
    await ask(method, where, WRONG_TOKEN, method === 'GET' ? undefined : `{"token":"${WRONG_TOKEN}"`);
    await ask(method, where, made.token, method === 'GET' ? undefined : `{"token":"${WRONG_TOKEN}"}`);
  }
  const order = {
    ...{ clientOrderId: 'canary-1', exchange: 'NSE', symbol: 'RELIANCE', side: 'BUY', quantity: 1 },
    ...{ orderType: 'LIMIT', product: 'MIS', price: '2450.00', stopLoss: '2430.00' },
  };
  await eventually(async () => expect((await admin('POST', '/v1/orders', order)).status).toBeLessThan(300), {
    ...{ what: 'an order to be taken', timeoutMs: 120_000 },
  });
  await eventually(
    () => expect(brokerCalls.filter((call) => call.includes('/orders')).length).toBeGreaterThan(5),
    {
      what: 'the broker to be asked, and to fail',
    },
  );
  const queues = await redisText(redis!.url);
  expect(queues).toContain('{sauda}');
  await redis!.restart();
  const cutter = new pg.Client({ connectionString: database.url });
  await cutter.connect();
  await cutter.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  await cutter.end();
  await eventually(async () => expect((await admin('GET', '/v1/orders')).status).toBe(200), {
    what: 'the API again',
  });
  await eventually(() => expect(told.length).toBeGreaterThan(0), { what: 'an alert', timeoutMs: 120_000 });
  for (const where of [
    '/metrics',
    '/readyz',
    '/v1/alerts',
    '/v1/journal?accountId=system',
    '/v1/accounts',
    '/v1/queues',
    '/v1/tokens',
  ]) {
    await admin('GET', where);
  }

  const logFile = await fs.readFile(path.join(folder, 'logs', 'sauda.log'), 'utf8');
  // The start shows the admin token to the person who started it; that is what it is for.
  const output = all.output().replace(/admin token {3}\S+/, '');
  const places = {
    ...{ logFile, output: early.output() + confirm.output() + output, answers: answers.join('\n') },
    ...{
      database: await databaseText(),
      redis: queues + (await redisText(redis!.url)),
      told: told.join('\n'),
    },
  };
  expect(logFile.length).toBeGreaterThan(1000);
  const secrets = {
    ...SECRETS,
    ...{ ACCESS_TOKEN, REQUEST_TOKEN, WRONG_TOKEN, REDIS_PASSWORD, databaseSecret, madeToken: made.token },
    ...{ keyBase64: KEY.toString('base64'), keyHex: KEY.toString('hex'), keyText: KEY.toString() },
  };
  const found = Object.entries(places).flatMap(([place, text]) =>
    Object.entries(secrets)
      .filter(([, secret]) => text.includes(secret))
      .map(([name]) => `${name} in ${place}`),
  );
  expect(found).toEqual([]);
});
