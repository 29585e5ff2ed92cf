import { type Check, ONLY_REDUCES, fail, inEachScope, pass, skip } from '../check.ts';
import { keyText, openKeys } from '../effect.ts';

/** Distinct (instrument, product) keys with a managed quantity or a live opening order, this one included. */
export const positionLimit: Check = {
  name: 'POSITION_LIMIT',
  run: (input) => {
    const { order, effect } = input;
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    return inEachScope(input, ({ limits: { maxPositions }, positions, liveOrders }) => {
      if (maxPositions === 0) return skip('no limit is set');
      const keys = openKeys(positions, liveOrders);
      const adds = !keys.has(keyText(order));
      const used = keys.size + (adds ? 1 : 0);
      if (!adds)
        return pass(`adds to an open position; ${used} of ${maxPositions} are in use`, used, maxPositions);
      return used <= maxPositions
        ? pass(`position ${used} of ${maxPositions}`, used, maxPositions)
        : fail(`would be position ${used}, over the limit of ${maxPositions}`, used, maxPositions);
    });
  },
};
