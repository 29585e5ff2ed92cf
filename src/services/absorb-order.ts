import type { AccountView } from '../db/account-view.ts';
import type { Order } from '../domain/order.ts';
import { correctTrade } from './correct-trade.ts';

/**
 * Lets go of a broker order that was followed as an outside one and is another order's own: its trades are taken back
 * from the outside row, which ends empty, for the other order to record them as its own. Needs: `tradesOf` the row.
 */
export function absorbOrder(
  view: AccountView,
  outside: Order,
  into: Order,
  of: { readonly newId: () => string; readonly reason: string },
): Order {
  let order = outside;
  for (const row of view.tradesOf(outside.id)) {
    if (row.annulledAt !== null) continue;
    order = correctTrade(view, order, row, { to: null, reason: of.reason }, { instrument: null, ...of });
  }
  return view.apply(order, { kind: 'OrderAbsorbed', intoOrderId: into.id, reason: of.reason });
}
