import type { OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { Order } from '../domain/order.ts';
import { FAST_PATH_GRACE_MS } from '../domain/order-events.ts';
import { isFinal } from '../domain/order-status.ts';
import { present } from '../lib/assert.ts';
import { outcomeAtEnd } from '../reconciliation/commands.ts';
import { orderJobId } from '../queues/names.ts';
import type { Context } from './context.ts';
import { endCommand } from './end-command.ts';

export interface CommandRequest {
  /** Who asks: written into the row and the journal. */
  readonly requestedBy: string;
  /** Why, for a person; null when nobody said. */
  readonly reason: string | null;
  readonly idempotencyKey?: string | null;
}

/**
 * Asks for the end of an order, inside an account transaction; the caller runs `enqueueCommand` on what it returns
 * once that has committed. An order that no broker knows (PENDING, VALIDATED) is CANCELLED here and now. One that may
 * be at the broker gets a durable command, which waits for its broker id, or for the end of UNKNOWN, as long as it
 * takes. A cancel takes the place of a modify that waits; cancelling twice is cancelling once: the first command is
 * returned. Null: the order is finished, there is nothing to cancel.
 * Needs: `orders` and `commandsOf` with the order's id (what is missing is read by a second run of the work).
 */
export function stageCancel(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  order: Order,
  request: CommandRequest,
): OrderCommandRow | null {
  if (isFinal(order.status)) return null;
  const open = view.openCommands(order.id);
  const cancel = open.find((command) => command.kind === 'CANCEL');
  if (cancel !== undefined) return cancel;
  for (const waiting of open.filter((command) => command.state === 'WAITING')) {
    endCommand(view, waiting, 'REPLACED', `a cancel by ${request.requestedBy} took its place`);
  }
  const command = insertCommand(context, view, order, { ...request, kind: 'CANCEL', terms: null });
  return isUnsent(order) ? cancelUnsent(view, order, command) : command;
}

/** True when no broker knows the order: commands need no call. */
export function isUnsent(order: Pick<Order, 'status'>): boolean {
  return order.status === 'PENDING' || order.status === 'VALIDATED';
}

function cancelUnsent(view: AccountView, order: Order, command: OrderCommandRow): OrderCommandRow {
  const reason = command.reason ?? `cancelled by ${command.requestedBy} before it was sent`;
  view.apply(order, { kind: 'OrderCancelled', by: command.requestedBy, reason });
  return endCommand(view, command, 'ACCEPTED', command.reason);
}

/** Writes a WAITING command and its journal entry. */
export function insertCommand(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  order: Order,
  command: CommandRequest & Pick<OrderCommandRow, 'kind' | 'terms'>,
): OrderCommandRow {
  const { kind, terms, requestedBy, reason, idempotencyKey = null } = command;
  const row: OrderCommandRow = {
    accountId: order.accountId,
    id: context.newId(),
    orderId: order.id,
    ...{ kind, idempotencyKey, terms, reason, requestedBy },
    state: 'WAITING',
    outcome: null,
    requestedAt: view.now,
    sends: 0,
    claimId: null,
    sentAt: null,
    notBefore: null,
    sendBy: null,
    answer: null,
    answeredAt: null,
    bookBefore: null,
    cleanReads: 0,
    finishedAt: null,
    nextStepAt: lookAt(view, FAST_PATH_GRACE_MS),
    stepFailures: 0,
    parkedAt: null,
  };
  return view.putCommand(row, {
    kind: 'CommandRequested',
    data: { command: kind, terms, requestedBy, reason, idempotencyKey },
  });
}

/** An instant from now, by the clock that the dispatcher looks at. */
export function lookAt(view: AccountView, inMs: number): Date {
  return new Date(view.real.realNow.getTime() + inMs);
}

/**
 * Tells the waiting command of an order, if there is one, that what it waited for has come; the caller runs
 * `enqueueCommand` on it after the commit. Needs: `commandsOf` with the order's id.
 */
export function wakeCommand(view: AccountView, orderId: string): OrderCommandRow | null {
  const [next] = view.openCommands(orderId);
  if (next?.state !== 'WAITING') return null;
  return view.putCommand({ ...next, nextStepAt: lookAt(view, 0) }, null);
}

/**
 * What waits at an order that no broker knows, done at once: a cancel ends it, a modify changes it, to be checked
 * again. For a finished order it is too late. Needs: `commandsOf` with the order's id.
 */
export function settleUnsent(view: AccountView, order: Order): Order {
  let now = order;
  for (const command of view.openCommands(order.id)) {
    if (isFinal(now.status)) {
      const { outcome, reason } = outcomeAtEnd(command, now);
      endCommand(view, command, outcome, reason);
    } else if (command.kind === 'CANCEL') {
      cancelUnsent(view, now, command);
      now = present(view.order(order.id), `order ${order.id}`);
    } else {
      now = modifyUnsent(view, now, command);
    }
  }
  return now;
}

/** Changes an order that no broker knows; its checks run again. */
export function modifyUnsent(view: AccountView, order: Order, command: OrderCommandRow): Order {
  const terms = present(command.terms, `terms of command ${command.id}`);
  const changed = view.apply(order, { kind: 'OrderModified', commandId: command.id, terms, figures: null });
  endCommand(view, command, 'ACCEPTED', null);
  return changed;
}

/** The fast path after the commit: tells the queue to look. A queue that does not answer loses nothing. */
export async function enqueueCommand(
  context: Pick<Context, 'queues'>,
  command: Pick<OrderCommandRow, 'accountId' | 'id' | 'orderId' | 'sends' | 'state'> | null,
): Promise<void> {
  if (command?.state !== 'WAITING') return;
  await context.queues.enqueue('command', orderJobId(command.id, command.sends), {
    accountId: command.accountId,
    orderId: command.orderId,
  });
}
