import type { StrategyRow } from '../db/account-rows.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { Context } from './context.ts';
import { pauseCondition } from './pause-strategy.ts';

export interface EnableStrategyInput {
  readonly accountId: string;
  readonly strategyId: string;
  readonly actor: string;
  readonly enabled: boolean;
  readonly reason: string;
}

/**
 * Lets a strategy enter positions, or forbids it; its exits always pass. Enabling re-arms what had disabled it: orders
 * before this instant count no more against it, and its alert ends. Saying what is so already changes nothing.
 */
export async function enableStrategy(
  context: Pick<Context, 'withAccount'>,
  { accountId, strategyId, actor, enabled, reason }: EnableStrategyInput,
): Promise<Result<StrategyRow, 'UNKNOWN_STRATEGY'>> {
  return context.withAccount({
    accountId,
    actor,
    needs: { strategies: true, ...(enabled ? { openAlerts: true } : {}) },
    run: (view): Result<StrategyRow, 'UNKNOWN_STRATEGY'> => {
      const strategy = view.strategy(strategyId);
      if (strategy === null) return err('UNKNOWN_STRATEGY');
      if (strategy.enabled === enabled) return ok(strategy);
      const changed: StrategyRow = {
        ...strategy,
        enabled,
        disabledReason: enabled ? null : reason,
        armedAt: enabled ? view.now : strategy.armedAt,
        updatedAt: view.now,
      };
      view.putStrategy(changed, enabled ? 'StrategyEnabled' : 'StrategyDisabled', {
        reason,
        before: { enabled: strategy.enabled, disabledReason: strategy.disabledReason },
        after: { enabled, disabledReason: changed.disabledReason },
      });
      if (enabled) view.clearAlert(pauseCondition(strategyId));
      return ok(changed);
    },
  });
}
