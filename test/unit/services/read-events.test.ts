import { describe, expect, it } from 'vitest';
import { type EventLine, concernsStrategy } from '../../../src/services/read-events.ts';

function line(kind: string, entity: string, data: object = {}, order: EventLine['order'] = null): EventLine {
  const rest = { accountId: 'alpha', seq: 1, at: '2026-11-23T09:15:00.000Z', actor: 'a' };
  return { ...rest, kind, entity, data: JSON.stringify(data), order };
}

/** An account that is called like one of its strategies: names alone must decide nothing. */
const CASES: readonly (readonly [told: boolean, what: string, line: EventLine])[] = [
  [true, 'an order of its own', line('OrderOpened', 'o', {}, { strategyId: 'alpha' })],
  [false, "another strategy's order", line('OrderOpened', 'o', {}, { strategyId: 'beta' })],
  [false, 'an order of no strategy', line('OrderOpened', 'o', {}, { strategyId: null })],
  [false, "an alert about another's order", line('AlertRaised', 'o', {}, { strategyId: 'beta' })],
  [true, 'an alert about no order', line('AlertRaised', 'x')],
  [true, 'its registration', line('StrategyRegistered', 'alpha')],
  [false, "another strategy's registration", line('StrategyRegistered', 'beta')],
  [true, 'a halt of the account', line('TradingStateChanged', 'alpha', { scope: 'account' })],
  [true, 'a halt of its own', line('TradingStateChanged', 'alpha', { scope: 'strategy' })],
  [false, "another strategy's halt", line('TradingStateChanged', 'beta', { scope: 'strategy' })],
  [true, 'a limit of the account', line('LimitChanged', 'alpha', { strategyId: null })],
  [false, "another strategy's limit", line('LimitChanged', 'beta', { strategyId: 'beta' })],
  [false, 'what happens to the account itself', line('PeakEquityRaised', 'alpha')],
  [false, 'an account that opens', line('AccountOpened', 'alpha')],
];

describe('a token bound to a strategy', () => {
  it.each(CASES)('is told (%s): %s', (told, _, event) => {
    expect(concernsStrategy(event, 'alpha')).toBe(told);
  });
});
