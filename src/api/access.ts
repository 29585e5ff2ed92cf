import type { Database } from '../db/client.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import { listAccountIds } from '../services/read-accounts.ts';
import type { Clock } from '../time/clock.ts';
import { ApiProblem } from './problem.ts';
import { type Principal, type Scope, hasRole } from './principal.ts';

/** How long "there is one account" may be believed. That an account exists never changes. */
const ONLY_ACCOUNT_MS = 1000;

/**
 * The account a request is about: the one it names, else the token's, else the only one. An account that is not
 * there and one that the token may not see are the same 404.
 */
export type AccountOf = (principal: Principal, named: string | null | undefined) => Promise<string>;

export function createAccountOf(db: Database, clock: Clock): AccountOf {
  const known = new Set<string>();
  let only: { readonly id: string; readonly untilMs: number } | null = null;

  const onlyAccount = async (): Promise<string> => {
    if (only !== null && only.untilMs > clock.monotonicMs()) return only.id;
    const [first, second] = await listAccountIds(db);
    if (first === undefined) throw noSuchAccount();
    if (second !== undefined) throw new ApiProblem('ACCOUNT_REQUIRED');
    only = { id: first, untilMs: clock.monotonicMs() + ONLY_ACCOUNT_MS };
    return first;
  };

  return async (principal, named) => {
    const wanted = named ?? principal.accountId;
    if (wanted === null) return onlyAccount();
    const isHidden = principal.accountId !== null && principal.accountId !== wanted;
    if (isHidden || wanted === SYSTEM_ACCOUNT) throw noSuchAccount();
    if (known.has(wanted)) return wanted;
    if ((await listAccountIds(db, wanted)).length === 0) throw noSuchAccount();
    known.add(wanted);
    return wanted;
  };
}

/**
 * The accounts whose alerts a request is about. What belongs to no account (a worker that is down) is the business of
 * an operator who is bound to none: it stands among the others, or alone as account `system`.
 */
export async function alertAccountsOf(
  accountOf: AccountOf,
  principal: Principal,
  named: string | null,
): Promise<string[]> {
  const seesSystem =
    principal.accountId === null && principal.strategyId === null && hasRole(principal, 'operator');
  if (seesSystem && named === SYSTEM_ACCOUNT) return [SYSTEM_ACCOUNT];
  const accountId = await accountOf(principal, named);
  return seesSystem && named === null ? [accountId, SYSTEM_ACCOUNT] : [accountId];
}

/** The account whose journal a request is about; that of what belongs to none is for an admin who is bound to none. */
export async function journalAccountOf(
  accountOf: AccountOf,
  principal: Principal,
  named: string | null,
): Promise<string> {
  const seesSystem = principal.accountId === null && hasRole(principal, 'admin');
  return seesSystem && named === SYSTEM_ACCOUNT ? named : accountOf(principal, named);
}

/** The strategy a request is about; a token bound to one may not name another. */
export function strategyOf(principal: Principal, named: string | null | undefined): string | null {
  const wanted = named ?? null;
  if (principal.strategyId === null) return wanted;
  if (wanted !== null && wanted !== principal.strategyId) {
    throw new ApiProblem('FORBIDDEN', { detail: 'The token is bound to another strategy.' });
  }
  return principal.strategyId;
}

/** A token bound to a strategy may see the account, never decide for it; one bound to an account not for all of them. */
export function requireScope({ accountId, strategyId }: Principal, concerns: Scope | undefined): void {
  if (concerns === undefined) return;
  if (strategyId !== null) {
    const detail = `This concerns more than one strategy; the token is bound to ${strategyId}.`;
    throw new ApiProblem('FORBIDDEN', { detail });
  }
  if (concerns === 'installation' && accountId !== null) {
    throw new ApiProblem('FORBIDDEN', { detail: 'The token is bound to an account.' });
  }
}

function noSuchAccount(): ApiProblem {
  return new ApiProblem('NOT_FOUND', { detail: 'There is no such account.' });
}
