import type { StrategyRow } from '../db/account-rows.ts';
import { present } from '../lib/assert.ts';
import { type Result, err, ok } from '../lib/result.ts';
import { LimitsRefused, type RefusedLimit, stageLimits } from './change-limits.ts';
import type { Context } from './context.ts';
import { registerStrategy } from './place-order.ts';

export interface CreateStrategyInput {
  readonly accountId: string;
  readonly actor: string;
  readonly id: string;
  readonly name: string | null;
  readonly enabled: boolean;
  /** By configuration name: what it starts with, small limits say. */
  readonly limits: Readonly<Record<string, string | null>>;
  readonly reason: string;
}

export type CreateStrategyRefusal =
  | { readonly code: 'STRATEGY_EXISTS' }
  | { readonly code: 'INVALID_LIMITS'; readonly limits: readonly RefusedLimit[] };

/**
 * Makes a strategy before its first order, so that its limits, halts and disabling hold for that order, too. All of it
 * or nothing. One that is there already, by an order or a token, is a refusal: what it is would not be what was asked.
 */
export async function createStrategy(
  context: Pick<Context, 'withAccount'>,
  { accountId, actor, id, name, enabled, limits, reason }: CreateStrategyInput,
): Promise<Result<StrategyRow, CreateStrategyRefusal>> {
  try {
    return await context.withAccount<Result<StrategyRow, CreateStrategyRefusal>>({
      accountId,
      actor,
      needs: { strategies: true },
      run: (view) => {
        if (view.strategy(id) !== null) return err({ code: 'STRATEGY_EXISTS' });
        registerStrategy(view, id, name ?? id);
        stageLimits(view, { strategyId: id, actor, changes: limits, reason, expiresAt: null });
        const made = present(view.strategy(id), `strategy ${id}`);
        if (enabled) return ok(made);
        const disabled = { ...made, enabled, disabledReason: reason };
        view.putStrategy(disabled, 'StrategyDisabled', {
          reason,
          before: { enabled: true, disabledReason: null },
          after: { enabled, disabledReason: reason },
        });
        return ok(disabled);
      },
    });
  } catch (error) {
    if (error instanceof LimitsRefused) return err({ code: 'INVALID_LIMITS', limits: error.limits });
    throw error;
  }
}
