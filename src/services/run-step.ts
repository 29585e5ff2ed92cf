import { BrokerError } from '../broker/errors.ts';
import { isPassing } from '../db/errors.ts';
import { recordStepFailure } from '../db/stores/step-store.ts';
import { inOrderSpan } from '../lib/order-trace.ts';
import type { Context } from './context.ts';

export interface OrderStep {
  readonly accountId: string;
  readonly orderId: string;
}

/** A step that failed this often is parked and told; a person looks (protocol.md). */
export const MAX_STEP_FAILURES = 10;
const LONGEST_BACKOFF_MS = 60_000;

/** 1, 2, 4 ... 60 seconds. */
export function backoffMs(failures: number): number {
  return Math.min(LONGEST_BACKOFF_MS, 1000 * 2 ** Math.max(0, failures - 1));
}

/**
 * Runs one step of one order. A failure is a row, puts the next try off, and after ten parks the order with an alert;
 * it never takes the worker down. A database that was away is no fault of the order: the next try comes in a second,
 * and is not counted, so that trading goes on as soon as the database does.
 */
export async function runStep(
  context: Context,
  queue: string,
  step: OrderStep,
  run: (context: Context, step: OrderStep) => Promise<void>,
): Promise<void> {
  try {
    await inOrderSpan(queue, step.orderId, () => run(context, step));
  } catch (error) {
    const { accountId, orderId } = step;
    context.log.error({ err: error, queue, accountId, orderId }, 'a step failed');
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const failures = await recordStepFailure(context.db, {
      id: context.newId(),
      ...{ queue, accountId, orderId },
      error: message.replaceAll('\u0000', '').slice(0, 2000),
      counts: error instanceof BrokerError || !isPassing(error),
      backoffMs,
      parkAfter: MAX_STEP_FAILURES,
    });
    if (failures === MAX_STEP_FAILURES) await tellParked(context, step, message);
  }
}

async function tellParked(context: Context, step: OrderStep, error: string): Promise<void> {
  await context.withAccount({
    accountId: step.accountId,
    actor: context.processName,
    needs: { orders: [step.orderId], openAlerts: true },
    run: (view) => {
      const order = view.order(step.orderId);
      if (order === null) return;
      view.raiseAlert({
        id: context.newId(),
        severity: 'CRITICAL',
        type: 'order_parked',
        message: `${order.symbol} (${order.clientOrderId}) stands at ${order.status}: its next step failed ${MAX_STEP_FAILURES} times (${error.slice(0, 300)})`,
        details: { status: order.status },
        orderId: order.id,
        condition: `order:${order.id}:parked`,
      });
    },
  });
}
