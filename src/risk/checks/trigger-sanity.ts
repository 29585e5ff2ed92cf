import { type Instrument, isIndexContract, isOption } from '../../domain/instrument.ts';
import { type Decimal, decimal } from '../../domain/money.ts';
import { type Check, fail, pass, percent, skip, warn } from '../check.ts';

/** Limit price protection (controls.md section 2): options 40% over 50 rupees and 20 rupees up to it, futures 3%, of an index 2%. */
const OPTION_SHARE = decimal('0.4');
const OPTION_RUPEES = decimal(20);
const OPTION_FROM = decimal(50);
const FUTURE_SHARE = decimal('0.03');
const INDEX_FUTURE_SHARE = decimal('0.02');

/**
 * Control 4: a stop must be on the side of the last price that it waits for, and its limit inside the band that the
 * exchange will apply when it triggers, or it rests all day and is refused when it is needed. Exits are only warned.
 */
export const triggerSanity: Check = {
  name: 'TRIGGER_SANITY',
  run: ({ order, instrument, price, effect }) => {
    const trigger = order.triggerPrice;
    if (trigger === null) return skip('the order has no trigger');
    const refuse = effect.openingQuantity > 0 ? fail : warn;
    const band = bandAt(instrument, trigger);
    const distance = order.price === null ? null : order.price.minus(trigger).abs();
    if (band !== null && distance?.gt(band) === true) {
      return refuse(
        `once triggered at ${trigger.toFixed(2)} the limit is ${distance.toFixed(2)} away, outside the exchange's ${band.toFixed(2)}`,
        distance,
        band,
      );
    }
    if (price?.fresh !== true) return skip('no fresh price to compare the trigger with');
    const waits = order.side === 'BUY' ? trigger.gt(price.last) : trigger.lt(price.last);
    const side = order.side === 'BUY' ? 'over' : 'under';
    const away = trigger.minus(price.last).abs().div(price.last);
    return waits
      ? pass(
          `trigger ${trigger.toFixed(2)} is ${percent(away)} ${side} ${price.last.toFixed(2)}`,
          trigger,
          price.last,
        )
      : refuse(
          `the trigger of a ${order.side} must be ${side} the last price ${price.last.toFixed(2)}, but is ${trigger.toFixed(2)}`,
          trigger,
          price.last,
        );
  },
};

/** Rupees that a limit may be from the price at which it comes to the market; null where no such band is known. */
function bandAt(instrument: Instrument, trigger: Decimal): Decimal | null {
  const { instrumentType } = instrument;
  if (isOption(instrumentType)) return trigger.gt(OPTION_FROM) ? trigger.times(OPTION_SHARE) : OPTION_RUPEES;
  if (instrumentType !== 'FUT') return null;
  return trigger.times(isIndexContract(instrument) ? INDEX_FUTURE_SHARE : FUTURE_SHARE);
}
