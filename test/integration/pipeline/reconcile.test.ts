import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../src/broker/errors.ts';
import type { BrokerPort, BrokerPosition } from '../../../src/broker/port.ts';
import { readSystemFigures } from '../../../src/db/stores/metrics-store.ts';
import { decimal } from '../../../src/domain/money.ts';
import { armFailpoints } from '../../../src/lib/failpoint.ts';
import { adjustPosition } from '../../../src/services/adjust-position.ts';
import {
  type ReconciliationRow,
  approveDifference,
  findReconciliation,
} from '../../../src/services/approve-difference.ts';
import type { Context } from '../../../src/services/context.ts';
import { reconcileAccount } from '../../../src/services/reconcile-account.ts';
import { expectInvariants } from '../../support/pipeline/invariants.ts';
import { outsideOf } from '../../support/pipeline/outside.ts';
import { replayDifferences } from '../../support/pipeline/replay.ts';
import { EXIT, RESTING } from '../../support/pipeline/requests.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { eventually } from '../../support/wait.ts';

const ACCOUNTS = [
  'clean',
  'hand',
  'rms',
  'gap',
  'twice',
  'unread',
  'approve',
  'moved',
  'exits',
  'doubt',
  'cut',
  'truth',
  ...['resting', 'stopped', 'emptypositions', 'emptyholdings', 'failing', 'torn', 'causes', 'broken', 'kept'],
  'blocked',
];

const BAD_GATEWAY = new BrokerError('BROKER_FAILED', 'bad gateway', {
  ...{ httpStatus: 502, retryable: true, certainlyNotDone: false },
});

/** Orders run through the pipeline; the reconciler is the test. */
describe('reconciling with the broker', () => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await startPipeline({
      backend: 'postgres',
      // Without the dispatcher, which makes runs of its own when one is overdue.
      roles: ['validator', 'submitter', 'fillPoller', 'marketData'],
      accounts: ['main', ...ACCOUNTS],
      // Each run is the test's own: the dispatcher makes none because it is late.
      environment: { RECONCILE_INTERVAL_MS: '3600000' },
    });
  });
  afterAll(async () => {
    try {
      await expectInvariants(pipeline.sql);
      expect(await replayDifferences(pipeline.parts.database)).toEqual([]);
    } finally {
      await pipeline.stop();
    }
  });
  beforeEach(() => {
    armFailpoints('');
  });

  const run = async (
    accountId: string,
    context: Context = pipeline.parts.context,
  ): Promise<ReconciliationRow> => {
    const done = await reconcileAccount(context, accountId, { startedBy: 'test' });
    if (done === null) throw new Error('another run was under way');
    return done;
  };
  /** What one run sees counts when the next one sees it, too. */
  const runTwice = async (accountId: string, context: Context): Promise<ReconciliationRow> => {
    const first = await run(accountId, context);
    expect(first.differences.map(({ state }) => state)).toEqual(['SEEN']);
    return run(accountId, context);
  };
  const bought = async (account: string) =>
    pipeline.waitForStatus(await pipeline.place({ account }), 'FILLED');
  /** A broker that says something else than the exchange does. */
  const withBroker = (change: Partial<BrokerPort>): Context => {
    const { context } = pipeline.parts;
    return {
      ...context,
      broker: (account) => Object.assign(Object.create(context.broker(account)) as BrokerPort, change),
    };
  };
  const holding = (quantity: number): Context => {
    const row: BrokerPosition = {
      ...{ exchange: 'NSE', tradingsymbol: 'RELIANCE', instrumentToken: 738561, product: 'MIS', quantity },
      ...{ overnightQuantity: 0, averagePrice: decimal('2450'), raw: {} },
    };
    return withBroker({ getPositions: () => Promise.resolve({ net: [row], day: [row] }) });
  };
  const alertsOf = (account: string) =>
    pipeline.sql<{ type: string; standing: boolean }>(
      `select type, cleared_at is null as standing from alerts
       where account_id = $1 and type in ('reconciliation_difference', 'invariant_broken') order by at`,
      [account],
    );
  const openQuantities = async (account: string) =>
    Object.fromEntries(
      (
        await pipeline.sql<{ managed_by: string; quantity: number }>(
          `select managed_by, quantity from positions where account_id = $1 and status = 'OPEN'`,
          [account],
        )
      ).map((row) => [row.managed_by, row.quantity]),
    );

  it('finds nothing where nothing differs, again and again', async () => {
    await bought('clean');
    for (const startedBy of ['test', 'test']) {
      expect(await run('clean')).toMatchObject({
        status: 'CLEAN',
        differences: [],
        fault: null,
        startedBy,
      });
    }
    expect(await alertsOf('clean')).toEqual([]);
  });

  it('a trade by hand is repaired by its broker id, with its cause; a second run finds nothing', async () => {
    await run('hand');
    const id = await outsideOf(pipeline, 'hand').place({ side: 'BUY', quantity: 7 });
    await eventually(async () => expect((await pipeline.book('hand')).positions[0]?.quantity).toBe(7), {
      what: 'the trade by hand',
    });
    const found = await run('hand');
    expect(found).toMatchObject({
      status: 'DIFFERENCES',
      differences: [{ kind: 'TRADE', symbol: 'RELIANCE', cause: 'MANUAL_TRADE', state: 'REPAIRED' }],
    });
    expect(found.differences).toMatchObject([
      { ours: 0, brokers: 7, evidence: { before: 0, after: 7, moved: 7, tradeCount: 1 } },
    ]);
    expect(JSON.stringify(found.differences[0]?.evidence)).toContain(id);
    expect(await openQuantities('hand')).toEqual({ EXTERNAL: 7 });
    expect(await run('hand')).toMatchObject({ status: 'CLEAN' });
  });

  it('a square-off by the broker is told from a trade by hand', async () => {
    await bought('rms');
    await run('rms');
    await outsideOf(pipeline, 'rms').squareOff();
    await eventually(async () => expect(await openQuantities('rms')).toEqual({}), { what: 'the square-off' });
    const found = await run('rms');
    expect(found.differences.map(({ cause, state }) => `${cause} ${state}`)).toEqual([
      'RMS_SQUARE_OFF REPAIRED',
    ]);
    expect(await openQuantities('rms')).toEqual({});
    expect(await run('rms')).toMatchObject({ status: 'CLEAN' });
  });

  it('what no trade explains is proposed, changes nothing, is told once, and its alert ends with it', async () => {
    await bought('gap');
    const seen = await run('gap', holding(4));
    expect(seen).toMatchObject({
      fault: null,
      differences: [{ ours: 10, brokers: 4, cause: 'UNKNOWN', state: 'SEEN' }],
    });
    expect(await alertsOf('gap')).toEqual([]);
    expect((await run('gap', holding(5))).differences).toMatchObject([{ brokers: 5, state: 'SEEN' }]);
    for (const state of ['SEEN', 'PROPOSED', 'PROPOSED']) {
      expect((await run('gap', holding(4))).differences).toMatchObject([
        { kind: 'POSITION', brokers: 4, state },
      ]);
    }
    expect(await openQuantities('gap')).toEqual({ OMS: 10 });
    expect(await alertsOf('gap')).toEqual([{ type: 'reconciliation_difference', standing: true }]);
    expect(await run('gap')).toMatchObject({ status: 'CLEAN' });
    expect(await alertsOf('gap')).toEqual([{ type: 'reconciliation_difference', standing: false }]);
  });

  it('a fill between two reads is no difference', async () => {
    await bought('twice');
    let looks = 0;
    const context = withBroker({
      getPositions: async () => {
        looks += 1;
        const context = looks === 1 ? holding(0) : pipeline.parts.context;
        return context.broker('twice').getPositions();
      },
    });
    expect(await run('twice', context)).toMatchObject({ status: 'CLEAN', differences: [] });
    expect(looks).toBe(2);
  });

  it.each(['getPositions', 'getHoldings', 'getMargins', 'getOrders', 'getTrades'] as const)(
    'a read of %s that fails proves nothing and changes nothing',
    async (call) => {
      if (call === 'getPositions') await bought('unread');
      await run('unread', holding(3));
      await run('unread', holding(3));
      const before = await alertsOf('unread');
      const context = withBroker({
        [call]: () => Promise.reject(BAD_GATEWAY),
      });
      expect(await run('unread', context)).toMatchObject({ status: 'FAILED', differences: [], checked: 0 });
      expect(await openQuantities('unread')).toEqual({ OMS: 10 });
      expect(await alertsOf('unread')).toEqual(before);
    },
  );

  it('a person who approves takes the broker’s figure: at our average, once, with who and why', async () => {
    await bought('approve');
    const found = await runTwice('approve', holding(4));
    const approve = (context = holding(4), reason = 'the contract note says so') =>
      approveDifference(context, {
        ...{ accountId: 'approve', actor: 'api:priya', runId: found.id, index: 0, price: null, reason },
      });
    expect(await approve(pipeline.parts.context)).toMatchObject({
      ok: false,
      error: { code: 'DIFFERENCE_CHANGED' },
    });
    const refused = await approve(withBroker({ getPositions: () => Promise.reject(BAD_GATEWAY) }));
    expect(refused).toMatchObject({ ok: false, error: { code: 'BROKER_NOT_READ' } });
    const settled = { state: 'APPROVED', settledBy: 'api:priya', settledReason: 'the contract note says so' };
    expect(await approve()).toMatchObject({ ok: true, value: { differences: [settled] } });
    expect(await approve(holding(4), 'again')).toMatchObject({ ok: true, value: { differences: [settled] } });
    expect(await openQuantities('approve')).toEqual({ OMS: 4 });
    const [day] = await pipeline.sql<{ realized: string }>(
      `select realized_pnl::text as realized from daily_stats where account_id = 'approve'`,
    );
    expect(Number(day?.realized)).toBe(0);
    const [entry] = await pipeline.sql<{ actor: string; data: string }>(
      `select actor, data from journal where account_id = 'approve' and kind = 'PositionAdjusted'`,
    );
    expect(entry).toMatchObject({ actor: 'api:priya' });
    expect(JSON.parse(entry?.data ?? '{}')).toMatchObject({
      before: 10,
      after: 4,
      evidence: { reconciliation: found.id },
    });
    expect(await run('approve', holding(4))).toMatchObject({ status: 'CLEAN' });
  });

  it('a difference that is there no more, or in no run, can not be approved', async () => {
    await bought('moved');
    const seen = await run('moved', holding(4));
    const found = await run('moved', holding(4));
    const of = (runId: string, index: number, context: Context) =>
      approveDifference(context, {
        ...{ accountId: 'moved', actor: 'api:priya', runId, index, price: null, reason: 'x' },
      });
    expect(await of(seen.id, 0, holding(4))).toMatchObject({ error: { code: 'DIFFERENCE_CHANGED' } });
    expect(await of(found.id, 0, holding(5))).toMatchObject({ error: { code: 'DIFFERENCE_CHANGED' } });
    expect(await of(found.id, 1, holding(4))).toMatchObject({ error: { code: 'NOT_FOUND' } });
    expect(await of('0198f000-0000-7000-8000-000000000001', 0, holding(4))).toMatchObject({
      error: { code: 'NOT_FOUND' },
    });
    expect(await openQuantities('moved')).toEqual({ OMS: 10 });
  });

  it('an adjustment cuts the exits that would reverse what is left', async () => {
    await bought('exits');
    const exit = await pipeline.place({ account: 'exits', ...EXIT, price: '2600.00', orderType: 'LIMIT' });
    await pipeline.waitForStatus(exit, 'OPEN');
    const instrument = await pipeline.parts.context.instruments.find('NSE', 'RELIANCE');
    if (instrument === null) throw new Error('RELIANCE is not listed');
    await adjustPosition(pipeline.parts.context, {
      ...{ accountId: 'exits', actor: 'api:priya', instrument, product: 'MIS', quantity: 0, price: null },
      ...{ reason: 'sold by phone', evidence: {}, onlyFrom: null },
    });
    expect(await openQuantities('exits')).toEqual({});
    await pipeline.waitForStatus(exit, 'CANCELLED');
  });

  it('a key with an order that may fill is neither judged nor approved', async () => {
    await bought('resting');
    const found = await runTwice('resting', holding(4));
    const exit = await pipeline.place({ account: 'resting', ...EXIT, price: '2600.00', orderType: 'LIMIT' });
    await pipeline.waitForStatus(exit, 'OPEN');
    expect(await run('resting', holding(4))).toMatchObject({ status: 'CLEAN' });
    const approved = await approveDifference(holding(4), {
      ...{ accountId: 'resting', actor: 'api:priya', runId: found.id, index: 0, price: null, reason: 'x' },
    });
    expect(approved).toMatchObject({ ok: false, error: { code: 'DIFFERENCE_CHANGED' } });
    expect(await openQuantities('resting')).toEqual({ OMS: 10 });
  });

  it('a stop that rests hides no difference, once the newest trade is old enough', async () => {
    await bought('stopped');
    const order = await pipeline.place({ account: 'stopped', ...EXIT, price: '2600.00', orderType: 'LIMIT' });
    await pipeline.waitForStatus(order, 'OPEN');
    await pipeline.sql(`update orders set role = 'STOP' where id = $1`, [order.id]);
    const age = (by: string) =>
      pipeline.sql(
        `update trades set traded_at = traded_at + $1::interval, recorded_at = recorded_at + $1::interval
         where account_id = 'stopped'`,
        [by],
      );
    await age('1 hour');
    const young = await run('stopped', holding(4));
    await age('-2 hours');
    const old = await run('stopped', holding(4));
    await age('1 hour');
    expect(young).toMatchObject({ status: 'CLEAN' });
    expect(old.differences).toMatchObject([{ brokers: 4, state: 'SEEN' }]);
    await pipeline.sql(`update orders set role = 'ENTRY' where id = $1`, [order.id]);
  });

  it('a key whose order is in doubt is not judged', async () => {
    await pipeline.addFault({ call: 'placeOrder', kind: 'serverError', user: 'doubt' });
    await pipeline.waitForStatus(await pipeline.place({ account: 'doubt' }), 'UNKNOWN');
    expect(await run('doubt', holding(10))).toMatchObject({ status: 'CLEAN', differences: [] });
  });

  it.each(['positions', 'holdings'])('an empty list of %s is not believed', async (call) => {
    const account = `empty${call}`;
    await pipeline.waitForStatus(await pipeline.place({ account, product: 'CNC' }), 'FILLED');
    await run(account);
    await pipeline.addFault({ call, kind: 'emptyList', user: account, count: -1 });
    try {
      for (let runs = 0; runs < 3; runs += 1) {
        const found = await run(account);
        if (call === 'positions') {
          expect(found).toMatchObject({ status: 'FAILED', differences: [] });
          expect(found.fault).toContain('the positions are not whole: NSE:RELIANCE was traded today');
        } else {
          expect(found).toMatchObject({ status: 'CLEAN' });
        }
      }
    } finally {
      await pipeline.clearFaults();
    }
    expect(await alertsOf(account)).toEqual([]);
    expect(await openQuantities(account)).toEqual({ OMS: 10 });
    expect(await run(account)).toMatchObject({ status: 'CLEAN' });
  });

  it('runs that fail three times in a row are told, until one succeeds', async () => {
    const failing = async () =>
      (
        await pipeline.sql<{ standing: boolean }>(
          `select cleared_at is null as standing from alerts where account_id = 'failing' and type = 'reconciliation_failing'`,
        )
      ).map(({ standing }) => standing);
    const context = withBroker({ getPositions: () => Promise.reject(BAD_GATEWAY) });
    await run('failing', context);
    await run('failing', context);
    expect(await failing()).toEqual([]);
    await run('failing', context);
    await run('failing', context);
    expect(await failing()).toEqual([true]);
    await run('failing');
    expect(await failing()).toEqual([false]);
  });

  it('approved, then a crash before the run knew: the repeat settles it and books nothing again', async () => {
    await bought('torn');
    const found = await runTwice('torn', holding(4));
    const approve = () =>
      approveDifference(holding(4), {
        ...{ accountId: 'torn', actor: 'api:priya', runId: found.id, index: 0, price: null, reason: 'seen' },
      });
    armFailpoints('approve.adjusted:throw');
    await expect(approve()).rejects.toThrow('failpoint');
    const stored = () => findReconciliation(pipeline.parts.context.db, 'torn', found.id);
    expect((await stored())?.differences).toMatchObject([{ state: 'PROPOSED' }]);
    const settled = { state: 'APPROVED', settledBy: 'api:priya', settledReason: 'seen' };
    expect(await approve()).toMatchObject({ ok: true, value: { differences: [settled] } });
    expect(await openQuantities('torn')).toEqual({ OMS: 4 });
    const [count] = await pipeline.sql(
      `select count(*)::int as n from journal where account_id = 'torn' and kind = 'PositionAdjusted'`,
    );
    expect(count).toEqual({ n: 1 });
  });

  it('one key with trades of two causes gets each with its own figures; an order ended by RMS is named', async () => {
    await bought('causes');
    await run('causes');
    const outside = outsideOf(pipeline, 'causes');
    // One after the other: the exchange lets no two orders of one client meet.
    const holds = (quantity: number) =>
      eventually(async () => expect((await pipeline.book('causes')).positions[0]?.quantity).toBe(quantity), {
        what: `${quantity} held at the broker`,
      });
    await outside.place({ side: 'BUY', quantity: 7 });
    await holds(17);
    await outside.place({ side: 'SELL', quantity: 3, as: 'rms' });
    await holds(14);
    const resting = await pipeline.place({ account: 'causes', ...RESTING });
    const { brokerOrderId } = await pipeline.waitForStatus(resting, 'OPEN');
    await outside.end(brokerOrderId ?? '', 'CANCELLED', 'Self trade prevention: order cancelled');
    await pipeline.waitForStatus(resting, 'CANCELLED');
    const { differences } = await run('causes');
    expect(
      differences.map(({ kind, cause, ours, brokers, evidence }) => [
        kind,
        cause,
        ours,
        brokers,
        evidence['moved'],
      ]),
    ).toEqual([
      ['ORDER', 'SELF_TRADE_CANCEL', 10, 0, undefined],
      ['TRADE', 'MANUAL_TRADE', 10, 17, 7],
      ['TRADE', 'RMS_SQUARE_OFF', 17, 14, -3],
    ]);
    expect(await run('causes')).toMatchObject({ status: 'CLEAN' });
  });

  it('books that contradict themselves are told by the next run, until they do not', async () => {
    await bought('broken');
    const figure = async () =>
      (await readSystemFigures(pipeline.parts.database, new Date())).accounts.find(
        ({ id }) => id === 'broken',
      )?.invariantsBroken;
    expect(await figure()).toBe(0);
    const broken = () =>
      pipeline.sql<{ message: string; standing: boolean }>(
        `select message, cleared_at is null as standing from alerts where account_id = 'broken' and type = 'invariant_broken'`,
      );
    await pipeline.sql(`update positions set quantity = 11, buy_quantity = 11 where account_id = 'broken'`);
    await run('broken', holding(11));
    expect(await broken()).toMatchObject([{ standing: true }]);
    expect((await broken())[0]?.message).toContain('the entries of a key do not add up to its position');
    expect(await figure()).toBeGreaterThan(0);
    await pipeline.sql(`update positions set quantity = 10, buy_quantity = 10 where account_id = 'broken'`);
    await run('broken');
    expect(await broken()).toMatchObject([{ standing: false }]);
    expect(await figure()).toBe(0);
  });

  it('money that is blocked for nothing is told by the second run, until it is free; what is held may block it', async () => {
    const { context } = pipeline.parts;
    const real = await context.broker('blocked').getMargins();
    const blocking = withBroker({
      getMargins: () =>
        Promise.resolve({ ...real, equity: { ...real.equity!, blocked: decimal('1500.25') } }),
    });
    const first = await run('blocked', blocking);
    expect(first.differences).toMatchObject([
      { kind: 'MARGIN', symbol: 'equity', brokers: 1501, state: 'SEEN' },
    ]);
    expect(await alertsOf('blocked')).toEqual([]);
    const second = await run('blocked', blocking);
    expect(second.differences).toMatchObject([{ kind: 'MARGIN', cause: 'MARGIN', state: 'TOLD' }]);
    expect(await alertsOf('blocked')).toEqual([{ type: 'reconciliation_difference', standing: true }]);
    await bought('blocked');
    expect((await run('blocked', blocking)).differences).toEqual([]);
    expect(await alertsOf('blocked')).toEqual([{ type: 'reconciliation_difference', standing: false }]);
  });

  it('keeps every run, those that found nothing, too', async () => {
    const before = await pipeline.sql(`select id from reconciliation_log where account_id = 'kept'`);
    for (let runs = 0; runs < 3; runs += 1) await run('kept');
    const after = await pipeline.sql(`select id from reconciliation_log where account_id = 'kept'`);
    expect(after).toHaveLength(before.length + 3);
  });

  it('a run that was cut off is closed by the next, and two at once are one', async () => {
    armFailpoints('reconcile.begun:throw');
    await expect(run('cut')).rejects.toThrow('failpoint');
    const [left] = await pipeline.sql<{ id: string }>(
      `select id from reconciliation_log where account_id = 'cut'`,
    );
    const both = await Promise.all(
      [1, 2].map(() => reconcileAccount(pipeline.parts.context, 'cut', { startedBy: 'x' })),
    );
    expect(both.filter((one) => one === null)).toHaveLength(1);
    expect(both.find((one) => one !== null)).toMatchObject({ status: 'CLEAN' });
    expect(await findReconciliation(pipeline.parts.context.db, 'cut', left?.id ?? '')).toMatchObject({
      status: 'FAILED',
      fault: 'the run was cut off',
    });
  });

  it('a person may say what is held in truth: from nothing, through zero, and the same again', async () => {
    const instrument = await pipeline.parts.context.instruments.find('NSE', 'RELIANCE');
    if (instrument === null) throw new Error('RELIANCE is not listed');
    const adjust = (quantity: number, price: string | null = null) =>
      adjustPosition(pipeline.parts.context, {
        ...{
          accountId: 'truth',
          actor: 'api:priya',
          instrument,
          product: 'NRML',
          quantity,
          reason: 'moved here',
        },
        ...{ price: price === null ? null : decimal(price), evidence: {}, onlyFrom: null },
      });
    expect(await adjust(10)).toMatchObject({ ok: false, error: { code: 'PRICE_NEEDED' } });
    expect(await adjust(10, '-1')).toMatchObject({ ok: false, error: { code: 'PRICE_NEEDED' } });
    expect(await adjust(10, '2400')).toMatchObject({ ok: true, value: { before: 0, after: 10 } });
    expect(await adjust(10, '9999')).toMatchObject({ ok: true, value: { before: 10, after: 10 } });
    expect(await openQuantities('truth')).toEqual({ EXTERNAL: 10 });
    expect(await adjust(-5, '2410')).toMatchObject({ ok: true, value: { before: 10, after: -5 } });
    expect(await openQuantities('truth')).toEqual({ EXTERNAL: -5 });
    expect(await adjust(0)).toMatchObject({ ok: true });
    expect(await openQuantities('truth')).toEqual({});
  });
});
