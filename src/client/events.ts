import { errorOf } from './errors.ts';
import { type ClientOptions, pause } from './transport.ts';
import type { EventBody } from './types.ts';

export interface EventsOptions {
  /** Every entry with a larger number; 0 is all there ever was. Left out: what happens from now on. */
  readonly since?: number;
  readonly accountId?: string;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** The server says something every 15 s; a connection that is silent for longer is dead. */
const SILENCE_MS = 45_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
/** One event that is longer is a mistake. */
const MAX_FRAME_CHARACTERS = 16_777_216;
const TOO_MANY_REQUESTS = 429;

/**
 * Follows the journal of an account: every entry once and in its order, also across lost connections and restarts of
 * the server, for as long as it is iterated. Throws ApiError when the server refuses for good.
 */
export async function* followEvents(
  client: ClientOptions,
  { since, accountId, signal }: EventsOptions = {},
): AsyncGenerator<EventBody, void, undefined> {
  let last = since ?? null;
  let failures = 0;
  while (signal?.aborted !== true) {
    try {
      for await (const { id, event, data } of frames(client, { last, accountId, signal })) {
        failures = 0;
        if (id !== null && data === null) last = id;
        if (id === null || data === null || event !== null || (last !== null && id <= last)) continue;
        last = id;
        yield JSON.parse(data) as EventBody;
      }
    } catch (error) {
      if (isFinal(error)) throw error;
    }
    if (isAborted(signal)) return;
    await pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures++, 10)), signal);
  }
}

interface Frame {
  readonly id: number | null;
  readonly event: string | null;
  readonly data: string | null;
}

/** The frames of one connection; ends or throws when it does. */
async function* frames(
  { baseUrl, token, timeoutMs = CONNECT_TIMEOUT_MS, fetch: send = fetch }: ClientOptions,
  of: {
    readonly last: number | null;
    readonly accountId?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): AsyncGenerator<Frame, void, undefined> {
  const url = new URL('/v1/events', baseUrl);
  if (of.accountId !== undefined) url.searchParams.set('accountId', of.accountId);
  if (of.last !== null) url.searchParams.set('since', String(of.last));
  const gone = new AbortController();
  const signal = of.signal === undefined ? gone.signal : AbortSignal.any([gone.signal, of.signal]);
  const within = async <T>(ms: number, promise: Promise<T>): Promise<T> => {
    const timer = setTimeout(() => gone.abort(new Error(`nothing was heard for ${ms} ms`)), ms);
    return promise.finally(() => clearTimeout(timer));
  };
  try {
    const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
    const response = await within(timeoutMs, send(url, { headers, signal, redirect: 'error' }));
    if (!response.ok || response.body === null) throw await errorOf(response);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await within(SILENCE_MS, reader.read());
      if (done) return;
      const parts = (rest + value).split(/\r?\n\r?\n/);
      rest = parts.pop() ?? '';
      if (rest.length > MAX_FRAME_CHARACTERS) throw new Error('an event without an end');
      yield* parts.map(parseFrame);
    }
  } finally {
    gone.abort();
  }
}

function parseFrame(text: string): Frame {
  const field = (name: string): string | null => {
    const lines = text.split(/\r?\n/).filter((line) => line === name || line.startsWith(`${name}:`));
    if (lines.length === 0) return null;
    return lines.map((line) => line.slice(name.length + 1).replace(/^ /, '')).join('\n');
  };
  const id = field('id');
  return { id: id === null ? null : Number(id), event: field('event'), data: field('data') };
}

/** A refusal that would be the same again: everything but too many requests, and failures of the server. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== 'ApiError') return false;
  const status: unknown = Reflect.get(error, 'status');
  return typeof status === 'number' && status < 500 && status !== TOO_MANY_REQUESTS;
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
