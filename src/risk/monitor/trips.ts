import type { Decimal } from '../../domain/money.ts';
import { percent, rupees } from '../check.ts';
import type { Limits } from '../limits.ts';
import type { RiskMoney } from './money.ts';

export type TripKind = 'DAILY_LOSS' | 'DRAWDOWN';

/** A limit that is reached: what halts the account at the second sample in a row (trading.md section 1). */
export interface Trip {
  readonly kind: TripKind;
  /** Configuration name of the limit. */
  readonly limit: 'MAX_DAILY_LOSS' | 'MAX_DRAWDOWN';
  /** The limit: a share of the baseline. */
  readonly share: Decimal;
  readonly baseline: 'riskCapital' | 'peakEquity';
  /** Rupees that the limit is a share of, the loss that reaches it, and the loss there is. */
  readonly baselineValue: Decimal;
  readonly threshold: Decimal;
  readonly value: Decimal;
  /** A sentence with baseline and value. */
  readonly reason: string;
}

/** Samples in a row that a trip needs. */
export const SAMPLES_TO_TRIP = 2;

/** The limits that are reached, on trusted prices as well as on the newest ones. */
export function tripsOf(money: RiskMoney, limits: Limits): Trip[] {
  const trips: Trip[] = [];
  const dailyLimit = money.openingEquity.times(limits.maxDailyLoss);
  const dailyLoss = smaller(money.dayPnl.neg(), money.trustedDayPnl.neg());
  if (dailyLimit.gt(0) && dailyLoss.gte(dailyLimit)) {
    trips.push({
      kind: 'DAILY_LOSS',
      limit: 'MAX_DAILY_LOSS',
      share: limits.maxDailyLoss,
      baseline: 'riskCapital',
      baselineValue: money.openingEquity,
      threshold: dailyLimit,
      value: dailyLoss,
      reason: `the day's loss ${rupees(dailyLoss)} reached the limit ${rupees(dailyLimit)} (${percent(limits.maxDailyLoss)} of riskCapital ${rupees(money.openingEquity)})`,
    });
  }
  const drawdownLimit = money.peakEquity.times(limits.maxDrawdown);
  const drawdown = smaller(money.drawdown, money.trustedDrawdown);
  if (drawdownLimit.gt(0) && drawdown.gte(drawdownLimit)) {
    trips.push({
      kind: 'DRAWDOWN',
      limit: 'MAX_DRAWDOWN',
      share: limits.maxDrawdown,
      baseline: 'peakEquity',
      baselineValue: money.peakEquity,
      threshold: drawdownLimit,
      value: drawdown,
      reason: `equity is ${rupees(drawdown)} under its peak, the limit is ${rupees(drawdownLimit)} (${percent(limits.maxDrawdown)} of peakEquity ${rupees(money.peakEquity)})`,
    });
  }
  return trips;
}

function smaller(a: Decimal, b: Decimal): Decimal {
  return a.lt(b) ? a : b;
}
