import { type Check, ONLY_REDUCES, fail, pass, rupees, skip } from '../check.ts';

/** Margin of the opening part and its charges must fit into the segment's funds. No figure fails, never counts as zero. */
export const balance: Check = {
  name: 'BALANCE',
  run: ({ effect, marginPerUnit, charges, availableFunds }) => {
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    if (marginPerUnit === null) return fail('the margin of this order is not known');
    if (availableFunds === null) return fail("the broker's funds are not known");
    const needed = marginPerUnit.times(effect.openingQuantity).plus(charges);
    return needed.lte(availableFunds)
      ? pass(`needs ${rupees(needed)} of ${rupees(availableFunds)} available`, needed, availableFunds)
      : fail(
          `needs ${rupees(needed)} but only ${rupees(availableFunds)} is available`,
          needed,
          availableFunds,
        );
  },
};
