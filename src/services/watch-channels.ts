import {
  type ChannelChange,
  channelCondition,
  readChannelChanges,
} from '../db/stores/alert-delivery-store.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import type { Context } from './context.ts';

/** Longer than any pause that a channel asks for. */
const OUT_AFTER_MS = 300_000;

/**
 * Tells the other channels of one that has taken nothing for minutes: who waits for a phone that stays silent would
 * take silence for peace. The dispatcher calls it; two of them at once tell once.
 */
export async function tellChannelsOut(
  context: Pick<Context, 'db' | 'withAccount' | 'newId' | 'processName' | 'alertChannels'>,
): Promise<void> {
  const names = context.alertChannels.map(({ name }) => name);
  const changes = await readChannelChanges(context.db, names, OUT_AFTER_MS);
  if (changes.length === 0) return;
  await context.withAccount({
    accountId: SYSTEM_ACCOUNT,
    actor: context.processName,
    needs: { openAlerts: true },
    run: (view) => {
      for (const change of changes) {
        if (change.isOut) view.raiseAlert({ id: context.newId(), ...alertOf(change) });
        else view.clearAlert(channelCondition(change.channel));
      }
    },
  });
}

function alertOf({ channel, waiting, waitedMs }: ChannelChange) {
  const minutes = Math.floor(waitedMs / 60_000);
  const alerts = waiting === 1 ? '1 alert waits' : `${waiting} alerts wait`;
  return {
    severity: 'CRITICAL',
    type: 'channel_unreachable',
    message: `the channel ${channel} has taken nothing for ${minutes} min (limit ${OUT_AFTER_MS / 60_000} min) and ${alerts}: they are told when it is back, trading goes on without it`,
    details: { channel, waiting, waitedMs: Math.round(waitedMs) },
    orderId: null,
    condition: channelCondition(channel),
  } as const;
}
