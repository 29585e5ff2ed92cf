import type { Database } from '../db/client.ts';
import { readJournalAfter, readJournalHeads, type JournalLine } from '../db/stores/journal-store.ts';

/** Follows the journals of all accounts from now on; `onLine` sees each entry once, in order of time. */
export function tailJournal(
  db: Database,
  options: {
    readonly everyMs: number;
    readonly onLine: (line: JournalLine) => Promise<void>;
    /** After each look, when everything that it found was shown. */
    readonly onCaughtUp?: () => Promise<void>;
  },
): { stop(): Promise<void> } {
  const seen = new Map<string, number>();
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | null = null;

  const look = async (): Promise<void> => {
    const found = await readJournalAfter(db, seen);
    // Times of one account never go back, so each account's own order stays.
    const lines = [...found].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
    for (const line of lines) {
      seen.set(line.accountId, line.seq);
      await options.onLine(line);
    }
    await options.onCaughtUp?.();
  };
  const beat = (): void => {
    running = look()
      .catch(() => undefined) // the database is away for a moment: the next look sees what this one missed
      .then(() => {
        if (!stopped) timer = setTimeout(beat, options.everyMs);
      });
  };
  running = readJournalHeads(db)
    .then((heads) => {
      for (const [account, seq] of heads) seen.set(account, seq);
    })
    .catch(() => undefined)
    .then(beat);
  return {
    stop: async () => {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
      await running;
    },
  };
}
