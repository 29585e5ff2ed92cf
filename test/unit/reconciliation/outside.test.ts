import { describe, expect, it } from 'vitest';
import type { BrokerOrder } from '../../../src/broker/port.ts';
import { ZERO, decimal } from '../../../src/domain/money.ts';
import { belongsTo } from '../../../src/reconciliation/orders.ts';
import { addressVariety, endedBy, outsideTerms, placedBy } from '../../../src/reconciliation/outside.ts';
import { T0, order } from '../risk/fixtures.ts';

function row(changes: Partial<BrokerOrder> = {}): BrokerOrder {
  return {
    orderId: '1953341975595868160',
    exchangeOrderId: null,
    parentOrderId: null,
    status: 'OPEN',
    statusMessage: null,
    exchange: 'NSE',
    tradingsymbol: 'RELIANCE',
    instrumentToken: 738561,
    transactionType: 'BUY',
    orderType: 'LIMIT',
    product: 'MIS',
    variety: 'regular',
    validity: 'DAY',
    quantity: 10,
    filledQuantity: 0,
    price: decimal(2450),
    triggerPrice: ZERO,
    averagePrice: ZERO,
    orderTimestamp: T0,
    exchangeTimestamp: null,
    tag: null,
    tags: [],
    raw: { placed_by: 'AB1234', account_id: 'AB1234' },
    ...changes,
  };
}

describe('an order placed elsewhere', () => {
  it.each([
    ['by the account’s user', {}, 'USER'],
    ['by RMS, as its row says', { raw: { placed_by: 'RMS', account_id: 'AB1234' } }, 'BROKER'],
    ['by RMS, as its message says', { statusMessage: 'RMS: auto square off' }, 'BROKER'],
    ['by nobody knows whom', { raw: {} }, 'UNKNOWN'],
  ] as const)('is known to be placed %s', (_, changes, by) => {
    expect(placedBy(row(changes))).toBe(by);
  });

  it.each([
    ['LIMIT', { price: decimal(100) }, 'LIMIT'],
    ['SL', { price: decimal(100), triggerPrice: decimal(99) }, 'SL'],
    ['SL-M', { price: ZERO, triggerPrice: decimal(99) }, 'SL-M'],
    ['MARKET', { price: ZERO }, 'MARKET'],
    // Without the prices that belong to its type it is followed as a market order.
    ['LIMIT', { price: ZERO }, 'MARKET'],
    ['SL', { price: decimal(100), triggerPrice: ZERO }, 'MARKET'],
    ['ICEBERG', { price: decimal(100) }, 'MARKET'],
  ] as const)('of type %s has terms that can be stored', (orderType, changes, stored) => {
    const terms = outsideTerms(row({ orderType, ...changes }));
    expect(terms?.orderType).toBe(stored);
    expect(terms?.price === null).toBe(stored === 'MARKET' || stored === 'SL-M');
    expect(terms?.triggerPrice === null).toBe(stored === 'MARKET' || stored === 'LIMIT');
  });

  it('keeps what tells where it came from, and its 19 digits as they are', () => {
    expect(outsideTerms(row({ variety: 'iceberg', parentOrderId: 'p' }))?.metadata).toEqual({
      outside: {
        by: 'USER',
        placedBy: 'AB1234',
        tag: null,
        variety: 'iceberg',
        guid: null,
        parentOrderId: 'p',
        statusMessage: null,
      },
    });
  });

  it('of an exchange or product that nobody here knows has no terms', () => {
    expect(outsideTerms(row({ product: 'CO' }))).toBeNull();
    expect(outsideTerms(row({ exchange: 'NCDEX' }))).toBeNull();
  });
});

describe('an end that nobody here asked for', () => {
  const DAY = { validity: 'DAY' } as const;
  it.each([
    ['a message of self trade prevention', DAY, { statusMessage: 'Self trade prevention' }, 'SELF_TRADE'],
    ['a message of a trading halt', DAY, { statusMessage: 'Security is suspended from trading' }, 'HALT'],
    ['the broker that names a halt', DAY, { statusMessage: 'RMS: trading halted' }, 'HALT'],
    ['a message of RMS', DAY, { statusMessage: 'RMS:Rule: Check holdings' }, 'RMS'],
    ['another message', DAY, { statusMessage: 'Price band' }, 'EXCHANGE'],
    ['validity IOC', { validity: 'IOC' } as const, {}, 'VALIDITY'],
    ['the rest shown as cancelled', DAY, { raw: { cancelled_quantity: 10 } }, 'USER'],
    ['the rest shown as pending', DAY, { raw: { pending_quantity: 10, cancelled_quantity: 0 } }, 'EXCHANGE'],
    ['a part filled', DAY, { filledQuantity: 4, raw: { cancelled_quantity: 6 } }, 'UNKNOWN'],
    ['a row that says nothing', DAY, { raw: {} }, 'UNKNOWN'],
  ] as const)('with %s', (_, of, changes, by) => {
    expect(endedBy(of, row({ status: 'CANCELLED', ...changes }))).toBe(by);
  });
});

describe('a row with the broker order id of an order', () => {
  const ours = order({ attemptTag: 'Tag1', tradingDay: '2026-07-15', status: 'FILLED' });
  const nextDay = new Date(T0.getTime() + 24 * 3_600_000);

  it('is of that order by its tag, on whatever day', () => {
    expect(belongsTo(ours, row({ tag: 'Tag1', orderTimestamp: nextDay }), nextDay)).toBe(true);
    expect(belongsTo(ours, row({ tags: ['mktp', 'Tag1'], orderTimestamp: nextDay }), nextDay)).toBe(true);
  });

  it('without a tag is of that order on its day alone: the broker uses ids again', () => {
    expect(belongsTo(ours, row(), T0)).toBe(true);
    expect(belongsTo(ours, row({ orderTimestamp: nextDay }), nextDay)).toBe(false);
  });

  it('is of an after-market order that is not finished on any day', () => {
    const amo = order({ variety: 'amo', tradingDay: '2026-07-15', status: 'SUBMITTED' });
    expect(belongsTo(amo, row({ orderTimestamp: nextDay }), nextDay)).toBe(true);
  });
});

describe('the variety in the address of a command', () => {
  it.each([
    ['amo', 'AMO REQ RECEIVED', 'amo'],
    ['amo', null, 'amo'],
    ['amo', 'OPEN', 'regular'],
    ['amo', 'TRIGGER PENDING', 'regular'],
    ['regular', 'OPEN', 'regular'],
    ['iceberg', 'OPEN', 'iceberg'],
    ['co', 'TRIGGER PENDING', 'co'],
    ['auction', null, 'auction'],
    ['test', 'OPEN', 'regular'],
    [undefined, 'OPEN', 'regular'],
  ])('of a row that says %s and %s is %s', (variety, status, address) => {
    expect(addressVariety({ variety, status })).toBe(address);
  });
});
