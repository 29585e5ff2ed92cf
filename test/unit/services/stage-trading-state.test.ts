import { describe, expect, it } from 'vitest';
import type { Loaded } from '../../../src/db/account-load.ts';
import type { AccountView } from '../../../src/db/account-view.ts';
import type { HaltTrip } from '../../../src/domain/account.ts';
import { decimal } from '../../../src/domain/money.ts';
import type { ServiceSettings } from '../../../src/services/context.ts';
import {
  type StagedTradingState,
  type TradingStateChange,
  stageTradingState,
} from '../../../src/services/stage-trading-state.ts';
import { ACCOUNT, BASELINE, DAY, dayRow, orderRow, strategyRow, view } from '../db/fixtures.ts';
import { LIMITS, at, position } from '../risk/fixtures.ts';
import type { OrderChanges } from '../risk/fixtures.ts';

const HALT_ID = '0198f000-0000-7000-8000-0000000000aa';
const NOW = at(60);

let ids = 0;
const context = {
  newId: () => `0198f000-0000-7000-8000-${String(++ids).padStart(12, '0')}`,
  settings: {
    limits: { ...LIMITS, maxDailyLoss: decimal('0.06'), maxDrawdown: decimal('0.15') },
  } as ServiceSettings,
};

const HALT: TradingStateChange = { state: 'HALTED', scope: 'account', reason: 'enough', by: 'api:anna' };
const RELEASE: TradingStateChange = { ...HALT, state: 'ACTIVE', reason: 'looked at it' };

const orderId = (n: number) => `0198f000-0000-7000-8000-00000000ff${String(n).padStart(2, '0')}`;

function orders(...changes: OrderChanges[]) {
  return changes.map((change, n) => orderRow({ id: orderId(n), clientOrderId: `c-${n}`, ...change }));
}

function halted(changes: Partial<Loaded['account']> = {}): Loaded['account'] {
  return {
    ...ACCOUNT,
    tradingState: 'HALTED',
    tradingStateReason: 'loss',
    tradingStateBy: 'monitor',
    tradingStateAt: at(10),
    haltId: HALT_ID,
    ...changes,
  };
}

function done(of: AccountView, change: TradingStateChange): StagedTradingState {
  const staged = stageTradingState(context, of, change);
  if (!staged.ok) throw new Error(staged.error.message);
  return staged.value;
}

function statusOf(of: AccountView, n: number): string | undefined {
  return of.unsettledOrders().find(({ id }) => id === orderId(n))?.status;
}

describe('a halt of the account', () => {
  it('is a number on the row, an event, a journal entry and a critical alert', () => {
    const of = view();
    const staged = done(of, HALT);
    expect(staged).toMatchObject({ state: 'HALTED', changed: true, ended: [], inFlight: [] });
    expect(of.account).toMatchObject({
      tradingState: 'HALTED',
      tradingStateReason: 'enough',
      tradingStateBy: 'api:anna',
      tradingStateAt: NOW,
      haltId: staged.haltId,
      haltExits: 'reduceOnly',
    });
    expect(of.entries.map(({ kind }) => kind)).toEqual(['TradingStateChanged', 'AlertRaised']);
    const tables = Object.fromEntries(of.writes().map(({ table, rows }) => [table, rows]));
    expect(tables['killSwitchEvents']).toMatchObject([
      { halt_id: staged.haltId, from_state: 'ACTIVE', to_state: 'HALTED', actor: 'api:anna' },
    ]);
    expect(tables['alerts']).toMatchObject([{ severity: 'CRITICAL', type: 'kill_switch_triggered' }]);
  });

  it('ends every entry that was not sent, leaves exits, and names the claims on their way', () => {
    const sendBy = at(61);
    const of = view({
      orders: orders(
        { status: 'PENDING' },
        { status: 'VALIDATED' },
        { status: 'VALIDATED', reduceOnly: true },
        { status: 'PENDING', role: 'STOP' },
        { status: 'SUBMITTING', sendBy },
        { status: 'UNKNOWN', sendBy },
        { status: 'SUBMITTING', sendBy, reduceOnly: true },
      ),
    });
    const staged = done(of, HALT);
    expect(staged.ended).toEqual([orderId(0), orderId(1)]);
    expect(staged.inFlight).toEqual([
      { id: orderId(4), status: 'SUBMITTING', sendBy },
      { id: orderId(5), status: 'UNKNOWN', sendBy },
    ]);
    expect(of.order(orderId(0))).toMatchObject({
      status: 'REJECTED',
      rejectedBy: 'OMS',
      failedCheck: 'CIRCUIT_BREAKER',
      statusReason: 'trading is HALTED (enough): the order was not sent',
    });
    expect([2, 3].map((n) => statusOf(of, n))).toEqual(['VALIDATED', 'PENDING']);
  });

  it('that leaves exits to operators ends exits too, but not those of an operator', () => {
    const of = view({
      orders: orders(
        { status: 'VALIDATED', reduceOnly: true },
        { status: 'VALIDATED', reduceOnly: true, cause: 'OPERATOR' },
      ),
    });
    expect(done(of, { ...HALT, exits: 'operatorOnly' }).ended).toEqual([orderId(0)]);
    expect(of.account.haltExits).toBe('operatorOnly');
  });

  it('said again keeps the halt, its number and its reason', () => {
    const of = view({ account: halted() });
    expect(done(of, HALT)).toMatchObject({ haltId: HALT_ID, changed: false });
    expect(of.accountChange()).toBeNull();
    expect(of.entries).toEqual([]);
  });

  it('said again stricter is tightened; said again milder is not loosened', () => {
    const of = view({ account: halted() });
    expect(done(of, { ...HALT, exits: 'operatorOnly' })).toMatchObject({ haltId: HALT_ID, changed: true });
    expect(of.account).toMatchObject({ haltExits: 'operatorOnly', haltId: HALT_ID });
    expect(done(of, { ...HALT, exits: 'reduceOnly' })).toMatchObject({ changed: false });
    expect(of.account.haltExits).toBe('operatorOnly');
  });

  it('by a limit keeps what tripped it, also on top of a halt by hand', () => {
    const automatic = {
      kind: 'DAILY_LOSS',
      baseline: decimal('100000'),
      value: decimal('-6100'),
      limit: decimal('0.06'),
      priceAgeMs: 1200,
    } as const;
    const trip: HaltTrip = {
      kind: 'DAILY_LOSS',
      baseline: '100000',
      value: '-6100',
      limit: '0.06',
      day: DAY,
    };
    const of = view();
    done(of, { ...HALT, automatic });
    expect(of.account.haltTrips).toEqual([trip]);
    const [alert] = of.standingAlerts();
    expect(alert?.message).toContain(
      '(DAILY_LOSS -6,100.00 at the limit of 6% of 100,000.00, by prices of up to 1.2 s ago)',
    );
    expect(alert?.details).toMatchObject({ priceAgeMs: 1200 });
    const byHand = view({ account: halted() });
    expect(done(byHand, { ...HALT, automatic })).toMatchObject({ haltId: HALT_ID, changed: true });
    expect(byHand.account.haltTrips).toEqual([trip]);
    expect(done(byHand, { ...HALT, automatic })).toMatchObject({ changed: false });
  });
});

describe('a halt of a strategy', () => {
  const momentum: TradingStateChange = { ...HALT, scope: 'strategy', strategyId: 'momentum' };

  it('touches its own orders and row alone', () => {
    const of = view({
      strategies: [strategyRow()],
      orders: orders(
        { status: 'PENDING', strategyId: 'momentum' },
        { status: 'PENDING', strategyId: 'other' },
        { status: 'PENDING' },
        { status: 'SUBMITTING', strategyId: 'other' },
      ),
    });
    const staged = done(of, momentum);
    expect(staged).toMatchObject({ ended: [orderId(0)], inFlight: [] });
    expect(of.strategy('momentum')).toMatchObject({ tradingState: 'HALTED', haltId: staged.haltId });
    expect(of.accountChange()).toBeNull();
  });

  it('that the account does not have is refused with a sentence', () => {
    expect(stageTradingState(context, view(), momentum)).toEqual({
      ok: false,
      error: { code: 'UNKNOWN_STRATEGY', message: 'the account has no strategy momentum' },
    });
  });
});

describe('REDUCING', () => {
  it('ends what would open and leaves what lowers the position', () => {
    const of = view({
      positions: [{ ...position({ quantity: 10 }), updatedAt: NOW }],
      orders: orders(
        { status: 'PENDING', side: 'BUY' },
        { status: 'PENDING', side: 'SELL', quantity: 10 },
        { status: 'PENDING', side: 'SELL', quantity: 11 },
      ),
    });
    expect(done(of, { ...HALT, state: 'REDUCING' }).ended).toEqual([orderId(0), orderId(2)]);
    expect(of.account).toMatchObject({ tradingState: 'REDUCING', haltId: null });
  });
});

describe('a release', () => {
  it('of another halt than the one in force is refused and changes nothing', () => {
    const of = view({ account: halted() });
    const staged = stageTradingState(context, of, { ...RELEASE, releases: orderId(9) });
    expect(staged).toMatchObject({ ok: false, error: { code: 'HALT_CHANGED' } });
    expect(of.account.tradingState).toBe('HALTED');
    expect(stageTradingState(context, view(), { ...RELEASE, releases: HALT_ID })).toMatchObject({
      ok: false,
      error: { code: 'HALT_CHANGED', message: `${HALT_ID} is not in force: nothing is halted` },
    });
  });

  it('names the halt it ends, and nothing that waited behind it survives', () => {
    const of = view({
      account: halted(),
      orders: orders({ status: 'PENDING' }, { status: 'PENDING', reduceOnly: true }),
    });
    const staged = done(of, { ...RELEASE, releases: HALT_ID });
    expect(staged).toMatchObject({ state: 'ACTIVE', haltId: null, changed: true, ended: [orderId(0)] });
    expect(of.account).toMatchObject({ tradingState: 'ACTIVE', haltId: null, haltTrips: [] });
  });

  const lossTrip: HaltTrip = {
    kind: 'DAILY_LOSS',
    baseline: '100000',
    value: '-6000',
    limit: '0.06',
    day: DAY,
  };
  /** Equity is 100,000 + 1,234.56 - 5,000 + 78.90 = 96,313.46; the day opened with 103,000: 6,686.54 were lost, 6.4918%. */
  const lost = (account: Partial<Loaded['account']> = {}) =>
    view({
      account: halted({ haltTrips: [lossTrip], ...account }),
      day: dayRow({ openingEquity: decimal(103_000) }),
      baseline: BASELINE,
    });

  it('after a daily loss is refused without a new limit, with the numbers', () => {
    const staged = stageTradingState(context, lost(), RELEASE);
    expect(staged).toEqual({
      ok: false,
      error: {
        code: 'RELEASE_NEEDS_LIMIT',
        message:
          "the daily loss limit of 6% halted trading and the day's loss is 6,686.54 (6.4918% of 103,000.00): newDailyLossPct must be more than both, not 6%",
      },
    });
  });

  it('after a daily loss is refused with a limit at or under the loss of the day', () => {
    for (const pct of ['0.06', '0.064918']) {
      const staged = stageTradingState(context, lost(), { ...RELEASE, newDailyLossPct: decimal(pct) });
      expect(staged).toMatchObject({ ok: false, error: { code: 'RELEASE_NEEDS_LIMIT' } });
    }
  });

  it('after a daily loss writes the new limit for the rest of that day', () => {
    const of = lost();
    done(of, { ...RELEASE, newDailyLossPct: decimal('0.065') });
    expect(of.account.limits['MAX_DAILY_LOSS']).toMatchObject({
      value: '0.065',
      by: 'api:anna',
      expiresAt: '2026-07-16T00:30:00.000Z',
    });
    expect(of.account.tradingState).toBe('ACTIVE');
  });

  it('on another day than the loss needs no new limit', () => {
    const of = lost({ haltTrips: [{ ...lossTrip, day: '2026-07-14' }] });
    expect(done(of, RELEASE).state).toBe('ACTIVE');
  });

  it('after a drawdown needs a rebase or a higher limit', () => {
    const trip: HaltTrip = { kind: 'DRAWDOWN', baseline: '120000', value: '96000', limit: '0.15', day: DAY };
    const down = (account: Partial<Loaded['account']> = {}) =>
      view({
        account: halted({ haltTrips: [trip], peakEquity: decimal(120_000), ...account }),
        baseline: BASELINE,
      });
    expect(stageTradingState(context, down(), RELEASE)).toMatchObject({
      ok: false,
      error: { code: 'RELEASE_NEEDS_LIMIT' },
    });
    const rebased = down();
    done(rebased, { ...RELEASE, rebasePeak: true });
    expect(rebased.account.peakEquity?.toFixed()).toBe('96313.46');
    const stored = (value: string) => ({ value, reason: '', by: '', at: '', expiresAt: null });
    expect(stageTradingState(context, down({ limits: { MAX_DRAWDOWN: stored('0.19') } }), RELEASE).ok).toBe(
      false,
    );
    expect(stageTradingState(context, down({ limits: { MAX_DRAWDOWN: stored('0.25') } }), RELEASE).ok).toBe(
      true,
    );
  });
});
