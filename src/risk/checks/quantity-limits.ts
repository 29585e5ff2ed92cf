import { type Check, fail, inEachScope, pass } from '../check.ts';

/** At least 1, whole lots, at most the order maximum and the freeze quantity, and the worst-case position's size. */
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
    if (limits.maxQuantityPerOrder > 0 && quantity > limits.maxQuantityPerOrder) {
      return fail(
        `quantity ${quantity} is over the limit of ${limits.maxQuantityPerOrder} per order`,
        quantity,
        limits.maxQuantityPerOrder,
      );
    }
    const freeze = instrument.freezeQuantity;
    if (freeze !== null && quantity > freeze) {
      return fail(`quantity ${quantity} is over the exchange's freeze quantity ${freeze}`, quantity, freeze);
    }
    const within = pass(`quantity ${quantity} is within limits`, quantity, limits.maxQuantityPerOrder);
    if (input.effect.openingQuantity === 0) return within;
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
