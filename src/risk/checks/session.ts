import { istTimeOfDay } from '../../domain/calendar.ts';
import { segmentOf, sessionAt } from '../../domain/session.ts';
import { type Check, fail, pass, skip, warn } from '../check.ts';

/**
 * Control 5, the clock: regular orders while the exchange takes them, after-market orders while it does not, no MIS
 * entry so late that it could not be closed in peace. An exit is only warned: the broker knows its hours best.
 */
export const session: Check = {
  name: 'SESSION',
  run: ({ order, effect, at, session: rules }) => {
    if (rules.hours === 'always') return skip('any hour will do (MARKET_HOURS=always)');
    const refuse = effect.openingQuantity > 0 ? fail : warn;
    const segment = segmentOf(order.exchange);
    const { isOpen, hours } = sessionAt(segment, at, rules.holidays);
    const time = istTimeOfDay(at).slice(0, 5);
    const when = hours === null ? 'does not trade today' : `trades from ${hours.opens} to ${hours.closes}`;
    if (order.variety === 'amo') {
      return isOpen
        ? refuse(
            `${order.exchange} ${when} and it is ${time}: an after-market order is for when it is closed`,
          )
        : pass(`${order.exchange} ${when} and it is ${time}: an after-market order is taken`);
    }
    if (!isOpen) return refuse(`${order.exchange} ${when} and it is ${time}`);
    const last = order.product === 'MIS' ? rules.lastMisEntry[segment] : null;
    if (last !== null && effect.openingQuantity > 0 && time > last) {
      return fail(`it is ${time} and the last MIS entry on ${order.exchange} is at ${last}`);
    }
    return pass(`${order.exchange} ${when} and it is ${time}`);
  },
};
