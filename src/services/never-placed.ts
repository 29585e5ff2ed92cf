import type { AccountView } from '../db/account-view.ts';
import type { Order } from '../domain/order.ts';
import { clearDoubt } from './poll-alerts.ts';
import { noteAttempt } from './record-placement.ts';
import { rejectOrder } from './reject-order.ts';
import { settleUnsent } from './stage-command.ts';

/**
 * Ends an order in doubt as one that the broker never took: REJECTED by the OMS, with who decided. Its margin is free
 * at once; a twin that turns up later is adopted all the same, and told. Needs: the order, its commands, openAlerts.
 */
export function endAsNeverPlaced(
  view: AccountView,
  order: Order,
  { actor, reason }: { readonly actor: string; readonly reason: string },
): Order {
  const why = `never placed, decided by ${actor}: ${reason}`;
  noteAttempt(view, order, 'NEVER_PLACED', why, null);
  const rejected = rejectOrder(view, order, { by: 'OMS', failedCheck: null, reason: why });
  clearDoubt(view, order.id);
  return settleUnsent(view, rejected);
}
