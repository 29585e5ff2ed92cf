import type { KillSwitchEventRow, StrategyRow } from '../db/account-rows.ts';
import type { Needs } from '../db/account-load.ts';
import type { AccountView } from '../db/account-view.ts';
import type { HaltExits, HaltTrip, TradingState } from '../domain/account.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import { type Decimal, formatMoneyForPeople } from '../domain/money.ts';
import { assert } from '../lib/assert.ts';
import { type Result, err, ok } from '../lib/result.ts';
import { percent } from '../risk/check.ts';
import type { Context, ServiceSettings } from './context.ts';
import { type InFlight, endUnsentEntries, entriesInFlight } from './end-unsent-entries.ts';
import { type Release, type ReleaseRefusal, stageRelease } from './stage-release.ts';

export interface TradingStateChange extends Release {
  readonly state: TradingState;
  readonly scope: 'account' | 'strategy';
  /** With scope strategy alone. */
  readonly strategyId?: string | null;
  /** HALTED: who may still exit. Default reduceOnly. */
  readonly exits?: HaltExits;
  /** The limit that halts by itself; HALTED of the account alone. Rupees, and the limit as a share. */
  readonly automatic?: {
    readonly kind: HaltTrip['kind'];
    readonly baseline: Decimal;
    readonly value: Decimal;
    readonly limit: Decimal;
    /** Of the oldest price behind the value; null: none is. */
    readonly priceAgeMs: number | null;
  };
  /** The halt that leaving HALTED is meant to end; left out, the one in force. */
  readonly releases?: string | null;
}

export interface TradingStateRefusal {
  readonly code: 'UNKNOWN_STRATEGY' | 'HALT_CHANGED' | ReleaseRefusal['code'];
  /** A sentence with the numbers. */
  readonly message: string;
}

export interface StagedTradingState {
  readonly state: TradingState;
  /** The halt in force now; null when nothing is halted. */
  readonly haltId: string | null;
  /** False: it stood like that already. */
  readonly changed: boolean;
  /** Entries ended before they were sent. */
  readonly ended: readonly string[];
  /** Claims made before: their calls may be on the wire. */
  readonly inFlight: readonly InFlight[];
}

/** What a change of the trading state looks at; a release also asks for the day. */
export const TRADING_STATE_NEEDS: Needs = {
  strategies: true,
  unsettledOrders: true,
  openCommands: true,
  openAlerts: true,
};

/** The part of an account's or a strategy's row that says what may be traded. */
type Scoped = Pick<StrategyRow, 'tradingState' | 'tradingStateReason' | 'haltId' | 'haltExits'>;

/**
 * Changes what may be traded, of the account or of one strategy, inside work on a view: the row, an event and the
 * journal. Into HALTED or REDUCING it ends every entry of the scope that was not sent, and says which claims are on
 * their way; from its commit on no entry of the scope is claimed. Halting what is halted keeps the halt and its
 * number, and can only make it stricter. HALTED is left only here, on a person's word: `releases` must be the halt in
 * force, and what tripped it must not trip again at once. A refusal changes nothing. Without `sweeps` the row alone
 * changes, and what was not sent is left to the fence at its claim.
 */
export function stageTradingState(
  context: Pick<Context, 'newId'> & { readonly settings: Pick<ServiceSettings, 'limits'> },
  view: AccountView,
  change: TradingStateChange,
  { sweeps = true }: { readonly sweeps?: boolean } = {},
): Result<StagedTradingState, TradingStateRefusal> {
  const { state, scope, strategyId = null, automatic } = change;
  assert((scope === 'strategy') === (strategyId !== null), 'a strategy is named with its scope alone');
  assert(automatic === undefined || (state === 'HALTED' && scope === 'account'), 'a trip halts the account');
  const strategy = strategyId === null ? null : view.strategy(strategyId);
  if (strategyId !== null && strategy === null) {
    return err({ code: 'UNKNOWN_STRATEGY', message: `the account has no strategy ${strategyId}` });
  }
  const before: Scoped = strategy ?? view.account;
  const { releases = null } = change;
  if (releases !== null && releases !== before.haltId) {
    const inForce = before.haltId === null ? 'nothing is halted' : `the halt in force is ${before.haltId}`;
    return err({ code: 'HALT_CHANGED', message: `${releases} is not in force: ${inForce}` });
  }
  const leavesHalt = before.tradingState === 'HALTED' && state !== 'HALTED';
  if (leavesHalt) {
    const released = stageRelease(context, view, change, strategy === null ? view.account.haltTrips : []);
    if (!released.ok) return released;
  }
  const after = afterChange(context, view, change, before);
  const changed = after !== null;
  if (changed) write(context, view, change, before, after, strategy);
  const sweep = {
    state,
    leavesHalt,
    strategyId,
    reason: change.reason,
    exits: after?.haltExits ?? before.haltExits,
  };
  const ended = sweeps ? endUnsentEntries(view, sweep) : [];
  return ok({
    state,
    haltId: after === null ? before.haltId : after.haltId,
    changed,
    ended,
    inFlight: state === 'ACTIVE' ? [] : entriesInFlight(view, strategyId),
  });
}

interface After extends Scoped {
  readonly haltTrips: readonly HaltTrip[];
}

/** How the row stands after the change; null when it stood like that, or stricter. */
function afterChange(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  { state, reason, exits = 'reduceOnly', automatic }: TradingStateChange,
  before: Scoped,
): After | null {
  const trips = view.account.haltTrips;
  const trip = automatic === undefined ? null : tripOf(view, automatic);
  if (before.tradingState !== state) {
    const isHalt = state === 'HALTED';
    return {
      tradingState: state,
      tradingStateReason: reason,
      haltId: isHalt ? context.newId() : null,
      haltExits: isHalt ? exits : 'reduceOnly',
      haltTrips: trip === null ? [] : [trip],
    };
  }
  if (state !== 'HALTED') return null;
  const stricter = exits === 'operatorOnly' && before.haltExits === 'reduceOnly';
  const newTrip = trip !== null && !trips.some(({ kind }) => kind === trip.kind) ? trip : null;
  if (!stricter && newTrip === null) return null;
  // Not `...before`: that is a whole row, and would be written as changed in every column.
  return {
    tradingState: before.tradingState,
    tradingStateReason: before.tradingStateReason,
    haltId: before.haltId,
    haltExits: stricter ? 'operatorOnly' : before.haltExits,
    haltTrips: newTrip === null ? trips : [...trips, newTrip],
  };
}

function tripOf(view: AccountView, of: NonNullable<TradingStateChange['automatic']>): HaltTrip {
  return {
    kind: of.kind,
    baseline: of.baseline.toFixed(),
    value: of.value.toFixed(),
    limit: of.limit.toFixed(),
    day: tradingDayOf(view.now),
  };
}

/** The row, the event, the journal and the alert move together. */
function write(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  change: TradingStateChange,
  before: Scoped,
  after: After,
  strategy: StrategyRow | null,
): void {
  const { scope, reason, by } = change;
  const { haltTrips, ...row } = after;
  const at = { tradingStateBy: by, tradingStateAt: view.now };
  const automatic = haltTrips.at(-1) ?? null;
  const details = {
    exits: after.haltExits,
    automatic: change.automatic === undefined ? null : automatic,
    priceAgeMs: change.automatic?.priceAgeMs ?? null,
  };
  const haltId = after.haltId ?? before.haltId;
  const data = { scope, from: before.tradingState, to: after.tradingState, haltId, reason, by, ...details };
  if (strategy === null) view.changeAccount({ ...row, ...at, haltTrips }, 'TradingStateChanged', data);
  else view.putStrategy({ ...strategy, ...row, ...at, updatedAt: view.now }, 'TradingStateChanged', data);
  view.insertKillSwitchEvent({
    accountId: view.account.id,
    id: context.newId(),
    haltId,
    scope,
    strategyId: strategy?.id ?? null,
    fromState: before.tradingState,
    toState: after.tradingState,
    reason,
    actor: by,
    details,
    at: view.now,
  } satisfies KillSwitchEventRow);
  if (before.haltId !== null && after.haltId === null) view.clearAlert(`halt:${before.haltId}`);
  if (before.haltId === null && after.haltId !== null) tellHalt(context, view, change, after.haltId);
}

function tellHalt(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  { strategyId, reason, by, automatic }: TradingStateChange,
  haltId: string,
): void {
  const whose =
    typeof strategyId === 'string' ? `of strategy ${strategyId}` : `of account ${view.account.id}`;
  const numbers =
    automatic === undefined
      ? ''
      : ` (${automatic.kind} ${formatMoneyForPeople(automatic.value)} at the limit of ${percent(automatic.limit)} of ${formatMoneyForPeople(automatic.baseline)}${agesOf(automatic.priceAgeMs)})`;
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'kill_switch_triggered',
    message: `trading ${whose} is HALTED by ${by}: ${reason}${numbers}; a person must release it`,
    details: {
      ...{ haltId, strategyId: strategyId ?? null, by },
      ...(automatic === undefined ? {} : { priceAgeMs: automatic.priceAgeMs }),
    },
    orderId: null,
    condition: `halt:${haltId}`,
  });
}

/** What was lost is lost by these prices: how old they were is part of it. */
function agesOf(priceAgeMs: number | null): string {
  return priceAgeMs === null ? '' : `, by prices of up to ${(priceAgeMs / 1000).toFixed(1)} s ago`;
}
