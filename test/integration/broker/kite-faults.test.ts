import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BrokerError } from '../../../src/broker/errors.ts';
import { createKiteBroker, type KiteBroker } from '../../../src/broker/kite/kite-broker.ts';
import { KiteTransport } from '../../../src/broker/kite/transport.ts';
import type { BrokerFaultCode, BrokerOrderRequest, PlacementOutcome } from '../../../src/broker/port.ts';
import { decimal } from '../../../src/domain/money.ts';
import { findFreePort } from '../../support/servers/port.ts';
import { eventually } from '../../support/wait.ts';
import {
  answer,
  jsonAnswer,
  kiteData,
  kiteError,
  type Play,
  startWireServer,
  type WireServer,
} from './wire-server.ts';

/** Longer than a machine stops for: only a server that never answers in whole meets a timeout. */
const TIMEOUT_MS = 60_000;
/** For those servers: long enough for the request to reach them. */
const STALL_TIMEOUT_MS = 800;
const ORDER: BrokerOrderRequest = {
  variety: 'regular',
  exchange: 'NSE',
  tradingsymbol: 'INFY',
  transactionType: 'BUY',
  orderType: 'LIMIT',
  product: 'MIS',
  validity: 'DAY',
  quantity: 1,
  price: decimal('1500.05'),
  tag: 'T1',
};

interface Row {
  readonly server: string;
  readonly play: Play;
  readonly place: 'UNKNOWN' | 'never' | 'afterPause' | 'afterLogin';
  readonly code: BrokerFaultCode;
  readonly httpStatus?: number;
  readonly retryable: boolean;
}

/** Without a status there was no whole answer: such a row takes the time it is given. */
const timeoutOf = (row: Row): number =>
  row.code === 'TIMEOUT' && row.httpStatus === undefined ? STALL_TIMEOUT_MS : TIMEOUT_MS;

const HTML = '<html><body>Down for maintenance</body></html>';
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n';

/** kite.md 2.2, row by row, and the neighbours that are easy to get wrong. */
const ROWS: readonly Row[] = [
  { server: 'never answers', play: () => undefined, place: 'UNKNOWN', code: 'TIMEOUT', retryable: true },
  {
    server: 'sends headers, then stalls',
    play: (socket) => void socket.write(HEAD),
    place: 'UNKNOWN',
    code: 'TIMEOUT',
    retryable: true,
  },
  {
    server: 'drips one byte at a time for longer than the timeout',
    play: (socket) => {
      socket.write(HEAD);
      const drip = setInterval(() => (socket.destroyed ? clearInterval(drip) : socket.write(' ')), 40);
    },
    place: 'UNKNOWN',
    code: 'TIMEOUT',
    retryable: true,
  },
  {
    server: 'cuts the body mid-way',
    play: (socket) => void socket.end(`${HEAD}{"status":"success","data":{"order_id":"1"`),
    place: 'UNKNOWN',
    code: 'CONNECTION_LOST',
    httpStatus: 200,
    retryable: true,
  },
  {
    server: 'resets after reading the request',
    play: (socket) => void socket.resetAndDestroy(),
    place: 'UNKNOWN',
    code: 'CONNECTION_LOST',
    retryable: true,
  },
  {
    server: 'closes without a reply',
    play: (socket) => void socket.end(),
    place: 'UNKNOWN',
    code: 'CONNECTION_LOST',
    retryable: true,
  },
  {
    server: 'answers what is not HTTP',
    play: (socket) => void socket.end('SSH-2.0-OpenSSH_9.6\r\n'),
    place: 'UNKNOWN',
    code: 'UNREADABLE',
    retryable: true,
  },
  {
    server: 'answers 429 JSON',
    play: kiteError('429 Too Many Requests', 'NetworkException', 'Too many requests'),
    place: 'afterPause',
    code: 'RATE_LIMITED',
    httpStatus: 429,
    retryable: true,
  },
  {
    server: 'answers 429 text',
    play: answer('429 Too Many Requests', 'text/plain', 'slow down'),
    place: 'afterPause',
    code: 'RATE_LIMITED',
    httpStatus: 429,
    retryable: true,
  },
  {
    server: 'answers 429 without a body',
    play: answer('429 Too Many Requests', null),
    place: 'afterPause',
    code: 'RATE_LIMITED',
    httpStatus: 429,
    retryable: true,
  },
  {
    server: 'answers 403 TokenException',
    play: kiteError('403 Forbidden', 'TokenException', 'Incorrect `api_key` or `access_token`.'),
    place: 'afterLogin',
    code: 'SESSION_EXPIRED',
    httpStatus: 403,
    retryable: false,
  },
  {
    server: 'answers 403 PermissionException',
    play: kiteError('403 Forbidden', 'PermissionException', 'Insufficient permission for that call.'),
    place: 'never',
    code: 'PERMISSION_DENIED',
    httpStatus: 403,
    retryable: false,
  },
  {
    server: 'answers 403 HTML from something in between',
    play: answer('403 Forbidden', 'text/html', HTML),
    place: 'UNKNOWN',
    code: 'PERMISSION_DENIED',
    httpStatus: 403,
    retryable: false,
  },
  ...(
    ['InputException', 'OrderException', 'MarginException', 'HoldingException', 'UserException'] as const
  ).map((errorType): Row => ({
    server: `answers 400 ${errorType}`,
    play: kiteError('400 Bad Request', errorType, 'Insufficient funds.'),
    place: 'never',
    code: 'REFUSED',
    httpStatus: 400,
    retryable: false,
  })),
  {
    server: 'answers 428 HoldingException',
    play: kiteError('428 Precondition Required', 'HoldingException', 'Authorise first.'),
    place: 'never',
    code: 'REFUSED',
    httpStatus: 428,
    retryable: false,
  },
  {
    server: 'answers 400 "Order request timed out" with a known error_type',
    play: kiteError(
      '400 Bad Request',
      'OrderException',
      'Order request timed out. Please check the order book.',
    ),
    place: 'UNKNOWN',
    code: 'TIMEOUT',
    httpStatus: 400,
    retryable: true,
  },
  {
    server: 'hides "timed out" behind 5,000 other letters',
    play: kiteError('400 Bad Request', 'InputException', `${'x '.repeat(2500)} TIMED OUT`),
    place: 'UNKNOWN',
    code: 'TIMEOUT',
    httpStatus: 400,
    retryable: true,
  },
  {
    server: 'answers 400 with broken JSON',
    play: answer('400 Bad Request', 'application/json', '{"status":"error","error_type":"InputExc'),
    place: 'UNKNOWN',
    code: 'UNRECOGNISED',
    httpStatus: 400,
    retryable: false,
  },
  {
    server: 'answers 400 with an error_type nobody knows',
    play: kiteError('400 Bad Request', 'GeneralException', 'Something went wrong'),
    place: 'UNKNOWN',
    code: 'UNRECOGNISED',
    httpStatus: 400,
    retryable: false,
  },
  {
    server: 'answers 410 InputException, a status refusals do not use',
    play: kiteError('410 Gone', 'InputException', 'Gone'),
    place: 'UNKNOWN',
    code: 'UNRECOGNISED',
    httpStatus: 410,
    retryable: false,
  },
  ...(
    [
      '500 Internal Server Error',
      '502 Bad Gateway',
      '503 Service Unavailable',
      '504 Gateway Timeout',
    ] as const
  ).map((status): Row => ({
    server: `answers ${status} HTML`,
    play: answer(status, 'text/html', HTML),
    place: 'UNKNOWN',
    code: 'BROKER_FAILED',
    httpStatus: Number(status.slice(0, 3)),
    retryable: true,
  })),
  {
    server: 'answers 503 JSON NetworkException',
    play: kiteError('503 Service Unavailable', 'NetworkException', 'OMS is down'),
    place: 'UNKNOWN',
    code: 'BROKER_FAILED',
    httpStatus: 503,
    retryable: true,
  },
  {
    server: 'answers 500 JSON InputException',
    play: kiteError('500 Internal Server Error', 'InputException', 'Invalid `quantity`.'),
    place: 'UNKNOWN',
    code: 'BROKER_FAILED',
    httpStatus: 500,
    retryable: true,
  },
  {
    server: 'answers 200 HTML',
    play: answer('200 OK', 'text/html', HTML),
    place: 'UNKNOWN',
    code: 'UNREADABLE',
    httpStatus: 200,
    retryable: true,
  },
  {
    server: 'answers 200 with an empty body',
    play: answer('200 OK', 'application/json'),
    place: 'UNKNOWN',
    code: 'UNREADABLE',
    httpStatus: 200,
    retryable: true,
  },
  {
    server: 'answers 200 with broken JSON',
    play: answer('200 OK', 'application/json', '{"status":"success","data":{"order_id":"123"'),
    place: 'UNKNOWN',
    code: 'UNREADABLE',
    httpStatus: 200,
    retryable: true,
  },
  {
    server: 'answers 204',
    play: answer('204 No Content', null),
    place: 'UNKNOWN',
    code: 'UNREADABLE',
    httpStatus: 204,
    retryable: true,
  },
  {
    server: 'answers 200 JSON that carries an error_type and an order_id',
    play: jsonAnswer('200 OK', {
      status: 'success',
      error_type: 'TokenException',
      message: 'no',
      data: { order_id: '1' },
    }),
    place: 'UNKNOWN',
    code: 'UNRECOGNISED',
    httpStatus: 200,
    retryable: false,
  },
  {
    server: 'answers 200 with data of the wrong shape',
    play: kiteData({ order_id: 1953341975595868 }),
    place: 'UNKNOWN',
    code: 'UNREADABLE',
    httpStatus: 200,
    retryable: true,
  },
  {
    server: 'answers 200 with broken gzip',
    play: answer('200 OK', 'application/json', Buffer.from('1f8b0800', 'hex'), {
      'Content-Encoding': 'gzip',
    }),
    place: 'UNKNOWN',
    code: 'UNREADABLE',
    httpStatus: 200,
    retryable: true,
  },
];

const open: { close(): unknown }[] = [];

async function serve(play: Play): Promise<WireServer> {
  const server = await startWireServer(play);
  open.push(server);
  return server;
}

function brokerFor(root: string, more: Partial<Parameters<typeof createKiteBroker>[0]> = {}): KiteBroker {
  const broker = createKiteBroker({
    apiKey: 'key',
    accessToken: 'tok',
    root,
    timeoutMs: TIMEOUT_MS,
    ...more,
  });
  open.push(broker);
  return broker;
}

beforeEach(() => {
  vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:9');
  vi.stubEnv('http_proxy', 'http://127.0.0.1:9');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const resource of open.splice(0).reverse()) await resource.close();
});

async function failure(read: Promise<unknown>): Promise<BrokerError> {
  const result = await read.then(
    () => new Error('the read succeeded'),
    (error: unknown) => error,
  );
  expect(result).toBeInstanceOf(BrokerError);
  return result as BrokerError;
}

function expectOutcome(outcome: PlacementOutcome, row: Pick<Row, 'place' | 'code'>): void {
  expect(outcome).toEqual(
    row.place === 'UNKNOWN'
      ? { kind: 'UNKNOWN', reason: row.code, message: expect.any(String) as string }
      : { kind: 'NOT_PLACED', reason: row.code, retry: row.place, message: expect.any(String) as string },
  );
}

describe.each(ROWS)('when the broker $server', (row) => {
  test(`placing is ${row.place === 'UNKNOWN' ? 'UNKNOWN' : `NOT_PLACED, retry ${row.place}`} with ${row.code}`, async () => {
    const server = await serve(row.play);
    const outcome = await brokerFor(server.root).placeOrder(ORDER, { timeoutMs: timeoutOf(row) });
    expectOutcome(outcome, row);
    expect(server.requests).toHaveLength(1);
  });

  test(`reading the order book throws ${row.code}`, async () => {
    const server = await serve(row.play);
    const error = await failure(brokerFor(server.root, { timeoutMs: timeoutOf(row) }).getOrders());
    expect({
      code: error.code,
      httpStatus: error.httpStatus,
      retryable: error.retryable,
      certainlyNotDone: error.certainlyNotDone,
    }).toEqual({
      code: row.code,
      httpStatus: row.httpStatus,
      retryable: row.retryable,
      certainlyNotDone: row.place !== 'UNKNOWN',
    });
    expect(error.message.length).toBeLessThanOrEqual(400);
  });
});

describe('a connection that is refused', () => {
  const refusedRoot = async (): Promise<string> => `http://127.0.0.1:${await findFreePort()}`;

  test('leaves the order certainly not placed, to be tried again after a pause', async () => {
    const outcome = await brokerFor(await refusedRoot()).placeOrder(ORDER, { timeoutMs: TIMEOUT_MS });
    expectOutcome(outcome, { place: 'afterPause', code: 'CONNECTION_REFUSED' });
  });

  test('makes a read fail as retryable and certainly not done', async () => {
    const error = await failure(brokerFor(await refusedRoot()).getOrders());
    expect(error).toMatchObject({ code: 'CONNECTION_REFUSED', retryable: true, certainlyNotDone: true });
    expect(error.httpStatus).toBeUndefined();
  });
});

describe('a redirect', () => {
  test.each(['301 Moved Permanently', '302 Found', '307 Temporary Redirect', '308 Permanent Redirect'])(
    '%s is not followed: the order goes out once and its outcome is unknown',
    async (status) => {
      const target = await serve(kiteData({ order_id: '999' }));
      const server = await serve(
        answer(status, 'text/html', '', { Location: `${target.root}/orders/regular` }),
      );
      const broker = brokerFor(server.root);
      expectOutcome(await broker.placeOrder(ORDER, { timeoutMs: TIMEOUT_MS }), {
        place: 'UNKNOWN',
        code: 'UNREADABLE',
      });
      expect(server.requests.map((request) => request.method)).toEqual(['POST']);
      expect(target.requests).toEqual([]);
      expect(await failure(broker.getOrders())).toMatchObject({ code: 'UNREADABLE', retryable: true });
    },
  );
});

describe('an order id', () => {
  test.each([
    ['a 19-digit text is the placed order', { order_id: '1953341975595868160' }, 'PLACED'],
    ['an empty text is no evidence', { order_id: '' }, 'UNKNOWN'],
    ['a text with letters is no evidence', { order_id: 'abc' }, 'UNKNOWN'],
    ['null is no evidence', { order_id: null }, 'UNKNOWN'],
    ['null data is no evidence', null, 'UNKNOWN'],
    ['slices nobody asked for are for the order book to tell', { order_id: '1', children: [] }, 'UNKNOWN'],
  ])('%s', async (_title, data, kind) => {
    const server = await serve(kiteData(data));
    const outcome = await brokerFor(server.root).placeOrder(ORDER, { timeoutMs: TIMEOUT_MS });
    expect(outcome.kind).toBe(kind);
    if (outcome.kind === 'PLACED') expect(outcome.brokerOrderId).toBe('1953341975595868160');
  });

  test('in JSON that calls itself HTML is no evidence', async () => {
    const server = await serve(answer('200 OK', 'text/html', '{"status":"success","data":{"order_id":"1"}}'));
    const outcome = await brokerFor(server.root).placeOrder(ORDER, { timeoutMs: TIMEOUT_MS });
    expect(outcome.kind).toBe('UNKNOWN');
  });
});

describe('a session that is refused', () => {
  const refusal = kiteError('403 Forbidden', 'TokenException', 'Token is invalid or has expired.');

  test('is told once per call, with the token that was refused', async () => {
    const server = await serve(refusal);
    const refused: string[] = [];
    const broker = brokerFor(server.root, { onSessionExpired: (token) => refused.push(token) });
    await broker.placeOrder(ORDER, { timeoutMs: TIMEOUT_MS });
    await failure(broker.getOrders());
    expect(refused).toEqual(['tok', 'tok']);
  });

  test('is not told for a permission refusal', async () => {
    const server = await serve(kiteError('403 Forbidden', 'PermissionException', 'no'));
    const refused: string[] = [];
    await brokerFor(server.root, { onSessionExpired: (token) => refused.push(token) }).placeOrder(ORDER, {
      timeoutMs: TIMEOUT_MS,
    });
    expect(refused).toEqual([]);
  });

  test('keeps its outcome when the hook or the log throws', async () => {
    const server = await serve(refusal);
    const broker = brokerFor(server.root, {
      onSessionExpired: () => {
        throw new Error('hook');
      },
      log: () => {
        throw new Error('log');
      },
    });
    expectOutcome(await broker.placeOrder(ORDER, { timeoutMs: TIMEOUT_MS }), {
      place: 'afterLogin',
      code: 'SESSION_EXPIRED',
    });
  });
});

describe('nothing is sent, and the order is certainly not placed', () => {
  const cases: [
    string,
    Partial<Parameters<typeof createKiteBroker>[0]>,
    number,
    Pick<Row, 'place' | 'code'>,
  ][] = [
    [
      'when nobody is logged in',
      { accessToken: '' },
      TIMEOUT_MS,
      { place: 'afterLogin', code: 'SESSION_EXPIRED' },
    ],
    ['when no time is left', {}, 0, { place: 'afterPause', code: 'TIMEOUT' }],
    [
      'when the token cannot be read',
      { accessToken: () => Promise.reject(new Error('database is away')) },
      TIMEOUT_MS,
      { place: 'afterPause', code: 'UNRECOGNISED' },
    ],
    [
      'when the token does not come in time',
      { accessToken: () => new Promise<string>(() => undefined) },
      60,
      { place: 'afterPause', code: 'TIMEOUT' },
    ],
  ];
  test.each(cases)('%s', async (_title, more, timeoutMs, expected) => {
    const server = await serve(kiteData({ order_id: '1' }));
    expectOutcome(await brokerFor(server.root, more).placeOrder(ORDER, { timeoutMs }), expected);
    expect(server.requests).toEqual([]);
  });

  test('after close()', async () => {
    const server = await serve(kiteData({ order_id: '1' }));
    const broker = brokerFor(server.root);
    broker.close();
    expectOutcome(await broker.placeOrder(ORDER, { timeoutMs: TIMEOUT_MS }), {
      place: 'afterPause',
      code: 'UNRECOGNISED',
    });
    expect(server.requests).toEqual([]);
  });
});

test("the broker's text loses its control characters and everything after 400 letters", async () => {
  const server = await serve(
    kiteError(
      '400 Bad Request',
      'InputException',
      `bad\u0000 \u001b[31mtext\n\u202e${'y'.repeat(5_000_000)}`,
    ),
  );
  const outcome = await brokerFor(server.root).placeOrder(ORDER, { timeoutMs: TIMEOUT_MS });
  expect(outcome.kind).toBe('NOT_PLACED');
  const { message } = outcome as { message: string };
  expect(message).toHaveLength(400);
  expect(message.startsWith('bad [31mtext yyy')).toBe(true);
});

test.each([
  ['as it is', (body: Buffer) => answer('200 OK', 'application/json', body)],
  [
    'packed into 20 kB',
    (body: Buffer) => answer('200 OK', 'application/json', gzipSync(body), { 'Content-Encoding': 'gzip' }),
  ],
])('an answer over 16 MB, %s, is unreadable although it is good JSON', async (_title, playOf) => {
  const body = Buffer.alloc(17 * 1024 * 1024, ' ');
  body.write('{"status":"success","data":[]}');
  const server = await serve(playOf(body));
  expect(await failure(brokerFor(server.root).getOrders())).toMatchObject({
    code: 'UNREADABLE',
  });
});

test('a call that timed out gives its socket back', async () => {
  const server = await serve(() => undefined);
  await brokerFor(server.root).placeOrder(ORDER, { timeoutMs: 80 });
  await eventually(() => expect(server.openSockets()).toBe(0), { what: 'the end of the socket' });
});

test('a timeout is the time asked for, not what the broker was made with', async () => {
  const server = await serve((socket) => void socket.write(HEAD));
  const startedAt = performance.now();
  await brokerFor(server.root).placeOrder(ORDER, { timeoutMs: 150 });
  expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS);
});

test('sockets are reused, and an idle one does not keep the process or the server waiting for long', async () => {
  const server = await serve(kiteData({ order_id: '1' }));
  const broker = brokerFor(server.root);
  for (let i = 0; i < 5; i += 1) await broker.placeOrder(ORDER, { timeoutMs: TIMEOUT_MS });
  expect(server.acceptedSockets()).toBe(1);
  broker.close();
  await eventually(() => expect(server.openSockets()).toBe(0), { what: 'the end of the socket' });
});

test('calls in flight together keep their own outcomes and tokens', async () => {
  const rows = Array.from({ length: 60 }, (_, index) => ROWS[index % ROWS.length]!);
  const server = await serve((socket, request) => {
    const index = Number(/tag=N(\d+)/.exec(request.body)?.[1]);
    // Later calls are answered first.
    setTimeout(() => rows[index]!.play(socket, request), (60 - index) * 2);
  });
  let served = 0;
  const broker = brokerFor(server.root, { accessToken: async () => `token${served++}` });
  const outcomes = await Promise.all(
    rows.map((row, index) =>
      broker.placeOrder({ ...ORDER, tag: `N${index}` }, { timeoutMs: 5 * timeoutOf(row) }),
    ),
  );
  outcomes.forEach((outcome, index) => expectOutcome(outcome, rows[index]!));
  const tokens = server.requests.map((request) => request.headers.get('authorization'));
  expect(new Set(tokens).size).toBe(60);
});

test('an idle socket is dropped early, but never under a call that waits longer than that', async () => {
  const idleSocketMs = 1000;
  const answerId = kiteData({ order_id: '7' });
  const server = await serve((socket, request) => {
    if (request.body.includes('slow')) setTimeout(() => answerId(socket, request), 2 * idleSocketMs);
    else answerId(socket, request);
  });
  const transport = new KiteTransport({ apiKey: 'key', accessToken: 'tok', root: server.root, idleSocketMs });
  open.push(transport);
  for (const tag of ['fast', 'slow']) {
    const record = await transport.call(TIMEOUT_MS, (client) => client.placeOrder('regular', { tag }));
    expect(record.answer?.status).toBe(200);
  }
  expect(server.acceptedSockets()).toBe(1);
  await eventually(() => expect(server.openSockets()).toBe(0), { what: 'the end of the socket' });
});
