import { productsOf } from '../../domain/instrument.ts';
import { isOnTick } from '../../domain/money.ts';
import { type Check, fail, pass } from '../check.ts';

/** Control 5, the contract: judged again by today's list, which may have changed since the order was accepted. */
export const instrumentRules: Check = {
  name: 'INSTRUMENT_RULES',
  run: ({ order, instrument }) => {
    const { tickSize, lotSize, expiry } = instrument;
    if (expiry !== null && expiry < order.tradingDay) return fail(`${order.symbol} expired on ${expiry}`);
    const products = productsOf(order.exchange);
    if (!products.includes(order.product)) {
      return fail(`${order.exchange} takes ${products.join(', ')}, not ${order.product}`);
    }
    if (order.quantity % lotSize !== 0) {
      return fail(`quantity ${order.quantity} is not whole lots of ${lotSize}`, order.quantity, lotSize);
    }
    for (const [name, price] of [
      ['price', order.price],
      ['triggerPrice', order.triggerPrice],
    ] as const) {
      if (price === null || isOnTick(price, tickSize)) continue;
      return fail(
        `${name} ${price.toFixed()} is not a multiple of the tick ${tickSize.toFixed()}`,
        price,
        tickSize,
      );
    }
    return pass(`tick ${tickSize.toFixed()}, lot ${lotSize} and product ${order.product} fit`);
  },
};
