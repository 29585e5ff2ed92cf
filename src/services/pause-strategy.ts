import type { AccountView } from '../db/account-view.ts';
import type { Order } from '../domain/order.ts';
import type { CheckResult } from '../risk/check.ts';
import { rejectRatio } from '../risk/checks/reject-ratio.ts';
import { repeatedExecution } from '../risk/checks/repeated-execution.ts';
import type { Context } from './context.ts';

/** Checks whose failure says that the strategy, not the order, needs a person. */
const OF_STRATEGY: ReadonlySet<string> = new Set([repeatedExecution.name, rejectRatio.name]);

export function pauseCondition(strategyId: string): string {
  return `strategy_paused:${strategyId}`;
}

interface Cause {
  readonly strategyId: string;
  /** The check or rule, and its sentence. */
  readonly check: string;
  readonly message: string;
  readonly value: string | null;
  readonly limit: string | null;
  /** The order that was refused for it; null: the monitor saw it. */
  readonly orderId: string | null;
}

/**
 * Disables a strategy because of what it does: only a person enables it again (controls.md, controls 10 and 14). Its
 * exits still pass. One that is disabled, or not known, stays as it is. Needs `strategies` and `openAlerts`.
 */
export function pauseStrategy(context: Pick<Context, 'newId'>, view: AccountView, cause: Cause): void {
  const strategy = view.strategy(cause.strategyId);
  if (strategy?.enabled !== true) return;
  const { check, value, limit } = cause;
  const disabledReason = `${check}: ${cause.message}`;
  view.putStrategy({ ...strategy, enabled: false, disabledReason, updatedAt: view.now }, 'StrategyDisabled', {
    reason: disabledReason,
  });
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'strategy_paused',
    message: `strategy ${strategy.id} is disabled by ${disabledReason}`,
    details: { strategyId: strategy.id, check, value, limit },
    orderId: cause.orderId,
    condition: pauseCondition(strategy.id),
  });
}

/**
 * Disables the order's strategy when a check of the strategy itself failed: a window that slides on would let it run
 * again.
 */
export function pauseRunaway(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  order: Order,
  results: readonly CheckResult[],
): void {
  const failed = results.find(({ check, verdict }) => verdict === 'FAIL' && OF_STRATEGY.has(check));
  if (failed === undefined || order.strategyId === null) return;
  const { check, message, value, limit } = failed;
  pauseStrategy(context, view, {
    ...{ strategyId: order.strategyId, check, message, value, limit },
    orderId: order.id,
  });
}
