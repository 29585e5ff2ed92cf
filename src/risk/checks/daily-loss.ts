import { ZERO } from '../../domain/money.ts';
import { type Check, ONLY_REDUCES, addsRisk, fail, pass, percent, rupees, skip, warn } from '../check.ts';
import { riskPerUnit } from '../effect.ts';

/**
 * The day's net loss against a share of riskCapital; warns when stops hit now would pass the limit. While a price of what
 * is held is old the day's loss is not known, and no risk is added (trading.md section 1).
 */
export const dailyLoss: Check = {
  name: 'DAILY_LOSS',
  run: (input) => {
    const { order, instrument, effect, reference, limits, riskCapital, dayPnl, oldPrice } = input;
    if (!addsRisk(input)) return skip(ONLY_REDUCES);
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
    if (oldPrice !== null) {
      const how = oldPrice.ageMs === null ? 'not known' : `${Math.round(oldPrice.ageMs)} ms old`;
      return fail(`the price of ${oldPrice.of}, which is held, is ${how}: the day's loss can not be told`);
    }
    const multiplier = instrument.multiplier;
    const perUnit = multiplier === null ? null : riskPerUnit(reference, order.stopLoss, multiplier);
    const own = (perUnit ?? ZERO).times(effect.openingQuantity).plus(input.widened?.by ?? ZERO);
    const worst = loss.plus(input.openRisk).plus(own);
    return worst.gt(limit)
      ? warn(
          `the day's loss would be ${rupees(worst)} if every stop were hit; the limit is ${rupees(limit)} (${base})`,
          worst,
          limit,
        )
      : pass(`the day's loss ${rupees(loss)} is under ${rupees(limit)} (${base})`, loss, limit);
  },
};
