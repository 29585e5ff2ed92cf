import type { LiveOrder } from '../../domain/live-order.ts';
import type { Order } from '../../domain/order.ts';
import { type Check, ONLY_REDUCES, fail, pass, skip } from '../check.ts';
import type { UnknownScope } from '../limits.ts';

/** Control 9 (SEBI's automated execution check): no new entry while one in its scope may have been executed. */
export const unconfirmedExecution: Check = {
  name: 'UNCONFIRMED_EXECUTION',
  run: ({ order, effect, liveOrders, limits }) => {
    if (effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    const scope = limits.unknownBlocks;
    if (scope === 'none') return skip('no limit is set (UNKNOWN_BLOCKS=none)');
    const unknown = liveOrders.filter((live) => live.status === 'UNKNOWN' && reaches(scope, live, order));
    const of = { symbol: `of ${order.symbol}`, strategy: `of this strategy or ${order.symbol}`, account: '' }[
      scope
    ];
    return unknown.length === 0
      ? pass(`no order ${of === '' ? 'of the account' : of} has an unknown outcome`, 0, 0)
      : fail(
          `the outcome of ${unknown.length} ${unknown.length === 1 ? 'order' : 'orders'} ${of === '' ? 'of the account' : of} is unknown: entries wait until it is known`,
          unknown.length,
          0,
        );
  },
};

function reaches(scope: Exclude<UnknownScope, 'none'>, live: LiveOrder, order: Order): boolean {
  switch (scope) {
    case 'account':
      return true;
    case 'strategy':
      return live.strategyId === order.strategyId || live.instrumentId === order.instrumentId;
    case 'symbol':
      return live.instrumentId === order.instrumentId;
  }
}
