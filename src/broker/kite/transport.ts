/**
 * Runs one call of the official client and brings back what happened on the wire.
 * Promises: nothing is followed, repeated or proxied; the deadline covers the token, the connection and the whole
 * answer; what a call records is its own, because each call gets its own view of the client and no state is shared.
 */
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { KiteConnect } from 'kiteconnect';

/** Largest answer taken, on the wire and unpacked; the instruments file is about 10 MB. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** More than one account can use at 10 orders a second; beyond it calls wait, on their own deadline. */
const MAX_SOCKETS = 128;
/** Idle sockets go before common servers drop them at 5 s: a POST on a dropped socket has an unknown outcome. */
const IDLE_SOCKET_MS = 4_000;
/** What axios sets on every call; any other value costs two system calls a call, to and fro. */
const KEEP_ALIVE_PROBE_MS = 60_000;
const MAX_TIMER_MS = 2 ** 31 - 1;

const inflate = promisify(gunzip);

export type AccessToken = string | (() => string | Promise<string>);

/** The whole answer. `body` is null when it could not be unpacked. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer | null;
  /** False when only the end of the connection ended the body, so that a cut one would look the same. */
  readonly isFramed: boolean;
}

/** Why there is no whole answer. `httpStatus` is there when at least the headers came. */
export interface WireFailure {
  readonly errno: string;
  readonly syscall: string;
  readonly message: string;
  readonly httpStatus: number | null;
}

export interface CallRecord {
  readonly timeoutMs: number;
  accessToken: string;
  /** Set before the first byte can leave; while false, the broker certainly saw nothing. */
  isDispatched: boolean;
  isTimedOut: boolean;
  answer: Answer | null;
  failure: WireFailure | null;
  /** What was thrown on our side of the wire before dispatch. */
  localError: Error | null;
}

/** The client's methods that are used here; what they resolve with is ignored, the record is read instead. */
export interface KiteCalls {
  generateSession(requestToken: string, apiSecret: string): Promise<unknown>;
  placeOrder(variety: string, params: Record<string, unknown>): Promise<unknown>;
  modifyOrder(variety: string, orderId: string, params: Record<string, unknown>): Promise<unknown>;
  cancelOrder(variety: string, orderId: string): Promise<unknown>;
  placeGTT(params: Record<string, unknown>): Promise<unknown>;
  modifyGTT(triggerId: string, params: Record<string, unknown>): Promise<unknown>;
  deleteGTT(triggerId: string): Promise<unknown>;
  getGTTs(): Promise<unknown>;
  getOrders(): Promise<unknown>;
  getTrades(): Promise<unknown>;
  getPositions(): Promise<unknown>;
  getMargins(): Promise<unknown>;
  getHoldings(): Promise<unknown>;
  orderMargins(orders: readonly Record<string, unknown>[], mode: string): Promise<unknown>;
  orderBasketMargins(
    orders: readonly Record<string, unknown>[],
    considerPositions: boolean,
    mode: string,
  ): Promise<unknown>;
  getLTP(keys: readonly string[]): Promise<unknown>;
  getQuote(keys: readonly string[]): Promise<unknown>;
  getInstruments(exchange?: string): Promise<unknown>;
}

type RequestConfig = Record<string, unknown>;
interface AdapterResponse {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly data: Buffer;
}
type Adapter = (config: RequestConfig) => Promise<AdapterResponse>;

/** Parts of the client that its types leave out (kite.md section 2.2). */
interface ClientInternals extends KiteCalls {
  access_token: string | null;
  requestInstance: {
    defaults: RequestConfig & { headers: Record<string, unknown> };
    request(config: RequestConfig): Promise<unknown>;
  };
}

/** The client's own copy of axios, wherever npm put it; axios is no dependency of ours. */
function clientHttpAdapter(): Adapter {
  const ourRequire = createRequire(import.meta.url);
  const clientRequire = createRequire(ourRequire.resolve('kiteconnect'));
  const axios = clientRequire('axios') as { getAdapter(name: string): Adapter };
  return axios.getAdapter('http');
}

/** What the client gets back: passes its response interceptor untouched, since the record holds the answer. */
const PLACEHOLDER = { data: '', status: 200, statusText: '', headers: { 'content-type': 'text/csv' } };

export interface TransportOptions {
  readonly apiKey: string;
  readonly accessToken: AccessToken;
  readonly root: string;
  /** For the one call that is made before there is a token. */
  readonly isAnonymous?: boolean;
  /** How long an idle socket is kept; for tests. */
  readonly idleSocketMs?: number;
}

export class KiteTransport {
  readonly #client: ClientInternals;
  readonly #adapter = clientHttpAdapter();
  readonly #agent: http.Agent;
  readonly #accessToken: AccessToken;
  readonly #isAnonymous: boolean;
  #isClosed = false;

  constructor(options: TransportOptions) {
    const { protocol } = new URL(options.root);
    if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError(`${protocol} is not HTTP`);
    // IPv4: Kite takes orders from one registered address, and IPv6 privacy addresses rotate (kite.md 3.13).
    const agentOptions = {
      keepAlive: true,
      family: 4,
      maxSockets: MAX_SOCKETS,
      maxFreeSockets: MAX_SOCKETS,
      timeout: options.idleSocketMs ?? IDLE_SOCKET_MS,
      keepAliveMsecs: KEEP_ALIVE_PROBE_MS,
    };
    this.#agent = protocol === 'https:' ? new https.Agent(agentOptions) : new http.Agent(agentOptions);
    this.#accessToken = options.accessToken;
    this.#isAnonymous = options.isAnonymous === true;
    this.#client = new KiteConnect({
      api_key: options.apiKey,
      root: options.root,
    }) as unknown as ClientInternals;
    const { defaults } = this.#client.requestInstance;
    // Unpacked here, not by axios, which takes a cut-off gzip stream for a whole one.
    defaults.headers['Accept-Encoding'] = 'gzip';
    Object.assign(defaults, {
      family: 4,
      maxRedirects: 0,
      proxy: false,
      decompress: false,
      maxContentLength: MAX_ANSWER_BYTES,
      responseType: 'arraybuffer',
      validateStatus: () => true,
      // The form or JSON text is made by the client already.
      transformRequest: [],
      // The deadline below bounds a call; axios' own timeout would restart with every byte of the body.
      timeout: 0,
      [protocol === 'https:' ? 'httpsAgent' : 'httpAgent']: this.#agent,
    });
  }

  /** Makes one call. Never rejects: whatever happens is in the record. */
  async call(timeoutMs: number, invoke: (client: KiteCalls) => Promise<unknown>): Promise<CallRecord> {
    const record: CallRecord = {
      timeoutMs,
      accessToken: '',
      isDispatched: false,
      isTimedOut: !(timeoutMs > 0),
      answer: null,
      failure: null,
      localError: null,
    };
    if (record.isTimedOut) return record;
    const deadline = new AbortController();
    const timer = setTimeout(
      () => {
        record.isTimedOut = true;
        deadline.abort();
      },
      Math.min(timeoutMs, MAX_TIMER_MS),
    );
    try {
      const pending = this.#currentToken(deadline.signal);
      const token = typeof pending === 'string' ? pending : await pending;
      // Asked now, since the token may have come after close() or after the deadline.
      if (this.#isClosed) throw new Error('this broker connection is closed');
      record.accessToken = token;
      if (deadline.signal.aborted || (record.accessToken === '' && !this.#isAnonymous)) return record;
      await invoke(this.#viewFor(record, deadline.signal));
    } catch (error) {
      if (!record.isDispatched) record.localError = error instanceof Error ? error : new Error(textOf(error));
    } finally {
      clearTimeout(timer);
    }
    return record;
  }

  /** Ends idle sockets and cuts calls in flight, whose placements become UNKNOWN: drain before. */
  close(): void {
    this.#isClosed = true;
    this.#agent.destroy();
  }

  #currentToken(signal: AbortSignal): string | Promise<string> {
    if (typeof this.#accessToken === 'string') return this.#accessToken;
    const token = this.#accessToken();
    if (typeof token === 'string') return token;
    const expired = new Promise<string>((resolve) => {
      signal.addEventListener('abort', () => resolve(''), { once: true });
    });
    return Promise.race([token, expired]);
  }

  /** The client as this one call sees it: its own token, and an adapter that writes into its own record. */
  #viewFor(record: CallRecord, signal: AbortSignal): KiteCalls {
    const { requestInstance } = this.#client;
    const adapter = (config: RequestConfig): Promise<object> => this.#exchange(config, record);
    const view = Object.create(this.#client) as ClientInternals;
    view.access_token = record.accessToken;
    view.requestInstance = {
      defaults: requestInstance.defaults,
      request: (config) =>
        requestInstance.request(Object.assign(config, { adapter, signal, transformResponse: [] })),
    };
    return view;
  }

  async #exchange(config: RequestConfig, record: CallRecord): Promise<object> {
    record.isDispatched = true;
    try {
      record.answer = await toAnswer(await this.#adapter(config));
    } catch (error) {
      record.failure = toFailure(error);
    }
    return { ...PLACEHOLDER, config };
  }
}

async function toAnswer(response: AdapterResponse): Promise<Answer> {
  const { headers, status, data } = response;
  const encoding = textOf(headers['content-encoding']).toLowerCase();
  const isPacked = encoding === 'gzip' || encoding === 'x-gzip';
  return {
    status,
    contentType: textOf(headers['content-type']).toLowerCase(),
    body: isPacked ? await unpack(data) : encoding === '' || encoding === 'identity' ? data : null,
    // A gzip stream carries its own length and checksum.
    isFramed:
      isPacked || headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined,
  };
}

async function unpack(data: Buffer): Promise<Buffer | null> {
  if (data.length === 0) return data;
  try {
    return await inflate(data, { maxOutputLength: MAX_ANSWER_BYTES });
  } catch {
    return null;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

interface AdapterError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly response?: { readonly status?: unknown };
  readonly cause?: { readonly code?: unknown; readonly syscall?: unknown };
}

function toFailure(error: unknown): WireFailure {
  const facts = (typeof error === 'object' && error !== null ? error : {}) as AdapterError;
  const status = facts.response?.status;
  return {
    errno: textOf(facts.cause?.code) || textOf(facts.code),
    syscall: textOf(facts.cause?.syscall),
    message: textOf(facts.message),
    httpStatus: typeof status === 'number' ? status : null,
  };
}
