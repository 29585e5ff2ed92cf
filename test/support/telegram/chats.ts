const GROUP_WINDOW_MS = 60_000;
const GROUP_MESSAGES = 20;

/** How often a chat takes a message: one in `gapMs`, and of a group (a negative id) 20 a minute. */
export class Chats {
  readonly #gapMs: number;
  readonly #sentMs = new Map<number, number[]>();

  constructor(gapMs: number) {
    this.#gapMs = gapMs;
  }

  /** Takes a place for a message, or says how long to wait, milliseconds. */
  take(chatId: number, nowMs: number): number {
    if (this.#gapMs === 0) return 0;
    const sent = (this.#sentMs.get(chatId) ?? []).filter((ms) => nowMs - ms < GROUP_WINDOW_MS);
    const last = sent.at(-1) ?? -Infinity;
    if (nowMs - last < this.#gapMs) return this.#gapMs - (nowMs - last);
    const [first = nowMs] = sent.slice(-GROUP_MESSAGES);
    if (chatId < 0 && sent.length >= GROUP_MESSAGES) return GROUP_WINDOW_MS - (nowMs - first);
    this.#sentMs.set(chatId, [...sent, nowMs]);
    return 0;
  }
}
