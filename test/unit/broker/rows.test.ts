import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BrokerError } from '../../../src/broker/errors.ts';
import { parseFunds, parseHoldings, parseOrders, parseTrades } from '../../../src/broker/kite/rows.ts';

const ORDER = {
  order_id: '1953341975595868160',
  exchange_order_id: null,
  parent_order_id: null,
  status: 'OPEN',
  status_message: null,
  order_timestamp: '2026-11-20 09:15:00',
  exchange_timestamp: null,
  variety: 'regular',
  exchange: 'NSE',
  tradingsymbol: 'INFY',
  instrument_token: 408065,
  order_type: 'LIMIT',
  transaction_type: 'BUY',
  validity: 'DAY',
  product: 'MIS',
  quantity: 10,
  price: 1500.05,
  trigger_price: 0,
  average_price: 0,
  filled_quantity: 0,
  tag: null,
};

const TRADE = {
  trade_id: '1',
  order_id: '2',
  exchange_order_id: '3',
  exchange: 'NSE',
  tradingsymbol: 'INFY',
  instrument_token: 408065,
  product: 'MIS',
  average_price: 1500.05,
  quantity: 1,
  transaction_type: 'SELL',
  fill_timestamp: '2026-11-20 09:16:39',
  order_timestamp: '09:16:39',
  exchange_timestamp: '2026-11-20 09:16:38',
};

describe('an order row', () => {
  test.each<[string, Record<string, unknown>]>([
    ['a status never heard of', { status: 'AMO FROZEN BY MOON' }],
    ['a field never heard of', { moon_phase: { waxing: true } }],
    ['no tags at all', { tags: undefined }],
    ['a null tag beside tags', { tags: ['mktp', 'mktp:2.00'] }],
    ['no average price while nothing is filled', { average_price: null }],
    ['null instead of a price', { price: null, trigger_price: null }],
    ['an empty text instead of a missing time', { exchange_timestamp: '' }],
  ])('with %s is read', (_title, change) => {
    expect(parseOrders([{ ...ORDER, ...change }])).toHaveLength(1);
  });

  test.each<[string, Record<string, unknown>]>([
    ['an id that is a number', { order_id: 1953341975595868 }],
    ['an empty id', { order_id: '' }],
    ['no status', { status: undefined }],
    ['a side that is neither', { transaction_type: 'SHORT' }],
    ['a fraction of a share', { quantity: 1.5 }],
    ['a negative fill', { filled_quantity: -1 }],
    ['a quantity as text', { quantity: '10' }],
    ['a price as text', { price: '1500.05' }],
    ['a fill without an average price', { filled_quantity: 1, average_price: null }],
    ['a time that is no time', { order_timestamp: '2026-02-30 09:15:00' }],
    ['a bare time', { order_timestamp: '09:15:00' }],
    ['tags that are no list', { tags: 'mktp' }],
  ])('with %s fails the whole read', (_title, change) => {
    expect(() => parseOrders([ORDER, { ...ORDER, ...change }])).toThrow(BrokerError);
  });

  test('says which field of which row could not be read', () => {
    expect(() => parseOrders([ORDER, { ...ORDER, quantity: null }])).toThrow(
      'orders[1].quantity must be a whole number from 0, but is null',
    );
  });

  test('keeps the raw row, and the raw status message when there is no other', () => {
    const row = { ...ORDER, status: 'REJECTED', status_message: '', status_message_raw: 'RMS:Rule' };
    const [order] = parseOrders([row]);
    expect(order!.raw).toBe(row);
    expect(order!.statusMessage).toBe('RMS:Rule');
  });
});

test('a list is never shortened: each read gives all rows or fails as UNREADABLE', () => {
  const anyRow = fc.oneof(
    fc.constant(ORDER),
    fc.constant(TRADE),
    fc.record(
      Object.fromEntries(Object.entries(ORDER).map(([key, value]) => [key, fc.option(fc.constant(value))])),
    ),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(fc.oneof(fc.array(anyRow, { maxLength: 4 }), fc.jsonValue()), (data) => {
      for (const parse of [parseOrders, parseTrades]) {
        try {
          expect(parse(data)).toHaveLength((data as unknown[]).length);
        } catch (error) {
          expect(error).toMatchObject({ code: 'UNREADABLE', certainlyNotDone: false });
        }
      }
    }),
  );
});

describe('holdings', () => {
  const row = { exchange: 'NSE', tradingsymbol: 'SBIN', quantity: 4, used_quantity: 3, t1_quantity: 2 };

  test('are what the account held as the day began: what was sold today and T1 shares are in it', () => {
    expect(parseHoldings([row])).toEqual([{ exchange: 'NSE', tradingsymbol: 'SBIN', openingQuantity: 9 }]);
  });

  test.each(['quantity', 'used_quantity', 't1_quantity'])(
    'are not read without %s, or short of it',
    (name) => {
      expect(() => parseHoldings([{ ...row, [name]: undefined }])).toThrow();
      expect(() => parseHoldings([{ ...row, [name]: -1 }])).toThrow();
    },
  );
});

describe('a trade', () => {
  test.each([
    ['its fill_timestamp', {}, '09:16:39'],
    ['its exchange_timestamp when there is no fill_timestamp', { fill_timestamp: null }, '09:16:38'],
    ['its exchange_timestamp when fill_timestamp is a bare time', { fill_timestamp: '09:16:39' }, '09:16:38'],
  ])('happened at %s', (_title, change, time) => {
    const [trade] = parseTrades([{ ...TRADE, ...change }]);
    expect(trade!.fillTimestamp).toEqual(new Date(`2026-11-20T${time}+05:30`));
  });

  test.each([
    ['without any instant', { fill_timestamp: null, exchange_timestamp: null }],
    ['with a fill time that is nonsense', { fill_timestamp: 'yesterday' }],
    ['of nothing', { quantity: 0 }],
    ['without a price', { average_price: null }],
  ])('%s fails the whole read', (_title, change) => {
    expect(() => parseTrades([{ ...TRADE, ...change }])).toThrow(BrokerError);
  });
});

test('a segment the account does not have is null', () => {
  const equity = { net: 1, available: { live_balance: 2, cash: 3 } };
  expect(parseFunds({ equity })).toMatchObject({ commodity: null });
  expect(() => parseFunds({ equity: { net: 1 } })).toThrow(BrokerError);
});
