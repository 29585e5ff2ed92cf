import { describe, expect, it } from 'vitest';
import { decimal } from '../../../src/domain/money.ts';
import {
  averageFillPrice,
  isExit,
  leavesQuantity,
  onlyReduces,
  openingLeaves,
  sideSign,
} from '../../../src/domain/order.ts';

describe('small facts of an order', () => {
  it('the average of thirds is not rounded to paise', () => {
    const third = averageFillPrice({ filledQuantity: 3, filledValue: decimal('100') });
    expect(third?.toFixed(30)).toBe('33.333333333333333333333333333333');
  });

  it('BUY counts up and SELL counts down', () => {
    expect([sideSign('BUY'), sideSign('SELL')]).toEqual([1, -1]);
  });

  it.each([
    ['ENTRY', false, false],
    ['ENTRY', true, true],
    ['SLICE', false, false],
    ['SLICE', true, true],
    ['STOP', false, true],
    ['TARGET', false, true],
    ['EXIT', false, true],
  ] as const)('an order with role %s and reduceOnly %s is an exit: %s', (role, reduceOnly, exit) => {
    expect(isExit({ role, reduceOnly })).toBe(exit);
  });

  it.each([
    ['OPEN', 10, 4, 6],
    ['FILLED', 10, 10, 0],
    ['CANCELLED', 10, 4, 0],
    // A bust and a modify may leave more filled than is asked for.
    ['OPEN', 3, 4, 0],
  ] as const)(
    'one that is %s, of %i with %i filled, leaves %i',
    (status, quantity, filledQuantity, leaves) => {
      expect(leavesQuantity({ status, quantity, filledQuantity })).toBe(leaves);
    },
  );

  it('what reduces a position fills first: the opening part is left longest', () => {
    const order = { status: 'PARTIALLY_FILLED', quantity: 10, openingQuantity: 4 } as const;
    expect([0, 5, 8, 10].map((filledQuantity) => openingLeaves({ ...order, filledQuantity }))).toEqual([
      4, 4, 2, 0,
    ]);
    expect(openingLeaves({ ...order, status: 'CANCELLED', filledQuantity: 0 })).toBe(0);
  });

  it('only one that its checks saw reduce, without a stop of its own, only reduces', () => {
    const plain = {
      reduceOnly: false,
      role: 'ENTRY',
      stopLoss: null,
      openingQuantity: 0,
      marginPerUnit: decimal(0),
    } as const;
    expect(onlyReduces(plain)).toBe(true);
    expect(onlyReduces({ ...plain, marginPerUnit: null })).toBe(false);
    expect(onlyReduces({ ...plain, openingQuantity: 1 })).toBe(false);
    expect(onlyReduces({ ...plain, stopLoss: decimal(90) })).toBe(false);
    expect(onlyReduces({ ...plain, openingQuantity: 1, reduceOnly: true })).toBe(true);
  });
});
