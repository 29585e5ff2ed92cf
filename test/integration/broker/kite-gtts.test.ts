import { afterEach, describe, expect, test } from 'vitest';
import { createKiteBroker, type KiteBroker } from '../../../src/broker/kite/kite-broker.ts';
import type { BrokerGttTerms } from '../../../src/broker/port.ts';
import { decimal } from '../../../src/domain/money.ts';
import { answer, kiteData, kiteError, type Play, startWireServer, type WireServer } from './wire-server.ts';

/** Longer than a machine stops for. */
const TIMEOUT = { timeoutMs: 60_000 };
const TERMS: BrokerGttTerms = {
  ...{ exchange: 'NSE', tradingsymbol: 'INFY', transactionType: 'SELL', product: 'CNC', quantity: 5 },
  lastPrice: decimal('798'),
  legs: [
    { trigger: decimal('702.05'), price: decimal('701') },
    { trigger: decimal('850'), price: decimal('850') },
  ],
};
/** As gtt_get_order.json, shortened. */
const ROW = {
  ...{ id: 123, user_id: 'XX0000', type: 'two-leg', status: 'triggered', created_at: '2019-09-09 15:13:22' },
  condition: { exchange: 'NSE', tradingsymbol: 'RAIN', last_price: 102.6, trigger_values: [102.0, 103.7] },
  orders: [
    { transaction_type: 'SELL', product: 'CNC', quantity: 1, price: 1, result: null },
    {
      ...{ transaction_type: 'SELL', product: 'CNC', quantity: 1, price: 1 },
      result: { order_result: { status: 'failed', order_id: '', rejection_reason: 'below the circuit' } },
    },
  ],
};

const DROPS: Play = (socket) => void socket.destroy();

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource.close();
});

async function connect(play: Play): Promise<{ server: WireServer; broker: KiteBroker }> {
  const server = await startWireServer(play);
  const broker = createKiteBroker({ apiKey: 'key', accessToken: 'tok', root: server.root, ...TIMEOUT });
  open.push(server, broker);
  return { server, broker };
}

describe('a GTT of the Kite adapter', () => {
  test('goes out as a form with its condition and its orders as JSON', async () => {
    const { server, broker } = await connect(kiteData({ trigger_id: 123 }));
    expect(await broker.placeGtt(TERMS, TIMEOUT)).toEqual({ kind: 'PLACED', triggerId: '123' });
    expect(await broker.modifyGtt('123', TERMS, TIMEOUT)).toEqual({ kind: 'ACKNOWLEDGED' });
    expect(await broker.cancelGtt('123', TIMEOUT)).toEqual({ kind: 'ACKNOWLEDGED' });
    expect(server.requests.map(({ method, path }) => [method, path.split('?')[0]])).toEqual([
      ['POST', '/gtt/triggers'],
      ['PUT', '/gtt/triggers/123'],
      ['DELETE', '/gtt/triggers/123'],
    ]);
    const form = new URLSearchParams(server.requests[0]!.body);
    expect(form.get('type')).toBe('two-leg');
    expect(JSON.parse(form.get('condition') ?? '')).toEqual({
      ...{ exchange: 'NSE', tradingsymbol: 'INFY', last_price: 798 },
      trigger_values: [702.05, 850],
    });
    expect(JSON.parse(form.get('orders') ?? '')).toMatchObject([
      { transaction_type: 'SELL', order_type: 'LIMIT', product: 'CNC', quantity: 5, price: 701 },
      { price: 850 },
    ]);
  });

  test.each([
    ['a refusal', kiteError('400 Bad Request', 'InputException', 'no'), 'NOT_PLACED', 'NOT_DONE'],
    ['a bad gateway', answer('502 Bad Gateway', 'text/html', '<html>'), 'UNKNOWN', 'UNKNOWN'],
    ['a success that names another', kiteData({ trigger_id: '9' }), 'UNKNOWN', 'UNKNOWN'],
    ['a connection that is cut', DROPS, 'UNKNOWN', 'UNKNOWN'],
  ])('knows what %s leaves open', async (_, play, placed, done) => {
    const { broker } = await connect(play);
    expect((await broker.placeGtt(TERMS, TIMEOUT)).kind).toBe(placed);
    expect((await broker.modifyGtt('123', TERMS, TIMEOUT)).kind).toBe(done);
    expect((await broker.cancelGtt('123', TIMEOUT)).kind).toBe(done);
  });

  test('is read with its legs and what became of them', async () => {
    const { server, broker } = await connect(kiteData([ROW]));
    const [gtt] = await broker.getGtts();
    expect(gtt).toMatchObject({
      ...{ triggerId: '123', status: 'triggered', exchange: 'NSE', tradingsymbol: 'RAIN' },
      createdAt: new Date('2019-09-09T15:13:22+05:30'),
      legs: [
        { product: 'CNC', quantity: 1, result: null },
        { result: { orderId: null, reason: 'below the circuit' } },
      ],
    });
    expect(gtt?.legs.map(({ trigger }) => trigger.toFixed())).toEqual(['102', '103.7']);
    server.play = kiteData([{ ...ROW, orders: ROW.orders.slice(1) }]);
    await expect(broker.getGtts()).rejects.toMatchObject({ code: 'UNREADABLE' });
  });
});
