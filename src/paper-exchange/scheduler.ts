/** What the scheduler runs. Times are ms of the injected clock. */
interface Schedule {
  readonly nowMs: () => number;
  /** True when ticks are due every `tickIntervalMs`. */
  readonly ticking: () => boolean;
  readonly tick: () => void;
  /** The next replayed price, ms; null without a replay. */
  readonly nextReplay: () => number | null;
  readonly replay: () => void;
  /** The next moment an order waits for, ms; null when there is none. */
  readonly nextTimed: () => number | null;
  readonly timed: () => void;
  readonly tickIntervalMs: number;
}

const LONGEST_SLEEP_MS = 60_000;

/** One timer for everything that happens by itself; none is set when nothing can happen. */
export class Scheduler {
  private readonly schedule: Schedule;
  private timer: NodeJS.Timeout | null = null;
  private nextTick: number;
  private closed = false;

  constructor(schedule: Schedule) {
    this.schedule = schedule;
    this.nextTick = schedule.nowMs() + schedule.tickIntervalMs;
  }

  /** Sets the timer anew; to be called whenever something may have become due earlier. */
  wake(): void {
    if (this.closed) return;
    if (this.timer !== null) clearTimeout(this.timer);
    const at = this.next();
    if (at === null) {
      this.timer = null;
      return;
    }
    const delay = Math.min(LONGEST_SLEEP_MS, Math.max(0, at - this.schedule.nowMs()));
    this.timer = setTimeout(() => this.run(), delay).unref();
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private next(): number | null {
    const { schedule } = this;
    const times = [schedule.ticking() ? this.nextTick : null, schedule.nextReplay(), schedule.nextTimed()];
    const due = times.filter((at) => at !== null);
    return due.length === 0 ? null : Math.min(...due);
  }

  private run(): void {
    const { schedule } = this;
    const nowMs = schedule.nowMs();
    const replayAt = schedule.nextReplay();
    if (replayAt !== null && replayAt <= nowMs) schedule.replay();
    if (this.nextTick <= nowMs) {
      const next = this.nextTick + schedule.tickIntervalMs;
      this.nextTick = next > nowMs ? next : nowMs + schedule.tickIntervalMs;
      if (schedule.ticking()) schedule.tick();
    }
    schedule.timed();
    this.wake();
  }
}
