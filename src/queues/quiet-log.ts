import { systemClock, type Clock } from '../time/clock.ts';
import { errorText, LOG_AGAIN_AFTER_MS } from './bounds.ts';
import type { QueueLog } from './queues.ts';

/** While a server is down each object complains several times a second; the same text is logged once in a while. */
export class QuietLog {
  readonly #log: QueueLog;
  readonly #clock: Clock;
  #lastText = '';
  #lastAtMs = Number.NEGATIVE_INFINITY;
  #swallowed = 0;

  constructor(log: QueueLog, clock: Clock = systemClock) {
    this.#log = log;
    this.#clock = clock;
  }

  warn(fields: object, message: string, error: unknown): void {
    const text = errorText(error);
    const nowMs = this.#clock.monotonicMs();
    if (text === this.#lastText && nowMs - this.#lastAtMs < LOG_AGAIN_AFTER_MS) {
      this.#swallowed += 1;
      return;
    }
    this.#log.warn({ ...fields, error: text, notLogged: this.#swallowed }, message);
    this.#lastText = text;
    this.#lastAtMs = nowMs;
    this.#swallowed = 0;
  }
}
