import { type JournalHead, headsCondition, readUntoldHeads } from '../db/stores/journal-head-store.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import type { Context } from './context.ts';

/** Heads that a message names; the alert's details hold all. */
const MAX_NAMED = 20;

/**
 * Tells once a day where every journal stood as the day began: who keeps the message can show later that nothing
 * before it was changed (`sauda audit` compares the chain, and the chain ends in these). The dispatcher calls it; a
 * crash between telling and its record tells it again.
 */
export async function tellJournalHeads(
  context: Pick<Context, 'db' | 'withAccount' | 'newId' | 'processName'>,
): Promise<void> {
  const found = await readUntoldHeads(context.db);
  if (found === null) return;
  const { day, heads } = found;
  await context.withAccount({
    accountId: SYSTEM_ACCOUNT,
    actor: context.processName,
    needs: { openAlerts: true },
    run: (view) => {
      view.raiseAlert({
        id: context.newId(),
        severity: 'INFO',
        type: 'journal_head',
        message: `the journals as ${day} began: ${textOf(heads)}; keep this, it shows that nothing before it was changed`,
        details: { day, heads },
        orderId: null,
        condition: headsCondition(day),
      });
      // It is news, not a state that lasts.
      view.clearAlert(headsCondition(day));
    },
  });
}

function textOf(heads: readonly JournalHead[]): string {
  const named = heads
    .slice(0, MAX_NAMED)
    .map(({ accountId, seq, hash }) => `${accountId} entry ${seq} ${hash}`);
  const more = heads.length - named.length;
  return [...named, ...(more > 0 ? [`and ${more} more`] : [])].join(', ');
}
