import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimal } from '../../../src/domain/money.ts';
import { type CheckInput, percent, rupees } from '../../../src/risk/check.ts';
import { CHECKS, runChecks } from '../../../src/risk/pre-trade.ts';
import { input, liveOrder, position, price } from './fixtures.ts';

describe('the checks before a trade', () => {
  it("run in the declared order: the brief's ten first, then those of controls.md by its numbers", () => {
    expect(runChecks(input()).results.map((result) => result.check)).toEqual([
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
      'REDUCE_ONLY',
      'ORDER_VALUE',
      'TRIGGER_SANITY',
      'INSTRUMENT_RULES',
      'SESSION',
      'DELIVERY',
      'POSITION_VALUE',
      'OPEN_ORDER_VALUE',
      'UNCONFIRMED_EXECUTION',
      'REPEATED_EXECUTION',
      'DUPLICATE_ORDER',
      'REJECT_RATIO',
      'SELF_MATCH',
      'RESTRICTED_INSTRUMENT',
      'STRATEGY_ENABLED',
      'MARKET_DATA',
      'POSITION_LEAVING',
    ]);
  });

  it('all say something after the first failure, and the first one in order is the one that is named', () => {
    const { results, failed } = runChecks(
      input({
        order: { stopLoss: null, takeProfit: '2400.00', quantity: 20_000 },
        availableFunds: '10',
        account: { tradingState: 'HALTED' },
      }),
    );
    expect(results).toHaveLength(CHECKS.length);
    expect(results.filter((result) => result.verdict === 'FAIL').map((result) => result.check)).toEqual([
      'CIRCUIT_BREAKER',
      'BALANCE',
      'STOP_LOSS_REQUIRED',
      'QUANTITY_LIMITS',
      'ORDER_VALUE',
      'OPEN_ORDER_VALUE',
    ]);
    expect(failed?.check).toBe('CIRCUIT_BREAKER');
  });

  it('a warning blocks nothing', () => {
    const { results, failed } = runChecks(input({ order: { takeProfit: null } }));
    expect(results.find((result) => result.check === 'RISK_REWARD')?.verdict).toBe('WARN');
    expect(failed).toBeNull();
  });

  it('of new risk are skipped by an order that only reduces, whatever the state of the account', () => {
    const { results, failed } = runChecks(
      input({
        order: { side: 'SELL', reduceOnly: true, stopLoss: null, takeProfit: null, quantity: 10 },
        positions: [
          position({ quantity: 10 }),
          ...[11, 12, 13, 14, 15].map((id) => position({ instrumentId: id })),
        ],
        marginPerUnit: null,
        availableFunds: null,
        dayPnl: '-99999',
      }),
    );
    expect(failed).toBeNull();
    expect(results.filter((result) => result.verdict !== 'SKIP').map((result) => result.check)).toEqual([
      'CIRCUIT_BREAKER',
      'PRICE_SANITY',
      'QUANTITY_LIMITS',
      'REDUCE_ONLY',
      'INSTRUMENT_RULES',
    ]);
  });

  it('have names of their own, and results without a decimal inside', () => {
    expect(new Set(CHECKS.map((check) => check.name)).size).toBe(CHECKS.length);
    for (const result of runChecks(input()).results) {
      expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    }
  });

  it('give the same verdicts again and change nothing of what they look at', () => {
    const given: CheckInput = input({ positions: [position()], liveOrders: [liveOrder()], price: price() });
    const before = JSON.stringify(given);
    expect(runChecks(given)).toEqual(runChecks(given));
    expect(JSON.stringify(given)).toBe(before);
  });

  it('judge a SELL as the mirror image of a BUY around the price', () => {
    const ticks = fc.integer({ min: -2000, max: 2000 });
    fc.assert(
      fc.property(ticks, ticks, fc.integer({ min: 1, max: 12_000 }), (stop, target, quantity) => {
        const around = (n: number) => decimal(2450).plus(decimal('0.05').times(n));
        const verdicts = (side: 'BUY' | 'SELL', sign: number) =>
          runChecks(
            input({
              order: { side, quantity, stopLoss: around(sign * stop), takeProfit: around(sign * target) },
            }),
          ).results.map(({ check, verdict }) => `${check} ${verdict}`);
        expect(verdicts('SELL', -1)).toEqual(verdicts('BUY', 1));
      }),
    );
  });
});

describe('figures in sentences', () => {
  it.each([
    ['0.02', '2%'],
    ['0.1', '10%'],
    ['0.065', '6.5%'],
    ['0.10002', '10.002%'],
    ['0', '0%'],
  ])('a share of %s is %s', (share, text) => {
    expect(percent(decimal(share))).toBe(text);
  });

  it('amounts have commas and two places', () => {
    expect(rupees(decimal('2450'))).toBe('2,450.00');
  });
});
