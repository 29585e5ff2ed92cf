import { describe, expect, it } from 'vitest';
import type { BrokerHolding } from '../../../src/broker/port.ts';
import { createHoldingsReader } from '../../../src/market-data/holdings.ts';
import { fakeClock } from '../../../src/time/clock.ts';
import { T0 } from '../risk/fixtures.ts';
import { deferred, fakeBroker, fakeLog } from './fakes.ts';

const held = (tradingsymbol: string, openingQuantity: number, exchange = 'NSE'): BrokerHolding => ({
  exchange,
  tradingsymbol,
  openingQuantity,
});

function reader(getHoldings: () => Promise<readonly BrokerHolding[]>) {
  const clock = fakeClock(T0);
  const { log, warnings } = fakeLog();
  const asked: string[] = [];
  const broker = (accountId: string) => {
    asked.push(accountId);
    return fakeBroker({ getHoldings });
  };
  return { holdings: createHoldingsReader(broker, () => clock.monotonicMs(), log), clock, asked, warnings };
}

describe('the holdings of an account', () => {
  it('are unknown until they were read, and never none', () => {
    const { holdings } = reader(async () => []);
    expect(holdings.peek('main')).toBeNull();
    expect(holdings.isKnown('main')).toBe(false);
  });

  it('are quantities by instrument, of that account alone', async () => {
    const { holdings } = reader(async () => [held('SBIN', 5), held('SBIN', 2), held('SBIN', 9, 'BSE')]);
    await holdings.refresh('main');
    expect([...(holdings.peek('main') ?? [])]).toEqual([
      ['NSE:SBIN', 7],
      ['BSE:SBIN', 9],
    ]);
    expect(holdings.peek('other')).toBeNull();
  });

  it('are read once by all who ask at a time, and again after a minute', async () => {
    const answer = deferred<readonly BrokerHolding[]>();
    const { holdings, clock, asked } = reader(() => answer.promise);
    const waiting = [holdings.refresh('main'), holdings.refresh('main')];
    answer.resolve([]);
    await Promise.all(waiting);
    expect(asked).toEqual(['main']);
    clock.advance(59_999);
    await holdings.refresh('main');
    expect(asked).toEqual(['main']);
    clock.advance(1);
    await holdings.refresh('main');
    expect(asked).toEqual(['main', 'main']);
  });

  it('that can not be read stay as they were for ten minutes, and the broker is asked every ten seconds', async () => {
    let isDown = false;
    const { holdings, clock, asked, warnings } = reader(async () => {
      if (isDown) throw new Error('down');
      return [held('SBIN', 5)];
    });
    await holdings.refresh('main');
    isDown = true;
    clock.advance(60_000);
    await holdings.refresh('main');
    await holdings.refresh('main');
    expect(asked).toHaveLength(2);
    expect(warnings).toHaveLength(1);
    expect(holdings.peek('main')?.get('NSE:SBIN')).toBe(5);
    clock.advance(10_000);
    await holdings.refresh('main');
    expect(asked).toHaveLength(3);
    clock.advance(530_001);
    expect(holdings.peek('main')).toBeNull();
  });
});
