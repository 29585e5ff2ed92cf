import { setTimeout as sleep } from 'node:timers/promises';
import { readClock } from '../db/stores/account-read-store.ts';
import { type NewUpdate, keepUpdates } from '../db/stores/chat-store.ts';
import { istDateOf } from '../domain/calendar.ts';
import type { ChatInput } from '../domain/chat.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import type { Context } from '../services/context.ts';
import { recordStranger } from '../services/record-stranger.ts';
import { type ParsedUpdate, type Sender, parseUpdate } from './parse-update.ts';
import { type Allowed, roleOf } from './who.ts';

export interface InboxOptions {
  readonly context: Pick<Context, 'db' | 'withAccount' | 'log'>;
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
/** What people we know send next waits so long for the entries of strangers, and no longer. */
const STRANGERS_MS = 2000;

export function createInbox(options: InboxOptions): Inbox {
  const { context, accountId, botId, allowed } = options;
  const strangers = new Set<string>();

  const recordOnce = async ({ sender, input }: Tried): Promise<void> => {
    const { userId, chatId, chatType } = sender;
    const key = `stranger/${chatId}/${userId}/${istDateOf(await readClock(context.db))}`;
    if (strangers.has(key)) return;
    if (strangers.size >= MAX_KNOWN_STRANGERS) strangers.clear();
    strangers.add(key);
    await recordStranger(context, {
      key,
      ...{ accountId: SYSTEM_ACCOUNT, userId, chatId, chatType },
      what: input?.kind ?? 'other',
    }).catch((error: unknown) => {
      // Their next try makes the entry; whoever may speak must not wait for it.
      strangers.delete(key);
      context.log.warn({ err: error }, 'a stranger could not be recorded');
    });
  };

  const record = async (tried: readonly Tried[]): Promise<void> => {
    for (const one of tried) await recordOnce(one);
  };

  return {
    take: async (updates) => {
      const username = await options.username();
      const parsed = updates
        .map((raw) => parseUpdate(raw, username))
        .filter((one): one is ParsedUpdate => one !== null);
      const kept: NewUpdate[] = [];
      const tried: Tried[] = [];
      for (const { updateId, sender, input } of parsed) {
        if (sender === null) continue;
        if (roleOf(sender, allowed) === null) tried.push({ sender, input });
        else if (input !== null) kept.push({ key: `${botId}/${updateId}`, input });
      }
      for (const key of await keepUpdates(context.db, accountId, kept)) {
        context.log.error({ key }, 'what a person sent can not be stored: it is dropped');
      }
      const recorded = record(tried).catch((error: unknown) =>
        context.log.warn({ err: error }, 'strangers could not be recorded'),
      );
      if (tried.length > 0) await Promise.race([recorded, sleep(STRANGERS_MS, undefined, { ref: false })]);
      return parsed.reduce<number | null>((most, { updateId }) => Math.max(most ?? updateId, updateId), null);
    },
  };
}

/** What somebody sent whom we do not know. */
interface Tried {
  readonly sender: Sender;
  readonly input: ChatInput | null;
}
