import type { Decimal } from '../../domain/money.ts';
import type { LiveOrder } from '../../domain/live-order.ts';
import { sideSign } from '../../domain/order.ts';
import { type Check, type CheckInput, fail, pass, skip, warn } from '../check.ts';

/** How an order comes to the market: up to `price`, null without a bound, once `triggerPrice` is reached. */
type Terms = Pick<LiveOrder, 'side' | 'orderType' | 'price' | 'triggerPrice'>;

/**
 * Control 15: an order that would trade with one of our own, resting or waiting as a stop. The exchange matches by
 * PAN and cancels one of the two without a word, and that may be the stop (controls.md section 2). Exits are warned.
 */
export const selfMatch: Check = {
  name: 'SELF_MATCH',
  run: (input) => {
    const { order, effect, liveOrders, limits } = input;
    if (!limits.refuseSelfMatch) return skip('not looked for (REFUSE_SELF_MATCH=no)');
    const { side, orderType, triggerPrice } = order;
    const terms: Terms = { side, orderType, triggerPrice, price: order.price ?? protectedPrice(input) };
    const own = liveOrders.find(
      (live) => live.instrumentId === order.instrumentId && live.side !== side && wouldMatch(terms, live),
    );
    if (own === undefined) return pass('no order of ours on the other side would trade with it');
    const at = own.price ?? own.triggerPrice;
    const refuse = effect.openingQuantity > 0 ? fail : warn;
    return refuse(
      `would trade with our own ${own.side} ${own.quantity} ${order.symbol} ${own.orderType}${at === null ? '' : ` at ${at.toFixed(2)}`}`,
      terms.price,
      at,
    );
  },
};

/** The worst price at which market protection lets a MARKET or SL-M order trade. */
function protectedPrice({ order, instrument, reference, valuePerUnit }: CheckInput): Decimal | null {
  if (reference === null || valuePerUnit === null) return null;
  const away = valuePerUnit.div(instrument.multiplier ?? 1).minus(reference);
  return reference.plus(away.times(sideSign(order.side)));
}

/** Whether the two can meet: one rests, and the other comes to it, now or when its stop is triggered. */
function wouldMatch(order: Terms, own: Terms): boolean {
  if (own.triggerPrice !== null) return order.orderType === 'LIMIT' && stopMeets(own, order);
  // A MARKET order of ours in flight rests nowhere.
  if (own.price === null) return false;
  return order.triggerPrice === null ? reaches(order, own.price) : stopMeets(order, own);
}

/** `resting`: where the other side waits. */
function reaches({ side, price }: Terms, resting: Decimal): boolean {
  return price === null || price.minus(resting).times(sideSign(side)).gte(0);
}

/**
 * A stop comes to the market at its trigger. Of the other side that still rests there what the price did not pass on
 * its way; a limit on the near side of the trigger was filled before.
 */
function stopMeets(stop: Terms, resting: Terms): boolean {
  if (stop.triggerPrice === null || resting.price === null) return false;
  const passed = resting.price.minus(stop.triggerPrice).times(sideSign(stop.side)).lt(0);
  return !passed && reaches(stop, resting.price);
}
