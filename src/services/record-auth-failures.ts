import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import type { Context } from './context.ts';

/** One journal entry for requests without a valid token since the last one; whoever sent them belongs to no account. */
export async function recordAuthFailures(
  context: Pick<Context, 'withAccount'>,
  failures: number,
): Promise<void> {
  await context.withAccount({
    accountId: SYSTEM_ACCOUNT,
    actor: 'api',
    needs: {},
    run: (view) => view.note('AuthenticationFailed', 'api', { failures }),
  });
}
