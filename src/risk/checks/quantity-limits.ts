import { type Check, fail, inEachScope, pass } from '../check.ts';

/**
 * At least 1, whole lots, at most the order maximum and the freeze quantity, and the worst-case position's size. What
 * only reduces has no maximum of ours: a limit made tighter must not keep a position from being closed or guarded.
 */
export const quantityLimits: Check = {
  name: 'QUANTITY_LIMITS',
  run: (input) => {
    const { order, instrument, limits } = input;
    const { quantity } = order;
    if (quantity < 1) return fail('quantity must be at least 1', quantity, 1);
    if (quantity % instrument.lotSize !== 0) {
      return fail(
        `quantity ${quantity} is not whole lots of ${instrument.lotSize}`,
        quantity,
        instrument.lotSize,
      );
    }
    const freeze = instrument.freezeQuantity;
    if (freeze !== null && quantity > freeze) {
      return fail(`quantity ${quantity} is over the exchange's freeze quantity ${freeze}`, quantity, freeze);
    }
    if (input.effect.openingQuantity === 0) {
      return pass(`quantity ${quantity} is one the exchange takes`, quantity, freeze);
    }
    const most = limits.maxQuantityPerOrder;
    if (most > 0 && quantity > most) {
      return fail(`quantity ${quantity} is over the limit of ${most} per order`, quantity, most);
    }
    const within = pass(`quantity ${quantity} is within limits`, quantity, most);
    return inEachScope(input, ({ limits: { maxPositionSize }, effect: { worstCaseQuantity } }) =>
      maxPositionSize > 0 && worstCaseQuantity > maxPositionSize
        ? fail(
            `the position could reach ${worstCaseQuantity}, over the limit of ${maxPositionSize}`,
            worstCaseQuantity,
            maxPositionSize,
          )
        : within,
    );
  },
};
