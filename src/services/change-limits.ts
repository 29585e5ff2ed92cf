import type { AccountView } from '../db/account-view.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { Context } from './context.ts';
import { type LimitRefusal, stageLimitChange } from './stage-limit-change.ts';

export interface ChangeLimitsInput {
  readonly accountId: string;
  /** Null: the account's own limits. */
  readonly strategyId: string | null;
  readonly actor: string;
  /** By configuration name; null takes a change back. */
  readonly changes: Readonly<Record<string, string | null>>;
  readonly reason: string;
  readonly expiresAt: Date | null;
}

export interface RefusedLimit extends LimitRefusal {
  readonly name: string;
}

/** Leaves the transaction without a trace: one bad limit, and none of them changes. */
export class LimitsRefused extends Error {
  readonly limits: readonly RefusedLimit[];

  constructor(limits: readonly RefusedLimit[]) {
    super('limits were refused');
    this.limits = limits;
  }
}

/** Changes limits of an account or a strategy, all of them or none; in force for the next order that is checked. */
export async function changeLimits(
  context: Pick<Context, 'withAccount'>,
  { accountId, strategyId, actor, changes, reason, expiresAt }: ChangeLimitsInput,
): Promise<Result<void, readonly RefusedLimit[]>> {
  try {
    await context.withAccount({
      accountId,
      actor,
      needs: strategyId === null ? {} : { strategies: true },
      run: (view) => stageLimits(view, { strategyId, actor, changes, reason, expiresAt }),
    });
    return ok(undefined);
  } catch (error) {
    if (error instanceof LimitsRefused) return err(error.limits);
    throw error;
  }
}

/** Inside work on a view: all of the changes, or LimitsRefused. Needs `strategies` when a strategy is named. */
export function stageLimits(
  view: AccountView,
  { strategyId, actor, changes, reason, expiresAt }: Omit<ChangeLimitsInput, 'accountId'>,
): void {
  const refused = Object.entries(changes).flatMap(([name, value]): RefusedLimit[] => {
    const staged = stageLimitChange(view, { name, value, expiresAt, reason, by: actor, strategyId });
    return staged.ok ? [] : [{ name, ...staged.error }];
  });
  if (refused.length > 0) throw new LimitsRefused(refused);
}
