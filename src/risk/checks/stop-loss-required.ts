import { isOnTick } from '../../domain/money.ts';
import { type Check, ONLY_REDUCES, fail, pass, skip, warn } from '../check.ts';

/** Opening parts carry a stop: on the losing side by a tick at least, on the tick, inside the circuit. */
export const stopLossRequired: Check = {
  name: 'STOP_LOSS_REQUIRED',
  run: ({ order, instrument, effect, reference, price }) => {
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    const stop = order.stopLoss;
    if (stop === null) return fail('an entry needs a stopLoss');
    if (!isOnTick(stop, instrument.tickSize)) {
      return fail(
        `stopLoss ${stop.toFixed()} is not a multiple of the tick ${instrument.tickSize.toFixed()}`,
        stop,
      );
    }
    if (reference === null) return fail('without a reference price the side of the stop is not known', stop);
    const distance = order.side === 'BUY' ? reference.minus(stop) : stop.minus(reference);
    if (distance.lt(instrument.tickSize)) {
      const side = order.side === 'BUY' ? 'below' : 'above';
      return fail(
        `the stop of a ${order.side} must be ${side} ${reference.toFixed(2)}, but is ${stop.toFixed(2)}`,
        stop,
        reference,
      );
    }
    if (price?.lowerCircuit != null && stop.lt(price.lowerCircuit)) {
      return fail(
        `stopLoss ${stop.toFixed(2)} is under the lower circuit ${price.lowerCircuit.toFixed(2)}`,
        stop,
        price.lowerCircuit,
      );
    }
    if (price?.upperCircuit != null && stop.gt(price.upperCircuit)) {
      return fail(
        `stopLoss ${stop.toFixed(2)} is over the upper circuit ${price.upperCircuit.toFixed(2)}`,
        stop,
        price.upperCircuit,
      );
    }
    if (order.protection === 'oms') {
      return warn(
        `stop ${stop.toFixed(2)}, watched by this system alone (policy oms): weaker than an order at the exchange`,
        stop,
        reference,
      );
    }
    return pass(
      `stop ${stop.toFixed(2)}, ${distance.toFixed(2)} from ${reference.toFixed(2)}`,
      stop,
      reference,
    );
  },
};
