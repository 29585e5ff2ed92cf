import { type Check, ONLY_REDUCES, fail, skip } from '../check.ts';

/** A position that leaves by protective exits is not added to: what is bought would be sold at once. */
export const positionLeaving: Check = {
  name: 'POSITION_LEAVING',
  run: ({ effect, leaving }) => {
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    if (leaving === null) return skip('no protective exit closes what it would add to');
    return fail(`its position is leaving by protective exits (${leaving}); enter again once it is closed`);
  },
};
