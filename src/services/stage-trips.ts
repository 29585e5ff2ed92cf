import type { Needs } from '../db/account-load.ts';
import type { OperationRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { InvariantError } from '../lib/assert.ts';
import { limitsAt } from '../risk/limits.ts';
import type { Trip } from '../risk/monitor/trips.ts';
import type { Context } from './context.ts';
import { stageFollowUp } from './set-trading-state.ts';
import { TRADING_STATE_NEEDS, stageTradingState } from './stage-trading-state.ts';

export const TRIP_NEEDS: Needs = { ...TRADING_STATE_NEEDS, runningOperations: true };
/** Who halts, in the account's row and in the events. */
export const MONITOR = 'risk-monitor';

/**
 * Halts the account because limits were reached twice in a row, cancels what could still raise the position and, with
 * AUTO_FLATTEN, closes everything. An account that is halted already keeps its halt and notes the limits: whoever
 * releases it must answer those, too. The caller runs `enqueueOperation` on what is returned after the commit.
 * `sweeps` false leaves orders that wait to the fence at their claim: a row that can not be ended stops no halt.
 */
export function stageTrips(
  context: Pick<Context, 'newId' | 'settings'>,
  view: AccountView,
  trips: readonly Trip[],
  {
    sweeps,
    priceAgeMs,
  }: {
    readonly sweeps: boolean;
    /** Of the oldest price behind the trips; null: nothing is held. */
    readonly priceAgeMs: number | null;
  },
): OperationRow | null {
  const { autoFlatten } = limitsAt(context.settings.limits, view.now, view.account.limits);
  let operation: OperationRow | null = null;
  for (const trip of trips) {
    const change = {
      state: 'HALTED',
      scope: 'account',
      reason: trip.reason,
      by: MONITOR,
      automatic: {
        ...{ kind: trip.kind, baseline: trip.baselineValue, value: trip.value, limit: trip.share },
        priceAgeMs,
      },
    } as const;
    const staged = stageTradingState(context, view, change, { sweeps });
    if (!staged.ok) throw new InvariantError(`a trip was refused: ${staged.error.message}`);
    const followUp = { ...change, cancelOpen: true, flatten: autoFlatten };
    operation ??= stageFollowUp(context, view, followUp, staged.value);
  }
  return operation;
}
