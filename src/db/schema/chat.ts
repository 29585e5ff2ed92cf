import { sql } from 'drizzle-orm';
import { index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { ChatInput, PromptAction } from '../../domain/chat.ts';
import { accountId, instant } from './columns.ts';

/**
 * What people sent from a chat, kept before the chat service is told that we have it. `done_at` is written in the
 * transaction of the effect, so that an update that comes again does nothing again (domain/chat.ts).
 */
export const chatUpdates = pgTable(
  'chat_updates',
  {
    accountId: accountId(),
    /** "botId/updateId"; or "stranger/chat/user/day", of the audit entry alone. */
    key: text('key').notNull(),
    input: jsonb('input').$type<ChatInput>(),
    receivedAt: instant('received_at')
      .notNull()
      .default(sql`clock_timestamp()`),
    /** Null: still to be done. */
    doneAt: instant('done_at'),
  },
  (t) => [
    primaryKey({ name: 'chat_updates_pk', columns: [t.accountId, t.key] }),
    index('chat_updates_to_do')
      .on(t.receivedAt)
      .where(sql`${t.doneAt} is null`),
  ],
);

/** A question with buttons, or one that waits for a typed code: single use, of one person in one chat. */
export const chatPrompts = pgTable(
  'chat_prompts',
  {
    accountId: accountId(),
    nonce: text('nonce').notNull(),
    chatId: text('chat_id').notNull(),
    userId: text('user_id').notNull(),
    action: jsonb('action').$type<PromptAction>().notNull(),
    /** What has to be typed; null: a press is enough. */
    code: text('code'),
    wrongCodes: integer('wrong_codes').notNull().default(0),
    createdAt: instant('created_at')
      .notNull()
      .default(sql`clock_timestamp()`),
    expiresAt: instant('expires_at').notNull(),
    /** The key of the update that used it; the same one may use it again, after a crash. */
    usedBy: text('used_by'),
  },
  (t) => [
    primaryKey({ name: 'chat_prompts_pk', columns: [t.accountId, t.nonce] }),
    index('chat_prompts_typed')
      .on(t.chatId, t.userId)
      .where(sql`${t.usedBy} is null and ${t.code} is not null`),
  ],
);

/** When a chat may be sent the next message, whoever sends it: one row per chat, by the database's real clock. */
export const chatPace = pgTable('chat_pace', {
  chatId: text('chat_id').primaryKey(),
  nextAt: instant('next_at').notNull(),
});

/** Types of alerts that a person wants no messages of for a while; CRITICAL ones come all the same. */
export const chatMutes = pgTable(
  'chat_mutes',
  {
    accountId: accountId(),
    channel: text('channel').notNull(),
    type: text('type').notNull(),
    until: instant('until').notNull(),
    by: text('by').notNull(),
  },
  (t) => [primaryKey({ name: 'chat_mutes_pk', columns: [t.accountId, t.channel, t.type] })],
);
