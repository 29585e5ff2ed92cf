import type { Config } from '../config/config.ts';
import { DEFAULT_ACCOUNT } from '../services/open-account.ts';
import { createInbox, type Inbox } from '../telegram/inbox.ts';
import type { Composition } from './compose.ts';

/** Takes in what Telegram hands out, by polling or by webhook; null: no bot is configured. */
export function telegramInbox({ context, telegram }: Composition, config: Config): Inbox | null {
  if (telegram === null || config.telegram === null) return null;
  const { people, chatId, escalation } = config.telegram;
  return createInbox({
    context,
    accountId: DEFAULT_ACCOUNT,
    botId: telegram.chat.botId,
    allowed: { people, chatIds: [chatId, ...(escalation === null ? [] : [escalation.chatId])] },
    username: () => telegram.chat.username(),
  });
}
