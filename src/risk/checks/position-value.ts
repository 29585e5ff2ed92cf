import { type Check, ONLY_REDUCES, fail, inEachScope, pass, rupees, skip } from '../check.ts';
import { capOf } from '../limits.ts';

/** Control 7 in rupees: the worst-case position of the key, everything live filled, at this order's price. */
export const positionValue: Check = {
  name: 'POSITION_VALUE',
  run: (input) => {
    if (input.effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    return inEachScope(input, ({ limits, effect }) => {
      const limit = capOf(limits.maxPositionValue, input.riskCapital);
      if (limit === null) return skip('no limit is set');
      if (input.valuePerUnit === null)
        return fail('without a reference price the value of the position is not known');
      const value = input.valuePerUnit.times(effect.worstCaseQuantity);
      return value.lte(limit)
        ? pass(`the position could be worth ${rupees(value)}, within ${rupees(limit)}`, value, limit)
        : fail(
            `the position could be worth ${rupees(value)}, over the limit of ${rupees(limit)}`,
            value,
            limit,
          );
    });
  },
};
