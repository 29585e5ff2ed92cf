import type { OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { Order } from '../domain/order.ts';
import { isAmoWaiting, meaningOfBrokerStatus } from '../domain/order-status.ts';
import { dailyLoss } from '../risk/checks/daily-loss.ts';
import { effectOf } from '../risk/effect.ts';
import type { ReadRow } from './adopt-order.ts';
import { checkModify } from './check-modify.ts';
import type { Context } from './context.ts';
import { tellReleaseFails } from './poll-alerts.ts';
import { stageCancel } from './stage-command.ts';

/** True when this read is the first that shows an after-market order of ours at the exchange, and still live there. */
export function isReleasedBy(
  { variety, cause, brokerStatus, lastReadAt }: Order,
  { row, readAt }: ReadRow,
): boolean {
  if (variety !== 'amo' || cause === 'EXTERNAL' || !isAmoWaiting(brokerStatus)) return false;
  if (isAmoWaiting(row.status) || (lastReadAt !== null && readAt < lastReadAt)) return false;
  const meaning = meaningOfBrokerStatus(row.status);
  return meaning === 'LIVE' || meaning === 'RESTING';
}

/**
 * An after-market order is checked again when it is released (trading.md section 2): the night may have changed what it
 * was judged by. What is left of it is judged like a regular order of this moment. An entry that fails is cancelled, an
 * exit stays, and both are told. Returns the cancel, for `enqueueCommand` after the commit.
 */
export function checkRelease(context: Context, view: AccountView, order: Order): OrderCommandRow | null {
  const regular: Order = { ...order, variety: 'regular' };
  const verdict = checkModify(context, view, {
    ...{ order: regular, terms: {}, requestedBy: null, prepared: true },
  });
  if (verdict.kind === 'UNPREPARED') throw new Error(`instrument ${order.instrumentId} is not loaded`);
  view.putChecks(order.id, order.version, verdict.results);
  // Who polls the book reads no prices of what is held: that the day's loss can not be told is no failure here.
  const failed = verdict.results.find(
    ({ check, verdict: said, value }) => said === 'FAIL' && !(check === dailyLoss.name && value === null),
  );
  if (failed === undefined) return null;
  const leaves = { ...order, quantity: order.quantity - order.filledQuantity };
  const others = view.liveOrders().filter(({ id }) => id !== order.id);
  const opens = effectOf(leaves, view.openPositions(), others).openingQuantity > 0;
  tellReleaseFails(context, view, order, { failed: `${failed.check}: ${failed.message}`, opens });
  if (!opens) return null;
  const reason = `a check failed when it was released (${failed.check}: ${failed.message})`;
  return stageCancel(context, view, order, { requestedBy: 'oms', reason });
}
