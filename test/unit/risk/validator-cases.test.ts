import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../../src/risk/check.ts';
import { runChecks } from '../../../src/risk/pre-trade.ts';
import { type InputChanges, input, liveOrder, position } from './fixtures.ts';

/** Verdicts by check of the brief's order: BUY 10 RELIANCE at 2450.00 MIS with a balance of 100,000. */
function verdicts(changes: InputChanges = {}): Record<string, Verdict> {
  return Object.fromEntries(runChecks(input(changes)).results.map(({ check, verdict }) => [check, verdict]));
}

const failing = (changes: InputChanges) =>
  Object.entries(verdicts(changes))
    .filter(([, verdict]) => verdict === 'FAIL')
    .map(([check]) => check);

const message = (check: string, changes: InputChanges = {}) =>
  runChecks(input(changes)).results.find((result) => result.check === check)?.message;

const fivePositions = [11, 12, 13, 14, 15].map((instrumentId) => position({ instrumentId }));

describe("the brief's seven validator cases", () => {
  it('1: an order with a stop and a target twice as far passes every check', () => {
    const { results, failed } = runChecks(input());
    expect(failed).toBeNull();
    expect(results.filter((result) => result.verdict === 'PASS').map((result) => result.check)).toEqual([
      'CIRCUIT_BREAKER',
      'BALANCE',
      'POSITION_LIMIT',
      'RISK_PER_TRADE',
      'DAILY_LOSS',
      'STOP_LOSS_REQUIRED',
      'RISK_REWARD',
      'PRICE_SANITY',
      'QUANTITY_LIMITS',
      'ORDER_TO_POSITION_RATIO',
      'ORDER_VALUE',
      'INSTRUMENT_RULES',
      'OPEN_ORDER_VALUE',
      'DUPLICATE_ORDER',
    ]);
    expect(results.every((result) => result.verdict === 'PASS' || result.verdict === 'SKIP')).toBe(true);
    expect(results.find((result) => result.check === 'RISK_PER_TRADE')).toMatchObject({
      value: '200',
      limit: '2000',
    });
    expect(results.find((result) => result.check === 'RISK_REWARD')).toMatchObject({
      value: '2.05',
      limit: '2',
    });
    expect(message('RISK_PER_TRADE')).toBe('risk 200.00 is within 2,000.00 (2% of 100,000.00)');
    expect(message('RISK_REWARD')).toBe('reward 410.00 / risk 200.00 = 2.05, at least 2');
  });

  it('2: an order without a stop fails STOP_LOSS_REQUIRED', () => {
    expect(failing({ order: { stopLoss: null } })).toEqual(['STOP_LOSS_REQUIRED']);
  });

  it('3: a BUY with its stop above the price fails STOP_LOSS_REQUIRED', () => {
    expect(failing({ order: { stopLoss: '2460.00' } })).toEqual(['STOP_LOSS_REQUIRED']);
  });

  it('4: a target of 2480.00, one and a half times the risk, fails RISK_REWARD', () => {
    expect(failing({ order: { takeProfit: '2480.00' } })).toEqual(['RISK_REWARD']);
    expect(message('RISK_REWARD', { order: { takeProfit: '2480.00' } })).toBe(
      'reward 300.00 / risk 200.00 = 1.50, under the least of 2',
    );
  });

  it('5: a quantity of 10,001 fails QUANTITY_LIMITS', () => {
    const quantity = { order: { quantity: 10_001 } };
    expect(failing(quantity)).toContain('QUANTITY_LIMITS');
    expect(message('QUANTITY_LIMITS', quantity)).toBe('quantity 10001 is over the limit of 10000 per order');
  });

  it('6: a sixth distinct position fails POSITION_LIMIT', () => {
    expect(failing({ positions: fivePositions })).toEqual(['POSITION_LIMIT']);
    expect(failing({ positions: fivePositions.slice(1) })).toEqual([]);
    const waiting = liveOrder({ instrumentId: 15, symbol: 'SBIN', status: 'UNKNOWN' });
    expect(failing({ positions: fivePositions.slice(0, 4), liveOrders: [waiting] })).toEqual([
      'POSITION_LIMIT',
    ]);
  });

  it('7: a price of 2700.00 with the market at 2450.00 fails PRICE_SANITY', () => {
    const far = { order: { price: '2700.00', stopLoss: '2680.00', takeProfit: '2741.00' } };
    expect(failing(far)).toEqual(['PRICE_SANITY']);
    expect(message('PRICE_SANITY', far)).toBe('2700.00 is 10.2041% from 2450.00, over 10%');
  });
});
