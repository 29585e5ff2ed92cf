import { describe, expect, it } from 'vitest';
import { decimal } from '../../../src/domain/money.ts';
import type { Side } from '../../../src/domain/order.ts';
import { type ProtectionPolicy, strongerPolicy } from '../../../src/domain/protection-policy.ts';
import {
  type CancelTries,
  type Holder,
  afterCancel,
  sharesOf,
  tighterStop,
} from '../../../src/domain/protection.ts';

describe('the pause after a cancel', () => {
  it('grows from one second to thirty, and stays there', () => {
    const now = new Date('2026-11-24T06:00:00Z');
    const pauses: number[] = [];
    let tries: CancelTries | undefined;
    for (let n = 0; n < 8; n++) {
      tries = afterCancel(tries, now);
      pauses.push(Date.parse(tries.notBefore) - now.getTime());
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 30, 30, 30].map((seconds) => seconds * 1000));
  });
});

describe('the shares of a position', () => {
  const long = (strategyId: string | null): Holder => ({ strategyId, side: 'BUY' });
  const short = (strategyId: string | null): Holder => ({ strategyId, side: 'SELL' });

  it.each<[string, number, Holder[], Record<string, number>, number[]]>([
    ['all of it is of the only holder', 20, [long(null)], {}, [20]],
    ['each strategy has its own', 25, [long('a'), long('b')], { a: 10, b: 15 }, [10, 15]],
    ['what is left is of no strategy', 25, [long(null), long('a')], { a: 10 }, [15, 10]],
    ['nothing is left when strategies have all', 10, [long(null), long('a')], { a: 10 }, [0, 10]],
    ['a strategy that nobody guards keeps its part', 25, [long(null)], { a: 10 }, [15]],
    ['together never more than the position', 12, [long('a'), long('b')], { a: 10, b: 15 }, [10, 2]],
    ['a strategy on the other side has nothing of it', 5, [long('a'), short('b')], { a: 10, b: -5 }, [5, 0]],
    ['a short one is counted the same way', -20, [short('a'), short(null)], { a: -15 }, [15, 5]],
    ['a flat one has none', 0, [long('a'), long(null)], { a: 10 }, [0, 0]],
    ['a strategy without a position has none', 20, [long('a'), long(null)], {}, [0, 20]],
  ])('%s', (_, net, holders, owned, shares) => {
    expect(sharesOf(net, holders, new Map(Object.entries(owned)))).toEqual(shares);
  });
});

describe('what joins a group', () => {
  it.each<[Side, string, string, string]>([
    ['BUY', '95', '90', '95'],
    ['BUY', '90', '95', '95'],
    ['SELL', '105', '110', '105'],
    ['SELL', '110', '105', '105'],
  ])('of a %s keeps the stop that loses less of %s and %s', (side, held, asked, kept) => {
    expect(tighterStop(side, decimal(held), decimal(asked)).toFixed()).toBe(kept);
  });

  it.each<[ProtectionPolicy, ProtectionPolicy, ProtectionPolicy]>([
    ['exchange', 'oms', 'exchange'],
    ['oms', 'exchange', 'exchange'],
    ['oms', 'none', 'oms'],
    ['none', 'none', 'none'],
  ])('keeps the stronger policy of %s and %s', (held, asked, kept) => {
    expect(strongerPolicy(held, asked)).toBe(kept);
  });
});
