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
class Refused extends Error {
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
      run: (view) => {
        const refused = Object.entries(changes).flatMap(([name, value]): RefusedLimit[] => {
          const change = { name, value, expiresAt, reason, by: actor, strategyId };
          const staged = stageLimitChange(view, change);
          return staged.ok ? [] : [{ name, ...staged.error }];
        });
        if (refused.length > 0) throw new Refused(refused);
      },
    });
    return ok(undefined);
  } catch (error) {
    if (error instanceof Refused) return err(error.limits);
    throw error;
  }
}
