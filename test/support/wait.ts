import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** Completes the sentence "waited for ...". */
  readonly what: string;
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
}

/** Only a wait that would never end meets it: machines are slow, busy, or stop for seconds. */
const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_INTERVAL_MS = 20;

/**
 * Calls `check` until it no longer throws, and returns its value; at the deadline throws with what was waited for
 * and the last error. For assertions about something that becomes true.
 */
export async function eventually<T>(check: () => T | Promise<T>, options: WaitOptions): Promise<T> {
  const { what, timeoutMs = DEFAULT_TIMEOUT_MS, intervalMs = DEFAULT_INTERVAL_MS } = options;
  const began = performance.now();
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() - began >= timeoutMs) {
        const last = error instanceof Error ? error.message : String(error);
        throw new Error(`waited ${timeoutMs} ms (${attempts} looks) for ${what}; at last: ${last}`, {
          cause: error,
        });
      }
    }
    await delay(intervalMs);
  }
}

/** Calls `read` until it gives something else than null, undefined or false, and returns that. */
export async function waitFor<T>(
  read: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Exclude<T, null | undefined | false>> {
  return eventually(async () => {
    const value = await read();
    if (value === null || value === undefined || value === false) throw new Error(`got ${String(value)}`);
    return value as Exclude<T, null | undefined | false>;
  }, options);
}
