import { isOption } from '../../domain/instrument.ts';
import { ZERO, decimal } from '../../domain/money.ts';
import { type Check, ONLY_REDUCES, addsRisk, fail, pass, percent, rupees, skip } from '../check.ts';
import { riskPerUnit } from '../effect.ts';

const ONE = decimal(1);

/**
 * Loss of the opening part at its stop, gross of charges, against a share of riskCapital. Where a change moves the stop
 * of what is held already, the loss of that counts with it: risk is judged again as a whole.
 */
export const riskPerTrade: Check = {
  name: 'RISK_PER_TRADE',
  run: (input) => {
    const { order, instrument, effect, reference, limits, riskCapital, widened } = input;
    if (!addsRisk(input)) return skip(ONLY_REDUCES);
    if (widened?.loss === null) return fail('without its stop nothing bounds the loss of what is held');
    const perUnit = riskPerUnit(reference, order.stopLoss, instrument.multiplier ?? ONE);
    if (effect.openingQuantity > 0 && perUnit === null) {
      return isOption(instrument.instrumentType) && order.side === 'SELL'
        ? fail('a short option without a stop has no bounded risk')
        : skip('without a stop and a reference price the risk is not known');
    }
    if (limits.maxRiskPerTrade.isZero()) return skip('no limit is set');
    const held = widened?.loss ?? ZERO;
    const risk = (perUnit ?? ZERO).times(effect.openingQuantity).plus(held);
    const limit = riskCapital.times(limits.maxRiskPerTrade);
    const base = `${percent(limits.maxRiskPerTrade)} of ${rupees(riskCapital)}`;
    const what = widened === null ? 'risk' : `risk, with ${rupees(held)} of what is held,`;
    return risk.lte(limit)
      ? pass(`${what} ${rupees(risk)} is within ${rupees(limit)} (${base})`, risk, limit)
      : fail(`${what} ${rupees(risk)} is over the limit ${rupees(limit)} (${base})`, risk, limit);
  },
};
