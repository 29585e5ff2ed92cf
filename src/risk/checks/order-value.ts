import { type Check, ONLY_REDUCES, fail, inEachScope, pass, rupees, skip } from '../check.ts';
import { capOf } from '../limits.ts';

/** Control 2: price x opening quantity x multiplier; MARKET and SL-M with their protection. Catches a slipped digit. */
export const orderValue: Check = {
  name: 'ORDER_VALUE',
  run: (input) => {
    const { effect, valuePerUnit, riskCapital } = input;
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    return inEachScope(input, ({ limits }) => {
      const limit = capOf(limits.maxOrderValue, riskCapital);
      if (limit === null) return skip('no limit is set');
      if (valuePerUnit === null) return fail('without a reference price the value of the order is not known');
      const value = valuePerUnit.times(effect.openingQuantity);
      return value.lte(limit)
        ? pass(`value ${rupees(value)} is within ${rupees(limit)}`, value, limit)
        : fail(`value ${rupees(value)} is over the limit of ${rupees(limit)} an order`, value, limit);
    });
  },
};
