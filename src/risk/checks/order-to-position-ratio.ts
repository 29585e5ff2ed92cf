import { openingLeaves } from '../../domain/order.ts';
import { type Check, ONLY_REDUCES, fail, inEachScope, pass, skip } from '../check.ts';
import { keyText } from '../effect.ts';

/** Live opening parents of the key, this one included; stops, targets and slices are not counted. */
export const orderToPositionRatio: Check = {
  name: 'ORDER_TO_POSITION_RATIO',
  run: (input) => {
    if (input.effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    const key = keyText(input.order);
    return inEachScope(input, ({ limits, liveOrders }) => {
      const limit = limits.maxOrderToPositionRatio;
      if (limit === 0) return skip('no limit is set');
      const others = liveOrders.filter(
        (live) => live.role === 'ENTRY' && keyText(live) === key && openingLeaves(live) > 0,
      ).length;
      const used = others + 1;
      return used <= limit
        ? pass(`entry ${used} of ${limit} waiting on this position`, used, limit)
        : fail(`would be entry ${used} waiting on this position, over the limit of ${limit}`, used, limit);
    });
  },
};
