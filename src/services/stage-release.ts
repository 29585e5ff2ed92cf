import type { AccountView } from '../db/account-view.ts';
import type { HaltTrip } from '../domain/account.ts';
import { addDays, startOfTradingDay, tradingDayOf } from '../domain/calendar.ts';
import { type Decimal, decimal, formatMoneyForPeople } from '../domain/money.ts';
import { type Result, err, ok } from '../lib/result.ts';
import { percent } from '../risk/check.ts';
import { limitsAt } from '../risk/limits.ts';
import type { ServiceSettings } from './context.ts';
import { stageLimitChange } from './stage-limit-change.ts';

export interface Release {
  readonly reason: string;
  /** Who is written into the row, the event and the journal. */
  readonly by: string;
  /** A share: the daily loss limit for the rest of this trading day. */
  readonly newDailyLossPct?: Decimal | null;
  /** Takes the equity of now as the peak that drawdown is measured from. */
  readonly rebasePeak?: boolean;
}

export interface ReleaseRefusal {
  readonly code: 'RELEASE_NEEDS_LIMIT';
  /** A sentence with the numbers. */
  readonly message: string;
}

/**
 * What leaving a halt asks for: each limit that tripped it gets an answer, since it would trip again at once
 * (trading.md section 1). A daily loss needs another limit for that day, a drawdown a new peak or a higher limit.
 * The new limit and the new peak are written here. Needs `baseline`.
 */
export function stageRelease(
  { settings }: { readonly settings: Pick<ServiceSettings, 'limits'> },
  view: AccountView,
  release: Release,
  trips: readonly HaltTrip[],
): Result<void, ReleaseRefusal> {
  const day = tradingDayOf(view.now);
  const { newDailyLossPct = null, rebasePeak = false } = release;
  const limits = limitsAt(settings.limits, view.now, view.account.limits);
  for (const trip of trips) {
    const refusal =
      trip.kind === 'DAILY_LOSS'
        ? // Another day begins with another baseline, and nothing lost.
          trip.day === day && wouldLoseAgain(view, day, trip, newDailyLossPct ?? limits.maxDailyLoss)
        : !rebasePeak && wouldDrawDownAgain(view, trip, limits.maxDrawdown);
    if (typeof refusal === 'string') return err({ code: 'RELEASE_NEEDS_LIMIT', message: refusal });
  }
  if (newDailyLossPct !== null) {
    const changed = stageLimitChange(view, {
      name: 'MAX_DAILY_LOSS',
      value: newDailyLossPct.toFixed(),
      expiresAt: startOfTradingDay(addDays(day, 1)),
      reason: release.reason,
      by: release.by,
    });
    if (!changed.ok) return err({ code: 'RELEASE_NEEDS_LIMIT', message: changed.error.message });
  }
  if (rebasePeak) {
    const peakEquity = view.equity();
    const data = {
      from: view.account.peakEquity?.toFixed() ?? null,
      to: peakEquity.toFixed(),
      by: release.by,
    };
    view.changeAccount({ peakEquity }, 'PeakRebased', { ...data, reason: release.reason });
  }
  return ok(undefined);
}

/** Why the day's loss would halt trading again under this limit; false when it would not. A limit of 0 is off. */
function wouldLoseAgain(view: AccountView, day: string, trip: HaltTrip, limit: Decimal): string | false {
  if (limit.isZero()) return false;
  const today = view.today(day);
  const loss = view.equity().minus(today.openingEquity).minus(today.cashFlows).neg();
  const share = shareOf(loss, today.openingEquity);
  if (limit.gt(trip.limit) && limit.gt(share)) return false;
  const lost = `the day's loss is ${formatMoneyForPeople(loss)} (${percent(share)} of ${formatMoneyForPeople(today.openingEquity)})`;
  return `the daily loss limit of ${percent(decimal(trip.limit))} halted trading and ${lost}: newDailyLossPct must be more than both, not ${percent(limit)}`;
}

function wouldDrawDownAgain(view: AccountView, trip: HaltTrip, limit: Decimal): string | false {
  if (limit.isZero()) return false;
  const peak = view.account.peakEquity ?? decimal(trip.baseline);
  const drawdown = peak.minus(view.equity());
  const share = shareOf(drawdown, peak);
  if (limit.gt(trip.limit) && limit.gt(share)) return false;
  const down = `equity is ${formatMoneyForPeople(drawdown)} (${percent(share)}) under its peak of ${formatMoneyForPeople(peak)}`;
  return `the drawdown limit of ${percent(decimal(trip.limit))} halted trading and ${down}: rebase the peak, or raise MAX_DRAWDOWN above both`;
}

function shareOf(part: Decimal, whole: Decimal): Decimal {
  return whole.lte(0) ? decimal(1) : part.div(whole).toDecimalPlaces(6);
}
