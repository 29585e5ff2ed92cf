import { setTimeout as sleep } from 'node:timers/promises';
import {
  type HeldLock,
  type KeptUpdate,
  endUpdate,
  holdLock,
  readOpenUpdates,
} from '../db/stores/chat-store.ts';
import { failpoint } from '../lib/failpoint.ts';
import { COMMANDS } from './commands.ts';
import { type Handling, handleUpdate } from './handle-update.ts';
import type { Inbox } from './inbox.ts';
import { ChatError } from './port.ts';

export interface BotOptions extends Handling {
  readonly inbox: Inbox;
  /** Null: long polling. Otherwise Telegram posts updates there, and the API takes them in. */
  readonly webhook: { readonly url: string; readonly secret: string } | null;
  /** One long poll, milliseconds; default 25 s. */
  readonly pollMs?: number;
  /** A handler that takes longer loses its place, milliseconds; default 60 s. */
  readonly handlingMs?: number;
}

export interface RunningBot {
  /** Updates were taken in: look now. */
  kick(): void;
  stop(): Promise<void>;
}

const POLL_MS = 25_000;
const LOCK_RETRY_MS = 3000;
/** Between two looks at what is to be done, when nobody kicks. */
const LOOK_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
const OPEN_AT_ONCE = 200;
const STOP_MS = 2000;
/** Updates that are worked on side by side, by urgency: whatever hangs, the more urgent finds a place of its own. */
const PLACES = { 0: 200, 1: 16, 2: 8 } as const;
/** A handler that takes longer has its place taken; the longest that should is a halt that waits and is watched. */
const HANDLING_MS = 60_000;
/** Commands that change something. */
const ACTING = COMMANDS.filter(({ role }) => role === 'operator').map(({ name }) => name);
/** Tries of what only answers. What stops trading is tried for as long as it takes. */
const MAX_TRIES = 8;

/**
 * The bot of one process. It promises: one poller in any number of processes (an advisory lock); no update is
 * acknowledged before it is a row; a handler that hangs delays no other; an error ends nothing; and without Telegram
 * it only waits. Never awaited by a start: nothing of trading depends on it.
 */
export function startBot(options: BotOptions): RunningBot {
  const bot = new Bot(options);
  const running = bot.run();
  return {
    kick: () => bot.kick(),
    stop: async () => {
      bot.stop();
      await running;
    },
  };
}

interface Try {
  readonly count: number;
  readonly notBeforeMs: number;
}

class Bot {
  readonly #options: BotOptions;
  readonly #stopping = new AbortController();
  readonly #running = new Map<
    string,
    { readonly urgency: KeptUpdate['urgency']; readonly done: Promise<void> }
  >();
  readonly #tries = new Map<string, Try>();
  #wake: () => void = () => undefined;

  constructor(options: BotOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#stopping.abort();
    this.#wake();
  }

  kick(): void {
    this.#wake();
  }

  async run(): Promise<void> {
    const { desk, chat } = this.#options;
    while (!this.#isStopping()) {
      const lock = await holdLock(desk.context.db.url, `telegram:${chat.botId}`).catch(() => null);
      if (lock === null) {
        await this.#pause(LOCK_RETRY_MS, this.#stopping.signal);
        continue;
      }
      await this.#lead(lock);
      await lock.release().catch(() => undefined);
    }
    // What is not done by then is done by the next process: the rows are the truth.
    await Promise.race([
      Promise.allSettled([...this.#running.values()].map(({ done }) => done)),
      sleep(STOP_MS, undefined, { ref: false }),
    ]);
  }

  /** Until the process stops or the lock is lost. */
  async #lead(lock: HeldLock): Promise<void> {
    const over = new AbortController();
    const end = (): void => {
      over.abort();
      this.#wake();
    };
    this.#stopping.signal.addEventListener('abort', end, { once: true });
    if (this.#isStopping()) end();
    void lock.lost.then(end);
    await Promise.all([this.#fetch(over.signal), this.#work(over.signal)]);
    this.#stopping.signal.removeEventListener('abort', end);
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    const { chat, webhook } = this.#options;
    let failures = 0;
    let isSetUp = false;
    let offset = 0;
    while (!isOver(signal)) {
      try {
        if (!isSetUp) {
          await chat.setWebhook(webhook);
          await chat.setCommands(COMMANDS.map(({ name, description }) => ({ command: name, description })));
          isSetUp = true;
        }
        if (webhook !== null) return;
        offset = await this.#poll(offset, signal);
        failures = 0;
      } catch (error) {
        if (isOver(signal)) return;
        failures += 1;
        const asked = error instanceof ChatError ? (error.retryAfterMs ?? 0) : 0;
        const pauseMs = Math.max(asked, Math.min(LONGEST_PAUSE_MS, 500 * 2 ** Math.min(failures, 6)));
        this.#options.desk.context.log.warn(
          { err: error, attempt: failures },
          'Telegram can not be asked for news',
        );
        await this.#pause(pauseMs, signal);
      }
    }
  }

  /** The next offset: only what is a row by then is acknowledged, by the next call. */
  async #poll(offset: number, signal: AbortSignal): Promise<number> {
    const { chat, inbox, pollMs = POLL_MS } = this.#options;
    const updates = await chat.getUpdates(offset, pollMs, signal);
    if (updates.length === 0) return offset;
    const newest = await inbox.take(updates);
    await failpoint('telegram.kept');
    this.#wake();
    return newest === null ? offset : newest + 1;
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { desk } = this.#options;
    while (!isOver(signal)) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      try {
        const open = await readOpenUpdates(desk.context.db, desk.accountId, {
          limit: OPEN_AT_ONCE,
          acting: ACTING,
        });
        const known = new Set(open.map(({ key }) => key));
        for (const key of this.#tries.keys()) if (!known.has(key)) this.#tries.delete(key);
        for (const update of open) this.#begin(update);
      } catch (error) {
        desk.context.log.warn({ err: error }, 'what people sent could not be read');
      }
      const timer = setTimeout(this.#wake, LOOK_MS);
      if (!isOver(signal)) await woken;
      clearTimeout(timer);
    }
  }

  #begin(update: KeptUpdate): void {
    const { key, urgency } = update;
    if (this.#running.has(key)) return;
    const inPlaces = [...this.#running.values()].filter((one) => one.urgency === urgency);
    if (inPlaces.length >= PLACES[urgency]) return;
    if ((this.#tries.get(key)?.notBeforeMs ?? 0) > performance.now()) return;
    const done = this.#handle(update).finally(() => {
      this.#running.delete(key);
      this.#wake();
    });
    this.#running.set(key, { urgency, done });
  }

  async #handle(update: KeptUpdate): Promise<void> {
    const { key, accountId } = update;
    const { context } = this.#options.desk;
    try {
      await withinTime(this.#handleAfterFailpoint(update), this.#options.handlingMs ?? HANDLING_MS);
      this.#tries.delete(key);
    } catch (error) {
      const count = (this.#tries.get(key)?.count ?? 0) + 1;
      const pauseMs = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** Math.min(count, 6));
      this.#tries.set(key, { count, notBeforeMs: performance.now() + pauseMs });
      context.log.warn({ err: error, key, attempt: count }, 'what a person sent could not be done yet');
      if (count < MAX_TRIES || update.urgency === 0) return;
      await endUpdate(context.db, accountId, key).catch(() => undefined);
    }
  }

  async #handleAfterFailpoint(update: KeptUpdate): Promise<void> {
    const { input } = update;
    await failpoint(`telegram.handle.${input.kind === 'command' ? input.name : input.kind}`);
    await handleUpdate(this.#options, update);
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }
}

/** Asked anew each time: it changes while one waits. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** What still runs after that ends by itself, and has its effect once: its place is for others. */
async function withinTime(handling: Promise<void>, mostMs: number): Promise<void> {
  const timeout = new AbortController();
  try {
    const late = sleep(mostMs, undefined, { signal: timeout.signal }).then(() => {
      throw new Error(`a handler took longer than ${mostMs} ms`);
    });
    await Promise.race([handling, late]);
  } finally {
    timeout.abort();
  }
}
