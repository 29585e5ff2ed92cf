import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BrokerOrder, BrokerTrade } from '../../../src/broker/port.ts';
import { istDateOf } from '../../../src/domain/calendar.ts';
import { decimal } from '../../../src/domain/money.ts';
import { type RecordedTrade, tradeDifferences } from '../../../src/reconciliation/trades.ts';
import { T0, at } from '../risk/fixtures.ts';

const DAY = istDateOf(T0);

function recorded(tradeId: string, quantity: number, changes: Partial<RecordedTrade> = {}): RecordedTrade {
  return {
    exchange: 'NSE',
    tradeDate: DAY,
    brokerOrderId: 'b1',
    tradeId,
    side: 'BUY',
    quantity,
    price: decimal('2300'),
    tradedAt: T0,
    annulledAt: null,
    ...changes,
  };
}

function shown(tradeId: string, quantity: number, changes: Partial<BrokerTrade> = {}): BrokerTrade {
  return {
    tradeId,
    orderId: 'b1',
    exchangeOrderId: 'X1',
    exchange: 'NSE',
    tradingsymbol: 'RELIANCE',
    instrumentToken: 1,
    transactionType: 'BUY',
    product: 'MIS',
    quantity,
    price: decimal('2300.00'),
    fillTimestamp: T0,
    raw: {},
    ...changes,
  };
}

const row = (filledQuantity: number, changes: Partial<BrokerOrder> = {}): BrokerOrder =>
  ({ orderId: 'b1', filledQuantity, orderTimestamp: T0, ...changes }) as BrokerOrder;

const differences = (
  known: readonly RecordedTrade[],
  book: readonly BrokerOrder[],
  trades: readonly BrokerTrade[],
) =>
  tradeDifferences(known, { book, trades, readAt: at(60) }).map(({ row: of, to }) => [
    of.tradeId,
    to === null ? null : [to.quantity, to.price.toFixed()],
  ]);

describe('recorded trades and the tradebook', () => {
  const both = [recorded('t1', 4), recorded('t2', 6)];

  it('that say the same differ in nothing', () => {
    expect(differences(both, [row(10)], [shown('t2', 6), shown('t1', 4)])).toEqual([]);
  });

  it('differ by a trade that is gone, when the order has so much less', () => {
    expect(differences(both, [row(6)], [shown('t2', 6)])).toEqual([['t1', null]]);
    expect(differences([recorded('t1', 4)], [row(0)], [])).toEqual([['t1', null]]);
  });

  it('differ by a trade with another price or quantity', () => {
    const dearer = shown('t1', 4, { price: decimal('2301') });
    expect(differences(both, [row(10)], [dearer, shown('t2', 6)])).toEqual([['t1', [4, '2301']]]);
    expect(differences(both, [row(9)], [shown('t1', 3), shown('t2', 6)])).toEqual([['t1', [3, '2300']]]);
  });

  it('differ by a trade that was taken back and is there again', () => {
    const taken = recorded('t1', 4, { annulledAt: at(9) });
    expect(differences([taken], [row(4)], [shown('t1', 4)])).toEqual([['t1', [4, '2300']]]);
    expect(differences([taken], [row(0)], [])).toEqual([]);
  });

  it('say nothing where the tradebook is not whole for the order', () => {
    // Cut short: the order still has ten.
    expect(differences(both, [row(10)], [shown('t2', 6)])).toEqual([]);
    expect(differences(both, [row(10)], [])).toEqual([]);
    // The other way about: the order's row is the older one.
    expect(differences(both, [row(6)], [shown('t1', 4), shown('t2', 6)])).toEqual([]);
  });

  it('say nothing of an order that the book does not hold, or that is of another day', () => {
    expect(differences(both, [], [])).toEqual([]);
    const tomorrow = new Date(T0.getTime() + 24 * 3_600_000);
    expect(differences(both, [row(0, { orderTimestamp: tomorrow })], [])).toEqual([]);
  });

  it('are told apart by side, exchange and date: a shared trade id is no identity', () => {
    const sale = recorded('t1', 4, { side: 'SELL' });
    expect(differences([sale], [row(4)], [shown('t1', 4)])).toEqual([['t1', null]]);
  });

  it('name the same difference by the same text, and another by another', () => {
    const sightings = (trades: readonly BrokerTrade[], filled: number) =>
      tradeDifferences(both, { book: [row(filled)], trades, readAt: at(60) }).map(({ sighting }) => sighting);
    const gone = sightings([shown('t2', 6)], 6);
    expect(gone).toHaveLength(1);
    expect(sightings([shown('t2', 6)], 6)).toEqual(gone);
    expect(sightings([shown('t1', 3), shown('t2', 6)], 9)).not.toEqual(gone);
  });

  it('once corrected as told are no difference any more', () => {
    const trade = fc.record({
      id: fc.integer({ min: 1, max: 6 }).map((n) => `t${n}`),
      quantity: fc.integer({ min: 1, max: 5 }),
      paise: fc.integer({ min: 1, max: 999_999 }),
    });
    const lists = fc.uniqueArray(trade, { selector: ({ id }) => id, maxLength: 6 });
    fc.assert(
      fc.property(lists, lists, (before, now) => {
        const price = (paise: number) => decimal(paise).div(100);
        const known = before.map(({ id, quantity, paise }) =>
          recorded(id, quantity, { price: price(paise) }),
        );
        const trades = now.map(({ id, quantity, paise }) => shown(id, quantity, { price: price(paise) }));
        const book = [row(trades.reduce((sum, one) => sum + one.quantity, 0))];
        const told = tradeDifferences(known, { book, trades, readAt: at(60) });
        const corrected = known.map((one) => {
          const change = told.find((difference) => difference.row === one);
          if (change === undefined) return one;
          return change.to === null ? { ...one, annulledAt: at(61) } : { ...one, ...change.to };
        });
        expect(tradeDifferences(corrected, { book, trades, readAt: at(62) })).toEqual([]);
      }),
    );
  });
});
