import type { PlacementOutcome } from '../broker/port.ts';
import type { OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { isMutant } from '../lib/mutant.ts';
import { isRefusedWrite } from '../db/errors.ts';
import type { AttemptOutcome } from '../db/schema/orders.ts';
import { type Order } from '../domain/order.ts';
import { isFinal, targetOf } from '../domain/order-status.ts';
import { cameBackBehindHalt } from './behind-halt.ts';
import { absorbOrder } from './absorb-order.ts';
import { clearDoubt } from './poll-alerts.ts';
import type { Context } from './context.ts';
import { rejectOrder } from './reject-order.ts';
import { enqueueCommand, isUnsent, settleUnsent, wakeCommand } from './stage-command.ts';

export interface Placement {
  readonly accountId: string;
  readonly orderId: string;
  readonly attempt: number;
  readonly outcome: PlacementOutcome;
}

/** Pause before a placement that certainly did not happen is tried again, milliseconds (protocol.md). */
const PAUSE_MS = 10_000;
/** The first read that succeeds ends this pause (resume-after-login.ts). */
const LOGIN_PAUSE_MS = 30_000;

/**
 * Records the broker's answer to one attempt. Once a broker order with the attempt's tag is known, no answer can end
 * the attempt otherwise; what contradicts it is told. Returns the order, or null when it is gone.
 */
export async function recordPlacement(context: Context, placement: Placement): Promise<Order | null> {
  try {
    return await record(context, placement, false);
  } catch (error) {
    // A poll followed the broker's order as an outside one before its answer was here.
    const isTaken = isRefusedWrite(error) && error.constraint === 'broker_order_id_is_unique_in_a_day';
    if (!isTaken) throw error;
    return record(context, placement, true);
  }
}

async function record(context: Context, placement: Placement, isTaken: boolean): Promise<Order | null> {
  const { accountId, orderId, outcome } = placement;
  const brokerOrderIds = isTaken && outcome.kind === 'PLACED' ? [outcome.brokerOrderId] : [];
  const { order, woken } = await context.withAccount({
    accountId,
    actor: context.processName,
    needs: {
      orders: [orderId],
      commandsOf: [orderId],
      strategies: true,
      ...(brokerOrderIds.length === 0 ? {} : { brokerOrderIds }),
    },
    run: (view) => {
      const before = view.order(orderId);
      if (before === null) return { order: null, woken: null };
      for (const id of brokerOrderIds) releaseFromOutside(context, view, before, id);
      const after = applyOutcome(context, view, before, placement);
      if (before.status === 'UNKNOWN' && after.status !== 'UNKNOWN') {
        clearDoubt(view, orderId);
      }
      return letCommandsOn(view, after);
    },
  });
  await enqueueCommand(context, woken);
  return order;
}

/** The broker's own answer says whose order it is, although the book did not show our tag. */
function releaseFromOutside(context: Context, view: AccountView, order: Order, brokerOrderId: string): void {
  for (const outside of view.ordersByBrokerId(brokerOrderId)) {
    const isOfDay = order.variety === 'amo' || outside.tradingDay === order.tradingDay;
    if (outside.cause !== 'EXTERNAL' || !isOfDay) continue;
    const reason = `the broker answered that it is order ${order.clientOrderId}`;
    absorbOrder(view, outside, order, { newId: context.newId, reason });
  }
}

/** A cancel or modify that waited for this answer goes on with it. */
function letCommandsOn(
  view: AccountView,
  order: Order,
): { readonly order: Order; readonly woken: OrderCommandRow | null } {
  if (isUnsent(order) || isFinal(order.status)) return { order: settleUnsent(view, order), woken: null };
  return { order, woken: order.brokerOrderId === null ? null : wakeCommand(view, order.id) };
}

function applyOutcome(context: Context, view: AccountView, order: Order, placement: Placement): Order {
  const { outcome, attempt } = placement;
  if (outcome.kind === 'PLACED') return applyPlaced(context, view, order, attempt, outcome.brokerOrderId);
  const reason = `${outcome.reason}: ${outcome.message}`;
  if (order.brokerOrderId !== null) {
    if (outcome.kind === 'NOT_PLACED') contradiction(context, view, order, `the broker answered "${reason}"`);
    return order;
  }
  // Another attempt is in charge, or the order ended: this answer decides nothing any more.
  if (order.attempt !== attempt) return order;
  if (order.status !== 'SUBMITTING' && order.status !== 'UNKNOWN') return order;
  if (outcome.kind === 'UNKNOWN' && !isMutant('resend')) {
    if (order.status === 'UNKNOWN') return order;
    noteAttempt(view, order, 'UNKNOWN', reason, null);
    return view.apply(order, { kind: 'SubmissionUnknown', attempt, reason });
  }
  noteAttempt(view, order, 'NOT_PLACED', reason, null);
  const retry = outcome.kind === 'UNKNOWN' ? 'now' : outcome.retry;
  if (retry === 'never') {
    return rejectOrder(view, order, { by: 'BROKER', failedCheck: null, reason: outcome.message });
  }
  if (retry === 'afterLogin') sessionExpired(context, view, reason);
  if (cameBackBehindHalt(view, order)) {
    const why = `trading was halted while the order was on its way, and it was not taken (${reason})`;
    return rejectOrder(view, order, { by: 'OMS', failedCheck: 'CIRCUIT_BREAKER', reason: why });
  }
  return view.apply(order, {
    kind: 'SubmissionReleased',
    attempt,
    reason,
    retryAt: new Date(view.real.realNow.getTime() + pauseOf(retry)).toISOString(),
  });
}

function pauseOf(retry: 'now' | 'afterPause' | 'afterLogin'): number {
  switch (retry) {
    case 'now':
      return 0;
    case 'afterPause':
      return PAUSE_MS;
    case 'afterLogin':
      return LOGIN_PAUSE_MS;
  }
}

function applyPlaced(
  context: Context,
  view: AccountView,
  order: Order,
  attempt: number,
  brokerOrderId: string,
): Order {
  if (order.brokerOrderId === brokerOrderId) return order;
  if (order.brokerOrderId !== null || targetOf(order.status, 'OrderSubmitted') === null) {
    contradiction(context, view, order, `the broker answered with a second order ${brokerOrderId}`);
    return order;
  }
  noteAttempt(view, order, 'PLACED', null, brokerOrderId);
  return view.apply(order, { kind: 'OrderSubmitted', attempt, brokerOrderId, via: 'ANSWER' });
}

/** Stores how the order's newest attempt ended. */
export function noteAttempt(
  view: AccountView,
  order: Order,
  outcome: AttemptOutcome,
  reason: string | null,
  brokerOrderId: string | null,
): void {
  const attempt = order.attemptTag === null ? null : view.attemptByTag(order.attemptTag);
  if (attempt === null) return;
  view.putAttempt({ ...attempt, outcome, outcomeReason: reason, outcomeAt: view.now, brokerOrderId });
}

function contradiction(context: Context, view: AccountView, order: Order, what: string): void {
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'broker_contradiction',
    message: `order ${order.clientOrderId} is broker order ${order.brokerOrderId ?? 'none'} in ${order.status}, but ${what}`,
    details: { orderId: order.id, status: order.status, brokerOrderId: order.brokerOrderId },
    orderId: order.id,
    condition: `contradiction:${order.id}`,
  });
}

export function sessionExpired(context: Context, view: AccountView, reason: string): void {
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'broker_session_expired',
    message: `the broker session is dead (${reason}): orders wait for a login, and nothing is followed until then; /login in the chat shows the broker's page`,
    details: {},
    orderId: null,
    condition: 'broker_session_expired',
  });
}
