import { isOption } from '../../domain/instrument.ts';
import { type Decimal, decimal } from '../../domain/money.ts';
import { type Check, type CheckInput, fail, pass, percent, skip, warn } from '../check.ts';

/** Options: the exchange's limit price protection, 40% above 50 rupees, 20 rupees at or below (controls.md section 2). */
const LPP_SHARE = decimal('0.4');
const LPP_RUPEES = decimal('20');
const LPP_FROM = decimal('50');

/** The reference against the fresh last price, and every price against the circuit limits where they are known. */
export const priceSanity: Check = {
  name: 'PRICE_SANITY',
  run: (input) => {
    const { order, instrument, price, reference, limits, effect } = input;
    const outside = outsideCircuit(input);
    if (outside !== null) return outside;
    if (price?.fresh !== true || reference === null) {
      // Without a price entries wait; an exit must not (trading.md section 1: stale prices block entries).
      return order.orderType === 'MARKET' && effect.openingQuantity > 0
        ? fail('no fresh price: a MARKET order can not be judged')
        : skip('no fresh price to compare with');
    }
    // An exit is never held back by a price that ran away: in a crash that is when it is needed.
    const tooFar = effect.openingQuantity > 0 ? fail : warn;
    const distance = reference.minus(price.last).abs();
    if (isOption(instrument.instrumentType)) {
      const band = price.last.gt(LPP_FROM) ? price.last.times(LPP_SHARE) : LPP_RUPEES;
      return distance.lte(band)
        ? pass(
            `${reference.toFixed(2)} is within ${band.toFixed(2)} of ${price.last.toFixed(2)}`,
            distance,
            band,
          )
        : tooFar(
            `${reference.toFixed(2)} is ${distance.toFixed(2)} from ${price.last.toFixed(2)}, over ${band.toFixed(2)}`,
            distance,
            band,
          );
    }
    if (limits.maxPriceDeviationPct.isZero()) return skip('no limit is set');
    const share = distance.div(price.last);
    const limit = limits.maxPriceDeviationPct;
    return share.lte(limit)
      ? pass(`${reference.toFixed(2)} is ${percent(share)} from ${price.last.toFixed(2)}`, share, limit)
      : tooFar(
          `${reference.toFixed(2)} is ${percent(share)} from ${price.last.toFixed(2)}, over ${percent(limit)}`,
          share,
          limit,
        );
  },
};

function outsideCircuit({ order, price }: CheckInput): ReturnType<Check['run']> | null {
  if (price?.fresh !== true) return null;
  const named: readonly (readonly [string, Decimal | null])[] = [
    ['price', order.price],
    ['triggerPrice', order.triggerPrice],
  ];
  for (const [name, value] of named) {
    if (value === null) continue;
    if (price.lowerCircuit !== null && value.lt(price.lowerCircuit)) {
      return fail(
        `${name} ${value.toFixed(2)} is under the lower circuit ${price.lowerCircuit.toFixed(2)}`,
        value,
        price.lowerCircuit,
      );
    }
    if (price.upperCircuit !== null && value.gt(price.upperCircuit)) {
      return fail(
        `${name} ${value.toFixed(2)} is over the upper circuit ${price.upperCircuit.toFixed(2)}`,
        value,
        price.upperCircuit,
      );
    }
  }
  return null;
}
