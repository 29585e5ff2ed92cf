/** The one source of time. Calendar decisions use `now`, durations use `monotonicMs`; database deadlines neither. */
export interface Clock {
  /** The wall clock's instant; may jump. */
  now(): Date;
  /** Milliseconds since an arbitrary start; never goes back, not even when the wall clock is set. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
};

/** A clock that moves only when told. */
export interface FakeClock extends Clock {
  /** Moves both readings forward. */
  advance(ms: number): void;
  /** Sets the wall clock alone, also backwards, as an operator or NTP would. */
  setNow(instant: Date | string): void;
}

/** A fake clock for tests, standing at `start` (an instant, or RFC 3339 text). */
export function fakeClock(start: Date | string): FakeClock {
  let wallMs = instantMs(start);
  let elapsedMs = 0;
  return {
    now: () => new Date(wallMs),
    monotonicMs: () => elapsedMs,
    advance(ms) {
      if (!(ms >= 0)) throw new RangeError(`a clock does not run ${ms} ms forward`);
      wallMs += ms;
      elapsedMs += ms;
    },
    setNow(instant) {
      wallMs = instantMs(instant);
    },
  };
}

function instantMs(instant: Date | string): number {
  const ms = new Date(instant).getTime();
  if (Number.isNaN(ms)) throw new RangeError(`not an instant: ${String(instant)}`);
  return ms;
}
