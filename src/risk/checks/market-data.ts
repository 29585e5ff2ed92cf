import { type Check, ONLY_REDUCES, fail, pass, percent, skip } from '../check.ts';

/** Control 19: no entry on a price that is old, crossed, or has just jumped; the next reading tells whether it is true. */
export const marketData: Check = {
  name: 'MARKET_DATA',
  run: ({ effect, price, limits }) => {
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    const { requireFreshPrice, maxPriceJumpPct } = limits;
    if (!requireFreshPrice && maxPriceJumpPct.isZero()) return skip('no limit is set');
    if (requireFreshPrice) {
      if (price === null) return fail('there is no price');
      if (!price.fresh)
        return fail(`the price ${price.last.toFixed(2)} is ${Math.round(price.ageMs)} ms old`);
      if (price.bestBid !== null && price.bestOffer !== null && price.bestBid.gt(price.bestOffer)) {
        return fail(
          `the market is crossed: bid ${price.bestBid.toFixed(2)} over offer ${price.bestOffer.toFixed(2)}`,
          price.bestBid,
          price.bestOffer,
        );
      }
    }
    const before = price?.previous ?? null;
    if (price === null || before === null || maxPriceJumpPct.isZero()) return pass('the price is plausible');
    const jump = price.last.minus(before).abs().div(before);
    const text = `from ${before.toFixed(2)} to ${price.last.toFixed(2)}, by ${percent(jump)}`;
    return jump.lte(maxPriceJumpPct)
      ? pass(`the price went ${text}`, jump, maxPriceJumpPct)
      : fail(`the price jumped ${text}, over ${percent(maxPriceJumpPct)}`, jump, maxPriceJumpPct);
  },
};
