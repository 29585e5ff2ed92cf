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

/**
 * Disables the order's strategy when a check of the strategy itself failed: a window that slides on would let it run
 * again, and only a person may (controls.md, control 10). Its exits still pass. One that is disabled stays as it is.
 */
export function pauseRunaway(
  context: Pick<Context, 'newId'>,
  view: AccountView,
  order: Order,
  results: readonly CheckResult[],
): void {
  const failed = results.find(({ check, verdict }) => verdict === 'FAIL' && OF_STRATEGY.has(check));
  const strategy = order.strategyId === null ? null : view.strategy(order.strategyId);
  if (failed === undefined || strategy?.enabled !== true) return;
  const disabledReason = `${failed.check}: ${failed.message}`;
  view.putStrategy({ ...strategy, enabled: false, disabledReason, updatedAt: view.now }, 'StrategyDisabled', {
    reason: disabledReason,
  });
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'strategy_paused',
    message: `strategy ${strategy.id} is disabled by ${disabledReason}`,
    details: { strategyId: strategy.id, check: failed.check, value: failed.value, limit: failed.limit },
    orderId: order.id,
    condition: pauseCondition(strategy.id),
  });
}
