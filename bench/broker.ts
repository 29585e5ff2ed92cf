/**
 * The broker of the bench: as much of Kite's wire as the OMS needs, each order filled whole the moment it comes.
 * Books are kept per access token as ready JSON, so that this process costs as little as it can.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serveCalls, sharedNowMs } from './child.ts';
import { PRICES } from './orders.ts';

interface Book {
  readonly orders: string[];
  readonly trades: string[];
  /** Signed quantity by symbol. */
  readonly net: Map<string, number>;
}

const books = new Map<string, Book>();
const arrivals = new Map<string, number>();
const tags = new Set<string>();
const FIRST_ORDER_ID = 261_122_000_000_000;
let placements = 0;
let repeatedTags = 0;

const tokenOf = (symbol: string) => 1000 + Object.keys(PRICES).indexOf(symbol);

const INSTRUMENTS = [
  'instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange',
  ...Object.keys(PRICES).map(
    (symbol) => `${tokenOf(symbol)},${tokenOf(symbol)},${symbol},"${symbol}",0,,0,0.05,1,EQ,NSE,NSE`,
  ),
  '',
].join('\r\n');

const REFUSAL = '{"status":"error","message":"not here","error_type":"GeneralException"}';

const SEGMENT = {
  enabled: true,
  net: 1e11,
  available: { cash: 1e11, live_balance: 1e11, opening_balance: 1e11, collateral: 0, intraday_payin: 0 },
  utilised: { debits: 0, exposure: 0, m2m_realised: 0, m2m_unrealised: 0, span: 0 },
};

function bookOf(request: IncomingMessage): Book {
  const token = request.headers.authorization ?? '';
  let book = books.get(token);
  if (book === undefined) books.set(token, (book = { orders: [], trades: [], net: new Map() }));
  return book;
}

/** Kite's naive Indian time; this process runs with TZ=Asia/Kolkata or not, the text is the same. */
function istNow(): string {
  return new Date(Date.now() + 330 * 60_000).toISOString().slice(0, 19).replace('T', ' ');
}

function place(book: Book, form: URLSearchParams, arrivedMs: number): string {
  placements += 1;
  const tag = form.get('tag') ?? '';
  if (tags.has(tag)) repeatedTags += 1;
  tags.add(tag);
  const orderId = String(FIRST_ORDER_ID + placements);
  arrivals.set(orderId, arrivedMs);
  const exchangeOrderId = String(1_100_000_000_000_000 + placements);
  const symbol = form.get('tradingsymbol') ?? '';
  const at = istNow();
  const quantity = Number(form.get('quantity'));
  const signed = form.get('transaction_type') === 'BUY' ? quantity : -quantity;
  book.net.set(symbol, (book.net.get(symbol) ?? 0) + signed);
  const both = {
    order_id: orderId,
    exchange_order_id: exchangeOrderId,
    exchange: form.get('exchange'),
    tradingsymbol: symbol,
    instrument_token: tokenOf(symbol),
    transaction_type: form.get('transaction_type'),
    product: form.get('product'),
    average_price: PRICES[symbol],
    quantity,
    exchange_timestamp: at,
  };
  book.orders.push(
    JSON.stringify({
      ...both,
      placed_by: 'BENCH1',
      parent_order_id: null,
      status: 'COMPLETE',
      status_message: null,
      status_message_raw: null,
      order_timestamp: at,
      exchange_update_timestamp: at,
      variety: 'regular',
      modified: false,
      order_type: form.get('order_type'),
      validity: form.get('validity'),
      validity_ttl: 0,
      disclosed_quantity: 0,
      price: Number(form.get('price') ?? 0),
      trigger_price: 0,
      filled_quantity: quantity,
      pending_quantity: 0,
      cancelled_quantity: 0,
      market_protection: 0,
      meta: {},
      tag,
      tags: [tag],
      guid: 'XXXXX',
    }),
  );
  book.trades.push(
    JSON.stringify({
      ...both,
      trade_id: String(10_000_000 + placements),
      fill_timestamp: at,
      order_timestamp: at.slice(11),
    }),
  );
  return orderId;
}

function positionsOf({ net }: Book): string {
  const rows = [...net].map(([symbol, quantity]) => ({
    ...{ exchange: 'NSE', tradingsymbol: symbol, instrument_token: tokenOf(symbol), product: 'MIS' },
    ...{ quantity, overnight_quantity: 0, average_price: PRICES[symbol] },
  }));
  return JSON.stringify({ net: rows, day: rows });
}

function quotesOf(url: URL): string {
  const keys = url.searchParams.getAll('i');
  const quotes = keys.flatMap((key) => {
    const symbol = key.replace('NSE:', '');
    const price = PRICES[symbol];
    if (price === undefined) return [];
    const level = (offset: number) => [
      { price: Number((price + offset).toFixed(2)), quantity: 500, orders: 5 },
    ];
    return [
      [
        key,
        {
          instrument_token: tokenOf(symbol),
          timestamp: istNow(),
          last_price: price,
          ohlc: { open: price, high: price, low: price, close: price },
          lower_circuit_limit: Number((price * 0.8).toFixed(2)),
          upper_circuit_limit: Number((price * 1.2).toFixed(2)),
          depth: { buy: level(-0.05), sell: level(0.05) },
        },
      ],
    ];
  });
  return JSON.stringify(Object.fromEntries(quotes));
}

/** The margin of each order asked about: a fifth of its value, as for intraday shares. */
function marginsOf(body: string): string {
  const orders = JSON.parse(body) as { tradingsymbol: string; quantity: number; price: number }[];
  return JSON.stringify(
    orders.map((order) => ({
      type: 'equity',
      tradingsymbol: order.tradingsymbol,
      total: Number((order.quantity * order.price * 0.2).toFixed(2)),
    })),
  );
}

function answer(request: IncomingMessage, body: string, arrivedMs: number): string | null {
  const url = new URL(request.url ?? '/', 'http://broker');
  switch (`${request.method} ${url.pathname}`) {
    case 'POST /orders/regular':
      return `{"order_id":"${place(bookOf(request), new URLSearchParams(body), arrivedMs)}"}`;
    case 'GET /orders':
      return `[${bookOf(request).orders.join(',')}]`;
    case 'GET /trades':
      return `[${bookOf(request).trades.join(',')}]`;
    case 'GET /user/margins':
      return JSON.stringify({ equity: SEGMENT, commodity: SEGMENT });
    case 'GET /portfolio/positions':
      return positionsOf(bookOf(request));
    case 'GET /portfolio/holdings':
      return '[]';
    case 'POST /margins/orders':
      return marginsOf(body);
    case 'GET /quote':
      return quotesOf(url);
    default:
      return null;
  }
}

function reply(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const arrivedMs = sharedNowMs();
    const data = answer(request, Buffer.concat(parts).toString('utf8'), arrivedMs);
    if (request.url === '/instruments') reply(response, 200, 'text/csv', INSTRUMENTS);
    else if (data === null) reply(response, 404, 'application/json', REFUSAL);
    else reply(response, 200, 'application/json', `{"status":"success","data":${data}}`);
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

serveCalls({
  root: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  /** When each placement arrived, by its order id, on the shared clock. */
  arrivals: () => arrivals,
  counts: () => ({ placements, repeatedTags }),
});
