import { insertAccount } from '../db/stores/account-store.ts';
import type { Context } from './context.ts';

/** The account of a user who has only one. */
export const DEFAULT_ACCOUNT = 'main';

/** Opens an account with its first capital unless it is there; its journal begins with AccountOpened. */
export async function openAccount(
  context: Context,
  account: { readonly id: string; readonly name: string; readonly actor: string; readonly capital?: string },
): Promise<boolean> {
  const capital = account.capital ?? context.settings.accountBalance.toFixed();
  await insertAccount(context.db, { id: account.id, name: account.name, capital });
  return context.withAccount({
    accountId: account.id,
    actor: account.actor,
    needs: {},
    run: (view) => {
      // Opened before: its journal has begun. A crash between the row and the entry ends here, too.
      if (view.account.seq > 0) return false;
      view.note('AccountOpened', account.id, { name: account.name, capital: view.account.capital.toFixed() });
      return true;
    },
  });
}
