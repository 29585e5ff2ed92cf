/** A pipeline with a bot that talks with a fake Bot API, and the people of the tests. */
import { startTelegram } from '../../../src/runtime/telegram-role.ts';
import type { AlertSeverity } from '../../../src/domain/alert-delivery.ts';
import { type Pipeline, type PipelineOptions, startPipeline } from '../pipeline.ts';
import { Sender } from '../../../src/telegram/sender.ts';
import { eventually, waitFor } from '../wait.ts';
import {
  FAKE_TOKEN,
  type FakeBotApi,
  type Message,
  type Person,
  type Place,
  startFakeBotApi,
} from './fake-bot-api.ts';

/** Operator. */
export const ASHA: Person = { id: 111_222_333, username: 'asha' };
/** Operator, too. */
export const RAVI: Person = { id: 222_333_444, username: 'ravi' };
/** Viewer. */
export const VEENA: Person = { id: 333_444_555, username: 'veena' };
/** Nobody we know. */
export const STRANGER: Person = { id: 999_888_777, username: 'asha' };
export const GROUP: Place = { id: -1_001_234_567_890, type: 'supergroup' };

export const privateOf = ({ id }: Person): Place => ({ id, type: 'private' });

export interface Desk {
  readonly pipeline: Pipeline;
  readonly fake: FakeBotApi;
  /** The bot of this process. */
  startBot(): { stop(): Promise<void> };
  /** Says it in the person's own chat and returns the newest message that was sent there since. */
  ask(person: Person, text: string, where?: Place): Promise<Message>;
  /** The next message of a chat that has these words. */
  next(chatId: number, words: string | RegExp, after?: number): Promise<Message>;
  /** Presses the button with this text. */
  press(person: Person, message: Message, button: string): Promise<void>;
  raise(alert: {
    readonly severity: AlertSeverity;
    readonly type?: string;
    readonly message: string;
    /** Default main. */
    readonly accountId?: string;
  }): Promise<string>;
  readonly tradingState: () => Promise<string>;
  readonly actors: () => Promise<string[]>;
  stop(): Promise<void>;
}

export interface DeskOptions extends Partial<PipelineOptions> {
  readonly telegram?: Readonly<Record<string, string>>;
  readonly bot?: boolean;
  /** What a handler may take, milliseconds. */
  readonly handlingMs?: number;
  /** 0: a chat takes any number of messages, and the bot sends them as fast. */
  readonly chatGapMs?: 0;
  /** By which the fake measures the limits of chats, milliseconds. */
  readonly chatClock?: () => number;
}

export const TELEGRAM = (fake: FakeBotApi): Record<string, string> => ({
  TELEGRAM_BOT_TOKEN: FAKE_TOKEN,
  TELEGRAM_CHAT_ID: String(ASHA.id),
  TELEGRAM_ALLOWED_USER_IDS: `${ASHA.id},${RAVI.id},${VEENA.id}:viewer`,
  TELEGRAM_API_ROOT: fake.url,
});

export async function startDesk(options: DeskOptions = {}): Promise<Desk> {
  const { chatGapMs, chatClock } = options;
  const fake = await startFakeBotApi({
    ...(chatGapMs === undefined ? {} : { chatGapMs }),
    ...(chatClock === undefined ? {} : { clock: chatClock }),
  });
  const pipeline = await startPipeline({
    backend: 'postgres',
    ...options,
    environment: { ...TELEGRAM(fake), ...options.environment, ...options.telegram },
  });
  const bots: { stop(): Promise<void> }[] = [];
  const { sql } = pipeline;
  const desk: Desk = {
    pipeline,
    fake,
    startBot: () => {
      const { telegram, database } = pipeline.parts;
      const quick = new Sender(database, telegram!.chat, 'PAPER', { chatMs: 0, groupMs: 0 });
      const sender = options.chatGapMs === 0 ? quick : telegram!.sender;
      const parts = { ...pipeline.parts, telegram: { ...telegram!, sender } };
      const { handlingMs } = options;
      const [bot] = startTelegram(parts, pipeline.config, handlingMs === undefined ? {} : { handlingMs });
      bots.push(bot!);
      return bot!;
    },
    ask: async (person, text, where = privateOf(person)) => {
      const before = fake.inChat(where.id).length;
      fake.say(person, where, text);
      return waitFor(() => fake.inChat(where.id)[before], { what: `an answer to ${text}` });
    },
    next: (chatId, words, after = 0) =>
      waitFor(
        () =>
          fake
            .inChat(chatId)
            .slice(after)
            .find(({ text }) => (typeof words === 'string' ? text.includes(words) : words.test(text))),
        { what: `a message with ${String(words)}` },
      ),
    press: async (person, message, button) => {
      const found = message.buttons.find(({ text }) => text === button);
      if (found?.callback_data === undefined) throw new Error(`there is no button ${button}`);
      const id = fake.press(
        person,
        message,
        found.callback_data,
        message.chatId < 0 ? 'supergroup' : 'private',
      );
      await eventually(
        () => {
          if (fake.pending().some(({ update_id }) => update_id === id)) throw new Error('not taken yet');
        },
        { what: 'the press to be taken' },
      );
    },
    raise: async ({ severity, type = 'near_stop', message, accountId = 'main' }) => {
      const { context } = pipeline.parts;
      const id = context.newId();
      await context.withAccount({
        accountId,
        actor: 'test',
        needs: { openAlerts: true },
        run: (view) =>
          view.raiseAlert({
            ...{ id, severity, type, message, details: {}, orderId: null },
            condition: `test:${id}`,
          }),
      });
      return id;
    },
    tradingState: async () =>
      (await sql<{ state: string }>(`select trading_state as state from accounts where id = 'main'`))[0]!
        .state,
    actors: async () =>
      (
        await sql<{ actor: string }>(
          `select actor from journal where kind = 'TradingStateChanged' order by seq`,
        )
      ).map(({ actor }) => actor),
    stop: async () => {
      for (const bot of bots) await bot.stop();
      await pipeline.stop();
      await fake.close();
    },
  };
  if (options.bot !== false) desk.startBot();
  return desk;
}
