import type { OperationRow, OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { canonicalJson } from '../domain/journal.ts';
import type { Leftover, OperationDetails } from '../domain/operation.ts';
import type { Order } from '../domain/order.ts';
import type { Context } from './context.ts';
import { lookAt } from './stage-command.ts';

/** The lease of whoever looks: an operation that nobody looked at for this long is taken up by another process. */
export const LOOK_LEASE_MS = 3000;

/** What a look did, beside the operation's own row. */
export interface Did {
  readonly commands: readonly OrderCommandRow[];
  readonly placed: readonly Order[];
}

export interface Look extends Did {
  readonly operation: OperationRow;
}

/** The operation goes on; its row is written only when it changed. With `tell`, a person learns what stands in its way. */
export function keepOperation(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  operation: OperationRow,
  details: OperationDetails,
  did: Did & { readonly tell?: boolean },
): Look {
  if (did.tell === true) tellLeft(context, view, operation, details.left);
  if (canonicalJson(details) === canonicalJson(operation.details)) return { operation, ...did };
  const row = { ...operation, details, nextStepAt: lookAt(view, LOOK_LEASE_MS), stepFailures: 0 };
  const newExits = details.orders.length > operation.details.orders.length;
  view.putOperation(row, newExits ? 'OperationWentOn' : null);
  return { operation: row, ...did };
}

/** The end of an operation: FAILED when something is left, which a person is told; else DONE. */
export function endOperation(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  operation: OperationRow,
  details: OperationDetails,
  did: Did,
): Look {
  const failed = details.left.length > 0;
  if (failed) tellLeft(context, view, operation, details.left);
  else view.clearAlert(conditionOf(operation));
  const row: OperationRow = {
    ...operation,
    details,
    state: failed ? 'FAILED' : 'DONE',
    finishedAt: view.now,
    nextStepAt: null,
    stepFailures: 0,
  };
  view.putOperation(row, 'OperationEnded');
  return { operation: row, ...did };
}

function tellLeft(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  operation: OperationRow,
  left: readonly Leftover[],
): void {
  const isFlatten = operation.kind === 'FLATTEN';
  const what = left.map(
    ({ what: of, quantity, why }) => `${of}${quantity === null ? '' : ` ${quantity}`}: ${why}`,
  );
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: isFlatten ? 'flatten_incomplete' : 'halt_incomplete',
    message:
      `${isFlatten ? 'closing positions' : 'the halt'} (${operation.details.reason}) has left: ${what.join('; ')}`.slice(
        0,
        2000,
      ),
    details: { operationId: operation.id, left },
    orderId: null,
    condition: conditionOf(operation),
  });
}

function conditionOf({ id }: Pick<OperationRow, 'id'>): string {
  return `operation:${id}`;
}

/** True while the halt that the operation belongs to is in force; also for one that belongs to none. */
export function isInForce(view: AccountView, { haltId, strategyId }: OperationDetails): boolean {
  if (haltId === null) return true;
  const strategy = strategyId === null ? null : view.strategy(strategyId);
  return (strategy ?? view.account).haltId === haltId;
}
