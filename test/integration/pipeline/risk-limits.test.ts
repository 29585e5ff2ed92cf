/** Limits of the monitor that an operator changes while it runs, by single looks as in risk-looks.test.ts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeLimits } from '../../../src/services/change-limits.ts';
import { checkRisk } from '../../../src/services/check-risk.ts';
import { enableStrategy } from '../../../src/services/enable-strategy.ts';
import { readRisk } from '../../../src/services/read-risk.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { MARKET, RESTING } from '../../support/pipeline/requests.ts';
import { eventually, waitFor } from '../../support/wait.ts';

describe('a limit of the monitor changed at run time', () => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend: 'postgres',
      // Polls are scheduled for the accounts of the start: no dispatcher runs here.
      accounts: ['exposure', 'age', 'exit', 'halts', 'flattens', 'ratio'],
      roles: ['validator', 'submitter', 'fillPoller', 'marketData'],
      exchange: { openingFunds: '10000000', volumeCap: 0 },
      environment: { ACCOUNT_BALANCE: '100000', RISK_INTERVAL_MS: '100' },
    });
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  const limit = async (
    accountId: string,
    changes: Record<string, string>,
    strategyId: string | null = null,
  ) => {
    const of = { accountId, strategyId, actor: 'test', reason: 'a test', expiresAt: null };
    expect(await changeLimits(pipeline.parts.context, { ...of, changes })).toMatchObject({ ok: true });
  };
  const look = (account: string) => checkRisk(pipeline.parts.context, account);
  const standing = (account: string, type: string) =>
    pipeline.sql<{ severity: string; message: string }>(
      `select severity, message from alerts where account_id = $1 and type = $2 and cleared_at is null`,
      [account, type],
    );
  const buy = async (account: string, fields: Parameters<Pipeline['place']>[0] = {}) => {
    await pipeline.waitForStatus(await pipeline.place({ account, ...MARKET, ...fields }), 'FILLED');
  };
  /** Entries are judged by the first price again. */
  const priceBack = async () => {
    await pipeline.setPrices({ 'NSE:RELIANCE': '2450.00' });
    await pipeline.readPrices(pipeline.parts);
  };
  const operations = (account: string) =>
    pipeline.sql('select kind from operations where account_id = $1', [account]);

  it('warns of exposure from the next look on, shows what is used, and ends with the limit', async () => {
    await buy('exposure', { quantity: 40 });
    await look('exposure');
    expect(await standing('exposure', 'gross_exposure')).toEqual([]);
    await limit('exposure', { MAX_GROSS_EXPOSURE: '0.9', MAX_NET_EXPOSURE: '0.98' });
    await look('exposure');
    expect(await standing('exposure', 'gross_exposure')).toMatchObject([
      {
        severity: 'WARNING',
        message: 'gross exposure 98,000.00 is over 90,000.00 (0.9 x riskCapital 100,000.00)',
      },
    ]);
    expect(await standing('exposure', 'net_exposure')).toHaveLength(1);
    const { limits } = await readRisk(pipeline.parts.context, 'exposure');
    expect(limits.find(({ name }) => name === 'MAX_GROSS_EXPOSURE')).toMatchObject({
      ...{ limit: '0.90', used: '0.98', left: '0.00' },
    });
    await limit('exposure', { MAX_GROSS_EXPOSURE: '2', MAX_NET_EXPOSURE: '0.99' });
    await look('exposure');
    expect(await standing('exposure', 'gross_exposure')).toEqual([]);
  });

  it('calls a price stale by the age that the account allows', async () => {
    await buy('age');
    await look('age');
    expect(await standing('age', 'stale_price')).toEqual([]);
    await pipeline.sql(`update last_prices set at = at - interval '1 hour'`);
    await limit('age', { PRICE_MAX_AGE_MS: '100' });
    await waitFor(
      async () => {
        await look('age');
        return (await standing('age', 'stale_price')).length === 1;
      },
      { what: 'a price of over 100 ms to be told', intervalMs: 150 },
    );
    await limit('age', { PRICE_MAX_AGE_MS: '3600000' });
    await waitFor(
      async () => {
        await look('age');
        return (await standing('age', 'stale_price')).length === 0;
      },
      { what: 'it to be young enough again' },
    );
  });

  it('closes a position over its loss limit only while POSITION_LOSS_EXIT says so', async () => {
    await buy('exit', { quantity: 10 });
    await pipeline.setPrices({ 'NSE:RELIANCE': '2300.00' });
    await waitFor(
      async () => {
        await look('exit');
        return (await standing('exit', 'position_loss_limit')).length === 1;
      },
      { what: 'the loss to be seen', intervalMs: 100 },
    );
    await look('exit');
    expect(await operations('exit')).toEqual([]);
    await limit('exit', { POSITION_LOSS_EXIT: 'yes' });
    await waitFor(
      async () => {
        await look('exit');
        return (await operations('exit')).length === 1;
      },
      { what: 'the exit to be begun', intervalMs: 100 },
    );
    await priceBack();
  });

  it('closes everything at a trip only where AUTO_FLATTEN says so at that moment', async () => {
    for (const account of ['halts', 'flattens']) {
      await buy(account, { quantity: 40 });
      await limit(account, { MAX_DAILY_LOSS: '0.06' });
    }
    await limit('flattens', { AUTO_FLATTEN: 'yes' });
    await pipeline.setPrices({ 'NSE:RELIANCE': '2299.00' });
    for (const account of ['halts', 'flattens']) {
      await waitFor(
        async () => {
          await look(account);
          const [row] = await pipeline.sql<{ state: string }>(
            'select trading_state as state from accounts where id = $1',
            [account],
          );
          return row?.state === 'HALTED';
        },
        { what: `${account} to be halted`, intervalMs: 100 },
      );
      const [told] = await standing(account, 'kill_switch_triggered');
      expect(told?.message).toMatch(/, by prices of up to \d+\.\d s ago\); a person must release it$/);
    }
    const kinds = async (account: string) =>
      (
        await pipeline.sql<{ flatten: boolean }>(
          `select kind = 'FLATTEN' or coalesce((details ->> 'flatten')::boolean, false) as flatten
          from operations where account_id = $1`,
          [account],
        )
      ).map(({ flatten }) => flatten);
    expect(await kinds('halts')).not.toContain(true);
    expect(await kinds('flattens')).toContain(true);
    await priceBack();
  });

  it('pauses a strategy whose entries ask far more of the broker than they fill, until a person enables it', async () => {
    const place = (strategyId: string) =>
      pipeline.place({ account: 'ratio', ...RESTING, strategyId, quantity: 1 });
    for (const strategy of ['busy', 'calm']) {
      await pipeline.waitForStatus(await place(strategy), 'OPEN');
    }
    // As if each had been changed so often: 1 + 24, 1 + 24 and one more.
    await pipeline.waitForStatus(await place('busy'), 'OPEN');
    await pipeline.sql(`update orders set modifications = 24 where strategy_id = 'busy'`);
    await look('ratio');
    expect(await standing('ratio', 'order_to_trade_ratio')).toMatchObject([{ severity: 'WARNING' }]);
    expect(await standing('ratio', 'strategy_paused')).toEqual([]);
    await limit('ratio', { ORDER_TO_TRADE_PAUSE: '50' });
    await look('ratio');
    const [paused, ...others] = await standing('ratio', 'strategy_paused');
    expect(others).toEqual([]);
    const why =
      'ORDER_TO_TRADE: 50 order calls of strategy busy for 0 filled entries in the last 10 minutes; the limit is 50 a filled entry';
    expect(paused).toEqual({ severity: 'CRITICAL', message: `strategy busy is disabled by ${why}` });
    expect(await standing('ratio', 'order_to_trade_ratio')).toMatchObject([{ severity: 'CRITICAL' }]);

    const refused = await pipeline.waitForStatus(await place('busy'), 'REJECTED');
    expect(refused.statusReason).toBe(
      `strategy busy is disabled (${why}): entries are refused until a person enables it`,
    );
    await pipeline.waitForStatus(await place('calm'), 'OPEN');
    // Looked at again it is still paused once; enabled, what was before counts no more.
    await look('ratio');
    const journaled = () =>
      pipeline.sql(`select from journal where account_id = 'ratio' and kind = 'StrategyDisabled'`);
    expect(await journaled()).toHaveLength(1);
    await enableStrategy(pipeline.parts.context, {
      ...{ accountId: 'ratio', strategyId: 'busy', actor: 'test', enabled: true, reason: 'mended' },
    });
    await look('ratio');
    expect(await standing('ratio', 'strategy_paused')).toEqual([]);
    expect(await standing('ratio', 'order_to_trade_ratio')).toEqual([]);
    await pipeline.waitForStatus(await place('busy'), 'OPEN');
    await pipeline.sql(`update orders set modifications = 0 where strategy_id = 'busy'`);
  });

  it('leaves every invariant standing', async () => {
    await eventually(() => expectInvariants(pipeline.sql), { what: 'every invariant' });
  });
});
