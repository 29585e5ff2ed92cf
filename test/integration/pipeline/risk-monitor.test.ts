import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeLimits } from '../../../src/services/change-limits.ts';
import { readRisk } from '../../../src/services/read-risk.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { EXIT, MARKET, type OrderFields } from '../../support/pipeline/requests.ts';
import { eventually, waitFor } from '../../support/wait.ts';

interface Alert {
  readonly severity: string;
  readonly type: string;
  readonly message: string;
  readonly cleared: boolean;
}

/** 40 x 2450.00: 6% of 100,000.00 is lost at about 2300. */
const RELIANCE_40: OrderFields = { quantity: 40 };
const INFY_60: OrderFields = {
  symbol: 'INFY',
  quantity: 60,
  price: '1580.00',
  stopLoss: '1560.00',
  takeProfit: '1640.00',
};

onEachBackend((backend) => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend,
      accounts: ['main', 'drawdown'],
      exchange: { openingFunds: '100000', volumeCap: 0 },
      environment: {
        ACCOUNT_BALANCE: '100000',
        MAX_DAILY_LOSS: '0.06',
        RISK_INTERVAL_MS: '200',
      },
    });
    await changeLimits(pipeline.parts.context, {
      accountId: 'drawdown',
      strategyId: null,
      actor: 'test',
      changes: { MAX_DAILY_LOSS: '0', MAX_DRAWDOWN: '0.05' },
      reason: 'a drawdown alone',
      expiresAt: null,
    });
  });
  afterAll(async () => {
    await pipeline.stop();
  });

  const alerts = (account: string, type: string) =>
    pipeline.sql<Alert>(
      `select severity, type, message, cleared_at is not null as cleared from alerts
        where account_id = $1 and type = $2 order by at, id`,
      [account, type],
    );
  const stateOf = async (account: string) =>
    (
      await pipeline.sql<{ trading_state: string; trading_state_reason: string | null }>(
        'select trading_state, trading_state_reason from accounts where id = $1',
        [account],
      )
    )[0];
  const buy = async (account: string, fields: OrderFields) => {
    const placed = await pipeline.place({ account, ...fields });
    await pipeline.waitForStatus(placed, 'FILLED');
  };

  describe('the daily loss', () => {
    it('warns when it nears the limit, and takes that back when the price is clearly back', async () => {
      await buy('main', RELIANCE_40);
      await pipeline.setPrices({ 'NSE:RELIANCE': '2328.00' });
      await eventually(
        async () =>
          expect(await alerts('main', 'daily_loss_limit')).toMatchObject([
            { severity: 'WARNING', cleared: false },
          ]),
        { what: 'the warning' },
      );
      await pipeline.setPrices({ 'NSE:RELIANCE': '2400.00' });
      await eventually(
        async () => expect(await alerts('main', 'daily_loss_limit')).toMatchObject([{ cleared: true }]),
        { what: 'the warning to end' },
      );
      expect(await stateOf('main')).toMatchObject({ trading_state: 'ACTIVE' });
    });

    it('halts the account at the limit and names baseline and value', async () => {
      await pipeline.setPrices({ 'NSE:RELIANCE': '2299.00' });
      const state = await waitFor(
        async () => {
          const now = await stateOf('main');
          return now?.trading_state === 'HALTED' ? now : null;
        },
        { what: 'the halt' },
      );
      expect(state.trading_state_reason).toContain('6,000.00 (6% of riskCapital 100,000.00)');
      const told = await alerts('main', 'kill_switch_triggered');
      expect(told).toMatchObject([{ severity: 'CRITICAL', cleared: false }]);
      const losses = await alerts('main', 'daily_loss_limit');
      expect(losses.at(-1)).toMatchObject({ severity: 'CRITICAL', cleared: false });
    });

    it('refuses entries then, and takes exits, also by another process', async () => {
      const other = await pipeline.compose('restarted');
      pipeline.startRole('riskMonitor', other);
      pipeline.startRole('validator', other);
      const entry = await pipeline.place({
        quantity: 1,
        price: '2299.00',
        stopLoss: '2290.00',
        takeProfit: '2330.00',
      });
      expect(await pipeline.waitForStatus(entry, 'REJECTED')).toMatchObject({
        failedCheck: 'CIRCUIT_BREAKER',
      });
      const exit = await pipeline.place({ ...EXIT, ...MARKET, quantity: 15 });
      await pipeline.waitForStatus(exit, 'FILLED');
      expect(await stateOf('main')).toMatchObject({ trading_state: 'HALTED' });
    });
  });

  it('halts at the drawdown from the highest equity, which fresh prices alone have raised', async () => {
    await buy('drawdown', INFY_60);
    await pipeline.setPrices({ 'NSE:INFY': '1630.00' });
    await eventually(
      async () => {
        const { peakEquity } = await readRisk(pipeline.parts.context, 'drawdown');
        expect(peakEquity.gt(102_900)).toBe(true);
      },
      { what: 'the peak' },
    );
    // 60 x 80 less than the peak: under 5% of 103,000; then 60 x 90.
    await pipeline.setPrices({ 'NSE:INFY': '1550.00' });
    await eventually(
      async () => expect(await alerts('drawdown', 'drawdown_limit')).toMatchObject([{ severity: 'WARNING' }]),
      { what: 'the warning' },
    );
    expect(await stateOf('drawdown')).toMatchObject({ trading_state: 'ACTIVE' });
    await pipeline.setPrices({ 'NSE:INFY': '1540.00' });
    const state = await waitFor(
      async () => {
        const now = await stateOf('drawdown');
        return now?.trading_state === 'HALTED' ? now : null;
      },
      { what: 'the halt' },
    );
    expect(state.trading_state_reason).toMatch(/5% of peakEquity 102,9\d\d\.\d\d/);
  });

  describe('when configured to close', () => {
    let closing: Pipeline;

    beforeAll(async () => {
      closing = await startPipeline({
        backend,
        accounts: ['main', 'flatten'],
        exchange: { openingFunds: '100000', volumeCap: 0 },
        environment: {
          ACCOUNT_BALANCE: '100000',
          MAX_DAILY_LOSS: '0.06',
          RISK_INTERVAL_MS: '200',
          AUTO_FLATTEN: 'yes',
          POSITION_LOSS_EXIT: 'yes',
        },
      });
    });
    afterAll(async () => {
      await closing.stop();
    });
    const flat = async (account: string, symbol: string) =>
      eventually(
        async () => {
          const held = (await closing.book(account)).positions.filter((one) => one.tradingsymbol === symbol);
          expect(held).toMatchObject([{ quantity: 0 }]);
          const own = 'select status from positions where account_id = $1 and symbol = $2';
          expect(await closing.sql(own, [account, symbol])).toEqual([{ status: 'CLOSED' }]);
        },
        { what: `${symbol} of ${account} to be closed` },
      );

    it('a position that lost more than its limit is closed, alone and once', async () => {
      await closing.waitForStatus(await closing.place({ quantity: 10 }), 'FILLED');
      await closing.waitForStatus(await closing.place({ ...INFY_60, quantity: 10 }), 'FILLED');
      // 10 x 130.00 is 5.3% of 24,500.00, and 1.3% of the capital.
      await closing.setPrices({ 'NSE:RELIANCE': '2320.00' });
      await flat('main', 'RELIANCE');
      const told = `select type from alerts where account_id = 'main' and type = $1`;
      await eventually(
        async () =>
          expect(
            await closing.sql(`${told} and cleared_at is not null`, ['position_loss_exit']),
          ).toHaveLength(1),
        { what: 'the alert to end with the position' },
      );
      expect(await closing.sql(`select kind from operations where account_id = 'main'`)).toEqual([
        { kind: 'FLATTEN' },
      ]);
      expect(await closing.sql(`select trading_state from accounts where id = 'main'`)).toEqual([
        { trading_state: 'ACTIVE' },
      ]);
      expect(await closing.sql(`select quantity from positions where symbol = 'INFY'`)).toEqual([
        { quantity: 10 },
      ]);
    });

    it('a trip closes everything the account manages', async () => {
      await closing.setPrices({ 'NSE:SBIN': '875.00' });
      const many = {
        symbol: 'SBIN',
        price: '875.00',
        stopLoss: '866.00',
        takeProfit: '900.00',
        quantity: 110,
      };
      await closing.waitForStatus(await closing.place({ account: 'flatten', ...many }), 'FILLED');
      const resting = await closing.place({
        account: 'flatten',
        ...many,
        price: '795.00',
        stopLoss: '790.00',
        takeProfit: '810.00',
        quantity: 1,
      });
      await closing.waitForStatus(resting, 'OPEN');
      await closing.setPrices({ 'NSE:SBIN': '815.00' });
      await flat('flatten', 'SBIN');
      await closing.waitForStatus(resting, 'CANCELLED');
      expect(await closing.sql(`select trading_state from accounts where id = 'flatten'`)).toEqual([
        { trading_state: 'HALTED' },
      ]);
      await expectInvariants(closing.sql);
    });
  });

  it('leaves every invariant standing', async () => {
    await expectInvariants(pipeline.sql, { atRest: true });
  });
});
