import type { AccountView } from '../db/account-view.ts';
import type { StoredLimit, StoredLimits } from '../domain/account.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { LIMIT_NAMES, isLimitName, readLimit } from '../risk/limits.ts';

export interface LimitChange {
  /** Configuration name, e.g. "MAX_DAILY_LOSS". */
  readonly name: string;
  /** As one writes it in the environment; null takes the change back. */
  readonly value: string | null;
  /** When the value stops counting; null: never by itself. */
  readonly expiresAt: Date | null;
  readonly reason: string;
  /** Who is written into the limit and shown with it. */
  readonly by: string;
  /** Left out or null: the account's own limit. */
  readonly strategyId?: string | null;
}

export interface LimitRefusal {
  readonly code: 'UNKNOWN_LIMIT' | 'LIMIT_OF_ACCOUNT' | 'LIMIT_VALUE' | 'EXPIRED' | 'UNKNOWN_STRATEGY';
  /** A sentence that names the limit and the rule. */
  readonly message: string;
}

/**
 * Changes one limit of the account, or of a strategy, inside work on a view: the row and one journal entry
 * LimitChanged with before and after. Needs `strategies` when a strategy is named. A refusal changes nothing; taking
 * back what is not there changes nothing either. Said twice, the second is the same row and another entry.
 */
export function stageLimitChange(
  view: AccountView,
  { name, value, expiresAt, reason, by, strategyId = null }: LimitChange,
): Result<{ readonly before: StoredLimit | null; readonly after: StoredLimit | null }, LimitRefusal> {
  const refused = (code: LimitRefusal['code'], message: string) => err<LimitRefusal>({ code, message });
  if (!isLimitName(name)) return refused('UNKNOWN_LIMIT', `${name.slice(0, 64)} is not a limit`);
  if (strategyId !== null && LIMIT_NAMES[name][2] === 'never') {
    return refused('LIMIT_OF_ACCOUNT', `${name} is judged over the whole account and is no strategy's own`);
  }
  const strategy = strategyId === null ? null : view.strategy(strategyId);
  if (strategyId !== null && strategy === null) {
    return refused('UNKNOWN_STRATEGY', `the account has no strategy ${strategyId}`);
  }
  const read = value === null ? null : readLimit(name, value);
  if (read?.ok === false) return refused('LIMIT_VALUE', `${name} ${read.error}`);
  if (value !== null && expiresAt !== null && expiresAt <= view.now) {
    return refused('EXPIRED', `${name} would have expired at ${expiresAt.toISOString()}, before it began`);
  }

  const limits = strategy?.limits ?? view.account.limits;
  const before = limits[name] ?? null;
  const at = view.now.toISOString();
  const after =
    read === null ? null : { value: read.value, reason, by, at, expiresAt: expiresAt?.toISOString() ?? null };
  if (before === null && after === null) return ok({ before, after });
  const changed = withLimit(limits, name, after);
  const data = { limit: name, strategyId, before, after, reason, by };
  if (strategy === null) view.changeAccount({ limits: changed }, 'LimitChanged', data);
  else view.putStrategy({ ...strategy, limits: changed, updatedAt: view.now }, 'LimitChanged', data);
  return ok({ before, after });
}

function withLimit(limits: StoredLimits, name: string, limit: StoredLimit | null): StoredLimits {
  const others = Object.entries(limits).filter(([one]) => one !== name);
  return Object.fromEntries(limit === null ? others : [...others, [name, limit]]);
}
