/**
 * Kite Connect behind the broker port, over the official client (kite.md sections 2, 3 and 7).
 * One instance serves one account. Placing never throws; every read is whole and checked, or a BrokerError.
 */
import { assert } from '../../lib/assert.ts';
import { BrokerError } from '../errors.ts';
import type {
  BrokerFaultCode,
  BrokerOrderRequest,
  BrokerPort,
  CommandCallOutcome,
  GttOutcome,
  PlacementOutcome,
} from '../port.ts';
import { answerOf, dataOf, type Fault, toBrokerError } from './faults.ts';
import { onceRead } from './once-read.ts';
import { unreadable } from './fields.ts';
import { parseInstruments } from './instruments.ts';
import { changeParams, gttParams, marginParams, placementParams } from './params.ts';
import {
  parseFunds,
  parseGtts,
  parseHoldings,
  parseLastPrices,
  parseAddedMargin,
  parseOrderMargins,
  parseOrders,
  parsePositions,
  parseQuotes,
  orderRowCache,
  parseTrades,
  tradeRowCache,
} from './rows.ts';
import { cleanMessage } from './text.ts';
import {
  type AccessToken,
  type Answer,
  type CallRecord,
  type KiteCalls,
  KiteTransport,
} from './transport.ts';

/** Kite's limits on instruments in one call. */
const MAX_LAST_PRICE_KEYS = 1000;
const MAX_QUOTE_KEYS = 500;
/** The instruments file is large, and nothing waits for it. */
const MIN_INSTRUMENTS_TIMEOUT_MS = 30_000;
const ORDER_ID = /^\d{1,32}$/;

/** One finished call, for logs and metrics; it has no room for a secret. */
export interface KiteCallEntry {
  readonly call: keyof KiteCalls;
  /** Null when the call got its answer. */
  readonly fault: BrokerFaultCode | null;
  readonly httpStatus: number | null;
  readonly durationMs: number;
}

export interface KiteBrokerOptions {
  readonly apiKey: string;
  /** The day's token, or where to get it before each call; "" means that nobody is logged in. */
  readonly accessToken: AccessToken;
  /** Address of the API: Kite's own, its sandbox, or the paper exchange. */
  readonly root: string;
  /** Time for one read, from the token to the last byte; placements bring their own. */
  readonly timeoutMs: number;
  /** Called for each call Kite refuses with a TokenException, with the token it refused; may be called often. */
  readonly onSessionExpired?: (refusedToken: string) => unknown;
  readonly log?: (entry: KiteCallEntry) => void;
}

export type KiteBroker = BrokerPort & { close(): void };

export function createKiteBroker(options: KiteBrokerOptions): KiteBroker {
  const transport = new KiteTransport({
    apiKey: options.apiKey,
    accessToken: options.accessToken,
    root: options.root,
  });
  const orderRows = orderRowCache();
  const tradeRows = tradeRowCache();
  const readBook = onceRead((answer) => parseOrders(json(answer), orderRows));
  const readTradebook = onceRead((answer) => parseTrades(json(answer), tradeRows));
  const instrumentsTimeoutMs = Math.max(options.timeoutMs, MIN_INSTRUMENTS_TIMEOUT_MS);

  function report(call: keyof KiteCalls, record: CallRecord, fault: Fault | null, startedAt: number): void {
    const { log, onSessionExpired } = options;
    if (onSessionExpired && record.isDispatched && fault?.code === 'SESSION_EXPIRED') {
      quietly(() => onSessionExpired(record.accessToken));
    }
    if (log) {
      const httpStatus = fault ? fault.httpStatus : (record.answer?.status ?? null);
      const durationMs = performance.now() - startedAt;
      quietly(() => log({ call, fault: fault?.code ?? null, httpStatus, durationMs }));
    }
  }

  async function read<T>(
    call: keyof KiteCalls,
    invoke: (client: KiteCalls) => Promise<unknown>,
    parse: (answer: Answer) => T | Promise<T>,
    timeoutMs = options.timeoutMs,
  ): Promise<T> {
    const startedAt = performance.now();
    const record = await transport.call(timeoutMs, invoke);
    const answer = answerOf(record);
    if (!answer.ok) {
      report(call, record, answer.error, startedAt);
      throw toBrokerError(answer.error);
    }
    try {
      const value = await parse(answer.value);
      report(call, record, null, startedAt);
      return value;
    } catch (error) {
      const known = error instanceof BrokerError ? error : unreadable(`${call}: ${describe(error)}`);
      report(call, record, readFault(known, answer.value), startedAt);
      throw known;
    }
  }

  async function command(
    call: 'cancelOrder' | 'modifyOrder' | 'deleteGTT' | 'modifyGTT',
    id: string,
    timeoutMs: number,
    invoke: (client: KiteCalls) => Promise<unknown>,
  ): Promise<CommandCallOutcome> {
    const startedAt = performance.now();
    const record = await transport.call(timeoutMs, invoke);
    const { outcome, fault } = commandOf(record, call.endsWith('GTT') ? 'trigger_id' : 'order_id', id);
    report(call, record, fault, startedAt);
    return outcome;
  }

  return {
    async placeOrder(order, { timeoutMs }) {
      const startedAt = performance.now();
      const record = await transport.call(timeoutMs, (client) =>
        client.placeOrder(order.variety, placementParams(order)),
      );
      const { outcome, fault } = placementOf(record);
      report('placeOrder', record, fault, startedAt);
      return outcome;
    },

    cancelOrder: (order, { timeoutMs }) =>
      command('cancelOrder', order.orderId, timeoutMs, (client) =>
        client.cancelOrder(order.variety, order.orderId),
      ),

    modifyOrder: (change, { timeoutMs }) =>
      command('modifyOrder', change.orderId, timeoutMs, (client) =>
        client.modifyOrder(change.variety, change.orderId, changeParams(change)),
      ),

    async placeGtt(terms, { timeoutMs }) {
      const startedAt = performance.now();
      const record = await transport.call(timeoutMs, (client) => client.placeGTT(gttParams(terms)));
      const { outcome, fault } = gttOf(record);
      report('placeGTT', record, fault, startedAt);
      return outcome;
    },

    modifyGtt: (triggerId, terms, { timeoutMs }) =>
      command('modifyGTT', triggerId, timeoutMs, (client) => client.modifyGTT(triggerId, gttParams(terms))),

    cancelGtt: (triggerId, { timeoutMs }) =>
      command('deleteGTT', triggerId, timeoutMs, (client) => client.deleteGTT(triggerId)),

    getGtts: () =>
      read(
        'getGTTs',
        (client) => client.getGTTs(),
        (answer) => parseGtts(json(answer)),
      ),

    getOrders: () => read('getOrders', (client) => client.getOrders(), readBook),

    getTrades: () => read('getTrades', (client) => client.getTrades(), readTradebook),

    getPositions: () =>
      read(
        'getPositions',
        (client) => client.getPositions(),
        (answer) => parsePositions(json(answer)),
      ),

    getMargins: () =>
      read(
        'getMargins',
        (client) => client.getMargins(),
        (answer) => parseFunds(json(answer)),
      ),

    getHoldings: () =>
      read(
        'getHoldings',
        (client) => client.getHoldings(),
        (answer) => parseHoldings(json(answer)),
      ),

    async getOrderMargins(orders: readonly BrokerOrderRequest[]) {
      if (orders.length === 0) return [];
      return read(
        'orderMargins',
        (client) => client.orderMargins(orders.map(marginParams), 'compact'),
        (answer) => parseOrderMargins(json(answer), orders),
      );
    },

    getAddedMargin: (order) =>
      read(
        'orderBasketMargins',
        (client) => client.orderBasketMargins([marginParams(order)], true, 'compact'),
        (answer) => parseAddedMargin(json(answer)),
      ),

    async getLastPrices(keys) {
      assert(
        keys.length <= MAX_LAST_PRICE_KEYS,
        `${keys.length} keys are over Kite's ${MAX_LAST_PRICE_KEYS}`,
      );
      if (keys.length === 0) return new Map();
      return read(
        'getLTP',
        (client) => client.getLTP(keys),
        (answer) => parseLastPrices(json(answer), keys),
      );
    },

    async getQuotes(keys) {
      assert(keys.length <= MAX_QUOTE_KEYS, `${keys.length} keys are over Kite's ${MAX_QUOTE_KEYS}`);
      if (keys.length === 0) return new Map();
      return read(
        'getQuote',
        (client) => client.getQuote(keys),
        (answer) => parseQuotes(json(answer), keys),
      );
    },

    getInstruments: (exchange) =>
      read(
        'getInstruments',
        (client) => (exchange === undefined ? client.getInstruments() : client.getInstruments(exchange)),
        (answer) => parseInstruments(csv(answer)),
        instrumentsTimeoutMs,
      ),

    close: () => transport.close(),
  };
}

/** Hooks are others' code: what they throw or reject with must not change what a call reports. */
function quietly(hook: () => unknown): void {
  try {
    const result = hook();
    if (result instanceof Promise) result.catch(() => undefined);
  } catch {
    // The hook's owner logs its own faults.
  }
}

function placementOf(record: CallRecord): { outcome: PlacementOutcome; fault: Fault | null } {
  const answer = answerOf(record);
  const data = answer.ok ? dataOf(answer.value) : answer;
  if (!data.ok) return { outcome: failedPlacement(data.error), fault: data.error };
  const placed = data.value as { order_id?: unknown; children?: unknown } | null | undefined;
  const orderId = typeof placed === 'object' ? placed?.order_id : undefined;
  // Slices are several orders, and none were asked for: the order book must tell.
  if (typeof orderId === 'string' && ORDER_ID.test(orderId) && placed?.children === undefined) {
    return { outcome: { kind: 'PLACED', brokerOrderId: orderId }, fault: null };
  }
  const fault = unnamed(record, 'the answer says success but names no single order_id');
  return { outcome: failedPlacement(fault), fault };
}

function gttOf(record: CallRecord): { outcome: GttOutcome; fault: Fault | null } {
  const answer = answerOf(record);
  const data = answer.ok ? dataOf(answer.value) : answer;
  if (!data.ok) return { outcome: failedPlacement(data.error), fault: data.error };
  const triggerId = (data.value as { trigger_id?: unknown } | null | undefined)?.trigger_id;
  if (typeof triggerId === 'number' && Number.isSafeInteger(triggerId)) {
    return { outcome: { kind: 'PLACED', triggerId: String(triggerId) }, fault: null };
  }
  const fault = unnamed(record, 'the answer says success but names no trigger_id');
  return { outcome: failedPlacement(fault), fault };
}

function failedPlacement(fault: Fault): Exclude<PlacementOutcome, { kind: 'PLACED' }> {
  const { code: reason, message } = fault;
  return fault.certainlyNotDone
    ? { kind: 'NOT_PLACED', reason, message, retry: fault.retry }
    : { kind: 'UNKNOWN', reason, message };
}

/** Kite's words for an order that is on its way (kite.md section 3.3); it has no error type of its own for this. */
const BEING_PROCESSED = /\bbeing processed\b/i;
/** An after-market order that was released a moment ago has another variety than the newest read showed. */
const OTHER_VARIETY = /\bvariety\b/i;
/** Comes as HTTP 400 with the error type of a call that may have been done (kite.md section 3.5). */
const TOO_MANY_MODIFICATIONS = /\bmaximum allowed order modifications exceeded\b/i;

function commandOf(
  record: CallRecord,
  field: 'order_id' | 'trigger_id',
  id: string,
): { outcome: CommandCallOutcome; fault: Fault | null } {
  const answer = answerOf(record);
  const data = answer.ok ? dataOf(answer.value) : answer;
  if (data.ok) {
    const named = (data.value as Readonly<Record<string, unknown>> | null | undefined)?.[field];
    // A trigger's id is a number.
    if (named === id || (typeof named === 'number' && String(named) === id))
      return { outcome: { kind: 'ACKNOWLEDGED' }, fault: null };
  }
  const fault: Fault = data.ok
    ? unnamed(record, `the answer says success but does not name ${id}`)
    : data.error;
  const { code: reason, message } = fault;
  if (fault.httpStatus === 400 && TOO_MANY_MODIFICATIONS.test(message)) {
    return { outcome: { kind: 'NOT_DONE', reason: 'REFUSED', message, retry: 'never' }, fault };
  }
  if (!fault.certainlyNotDone) return { outcome: { kind: 'UNKNOWN', reason, message }, fault };
  const asksForRead = BEING_PROCESSED.test(message) || OTHER_VARIETY.test(message);
  const retry = reason === 'REFUSED' && asksForRead ? 'afterRead' : fault.retry;
  return { outcome: { kind: 'NOT_DONE', reason, message, retry }, fault };
}

function unnamed(record: CallRecord, message: string): Fault {
  return {
    code: 'UNREADABLE',
    message,
    httpStatus: record.answer?.status ?? null,
    certainlyNotDone: false,
    retry: 'afterPause',
  };
}

function json(answer: Answer): unknown {
  const data = dataOf(answer);
  if (!data.ok) throw toBrokerError(data.error);
  return data.value;
}

function csv(answer: Answer): Buffer {
  if (!answer.contentType.includes('text/csv')) {
    // A JSON answer here is an error that came with a 2xx status.
    json(answer);
    throw unreadable(`instruments came as ${answer.contentType}`);
  }
  if (!answer.body) throw unreadable('instruments could not be unpacked');
  if (!answer.isFramed) throw unreadable('instruments came without a length, so a cut file would look whole');
  return answer.body;
}

function readFault(error: BrokerError, answer: Answer): Fault {
  return {
    code: error.code,
    message: error.message,
    httpStatus: answer.status,
    certainlyNotDone: error.certainlyNotDone,
    retry: 'never',
  };
}

function describe(error: unknown): string {
  return cleanMessage(error instanceof Error ? error.message : String(error));
}
