import { Decimal, decimal } from '../../domain/money.ts';
import { type Check, ONLY_REDUCES, fail, pass, rupees, skip, warn } from '../check.ts';

const ONE = decimal(1);

/** Gross reward / gross risk of the opening part. Without a target it warns, or fails with REQUIRE_TAKE_PROFIT=yes. */
export const riskReward: Check = {
  name: 'RISK_REWARD',
  run: ({ order, instrument, effect, reference, limits }) => {
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    if (order.takeProfit === null) {
      return limits.requireTakeProfit ? fail('an entry needs a takeProfit') : warn('no takeProfit is set');
    }
    if (order.stopLoss === null || reference === null) {
      return skip('without a stop and a reference price there is no ratio');
    }
    const sign = order.side === 'BUY' ? 1 : -1;
    const reward = order.takeProfit.minus(reference).times(sign);
    const risk = reference.minus(order.stopLoss).times(sign);
    if (reward.lte(0)) {
      const side = order.side === 'BUY' ? 'above' : 'below';
      return fail(
        `the target of a ${order.side} must be ${side} ${reference.toFixed(2)}`,
        order.takeProfit,
        reference,
      );
    }
    if (risk.lte(0)) return skip('the stop is on the wrong side');
    const ratio = reward.div(risk);
    const units = (instrument.multiplier ?? ONE).times(effect.openingQuantity);
    const [gain, loss] = [rupees(reward.times(units)), rupees(risk.times(units))];
    const text = `reward ${gain} / risk ${loss} = ${ratio.toFixed(2, Decimal.ROUND_DOWN)}`;
    return ratio.gte(limits.minRiskReward)
      ? pass(`${text}, at least ${limits.minRiskReward.toFixed()}`, ratio, limits.minRiskReward)
      : fail(`${text}, under the least of ${limits.minRiskReward.toFixed()}`, ratio, limits.minRiskReward);
  },
};
