import { afterEach, expect, test } from 'vitest';
import { createKiteBroker, type KiteBroker } from '../../../src/broker/kite/kite-broker.ts';
import type { BrokerOrderChange } from '../../../src/broker/port.ts';
import { decimal } from '../../../src/domain/money.ts';
import { answer, kiteData, kiteError, type Play, startWireServer, type WireServer } from './wire-server.ts';

/** Longer than a machine stops for. */
const TIMEOUT_MS = 60_000;
/** For the server that never answers: long enough for the call to reach it. */
const STALL_TIMEOUT_MS = 800;
const SILENT: Play = () => undefined;

const REF = { variety: 'regular', orderId: '260715000000001' } as const;
const CHANGE: BrokerOrderChange = {
  ...REF,
  orderType: 'LIMIT',
  quantity: 20,
  validity: 'DAY',
  price: decimal('2301.50'),
};
const DONE = kiteData({ order_id: REF.orderId });

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource.close();
});

async function connect(play: Play): Promise<{ server: WireServer; broker: KiteBroker }> {
  const server = await startWireServer(play);
  const broker = createKiteBroker({
    apiKey: 'key',
    accessToken: 'tok',
    root: server.root,
    timeoutMs: TIMEOUT_MS,
  });
  open.push(server, broker);
  return { server, broker };
}

const CALLS = [
  ['cancelOrder', (broker: KiteBroker, timeoutMs: number) => broker.cancelOrder(REF, { timeoutMs })],
  ['modifyOrder', (broker: KiteBroker, timeoutMs: number) => broker.modifyOrder(CHANGE, { timeoutMs })],
] as const;

test('a cancel goes out as DELETE with the variety and the id', async () => {
  const { server, broker } = await connect(DONE);
  expect(await broker.cancelOrder(REF, { timeoutMs: TIMEOUT_MS })).toEqual({ kind: 'ACKNOWLEDGED' });
  const [{ method, path } = { method: '', path: '' }] = server.requests;
  expect([method, path.split('?')[0]]).toEqual(['DELETE', '/orders/regular/260715000000001']);
});

test('a modify goes out as PUT with its terms alone, decimals plain and what is not set left out', async () => {
  const { server, broker } = await connect(DONE);
  expect(await broker.modifyOrder(CHANGE, { timeoutMs: TIMEOUT_MS })).toEqual({ kind: 'ACKNOWLEDGED' });
  const request = server.requests[0]!;
  expect([request.method, request.path]).toEqual(['PUT', '/orders/regular/260715000000001']);
  // The client repeats the variety and the id in the body.
  expect(Object.fromEntries(new URLSearchParams(request.body))).toEqual({
    ...{ variety: 'regular', order_id: REF.orderId },
    order_type: 'LIMIT',
    quantity: '20',
    validity: 'DAY',
    price: '2301.5',
  });
});

test('a modify to MARKET carries its protection', async () => {
  const { server, broker } = await connect(DONE);
  await broker.modifyOrder(
    { ...REF, orderType: 'MARKET', quantity: 20, validity: 'DAY' },
    { timeoutMs: TIMEOUT_MS },
  );
  expect(new URLSearchParams(server.requests[0]!.body).get('market_protection')).toBe('-1');
});

const BUSY = 'Order cannot be modified as it is being processed. Try later.';
const FAULTS: readonly (readonly [string, Play, object])[] = [
  [
    'being processed is asked again after a read of the book',
    kiteError('400 Bad Request', 'InputException', BUSY),
    { kind: 'NOT_DONE', reason: 'REFUSED', retry: 'afterRead' },
  ],
  [
    'another refusal is for ever',
    kiteError('400 Bad Request', 'InputException', 'Order cannot be cancelled as it is already COMPLETE.'),
    { kind: 'NOT_DONE', reason: 'REFUSED', retry: 'never' },
  ],
  [
    'another variety than the newest read showed is asked again after a read',
    kiteError('400 Bad Request', 'InputException', 'Invalid `variety`. This order is `regular` now.'),
    { kind: 'NOT_DONE', reason: 'REFUSED', retry: 'afterRead' },
  ],
  [
    'one modification too many is refused for certain, whatever its error type',
    kiteError('400 Bad Request', 'NetworkException', 'Maximum allowed order modifications exceeded.'),
    { kind: 'NOT_DONE', reason: 'REFUSED', retry: 'never' },
  ],
  [
    'the same words with another status say nothing',
    kiteError('503 Service Unavailable', 'NetworkException', 'Maximum allowed order modifications exceeded.'),
    { kind: 'UNKNOWN' },
  ],
  [
    'over the rate waits',
    kiteError('429 Too Many Requests', 'NetworkException', 'Too many requests'),
    { kind: 'NOT_DONE', reason: 'RATE_LIMITED', retry: 'afterPause' },
  ],
  [
    'a dead session waits for a login',
    kiteError('403 Forbidden', 'TokenException', 'Incorrect `access_token`.'),
    { kind: 'NOT_DONE', reason: 'SESSION_EXPIRED', retry: 'afterLogin' },
  ],
  [
    'words of processing in an answer that is not certain are no refusal',
    kiteError('502 Bad Gateway', 'NetworkException', BUSY),
    { kind: 'UNKNOWN', reason: 'BROKER_FAILED' },
  ],
  ['another order in the answer says nothing', kiteData({ order_id: '1' }), { kind: 'UNKNOWN' }],
  ['a success without an id says nothing', kiteData(null), { kind: 'UNKNOWN', reason: 'UNREADABLE' }],
  ['a page of HTML says nothing', answer('200 OK', 'text/html', '<html>'), { kind: 'UNKNOWN' }],
  ['no answer says nothing', SILENT, { kind: 'UNKNOWN', reason: 'TIMEOUT' }],
  ['a cut connection says nothing', (socket) => void socket.destroy(), { kind: 'UNKNOWN' }],
];

test.each(CALLS.flatMap(([name, call]) => FAULTS.map((fault) => [name, ...fault, call] as const)))(
  '%s: %s',
  async (_, __, play, outcome, call) => {
    const { server, broker } = await connect(play);
    expect(await call(broker, play === SILENT ? STALL_TIMEOUT_MS : TIMEOUT_MS)).toMatchObject(outcome);
    expect(server.requests).toHaveLength(1);
  },
);

test.each(CALLS)('%s: a refused connection certainly did nothing', async (_, call) => {
  const { server, broker } = await connect(DONE);
  await server.close();
  expect(await call(broker, TIMEOUT_MS)).toMatchObject({
    kind: 'NOT_DONE',
    reason: 'CONNECTION_REFUSED',
    retry: 'afterPause',
  });
});
