import type { Needs } from '../db/account-load.ts';
import type { AccountRow, OperationRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { isRefusedWrite } from '../db/errors.ts';
import {
  type MonitorRows,
  type SampleCounts,
  readMonitorRows,
  recordFailedLook,
  recordSample,
} from '../db/stores/monitor-store.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import { type Decimal, toValueScale } from '../domain/money.ts';
import { InvariantError } from '../lib/assert.ts';
import { failpoint } from '../lib/failpoint.ts';
import { limitsAt } from '../risk/limits.ts';
import { hasEnded } from '../risk/monitor/ended-conditions.ts';
import {
  type MonitorInput,
  type MonitoredPosition,
  type MonitoredStrategy,
  type Told,
  oldestPriceAgeMs,
} from '../risk/monitor/monitor.ts';
import { peakToWrite } from '../risk/monitor/money.ts';
import { orderToTrade, ratioOf, sentenceOf, strategiesToPause } from '../risk/monitor/order-to-trade.ts';
import { exitCondition, lossCondition, positionsToExit } from '../risk/monitor/position-loss.ts';
import { REJECT_WINDOW_MS } from '../risk/monitor/rejects.ts';
import { REPEAT_WINDOW_MS } from '../risk/monitor/repeated-execution.ts';
import { type AlertPlan, planAlerts, runRules } from '../risk/monitor/rules.ts';
import { SAMPLES_TO_TRIP, type Trip, type TripKind, tripsOf } from '../risk/monitor/trips.ts';
import { beginRiskDay } from './begin-risk-day.ts';
import type { Context } from './context.ts';
import { monitorInput } from './monitor-input.ts';
import { pauseStrategy } from './pause-strategy.ts';
import { enqueueOperation } from './stage-operation.ts';
import { stagePositionExit } from './stage-position-exit.ts';
import { TRIP_NEEDS, stageTrips } from './stage-trips.ts';

const WINDOWS = { rejectWindowMs: REJECT_WINDOW_MS, repeatWindowMs: REPEAT_WINDOW_MS };
/** Samples are in a row unless this many intervals, and this long, lie between them. */
const IN_A_ROW_INTERVALS = 10;
const IN_A_ROW_MS = 30_000;
const DETAIL_LENGTH = 500;

/** What a look found that the account's rows do not say yet. */
interface Decision {
  readonly input: MonitorInput;
  readonly plan: AlertPlan;
  /** Conditions of others that hold no more. */
  readonly ended: readonly string[];
  readonly peak: Decimal | null;
  readonly due: readonly TripKind[];
  /** Positions that POSITION_LOSS_EXIT closes. */
  readonly exits: readonly MonitoredPosition[];
  /** Strategies that ORDER_TO_TRADE_PAUSE disables. */
  readonly pauses: readonly MonitoredStrategy[];
}

/**
 * One look of the risk monitor at one account: reads without the lock, judges by the rules, counts the sample, and
 * enters the account only to raise or clear alerts, to write a new peak, or to halt trading. Any number may run at
 * once; a read that fails changes nothing.
 */
export async function checkRisk(context: Context, accountId: string): Promise<void> {
  try {
    await look(context, accountId);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    // The database may be what is down: then there is nothing to note it in.
    await recordFailedLook(
      context.db,
      accountId,
      detail.replaceAll('\u0000', '').slice(0, DETAIL_LENGTH),
    ).catch(() => undefined);
    throw error;
  }
}

async function look(context: Context, accountId: string): Promise<void> {
  await failpoint('risk.begin');
  let rows = await readMonitorRows(context.db, accountId, WINDOWS);
  const day = tradingDayOf(rows.now);
  if (rows.watch?.day !== day) {
    await beginRiskDay(context, rows, day);
    rows = await readMonitorRows(context.db, accountId, WINDOWS);
  }
  const input = monitorInput(rows, context.settings);
  const reached = tripsOf(input.money, input.limits).map(({ kind }) => kind);
  const counts = await recordSample(context.db, {
    accountId,
    day,
    dailyLossReached: reached.includes('DAILY_LOSS'),
    drawdownReached: reached.includes('DRAWDOWN'),
    equity: input.money.allGood ? toValueScale(input.money.equity) : null,
    unrealizedPnl: toValueScale(input.money.equity.minus(balanceOf(rows))),
    minGapMs: context.settings.monitor.intervalMs / 2,
    maxGapMs: Math.max(IN_A_ROW_INTERVALS * context.settings.monitor.intervalMs, IN_A_ROW_MS),
  });
  const decision = decide(context, rows, input, reached, counts);
  if (isEmpty(decision)) return;
  await failpoint('risk.beforeCommit');
  await apply(context, rows, decision);
  await failpoint('risk.afterCommit');
}

function balanceOf(rows: MonitorRows): Decimal {
  return rows.account.capital.plus(rows.netRealized).plus(rows.cashFlows);
}

function decide(
  { settings }: Context,
  rows: MonitorRows,
  input: MonitorInput,
  reached: readonly TripKind[],
  counts: SampleCounts,
): Decision {
  const samples = { DAILY_LOSS: counts.dailyLoss, DRAWDOWN: counts.drawdown };
  const standing = new Map(rows.alerts.map((alert) => [alert.condition, alert.severity]));
  return {
    input,
    plan: planAlerts(runRules(input), standing),
    ended: rows.alerts.filter(hasEnded).map(({ condition }) => condition),
    peak: peakToWrite(rows.account.peakEquity, input.money),
    due: reached.filter((kind) => samples[kind] >= SAMPLES_TO_TRIP && !isNoted(rows.account, kind)),
    exits: input.limits.positionLossExit ? exitsOf(rows, input, settings.monitor.intervalMs / 2) : [],
    pauses: strategiesToPause(input),
  };
}

/** Positions over their limit since an earlier sample; one whose exit was begun is not closed again. */
function exitsOf(rows: MonitorRows, input: MonitorInput, minGapMs: number): readonly MonitoredPosition[] {
  const raisedBefore = new Map(rows.alerts.map(({ condition, at }) => [condition, at.getTime() + minGapMs]));
  return positionsToExit(input).filter(
    (position) =>
      (raisedBefore.get(lossCondition(position)) ?? Infinity) <= rows.now.getTime() &&
      input.standing(exitCondition(position)) === null,
  );
}

/** A halt that stands and knows of this limit needs no more. */
function isNoted({ tradingState, haltTrips }: AccountRow, kind: TripKind): boolean {
  return tradingState === 'HALTED' && haltTrips.some((trip) => trip.kind === kind);
}

function isEmpty({ plan, ended, peak, due, exits, pauses }: Decision): boolean {
  const lists = [plan.clear, plan.raise, ended, due, exits, pauses];
  return peak === null && lists.every((list) => list.length === 0);
}

/** Enters the account; a row that can not be ended must not keep the limit from halting it (set-trading-state.ts). */
async function apply(context: Context, rows: MonitorRows, decision: Decision): Promise<void> {
  const work = (sweeps: boolean) =>
    context.withAccount({
      accountId: rows.account.id,
      actor: context.processName,
      needs: needsOf(decision),
      urgent: decision.due.length > 0,
      run: (view) => applyToView(context, view, rows, decision, sweeps),
    });
  let operations: readonly (OperationRow | null)[];
  try {
    operations = await work(true);
  } catch (error) {
    const rowsAreBad = isRefusedWrite(error) || error instanceof InvariantError;
    if (!rowsAreBad || decision.due.length === 0) throw error;
    context.log.error(
      { err: error, accountId: rows.account.id },
      'the halt leaves waiting orders to the fence',
    );
    operations = await work(false);
  }
  for (const operation of operations) await enqueueOperation(context, operation);
}

function needsOf({ due, exits, pauses }: Decision): Needs {
  return {
    openAlerts: true,
    ...(due.length > 0 ? TRIP_NEEDS : {}),
    ...(pauses.length > 0 ? { strategies: true } : {}),
    ...(exits.length > 0 ? { openPositions: true, runningOperations: true } : {}),
  };
}

function applyToView(
  context: Context,
  view: AccountView,
  rows: MonitorRows,
  decision: Decision,
  sweeps: boolean,
): readonly (OperationRow | null)[] {
  for (const condition of [...decision.plan.clear, ...decision.ended]) view.clearAlert(condition);
  for (const told of decision.plan.raise) raise(context, view, told);
  for (const strategy of decision.pauses) pause(context, view, strategy);
  // An operator rebased in between: what was judged by the old peak is judged again at the next look.
  const samePeak = equal(view.account.peakEquity, rows.account.peakEquity);
  const trips = tripsUnderLock(context, view, decision, samePeak);
  // A halt names the exact peak, so that a small rise is written with it, too.
  const peak = trips.length === 0 ? decision.peak : decision.input.money.peakEquity;
  if (peak !== null && samePeak) writePeak(view, peak);
  const exits = decision.exits.map((position) => stagePositionExit(context, view, position));
  // After the exits: closing everything takes the place of closing one.
  return [
    ...exits,
    stageTrips(context, view, trips, { sweeps, priceAgeMs: oldestPriceAgeMs(decision.input.positions) }),
  ];
}

/** Raises, or replaces a milder one that stands: under the lock another monitor may have been first. */
function raise(context: Context, view: AccountView, told: Told): void {
  const { condition, severity, type, message, details, orderId = null } = told;
  view.raiseAlert({ id: context.newId(), severity, type, message, details, orderId, condition });
}

function pause(context: Context, view: AccountView, strategy: MonitoredStrategy): void {
  pauseStrategy(context, view, {
    strategyId: strategy.id,
    check: orderToTrade.name,
    message: sentenceOf(strategy),
    value: ratioOf(strategy.calls, strategy.filled).toDecimalPlaces(2).toFixed(),
    limit: strategy.orderToTradePause.toFixed(),
    orderId: null,
  });
}

function writePeak(view: AccountView, peak: Decimal): void {
  const peakEquity = toValueScale(peak);
  if (equal(view.account.peakEquity, peakEquity)) return;
  const before = view.account.peakEquity?.toFixed() ?? null;
  view.changeAccount({ peakEquity }, 'PeakEquityRaised', { peakEquity: peakEquity.toFixed(), before });
}

/** The limits that halt the account, by its state and limits as they are now: a person may just have changed them. */
function tripsUnderLock(
  { settings }: Context,
  view: AccountView,
  { input, due }: Decision,
  samePeak: boolean,
): Trip[] {
  const limits = limitsAt(settings.limits, view.now, view.account.limits);
  return tripsOf(input.money, limits).filter(
    ({ kind }) => due.includes(kind) && !isNoted(view.account, kind) && (kind === 'DAILY_LOSS' || samePeak),
  );
}

function equal(a: Decimal | null, b: Decimal | null): boolean {
  return a === null || b === null ? a === b : a.eq(b);
}
