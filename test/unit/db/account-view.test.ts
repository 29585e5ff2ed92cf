import { describe, expect, it } from 'vitest';
import type { Needs } from '../../../src/db/account-load.ts';
import type { AlertRow } from '../../../src/db/account-rows.ts';
import { AccountView, MoreNeeded } from '../../../src/db/account-view.ts';
import { decimal } from '../../../src/domain/money.ts';
import type { OrderEvent } from '../../../src/domain/order-events.ts';
import type { OutcomeType } from '../../../src/domain/order-outcome.ts';
import { InvariantError } from '../../../src/lib/assert.ts';
import { T0, at, order } from '../risk/fixtures.ts';
import {
  ALL,
  DAY,
  ORDER_ID,
  attemptRow,
  brokerOrderRow,
  dayRow,
  entryRow,
  loaded,
  orderRow,
  positionRow,
  strategyPositionRow,
  strategyRow,
  tradeRow,
  view,
} from './fixtures.ts';

const VALIDATED: OrderEvent = {
  kind: 'OrderValidated',
  openingQuantity: 10,
  marginPerUnit: '490',
  riskPerUnit: '20',
  referencePrice: '2450',
};
const REJECTED: OrderEvent = {
  kind: 'OrderRejected',
  by: 'OMS',
  failedCheck: 'BALANCE',
  reason: 'too little',
};
const KEY = { instrumentId: 1, product: 'MIS', managedBy: 'OMS' } as const;
const ALERT = {
  id: 'a1',
  severity: 'CRITICAL',
  type: 'order_unknown',
  message: 'nobody knows',
  details: {},
  orderId: ORDER_ID,
  condition: 'order:1:unknown',
} as const;

/** Everything that a transaction would write. */
const changesOf = (of: AccountView) => ({
  writes: of.writes(),
  entries: of.entries,
  account: of.account,
  budgetChanged: of.budgetChanged,
});
const kinds = (of: AccountView) => of.entries.map((entry) => entry.kind);
const tables = (of: AccountView) =>
  of.writes().map(({ table, mode, rows }) => `${table} ${mode} ${rows.length}`);

function neededBy(work: () => unknown): Needs {
  try {
    work();
  } catch (error) {
    if (error instanceof MoreNeeded) return error.needs;
    throw error;
  }
  throw new Error('the work asked for nothing');
}

describe('a view that nothing was changed in', () => {
  it('writes nothing, whatever was read', () => {
    const quiet = view({
      orders: [orderRow()],
      positions: [positionRow()],
      day: dayRow(),
      trades: [tradeRow()],
    });
    quiet.order(ORDER_ID);
    quiet.liveOrders();
    quiet.today(DAY);
    quiet.equity();
    expect(quiet.writes()).toEqual([]);
    expect(quiet.entries).toEqual([]);
  });
});

describe('work that throws', () => {
  const everything = (of: AccountView) => {
    of.insertOrder(order({ id: 'second', clientOrderId: 'c-2' }));
    of.apply(of.order(ORDER_ID)!, VALIDATED);
    of.putChecks(ORDER_ID, 1, []);
    of.putAttempt(attemptRow());
    of.insertTrade(tradeRow(), entryRow());
    of.putPosition(positionRow({ cycle: 2 }));
    of.putStrategyPosition(strategyPositionRow());
    of.changeDay(DAY, (day) => ({ tradesCount: day.tradesCount + 1 }));
    of.putStrategy(strategyRow(), 'StrategyAdded');
    of.putBrokerOrder(brokerOrderRow());
    of.raiseAlert(ALERT);
    of.setBudget({ slots: [1] });
    of.note('Anything', 'x', {});
  };

  it('leaves no trace, in any table, the journal or the account', () => {
    const of = view({ orders: [orderRow()] });
    const before = changesOf(of);
    const work = () =>
      of.attempt('me', (inside) => {
        everything(inside);
        throw new Error('changed my mind');
      });
    expect(work).toThrow('changed my mind');
    expect(changesOf(of)).toEqual(before);
    expect(of.order(ORDER_ID)?.status).toBe('PENDING');
    expect(of.order(ORDER_ID)?.version).toBe(1);
  });

  it('leaves what the work before it did, and the work after it goes on from there', () => {
    const of = view({ orders: [orderRow()] });
    of.attempt('first', (inside) => inside.apply(inside.order(ORDER_ID)!, VALIDATED));
    const before = changesOf(of);
    expect(() =>
      of.attempt('second', (inside) => {
        inside.apply(inside.order(ORDER_ID)!, REJECTED);
        inside.setBudget({});
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(changesOf(of)).toEqual(before);
    of.attempt('third', (inside) => inside.apply(inside.order(ORDER_ID)!, REJECTED));
    expect(of.entries.map(({ actor, kind }) => `${actor} ${kind}`)).toEqual([
      'first OrderValidated',
      'third OrderRejected',
      'third AlertRaised',
    ]);
    expect(of.order(ORDER_ID)).toMatchObject({ status: 'REJECTED', version: 3 });
  });

  it('would have changed every table of this test', () => {
    const of = view({ orders: [orderRow()] });
    of.attempt('me', everything);
    expect(tables(of).sort()).toEqual(
      [
        'orders insert 1',
        'orders update 1',
        'orderAttempts upsert 1',
        'brokerOrders upsert 1',
        'trades insert 1',
        'positions upsert 1',
        'positionEntries insert 1',
        'strategyPositions upsert 1',
        'dailyStats upsert 1',
        'alerts upsert 1',
        'strategies upsert 1',
      ].sort(),
    );
  });
});

describe('two pieces of work in one view', () => {
  it('see each other: the second finds the order, the trade and the position of the first', () => {
    const of = view({}, { ...ALL, clientOrderIds: ['c-1', 'c-2'] });
    of.attempt('first', (inside) => {
      inside.insertOrder(order({ id: 'second', clientOrderId: 'c-2' }));
      inside.insertTrade(tradeRow(), entryRow());
      inside.putPosition(positionRow());
      inside.putAttempt(attemptRow());
      inside.setBudget({ placements: 1 });
    });
    of.attempt('second', (inside) => {
      expect(inside.orderByClientId('c-2')?.id).toBe('second');
      expect(inside.tradesOf(ORDER_ID)).toHaveLength(1);
      expect(inside.entriesOf(KEY)).toHaveLength(1);
      expect(inside.openPositions()).toHaveLength(1);
      expect(inside.newestCycle(KEY)?.cycle).toBe(1);
      expect(inside.attemptByTag('Tag1')?.attempt).toBe(1);
      expect(inside.account.budget).toEqual({ placements: 1 });
    });
  });

  it('count each other: an order validated by the first is live for the second', () => {
    const of = view({ orders: [orderRow()] });
    expect(of.liveOrders()).toEqual([]);
    of.attempt('first', (inside) => inside.apply(inside.order(ORDER_ID)!, VALIDATED));
    expect(of.attempt('second', (inside) => inside.liveOrders().map((one) => one.id))).toEqual([ORDER_ID]);
    of.attempt('third', (inside) => inside.apply(inside.order(ORDER_ID)!, REJECTED));
    expect(of.liveOrders()).toEqual([]);
  });

  it('may not both change an order from the same version', () => {
    const of = view({ orders: [orderRow()] });
    const old = of.order(ORDER_ID)!;
    of.attempt('first', (inside) => inside.apply(old, VALIDATED));
    expect(() => of.attempt('second', (inside) => inside.apply(old, REJECTED))).toThrow(InvariantError);
    expect(of.order(ORDER_ID)?.status).toBe('VALIDATED');
  });

  it('may not add the same order twice', () => {
    const of = view({ orders: [orderRow()] });
    expect(() => of.insertOrder(order())).toThrow(InvariantError);
  });

  it('write one row of an order that both changed, and one journal entry each', () => {
    const of = view({ orders: [orderRow()] });
    of.attempt('first', (inside) => inside.apply(inside.order(ORDER_ID)!, VALIDATED));
    of.attempt('second', (inside) => inside.apply(inside.order(ORDER_ID)!, REJECTED));
    expect(tables(of).sort()).toEqual(['alerts upsert 1', 'orders update 1']);
    expect(of.writes()[0]?.rows[0]).toMatchObject({ id: ORDER_ID, status: 'REJECTED', version: 3 });
    expect(kinds(of)).toEqual(['OrderValidated', 'OrderRejected', 'AlertRaised']);
  });
});

describe('what the controls over a stretch of time look at', () => {
  const LOOKING: Needs = {
    ...ALL,
    finishedWithinMs: 60_000,
    openOfStrategies: ['momentum'],
    tradedToday: ['1/MIS/OMS'],
  };
  const finished = (id: string, seconds: number) =>
    orderRow({ id, status: 'FILLED', createdAt: at(seconds) });

  it('is every finished order since then, with what this transaction finished, and nothing older', () => {
    // The view's own instant is at(60).
    const of = view(
      { orders: [orderRow({ createdAt: at(30) })], finished: [finished('a', 0.5), finished('b', 59)] },
      LOOKING,
    );
    const ids = (ms: number) => of.finishedWithin(ms).map(({ id }) => id);
    expect(ids(60_000)).toEqual(['a', 'b']);
    expect(ids(1000)).toEqual(['b']);
    of.attempt('me', (inside) => inside.apply(inside.order(ORDER_ID)!, REJECTED));
    expect(ids(60_000)).toEqual(['a', 'b', ORDER_ID]);
    expect(ids(29_999)).toEqual(['b']);
  });

  it('is not an order that came back to life', () => {
    const back = orderRow({ id: 'a', status: 'SUBMITTED', createdAt: at(59) });
    expect(view({ orders: [back], finished: [finished('a', 59)] }, LOOKING).finishedWithin(60_000)).toEqual(
      [],
    );
  });

  it("is a strategy's own open positions, and not its closed ones", () => {
    const of = view(
      {
        strategyPositions: [
          strategyPositionRow({ cycle: 1, status: 'CLOSED', quantity: 0 }),
          strategyPositionRow({ cycle: 2 }),
          strategyPositionRow({ strategyId: 'other', cycle: 3 }),
        ],
      },
      LOOKING,
    );
    expect(of.openPositionsOf('momentum').map(({ cycle }) => cycle)).toEqual([2]);
  });

  it("is the day's net of a key, with the trades of this transaction", () => {
    const of = view({ tradedToday: new Map([['1/MIS/OMS', 7]]) }, LOOKING);
    expect(of.tradedToday(KEY)).toBe(7);
    of.insertTrade(tradeRow(), entryRow({ quantity: -3 }));
    of.insertTrade(tradeRow({ tradeId: 't2' }), entryRow({ id: 'yesterday', tradedAt: at(-86_400) }));
    of.insertTrade(tradeRow({ tradeId: 't3' }), entryRow({ id: 'other', instrumentId: 2 }));
    expect(of.tradedToday(KEY)).toBe(4);
  });
});

describe('rows that were not asked for', () => {
  const nothing = () => view({}, {});
  it.each([
    ['an order', (of: AccountView) => of.order('x'), { orders: ['x'] }],
    ['an order by client id', (of: AccountView) => of.orderByClientId('c'), { clientOrderIds: ['c'] }],
    ['orders by broker id', (of: AccountView) => of.ordersByBrokerId('b'), { brokerOrderIds: ['b'] }],
    ['an attempt by tag', (of: AccountView) => of.attemptByTag('T'), { tags: ['T'] }],
    ['live orders', (of: AccountView) => of.liveOrders(), { liveOrders: true }],
    [
      'margin handed over',
      (of: AccountView) => of.marginHandedOverSince(T0),
      { submittedSince: [T0.toISOString()] },
    ],
    ['trades of an order', (of: AccountView) => of.tradesOf('x'), { tradesOf: ['x'] }],
    ['open positions', (of: AccountView) => of.openPositions(), { openPositions: true }],
    ['the newest cycle', (of: AccountView) => of.newestCycle(KEY), { positionKeys: ['1/MIS/OMS'] }],
    ['entries', (of: AccountView) => of.entriesOf(KEY), { entriesOf: ['1/MIS/OMS'] }],
    [
      "a strategy's newest cycle",
      (of: AccountView) => of.newestStrategyCycle('momentum', KEY),
      { strategyPositions: ['momentum/1/MIS'] },
    ],
    ['a strategy', (of: AccountView) => of.strategy('momentum'), { strategies: true }],
    ['a broker order', (of: AccountView) => of.brokerOrder(DAY, 'b1'), { brokerOrders: ['b1'] }],
    ['the day', (of: AccountView) => of.today(DAY), { baseline: true }],
    ['another day', (of: AccountView) => of.today('2026-07-14'), { days: ['2026-07-14'] }],
    ['every cycle', (of: AccountView) => of.cyclesOf(KEY), { cyclesOf: ['1/MIS/OMS'] }],
    [
      "every cycle of a strategy's",
      (of: AccountView) => of.strategyCyclesOf('momentum', KEY),
      { strategyCyclesOf: ['momentum/1/MIS'] },
    ],
    ['the equity', (of: AccountView) => of.equity(), { baseline: true }],
    [
      'finished orders, a little further back, since time goes on until they are read',
      (of: AccountView) => of.finishedWithin(2000),
      { finishedWithinMs: 12_000 },
    ],
    [
      "a strategy's open positions",
      (of: AccountView) => of.openPositionsOf('momentum'),
      { openOfStrategies: ['momentum'] },
    ],
    ["the day's net", (of: AccountView) => of.tradedToday(KEY), { tradedToday: ['1/MIS/OMS'] }],
    ['open alerts, to raise one', (of: AccountView) => of.raiseAlert(ALERT), { openAlerts: true }],
  ] as const)('are asked for: %s', (_, work, needs) => {
    expect(neededBy(() => work(nothing()))).toEqual(needs);
  });

  it('are not asked for again when they were read and are not there', () => {
    const of = view();
    expect(of.order(ORDER_ID)).toBeNull();
    expect(of.orderByClientId('c-1')).toBeNull();
    expect(of.ordersByBrokerId('b1')).toEqual([]);
    expect(of.attemptByTag('Tag1')).toBeNull();
    expect(of.newestCycle(KEY)).toBeNull();
    expect(of.newestStrategyCycle('momentum', KEY)).toBeNull();
    expect(of.strategy('momentum')).toBeNull();
    expect(of.brokerOrder(DAY, 'b1')).toBeNull();
    expect(of.tradesOf(ORDER_ID)).toEqual([]);
  });

  it('are asked for one by one: that one order was read says nothing of another', () => {
    expect(neededBy(() => view().order('other'))).toEqual({ orders: ['other'] });
    expect(neededBy(() => view().newestCycle({ ...KEY, product: 'CNC' }))).toEqual({
      positionKeys: ['1/CNC/OMS'],
    });
  });

  it('are not needed for the trades of an order that was added in this view', () => {
    const of = view({}, {});
    of.insertOrder(order({ id: 'new' }));
    expect(of.tradesOf('new')).toEqual([]);
  });

  it('count margin handed over as it was read, and what this view hands over once', () => {
    const handedOver = new Map([[at(5).toISOString(), decimal('1000')]]);
    const since = { orders: [ORDER_ID], submittedSince: [at(5).toISOString()] };
    const margin = { marginPerUnit: decimal('490'), openingQuantity: 10 };
    const read = orderRow({ ...margin, submittedAt: at(5) });
    expect(
      view({ orders: [read], handedOver }, since)
        .marginHandedOverSince(at(5))
        .toFixed(),
    ).toBe('1000');

    const of = view(
      { orders: [orderRow({ ...margin, status: 'SUBMITTING', attempt: 1 })], handedOver },
      since,
    );
    const submitted = { kind: 'OrderSubmitted', attempt: 1, brokerOrderId: 'b', via: 'ANSWER' } as const;
    const known = of.apply(of.order(ORDER_ID)!, submitted);
    expect(of.marginHandedOverSince(at(5)).toFixed()).toBe('5900');
    of.apply(known, { kind: 'OrderCancelled', by: 'BROKER', reason: 'asked for' });
    expect(of.marginHandedOverSince(at(5)).toFixed()).toBe('5900');
    expect(neededBy(() => of.marginHandedOverSince(at(4)))).toEqual({
      submittedSince: [at(4).toISOString()],
    });
  });

  it('leave no trace of the work that asked for them', () => {
    const of = view({ orders: [orderRow()] }, { orders: [ORDER_ID] });
    expect(() =>
      of.attempt('me', (inside) => {
        inside.apply(inside.order(ORDER_ID)!, VALIDATED);
        inside.openPositions();
      }),
    ).toThrow(MoreNeeded);
    expect(of.writes()).toEqual([]);
    expect(of.entries).toEqual([]);
  });
});

describe('the newest cycle', () => {
  it('is the one with the highest number, open or closed, of its key alone', () => {
    const of = view({
      positions: [
        positionRow({ cycle: 2 }),
        positionRow({ cycle: 10, status: 'CLOSED', quantity: 0 }),
        positionRow({ cycle: 9 }),
        positionRow({ cycle: 99, product: 'CNC' }),
      ],
    });
    expect(of.newestCycle(KEY)?.cycle).toBe(10);
    expect(of.openPositions().map((row) => row.cycle)).toEqual([2, 9, 99]);
  });
});

describe('writes', () => {
  it('insert a new order once, in the state it ends in', () => {
    const of = view({}, {});
    of.attempt('me', (inside) => {
      inside.insertOrder(order());
      inside.apply(inside.order(ORDER_ID)!, VALIDATED);
    });
    expect(tables(of)).toEqual(['orders insert 1']);
    expect(of.writes()[0]?.rows[0]).toMatchObject({
      account_id: 'main',
      client_order_id: 'c-1',
      status: 'VALIDATED',
      price: '2450',
      margin_per_unit: '490',
      version: 2,
      step_failures: 0,
      created_at: T0.toISOString(),
    });
  });

  it('clear a failed step with the next event', () => {
    const parked = { ...orderRow(), stepFailures: 9, parkedAt: at(1) };
    const of = view({ orders: [parked] });
    of.apply(of.order(ORDER_ID)!, VALIDATED);
    expect(of.writes()[0]?.rows[0]).toMatchObject({ step_failures: 0 });
    expect(of.writes()[0]?.rows[0]).not.toHaveProperty('parked_at');
  });

  it('name orders before what points at them', () => {
    const of = view();
    of.attempt('me', (inside) => {
      inside.putChecks(ORDER_ID, 1, []);
      inside.insertTrade(tradeRow(), entryRow());
      inside.insertOrder(order());
    });
    expect(of.writes().map(({ table }) => table)).toEqual(['orders', 'trades', 'positionEntries']);
  });

  it('update a known row of a table that is upserted', () => {
    const of = view({ positions: [positionRow()], attempts: [attemptRow()] });
    of.putPosition(positionRow({ quantity: 5 }));
    of.putAttempt(attemptRow({ outcome: 'PLACED' }));
    expect(tables(of).sort()).toEqual(['orderAttempts update 1', 'positions update 1']);
  });

  it('refuse to change what is only ever added', () => {
    const of = view({ trades: [tradeRow()], entries: [entryRow()] });
    of.insertTrade(tradeRow({ quantity: 5 }), entryRow({ quantity: 5 }));
    expect(() => of.writes()).toThrow(InvariantError);
  });

  it('tell trades apart by exchange, day, broker order, trade id and side', () => {
    const of = view();
    for (const changes of [
      {},
      { tradeId: 't2' },
      { brokerOrderId: 'b2' },
      { side: 'SELL' },
      { tradeDate: '2026-07-14' },
      { exchange: 'BSE' },
    ] as const) {
      of.insertTrade(tradeRow(changes), entryRow({ id: JSON.stringify(changes) }));
    }
    expect(tables(of)).toEqual(['trades insert 6', 'positionEntries insert 6']);
  });
});

describe('the journal', () => {
  it('has one entry for each change, by the actor, about the order', () => {
    const of = view({}, ALL);
    of.attempt('validator:1', (inside) => {
      inside.insertOrder(order());
      inside.putChecks(ORDER_ID, 1, [{ check: 'BALANCE', verdict: 'PASS' }]);
      inside.apply(inside.order(ORDER_ID)!, VALIDATED);
      inside.raiseAlert(ALERT);
      inside.putStrategy(strategyRow(), 'StrategyAdded');
    });
    expect(kinds(of)).toEqual([
      'OrderAccepted',
      'ChecksRun',
      'OrderValidated',
      'AlertRaised',
      'StrategyAdded',
    ]);
    expect(of.entries.every((entry) => entry.actor === 'validator:1')).toBe(true);
    expect(of.entries.slice(0, 4).every((entry) => entry.entity === ORDER_ID)).toBe(true);
  });

  it('holds an event without its kind, as canonical text', () => {
    const of = view({ orders: [orderRow()] });
    of.apply(of.order(ORDER_ID)!, VALIDATED);
    expect(of.entries[0]?.data).toBe(
      '{"marginPerUnit":"490","openingQuantity":10,"referencePrice":"2450","riskPerUnit":"20"}',
    );
  });

  it('holds the terms of an accepted order with exact prices', () => {
    const of = view({}, {});
    of.insertOrder(order({ price: '2450.05', metadata: { note: 'x' } }));
    expect(JSON.parse(of.entries[0]!.data)).toMatchObject({
      price: '2450.05',
      stopLoss: '2430',
      metadata: { note: 'x' },
    });
  });

  it('holds nothing of attempts, broker orders and positions: they follow from its events', () => {
    const of = view();
    of.attempt('me', (inside) => {
      inside.putAttempt(attemptRow());
      inside.putBrokerOrder(brokerOrderRow());
      inside.putPosition(positionRow());
      inside.insertTrade(tradeRow(), entryRow());
      inside.setBudget({});
    });
    expect(of.entries).toEqual([]);
  });
});

describe('the day', () => {
  it('opens with equity as it was: capital, flows, net realized and unrealized P&L', () => {
    const of = view();
    expect(of.today(DAY)).toMatchObject({ day: DAY, ordersCount: 0 });
    expect(of.today(DAY).openingEquity.toFixed()).toBe('96313.46');
    expect(tables(of)).toEqual(['dailyStats upsert 1']);
    expect(of.entries.map(({ kind, entity, data }) => [kind, entity, data])).toEqual([
      ['DayOpened', DAY, '{"openingEquity":"96313.46"}'],
    ]);
  });

  it('keeps its opening equity once it is open', () => {
    const of = view({ day: dayRow({ openingEquity: decimal('90000') }) });
    expect(of.today(DAY).openingEquity.toFixed()).toBe('90000');
    expect(of.entries).toEqual([]);
  });

  it('counts what is done on it, one change over the other', () => {
    const of = view({ day: dayRow({ tradesCount: 3, realizedPnl: decimal('-10') }) });
    const more = () =>
      of.changeDay(DAY, (day) => ({
        tradesCount: day.tradesCount + 1,
        realizedPnl: day.realizedPnl.plus('2.5'),
      }));
    more();
    more();
    expect(of.writes()[0]).toMatchObject({
      table: 'dailyStats',
      mode: 'update',
      rows: [{ day: DAY, trades_count: 5, realized_pnl: '-5', updated_at: at(60).toISOString() }],
    });
  });
});

describe('a day that is not today', () => {
  const YESTERDAY = '2026-07-14';
  const needs = { ...ALL, days: [YESTERDAY] };
  const change = (of: AccountView) =>
    of.changeDay(YESTERDAY, (day) => ({
      tradesCount: day.tradesCount + 1,
      realizedPnl: day.realizedPnl.plus('50'),
    }));

  it('is asked for before it is changed, although today was read', () => {
    expect(neededBy(() => change(view({ day: dayRow() })))).toEqual({ days: [YESTERDAY] });
  });

  it('keeps what it had', () => {
    const row = dayRow({ day: YESTERDAY, tradesCount: 4, realizedPnl: decimal('700') });
    const of = view({ day: dayRow(), days: [row] }, needs);
    change(of);
    expect(of.writes()).toMatchObject([
      {
        table: 'dailyStats',
        mode: 'update',
        rows: [{ day: YESTERDAY, trades_count: 5, realized_pnl: '750' }],
      },
    ]);
  });

  it('is opened when it has no row, and counts once in equity', () => {
    const of = view({ day: dayRow() }, needs);
    const before = of.equity();
    change(of);
    expect(tables(of)).toEqual(['dailyStats upsert 1']);
    expect(of.equity().minus(before).toFixed()).toBe('50');
  });

  it('moves equity by the change alone, also when today was asked for by name', () => {
    const yesterday = dayRow({ day: YESTERDAY, realizedPnl: decimal('700') });
    const today = dayRow({ realizedPnl: decimal('30') });
    const of = view({ day: today, days: [yesterday, today] }, needs);
    const before = of.equity();
    change(of);
    expect(of.equity().minus(before).toFixed()).toBe('50');
  });
});

describe('rows that are taken away', () => {
  const two = positionRow({ cycle: 2 });

  it('are deleted with their marks, and are not seen any more', () => {
    const of = view({ positions: [positionRow(), two] });
    of.removePosition(two);
    expect(tables(of)).toEqual(['positions delete 1', 'positionMarks delete 1']);
    expect(of.cyclesOf(KEY)).toEqual([positionRow()]);
  });

  it('leave nothing to delete when they were never stored', () => {
    const of = view();
    of.putPosition(two);
    of.removePosition(two);
    expect(of.writes()).toEqual([]);
  });

  it('are changed, not deleted, when they come back', () => {
    const of = view({ positions: [two] });
    of.removePosition(two);
    of.putPosition({ ...two, symbol: 'OTHER' });
    expect(tables(of)).toEqual(['positions update 1']);
  });

  it('are back when the work that took them away throws', () => {
    const of = view({ positions: [two] });
    const work = () =>
      of.attempt('me', (inside) => {
        inside.removePosition(two);
        throw new Error('changed my mind');
      });
    expect(work).toThrow('changed my mind');
    expect(of.cyclesOf(KEY)).toEqual([two]);
    expect(of.writes()).toEqual([]);
  });
});

describe('equity', () => {
  const BASE = '96313.46';

  it('is capital, flows, net realized and unrealized P&L', () => {
    expect(view().equity().toFixed()).toBe(BASE);
  });

  it('does not count twice what the day had when it was read', () => {
    const day = dayRow({ realizedPnl: decimal('500'), charges: decimal('20') });
    expect(view({ day }).equity().toFixed()).toBe(BASE);
  });

  it('moves with what this view adds to the day, after charges', () => {
    const of = view({ day: dayRow({ realizedPnl: decimal('500'), charges: decimal('20') }) });
    of.changeDay(DAY, (day) => ({
      realizedPnl: day.realizedPnl.minus('100'),
      charges: day.charges.plus('7.25'),
    }));
    expect(of.equity().toFixed()).toBe('96206.21');
  });

  it('does not move by the opening of a day', () => {
    const of = view();
    of.today(DAY);
    expect(of.equity().toFixed()).toBe(BASE);
  });
});

const STANDING: AlertRow = {
  ...ALERT,
  accountId: 'main',
  at: T0,
  clearedAt: null,
  acknowledgedAt: at(1),
  acknowledgedBy: 'op',
  routedAt: null,
};

describe('an alert', () => {
  it('is raised with the instant and the account', () => {
    const of = view();
    of.raiseAlert(ALERT);
    expect(of.writes()[0]?.rows[0]).toMatchObject({
      id: 'a1',
      account_id: 'main',
      at: at(60).toISOString(),
    });
  });

  it('is raised once while its condition stands, acknowledged or not', () => {
    const of = view({ alerts: [STANDING] });
    of.raiseAlert({ ...ALERT, id: 'a2' });
    expect(of.writes()).toEqual([]);
    expect(of.entries).toEqual([]);
  });

  it('is raised once by two pieces of work', () => {
    const of = view();
    of.attempt('first', (inside) => inside.raiseAlert(ALERT));
    of.attempt('second', (inside) => inside.raiseAlert({ ...ALERT, id: 'a2' }));
    expect(tables(of)).toEqual(['alerts upsert 1']);
  });

  it('is raised again after the condition was cleared, and beside another condition', () => {
    const of = view({ alerts: [{ ...STANDING, clearedAt: at(2) }] });
    of.raiseAlert({ ...ALERT, id: 'a2' });
    of.raiseAlert({ ...ALERT, id: 'a3', condition: 'another' });
    expect(tables(of)).toEqual(['alerts upsert 2']);
  });
});

describe('the budget', () => {
  it('is remembered as changed, on the account of this view alone', () => {
    const of = view();
    of.setBudget({ placements: 3 });
    expect(of.budgetChanged).toBe(true);
    expect(of.account.budget).toEqual({ placements: 3 });
    expect(loaded().account.budget).toEqual({});
  });
});

describe('how orders end, as people are told', () => {
  const STOP = { status: 'OPEN', role: 'STOP', reduceOnly: true } as const;
  const raisedBy = (of: AccountView) =>
    of.entries.filter(({ kind }) => kind === 'AlertRaised').map(({ data }) => JSON.parse(data) as unknown);
  const end = (fields: Parameters<typeof orderRow>[0], event: OrderEvent, tells?: readonly OutcomeType[]) => {
    const of = new AccountView(loaded({ orders: [orderRow(fields)] }), ALL, new Set(tells));
    of.apply(of.order(ORDER_ID)!, event);
    return raisedBy(of);
  };

  it('what went wrong is written whatever is switched off', () => {
    expect(end({}, REJECTED)).toMatchObject([{ severity: 'WARNING', type: 'order_rejected' }]);
    expect(end(STOP, { kind: 'OrderExpired', reason: 'the day is over' })).toMatchObject([
      { severity: 'CRITICAL', type: 'order_expired' },
    ]);
  });

  it('a stop of the day that ends while its position is told to outlive it is no news, any other is', () => {
    const stop = { ...STOP, protectionGroup: 'g1' };
    const ends = (condition: string, clearedAt: Date | null) => {
      const alerts = [{ ...STANDING, condition, clearedAt }];
      const of = new AccountView(loaded({ orders: [orderRow(stop)], alerts }), ALL);
      of.apply(of.order(ORDER_ID)!, { kind: 'OrderExpired', reason: 'the day is over' });
      return raisedBy(of);
    };
    expect(ends('protection:g1:closed', null)).toEqual([]);
    for (const alerts of [ends('protection:g2:closed', null), ends('protection:g1:closed', at(2))]) {
      expect(alerts).toMatchObject([{ severity: 'CRITICAL', type: 'order_expired' }]);
    }
  });

  it('news are written only where somebody wants them', () => {
    const cancelled: OrderEvent = { kind: 'OrderCancelled', by: 'test', reason: 'by hand' };
    expect(end({ status: 'OPEN' }, cancelled)).toEqual([]);
    expect(end({ status: 'OPEN' }, cancelled, ['order_cancelled'])).toMatchObject([
      { severity: 'INFO', type: 'order_cancelled' },
    ]);
  });
});
