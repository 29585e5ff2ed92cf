import { describe, expect, it } from 'vitest';
import { orderRowCache, parseOrders } from '../../../src/broker/kite/rows.ts';

const ROW = {
  order_id: '1953341975595868160',
  exchange_order_id: null,
  parent_order_id: null,
  status: 'OPEN',
  status_message: null,
  order_timestamp: '2026-11-20 09:16:00',
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
  price: 1500,
  trigger_price: 0,
  average_price: 0,
  filled_quantity: 0,
  meta: {},
  tag: 'abc',
  tags: ['abc'],
};
const copy = (change: object = {}) => ({ ...structuredClone(ROW), ...change });

describe('rows of two reads of the book', () => {
  it('that are equal in every field give the same value', () => {
    const cache = orderRowCache();
    const [first] = parseOrders([copy()], cache);
    expect(parseOrders([copy()], cache)[0]).toBe(first);
  });

  it.each([
    ['status', { status: 'COMPLETE' }],
    ['filled_quantity', { filled_quantity: 5, average_price: 1500 }],
    ['an element of tags', { tags: ['abc', 'mktp'] }],
    ['a field nobody reads', { modified: true }],
  ])('that differ in %s are read anew', (_, change) => {
    const cache = orderRowCache();
    const [first] = parseOrders([copy()], cache);
    const [second] = parseOrders([copy(change)], cache);
    expect(second).not.toBe(first);
    expect(second?.raw).toMatchObject(change);
  });

  it('still fail the whole read when one can not be read', () => {
    const cache = orderRowCache();
    parseOrders([copy()], cache);
    expect(() => parseOrders([copy(), copy({ order_id: '2', quantity: 'ten' })], cache)).toThrow();
    expect(parseOrders([copy()], cache)).toHaveLength(1);
  });

  it('are forgotten once a read does not hold them', () => {
    const cache = orderRowCache();
    const [first] = parseOrders([copy()], cache);
    parseOrders([], cache);
    expect(parseOrders([copy()], cache)[0]).not.toBe(first);
  });
});
