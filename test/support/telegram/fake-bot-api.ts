/**
 * Telegram's Bot API on the wire, as far as a bot that talks with people needs it, on a free port of loopback. It keeps
 * every call, hands out updates, refuses what Telegram refuses (rules.ts), and fails on demand.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Chats } from './chats.ts';
import { type Fault, FaultList } from './faults.ts';
import { type Entity, callbackDataProblem, textProblem } from './rules.ts';

export interface Call {
  readonly method: string;
  readonly payload: Readonly<Record<string, unknown>>;
  /** Milliseconds of the fake's own clock. */
  readonly atMs: number;
  /** What it was answered; 0: not at all. */
  status: number;
}

export interface Button {
  readonly text: string;
  readonly callback_data?: string;
  readonly url?: string;
}

/** A message of the bot as its chat shows it now. */
export interface Message {
  readonly id: number;
  readonly chatId: number;
  text: string;
  entities: readonly Entity[];
  /** All rows in one list. */
  buttons: readonly Button[];
  readonly silent: boolean;
  edits: number;
}

export interface Person {
  readonly id: number;
  readonly username?: string;
  readonly isBot?: boolean;
}

export interface Place {
  readonly id: number;
  readonly type: 'private' | 'group' | 'supergroup' | 'channel';
}

export interface SayOptions {
  /** How long ago it was said, seconds. */
  readonly agoSeconds?: number;
  /** More fields of the message: forward_origin, sender_chat, via_bot. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** Instead of "message". */
  readonly as?: 'edited_message' | 'channel_post';
}

export interface FakeBotApiOptions {
  readonly token: string;
  /** Telegram's limits of a chat, milliseconds between messages; 0: none. */
  readonly chatGapMs?: number;
  readonly port?: number;
  /** Milliseconds by which the limits of chats are measured; default real time. */
  readonly clock?: () => number;
}

interface Update {
  readonly update_id: number;
  readonly [kind: string]: unknown;
}

type Answer = { readonly status: number; readonly body: unknown };

const ok = (result: unknown): Answer => ({ status: 200, body: { ok: true, result } });
const refused = (status: number, description: string, parameters?: Record<string, number>): Answer => ({
  status,
  body: { ok: false, error_code: status, description, ...(parameters && { parameters }) },
});
const CONFLICT =
  'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running';

export class FakeBotApi {
  readonly calls: Call[] = [];
  readonly messages: Message[] = [];
  /** Texts of answerCallbackQuery, newest last. */
  readonly toasts: string[] = [];
  readonly #options: FakeBotApiOptions;
  readonly #faults = new FaultList();
  readonly #chats: Chats;
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #clock: () => number;
  readonly #startedMs = performance.now();
  #updates: Update[] = [];
  #nextUpdateId = 700_000_001;
  #nextMessageId = 1;
  #poller: ((answer: Answer) => void) | null = null;
  #wake: () => void = () => undefined;
  #webhook: { readonly url: string; readonly secret: string } | null = null;
  #port = 0;

  constructor(options: FakeBotApiOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
    this.#chats = new Chats(options.chatGapMs ?? 1000);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async listen(): Promise<void> {
    const port = this.#port || (this.#options.port ?? 0);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Telegram is down until `listen`; everything queued stays. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#poller = null;
  }

  /** A person writes. The id of the update. */
  say(from: Person, chat: Place, text: string, options: SayOptions = {}): number {
    const message = {
      message_id: this.#nextMessageId++,
      from: { id: from.id, is_bot: from.isBot ?? false, first_name: 'P', username: from.username },
      chat: { id: chat.id, type: chat.type },
      date: Math.floor(new Date().getTime() / 1000) - (options.agoSeconds ?? 0),
      text,
      ...options.extra,
    };
    return this.#queue(options.as ?? 'message', message);
  }

  /** A person presses a button of a message; any data, also such as no button has. */
  press(
    from: Person,
    message: Pick<Message, 'id' | 'chatId'>,
    data: string,
    type: Place['type'] = 'private',
  ): number {
    return this.#queue('callback_query', {
      id: `q${this.#nextUpdateId}`,
      from: { id: from.id, is_bot: false, first_name: 'P' },
      message: { message_id: message.id, chat: { id: message.chatId, type }, date: 0, text: '' },
      chat_instance: '1',
      data,
    });
  }

  /** Hands the same update out again, as after a crash before it was acknowledged. */
  replay(update: Readonly<Record<string, unknown>> & { readonly update_id: number }): void {
    this.#updates.push(update);
    this.#updates.sort((a, b) => a.update_id - b.update_id);
    this.#woken();
  }

  /** Everything ever queued and not acknowledged yet. */
  pending(): readonly Update[] {
    return this.#updates;
  }

  fail(fault: Fault): void {
    this.#faults.add(fault);
  }

  heal(): void {
    this.#faults.clear();
  }

  callsOf(method: string): Call[] {
    return this.calls.filter((call) => call.method === method);
  }

  /** Messages of a chat as it shows them, oldest first. */
  inChat(chatId: number): Message[] {
    return this.messages.filter((message) => message.chatId === chatId);
  }

  get webhook(): { readonly url: string; readonly secret: string } | null {
    return this.#webhook;
  }

  #queue(kind: string, content: unknown): number {
    const update: Update = { update_id: this.#nextUpdateId++, [kind]: content };
    if (this.#webhook === null) {
      this.#updates.push(update);
      this.#woken();
    } else void this.#post(this.#webhook, update);
    return update.update_id;
  }

  async #post(to: { readonly url: string; readonly secret: string }, update: Update): Promise<void> {
    await fetch(to.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': to.secret },
      body: JSON.stringify(update),
    }).catch(() => undefined);
  }

  #woken(): void {
    this.#wake();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk as string;
    const [, bot = '', method = ''] = (request.url ?? '').split('/');
    const payload = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    const call: Call = { method, payload, atMs: performance.now() - this.#startedMs, status: 0 };
    this.calls.push(call);
    const fault = this.#faults.take(method, payload);
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'drop') {
      // What was asked happens all the same: the answer is what is lost.
      if (fault.afterEffect === true) await this.#answer(bot, method, payload, request);
      response.destroy();
      return;
    }
    const answer =
      fault === null
        ? await this.#answer(bot, method, payload, request)
        : refused(fault.status, fault.description ?? 'injected', {
            ...(fault.retryAfter === undefined ? {} : { retry_after: fault.retryAfter }),
            ...(fault.migrateTo === undefined ? {} : { migrate_to_chat_id: fault.migrateTo }),
          });
    call.status = answer.status;
    response
      .writeHead(answer.status, { 'content-type': 'application/json' })
      .end(JSON.stringify(answer.body));
  }

  async #answer(
    bot: string,
    method: string,
    payload: Readonly<Record<string, unknown>>,
    request: IncomingMessage,
  ): Promise<Answer> {
    if (bot !== `bot${this.#options.token}`) return refused(401, 'Unauthorized');
    switch (method) {
      case 'getMe':
        return ok({
          id: Number(this.#options.token.split(':')[0]),
          is_bot: true,
          first_name: 'Sauda',
          username: 'sauda_bot',
        });
      case 'getUpdates':
        return this.#getUpdates(payload, request);
      case 'sendMessage':
        return this.#send(payload);
      case 'editMessageText':
        return this.#edit(payload);
      case 'answerCallbackQuery':
        this.toasts.push(typeof payload['text'] === 'string' ? payload['text'] : '');
        return ok(true);
      case 'setWebhook':
        this.#webhook = { url: textOf(payload['url']), secret: textOf(payload['secret_token']) };
        return ok(true);
      case 'deleteWebhook':
        this.#webhook = null;
        if (payload['drop_pending_updates'] === true) this.#updates = [];
        return ok(true);
      case 'setMyCommands':
        return ok(true);
      default:
        return refused(404, 'Not Found: method not found');
    }
  }

  async #getUpdates(payload: Readonly<Record<string, unknown>>, request: IncomingMessage): Promise<Answer> {
    if (this.#webhook !== null)
      return refused(409, "Conflict: can't use getUpdates method while webhook is active");
    this.#poller?.(refused(409, CONFLICT));
    const offset = typeof payload['offset'] === 'number' ? payload['offset'] : 0;
    this.#updates = this.#updates.filter(({ update_id }) => update_id >= offset);
    const timeoutMs = typeof payload['timeout'] === 'number' ? payload['timeout'] * 1000 : 0;
    if (this.#updates.length === 0 && timeoutMs > 0) {
      const early = await new Promise<Answer | null>((resolve) => {
        const gone = (): void => done(null);
        const done = (answer: Answer | null): void => {
          clearTimeout(timer);
          request.socket.off('close', gone);
          this.#poller = null;
          this.#wake = () => undefined;
          resolve(answer);
        };
        const timer = setTimeout(() => done(null), timeoutMs);
        this.#poller = done;
        this.#wake = () => done(null);
        request.socket.once('close', gone);
      });
      if (early !== null) return early;
    }
    const limit = typeof payload['limit'] === 'number' ? payload['limit'] : 100;
    return ok(this.#updates.slice(0, limit));
  }

  #send(payload: Readonly<Record<string, unknown>>): Answer {
    const shown = shownOf(payload);
    if (typeof shown === 'string') return refused(400, `Bad Request: ${shown}`);
    const chatId = Number(payload['chat_id']);
    const waitMs = this.#chats.take(chatId, this.#clock());
    if (waitMs > 0) {
      const retryAfter = Math.max(1, Math.ceil(waitMs / 1000));
      return refused(429, `Too Many Requests: retry after ${retryAfter}`, { retry_after: retryAfter });
    }
    const silent = payload['disable_notification'] === true;
    const message: Message = { id: this.#nextMessageId++, chatId, ...shown, silent, edits: 0 };
    this.messages.push(message);
    return ok({ message_id: message.id, date: 0, chat: { id: chatId, type: 'private' }, text: message.text });
  }

  #edit(payload: Readonly<Record<string, unknown>>): Answer {
    const shown = shownOf(payload);
    if (typeof shown === 'string') return refused(400, `Bad Request: ${shown}`);
    const message = this.messages.find(
      ({ id, chatId }) => id === payload['message_id'] && chatId === Number(payload['chat_id']),
    );
    if (message === undefined) return refused(400, 'Bad Request: message to edit not found');
    const same =
      message.text === shown.text && JSON.stringify(message.buttons) === JSON.stringify(shown.buttons);
    if (same) {
      return refused(
        400,
        'Bad Request: message is not modified: specified new message content and reply markup are exactly the same',
      );
    }
    Object.assign(message, shown, { edits: message.edits + 1 });
    return ok({ message_id: message.id });
  }
}

function shownOf(
  payload: Readonly<Record<string, unknown>>,
): Pick<Message, 'text' | 'entities' | 'buttons'> | string {
  const text = textOf(payload['text']);
  const entities = (payload['entities'] ?? []) as readonly Entity[];
  if (payload['parse_mode'] !== undefined) return "can't parse entities: this fake takes entities alone";
  const markup = payload['reply_markup'] as
    { readonly inline_keyboard?: readonly (readonly Button[])[] } | undefined;
  const buttons = (markup?.inline_keyboard ?? []).flat();
  const problem =
    textProblem(text, entities) ??
    buttons.map(({ callback_data }) => callbackDataProblem(callback_data)).find((one) => one !== null);
  return problem ?? { text, entities, buttons };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A fake that listens. */
export async function startFakeBotApi(options: Partial<FakeBotApiOptions> = {}): Promise<FakeBotApi> {
  const fake = new FakeBotApi({ token: FAKE_TOKEN, ...options });
  await fake.listen();
  return fake;
}

/** In the form of a real one. */
export const FAKE_TOKEN = '700100200:AAFakeTokenThatMustNeverBeShownAnywhere';
