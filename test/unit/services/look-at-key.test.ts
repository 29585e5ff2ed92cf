import { describe, expect, it } from 'vitest';
import type { OperationRow } from '../../../src/db/account-rows.ts';
import { decimal } from '../../../src/domain/money.ts';
import type { Order } from '../../../src/domain/order.ts';
import type { PriceView } from '../../../src/risk/check.ts';
import type { Context } from '../../../src/services/context.ts';
import { type KeyOfFlatten, lookAtKey } from '../../../src/services/look-at-key.ts';
import { orderRow, positionRow, view } from '../db/fixtures.ts';
import { LIMITS, type OrderChanges, RELIANCE, T0, at, price } from '../risk/fixtures.ts';

let ids = 0;
const context = (seen: PriceView | null = price({ last: '2450.00' })) =>
  ({
    newId: () => `0198f000-0000-7000-8000-${String(++ids).padStart(12, '0')}`,
    prices: { peek: () => seen },
    settings: { limits: { ...LIMITS, maxQuantityPerOrder: 6 }, freezeQuantity: 500 },
  }) as unknown as Context;

const OPERATION = {
  id: '0198f000-0000-7000-8000-0000000000f1',
  details: { byOperator: false },
} as OperationRow;

/** The view of the fixtures calls 60 seconds after T0 now. */
const exit = (changes: OrderChanges): Order =>
  orderRow({
    ...{ id: '0198f000-0000-7000-8000-0000000000e1', side: 'SELL', reduceOnly: true, role: 'EXIT' },
    ...{ price: '2425.50', status: 'OPEN', brokerOrderId: 'b1', submittedAt: at(59), ...changes },
  });

const key = (changes: Partial<KeyOfFlatten> = {}): KeyOfFlatten => ({
  instrument: RELIANCE,
  product: 'MIS',
  want: 10,
  kept: 0,
  brokerQuantity: 10,
  holders: [],
  own: [],
  progress: { placed: 0, givenUp: null },
  ...changes,
});

const look = (
  of: KeyOfFlatten,
  changes: { readonly quantity?: number; readonly seen?: PriceView | null } = {},
) =>
  lookAtKey(
    context(changes.seen === undefined ? price({ last: '2450.00' }) : changes.seen),
    view({
      positions: [positionRow({ quantity: changes.quantity ?? 10 })],
      orders: of.own.map((order) => orderRow(order as OrderChanges)),
    }),
    OPERATION,
    of,
  );

describe('one look at a key of a flatten', () => {
  it('places what is held, in slices with ids of their own, each holder its own first', () => {
    const { placed, progress } = look(
      key({
        holders: [
          { strategyId: 'alpha', quantity: 4 },
          { strategyId: 'beta', quantity: -3 },
        ],
      }),
    );
    expect(placed.map(({ quantity, strategyId, side }) => [quantity, strategyId, side])).toEqual([
      [4, 'alpha', 'SELL'],
      [6, null, 'SELL'],
    ]);
    expect(placed.map(({ clientOrderId }) => clientOrderId)).toEqual([
      `x.${OPERATION.id}.1.MIS.1`,
      `x.${OPERATION.id}.1.MIS.2`,
    ]);
    expect(progress).toEqual({ placed: 2, givenUp: null });
  });

  it('places no more than the broker holds, and nothing against it', () => {
    expect(look(key({ brokerQuantity: 3 })).placed.map(({ quantity }) => quantity)).toEqual([3]);
    expect(look(key({ brokerQuantity: 0 }))).toMatchObject({ placed: [], differs: true, tell: true });
    expect(look(key({ brokerQuantity: -5 }))).toMatchObject({ placed: [], differs: true });
    expect(look(key({ brokerQuantity: null })).placed).toHaveLength(2);
  });

  it('is a MARKET order with the protection of the broker where no fresh price is known', () => {
    const { placed } = look(key(), { seen: null });
    expect(placed.map(({ orderType, price: limit }) => [orderType, limit])).toEqual([
      ['MARKET', null],
      ['MARKET', null],
    ]);
  });

  it('waits while an exit is young, and takes one back that rests away from the market', () => {
    expect(look(key({ own: [exit({})] }))).toMatchObject({ placed: [], reprice: [] });
    const old = exit({ submittedAt: T0, price: '2450.00' });
    expect(look(key({ own: [old] }))).toMatchObject({ placed: [], reprice: [old] });
  });

  it('leaves an exit at the band of a locked circuit, and tells', () => {
    const locked = price({ last: '2205.00', bestBid: '2205.00', lowerCircuit: '2205.00' });
    const atBand = exit({ submittedAt: T0, price: '2205.00' });
    expect(look(key({ own: [atBand] }), { seen: locked })).toMatchObject({ reprice: [], tell: true });
  });

  it('takes back exits that could do more than close what is held', () => {
    const own = [exit({ submittedAt: at(59) })];
    expect(look(key({ own, want: 4 }), { quantity: 4 }).reprice).toEqual(own);
    expect(look(key({ own, want: 0 })).reprice).toEqual(own);
    // The broker's positions may know of fills that a young exit's row does not show yet.
    expect(look(key({ own, brokerQuantity: 0 })).reprice).toEqual([]);
    const old = [exit({ submittedAt: T0 })];
    expect(look(key({ own: old, brokerQuantity: 0 })).reprice).toEqual(old);
  });

  it('places nothing beside an exit of which nobody knows what became', () => {
    const doubt = exit({ status: 'UNKNOWN', brokerOrderId: null, submittedAt: null });
    expect(look(key({ own: [doubt] }))).toMatchObject({ placed: [], tell: true });
  });

  it('pauses after a refusal, goes on later, and gives up after six in a row', () => {
    const refused = (seconds: number) =>
      exit({
        status: 'REJECTED',
        rejectedBy: 'BROKER',
        statusReason: 'market closed',
        finishedAt: at(seconds),
      });
    expect(look(key({ own: [refused(59.5)] }))).toMatchObject({
      placed: [],
      why: 'the exit was refused: market closed',
      progress: { givenUp: null },
    });
    expect(look(key({ own: [refused(58)] })).placed).toHaveLength(2);
    expect(look(key({ own: Array.from({ length: 6 }, () => refused(0)) })).progress.givenUp).toBe(
      '6 times the exit was refused: market closed',
    );
    const filledLast = [
      refused(0),
      exit({ status: 'FILLED', filledQuantity: 10, filledValue: decimal(24_500).toFixed() }),
    ];
    expect(look(key({ own: filledLast })).placed).toHaveLength(2);
  });
});
