import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerPosition } from '../broker/port.ts';
import type { Needs } from '../db/account-load.ts';
import type { OperationRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { type ScopeRows, findOperation, holdOperation, readScope } from '../db/stores/operation-store.ts';
import type { Product } from '../domain/instrument.ts';
import { pauseAfter } from '../domain/operation.ts';
import { isFinal } from '../domain/order-status.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Context } from './context.ts';
import { LOOK_LEASE_MS, type Look } from './keep-operation.ts';
import { lookAtFlatten } from './look-at-flatten.ts';
import { lookAtHalt } from './look-at-halt.ts';
import { enqueueNextStep } from './next-step.ts';
import { PROTECTION_NEEDS } from './protect-account.ts';
import { lookAtProtection } from './protect-group.ts';
import { enqueueCommand } from './stage-command.ts';

/** Between two looks: soon while it is young, since orders are answered in a second; later it waits for others. */
const LOOKS = [
  { untilMs: 15_000, everyMs: 400 },
  { untilMs: 60_000, everyMs: 1000 },
  { untilMs: Infinity, everyMs: 3000 },
] as const;
/** One run looks so long; then the next one, perhaps elsewhere, goes on. */
const RUN_MS = 20_000;
/** Looks that failed in a row before a person is told. */
const MAX_FAILURES = 10;

export interface OperationStep {
  readonly accountId: string;
  readonly operationId: string;
}

/**
 * Looks at a halt's or a flatten's operation again and again until it has ended, at most `untilMs`. Everything it decides
 * is decided under the account's lock from rows, and its exits have ids of their own, so that it may be run twice, at
 * the same time, or taken up where a dead process left it.
 */
export async function runOperation(
  context: Context,
  step: OperationStep,
  {
    untilMs = RUN_MS,
    until = () => false,
  }: {
    readonly untilMs?: number;
    /** Ends this run early; the operation goes on elsewhere. */
    readonly until?: (operation: OperationRow) => boolean;
  } = {},
): Promise<OperationRow | null> {
  const beganMs = performance.now();
  for (;;) {
    const { operation, ageMs } = await lookOnce(context, step);
    if (operation?.state !== 'RUNNING' || until(operation)) return operation;
    const everyMs = LOOKS.find(({ untilMs }) => ageMs < untilMs)?.everyMs ?? LOOK_LEASE_MS;
    if (performance.now() - beganMs + everyMs > untilMs) return operation;
    await sleep(everyMs);
  }
}

interface Looked {
  /** Null: there is none, or the look failed. */
  readonly operation: OperationRow | null;
  readonly ageMs: number;
}

/** One look. One that fails is tried again later, and told after ten. */
async function lookOnce(context: Context, step: OperationStep): Promise<Looked> {
  const lease = { ...step, ms: LOOK_LEASE_MS, failed: false };
  const failures = await holdOperation(context.db, lease);
  try {
    return await look(context, step);
  } catch (error) {
    context.log.error({ err: error, ...step }, 'a look at an operation failed');
    await holdOperation(context.db, { ...lease, ms: pauseAfter(failures + 1), failed: true });
    if (failures + 1 === MAX_FAILURES) await tellFailing(context, step, error);
    return { operation: null, ageMs: 0 };
  }
}

async function look(context: Context, step: OperationStep): Promise<Looked> {
  const { accountId, operationId } = step;
  const found = await findOperation(context.db, accountId, operationId);
  if (found?.state !== 'RUNNING') return { operation: found, ageMs: 0 };
  await failpoint('operation.look');
  const scope = await readScope(context.db, accountId, found.details);
  const positions = await prepare(context, found, scope);
  const looked = await context.withAccount({
    accountId,
    actor: context.processName,
    urgent: true,
    needs: needsOf(found, scope),
    run: (view) => decide(context, view, operationId, { scope, positions }),
  });
  if (looked === null) return { operation: null, ageMs: 0 };
  await failpoint('operation.afterLook');
  await Promise.all([
    ...looked.commands.map((command) => enqueueCommand(context, command)),
    ...looked.placed.map((order) => enqueueNextStep(context, order)),
  ]);
  return { operation: looked.operation, ageMs: scope.at.getTime() - found.startedAt.getTime() };
}

interface Prepared {
  readonly scope: ScopeRows;
  readonly positions: readonly BrokerPosition[] | null;
}

function decide(
  context: Context,
  view: AccountView,
  operationId: string,
  { scope, positions }: Prepared,
): Look | null {
  const operation = view.operation(operationId);
  if (operation === null) return null;
  if (operation.state !== 'RUNNING') return { operation, commands: [], placed: [] };
  const { strategyId, product } = operation.details;
  const mine = scope.orderIds
    .flatMap((id) => view.order(id) ?? [])
    .filter((order) => !isFinal(order.status))
    .filter((order) => strategyId === null || order.strategyId === strategyId)
    .filter((order) => product === null || order.product === product);
  if (operation.kind === 'HALT') return lookAtHalt(context, view, operation, mine);
  const keys = scope.keys.map((key) => ({ ...key, product: key.product as Product }));
  const seen = { keys, strategyKeys: scope.strategyKeys, positions };
  const looked = lookAtFlatten(context, view, operation, seen, mine);
  return operation.details.quantity === null ? looked : withProtection(context, view, looked);
}

/** What a flatten of a part leaves keeps its stops, of exactly that: they are brought to it in the same transaction. */
function withProtection(context: Context, view: AccountView, looked: Look): Look {
  const keys = new Set(Object.keys(looked.operation.details.keys));
  const { orders, commands } = lookAtProtection(context, view, keys);
  return {
    ...looked,
    placed: [...looked.placed, ...orders],
    commands: [...looked.commands, ...commands],
  };
}

/** Prices, instruments and the broker's positions, read outside the lock; a flatten alone needs them. */
async function prepare(
  context: Context,
  { kind, accountId, details }: OperationRow,
  scope: ScopeRows,
): Promise<readonly BrokerPosition[] | null> {
  if (kind === 'HALT') return null;
  const ids = [...scope.keys.map(({ instrumentId }) => instrumentId), ...Object.keys(details.keys).map(idOf)];
  if (ids.length === 0) return null;
  const instruments = await context.instruments.byIds(ids);
  const [positions] = await Promise.all([
    context
      .broker(accountId)
      .getPositions()
      .then(({ net }) => net)
      .catch((error: unknown) => {
        context.log.warn({ err: error, accountId }, "the broker's positions could not be read");
        return null;
      }),
    context.prices.refresh([...instruments.values()]),
  ]);
  return positions;
}

function idOf(key: string): number {
  return Number(key.split('/')[0]);
}

function needsOf({ id, details }: OperationRow, scope: ScopeRows): Needs {
  const keys = new Set([
    ...scope.keys.map(({ instrumentId, product }) => `${instrumentId}/${product}`),
    ...Object.keys(details.keys),
  ]);
  const orders = [...new Set([...scope.orderIds, ...details.inFlight, ...details.orders])];
  return {
    operations: [id],
    orders,
    commandsOf: orders,
    positionKeys: [...keys].map((key) => `${key}/OMS`),
    strategyPositions: scope.strategyKeys,
    liveOrders: true,
    openPositions: true,
    strategies: true,
    openAlerts: true,
    ...(details.quantity === null ? {} : PROTECTION_NEEDS),
  };
}

async function tellFailing(
  context: Context,
  { accountId, operationId }: OperationStep,
  error: unknown,
): Promise<void> {
  const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  await context.withAccount({
    accountId,
    actor: context.processName,
    needs: { operations: [operationId], openAlerts: true },
    run: (view) => {
      const operation = view.operation(operationId);
      if (operation === null) return;
      view.raiseAlert({
        id: context.newId(),
        severity: 'CRITICAL',
        type: 'operation_failing',
        message: `${operation.kind} (${operation.details.reason}) failed ${MAX_FAILURES} times and is tried on: ${why.slice(0, 300)}`,
        details: { operationId },
        orderId: null,
        condition: `operation:${operationId}:failing`,
      });
    },
  });
}
