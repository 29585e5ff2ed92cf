import { readClock } from '../db/stores/account-read-store.ts';
import { keepUpdates } from '../db/stores/chat-store.ts';
import { istDateOf } from '../domain/calendar.ts';
import type { ChatInput } from '../domain/chat.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import type { Context } from '../services/context.ts';
import { recordStranger } from '../services/record-stranger.ts';
import { type ParsedUpdate, type Sender, parseUpdate } from './parse-update.ts';
import { type Allowed, roleOf } from './who.ts';

export interface InboxOptions {
  readonly context: Pick<Context, 'db' | 'withAccount'>;
  readonly accountId: string;
  readonly botId: string;
  readonly allowed: Allowed;
  /** Our bot's name; null while it is not known. */
  readonly username: () => Promise<string | null>;
}

/** Takes updates in: once it returns, what has to be done is a row, and Telegram may forget it. */
export interface Inbox {
  /** The id of the newest; null when there was none. Whoever called may try again: twice is the same as once. */
  take(updates: readonly unknown[]): Promise<number | null>;
}

/** Strangers that this process has recorded today. */
const MAX_KNOWN_STRANGERS = 10_000;

export function createInbox(options: InboxOptions): Inbox {
  const { context, accountId, botId, allowed } = options;
  const strangers = new Set<string>();

  const recordOnce = async (sender: Sender, input: ChatInput | null): Promise<void> => {
    const { userId, chatId, chatType } = sender;
    const key = `stranger/${chatId}/${userId}/${istDateOf(await readClock(context.db))}`;
    if (strangers.has(key)) return;
    await recordStranger(context, {
      key,
      ...{ accountId: SYSTEM_ACCOUNT, userId, chatId, chatType },
      what: input?.kind ?? 'other',
    });
    if (strangers.size >= MAX_KNOWN_STRANGERS) strangers.clear();
    strangers.add(key);
  };

  return {
    take: async (updates) => {
      const username = await options.username();
      const parsed = updates
        .map((raw) => parseUpdate(raw, username))
        .filter((one): one is ParsedUpdate => one !== null);
      const kept: { key: string; input: ChatInput }[] = [];
      for (const { updateId, sender, input } of parsed) {
        if (sender === null) continue;
        if (roleOf(sender, allowed) === null) await recordOnce(sender, input);
        else if (input !== null) kept.push({ key: `${botId}/${updateId}`, input });
      }
      await keepUpdates(context.db, accountId, kept);
      return parsed.reduce<number | null>((most, { updateId }) => Math.max(most ?? updateId, updateId), null);
    },
  };
}
