import { type Check, fail, pass, skip } from '../check.ts';

/** A CNC sale beyond settled, T1 and today's net shares would be a short delivery (trading.md section 2). */
export const delivery: Check = {
  name: 'DELIVERY',
  run: ({ order, effect, deliverable }) => {
    if (order.product !== 'CNC' || order.side !== 'SELL') return skip('the order delivers no shares');
    const { quantity } = order;
    if (effect.openingQuantity === 0) {
      return pass(
        `sells ${quantity} of ${effect.largestReduction} held here`,
        quantity,
        effect.largestReduction,
      );
    }
    if (deliverable === null) {
      return fail(
        `sells ${quantity}, but ${effect.largestReduction} are held here and the broker's holdings are not known`,
        quantity,
        effect.largestReduction,
      );
    }
    return quantity <= deliverable
      ? pass(`sells ${quantity} of ${deliverable} that can be delivered`, quantity, deliverable)
      : fail(`sells ${quantity}, but only ${deliverable} can be delivered`, quantity, deliverable);
  },
};
