import { describe, expect, it } from 'vitest';
import { oldestPriceAgeMs } from '../../../../src/risk/monitor/monitor.ts';
import { decimal } from '../../../../src/domain/money.ts';
import { ORDER_STATUSES } from '../../../../src/domain/order-status.ts';
import type { Severity } from '../../../../src/risk/monitor/monitor.ts';
import { MONITOR_RULES, planAlerts, runRules } from '../../../../src/risk/monitor/rules.ts';
import { strategiesToPause } from '../../../../src/risk/monitor/order-to-trade.ts';
import { positionsToExit } from '../../../../src/risk/monitor/position-loss.ts';
import {
  type InputChanges,
  findings,
  idle,
  input,
  monitored,
  money,
  recent,
  trading,
  verdict,
} from './fixtures.ts';

const STANDS = (condition: string, severity: Severity) => ({ standing: { [condition]: severity } });

/** Loss, what stands before, what should stand. Limit 6,000: it warns at 4,800 and is back at 4,320 and 5,400. */
const LOSSES: readonly (readonly [loss: string, standing: Severity | null, expected: Severity | null])[] = [
  ['4799.99', null, null],
  ['4800', null, 'WARNING'],
  ['5999.99', null, 'WARNING'],
  ['6000', null, 'CRITICAL'],
  ['4320', 'WARNING', 'WARNING'],
  ['4319.99', 'WARNING', null],
  ['5400', 'CRITICAL', 'CRITICAL'],
  ['5399.99', 'CRITICAL', 'WARNING'],
  ['4319.99', 'CRITICAL', null],
  ['0', 'CRITICAL', null],
];

describe('DAILY_LOSS', () => {
  const condition = 'risk:daily_loss';

  it.each(LOSSES)('of %s, after %s, is %s', (loss, standing, expected) => {
    const given = {
      money: money({ dayPnl: `-${loss}` }),
      ...(standing === null ? {} : STANDS(condition, standing)),
    };
    expect(verdict('DAILY_LOSS', given)).toEqual(expected === null ? {} : { [condition]: expected });
  });

  it('is none when the day won, or no limit is set, or there was nothing to lose', () => {
    expect(verdict('DAILY_LOSS', { money: money({ dayPnl: '9000' }) })).toEqual({});
    expect(
      verdict('DAILY_LOSS', { money: money({ dayPnl: '-9000' }), limits: { maxDailyLoss: decimal(0) } }),
    ).toEqual({});
    expect(verdict('DAILY_LOSS', { money: money({ dayPnl: '-1', openingEquity: '0' }) })).toEqual({});
  });

  it('of no limit ends what stands, also by prices that can not be trusted', () => {
    const given = { limits: { maxDailyLoss: decimal(0) }, money: money({ allGood: false }) };
    expect(verdict('DAILY_LOSS', { ...given, ...STANDS(condition, 'CRITICAL') })).toEqual({});
  });

  it('says whether the limit is reached', () => {
    const told = (loss: string) => findings('DAILY_LOSS', { money: money({ dayPnl: `-${loss}` }) })[0];
    expect(told('6000')).toMatchObject({ message: expect.stringContaining(' is at the limit ') as string });
    expect(told('5999')).toMatchObject({ message: expect.stringContaining(' is near the limit ') as string });
  });

  it('warns only, when prices that can not be trusted say it is reached', () => {
    const doubted = { dayPnl: '-7000', trustedDayPnl: '-100', allGood: false };
    expect(verdict('DAILY_LOSS', { money: money(doubted) })).toEqual({ [condition]: 'WARNING' });
    const [told] = findings('DAILY_LOSS', { money: money(doubted) });
    expect(told).toMatchObject({ message: expect.stringContaining('does not halt trading') as string });
  });

  it('is not taken back by prices that can not be trusted', () => {
    const doubted = { money: money({ dayPnl: '0', trustedDayPnl: '0', allGood: false }) };
    expect(verdict('DAILY_LOSS', { ...doubted, ...STANDS(condition, 'CRITICAL') })).toEqual({
      [condition]: 'CRITICAL',
    });
    expect(verdict('DAILY_LOSS', doubted)).toEqual({});
    // Nor does a warning take the place of what is worse.
    const warning = { money: money({ dayPnl: '-5000', trustedDayPnl: '-5000', allGood: false }) };
    expect(verdict('DAILY_LOSS', { ...warning, ...STANDS(condition, 'CRITICAL') })).toEqual({
      [condition]: 'CRITICAL',
    });
    expect(verdict('DAILY_LOSS', { money: money({ dayPnl: '-5000', allGood: false }) })).toEqual({
      [condition]: 'WARNING',
    });
  });

  it('says its numbers and its baseline', () => {
    expect(findings('DAILY_LOSS', { money: money({ dayPnl: '-6120.5' }) })).toMatchObject([
      {
        type: 'daily_loss_limit',
        message: "the day's loss 6,120.50 is at the limit 6,000.00 (6% of riskCapital 100,000.00)",
        details: { value: '6120.50', limit: '6000.00', baseline: 'riskCapital', baselineValue: '100000.00' },
      },
    ]);
  });
});

describe('DRAWDOWN', () => {
  it.each([
    ['13199.99', {}],
    ['13200', { 'risk:drawdown': 'WARNING' }],
    ['16499.99', { 'risk:drawdown': 'WARNING' }],
    ['16500', { 'risk:drawdown': 'CRITICAL' }],
  ])('of %s from a peak of 110,000 is %o', (drawdown, expected) => {
    expect(verdict('DRAWDOWN', { money: money({ drawdown, peakEquity: '110000' }) })).toEqual(expected);
  });

  it('names the peak it is measured from', () => {
    expect(findings('DRAWDOWN', { money: money({ drawdown: '17000', peakEquity: '110000' }) })).toMatchObject(
      [
        {
          type: 'drawdown_limit',
          message: 'the drawdown 17,000.00 is at the limit 16,500.00 (15% of peakEquity 110,000.00)',
        },
      ],
    );
  });
});

describe('EXPOSURE', () => {
  const twice = { maxGrossExposure: decimal(2), maxNetExposure: decimal(1) };

  it('is off until configured', () => {
    expect(verdict('EXPOSURE', { grossExposure: decimal(1e9), netExposure: decimal(1e9) })).toEqual({});
  });

  it.each([
    ['199999.99', '0', {}],
    ['200000', '0', { 'risk:exposure:gross': 'WARNING' }],
    ['100000', '-100000', { 'risk:exposure:net': 'WARNING' }],
    ['100000', '99999.99', {}],
  ])('of %s gross and %s net is %o', (gross, net, expected) => {
    const given = { grossExposure: decimal(gross), netExposure: decimal(net), limits: twice };
    expect(verdict('EXPOSURE', given)).toEqual(expected);
  });
});

describe('POSITION_LOSS', () => {
  const condition = 'risk:position_loss:1/MIS/1';
  const losses = (changes: InputChanges) =>
    Object.fromEntries(
      Object.entries(verdict('POSITION_LOSS', changes)).filter(([name]) => !name.includes('position_exit')),
    );

  it('leaves what stands for an exit as it is while the position is open', () => {
    expect(verdict('POSITION_LOSS', { positions: [monitored()] })).toEqual({
      'risk:position_exit:1/MIS/1': 'HELD',
    });
    expect(verdict('POSITION_LOSS')).toEqual({});
  });

  it('says which way the position is, and its numbers', () => {
    const positions = [monitored({ quantity: -10, stopLoss: '2470', lastPrice: '2600' })];
    const [, told] = findings('POSITION_LOSS', { positions });
    expect(told).toMatchObject({
      message: 'SHORT 10 NSE:RELIANCE (MIS) loses 1,500.00 (6.1224% of its cost 24,500.00); the limit is 5%',
    });
  });

  it.each([
    // 5% of 24,500.00 is 1,225.00, or 122.50 a share.
    ['2327.55', null, {}],
    ['2327.50', null, { [condition]: 'CRITICAL' }],
    ['2339.75', 'CRITICAL', { [condition]: 'CRITICAL' }],
    ['2339.80', 'CRITICAL', {}],
  ] as const)('at %s after %s is %o', (lastPrice, standing, expected) => {
    const given = {
      positions: [monitored({ lastPrice })],
      ...(standing === null ? {} : STANDS(condition, standing)),
    };
    expect(losses(given)).toEqual(expected);
  });

  it('is of a short position when the price rises', () => {
    const short = { quantity: -10, stopLoss: '2470' };
    expect(losses({ positions: [monitored({ ...short, lastPrice: '2572.50' })] })).toEqual({
      [condition]: 'CRITICAL',
    });
    expect(losses({ positions: [monitored({ ...short, lastPrice: '2327.50' })] })).toEqual({});
  });

  it('is one alert per position', () => {
    const positions = [1, 2, 3].map((instrumentId) => monitored({ instrumentId, lastPrice: '2000' }));
    expect(Object.values(losses({ positions }))).toEqual(['CRITICAL', 'CRITICAL', 'CRITICAL']);
  });

  it.each(['STALE', 'UNKNOWN', 'IMPLAUSIBLE', 'REBASED'] as const)(
    'is neither raised nor taken back by a price that is %s',
    (quality) => {
      const positions = [monitored({ lastPrice: quality === 'UNKNOWN' ? null : '2000', quality })];
      expect(losses({ positions })).toEqual({ [condition]: 'HELD' });
    },
  );

  it('of no limit is nothing, whatever stands and whatever the price is worth', () => {
    const limits = { maxPositionLossPct: decimal(0) };
    const over = [monitored({ lastPrice: '2000' })];
    expect(losses({ limits, positions: [monitored({ lastPrice: '2000', quality: 'STALE' })] })).toEqual({});
    expect(positionsToExit(input({ limits, positions: over, ...STANDS(condition, 'CRITICAL') }))).toEqual([]);
  });

  it('leads to an exit only when it stands since an earlier look and the price is good', () => {
    const over = [monitored({ lastPrice: '2327.50' })];
    const before = STANDS(condition, 'CRITICAL');
    expect(positionsToExit(input({ positions: over }))).toEqual([]);
    expect(positionsToExit(input({ positions: over, ...before }))).toEqual(over);
    expect(positionsToExit(input({ positions: [monitored({ lastPrice: '2327.55' })], ...before }))).toEqual(
      [],
    );
    const stale = [monitored({ lastPrice: '2000', quality: 'STALE' })];
    expect(positionsToExit(input({ positions: stale, ...before }))).toEqual([]);
  });
});

describe('MISSING_STOP', () => {
  it('is CRITICAL for a managed position without a stop, and nothing with one', () => {
    expect(verdict('MISSING_STOP', { positions: [monitored()] })).toEqual({});
    expect(verdict('MISSING_STOP', { positions: [monitored({ stopLoss: null })] })).toEqual({
      'risk:missing_stop:1/MIS/1': 'CRITICAL',
    });
  });
});

describe('NEAR_STOP', () => {
  const condition = 'risk:near_stop:1/MIS/1';

  // 20.00 from 2450.00 to the stop: told within 4.00, taken back beyond 5.00, and past it within 2.00 of it.
  it.each([
    ['2434.05', null, null],
    ['2434.00', null, 'WARNING'],
    ['2435.00', 'WARNING', 'WARNING'],
    ['2435.05', 'WARNING', null],
    ['2430.00', null, 'CRITICAL'],
    ['2425.00', 'WARNING', 'CRITICAL'],
    ['2432.00', 'CRITICAL', 'CRITICAL'],
    ['2432.05', 'CRITICAL', 'WARNING'],
  ] as const)('at %s, after %s, is %s', (lastPrice, standing, expected) => {
    const given = {
      positions: [monitored({ lastPrice })],
      ...(standing === null ? {} : STANDS(condition, standing)),
    };
    expect(verdict('NEAR_STOP', given)).toEqual(expected === null ? {} : { [condition]: expected });
  });

  it('looks the other way for a short position', () => {
    const short = (lastPrice: string) => [monitored({ quantity: -10, stopLoss: '2470', lastPrice })];
    expect(verdict('NEAR_STOP', { positions: short('2465.95') })).toEqual({});
    expect(verdict('NEAR_STOP', { positions: short('2466.00') })).toEqual({ [condition]: 'WARNING' });
    expect(verdict('NEAR_STOP', { positions: short('2470.00') })).toEqual({ [condition]: 'CRITICAL' });
  });

  it('of a stop that locks in a gain is told only when the price has passed it', () => {
    const locked = (lastPrice: string) => [monitored({ stopLoss: '2460', lastPrice })];
    expect(verdict('NEAR_STOP', { positions: locked('2460.05') })).toEqual({});
    expect(verdict('NEAR_STOP', { positions: locked('2459.95') })).toEqual({ [condition]: 'CRITICAL' });
  });

  it('says how far it is, or that it is past', () => {
    const message = (lastPrice: string) =>
      findings('NEAR_STOP', { positions: [monitored({ lastPrice })] })[0];
    expect(message('2432.00')).toMatchObject({
      message: 'LONG 10 NSE:RELIANCE (MIS): the price 2432.00 is 2.00 from the stop 2430.00',
    });
    expect(message('2430.00')).toMatchObject({
      message:
        'LONG 10 NSE:RELIANCE (MIS): the price 2430.00 is past the stop 2430.00 and the position is open',
    });
  });

  it('is not judged by a price that can not be trusted', () => {
    expect(verdict('NEAR_STOP', { positions: [monitored({ lastPrice: '2000', quality: 'STALE' })] })).toEqual(
      {
        [condition]: 'HELD',
      },
    );
  });
});

describe('PRICES', () => {
  it.each([
    ['GOOD', {}],
    ['STALE', { 'risk:stale_price:1/MIS/1': 'WARNING' }],
    ['UNKNOWN', { 'risk:stale_price:1/MIS/1': 'WARNING' }],
    ['IMPLAUSIBLE', { 'risk:implausible_price:1/MIS/1': 'WARNING' }],
    ['REBASED', { 'risk:corporate_action_suspected:1/MIS/1': 'WARNING' }],
  ] as const)('that are %s are told as %o', (quality, expected) => {
    expect(verdict('PRICES', { positions: [monitored({ quality })] })).toEqual(expected);
  });
});

describe('REJECTS', () => {
  it.each([
    [9, 9, {}],
    [10, 4, {}],
    [10, 5, { 'risk:reject_ratio:momentum': 'WARNING' }],
  ])('of %i orders %i are: %o', (orders, rejected, expected) => {
    expect(verdict('REJECTS', { recentOrders: [recent({ orders, rejected })] })).toEqual(expected);
  });

  it('are counted over all shares of a strategy, and each strategy by itself', () => {
    const recentOrders = [
      recent({ orders: 5, rejected: 5 }),
      recent({ orders: 5, rejected: 1, symbol: 'INFY' }),
      recent({ orders: 10, rejected: 4, strategyId: 'other' }),
      recent({ orders: 10, rejected: 10, strategyId: null }),
    ];
    expect(verdict('REJECTS', { recentOrders })).toEqual({
      'risk:reject_ratio:momentum': 'WARNING',
      'risk:reject_ratio:': 'WARNING',
    });
  });

  it('names the strategy, or says that there is none', () => {
    const told = (strategyId: string | null) =>
      findings('REJECTS', { recentOrders: [recent({ orders: 12, rejected: 9, strategyId })] })[0];
    expect(told('momentum')).toMatchObject({
      message: '9 of 12 orders of strategy momentum in the last 10 minutes were rejected',
    });
    expect(told(null)).toMatchObject({
      message: '9 of 12 orders without a strategy in the last 10 minutes were rejected',
    });
  });
});

describe('ORDER_TO_TRADE', () => {
  it.each([
    [49, 0, {}],
    [50, 0, { 'risk:order_to_trade': 'WARNING' }],
    [59, 3, {}],
    [60, 3, { 'risk:order_to_trade': 'WARNING' }],
  ])('%i orders to %i trades of the day are %o', (ordersToday, tradesToday, expected) => {
    expect(verdict('ORDER_TO_TRADE', { ordersToday, tradesToday })).toEqual(expected);
  });

  it.each([
    [49, 0, '0', {}, false],
    [50, 3, '0', {}, false],
    [60, 3, '0', { 'risk:order_to_trade:momentum': 'WARNING' }, false],
    [79, 10, '10', {}, false],
    [80, 10, '10', { 'risk:order_to_trade:momentum': 'WARNING' }, false],
    [99, 10, '10', { 'risk:order_to_trade:momentum': 'WARNING' }, false],
    [100, 10, '10', { 'risk:order_to_trade:momentum': 'CRITICAL' }, true],
    [50, 0, '50', { 'risk:order_to_trade:momentum': 'CRITICAL' }, true],
    [49, 0, '10', {}, false],
  ])('%i calls of a strategy for %i filled entries with a limit of %s are %o, paused: %s', (...row) => {
    const [calls, filled, limit, expected, paused] = row;
    const strategies = [trading({ calls, filled, orderToTradePause: decimal(limit) })];
    expect(verdict('ORDER_TO_TRADE', { strategies })).toEqual(expected);
    expect(strategiesToPause(input({ strategies })).map(({ id }) => id)).toEqual(paused ? ['momentum'] : []);
  });

  it('pauses no strategy that is disabled already, and names the one that it is about', () => {
    const all = { calls: 240, filled: 10, orderToTradePause: decimal(20) };
    const strategies = [trading({ ...all, enabled: false }), trading({ ...all, id: 'other' })];
    expect(strategiesToPause(input({ strategies })).map(({ id }) => id)).toEqual(['other']);
    expect(findings('ORDER_TO_TRADE', { strategies })[1]).toMatchObject({
      message:
        '240 order calls of strategy other for 10 filled entries in the last 10 minutes; the limit is 20 a filled entry',
    });
  });
});

describe('REPEATED_EXECUTION', () => {
  it.each([
    [9, {}],
    [10, { 'risk:repeated_execution:momentum/RELIANCE/BUY': 'WARNING' }],
  ])('of %i entries in a minute is %o', (executedEntries, expected) => {
    expect(verdict('REPEATED_EXECUTION', { recentOrders: [recent({ executedEntries })] })).toEqual(expected);
  });
});

describe('a repeated execution', () => {
  it('names the strategy, or says that there is none', () => {
    const told = (strategyId: string | null) =>
      findings('REPEATED_EXECUTION', { recentOrders: [recent({ executedEntries: 11, strategyId })] })[0];
    expect(told('momentum')).toMatchObject({
      message: 'strategy momentum: 11 entries BUY RELIANCE were executed in 60 s',
    });
    expect(told(null)).toMatchObject({
      message: 'orders without a strategy: 11 entries BUY RELIANCE were executed in 60 s',
    });
  });
});

describe('STUCK_ORDERS', () => {
  const PATIENCE: Readonly<Record<string, number>> = {
    PENDING: 30_000,
    VALIDATED: 60_000,
    SUBMITTING: 30_000,
    SUBMITTED: 60_000,
  };

  it.each(ORDER_STATUSES)('judges %s by its own patience', (status) => {
    const patience = PATIENCE[status];
    const at = (idleMs: number) =>
      Object.values(verdict('STUCK_ORDERS', { orders: [idle({ status, idleMs })] }));
    if (patience === undefined) {
      expect(at(86_400_000)).toEqual([]);
      return;
    }
    expect(at(patience)).toEqual([]);
    expect(at(patience + 1)).toEqual(['WARNING']);
  });

  it('names the order, and leaves after-market orders in peace', () => {
    const stuck = idle({ status: 'SUBMITTED', idleMs: 90_000 });
    expect(findings('STUCK_ORDERS', { orders: [stuck] })).toMatchObject([
      {
        ...{ type: 'order_stuck', orderId: stuck.id },
        message: 'BUY 10 RELIANCE (c-1) has been SUBMITTED for 90 s, over 60 s',
      },
    ]);
    expect(verdict('STUCK_ORDERS', { orders: [{ ...stuck, variety: 'amo' }] })).toEqual({});
  });
});

describe('STUCK_COMMANDS', () => {
  it('are told after a minute, a cancel as critical; of an order in doubt they wait', () => {
    const { id: orderId, clientOrderId, symbol, side, quantity, status } = idle();
    const of = { clientOrderId, symbol, side, quantity, status };
    const command = { ...of, id: 'k1', orderId, kind: 'CANCEL' as const, ageMs: 60_001 };
    expect(findings('STUCK_COMMANDS', { commands: [command] })).toMatchObject([
      {
        ...{ orderId, condition: 'risk:command_stuck:k1', severity: 'CRITICAL' },
        message: 'BUY 10 RELIANCE (c-1) is OPEN: a cancel of it has not come to an end for 60 s, over 60 s',
      },
    ]);
    const modify = { ...command, kind: 'MODIFY' as const };
    expect(findings('STUCK_COMMANDS', { commands: [modify] })).toMatchObject([{ severity: 'WARNING' }]);
    for (const quiet of [
      { ...command, ageMs: 60_000 },
      { ...command, status: 'UNKNOWN' as const },
    ])
      expect(verdict('STUCK_COMMANDS', { commands: [quiet] })).toEqual({});
  });
});

describe('UNKNOWN_ORDERS', () => {
  it('are told together once the oldest is five seconds old', () => {
    const unknown = (idleMs: number) => idle({ status: 'UNKNOWN', idleMs });
    expect(verdict('UNKNOWN_ORDERS', { orders: [unknown(5000)] })).toEqual({});
    expect(findings('UNKNOWN_ORDERS', { orders: [unknown(0), unknown(5001)] })).toMatchObject([
      {
        condition: 'risk:unknown_orders',
        severity: 'WARNING',
        message: '2 orders are UNKNOWN, for up to 5 s: RELIANCE (c-1), RELIANCE (c-1)',
      },
    ]);
  });
});

describe('the table of rules', () => {
  it('has each name once, and every condition is one of the monitor', () => {
    expect(new Set(MONITOR_RULES.map(({ name }) => name)).size).toBe(MONITOR_RULES.length);
    const everything = input({
      money: money({ dayPnl: '-9000', drawdown: '20000' }),
      positions: [monitored({ stopLoss: null, lastPrice: '2000' }), monitored({ quality: 'STALE' })],
      grossExposure: decimal(9e5),
      netExposure: decimal(9e5),
      limits: { maxGrossExposure: decimal(1), maxNetExposure: decimal(1) },
      recentOrders: [recent({ orders: 20, rejected: 20, executedEntries: 20 })],
      ordersToday: 100,
      orders: [idle({ status: 'PENDING', idleMs: 1e6 }), idle({ status: 'UNKNOWN', idleMs: 1e6 })],
    });
    const found = runRules(everything);
    expect(found.length).toBeGreaterThan(MONITOR_RULES.length);
    for (const { condition } of found) expect(condition).toMatch(/^risk:/);
  });
});

describe('the plan of alerts', () => {
  const plan = (of: Parameters<typeof planAlerts>[0], standing: Readonly<Record<string, Severity>> = {}) =>
    planAlerts(of, new Map(Object.entries(standing)));
  const told = (severity: Severity) => ({
    condition: 'risk:x',
    severity,
    type: 'x',
    message: 'x',
    details: {},
  });

  it('raises what begins, once', () => {
    expect(plan([told('WARNING')])).toEqual({ clear: [], raise: [told('WARNING')] });
    expect(plan([told('WARNING')], { 'risk:x': 'WARNING' })).toEqual({ clear: [], raise: [] });
  });

  it('raises what worsens, and leaves what eases standing as it was told and acknowledged', () => {
    expect(plan([told('CRITICAL')], { 'risk:x': 'WARNING' }).raise).toEqual([told('CRITICAL')]);
    expect(plan([told('WARNING')], { 'risk:x': 'CRITICAL' })).toEqual({ clear: [], raise: [] });
  });

  it('ends what nothing names any more, and never an alert of somebody else', () => {
    expect(plan([], { 'risk:x': 'WARNING', 'order:1:unknown': 'CRITICAL' })).toEqual({
      clear: ['risk:x'],
      raise: [],
    });
  });

  it('leaves what is held as it is', () => {
    const held = [{ condition: 'risk:x', severity: null }];
    expect(plan(held, { 'risk:x': 'CRITICAL' })).toEqual({ clear: [], raise: [] });
    expect(plan(held)).toEqual({ clear: [], raise: [] });
  });
});

describe('the age of the prices behind a figure', () => {
  it('is that of the oldest, and unknown where one is unknown or nothing is held', () => {
    expect(oldestPriceAgeMs([{ priceAgeMs: 120.4 }, { priceAgeMs: 4000 }])).toBe(4000);
    expect(oldestPriceAgeMs([{ priceAgeMs: 120 }, { priceAgeMs: null }])).toBeNull();
    expect(oldestPriceAgeMs([])).toBeNull();
  });
});
