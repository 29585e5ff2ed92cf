import { gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { BrokerError } from '../../../src/broker/errors.ts';
import {
  createKiteBroker,
  type KiteBroker,
  type KiteCallEntry,
} from '../../../src/broker/kite/kite-broker.ts';
import type { BrokerOrderRequest } from '../../../src/broker/port.ts';
import { decimal } from '../../../src/domain/money.ts';
import { answer, kiteData, type Play, startWireServer, type WireServer } from './wire-server.ts';

const ORDER: BrokerOrderRequest = {
  variety: 'regular',
  exchange: 'NSE',
  tradingsymbol: 'M&M',
  transactionType: 'SELL',
  orderType: 'SL',
  product: 'MIS',
  validity: 'TTL',
  validityTtlMinutes: 5,
  quantity: 10,
  price: decimal('3000.10'),
  triggerPrice: decimal('3001'),
  disclosedQuantity: 5,
  tag: 'Sau1',
};

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource.close();
});

async function connect(
  play: Play,
  more: Partial<Parameters<typeof createKiteBroker>[0]> = {},
): Promise<{ server: WireServer; broker: KiteBroker }> {
  const server = await startWireServer(play);
  const broker = createKiteBroker({
    apiKey: 'key',
    accessToken: 'tok',
    root: server.root,
    timeoutMs: 60_000,
    ...more,
  });
  open.push(server, broker);
  return { server, broker };
}

function formOf(server: WireServer): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(server.requests.at(-1)!.body));
}

async function failureCode(read: Promise<unknown>): Promise<string> {
  const error = await read.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BrokerError);
  return (error as BrokerError).code;
}

test('an order goes out as form fields with plain decimals, and what is not set is left out', async () => {
  const { server, broker } = await connect(kiteData({ order_id: '1' }));
  expect(await broker.placeOrder(ORDER, { timeoutMs: 60_000 })).toEqual({
    kind: 'PLACED',
    brokerOrderId: '1',
  });
  const request = server.requests[0]!;
  expect([request.method, request.path]).toEqual(['POST', '/orders/regular']);
  expect(request.headers.get('authorization')).toBe('token key:tok');
  expect(request.headers.get('x-kite-version')).toBe('3');
  expect(request.headers.get('content-type')).toBe('application/x-www-form-urlencoded');
  expect(formOf(server)).toEqual({
    variety: 'regular',
    exchange: 'NSE',
    tradingsymbol: 'M&M',
    transaction_type: 'SELL',
    order_type: 'SL',
    product: 'MIS',
    validity: 'TTL',
    validity_ttl: '5',
    quantity: '10',
    price: '3000.1',
    trigger_price: '3001',
    disclosed_quantity: '5',
    tag: 'Sau1',
  });
});

test.each([
  ['MARKET', undefined, '-1'],
  ['SL-M', undefined, '-1'],
  ['MARKET', '2.5', '2.5'],
  ['LIMIT', undefined, undefined],
] as const)('%s with protection %s sends market_protection %s', async (orderType, given, sent) => {
  const { server, broker } = await connect(kiteData({ order_id: '1' }));
  const order = {
    ...ORDER,
    orderType,
    ...(given === undefined ? {} : { marketProtection: decimal(given) }),
  };
  await broker.placeOrder(order, { timeoutMs: 60_000 });
  expect(formOf(server).market_protection).toBe(sent);
});

test('the token is asked for before each call, so a new login takes effect at once', async () => {
  let token = 'first';
  const { server, broker } = await connect(kiteData([]), { accessToken: async () => token });
  await broker.getOrders();
  token = 'second';
  await broker.getTrades();
  expect(server.requests.map((request) => request.headers.get('authorization'))).toEqual([
    'token key:first',
    'token key:second',
  ]);
});

test('a root with a path prefix keeps it', async () => {
  const { server } = await connect(kiteData([]));
  const broker = createKiteBroker({
    apiKey: 'key',
    accessToken: 'tok',
    root: `${server.root}/oms`,
    timeoutMs: 60_000,
  });
  open.push(broker);
  expect(await broker.getOrders()).toEqual([]);
  expect(server.requests[0]!.path).toBe('/oms/orders');
});

test('margins are asked for in compact mode as JSON numbers, and answer with one total per order', async () => {
  const { server, broker } = await connect(
    kiteData([
      { tradingsymbol: 'M&M', total: 30001.5 },
      { tradingsymbol: 'INFY', total: 0.1 },
    ]),
  );
  const market: BrokerOrderRequest = {
    variety: 'amo',
    exchange: 'NSE',
    tradingsymbol: 'INFY',
    transactionType: 'BUY',
    orderType: 'MARKET',
    product: 'CNC',
    validity: 'DAY',
    quantity: 1,
  };
  const totals = await broker.getOrderMargins([ORDER, market]);
  expect(totals.map(String)).toEqual(['30001.5', '0.1']);
  const request = server.requests[0]!;
  expect([request.method, request.path]).toEqual(['POST', '/margins/orders?mode=compact']);
  expect((JSON.parse(request.body) as unknown[])[1]).toEqual({
    exchange: 'NSE',
    tradingsymbol: 'INFY',
    transaction_type: 'BUY',
    variety: 'amo',
    product: 'CNC',
    order_type: 'MARKET',
    quantity: 1,
    price: 0,
    trigger_price: 0,
  });
});

test.each([
  ['fewer rows than orders', [{ tradingsymbol: 'M&M', total: 1 }]],
  [
    'rows in another order',
    [
      { tradingsymbol: 'INFY', total: 1 },
      { tradingsymbol: 'M&M', total: 1 },
    ],
  ],
])('margins with %s are unreadable', async (_title, data) => {
  const { broker } = await connect(kiteData(data));
  expect(await failureCode(broker.getOrderMargins([ORDER, { ...ORDER, tradingsymbol: 'INFY' }]))).toBe(
    'UNREADABLE',
  );
});

test('the margin beside what is held is the final total of a basket that considers positions', async () => {
  const { server, broker } = await connect(kiteData({ initial: { total: 90000 }, final: { total: 1250.5 } }));
  expect((await broker.getAddedMargin(ORDER)).toFixed()).toBe('1250.5');
  const request = server.requests[0]!;
  expect(request.method).toBe('POST');
  expect(request.path).toMatch(/^\/margins\/basket\?/);
  expect(Object.fromEntries(new URL(request.path, 'http://x').searchParams)).toEqual({
    consider_positions: 'true',
    mode: 'compact',
  });
  expect(JSON.parse(request.body)).toHaveLength(1);
  const bad = await connect(kiteData({ initial: { total: 1 } }));
  expect(await failureCode(bad.broker.getAddedMargin(ORDER))).toBe('UNREADABLE');
});

test('quotes ask for each key, and a key the broker does not know is absent', async () => {
  const { server, broker } = await connect(kiteData({ 'NSE:M&M': { last_price: 3000.05 }, 'NSE:X': null }));
  const keys = ['NSE:M&M', 'NSE:NIFTY 50', 'NSE:X', 'constructor'];
  const prices = await broker.getLastPrices(keys);
  expect([...prices].map(([key, price]) => [key, price.toFixed()])).toEqual([['NSE:M&M', '3000.05']]);
  expect(server.requests[0]!.path).toBe('/quote/ltp?i=NSE%3AM%26M&i=NSE%3ANIFTY+50&i=NSE%3AX&i=constructor');
});

test('an index has a quote without depth and circuits', async () => {
  const { server, broker } = await connect(
    kiteData({
      'NSE:NIFTY 50': { last_price: 25000.5, timestamp: '2026-11-20 15:30:00', ohlc: { close: 24900 } },
    }),
  );
  const quote = (await broker.getQuotes(['NSE:NIFTY 50'])).get('NSE:NIFTY 50')!;
  expect(server.requests[0]!.path).toBe('/quote?i=NSE%3ANIFTY+50');
  expect(quote).toEqual({
    lastPrice: decimal('25000.5'),
    previousClose: decimal('24900'),
    bestBid: null,
    bestOffer: null,
    lowerCircuit: null,
    upperCircuit: null,
    at: new Date('2026-11-20T15:30:00+05:30'),
  });
});

test('more keys than Kite takes are refused before anything is sent, and none need no call', async () => {
  const { server, broker } = await connect(kiteData({}));
  const keys = Array.from({ length: 1001 }, (_, index) => `NSE:S${index}`);
  await expect(broker.getLastPrices(keys)).rejects.toThrow('1001 keys');
  await expect(broker.getQuotes(keys.slice(0, 501))).rejects.toThrow('501 keys');
  expect(await broker.getQuotes([])).toEqual(new Map());
  expect(await broker.getOrderMargins([])).toEqual([]);
  expect(server.requests).toEqual([]);
});

const CSV =
  'instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange\r\n' +
  '408065,1594,INFY,INFOSYS,0.0,,0.0,0.1,1,EQ,NSE,NSE\r\n' +
  '12345602,48225,NIFTY26NOV25000CE,"NIFTY, ""50""",0.0,2026-11-24,25000.0,0.05,75,CE,NFO-OPT,NFO\r\n';

test.each([
  ['text/csv', false],
  ['text/csv; charset=utf-8', false],
  ['text/csv', true],
])('instruments as %s, packed: %s, are read without the blank last row', async (contentType, isPacked) => {
  const play = isPacked
    ? answer('200 OK', contentType, gzipSync(CSV), { 'Content-Encoding': 'gzip' })
    : answer('200 OK', contentType, CSV);
  const { server, broker } = await connect(play);
  const instruments = await broker.getInstruments('NFO');
  expect(server.requests[0]!.path).toBe('/instruments/NFO?exchange=NFO');
  expect(server.requests[0]!.headers.get('accept-encoding')).toBe('gzip');
  expect(instruments).toHaveLength(2);
  expect(instruments[1]).toEqual({
    instrumentToken: 12345602,
    exchangeToken: 48225,
    tradingsymbol: 'NIFTY26NOV25000CE',
    name: 'NIFTY, "50"',
    expiry: '2026-11-24',
    strike: decimal('25000'),
    tickSize: decimal('0.05'),
    lotSize: 75,
    instrumentType: 'CE',
    segment: 'NFO-OPT',
    exchange: 'NFO',
  });
});

test('all instruments are asked for without an exchange', async () => {
  const { server, broker } = await connect(answer('200 OK', 'text/csv', CSV));
  expect(await broker.getInstruments()).toHaveLength(2);
  expect(server.requests[0]!.path).toBe('/instruments');
});

test.each<[string, Play]>([
  ['as HTML', answer('200 OK', 'text/html', CSV)],
  [
    'as a gzip stream cut short',
    answer('200 OK', 'text/csv', gzipSync(CSV).subarray(0, -12), { 'Content-Encoding': 'gzip' }),
  ],
  [
    'ended only by the end of the connection',
    (socket) => void socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n${CSV}`),
  ],
  ['with a column missing', answer('200 OK', 'text/csv', CSV.replaceAll('tick_size', 'tick'))],
  ['with a row too short', answer('200 OK', 'text/csv', `${CSV}1,2,X\r\n`)],
  ['with a tick size that is no number', answer('200 OK', 'text/csv', CSV.replace(',0.1,', ',NaN,'))],
  ['with a token that is no whole number', answer('200 OK', 'text/csv', CSV.replace('408065', '4e5'))],
  ['with an expiry that is no date', answer('200 OK', 'text/csv', CSV.replace('2026-11-24', '2026-11-31'))],
  ['with a quote that does not end', answer('200 OK', 'text/csv', CSV.replace('""50"""', '50'))],
  ['empty', answer('200 OK', 'text/csv', '')],
])('instruments %s are unreadable', async (_title, play) => {
  const { broker } = await connect(play);
  expect(await failureCode(broker.getInstruments())).toBe('UNREADABLE');
});

test('every call is told to the log with its status and fault, and nothing else', async () => {
  const entries: KiteCallEntry[] = [];
  const { server, broker } = await connect(kiteData([]), { log: (entry) => entries.push(entry) });
  await broker.getOrders();
  await failureCode(broker.getMargins());
  server.play = (socket) => void socket.end();
  await broker.placeOrder(ORDER, { timeoutMs: 60_000 });
  expect(entries.map(({ durationMs, ...rest }) => ({ ...rest, isTimed: durationMs > 0 }))).toEqual([
    { call: 'getOrders', fault: null, httpStatus: 200, isTimed: true },
    { call: 'getMargins', fault: 'UNREADABLE', httpStatus: 200, isTimed: true },
    { call: 'placeOrder', fault: 'CONNECTION_LOST', httpStatus: null, isTimed: true },
  ]);
});
