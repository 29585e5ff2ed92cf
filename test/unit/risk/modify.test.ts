import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../../src/risk/check.ts';
import { type Change, blockingFailure, heldLossOf, raisesRisk } from '../../../src/risk/modify.ts';
import { decimal } from '../../../src/domain/money.ts';
import { type OrderChanges, order, position, price } from './fixtures.ts';

function change(after: OrderChanges, before: OrderChanges = {}, openings: Partial<Change> = {}): Change {
  return {
    before: order(before),
    after: order({ ...before, ...after }),
    openingBefore: 10,
    openingAfter: 10,
    price: price(),
    multiplier: decimal(1),
    held: null,
    byProtection: false,
    ...openings,
  };
}

const failures = (...checks: string[]): CheckResult[] =>
  checks.map((check) => ({ check, verdict: 'FAIL', value: null, limit: null, message: check }));

describe('a change of terms raises risk', () => {
  it.each<[string, OrderChanges, OrderChanges?]>([
    ['by more quantity', { quantity: 11 }],
    ['by a higher price to buy at', { price: '2451' }],
    ['by a stop further away', { stopLoss: '2429' }],
    ['by no stop any more', { stopLoss: null }],
    ['by becoming a market order', { orderType: 'MARKET', price: null }],
    [
      'by a lower price to sell at, away from its stop',
      { price: '2449' },
      { side: 'SELL', stopLoss: '2470' },
    ],
    [
      'by a wider protection',
      { marketProtection: '3' },
      { orderType: 'MARKET', price: null, marketProtection: '2' },
    ],
  ])('%s', (_, after, before) => {
    expect(raisesRisk(change(after, before))).toBe(true);
  });

  it('also for an exit that takes more than before', () => {
    expect(raisesRisk(change({ quantity: 11 }, {}, { openingBefore: 0, openingAfter: 0 }))).toBe(true);
  });

  it('when a part of it opens that did not', () => {
    expect(raisesRisk(change({}, {}, { openingBefore: 0, openingAfter: 1 }))).toBe(true);
  });
});

describe('a change of terms does not raise risk', () => {
  it.each<[string, OrderChanges, OrderChanges?]>([
    ['by less quantity', { quantity: 9 }],
    ['by a lower price to buy at, nearer to its stop', { price: '2449' }],
    ['by a nearer stop', { stopLoss: '2431' }],
    ['by a first stop', { stopLoss: '2430' }, { stopLoss: null }],
    ['by another target', { takeProfit: '2460' }],
    ['by another validity or disclosed quantity', { validity: 'IOC', disclosedQuantity: 5 }],
  ])('%s', (_, after, before) => {
    expect(raisesRisk(change(after, before))).toBe(false);
  });

  it('by another price of what only reduces', () => {
    const exit = { openingBefore: 0, openingAfter: 0 };
    expect(raisesRisk(change({ price: '2460', stopLoss: null }, {}, exit))).toBe(false);
  });
});

describe('the failure that stops a change', () => {
  it('is the first of all when it raises risk', () => {
    const results = failures('CIRCUIT_BREAKER', 'BALANCE');
    expect(blockingFailure(change({ quantity: 11 }), results)?.check).toBe('CIRCUIT_BREAKER');
    expect(blockingFailure(change({ quantity: 11 }), [])).toBeNull();
  });

  it('is none when it lowers risk, whatever the checks say of the order', () => {
    expect(blockingFailure(change({ quantity: 9 }), failures('CIRCUIT_BREAKER', 'RISK_REWARD'))).toBeNull();
  });

  it('is that of the terms it sets: a stop on the wrong side, a target too near', () => {
    const results = failures('CIRCUIT_BREAKER', 'STOP_LOSS_REQUIRED', 'RISK_REWARD');
    expect(blockingFailure(change({ stopLoss: '2460' }), results)?.check).toBe('STOP_LOSS_REQUIRED');
    expect(blockingFailure(change({ takeProfit: '2451' }), results)?.check).toBe('RISK_REWARD');
    expect(blockingFailure(change({ takeProfit: null }), results)).toBeNull();
  });
});

/** 99 of 100 bought at 2450, stop 2430: 1,980.00 at risk of what is held. */
const PART: OrderChanges = {
  ...{ status: 'PARTIALLY_FILLED', quantity: 100, openingQuantity: 100, filledQuantity: 99 },
  filledValue: decimal(2450).times(99).toFixed(),
};
/** A stop that guards a long position. */
const STOP: OrderChanges = {
  ...{ side: 'SELL', role: 'STOP', reduceOnly: true, orderType: 'SL-M', status: 'OPEN', quantity: 10 },
  ...{ price: null, triggerPrice: '2430', stopLoss: null, takeProfit: null },
};
const REDUCES = { openingBefore: 0, openingAfter: 0 };
const held = (before: OrderChanges, after: OrderChanges, quantity: number, multiplier = 1) => {
  const value = decimal(2450).times(Math.abs(quantity)).times(multiplier).toFixed();
  const loss = heldLossOf(
    { before: order(before), after: order({ ...before, ...after }), multiplier: decimal(multiplier) },
    position({ quantity, openValue: value, multiplier: decimal(multiplier) }),
  );
  return loss === null ? null : [loss.before?.toFixed() ?? null, loss.after?.toFixed() ?? null];
};

describe('the loss of what is held, at the stop before and after a change', () => {
  it('is, of a part-filled entry, that of what its fills opened and still is there', () => {
    expect(held(PART, { stopLoss: '2400' }, 99)).toEqual(['1980', '4950']);
    expect(held(PART, { stopLoss: '2400' }, 60)).toEqual(['1200', '3000']);
    expect(held(PART, { stopLoss: null }, 99)).toEqual(['1980', null]);
    expect(held(PART, { stopLoss: '2460' }, 99)).toEqual(['1980', '0']);
  });

  it('is, of a stop, that of as much of the position as it closes, at its average price', () => {
    expect(held(STOP, { triggerPrice: '2400' }, 10)).toEqual(['200', '500']);
    expect(held(STOP, { triggerPrice: '2400' }, 6)).toEqual(['120', '300']);
    expect(held({ ...STOP, filledQuantity: 7 }, { triggerPrice: '2400' }, 10)).toEqual(['60', '150']);
    expect(held({ ...STOP, side: 'BUY', triggerPrice: '2470' }, { triggerPrice: '2500' }, -10)).toEqual([
      '200',
      '500',
    ]);
    expect(held(STOP, { triggerPrice: '2400' }, 10, 100)).toEqual(['20000', '50000']);
  });

  it('is none where nothing is held, nothing was opened, or an exit is no stop', () => {
    expect(held({}, { stopLoss: '2400' }, 0)).toBeNull();
    expect(held({}, { stopLoss: '2400' }, 50)).toBeNull();
    expect(held({ ...PART, openingQuantity: 1 }, { stopLoss: '2400' }, 99)).toBeNull();
    expect(
      held({ ...STOP, orderType: 'LIMIT', price: '2480', triggerPrice: null }, { price: '2490' }, 10),
    ).toBeNull();
    expect(held(STOP, { orderType: 'LIMIT', price: '2440', triggerPrice: null }, 10)).toBeNull();
  });

  it('raises risk when it grows, and not when it shrinks, when there was none, or when protection does it', () => {
    const of = (before: string | null, after: string | null, byProtection = false) =>
      raisesRisk(
        change({ triggerPrice: '2400' }, STOP, {
          ...{ ...REDUCES, byProtection },
          held: {
            before: before === null ? null : decimal(before),
            after: after === null ? null : decimal(after),
          },
        }),
      );
    expect(of('200', '200.01')).toBe(true);
    expect(of('200', null)).toBe(true);
    expect(of('200', '200')).toBe(false);
    expect(of('200', '0')).toBe(false);
    expect(of(null, '500')).toBe(false);
    expect(of('200', '500', true)).toBe(false);
  });
});

describe('a trigger that a person moves to the wrong side', () => {
  const warned: CheckResult[] = [
    { check: 'TRIGGER_SANITY', verdict: 'WARN', value: null, limit: null, message: 'wrong side' },
  ];
  it('is refused although an exit is only warned of it, and protection passes', () => {
    expect(blockingFailure(change({ triggerPrice: '2460' }, STOP, REDUCES), warned)?.message).toBe(
      'wrong side',
    );
    const ours = { ...REDUCES, byProtection: true };
    expect(blockingFailure(change({ triggerPrice: '2460' }, STOP, ours), warned)).toBeNull();
  });

  it('is refused for what the check of triggers fails or warns of, and for nothing else', () => {
    const said = (check: string, verdict: CheckResult['verdict']): CheckResult[] => [
      { check, verdict, value: null, limit: null, message: 'said' },
    ];
    const moved = change({ triggerPrice: '2420' }, STOP, REDUCES);
    expect(blockingFailure(moved, said('TRIGGER_SANITY', 'FAIL'))?.message).toBe('said');
    expect(blockingFailure(moved, said('TRIGGER_SANITY', 'PASS'))).toBeNull();
    expect(blockingFailure(moved, said('PRICE_SANITY', 'WARN'))).toBeNull();
  });

  it('is refused for its limit, too, and not where another term changes', () => {
    const limited = { ...STOP, orderType: 'SL', price: '2420' } as const;
    expect(blockingFailure(change({ price: '1000' }, limited, REDUCES), warned)).not.toBeNull();
    expect(blockingFailure(change({ validity: 'IOC' }, limited, REDUCES), warned)).toBeNull();
    expect(blockingFailure(change({ quantity: 5 }, limited, REDUCES), warned)).toBeNull();
    // An SL-M stop has no limit before and after: that is the same limit.
    expect(blockingFailure(change({ quantity: 5 }, STOP, REDUCES), warned)).toBeNull();
  });
});
