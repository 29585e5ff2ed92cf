import { afterEach, describe, expect, it } from 'vitest';
import { decimal } from '../../../src/domain/money.ts';
import { checkRisk } from '../../../src/services/check-risk.ts';
import { pushPrices } from '../../../src/services/push-prices.ts';
import { readRisk } from '../../../src/services/read-risk.ts';
import { runOperation } from '../../../src/services/run-operation.ts';
import { TRADING_STATE_NEEDS, stageTradingState } from '../../../src/services/stage-trading-state.ts';
import type { Composition } from '../../../src/runtime/compose.ts';
import type { Context } from '../../../src/services/context.ts';
import { type Pipeline, type PipelineOptions, startPipeline } from '../../support/pipeline.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import type { OrderFields } from '../../support/pipeline/requests.ts';
import { eventually, waitFor } from '../../support/wait.ts';

/**
 * Single looks, called by the test: no monitor runs by itself here. Prices are put into the table by hand, since no
 * market data runs either, and RISK_INTERVAL_MS is so short that two calls in a row are two samples.
 */
let pipeline: Pipeline | null = null;

afterEach(async () => {
  await pipeline?.stop();
  pipeline = null;
});

const TRADING = ['validator', 'submitter', 'fillPoller'] as const;

async function begin(options: Partial<PipelineOptions> = {}): Promise<Pipeline> {
  pipeline = await startPipeline({
    backend: 'postgres',
    roles: TRADING,
    ...options,
    exchange: { openingFunds: '100000', volumeCap: 0 },
    environment: {
      ACCOUNT_BALANCE: '100000',
      MAX_DAILY_LOSS: '0.06',
      RISK_INTERVAL_MS: '100',
      ...options.environment,
    },
  });
  return pipeline;
}

/** 40 x 2450.00 of RELIANCE: at 2299.00 more than 6,000.00 is lost. */
const INFY_BELOW: OrderFields = { price: '1500.00', stopLoss: '1490.00', takeProfit: '1530.00' };

const buy = async ({ place, waitForStatus }: Pipeline, fields: OrderFields = { quantity: 40 }) => {
  await waitForStatus(await place(fields), 'FILLED');
};

/** Sets a stored price as if the broker had been read `ageSeconds` ago. */
const setPrice = async ({ sql }: Pipeline, price: string, ageSeconds = 0) => {
  await sql(
    `update last_prices l set price = $1, lower_circuit = null, upper_circuit = null, source = 'BROKER',
        at = clock_timestamp() - $2 * interval '1 second'
      from instruments i where i.id = l.instrument_id and i.symbol = 'RELIANCE'`,
    [price, ageSeconds],
  );
};

/** A second sample counts once half an interval has passed. */
const nextSample = async ({ sql }: Pipeline) => {
  await waitFor(
    async () =>
      (await sql(`select from risk_watch where sampled_at < clock_timestamp() - interval '60 ms'`)).length >
      0,
    { what: 'half an interval' },
  );
};

const look = (of: Pipeline) => checkRisk(of.parts.context, 'main');

/** Looks of several processes that have all read before the first of them enters the account. */
const lookTogether = async (all: readonly Pick<Composition, 'context'>[]) => {
  let missing = all.length;
  let open = (): void => undefined;
  const everybody = new Promise<void>((resolve) => (open = resolve));
  const looks = all.map(({ context }) => {
    const withAccount: Context['withAccount'] = async (work) => {
      if (--missing === 0) open();
      await everybody;
      return context.withAccount(work);
    };
    return checkRisk({ ...context, withAccount }, 'main');
  });
  await Promise.all(looks);
};

const stateOf = async ({ sql }: Pipeline) =>
  (await sql<{ trading_state: string }>(`select trading_state from accounts where id = 'main'`))[0]
    ?.trading_state;

const standing = async ({ sql }: Pipeline) =>
  (
    await sql<{ type: string; severity: string }>(
      `select type, severity from alerts where account_id = 'main' and cleared_at is null order by type`,
    )
  ).map(({ type, severity }) => `${severity} ${type}`);

describe('a trip', () => {
  it('needs two samples, which other processes and a restart continue', async () => {
    const of = await begin();
    await buy(of);
    await setPrice(of, '2299.00');
    await look(of);
    expect(await stateOf(of)).toBe('ACTIVE');
    expect(await standing(of)).toContain('CRITICAL daily_loss_limit');
    await nextSample(of);
    const restarted = await of.compose('restarted');
    await checkRisk(restarted.context, 'main');
    expect(await stateOf(of)).toBe('HALTED');
    await expectInvariants(of.sql, { atRest: true });
  });

  it('counts monitors that look at the same instant as one sample', async () => {
    const of = await begin({ environment: { RISK_INTERVAL_MS: '60000' } });
    await buy(of);
    await setPrice(of, '2299.00');
    const all = [of.parts, await of.compose('second'), await of.compose('third')];
    // The day was begun before: from here on a look enters the account once.
    await of.sql(`insert into risk_watch values ('main', 0, null, 0, null, null, null, now(),
      sauda.trading_day(sauda.clock()))`);
    await lookTogether(all);
    await Promise.all(all.map(({ context }) => checkRisk(context, 'main')));
    expect(await stateOf(of)).toBe('ACTIVE');
    expect(await of.sql(`select from alerts where type = 'daily_loss_limit'`)).toHaveLength(1);
  });

  it('happens once, and is told once, however many monitors see it', async () => {
    const of = await begin();
    await buy(of);
    await setPrice(of, '2299.00');
    const all = [of.parts, await of.compose('second'), await of.compose('third')];
    await look(of);
    await nextSample(of);
    await lookTogether(all);
    await nextSample(of);
    await Promise.all(all.map(({ context }) => checkRisk(context, 'main')));
    expect(await stateOf(of)).toBe('HALTED');
    for (const type of ['daily_loss_limit', 'kill_switch_triggered']) {
      expect(await of.sql('select from alerts where type = $1', [type]), type).toHaveLength(1);
    }
    await expectInvariants(of.sql, { atRest: true });
  });

  it('never comes from a stale price, which is told instead', async () => {
    const of = await begin({ environment: { PRICE_MAX_AGE_MS: '60000' } });
    await buy(of);
    await setPrice(of, '1500.00', 61);
    for (let n = 0; n < 4; n++) {
      await look(of);
      await nextSample(of);
    }
    expect(await stateOf(of)).toBe('ACTIVE');
    expect(await standing(of)).toEqual([
      'WARNING daily_loss_limit',
      'WARNING drawdown_limit',
      'WARNING stale_price',
    ]);
    await setPrice(of, '2450.00');
    await look(of);
    expect(await standing(of)).toEqual([]);
  });

  it('starts to count anew when one sample in between is good', async () => {
    const of = await begin();
    await buy(of);
    for (const price of ['2299.00', '2310.00', '2299.00']) {
      await setPrice(of, price);
      await look(of);
      await nextSample(of);
    }
    expect(await stateOf(of)).toBe('ACTIVE');
  });

  it('by both limits names both, also when a person had halted before, so that a release answers both', async () => {
    const of = await begin();
    await buy(of);
    const { context } = of.parts;
    await look(of);
    const byHand = await context.withAccount({
      accountId: 'main',
      actor: 'test',
      needs: TRADING_STATE_NEEDS,
      run: (view) =>
        stageTradingState(context, view, {
          state: 'HALTED',
          scope: 'account',
          reason: 'lunch',
          by: 'a person',
        }),
    });
    expect(byHand).toMatchObject({ ok: true });
    await setPrice(of, '2060.00');
    for (let n = 0; n < 3; n++) {
      await look(of);
      await nextSample(of);
    }
    const [row] = await of.sql<{ halt_trips: { kind: string }[]; trading_state_reason: string }>(
      `select halt_trips, trading_state_reason from accounts where id = 'main'`,
    );
    expect(row?.halt_trips.map(({ kind }) => kind)).toEqual(['DAILY_LOSS', 'DRAWDOWN']);
    expect(row?.trading_state_reason).toBe('lunch');
    expect(await of.sql(`select from alerts where type = 'kill_switch_triggered'`)).toHaveLength(1);
    expect(await standing(of)).toEqual(
      expect.arrayContaining(['CRITICAL daily_loss_limit', 'CRITICAL drawdown_limit', 'CRITICAL near_stop']),
    );
    await expectInvariants(of.sql, { atRest: true });
  });

  it('cancels what works at the broker, and leaves what was placed behind it to be refused by its check', async () => {
    const of = await begin({ roles: ['submitter', 'fillPoller'] });
    const validator = of.startRole('validator');
    await buy(of);
    const resting = await of.place({ symbol: 'INFY', quantity: 1, ...INFY_BELOW });
    await of.waitForStatus(resting, 'OPEN');
    await validator.stop();
    await setPrice(of, '2299.00');
    await look(of);
    await nextSample(of);
    await look(of);
    expect(await stateOf(of)).toBe('HALTED');
    const behind = await of.place({ symbol: 'INFY', quantity: 2, ...INFY_BELOW });
    const [operation] = await of.sql<{ id: string; kind: string }>('select id, kind from operations');
    expect(operation?.kind).toBe('HALT');
    await runOperation(of.parts.context, { accountId: 'main', operationId: operation?.id ?? '' });
    expect(await of.order(behind.id)).toMatchObject({ status: 'PENDING' });
    expect(await of.sql('select order_id from order_commands')).toEqual([{ order_id: resting.id }]);
    of.startRole('validator');
    expect(await of.waitForStatus(behind, 'REJECTED')).toMatchObject({ failedCheck: 'CIRCUIT_BREAKER' });
  });

  it('is judged by the limit in force under the lock, not by the one that was read', async () => {
    const of = await begin();
    await buy(of);
    await setPrice(of, '2299.00');
    await look(of);
    await nextSample(of);
    const { context } = of.parts;
    // An operator raises the limit after the monitor has read and before it enters the account.
    const overtaken: Context = {
      ...context,
      withAccount: async (work) => {
        await of.sql(
          `update accounts set limits = jsonb_build_object('MAX_DAILY_LOSS', jsonb_build_object('value', '0.2',
            'reason', 'x', 'by', 'x', 'at', '2026-01-01T00:00:00Z', 'expiresAt', null)) where id = 'main'`,
        );
        return context.withAccount(work);
      },
    };
    await checkRisk(overtaken, 'main');
    expect(await stateOf(of)).toBe('ACTIVE');
  });
});

describe('a look', () => {
  it('whose read fails changes nothing', async () => {
    const of = await begin();
    await buy(of);
    await setPrice(of, '2299.00');
    await look(of);
    const everything = () =>
      of.sql(`select (select json_agg(a order by a.id) from accounts a) as accounts,
        (select json_agg(x order by x.id) from alerts x) as alerts, (select json_agg(w) from risk_watch w) as watch`);
    const before = await everything();
    await nextSample(of);
    const { context } = of.parts;
    const orm = Object.assign(Object.create(context.db.orm) as typeof context.db.orm, {
      transaction: refuse,
    });
    const failing: Context = { ...context, db: { ...context.db, orm } };
    await expect(checkRisk(failing, 'main')).rejects.toThrow('no database');
    expect(await everything()).toEqual(before);
    expect(await of.sql(`select failed from heartbeats where duty = 'risk'`)).toEqual([{ failed: true }]);
  });

  it('keeps every high, writes the peak in steps, and a restart goes on from there', async () => {
    const of = await begin();
    await buy(of);
    const peak = async () => {
      const [row] = await of.sql<{ peak_equity: string }>(
        `select peak_equity from accounts where id = 'main'`,
      );
      return Number(row?.peak_equity);
    };
    await look(of);
    expect(await peak()).toBe(100_000);
    // 40 x 2.50 less charges: under 0.1% of riskCapital.
    await setPrice(of, '2452.50');
    await look(of);
    await setPrice(of, '2440.00');
    await look(of);
    expect(await peak()).toBe(100_000);
    const restarted = await of.compose('restarted');
    const shown = (await readRisk(restarted.context, 'main')).peakEquity.toNumber();
    expect(shown).toBeGreaterThan(100_000);
    expect(shown).toBeLessThan(100_100);
    await setPrice(of, '2460.00');
    await checkRisk(restarted.context, 'main');
    expect(await peak()).toBeGreaterThan(100_300);
    // A rebase by an operator: highs from before it count no more.
    await of.sql(`update accounts set peak_equity = 90000 where id = 'main'`);
    expect((await readRisk(restarted.context, 'main')).peakEquity.gte(90_000)).toBe(true);
    await setPrice(of, '2300.00', 7200);
    await look(of);
    expect((await readRisk(restarted.context, 'main')).peakEquity.toNumber()).toBe(90_000);
  });

  it('keeps one equity sample a minute, and thins what is older than a week', async () => {
    const of = await begin();
    await look(of);
    await look(of);
    const samples = () => of.sql<{ at: Date }>(`select at from equity_samples order by at`);
    expect((await samples()).length).toBeLessThanOrEqual(2);
    await of.sql(`insert into equity_samples (account_id, at, equity, unrealized_pnl)
      select 'main', date_trunc('hour', clock_timestamp()) - interval '10 days' + n * interval '1 minute', 1, 0
      from generate_series(5, 124) n`);
    await of.sql(`insert into equity_samples values ('main', clock_timestamp() - interval '500 days', 1, 0)`);
    await of.sql(`update risk_watch set day = '2020-01-01'`);
    await look(of);
    const old = (await samples()).filter(({ at }) => at < new Date(Date.now() - 7 * 86_400_000));
    // The first of each of the three hours that the minutes reach into.
    expect(old.map(({ at }) => at.getUTCMinutes())).toEqual([5, 0, 0]);
  });

  it('ends alerts of others once their condition is over', async () => {
    const of = await begin();
    const order = await of.place({ quantity: 1 });
    await of.waitForStatus(order, 'FILLED');
    await of.parts.context.withAccount({
      accountId: 'main',
      actor: 'test',
      needs: { openAlerts: true },
      run: (view) => {
        for (const [type, condition] of [
          ['order_unknown', `order:${order.id}:unknown`],
          ['late_trade', `order:${order.id}:late-trade:1`],
        ] as const) {
          view.raiseAlert({
            ...{ id: of.parts.context.newId(), severity: 'CRITICAL', type, message: type, details: {} },
            ...{ orderId: order.id, condition },
          });
        }
      },
    });
    await look(of);
    expect(await standing(of)).toEqual(['CRITICAL late_trade']);
  });

  it('is run by the dispatcher when nobody works on the queue', async () => {
    const of = await begin({ roles: ['dispatcher'] });
    await eventually(
      async () =>
        expect(
          await of.sql(`select from heartbeats where duty = 'risk' and succeeded_at is not null`),
        ).toHaveLength(1),
      { what: 'a direct look' },
    );
  });
});

describe('a position carried over night', () => {
  it('is told its close when the day begins, and a split keeps it out of halts', async () => {
    const of = await begin();
    await buy(of, { quantity: 20, product: 'CNC' });
    await look(of);
    await of.sql(`insert into sauda.clock_offset (shift) values (interval '24 hours')`);
    await setPrice(of, '2460.00');
    await look(of);
    expect(await of.sql(`select overnight_quantity, previous_close from positions`)).toEqual([
      { overnight_quantity: 20, previous_close: '2460.0000' },
    ]);
    const days = await of.sql<{ opening_equity: string }>(
      'select opening_equity from daily_stats order by day',
    );
    expect(days).toHaveLength(2);
    // One for two: half the price, and half the close.
    await of.sql('update last_prices set previous_close = 1230');
    await setPrice(of, '1225.00');
    for (let n = 0; n < 3; n++) {
      await look(of);
      await nextSample(of);
    }
    expect(await standing(of)).toContain('WARNING corporate_action_suspected');
    expect(await stateOf(of)).toBe('ACTIVE');
    // Without the split the same price is a loss like any other.
    await of.sql('update last_prices set previous_close = 2460');
    for (let n = 0; n < 3; n++) {
      await look(of);
      await nextSample(of);
    }
    expect(await stateOf(of)).toBe('HALTED');
  });
});

describe('a pushed price', () => {
  const push = ({ parts }: Pipeline, price: string) =>
    pushPrices(parts.context, {
      actor: 'test',
      prices: [{ exchange: 'NSE', symbol: 'RELIANCE', price: decimal(price) }],
      at: null,
      now: new Date(),
    });
  const stored = async ({ sql }: Pipeline) =>
    (
      await sql<{ price: string; source: string }>(
        `select price::float8::text as price, source from last_prices l join instruments i on i.id = l.instrument_id
          where i.symbol = 'RELIANCE'`,
      )
    )[0];

  it('wins over the broker while it is young, and then the broker is believed again', async () => {
    const of = await begin({
      roles: [...TRADING, 'marketData'],
      environment: { PRICE_MAX_AGE_MS: '600000' },
    });
    await buy(of);
    await push(of, '2299.00');
    await of.readPrices(of.parts);
    expect(await stored(of)).toEqual({ price: '2299', source: 'PUSH' });
    const instrument = await of.parts.context.instruments.find('NSE', 'RELIANCE');
    expect(of.parts.context.prices.peek(instrument?.id ?? 0)?.last.toFixed()).toBe('2299');
    await of.sql(`update last_prices set at = at - interval '10 minutes' where source = 'PUSH'`);
    await eventually(async () => expect(await stored(of)).toEqual({ price: '2450', source: 'BROKER' }), {
      what: "the broker's price",
    });
  });

  it('is the only one with PRICE_SOURCE=push', async () => {
    const of = await begin({ environment: { PRICE_SOURCE: 'push' } });
    await push(of, '2299.00');
    await of.sql(`update last_prices set at = at - interval '2 hours'`);
    await of.readPrices(of.parts);
    expect(await of.sql(`select from last_prices where source = 'BROKER'`)).toEqual([]);
    expect(await stored(of)).toEqual({ price: '2299', source: 'PUSH' });
  });
});

function refuse(): never {
  throw new Error('no database');
}
