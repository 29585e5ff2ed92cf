import { Telegram, TelegramError } from 'telegraf';
import { type Button, ChatError, type ChatFault, type OperatorChat, type Outgoing } from './port.ts';

/** One call, but for the long poll. */
const CALL_MS = 10_000;
/** Over what a long poll was asked to wait. */
const POLL_GRACE_MS = 10_000;
const ALLOWED_UPDATES = ['message', 'callback_query'] as const;
/** What does not keep an update waiting for long. */
const NAME_MS = 2000;
const UPDATES_AT_ONCE = 100;

type Method = Parameters<Telegram['callApi']>[0];

/**
 * Telegram through telegraf's client. Its bot class is not used: it acknowledges updates that are still being worked
 * on, ends at the first error of a handler, and lets a slow one hold up the next (operators.md 1.6). Errors leave
 * this file as ChatError, made anew: the client's own carry the token in their stacks.
 */
export function createTelegrafChat(options: {
  readonly token: string;
  readonly apiRoot: string;
}): OperatorChat {
  const telegram = new Telegram(options.token, { apiRoot: options.apiRoot, webhookReply: false });

  const call = async (
    method: Method,
    payload: Readonly<Record<string, unknown>>,
    timeoutMs: number = CALL_MS,
    signal?: AbortSignal,
  ): Promise<unknown> => {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await telegram.callApi(method, payload, {
        signal: (signal === undefined ? timeout : AbortSignal.any([timeout, signal])) as never,
      });
    } catch (error) {
      if (timeout.aborted)
        throw new ChatError('unreachable', `Telegram did not answer within ${timeoutMs} ms`);
      throw chatErrorOf(error);
    }
  };

  let username: string | null = null;

  return {
    username: async () => (username ??= await call('getMe', {}, NAME_MS).then(nameOf, () => null)),
    botId: options.token.split(':')[0] ?? '',
    getUpdates: async (offset, waitMs, signal) => {
      const timeout = Math.ceil(waitMs / 1000);
      const query = { offset, timeout, limit: UPDATES_AT_ONCE, allowed_updates: ALLOWED_UPDATES };
      const updates = await call('getUpdates', query, timeout * 1000 + POLL_GRACE_MS, signal);
      return Array.isArray(updates) ? (updates as unknown[]) : [];
    },
    send: async (chatId, message, signal) => {
      const sent = await call('sendMessage', { chat_id: chatId, ...payloadOf(message) }, CALL_MS, signal);
      const id: unknown = typeof sent === 'object' && sent !== null ? Reflect.get(sent, 'message_id') : null;
      if (typeof id !== 'number')
        throw new ChatError('unreachable', 'Telegram answered without a message id');
      return id;
    },
    edit: async (chatId, messageId, message) => {
      try {
        await call('editMessageText', { chat_id: chatId, message_id: messageId, ...payloadOf(message) });
      } catch (error) {
        const same = error instanceof ChatError && error.message.includes('message is not modified');
        if (!same) throw error;
      }
    },
    answerPress: async (pressId, text) => {
      await call('answerCallbackQuery', { callback_query_id: pressId, ...(text === null ? {} : { text }) });
    },
    setWebhook: async (webhook) => {
      if (webhook === null) await call('deleteWebhook', { drop_pending_updates: false });
      else {
        const { url, secret } = webhook;
        await call('setWebhook', { url, secret_token: secret, allowed_updates: ALLOWED_UPDATES });
      }
    },
    setCommands: async (commands) => {
      await call('setMyCommands', { commands });
    },
  };
}

function nameOf(me: unknown): string | null {
  const name: unknown = typeof me === 'object' && me !== null ? Reflect.get(me, 'username') : null;
  return typeof name === 'string' ? name : null;
}

function payloadOf({ text, entities, buttons, silent }: Outgoing): Record<string, unknown> {
  return {
    text,
    entities,
    link_preview_options: { is_disabled: true },
    ...(silent === true ? { disable_notification: true } : {}),
    reply_markup: { inline_keyboard: (buttons ?? []).map((row) => row.map(buttonOf)) },
  };
}

function buttonOf(button: Button): Record<string, string> {
  if ('url' in button) return { text: button.text, url: button.url };
  return { text: button.text, callback_data: button.data };
}

function chatErrorOf(error: unknown): ChatError {
  if (error instanceof TelegramError) {
    const { code: status, description, parameters } = error;
    const retryAfterMs =
      parameters?.retry_after === undefined ? {} : { retryAfterMs: parameters.retry_after * 1000 };
    return new ChatError(faultOf(status), `Telegram answered ${status}: ${description.slice(0, 200)}`, {
      status,
      ...retryAfterMs,
      ...(parameters?.migrate_to_chat_id === undefined
        ? {}
        : { movedTo: String(parameters.migrate_to_chat_id) }),
    });
  }
  const named: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  const code = typeof named === 'string' && /^[A-Z0-9_]{1,64}$/.test(named) ? named : 'the connection failed';
  return new ChatError('unreachable', `Telegram is not reachable: ${code}`);
}

function faultOf(status: number): ChatFault {
  if (status === 429) return 'flood';
  if (status === 409) return 'conflict';
  if (status === 401 || status === 404) return 'unauthorized';
  return status >= 500 ? 'unreachable' : 'refused';
}
