import { ZERO } from '../../domain/money.ts';
import { type Check, ONLY_REDUCES, fail, pass, percent, rupees, skip, warn } from '../check.ts';
import { riskPerUnit } from '../effect.ts';

/** The day's net loss against a share of riskCapital; warns when stops hit now would pass the limit. */
export const dailyLoss: Check = {
  name: 'DAILY_LOSS',
  run: ({ order, instrument, effect, reference, limits, riskCapital, dayPnl, openRisk }) => {
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    if (limits.maxDailyLoss.isZero()) return skip('no daily loss limit is set');
    const limit = riskCapital.times(limits.maxDailyLoss);
    const loss = dayPnl.isNegative() ? dayPnl.negated() : ZERO;
    const base = `${percent(limits.maxDailyLoss)} of ${rupees(riskCapital)}`;
    if (loss.gte(limit)) {
      return fail(
        `the day's loss ${rupees(loss)} has reached the limit ${rupees(limit)} (${base})`,
        loss,
        limit,
      );
    }
    const multiplier = instrument.multiplier;
    const perUnit = multiplier === null ? null : riskPerUnit(reference, order.stopLoss, multiplier);
    const worst = loss.plus(openRisk).plus((perUnit ?? ZERO).times(effect.openingQuantity));
    return worst.gt(limit)
      ? warn(
          `the day's loss would be ${rupees(worst)} if every stop were hit; the limit is ${rupees(limit)} (${base})`,
          worst,
          limit,
        )
      : pass(`the day's loss ${rupees(loss)} is under ${rupees(limit)} (${base})`, loss, limit);
  },
};
