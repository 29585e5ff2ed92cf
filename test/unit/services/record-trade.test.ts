import { describe, expect, it } from 'vitest';
import type { BrokerTrade } from '../../../src/broker/port.ts';
import type { Loaded, Needs } from '../../../src/db/account-load.ts';
import { type AccountView, MoreNeeded } from '../../../src/db/account-view.ts';
import { decimal } from '../../../src/domain/money.ts';
import { foldEntries } from '../../../src/domain/position.ts';
import { recordTrade } from '../../../src/services/record-trade.ts';
import { ALL, ORDER_ID, entryRow, orderRow, positionRow, strategyPositionRow, view } from '../db/fixtures.ts';
import { RELIANCE, at } from '../risk/fixtures.ts';

const KEY = { instrumentId: 1, product: 'MIS', managedBy: 'OMS' } as const;

/** Entries of one key: signed quantity, price, and the second they were made in. */
const ENTRIES = (
  [
    [10, '100', 10],
    [-10, '110', 20],
    [10, '120', 30],
  ] as const
).map(([quantity, price, second], index) =>
  entryRow({
    id: `0198f000-0000-7000-8000-0000000000f${index}`,
    strategyId: 'momentum',
    quantity,
    price: decimal(price),
    tradedAt: at(second),
    tradeId: `t${index}`,
  }),
);

const CYCLES = foldEntries(ENTRIES);

const LATE: BrokerTrade = {
  tradeId: 'late',
  orderId: 'b1',
  exchange: 'NSE',
  transactionType: 'BUY',
  quantity: 5,
  price: decimal('101'),
  fillTimestamp: at(15),
} as BrokerTrade;

function stored(): Partial<Loaded> {
  return {
    orders: [
      orderRow({
        status: 'OPEN',
        brokerOrderId: 'b1',
        attempt: 1,
        strategyId: 'momentum',
        quantity: 25,
        stopLoss: '90',
      }),
    ],
    entries: ENTRIES,
    positions: CYCLES.map((cycle) =>
      positionRow({
        ...cycle,
        stopLoss: cycle.status === 'OPEN' ? decimal('95') : null,
        overnightQuantity: cycle.cycle === 1 ? 7 : 0,
      }),
    ),
    strategyPositions: CYCLES.map((cycle) => strategyPositionRow({ ...cycle })),
  };
}

function record(of: AccountView, trade = LATE): void {
  let entry = 0;
  recordTrade(
    of,
    of.order(ORDER_ID)!,
    trade,
    RELIANCE,
    () => `0198f000-0000-7000-8000-00000000abc${entry++}`,
  );
}

describe('a late trade that makes one cycle of two', () => {
  it('writes the cycles of the new fold and takes away those it does not have', () => {
    expect(CYCLES.map(({ cycle, status }) => [cycle, status])).toEqual([
      [1, 'CLOSED'],
      [2, 'OPEN'],
    ]);
    const of = view(stored());
    record(of);
    expect(of.cyclesOf(KEY)).toMatchObject([{ cycle: 1, status: 'OPEN', quantity: 15 }]);
    expect(of.strategyCyclesOf('momentum', KEY)).toMatchObject([{ cycle: 1, status: 'OPEN', quantity: 15 }]);
    const deleted = of.writes().filter(({ mode }) => mode === 'delete');
    expect(deleted).toMatchObject([
      { table: 'positions', rows: [{ cycle: 2 }] },
      { table: 'positionMarks', rows: [{ cycle: 2 }] },
      { table: 'strategyPositions', rows: [{ cycle: 2 }] },
    ]);
  });

  it('keeps what the first cycle carried overnight, and the stop of what is open', () => {
    const of = view(stored());
    record(of);
    const [only] = of.cyclesOf(KEY);
    expect(only?.overnightQuantity).toBe(7);
    expect(only?.stopLoss?.toFixed()).toBe('95');
  });

  it('books the change of realized P&L, to the paisa, on its day', () => {
    const of = view(stored());
    record(of);
    const after = foldEntries([...ENTRIES, ...of.entriesOf(KEY).filter(({ tradeId }) => tradeId === 'late')]);
    const sum = (cycles: typeof after) =>
      cycles.reduce((total, { realizedPnl }) => total.plus(realizedPnl), decimal(0));
    expect(of.today('2026-07-15').realizedPnl.toFixed()).toBe(sum(after).minus(sum(CYCLES)).toFixed());
  });

  it('asks for every cycle of its key before it replaces them', () => {
    const needs: Needs = { ...ALL, cyclesOf: [] };
    expect(() => record(view(stored(), needs))).toThrow(MoreNeeded);
  });
});

describe('a trade in its order', () => {
  it('reverses without handing the old stop to the other side', () => {
    const of = view({
      ...stored(),
      orders: [
        orderRow({
          status: 'OPEN',
          brokerOrderId: 'b1',
          attempt: 1,
          side: 'SELL',
          quantity: 25,
          stopLoss: null,
        }),
      ],
    });
    record(of, { ...LATE, transactionType: 'SELL', quantity: 25, fillTimestamp: at(40) });
    expect(of.cyclesOf(KEY).at(-1)).toMatchObject({ cycle: 3, quantity: -15, stopLoss: null });
  });
});
