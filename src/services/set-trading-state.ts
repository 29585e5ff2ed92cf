import { setTimeout as sleep } from 'node:timers/promises';
import type { OperationRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { isRefusedWrite } from '../db/errors.ts';
import { type OrderAnswer, readOrderAnswers } from '../db/stores/operation-store.ts';
import type { OrderStatus } from '../domain/order-status.ts';
import { InvariantError } from '../lib/assert.ts';
import { failpoint } from '../lib/failpoint.ts';
import { type Result, ok } from '../lib/result.ts';
import type { Context, ServiceSettings } from './context.ts';
import type { InFlight } from './end-unsent-entries.ts';
import { stageCancels } from './stage-cancels.ts';
import { stageFlatten } from './stage-flatten.ts';
import { enqueueOperation, stageOperation } from './stage-operation.ts';
import {
  type StagedTradingState,
  TRADING_STATE_NEEDS,
  type TradingStateChange,
  type TradingStateRefusal,
  stageTradingState,
} from './stage-trading-state.ts';

/** The answer waits for claims on their way at most so long, milliseconds (protocol.md). */
const LONGEST_WAIT_MS = 8000;
const LOOK_MS = 50;

export interface SetTradingState extends Omit<TradingStateChange, 'automatic'> {
  readonly accountId: string;
  /** HALTED, REDUCING: cancel every working order that could raise the worst-case position. */
  readonly cancelOpen?: boolean;
  /** HALTED, REDUCING: close what is managed, too. */
  readonly flatten?: boolean;
  /** How long the answer may wait for claims on their way. Default LONGEST_WAIT_MS. */
  readonly waitMs?: number;
}

export interface ChangedTradingState extends Omit<StagedTradingState, 'inFlight'> {
  /** Claims that were on their way when the state changed, as they stand now. */
  readonly inFlight: readonly { readonly id: string; readonly status: OrderStatus }[];
  /** What goes on after the answer: cancels and exits. */
  readonly operationId: string | null;
}

/** All that a change needs; no queue, price or broker stands in the way of a halt. */
export type HaltContext = Pick<Context, 'withAccount' | 'db' | 'newId' | 'queues'> & {
  readonly settings: Pick<ServiceSettings, 'limits' | 'brokerTimeoutMs'>;
};

interface Staged extends StagedTradingState {
  readonly operation: OperationRow | null;
  /** How long claims on their way may still have a call under way. */
  readonly waitMs: number;
}

/**
 * Changes the trading state, goes before all other work of the account, and answers when the claims that were on
 * their way are answered, or can not be under way any more, or after LONGEST_WAIT_MS. Cancels and exits are an
 * operation that goes on by itself, also after a crash. Round trips: lock and read; write; then the looks.
 */
export async function setTradingState(
  context: HaltContext,
  change: SetTradingState,
): Promise<Result<ChangedTradingState, TradingStateRefusal>> {
  await failpoint('halt.beforeCommit');
  const staged = await latch(context, change);
  await failpoint('halt.afterCommit');
  if (!staged.ok) return staged;
  const { operation, waitMs, inFlight, ...state } = staged.value;
  await enqueueOperation(context, operation);
  const answered = await waitForAnswers(
    context,
    change.accountId,
    inFlight,
    Math.min(waitMs, change.waitMs ?? waitMs),
  );
  return ok({ ...state, inFlight: answered, operationId: operation?.id ?? null });
}

async function latch(
  context: HaltContext,
  change: SetTradingState,
): Promise<Result<Staged, TradingStateRefusal>> {
  const work = (sweeps: boolean) =>
    context.withAccount({
      accountId: change.accountId,
      actor: change.by,
      urgent: true,
      needs: {
        ...TRADING_STATE_NEEDS,
        runningOperations: true,
        ...(change.state === 'HALTED' ? {} : { baseline: true, liveOrders: true, openPositions: true }),
      },
      run: (view) => stage(context, view, change, sweeps),
    });
  try {
    return await work(true);
  } catch (error) {
    // A row that can not be ended must not keep trading from being halted: the fence at its claim holds it back.
    const rowsAreBad = isRefusedWrite(error) || error instanceof InvariantError;
    if (!rowsAreBad || change.state === 'ACTIVE') throw error;
    return work(false);
  }
}

function stage(
  context: HaltContext,
  view: AccountView,
  change: SetTradingState,
  sweeps: boolean,
): Result<Staged, TradingStateRefusal> {
  const staged = stageTradingState(context, view, change, { sweeps });
  if (!staged.ok) return staged;
  const { value } = staged;
  const now = view.real.realNow.getTime();
  const open = value.inFlight
    .filter(({ status }) => status === 'SUBMITTING')
    .map(({ sendBy }) => sendBy.getTime() + context.settings.brokerTimeoutMs - now);
  return ok({
    ...value,
    operation: stageFollowUp(context, view, change, value),
    waitMs: Math.min(LONGEST_WAIT_MS, Math.max(0, ...open)),
  });
}

/**
 * What has to go on after a latch, in the same work; null: nothing is on its way and nothing more was asked for. The
 * caller runs `enqueueOperation` on it after the commit. Needs `runningOperations` and `openAlerts`.
 */
export function stageFollowUp(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  change: Omit<SetTradingState, 'accountId'>,
  { haltId, inFlight }: StagedTradingState,
): OperationRow | null {
  const { state, strategyId = null, reason, by, cancelOpen = false, flatten = false } = change;
  if (state === 'ACTIVE') return null;
  // A halt takes back what was on its way; REDUCING only what it is asked to.
  const takesBack = state === 'HALTED' ? inFlight.map(({ id }) => id) : [];
  if (!flatten && !cancelOpen && takesBack.length === 0) return null;
  // Asked for here and now: a release a moment later does not let them live.
  const onTheirWay = takesBack.flatMap((id) => view.order(id) ?? []);
  const why = `trading was halted: ${reason}`;
  const { cancels } = stageCancels(context, view, onTheirWay, { tries: {}, by, reason: why });
  const of = { by, reason, strategyId, haltId, byOperator: true, cancelOpen, inFlight: takesBack, cancels };
  return flatten ? stageFlatten(context, view, of) : stageOperation(context, view, { ...of, kind: 'HALT' });
}

/** The claims as they stand once they are answered, or when time is up. */
async function waitForAnswers(
  context: HaltContext,
  accountId: string,
  inFlight: readonly InFlight[],
  waitMs: number,
): Promise<ChangedTradingState['inFlight']> {
  if (inFlight.length === 0) return [];
  const ids = inFlight.map(({ id }) => id);
  const untilMs = performance.now() + waitMs;
  let answers: ReadonlyMap<string, OrderAnswer> = new Map();
  for (;;) {
    try {
      answers = await readOrderAnswers(context.db, accountId, ids);
    } catch {
      // The latch is committed: an answer with what was known then is better than none.
    }
    const done = ids.every((id) => answers.get(id)?.isAnswered === true);
    if (done || performance.now() + LOOK_MS > untilMs) break;
    await sleep(LOOK_MS);
  }
  return inFlight.map(({ id, status }) => ({ id, status: answers.get(id)?.status ?? status }));
}
