import type { ChatRole } from '../domain/chat.ts';
import type { Sender } from './parse-update.ts';

export interface Allowed {
  /** Roles by user id. */
  readonly people: ReadonlyMap<string, ChatRole>;
  /** Chats that alerts go to. */
  readonly chatIds: readonly string[];
}

/** Kinds of group in which the bot may be spoken to. */
const GROUPS: ReadonlySet<string> = new Set(['group', 'supergroup']);

/**
 * What a person may do here; null: a stranger. The person and the place both count: somebody we know in their own
 * private chat with the bot, or in a group that alerts go to. Nobody who speaks as a group, a channel or a bot.
 */
export function roleOf(sender: Sender, { people, chatIds }: Allowed): ChatRole | null {
  const { userId, isBot, isAnonymous, chatId, chatType } = sender;
  if (isBot || isAnonymous) return null;
  const isOwnChat = chatType === 'private' && chatId === userId;
  const isOurGroup = GROUPS.has(chatType) && chatIds.includes(chatId);
  if (!isOwnChat && !isOurGroup) return null;
  return people.get(userId) ?? null;
}
