import { type Decimal, ZERO } from '../../domain/money.ts';
import type { LiveOrder } from '../../domain/live-order.ts';
import { openingLeaves } from '../../domain/order.ts';
import { type Check, ONLY_REDUCES, fail, inEachScope, pass, rupees, skip } from '../check.ts';
import { capOf } from '../limits.ts';

/** Control 8 (SEBI CIR/MRD/DP/09/2012): the value of all that is ordered and not executed, this order included. */
export const openOrderValue: Check = {
  name: 'OPEN_ORDER_VALUE',
  run: (input) => {
    if (input.effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    return inEachScope(input, ({ limits, liveOrders }) => {
      const limit = capOf(limits.maxOpenOrderValue, input.riskCapital);
      if (limit === null) return skip('no limit is set');
      if (input.valuePerUnit === null)
        return fail('without a reference price the value of the order is not known');
      const waiting = openValue(liveOrders);
      const value = waiting.plus(input.valuePerUnit.times(input.effect.openingQuantity));
      return value.lte(limit)
        ? pass(`open orders would be worth ${rupees(value)}, within ${rupees(limit)}`, value, limit)
        : fail(
            `open orders would be worth ${rupees(value)} (${rupees(waiting)} wait already), over the limit of ${rupees(limit)}`,
            value,
            limit,
          );
    });
  },
};

/** Rupees that live orders may still open; the value a unit had when its order was checked. */
export function openValue(liveOrders: readonly LiveOrder[]): Decimal {
  return liveOrders.reduce((total, order) => {
    const leaves = openingLeaves(order);
    return leaves === 0 ? total : total.plus((order.valuePerUnit ?? ZERO).times(leaves));
  }, ZERO);
}
