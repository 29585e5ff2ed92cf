import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../../src/risk/check.ts';
import { type Change, blockingFailure, raisesRisk } from '../../../src/risk/modify.ts';
import { decimal } from '../../../src/domain/money.ts';
import { type OrderChanges, order, price } from './fixtures.ts';

function change(after: OrderChanges, before: OrderChanges = {}, openings: Partial<Change> = {}): Change {
  return {
    before: order(before),
    after: order({ ...before, ...after }),
    openingBefore: 10,
    openingAfter: 10,
    price: price(),
    multiplier: decimal(1),
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
