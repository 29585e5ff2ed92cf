import type { Config } from '../config/config.ts';
import { toldOutcomes } from '../config/telegram.ts';
import { createAccountTransactions } from '../db/account-transaction.ts';
import { connectDatabase } from '../db/client.ts';
import { DatabaseNotReachableError } from '../db/connection.ts';
import { listAccountIds } from '../services/read-accounts.ts';
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

/**
 * Halts or reduces trading with nothing but Postgres: no API, no Redis, no broker. The latch is a commit; what goes on
 * after it is found by whichever dispatcher runs, or is started. Throws DatabaseNotReachableError, HaltRefusedError.
 */
export async function haltHere(
  config: Config,
  change: HaltHere,
): Promise<ChangedTradingState & { readonly accountId: string }> {
  const url = await findDatabaseUrl(config);
  if (url === null) {
    const where = `neither DATABASE_URL is set nor does a private Postgres run on ${config.dataDir}`;
    throw new DatabaseNotReachableError(`nothing was halted: ${where}`);
  }
  const database = connectDatabase(url, { applicationName: 'sauda-halt' });
  try {
    await database.reads.query('select 1').catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new DatabaseNotReachableError(`nothing was halted: Postgres does not answer (${why})`, { cause });
    });
    const accountId = await accountOf(database, change.accountId);
    const context = {
      ...createAccountTransactions(database, { tells: toldOutcomes(config.telegram) }),
      db: database,
      newId,
      // The dispatcher finds what is due: no queue is needed, or asked.
      queues: { enqueue: () => Promise.resolve(false) },
      settings: config,
    };
    const changed = await setTradingState(context, { ...change, accountId });
    if (!changed.ok) throw new HaltRefusedError(changed.error.message);
    return { ...changed.value, accountId };
  } finally {
    await database.close();
  }
}

async function accountOf(
  database: Parameters<typeof listAccountIds>[0],
  named: string | null,
): Promise<string> {
  const ids = await listAccountIds(database, named ?? undefined);
  const [first, second] = ids;
  if (first === undefined) {
    throw new HaltRefusedError(
      named === null ? 'there is no account to halt' : `there is no account ${named}`,
    );
  }
  if (second !== undefined) throw new HaltRefusedError('there are several accounts: name one with --account');
  return first;
}
