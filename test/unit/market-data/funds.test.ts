import { describe, expect, it } from 'vitest';
import type { BrokerFunds, BrokerPort } from '../../../src/broker/port.ts';
import { decimal } from '../../../src/domain/money.ts';
import { createFundsReader, fundsSegmentOf } from '../../../src/market-data/funds.ts';
import { fakeClock } from '../../../src/time/clock.ts';
import { T0 } from '../risk/fixtures.ts';
import { deferred, fakeBroker, fakeDatabase, fakeLog } from './fakes.ts';

const segment = (net: string) => ({
  net: decimal(net),
  liveBalance: decimal(net),
  cash: decimal(net),
  blocked: decimal(0),
});
const funds = (equity: string | null, commodity: string | null = null): BrokerFunds => ({
  equity: equity === null ? null : segment(equity),
  commodity: commodity === null ? null : segment(commodity),
});

function reader(getMargins: BrokerPort['getMargins'], handlers: Parameters<typeof fakeDatabase>[0] = {}) {
  const clock = fakeClock(T0);
  const { db, queries } = fakeDatabase({
    'select sauda.clock() as now': () => [{ now: clock.now() }],
    ...handlers,
  });
  const { log, warnings } = fakeLog();
  const asked: string[] = [];
  const broker = (accountId: string) => {
    asked.push(accountId);
    return fakeBroker({ getMargins });
  };
  const fundsReader = createFundsReader({ db, broker, monotonicMs: () => clock.monotonicMs(), log });
  return { funds: fundsReader, clock, queries, warnings, asked };
}

describe('the funds of an account', () => {
  it('are unknown until they were read', () => {
    expect(reader(async () => funds('1')).funds.peek('main', 'equity')).toBeNull();
  });

  it('are those of each segment, as of the start of the read', async () => {
    const { funds: read, clock } = reader(async () => {
      clock.advance(700);
      return funds('50000.25', '10');
    });
    await read.refresh('main', 10_000);
    expect(read.peek('main', 'equity')).toMatchObject({ readAt: T0, ageMs: 700 });
    expect(read.peek('main', 'equity')?.net.toFixed()).toBe('50000.25');
    expect(read.peek('main', 'commodity')?.net.toFixed()).toBe('10');
  });

  it('of a segment the account has not got stay unknown', async () => {
    const { funds: read } = reader(async () => funds('1'));
    await read.refresh('main', 10_000);
    expect(read.peek('main', 'commodity')).toBeNull();
    expect(read.peek('other', 'equity')).toBeNull();
  });

  it('are read again only when they are older than asked', async () => {
    const { funds: read, clock, asked } = reader(async () => funds('1'));
    await read.refresh('main', 1000);
    clock.advance(1000);
    await read.refresh('main', 1000);
    expect(asked).toHaveLength(1);
    clock.advance(1);
    await read.refresh('main', 1000);
    expect(asked).toHaveLength(2);
  });

  it('grow old by the monotonic clock, not by the wall clock', async () => {
    const { funds: read, clock } = reader(async () => funds('1'));
    await read.refresh('main', 1000);
    clock.setNow('2026-07-16T00:00:00Z');
    expect(read.peek('main', 'equity')?.ageMs).toBe(0);
  });

  it('are read once for all who wait, and for each account apart', async () => {
    const slow = deferred<BrokerFunds>();
    const { funds: read, asked } = reader(() => slow.promise);
    const waiting = [read.refresh('main', 0), read.refresh('main', 0), read.refresh('other', 0)];
    slow.resolve(funds('1'));
    await Promise.all(waiting);
    expect([...asked].sort()).toEqual(['main', 'other']);
  });

  it('are stored with the start of their read', async () => {
    const { funds: read, queries } = reader(async () => funds('50000.5'));
    await read.refresh('main', 0);
    const stored = queries.find((query) => query.name === 'sauda_store_funds');
    expect(JSON.parse(String(stored?.values[0]))).toEqual([
      { account_id: 'main', segment: 'equity', net: '50000.5000', read_at: T0.toISOString() },
    ]);
  });

  it('stay what they were when a read fails, which is told, and is tried again', async () => {
    let up = true;
    const {
      funds: read,
      clock,
      warnings,
    } = reader(async () => {
      if (!up) throw new Error('down');
      return funds('7');
    });
    await read.refresh('main', 0);
    up = false;
    clock.advance(5000);
    await expect(read.refresh('main', 1000)).resolves.toBeUndefined();
    expect(read.peek('main', 'equity')).toMatchObject({ ageMs: 5000 });
    expect(warnings).toHaveLength(1);
    up = true;
    await read.refresh('main', 1000);
    expect(read.peek('main', 'equity')?.ageMs).toBe(0);
  });

  it('are known although they could not be stored', async () => {
    const { funds: read, warnings } = reader(async () => funds('7'), {
      sauda_store_funds: () => {
        throw new Error('no database');
      },
    });
    await read.refresh('main', 0);
    expect(read.peek('main', 'equity')?.net.toFixed()).toBe('7');
    expect(warnings).toHaveLength(1);
  });

  it('of commodities are a segment of their own', () => {
    expect(fundsSegmentOf('MCX')).toBe('commodity');
    for (const exchange of ['NSE', 'BSE', 'NFO', 'BFO', 'CDS', 'BCD'] as const) {
      expect(fundsSegmentOf(exchange)).toBe('equity');
    }
  });
});
