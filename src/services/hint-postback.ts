import { accountsOfBrokerUser } from '../db/stores/broker-session-store.ts';
import type { Context } from './context.ts';
import { hintPoll } from './hint-poll.ts';
import { listAccountIds } from './read-accounts.ts';

/**
 * The broker says that something happened to an order of a user: his accounts are read again soon. Nothing of what it
 * says is believed, since its checksum covers neither status nor quantity. False: nobody here is that user.
 */
export async function hintPostback(context: Context, brokerUser: string): Promise<boolean> {
  const { accounts, isAnyKnown } = await accountsOfBrokerUser(context.db, brokerUser);
  if (isAnyKnown && accounts.length === 0) return false;
  // With the access token in the configuration nobody logged in here, and the user is not known.
  const read = isAnyKnown ? accounts : await listAccountIds(context.db);
  for (const accountId of read) await hintPoll(context, accountId);
  return true;
}
