import type { OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { Order } from '../domain/order.ts';
import { meaningOfBrokerStatus } from '../domain/order-status.ts';
import { dailyLoss } from '../risk/checks/daily-loss.ts';
import { effectOf } from '../risk/effect.ts';
import type { ReadRow } from './adopt-order.ts';
import { checkModify } from './check-modify.ts';
import type { Context } from './context.ts';
import { tellReleaseFails } from './poll-alerts.ts';
import { stageCancel } from './stage-command.ts';

/**
 * True when this read is the first that shows an after-market order of ours at work at the exchange, whether or not one
 * showed it waiting before: it may be sent and released between two reads, or be found by its tag only then.
 */
export function isReleasedBy(
  { variety, cause, status, lastReadAt }: Pick<Order, 'variety' | 'cause' | 'status' | 'lastReadAt'>,
  { row, readAt }: { readonly row: Pick<ReadRow['row'], 'status'>; readonly readAt: Date },
): boolean {
  if (variety !== 'amo' || cause === 'EXTERNAL' || status !== 'SUBMITTED') return false;
  if (lastReadAt !== null && readAt < lastReadAt) return false;
  return meaningOfBrokerStatus(row.status) === 'RESTING';
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
