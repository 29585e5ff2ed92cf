import type { FinishedOrder, LiveOrder } from '../../domain/live-order.ts';
import type { Order } from '../../domain/order.ts';
import { isFinal } from '../../domain/order-status.ts';
import { type Check, ONLY_REDUCES, fail, pass, skip } from '../check.ts';

/**
 * Control 11: an order of the same instrument, side, quantity, prices and strategy so shortly before, or accepted
 * after it but let through first, is the same order sent twice. One that ended without a fill is none: nothing came
 * of it. One placed elsewhere has no strategy, and its price is perhaps only the market's: by the same quantity it may
 * be the same order given by hand (controls.md F.1.c). The override is the window itself: an operator shortens it for a
 * strategy, with a reason and an expiry.
 */
export const duplicateOrder: Check = {
  name: 'DUPLICATE_ORDER',
  run: ({ order, effect, limits, liveOrders, finishedOrders }) => {
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    const window = limits.duplicateWindowMs;
    if (window === 0) return skip('no window is set');
    const twins = [
      ...liveOrders.filter((live) => isSame(live, order)),
      ...finishedOrders.filter((done) => cameToSomething(done) && isSame(done, order)),
    ];
    const apartOf = (twin: { readonly createdAt: Date }) =>
      Math.abs(order.createdAt.getTime() - twin.createdAt.getTime());
    const nearest = Math.min(Infinity, ...twins.map(apartOf));
    const twin = twins.find((one) => apartOf(one) === nearest);
    const byHand = twin !== undefined && isOutside(twin) ? 'outside the OMS ' : '';
    return nearest < window
      ? fail(
          `the same order of ${order.quantity} ${order.symbol} was placed ${byHand}${nearest} ms apart, inside the window of ${window} ms`,
          nearest,
          window,
        )
      : pass(`no such order within ${window} ms`, null, window);
  },
};

/** Filled in part at least, or an outside order that still may be. */
function cameToSomething({ status, filledQuantity }: FinishedOrder): boolean {
  return filledQuantity > 0 || !isFinal(status);
}

function isSame(other: LiveOrder | FinishedOrder, order: Order): boolean {
  const isMeant =
    other.instrumentId === order.instrumentId &&
    other.side === order.side &&
    other.quantity === order.quantity;
  if (!isMeant) return false;
  if (isOutside(other)) return mayBeSamePrice(other.price, order.price);
  return (
    other.strategyId === order.strategyId &&
    samePrice(other.price, order.price) &&
    samePrice(other.triggerPrice, order.triggerPrice)
  );
}

function isOutside(other: LiveOrder | FinishedOrder): boolean {
  return 'cause' in other && other.cause === 'EXTERNAL';
}

/** One of them takes the market's price, whatever that is. */
function mayBeSamePrice(a: Order['price'], b: Order['price']): boolean {
  return a === null || b === null || a.eq(b);
}

function samePrice(a: Order['price'], b: Order['price']): boolean {
  return a === null || b === null ? a === b : a.eq(b);
}
