import { mergeNeeds } from '../db/account-load.ts';
import type { AccountWork } from '../db/account-transaction.ts';
import type { Context } from './context.ts';

/** The update had its effect before, perhaps in a process that died since. */
export class AlreadyDoneError extends Error {
  override readonly name = 'AlreadyDoneError';

  constructor() {
    super('this was done before');
  }
}

/**
 * A context whose first transaction on the account also ends the update that asked for it: both are written or neither
 * is. Where another run ended it, that transaction throws AlreadyDoneError and changes nothing. Later transactions of
 * the same run go through as they are.
 */
export function onceForUpdate<C extends Pick<Context, 'withAccount'>>(
  context: C,
  { accountId, key }: { readonly accountId: string; readonly key: string },
): C {
  let isEnded = false;
  return {
    ...context,
    withAccount: async <T>(work: AccountWork<T>): Promise<T> => {
      if (isEnded || work.accountId !== accountId) return context.withAccount(work);
      const result = await context.withAccount({
        ...work,
        needs: mergeNeeds(work.needs, { chatUpdates: [key] }),
        run: (view) => {
          const update = view.chatUpdate(key);
          if (update === null || update.doneAt !== null) throw new AlreadyDoneError();
          view.putChatUpdate({ ...update, doneAt: view.real.realNow });
          return work.run(view);
        },
      });
      isEnded = true;
      return result;
    },
  };
}
