import { putMute } from '../db/stores/chat-store.ts';
import type { Context } from './context.ts';

export interface Muting {
  /** Whose journal says so: the account of whoever asks. The mute counts for alerts of all. */
  readonly accountId: string;
  readonly channel: string;
  readonly type: string;
  /** 0 ends it. */
  readonly minutes: number;
  readonly actor: string;
}

/** A channel is told nothing of a type for a while; CRITICAL alerts come all the same. The journal says who asked. */
export async function muteAlerts(
  context: Pick<Context, 'db' | 'withAccount'>,
  { actor, ...mute }: Muting,
): Promise<void> {
  const { accountId, channel, type, minutes } = mute;
  // First the row, which is outside the transaction: after a crash between, it is written again.
  await putMute(context.db, { ...mute, by: actor });
  await context.withAccount({
    accountId,
    actor,
    needs: {},
    run: (view) => view.note('AlertsMuted', channel, { type, minutes }),
  });
}
