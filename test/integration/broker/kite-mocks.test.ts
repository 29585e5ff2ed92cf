import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKiteBroker, type KiteBroker } from '../../../src/broker/kite/kite-broker.ts';
import type { BrokerOrderRequest } from '../../../src/broker/port.ts';
import { answer, startWireServer, type WireServer } from './wire-server.ts';

/** Zerodha's own sample bodies lie beside the project, when they are there at all. */
const MOCKS = join(import.meta.dirname, '../../../../shared/kite-mocks');

describe.skipIf(!existsSync(MOCKS))("Zerodha's sample bodies", () => {
  let server: WireServer;
  let broker: KiteBroker;

  beforeEach(async () => {
    server = await startWireServer(() => undefined);
    broker = createKiteBroker({ apiKey: 'key', accessToken: 'tok', root: server.root, timeoutMs: 60_000 });
  });

  afterEach(async () => {
    broker.close();
    await server.close();
  });

  function serve(file: string): unknown {
    const body = readFileSync(join(MOCKS, file));
    server.play = answer('200 OK', file.endsWith('.csv') ? 'text/csv' : 'application/json', body);
    return file.endsWith('.csv') ? body.toString() : JSON.parse(body.toString());
  }

  test('orders.json: every row is there, ids are the text they were, tags are kept', async () => {
    const rows = (serve('orders.json') as { data: Record<string, unknown>[] }).data;
    const orders = await broker.getOrders();
    expect(orders.map((order) => order.raw)).toEqual(rows);
    expect(orders.map((order) => order.orderId)).toEqual(rows.map((row) => row.order_id));
    expect(orders.some((order) => order.orderId.length === 19)).toBe(true);
    expect(orders.some((order) => order.tag === null && order.tags.length > 0)).toBe(true);
    expect(orders.map((order) => order.price.toFixed())).toEqual(rows.map((row) => String(row.price)));
    expect(orders[1]).toMatchObject({
      status: 'COMPLETE',
      filledQuantity: 1,
      orderTimestamp: new Date('2021-05-31T15:20:28+05:30'),
    });
  });

  test('trades.json: a fill has its full instant although order_timestamp is a bare time', async () => {
    const rows = (serve('trades.json') as { data: unknown[] }).data;
    const trades = await broker.getTrades();
    expect(trades.map((trade) => trade.raw)).toEqual(rows);
    expect(trades[0]).toMatchObject({
      tradeId: '10000000',
      quantity: 1,
      fillTimestamp: new Date('2021-05-31T09:16:39+05:30'),
    });
    expect(trades[0]!.price.toFixed()).toBe('420.65');
  });

  test('margins.json: funds by segment, to the digit', async () => {
    serve('margins.json');
    const funds = await broker.getMargins();
    expect(funds.equity!.net.toFixed()).toBe('99725.05000000002');
    expect(funds.equity!.cash.toFixed()).toBe('245431.6');
    expect(funds.commodity!.liveBalance.toFixed()).toBe('100661.7');
  });

  test('holdings.json: shares as the day began', async () => {
    serve('holdings.json');
    expect(await broker.getHoldings()).toEqual([
      { exchange: 'NSE', tradingsymbol: 'AARON', openingQuantity: 1 },
      { exchange: 'BSE', tradingsymbol: 'SBIN', openingQuantity: 16 },
    ]);
  });

  test('quote.json: an empty side of the book is no bid', async () => {
    serve('quote.json');
    const quote = (await broker.getQuotes(['NSE:INFY'])).get('NSE:INFY')!;
    expect(quote.bestBid).toBeNull();
    expect(
      [quote.lastPrice, quote.bestOffer, quote.previousClose, quote.lowerCircuit, quote.upperCircuit].map(
        (price) => price?.toFixed(),
      ),
    ).toEqual(['1412.95', '1412.95', '1389.65', '1250.7', '1528.6']);
    expect(quote.at).toEqual(new Date('2021-06-08T15:45:56+05:30'));
  });

  test('ltp.json and order_margins.json: a price and a total', async () => {
    serve('ltp.json');
    expect((await broker.getLastPrices(['NSE:INFY'])).get('NSE:INFY')!.toFixed()).toBe('1074.35');
    serve('order_margins.json');
    const order = { exchange: 'NSE', tradingsymbol: 'INFY' } as BrokerOrderRequest;
    expect((await broker.getOrderMargins([order])).map(String)).toEqual(['1498']);
  });

  test('order_response.json is a placement, autoslice_response.json is one for the order book to tell', async () => {
    const order = { variety: 'regular', exchange: 'NSE', tradingsymbol: 'INFY' } as BrokerOrderRequest;
    serve('order_response.json');
    expect(await broker.placeOrder(order, { timeoutMs: 60_000 })).toEqual({
      kind: 'PLACED',
      brokerOrderId: '151220000000000',
    });
    serve('autoslice_response.json');
    expect((await broker.placeOrder(order, { timeoutMs: 60_000 })).kind).toBe('UNKNOWN');
  });

  test.each(['instruments_all.csv', 'instruments_nse.csv'])(
    '%s: one instrument per line, no blank one',
    async (file) => {
      const lines = (serve(file) as string).trimEnd().split('\r\n');
      const instruments = await broker.getInstruments();
      expect(instruments.map((instrument) => instrument.tradingsymbol)).toEqual(
        lines.slice(1).map((line) => line.split(',')[2]),
      );
    },
  );
});

describe('times', () => {
  const zone = process.env.TZ;
  afterEach(() => {
    process.env.TZ = zone;
  });

  test('are the same instants in every time zone the process may run in', async () => {
    const order = {
      order_id: '1',
      status: 'OPEN',
      exchange: 'NSE',
      tradingsymbol: 'INFY',
      instrument_token: 1,
      transaction_type: 'BUY',
      order_type: 'LIMIT',
      product: 'MIS',
      variety: 'regular',
      validity: 'DAY',
      quantity: 1,
      filled_quantity: 0,
      order_timestamp: '2026-03-08 02:30:00',
      exchange_timestamp: '2026-03-08 02:30:01',
    };
    const server = await startWireServer(
      answer('200 OK', 'application/json', JSON.stringify({ status: 'success', data: [order] })),
    );
    const broker = createKiteBroker({
      apiKey: 'key',
      accessToken: 'tok',
      root: server.root,
      timeoutMs: 60_000,
    });
    const local = new Set<number>();
    for (const name of ['UTC', 'Asia/Kolkata', 'America/New_York']) {
      process.env.TZ = name;
      local.add(new Date('2026-03-08 02:30:00').getTime());
      const [row] = await broker.getOrders();
      expect(row!.orderTimestamp).toEqual(new Date('2026-03-07T21:00:00Z'));
      expect(row!.exchangeTimestamp).toEqual(new Date('2026-03-07T21:00:01Z'));
    }
    // The zone did change under the process: its own parsing gave three different answers.
    expect(local.size).toBe(3);
    broker.close();
    await server.close();
  });
});
