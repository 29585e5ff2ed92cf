import type { RichText } from './rich-text.ts';

/** What the bot needs of Telegram; telegraf-chat.ts is its only implementation. */
export interface OperatorChat {
  /** Public part of the token: whose update ids these are. */
  readonly botId: string;
  /** Our bot's name, without @; null while Telegram does not say it. */
  username(): Promise<string | null>;
  /** The updates from `offset` on, as they came; waits up to `waitMs` for the first. Acknowledges those before. */
  getUpdates(offset: number, waitMs: number, signal: AbortSignal): Promise<readonly unknown[]>;
  /** The id of the message. */
  send(chatId: string, message: Outgoing, signal?: AbortSignal): Promise<number>;
  /** Quiet when the message says that already. */
  edit(chatId: string, messageId: number, message: Outgoing): Promise<void>;
  /** Ends the waiting mark of a pressed button; with a text, shows it. */
  answerPress(pressId: string, text: string | null): Promise<void>;
  /** Null: updates are fetched by getUpdates. What waits is kept. */
  setWebhook(webhook: { readonly url: string; readonly secret: string } | null): Promise<void>;
  /** The commands that Telegram offers while one types. */
  setCommands(commands: readonly { readonly command: string; readonly description: string }[]): Promise<void>;
}

export interface Outgoing extends RichText {
  /** Rows of buttons; none when left out. */
  readonly buttons?: readonly (readonly Button[])[];
  readonly silent?: boolean;
}

export type Button =
  { readonly text: string; readonly data: string } | { readonly text: string; readonly url: string };

/** flood: wait. unreachable: no answer, or Telegram's own fault. conflict: somebody else fetches updates. */
export type ChatFault = 'flood' | 'unreachable' | 'conflict' | 'unauthorized' | 'refused';

/** Why Telegram did not do it, in words without the token. */
export class ChatError extends Error {
  override readonly name = 'ChatError';
  readonly fault: ChatFault;
  readonly status: number | null;
  /** Only of a flood, milliseconds. */
  readonly retryAfterMs: number | null;
  /** The chat has another id from now on: a group became a supergroup. */
  readonly movedTo: string | null;

  constructor(
    fault: ChatFault,
    message: string,
    of: { readonly status?: number; readonly retryAfterMs?: number; readonly movedTo?: string } = {},
  ) {
    super(message);
    this.fault = fault;
    this.status = of.status ?? null;
    this.retryAfterMs = of.retryAfterMs ?? null;
    this.movedTo = of.movedTo ?? null;
  }
}
