import { type Check, fail, pass, skip } from '../check.ts';

/** A reduceOnly order is never clipped in silence: too large is refused, naming the largest that would do. */
export const reduceOnly: Check = {
  name: 'REDUCE_ONLY',
  run: ({ order, effect }) => {
    if (!order.reduceOnly) return skip('the order is not reduceOnly');
    return effect.openingQuantity === 0
      ? pass(
          `reduces ${order.quantity} of at most ${effect.largestReduction}`,
          order.quantity,
          effect.largestReduction,
        )
      : fail(
          effect.largestReduction === 0
            ? 'there is no position left to reduce'
            : `quantity ${order.quantity} is too large to only reduce; the largest is ${effect.largestReduction}`,
          order.quantity,
          effect.largestReduction,
        );
  },
};
