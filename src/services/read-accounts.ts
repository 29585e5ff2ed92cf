import type { AccountRow, StrategyRow } from '../db/account-rows.ts';
import type { Database } from '../db/client.ts';
import { UnknownAccountError } from '../db/errors.ts';
import { findAccount, listAccounts, listStrategies, readClock } from '../db/stores/account-read-store.ts';
import type { HaltExits, StoredLimit, StoredLimits, TradingState } from '../domain/account.ts';
import {
  LIMIT_NAMES,
  type LimitName,
  type Limits,
  isLimitName,
  limitText,
  limitsAt,
  valueAt,
} from '../risk/limits.ts';

export type { AccountRow } from '../db/account-rows.ts';
export { listAccounts } from '../db/stores/account-read-store.ts';

/** Most strategies an answer about an account names. */
const MAX_STRATEGIES = 500;

/** Ids of at most two trading accounts: enough to know whether there is exactly one. */
export async function listAccountIds(db: Database, only?: string): Promise<string[]> {
  return (await listAccounts(db, { only, limit: 2 })).map(({ id }) => id);
}

export interface TradingStateView {
  readonly state: TradingState;
  readonly haltId: string | null;
  /** Who may exit while HALTED. */
  readonly exits: HaltExits;
  readonly reason: string | null;
  readonly by: string | null;
  readonly at: Date | null;
}

export interface TradingStates extends TradingStateView {
  readonly strategies: readonly (TradingStateView & { readonly strategyId: string })[];
}

/** What may be traded now: of the account and of each strategy (design.md section 5). */
export async function readTradingState(db: Database, accountId: string): Promise<TradingStates> {
  const account = await knownAccount(db, accountId);
  const strategies = await listStrategies(db, { accountId, limit: MAX_STRATEGIES });
  return {
    ...stateOf(account),
    strategies: strategies.map((strategy) => ({ strategyId: strategy.id, ...stateOf(strategy) })),
  };
}

function stateOf(of: AccountRow | StrategyRow): TradingStateView {
  return {
    state: of.tradingState,
    haltId: of.haltId,
    exits: of.haltExits,
    reason: of.tradingStateReason,
    by: of.tradingStateBy,
    at: of.tradingStateAt,
  };
}

export interface LimitsView {
  /** In force for the account, by configuration name, as text. */
  readonly limits: Readonly<Record<string, string>>;
  /** As configured. */
  readonly defaults: Readonly<Record<string, string>>;
  /** Changes of this account and of its strategies, expired ones included. */
  readonly account: LimitChanges;
  readonly strategies: Readonly<Record<string, LimitChanges>>;
}

export type LimitChanges = Readonly<Record<string, StoredLimit & { readonly inForce: boolean }>>;

/** The limits in force, and where each comes from: configuration, the account, a strategy. */
export async function readLimits(db: Database, configured: Limits, accountId: string): Promise<LimitsView> {
  const now = await readClock(db);
  const account = await knownAccount(db, accountId);
  const strategies = await listStrategies(db, { accountId, limit: MAX_STRATEGIES });
  return {
    limits: limitTexts(limitsAt(configured, now, account.limits)),
    defaults: limitTexts(configured),
    account: changesAt(account.limits, now),
    strategies: Object.fromEntries(
      strategies
        .filter(({ limits }) => Object.keys(limits).length > 0)
        .map(({ id, limits }) => [id, changesAt(limits, now)]),
    ),
  };
}

function changesAt(stored: StoredLimits, now: Date): LimitChanges {
  return Object.fromEntries(
    Object.entries(stored).map(([name, limit]) => {
      const inForce = isLimitName(name) && valueAt(stored, name, now) !== null;
      return [name, { ...limit, inForce }];
    }),
  );
}

/** Limits by configuration name, as one would write them in the environment. */
export function limitTexts(limits: Limits): Record<string, string> {
  const names = Object.keys(LIMIT_NAMES) as LimitName[];
  return Object.fromEntries(names.map((name) => [name, limitText(limits, name)]));
}

async function knownAccount(db: Database, accountId: string): Promise<AccountRow> {
  const account = await findAccount(db, accountId);
  if (account === null) throw new UnknownAccountError(accountId);
  return account;
}
