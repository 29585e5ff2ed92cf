import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/client.ts';
import { restChat, takePlace } from '../db/stores/chat-store.ts';
import type { TradingMode } from './pack-alerts.ts';
import { ChatError, type OperatorChat, type Outgoing } from './port.ts';
import { bold, code, concat, lines, plain } from './rich-text.ts';

/** Between two messages of a chat, milliseconds; a group has a negative id. */
export interface Pace {
  readonly chatMs: number;
  readonly groupMs: number;
}

/** Telegram takes about a message a second in a chat, and 20 a minute in a group: one in three seconds. */
export const PACE: Pace = { chatMs: 1050, groupMs: 3050 };
/** After a flood without a time. */
const REST_MS = 5000;

/** The chat has no place for a message within the time that its sender wants to wait. */
export class NoPlaceError extends Error {
  override readonly name = 'NoPlaceError';
}

function moveNotice(mode: TradingMode, chatId: string): Outgoing {
  return lines(
    bold(`${mode} This group became a supergroup`),
    concat('Telegram gave it another id. Set TELEGRAM_CHAT_ID to ', code(chatId), ' and start Sauda again.'),
    plain('Alerts come here already; commands are not taken from here until then.'),
  );
}

/**
 * Sends to a chat no faster than it takes messages, whichever process sends: the places are rows. Throws ChatError, and
 * NoPlaceError when the next place is more than `mostMs` away.
 */
export class Sender {
  readonly #db: Database;
  readonly #chat: OperatorChat;
  readonly #pace: Pace;
  readonly #mode: TradingMode;
  /** Groups that became supergroups, by the id that is configured. */
  readonly #moved = new Map<string, string>();

  constructor(db: Database, chat: OperatorChat, mode: TradingMode, pace: Pace = PACE) {
    this.#db = db;
    this.#chat = chat;
    this.#mode = mode;
    this.#pace = pace;
  }

  async send(
    chatId: string,
    message: Outgoing,
    { mostMs, signal }: { readonly mostMs: number; readonly signal?: AbortSignal },
  ): Promise<number> {
    const now = this.#moved.get(chatId) ?? chatId;
    try {
      return await this.#inTurn(now, mostMs, signal, () => this.#chat.send(now, message, signal));
    } catch (error) {
      const movedTo = error instanceof ChatError ? error.movedTo : null;
      if (movedTo === null || now !== chatId) throw error;
      // Nothing was sent. The people there learn what to change; alerts follow them meanwhile.
      await this.#inTurn(movedTo, mostMs, signal, () =>
        this.#chat.send(movedTo, moveNotice(this.#mode, movedTo), signal),
      );
      this.#moved.set(chatId, movedTo);
      return this.send(chatId, message, { mostMs, ...(signal === undefined ? {} : { signal }) });
    }
  }

  async edit(chatId: string, messageId: number, message: Outgoing, mostMs: number): Promise<void> {
    await this.#inTurn(chatId, mostMs, undefined, () => this.#chat.edit(chatId, messageId, message));
  }

  async #inTurn<T>(
    chatId: string,
    mostMs: number,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    const gapMs = chatId.startsWith('-') ? this.#pace.groupMs : this.#pace.chatMs;
    const waitMs = await takePlace(this.#db, chatId, { gapMs, mostMs });
    if (waitMs === null) throw new NoPlaceError('the chat takes no message yet');
    if (waitMs > 0) await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
    try {
      const done = await work();
      // A message may have been long on its way: the pause begins when it has arrived.
      await restChat(this.#db, chatId, gapMs);
      return done;
    } catch (error) {
      if (error instanceof ChatError && error.fault === 'flood') {
        await restChat(this.#db, chatId, error.retryAfterMs ?? REST_MS);
      }
      throw error;
    }
  }
}
