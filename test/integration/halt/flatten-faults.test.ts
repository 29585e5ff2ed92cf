import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OperationRow } from '../../../src/db/account-rows.ts';
import { findOperation } from '../../../src/db/stores/operation-store.ts';
import type { Instrument } from '../../../src/domain/instrument.ts';
import { type ClosePositions, closePositions } from '../../../src/services/close-positions.ts';
import { onEachBackend, type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { MARKET, type OrderFields, RESTING } from '../../support/pipeline/requests.ts';
import { eventually } from '../../support/wait.ts';

onEachBackend((backend) => {
  describe('a flatten that meets trouble', () => {
    let pipeline: Pipeline;

    beforeAll(async () => {
      pipeline = await startPipeline({
        ...{ backend, disturbed: true },
        accounts: [
          'failed',
          'empty',
          'hand',
          'doubt',
          'hedged',
          'slices',
          'rests',
          'locked',
          'refused',
          'part',
          'shared',
          'race',
        ],
        environment: {
          BROKER_TIMEOUT_MS: '2000',
          PRICE_MAX_AGE_MS: '2500',
          FREEZE_QUANTITY: '450',
          MAX_ORDER_VALUE: '0',
          MAX_POSITION_SIZE: '0',
          DUPLICATE_WINDOW_MS: '0',
        },
      });
    });
    afterAll(async () => {
      await pipeline.stop();
    });

    const filled = async (account: string, fields: OrderFields = {}) =>
      pipeline.waitForStatus(await pipeline.place({ account, ...MARKET, ...fields }), 'FILLED');

    const close = async (accountId: string, changes: Partial<ClosePositions> = {}): Promise<OperationRow> => {
      const closing = await closePositions(pipeline.parts.context, {
        ...{ accountId, actor: 'test', byOperator: true, strategyId: null, instrument: null, product: null },
        ...{ quantity: null, includeExternal: false, reason: 'a test' },
        ...changes,
      });
      if (!closing.ok) throw new Error(closing.error.message);
      return closing.value;
    };

    const now = async ({ accountId, id }: OperationRow): Promise<OperationRow> =>
      (await findOperation(pipeline.parts.context.db, accountId, id))!;
    const ended = (operation: OperationRow): Promise<OperationRow> =>
      eventually(
        async () => {
          const row = await now(operation);
          if (row.state === 'RUNNING') throw new Error(JSON.stringify(row.details));
          return row;
        },
        { what: 'the operation to end', timeoutMs: 120_000, intervalMs: 100 },
      );
    const says = (operation: OperationRow, why: string): Promise<void> =>
      eventually(async () => expect(JSON.stringify((await now(operation)).details.left)).toContain(why), {
        what: `the operation to say "${why}"`,
      });

    const held = async (account: string): Promise<Record<string, number>> =>
      Object.fromEntries(
        (await pipeline.book(account)).positions
          .filter(({ quantity }) => quantity !== 0)
          .map(({ tradingsymbol, quantity }) => [tradingsymbol, quantity]),
      );
    const exitsOf = (account: string) =>
      pipeline.sql<{ quantity: number; status: string; symbol: string; strategy_id: string | null }>(
        `select quantity, status, symbol, strategy_id from orders where account_id = $1 and role = 'EXIT' order by client_order_id`,
        [account],
      );
    const alertsOf = async (account: string): Promise<string[]> =>
      (
        await pipeline.sql<{ message: string }>(
          `select message from alerts where account_id = $1 and type = 'flatten_incomplete' and cleared_at is null`,
          [account],
        )
      ).map(({ message }) => message);
    const share = async (symbol: string): Promise<Instrument> =>
      (await pipeline.parts.context.instruments.find('NSE', symbol))!;

    it("is not done while the broker's positions can not be read, and is done when they can", async () => {
      await filled('failed');
      await pipeline.addFault({ call: 'positions', kind: 'serverError', count: -1, user: 'failed' });
      const operation = await close('failed');
      await says(operation, 'the broker did not say what it holds');
      expect(await held('failed')).toEqual({});
      expect((await now(operation)).state).toBe('RUNNING');
      await pipeline.clearFaults();
      expect(await ended(operation)).toMatchObject({ state: 'DONE', details: { left: [] } });
    });

    it('never takes an empty list of positions for flat', async () => {
      await filled('empty');
      await pipeline.addFault({ call: 'positions', kind: 'emptyList', count: -1, user: 'empty' });
      const operation = await ended(await close('empty'));
      await pipeline.clearFaults();
      expect(operation.state).toBe('FAILED');
      expect(operation.details.left[0]?.why).toBe('the broker did not say what it holds, our books 0');
      expect(await alertsOf('empty')).toHaveLength(1);
    });

    it('does not reverse a position that was closed by hand and whose sale it can not read yet, and tells', async () => {
      await filled('hand');
      await pipeline.addFault({ call: 'orders', kind: 'serverError', count: -1, user: 'hand' });
      const byHand = await pipeline.parts.context.broker('hand').placeOrder(
        {
          ...{ variety: 'regular', exchange: 'NSE', tradingsymbol: 'RELIANCE', transactionType: 'SELL' },
          ...{ orderType: 'LIMIT', product: 'MIS', validity: 'DAY', quantity: 10 },
          price: (await share('RELIANCE')).tickSize.times(0).plus('2400'),
        },
        { timeoutMs: 60_000 },
      );
      expect(byHand.kind).toBe('PLACED');
      await eventually(async () => expect(await held('hand')).toEqual({}), { what: 'the sale by hand' });
      const operation = await ended(await close('hand'));
      expect(operation).toMatchObject({ state: 'FAILED', details: { orders: [] } });
      expect(operation.details.left[0]?.why).toBe(
        'our books hold 10, the broker 0: no more than that is exited',
      );
      expect(await held('hand')).toEqual({});
      expect(await alertsOf('hand')).toHaveLength(1);
      // Once the book can be read, the sale is known for what it is, and our books hold nothing, either.
      await pipeline.clearFaults();
      await eventually(
        async () =>
          expect(
            await pipeline.sql(
              `select status from positions where account_id = 'hand' and managed_by = 'OMS'`,
            ),
          ).toEqual([{ status: 'CLOSED' }]),
        { what: 'our books to follow' },
      );
    });

    it('sends no other exit of a key while what became of one is not known', async () => {
      await filled('doubt');
      await pipeline.addFault({ call: 'orders', kind: 'serverError', count: -1, user: 'doubt' });
      await pipeline.addFault({ call: 'placeOrder', kind: 'acceptThenReset', count: 1, user: 'doubt' });
      const operation = await close('doubt');
      await says(operation, 'is not known yet');
      expect((await pipeline.book('doubt')).orders).toHaveLength(2);
      await pipeline.clearFaults();
      expect((await ended(operation)).state).toBe('DONE');
      expect((await pipeline.book('doubt')).orders).toHaveLength(2);
      expect(await held('doubt')).toEqual({});
    });

    it('closes shorts before what hedges them, in slices of the freeze quantity', async () => {
      const names = await pipeline.sql<{ symbol: string }>(
        `select symbol from instruments where exchange = 'NFO' and instrument_type in ('CE', 'PE') and symbol like '%24500PE' order by symbol`,
      );
      const calls = await pipeline.sql<{ symbol: string }>(
        `select symbol from instruments where exchange = 'NFO' and symbol like '%24500CE' order by symbol`,
      );
      const [put, call] = [names[0]!.symbol, calls[0]!.symbol];
      const option = { exchange: 'NFO', product: 'NRML' } as const;
      await filled('hedged', {
        ...option,
        symbol: put,
        quantity: 900,
        stopLoss: '250.00',
        takeProfit: '300.00',
      });
      const short = { ...option, symbol: call, side: 'SELL', quantity: 75 } as const;
      await filled('hedged', { ...short, stopLoss: '310.00', takeProfit: '250.00' });
      const operation = await ended(await close('hedged'));
      expect(operation).toMatchObject({ state: 'DONE', details: { left: [] } });
      expect((await exitsOf('hedged')).map(({ quantity, symbol }) => [symbol, quantity]).sort()).toEqual(
        [
          [call, 75],
          [put, 450],
          [put, 450],
        ].sort(),
      );
      const order = await pipeline.sql<{ kind: string; symbol: string }>(
        `select j.kind, o.symbol from journal j join orders o on o.account_id = j.account_id and o.id::text = j.entity
          where j.account_id = 'hedged' and o.role = 'EXIT' and j.kind in ('OrderAccepted', 'TradeRecorded') order by j.seq`,
      );
      const bought = order.findIndex(({ kind, symbol }) => kind === 'TradeRecorded' && symbol === call);
      const sold = order.findIndex(({ kind, symbol }) => kind === 'OrderAccepted' && symbol === put);
      expect(bought).toBeGreaterThanOrEqual(0);
      expect(sold).toBeGreaterThan(bought);
    });

    it('U13 slices of the freeze quantity have tags of their own, and the one that failed is told apart', async () => {
      const [put] = await pipeline.sql<{ symbol: string }>(
        `select symbol from instruments where exchange = 'NFO' and symbol like '%24500PE' order by symbol`,
      );
      const option = { exchange: 'NFO', product: 'NRML', symbol: put?.symbol ?? '' } as const;
      await filled('slices', { ...option, quantity: 900, stopLoss: '250.00', takeProfit: '300.00' });
      await pipeline.addFault({
        ...{ call: 'placeOrder', kind: 'rejectAtExchange', user: 'slices', message: 'RMS says no' },
      });
      const operation = await ended(await close('slices'));
      expect(operation).toMatchObject({ state: 'DONE', details: { left: [] } });
      const slices = await pipeline.sql<{
        status: string;
        quantity: number;
        tag: string;
        why: string | null;
      }>(
        `select status, quantity, attempt_tag as tag, status_reason as why from orders
         where account_id = 'slices' and role = 'EXIT'`,
      );
      expect(slices.every(({ quantity }) => quantity === 450)).toBe(true);
      expect(new Set(slices.map(({ tag }) => tag)).size).toBe(3);
      expect(slices.map(({ status }) => status).sort()).toEqual(['FILLED', 'FILLED', 'REJECTED']);
      expect(slices.find(({ status }) => status === 'REJECTED')?.why).toContain('RMS says no');
      expect(await held('slices')).toEqual({});
    });

    it('U16: prices an exit again that rests', async () => {
      await filled('rests', { symbol: 'INFY', stopLoss: '1560.00', takeProfit: '1640.00' });
      await pipeline.changeSettings({ fillProbability: 0 });
      const operation = await close('rests');
      await eventually(async () => expect((await exitsOf('rests')).length).toBe(1), { what: 'the exit' });
      // The market runs away from it.
      await pipeline.setPrices({ 'NSE:INFY': '1500.00' });
      await eventually(async () => expect((await exitsOf('rests')).length).toBeGreaterThan(1), {
        what: 'another exit in its place',
      });
      await pipeline.changeSettings({ fillProbability: 1 });
      expect((await ended(operation)).state).toBe('DONE');
      expect(await held('rests')).toEqual({});
      const exits = await exitsOf('rests');
      expect(exits.filter(({ status }) => status === 'FILLED')).toHaveLength(1);
      expect(exits.filter(({ status }) => status === 'CANCELLED').length).toBeGreaterThan(0);
    });

    it('keeps one exit at the band of a locked circuit, and tells', async () => {
      await filled('locked', { symbol: 'ITC', stopLoss: '408.00', takeProfit: '424.00' });
      const quotes = await pipeline.parts.defaultBroker.getQuotes(['NSE:ITC']);
      const band = quotes.get('NSE:ITC')!.lowerCircuit!.toFixed(2);
      await pipeline.setPrices({ 'NSE:ITC': band });
      await eventually(
        async () =>
          expect(
            (await pipeline.parts.defaultBroker.getQuotes(['NSE:ITC'])).get('NSE:ITC')!.lastPrice.toFixed(2),
          ).toBe(band),
        { what: 'the market to lock', intervalMs: 1100 },
      );
      const operation = await close('locked');
      await says(operation, 'locked at its circuit');
      expect((await exitsOf('locked')).filter(({ status }) => status === 'OPEN')).toHaveLength(1);
      expect(await alertsOf('locked')).toHaveLength(1);
      await pipeline.setPrices({ 'NSE:ITC': '400.00' });
      expect((await ended(operation)).state).toBe('DONE');
      expect(await alertsOf('locked')).toEqual([]);
    });

    it('tries again what the exchange refused, and names the refusal meanwhile', async () => {
      await filled('refused');
      await pipeline.addFault({
        call: 'placeOrder',
        kind: 'rejectAtExchange',
        count: 2,
        user: 'refused',
        message: 'RMS says no',
      });
      const operation = await close('refused');
      await says(operation, 'the exit was refused');
      expect((await ended(operation)).state).toBe('DONE');
      expect((await exitsOf('refused')).map(({ status }) => status)).toEqual([
        'REJECTED',
        'REJECTED',
        'FILLED',
      ]);
      expect(await held('refused')).toEqual({});
    });

    it('closes a part of a position and no more', async () => {
      await filled('part');
      const instrument = await share('RELIANCE');
      expect((await ended(await close('part', { instrument, quantity: 4 }))).state).toBe('DONE');
      expect(await held('part')).toEqual({ RELIANCE: 6 });
      await expect(close('part', { instrument, quantity: 7 })).rejects.toThrow(
        'quantity 7 is more than the 6 that can be closed',
      );
      await expect(close('part', { instrument: await share('TCS') })).rejects.toThrow(
        'the account holds nothing of NSE:TCS that is managed',
      );
    });

    it("of a strategy leaves another strategy's shares alone", async () => {
      await filled('shared', { strategyId: 'alpha' });
      await filled('shared', { strategyId: 'beta', quantity: 5 });
      expect((await ended(await close('shared', { strategyId: 'alpha' }))).state).toBe('DONE');
      expect(await held('shared')).toEqual({ RELIANCE: 5 });
      expect(await exitsOf('shared')).toMatchObject([{ strategy_id: 'alpha', quantity: 10 }]);
      const entry = await pipeline.place({ account: 'shared', strategyId: 'beta', ...RESTING });
      await pipeline.waitForStatus(entry, 'OPEN');
      expect((await ended(await close('shared'))).state).toBe('DONE');
      expect((await pipeline.order(entry.id)).status).toBe('CANCELLED');
      const own = await pipeline.sql(
        `select strategy_id, sum(quantity)::int as quantity from strategy_positions where account_id = 'shared' group by 1 order by 1`,
      );
      expect(own).toEqual([
        { strategy_id: 'alpha', quantity: 0 },
        { strategy_id: 'beta', quantity: 0 },
      ]);
    });

    it('asked for many times at once, and beside exits of strategies, never reverses', async () => {
      await filled('race', { quantity: 20 });
      const exits = Array.from({ length: 4 }, () =>
        pipeline.place({
          ...{ account: 'race', ...MARKET, side: 'SELL', reduceOnly: true, quantity: 7 },
          ...{ stopLoss: null, takeProfit: null, clientOrderId: `race-${randomUUID()}` },
        }),
      );
      const [operations] = await Promise.all([
        Promise.all(Array.from({ length: 4 }, () => close('race'))),
        Promise.all(exits),
      ]);
      for (const operation of operations) expect((await ended(operation)).state).toBe('DONE');
      expect(new Set(operations.map(({ id }) => id)).size).toBe(1);
      expect(await held('race')).toEqual({});
      const sums = await pipeline.sql<{ held: number }>(
        `select sum(quantity) over (order by traded_at, length(trade_id), trade_id)::int as held from position_entries where account_id = 'race'`,
      );
      expect(Math.min(...sums.map((row) => row.held))).toBe(0);
    });

    it('leaves every invariant standing', async () => {
      await expectInvariants(pipeline.sql);
    });
  });
});
