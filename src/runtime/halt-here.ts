import type { Config } from '../config/config.ts';
import { toldOutcomes } from '../config/telegram.ts';
import { createAccountTransactions } from '../db/account-transaction.ts';
import { type Database, connectDatabase } from '../db/client.ts';
import { DatabaseNotReachableError } from '../db/connection.ts';
import { listAccounts } from '../services/read-accounts.ts';
import {
  type ChangedTradingState,
  type SetTradingState,
  setTradingState,
} from '../services/set-trading-state.ts';
import { newId } from '../time/random.ts';
import { findDatabaseUrl } from './process.ts';

/** What was asked breaks a rule; the message is a sentence. */
export class HaltRefusedError extends Error {
  override readonly name = 'HaltRefusedError';
}

export type HaltHere = Omit<SetTradingState, 'accountId'> & { readonly accountId: string | null };

export interface HaltedAccount extends ChangedTradingState {
  readonly accountId: string;
}

export interface HaltedHere {
  readonly accounts: readonly HaltedAccount[];
  /** Accounts that trade on: each with what stood in the way. */
  readonly failed: readonly { readonly accountId: string; readonly error: string }[];
}

/** Accounts that one command halts; more than anybody has. */
const MAX_ACCOUNTS = 1000;

/**
 * Halts or reduces trading with nothing but Postgres: no API, no Redis, no broker. Without an account named it is every
 * account, one transaction each, all at once: none waits for another, and one that fails keeps none from being halted.
 * The latch is a commit; what goes on after it is found by whichever dispatcher runs, or is started. Throws
 * DatabaseNotReachableError, HaltRefusedError (nothing was changed).
 */
export async function haltHere(
  config: Config,
  { accountId: named, ...change }: HaltHere,
): Promise<HaltedHere> {
  const url = await findDatabaseUrl(config);
  if (url === null) {
    const where = `neither DATABASE_URL is set nor does a private Postgres run on ${config.dataDir}`;
    throw new DatabaseNotReachableError(`nothing was halted: ${where}`);
  }
  const database = connectDatabase(url, { applicationName: 'sauda-halt' });
  try {
    const ids = await accountsOf(database, named, change.scope);
    const context = {
      ...createAccountTransactions(database, { tells: toldOutcomes(config.telegram) }),
      db: database,
      newId,
      // The dispatcher finds what is due: no queue is needed, or asked.
      queues: { enqueue: () => Promise.resolve(false) },
      settings: config,
    };
    const done = await Promise.allSettled(
      ids.map((accountId) => setTradingState(context, { ...change, accountId })),
    );
    return outcomeOf(ids, done);
  } finally {
    await database.close();
  }
}

function outcomeOf(
  ids: readonly string[],
  done: readonly PromiseSettledResult<Awaited<ReturnType<typeof setTradingState>>>[],
): HaltedHere {
  const accounts: HaltedAccount[] = [];
  const failed: { accountId: string; error: string }[] = [];
  let cause: unknown;
  ids.forEach((accountId, index) => {
    const one = done[index];
    if (one?.status === 'fulfilled' && one.value.ok) accounts.push({ ...one.value.value, accountId });
    else if (one?.status === 'fulfilled' && !one.value.ok)
      failed.push({ accountId, error: one.value.error.message });
    else if (one?.status === 'rejected') {
      cause = one.reason;
      failed.push({ accountId, error: cause instanceof Error ? cause.message : String(cause) });
    }
  });
  if (accounts.length > 0) return { accounts, failed };
  const [first] = failed;
  const why = first?.error ?? 'there is no account';
  // A refusal is a rule; anything else is a database that went away, or did not answer in time.
  if (cause === undefined) throw new HaltRefusedError(why);
  throw new DatabaseNotReachableError(
    `nothing is known to be halted: ${why}; look with "sauda risk", and say it again`,
    {
      cause,
    },
  );
}

async function accountsOf(
  database: Database,
  named: string | null,
  scope: HaltHere['scope'],
): Promise<string[]> {
  const ids = await listAccounts(database, { only: named ?? undefined, limit: MAX_ACCOUNTS }).catch(
    (cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new DatabaseNotReachableError(`nothing was halted: Postgres does not answer (${why})`, { cause });
    },
  );
  if (ids.length === 0) {
    throw new HaltRefusedError(
      named === null ? 'there is no account to halt' : `there is no account ${named}`,
    );
  }
  if (ids.length > 1 && scope === 'strategy') {
    throw new HaltRefusedError('there are several accounts: name the one of the strategy with --account');
  }
  return ids.map(({ id }) => id);
}
