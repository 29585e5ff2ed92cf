import { decimal } from '../../domain/money.ts';
import { isOption } from '../../domain/instrument.ts';
import { type Check, ONLY_REDUCES, fail, pass, percent, rupees, skip } from '../check.ts';
import { riskPerUnit } from '../effect.ts';

const ONE = decimal(1);

/** Loss of the opening part at its stop, gross of charges, against a share of riskCapital. */
export const riskPerTrade: Check = {
  name: 'RISK_PER_TRADE',
  run: ({ order, instrument, effect, reference, limits, riskCapital }) => {
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    const perUnit = riskPerUnit(reference, order.stopLoss, instrument.multiplier ?? ONE);
    if (perUnit === null) {
      return isOption(instrument.instrumentType) && order.side === 'SELL'
        ? fail('a short option without a stop has no bounded risk')
        : skip('without a stop and a reference price the risk is not known');
    }
    if (limits.maxRiskPerTrade.isZero()) return skip('no limit is set');
    const risk = perUnit.times(effect.openingQuantity);
    const limit = riskCapital.times(limits.maxRiskPerTrade);
    const base = `${percent(limits.maxRiskPerTrade)} of ${rupees(riskCapital)}`;
    return risk.lte(limit)
      ? pass(`risk ${rupees(risk)} is within ${rupees(limit)} (${base})`, risk, limit)
      : fail(`risk ${rupees(risk)} is over the limit ${rupees(limit)} (${base})`, risk, limit);
  },
};
