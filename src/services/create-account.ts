import type { AccountRow } from '../db/account-rows.ts';
import { findAccount } from '../db/stores/account-read-store.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import type { Decimal } from '../domain/money.ts';
import { present } from '../lib/assert.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { Context } from './context.ts';
import { openAccount } from './open-account.ts';

export interface CreateAccountInput {
  readonly actor: string;
  readonly id: string;
  readonly name: string | null;
  /** Rupees; null: ACCOUNT_BALANCE. */
  readonly capital: Decimal | null;
}

/** Opens a new account; one that is open already is a refusal, a half-opened one (a crash) is finished. */
export async function createAccount(
  context: Context,
  { actor, id, name, capital }: CreateAccountInput,
): Promise<Result<AccountRow, 'ACCOUNT_EXISTS'>> {
  if (id === SYSTEM_ACCOUNT) return err('ACCOUNT_EXISTS');
  const opened = await openAccount(context, {
    id,
    actor,
    name: name ?? id,
    ...(capital === null ? {} : { capital: capital.toFixed() }),
  });
  if (!opened) return err('ACCOUNT_EXISTS');
  return ok(present(await findAccount(context.db, id), `account ${id}`));
}
