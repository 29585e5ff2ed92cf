import type { OperationRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { OperationDetails, OperationKind, OperationScope } from '../domain/operation.ts';
import { FAST_PATH_GRACE_MS } from '../domain/order-events.ts';
import type { Context } from './context.ts';
import { lookAt } from './stage-command.ts';

export interface NewOperation extends Partial<OperationScope> {
  readonly kind: OperationKind;
  /** Left out: a new one. */
  readonly id?: string | null;
  readonly by: string;
  readonly reason: string;
  readonly haltId?: string | null;
  readonly byOperator?: boolean;
  readonly cancelOpen?: boolean;
  readonly inFlight?: readonly string[];
  readonly quantity?: number | null;
  /** Asked for already, in the same work. */
  readonly cancels?: OperationDetails['cancels'];
}

/** Writes a halt's or a flatten's operation; the caller runs `enqueueOperation` on it after the commit. */
export function stageOperation(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  { kind, by, reason, ...of }: NewOperation,
): OperationRow {
  const details: OperationDetails = {
    reason,
    strategyId: of.strategyId ?? null,
    instrumentId: of.instrumentId ?? null,
    product: of.product ?? null,
    haltId: of.haltId ?? null,
    byOperator: of.byOperator ?? false,
    cancelOpen: of.cancelOpen ?? false,
    inFlight: of.inFlight ?? [],
    quantity: of.quantity ?? null,
    cancels: of.cancels ?? {},
    keys: {},
    orders: [],
    left: [],
    differs: 0,
  };
  const row: OperationRow = {
    accountId: view.account.id,
    id: of.id ?? context.newId(),
    kind,
    state: 'RUNNING',
    details,
    startedBy: by,
    startedAt: view.now,
    finishedAt: null,
    nextStepAt: lookAt(view, FAST_PATH_GRACE_MS),
    stepFailures: 0,
  };
  view.putOperation(row, 'OperationStarted');
  return row;
}

/** The fast path after the commit: tells the queue to look. A queue that does not answer loses nothing. */
export async function enqueueOperation(
  context: Pick<Context, 'queues'>,
  operation: Pick<OperationRow, 'accountId' | 'id' | 'state'> | null,
): Promise<void> {
  if (operation?.state !== 'RUNNING') return;
  const { accountId, id } = operation;
  await context.queues.enqueue('operation', `${id}-look`, { accountId, operationId: id });
}
