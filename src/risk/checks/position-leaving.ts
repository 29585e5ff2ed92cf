import { sideSign } from '../../domain/order.ts';
import { type Check, ONLY_REDUCES, fail, pass, skip } from '../check.ts';

/** A position that leaves by protective exits is not added to: what is bought would be sold at once. */
export const positionLeaving: Check = {
  name: 'POSITION_LEAVING',
  run: ({ order, positions, effect, leaving }) => {
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    const adds = positions.some(
      (held) =>
        held.managedBy === 'OMS' &&
        held.instrumentId === order.instrumentId &&
        held.product === order.product &&
        Math.sign(held.quantity) === sideSign(order.side),
    );
    if (!adds) return skip('it adds to no position');
    if (leaving === null) return pass('the position that it adds to does not leave');
    return fail(`its position is leaving by protective exits (${leaving}); enter again once it is closed`);
  },
};
