import type { OperationRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { Order } from '../domain/order.ts';
import type { Context } from './context.ts';
import { type Look, endOperation, isInForce, keepOperation } from './keep-operation.ts';
import { raisingOrders, stageCancels } from './stage-cancels.ts';
import { isUnsent } from './stage-command.ts';

/**
 * One look at a halt's operation under the account's lock: cancels what was on its way at the latch, as soon as it
 * turns up, and when asked to every working order that could raise the worst-case position. `mine` are the unfinished
 * orders of its scope. It ends when none is left, or with the halt's release.
 */
export function lookAtHalt(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  operation: OperationRow,
  mine: readonly Order[],
): Look {
  const { details, startedBy: by } = operation;
  if (!isInForce(view, details)) {
    return endOperation(context, view, operation, { ...details, left: [] }, { commands: [], placed: [] });
  }
  const inFlight = mine.filter(({ id }) => details.inFlight.includes(id));
  // What was not sent yet is refused by its checks, with the halt's reason.
  const sent = mine.filter((order) => !isUnsent(order));
  const working = details.cancelOpen ? raisingOrders(view, sent) : [];
  const reason = `trading was halted: ${details.reason}`;
  const round = stageCancels(context, view, [...new Set([...inFlight, ...working])], {
    tries: details.cancels,
    ...{ by, reason },
  });
  const next = { ...details, cancels: round.cancels, left: round.givenUp };
  const did = { commands: round.commands, placed: [] };
  return round.open.length > 0
    ? keepOperation(context, view, operation, next, did)
    : endOperation(context, view, operation, next, did);
}
