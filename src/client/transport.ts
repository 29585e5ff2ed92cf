import type { Filter } from './types.ts';
import { type ApiError, NotReachableError, errorOf } from './errors.ts';

export interface ClientOptions {
  /** "http://127.0.0.1:8080". */
  readonly baseUrl: string;
  readonly token: string;
  /** For one try, milliseconds; a wait on the server comes on top. Default 10,000. */
  readonly timeoutMs?: number;
  /** Tries of what is safe to repeat. Default 4. */
  readonly tries?: number;
  /** In place of the global fetch. */
  readonly fetch?: typeof fetch;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Filter;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** True only when doing it twice is the same as once. */
  readonly isRepeatable: boolean;
  /** How long the server may hold the answer back on purpose. */
  readonly waitMs?: number;
}

/** Sends one call and gives the JSON of its answer; undefined for an empty one. */
export type Send = (call: Call) => Promise<unknown>;

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_TRIES = 4;
/** Pauses between tries double from here. */
const FIRST_PAUSE_MS = 100;
/** A server that wants a longer pause is told of to the caller: a minute is what its windows are long. */
const LONGEST_RATE_PAUSE_MS = 60_000;

/**
 * Calls over fetch. What is repeatable is tried again when there was no answer, or 503; anything after the pause that a
 * 429 names, up to a minute; nothing else ever is.
 * Throws ApiError for a refusal, NotReachableError when no try had an answer.
 */
export function createTransport(options: ClientOptions): Send {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, tries = DEFAULT_TRIES, token } = options;
  const send = options.fetch ?? fetch;

  const once = async (call: Call): Promise<unknown> => {
    const response = await send(urlOf(options.baseUrl, call), {
      method: call.method,
      signal: AbortSignal.timeout(timeoutMs + (call.waitMs ?? 0)),
      redirect: 'error',
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...call.headers,
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    });
    if (!response.ok) throw await errorOf(response);
    return response.status === 204 ? undefined : await response.json();
  };

  return async (call) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(call);
      } catch (error) {
        const refusal = isRefusal(error) ? error : null;
        const laterMs = refusal?.status === 429 ? refusal.retryAfterMs : null;
        // Refused for the rate, nothing was done, whatever it was.
        const isPaced = laterMs !== null && laterMs <= LONGEST_RATE_PAUSE_MS;
        const isRepeatable = call.isRepeatable && (refusal === null || refusal.status === 503);
        if (attempt >= tries || !(isPaced || isRepeatable)) {
          throw refusal ?? new NotReachableError(options.baseUrl, error);
        }
        await pause(isPaced ? laterMs : FIRST_PAUSE_MS * 2 ** (attempt - 1));
      }
    }
  };
}

function isRefusal(error: unknown): error is ApiError {
  return error instanceof Error && error.name === 'ApiError';
}

function urlOf(baseUrl: string, { path, query = {} }: Call): URL {
  const url = new URL(path, baseUrl);
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of typeof value === 'object' ? value : [value]) {
      url.searchParams.append(name, String(one));
    }
  }
  return url;
}

/** Resolves after `ms`, or when the signal is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}
