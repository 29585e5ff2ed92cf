import type { OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { Order } from '../domain/order.ts';
import { failpoint } from '../lib/failpoint.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { Context } from './context.ts';
import { endCommand } from './end-command.ts';
import { type CommandRequest, enqueueCommand, insertCommand, stageCancel } from './stage-command.ts';

export interface CancelOrderInput {
  readonly accountId: string;
  readonly orderId: string;
  readonly actor: string;
  /** The strategy the caller is bound to: orders of others are not there for it. Null: bound to none. */
  readonly strategyId: string | null;
  readonly reason: string | null;
  readonly idempotencyKey: string | null;
}

export type CommandRefusal =
  | { readonly code: 'NOT_FOUND' }
  | {
      readonly code: 'ORDER_FINISHED';
      readonly order: Order;
      /** The live guard that has the term now which was to be changed; null or left out: there is none. */
      readonly guard?: Order | null;
    }
  | { readonly code: 'IDEMPOTENCY_CONFLICT' };

/** The order after the request, and the command that carries it. */
export interface StagedCommand {
  readonly order: Order;
  readonly command: OrderCommandRow;
}

function openCancel(view: AccountView, orderId: string): OrderCommandRow | null {
  return view.openCommands(orderId).find(({ kind }) => kind === 'CANCEL') ?? null;
}

/** Keeps the key of a cancel that joins another one, so that its repetition is known also after the order's end. */
function join(
  context: Context,
  view: AccountView,
  order: Order,
  request: CommandRequest,
  other: OrderCommandRow,
): void {
  const row = insertCommand(context, view, order, { ...request, kind: 'CANCEL', terms: null });
  endCommand(view, row, 'REPLACED', `cancel ${other.id} was on its way already`);
}

/**
 * Asks for the end of an order; goes before other work of the account. Cancelling twice is cancelling once: the
 * command in hand is returned. Round trips: lock, read, write.
 */
export async function cancelOrder(
  context: Context,
  { accountId, orderId, actor, strategyId, reason, idempotencyKey }: CancelOrderInput,
): Promise<Result<StagedCommand, CommandRefusal>> {
  await failpoint('cancel.beforeCommit');
  const result = await context.withAccount({
    accountId,
    actor,
    urgent: true,
    needs: {
      orders: [orderId],
      commandsOf: [orderId],
      ...(idempotencyKey === null ? {} : { commandKeys: [idempotencyKey] }),
    },
    run: (view): Result<StagedCommand, CommandRefusal> => {
      const order = view.order(orderId);
      if (order === null || (strategyId !== null && order.strategyId !== strategyId)) {
        return err({ code: 'NOT_FOUND' });
      }
      const before = idempotencyKey === null ? null : view.commandByKey(idempotencyKey);
      if (before !== null) {
        if (before.orderId !== orderId || before.kind !== 'CANCEL')
          return err({ code: 'IDEMPOTENCY_CONFLICT' });
        return ok({ order, command: openCancel(view, orderId) ?? before });
      }
      const command = stageCancel(context, view, order, { requestedBy: actor, reason, idempotencyKey });
      if (command === null) return err({ code: 'ORDER_FINISHED', order });
      if (command.idempotencyKey !== idempotencyKey && idempotencyKey !== null) {
        join(context, view, order, { requestedBy: actor, reason, idempotencyKey }, command);
      }
      return ok({ order: view.order(orderId) ?? order, command });
    },
  });
  await failpoint('cancel.afterCommit');
  if (result.ok) await enqueueCommand(context, result.value.command);
  return result;
}
