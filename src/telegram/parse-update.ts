import { z } from 'zod';
import type { ChatInput } from '../domain/chat.ts';
import { clean, cut } from './rich-text.ts';

/** Who wrote or pressed, and where. Ids as digits, of a group with a minus. */
export interface Sender {
  readonly userId: string;
  readonly isBot: boolean;
  /** It speaks as a channel or a group: anybody can stand behind it. */
  readonly isAnonymous: boolean;
  readonly chatId: string;
  readonly chatType: string;
}

/** Null input: not for us, whoever sent it. */
export interface ParsedUpdate {
  readonly updateId: number;
  readonly sender: Sender | null;
  readonly input: ChatInput | null;
}

const id = z.number().int();
/** The last second that a date of four digits can name. */
const MAX_SECONDS = 253_402_300_799;
/** Our own buttons hold nothing else, and what a client makes up must not reach a row. */
const PRINTABLE = /^[\x20-\x7E]+$/;
const user = z.object({ id, is_bot: z.boolean().default(false) });
const chat = z.object({ id, type: z.string().regex(/^[a-z_]{1,32}$/) });
const message = z.object({
  message_id: id,
  from: user.optional(),
  sender_chat: z.unknown().optional(),
  chat,
  date: id.min(0).max(MAX_SECONDS),
  text: z.string().optional(),
  forward_origin: z.unknown().optional(),
  forward_date: z.unknown().optional(),
  via_bot: z.unknown().optional(),
});
const update = z.object({
  update_id: id,
  message: message.optional(),
  callback_query: z
    .object({
      id: z.string().max(256).regex(PRINTABLE),
      from: user,
      message: z.object({ message_id: id, chat }).optional(),
      data: z.string().max(64).regex(PRINTABLE).optional().catch(undefined),
    })
    .optional(),
});

const COMMAND = /^\/([a-z]{1,32})(?:_([a-z0-9]{1,32}))?(?:@(\w{1,64}))?(?:\s+([\s\S]*))?$/i;
/** In a group a bot may be told commands alone: /4821. */
const CODE = /^\/?(\d{4})(?:@\w{1,64})?$/;
const MAX_ARGUMENT = 300;

/**
 * Reads one update of the Bot API; null: it is none. Edits, channel posts, forwards and what another bot wrote are not
 * for us: nobody meant them as a command here and now. `username` is our bot's; commands for another are not ours.
 * Whatever was sent, what is returned can be stored: no NUL, no half of a character, no date beyond the calendar.
 */
export function parseUpdate(raw: unknown, username: string | null): ParsedUpdate | null {
  const parsed = update.safeParse(raw);
  if (!parsed.success) {
    const bare = z.object({ update_id: id }).safeParse(raw);
    return bare.success ? { updateId: bare.data.update_id, sender: null, input: null } : null;
  }
  const { update_id: updateId, message: said, callback_query: pressed } = parsed.data;
  if (said?.from !== undefined) {
    const sender = senderOf(said.from, said.chat, said.sender_chat !== undefined);
    return { updateId, sender, input: inputOf(said, sender, username) };
  }
  if (pressed?.message !== undefined) {
    const sender = senderOf(pressed.from, pressed.message.chat, false);
    const { chatId, userId } = sender;
    const { data } = pressed;
    if (data === undefined) return { updateId, sender, input: null };
    const press = {
      kind: 'press',
      data,
      pressId: pressed.id,
      messageId: pressed.message.message_id,
    } as const;
    return { updateId, sender, input: { ...press, chatId, userId, saidAt: null } };
  }
  return { updateId, sender: null, input: null };
}

function senderOf(from: z.infer<typeof user>, where: z.infer<typeof chat>, isAnonymous: boolean): Sender {
  return {
    userId: String(from.id),
    isBot: from.is_bot,
    isAnonymous,
    chatId: String(where.id),
    chatType: where.type,
  };
}

function inputOf(
  said: z.infer<typeof message>,
  { chatId, userId }: Sender,
  username: string | null,
): ChatInput | null {
  if (said.forward_origin !== undefined || said.forward_date !== undefined || said.via_bot !== undefined) {
    return null;
  }
  const text = said.text?.trim() ?? '';
  const of = { chatId, userId, saidAt: new Date(said.date * 1000).toISOString() };
  const code = CODE.exec(text)?.[1];
  if (code !== undefined) return { ...of, kind: 'code', code };
  const command = COMMAND.exec(text);
  if (command === null) return null;
  const [, name = '', tail, addressee, rest = ''] = command;
  if (addressee !== undefined && username !== null && addressee.toLowerCase() !== username.toLowerCase()) {
    return null;
  }
  const argument = [tail ?? '', rest.trim()].filter((part) => part !== '').join(' ');
  return { ...of, kind: 'command', name: name.toLowerCase(), argument: cut(clean(argument), MAX_ARGUMENT) };
}
