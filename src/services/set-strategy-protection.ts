import type { StrategyRow } from '../db/account-rows.ts';
import type { ProtectionPolicy } from '../domain/protection-policy.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { Context } from './context.ts';

export interface SetStrategyProtectionInput {
  readonly accountId: string;
  readonly strategyId: string;
  readonly actor: string;
  /** Null: as configured. */
  readonly protection: ProtectionPolicy | null;
  readonly reason: string;
}

/** Says how orders of a strategy that name no policy are protected. What is open already keeps what it was opened with. */
export async function setStrategyProtection(
  context: Pick<Context, 'withAccount'>,
  { accountId, strategyId, actor, protection, reason }: SetStrategyProtectionInput,
): Promise<Result<StrategyRow, 'UNKNOWN_STRATEGY'>> {
  return context.withAccount({
    accountId,
    actor,
    needs: { strategies: true },
    run: (view): Result<StrategyRow, 'UNKNOWN_STRATEGY'> => {
      const strategy = view.strategy(strategyId);
      if (strategy === null) return err('UNKNOWN_STRATEGY');
      if (strategy.protection === protection) return ok(strategy);
      const changed: StrategyRow = { ...strategy, protection, updatedAt: view.now };
      view.putStrategy(changed, 'StrategyProtectionSet', {
        ...{ protection, reason },
        before: { protection: strategy.protection },
        after: { protection },
      });
      return ok(changed);
    },
  });
}
