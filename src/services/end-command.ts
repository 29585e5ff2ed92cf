import type { OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { CommandOutcome } from '../domain/command.ts';

/** Ends a command; its row and the journal entry at its order move together. */
export function endCommand(
  view: AccountView,
  command: OrderCommandRow,
  outcome: CommandOutcome,
  reason: string | null,
): OrderCommandRow {
  return view.putCommand(
    { ...command, state: 'DONE', outcome, reason, finishedAt: view.now, nextStepAt: null, parkedAt: null },
    { kind: 'CommandEnded', data: { command: command.kind, outcome, reason } },
  );
}
