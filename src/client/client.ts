import { WaitTimeoutError } from './errors.ts';
import { type EventsOptions, followEvents } from './events.ts';
import { hasReached } from './reached.ts';
import { type ClientOptions, createTransport, pause } from './transport.ts';
import type {
  AccountBody,
  AlertBody,
  JournalEntryBody,
  NewSignalHook,
  NewSignalHookBody,
  NewStrategy,
  NewTokenBody,
  SignalHookBody,
  StrategyBody,
  StrategyChange,
  TokenBody,
} from './steering-types.ts';
import type {
  ChangedTradingStateBody,
  EventBody,
  Filter,
  JobBody,
  KillSwitchEventBody,
  LimitsBody,
  NewAdjustment,
  NewClose,
  NewFlatten,
  NewLimits,
  NewOrder,
  NewToken,
  NewTradingState,
  OperationBody,
  OrderBody,
  OrderChange,
  Resolution,
  OrderDetailBody,
  OrderStatus,
  Page,
  PositionBody,
  PreviewBody,
  QueueBody,
  QueuesBody,
  ReconciliationBody,
  Product,
  RiskBody,
  TradeBody,
  TradingStateBody,
} from './types.ts';

/** The server's bound on one wait. */
const MAX_WAIT_MS = 30_000;
/** What the server may hold back an answer for: claims on their way, and the first exits. */
const HALT_WAIT_MS = 8000;
const CLOSE_WAIT_MS = 3000;
const RECONCILE_WAIT_MS = 60_000;
const FIRST_LOOK_MS = 50;
const LAST_LOOK_MS = 500;

/** Asks for an answer once the order has reached `status` or is finished, or when time is up. */
export interface Wait {
  readonly status: OrderStatus;
  /** At most 30,000. */
  readonly timeoutMs: number;
}

export interface ChangeOptions {
  readonly accountId?: string;
  /** The same key is the same command. Made up when left out, so that tries of one call are one command. */
  readonly idempotencyKey?: string;
}

export interface Client {
  /**
   * Places an order and answers once it is stored. Tried again by itself while there is no answer, always with the
   * same clientOrderId, so that there is never a second order. Throws ApiError, NotReachableError.
   */
  placeOrder(order: NewOrder, wait?: Wait): Promise<OrderBody>;
  /**
   * Asks for the end of an order, or for other terms of it; answers once that is stored. `pendingCommand` says how far
   * it is; the terms are the old ones until the broker has done it. Throws ApiError (ORDER_FINISHED), NotReachableError.
   */
  cancelOrder(id: string, of?: ChangeOptions): Promise<OrderBody>;
  modifyOrder(id: string, change: OrderChange, of?: ChangeOptions): Promise<OrderBody>;
  /** What the checks would say of an order now; nothing is stored. */
  previewOrder(order: NewOrder): Promise<PreviewBody>;
  /** One order with its checks, commands, trades and timeline. */
  order(id: string, of?: { readonly accountId?: string }): Promise<OrderDetailBody>;
  orders(filter?: Filter): Promise<Page<OrderBody>>;
  /** The order when it has reached the status or is finished; throws WaitTimeoutError after `timeoutMs` (30,000). */
  waitFor(
    id: string,
    status: OrderStatus,
    of?: { readonly accountId?: string; readonly timeoutMs?: number },
  ): Promise<OrderDetailBody>;
  trades(filter?: Filter): Promise<Page<TradeBody>>;
  positions(filter?: Filter): Promise<Page<PositionBody>>;
  /** The positions of one instrument, one per product; empty when there never was one. */
  positionsOf(
    instrument: { readonly exchange: string; readonly symbol: string },
    of?: { readonly product?: Product; readonly accountId?: string },
  ): Promise<PositionBody[]>;
  risk(filter?: Filter): Promise<RiskBody>;
  /**
   * Ends the doubt about an order that is UNKNOWN, and answers how it stands; twice is the same as once. Needs an
   * operator's token. Throws ApiError (ORDER_NOT_UNKNOWN, BROKER_ORDER_NOT_FOUND, BROKER_ORDER_DIFFERS).
   */
  resolveOrder(id: string, resolution: Resolution): Promise<OrderBody>;
  /** Compares the account with its broker now; answers when it is done. Needs an operator's token. */
  reconcile(of?: { readonly accountId?: string }): Promise<ReconciliationBody>;
  reconciliations(filter?: Filter): Promise<Page<ReconciliationBody>>;
  /** Takes the broker's figure of one difference (its place in the run, from 0); twice is the same as once. */
  approveDifference(
    runId: string,
    index: number,
    approval: { readonly accountId?: string; readonly reason: string; readonly price?: string },
  ): Promise<ReconciliationBody>;
  /**
   * Says what the account holds in truth, signed units; what changes hands does so at `price`, or at our own average.
   * The same again changes nothing. Needs an operator's token.
   */
  adjustPosition(
    of: { readonly exchange: string; readonly symbol: string },
    adjustment: NewAdjustment,
  ): Promise<{ items: PositionBody[] }>;
  /** The limits in force, and where each comes from. */
  limits(filter?: Filter): Promise<LimitsBody>;
  /** Changes limits at run time and answers how they stand; needs an operator's token. */
  changeLimits(changes: NewLimits): Promise<LimitsBody>;
  /** What may be traded now, of the account and its strategies. */
  tradingState(of?: { readonly accountId?: string }): Promise<TradingStateBody>;
  /**
   * Halts, reduces or releases trading; answers when the calls that were on their way are answered, after 8 seconds
   * at the latest. Needs an operator's token.
   */
  setTradingState(change: NewTradingState): Promise<ChangedTradingStateBody>;
  killSwitchEvents(filter?: Filter): Promise<Page<KillSwitchEventBody>>;
  /** Closes every managed position in the scope; it goes on after the answer. Needs an operator's token. */
  flatten(of?: NewFlatten): Promise<OperationBody>;
  /** Closes a position, or part of it, with reduce-only orders, which the answer names. */
  closePosition(
    instrument: { readonly exchange: string; readonly symbol: string },
    of?: NewClose,
  ): Promise<OperationBody>;
  operation(id: string, of?: { readonly accountId?: string }): Promise<OperationBody>;
  /**
   * Every entry of the account's journal as it happens, once and in order, across lost connections: iterate it with
   * `for await`. Give `since` the last `seq` that was handled to go on after a restart of the strategy.
   */
  events(options?: EventsOptions): AsyncGenerator<EventBody, void, undefined>;
  /** The queues, and the processes that work on them. */
  queues(): Promise<QueuesBody>;
  /** Jobs of a queue by state (waiting, active, delayed, failed). Needs an operator's token, as the next three. */
  jobs(name: string, filter?: Filter): Promise<Page<JobBody>>;
  pauseQueue(name: string, reason: string): Promise<QueueBody>;
  resumeQueue(name: string, reason: string): Promise<QueueBody>;
  /** Lets a failed job be looked at again; nothing is sent to the broker a second time by it. */
  retryJob(name: string, id: string): Promise<void>;
  /** Last prices of a feed of your own, by "EXCHANGE:SYMBOL"; needs an operator's token. */
  pushPrices(prices: Readonly<Record<string, string | number>>, at?: string): Promise<void>;
  /** Needs an admin's token; the answer is the only place that shows the new one. */
  createToken(token: NewToken): Promise<NewTokenBody>;
  /** Needs an admin's token, as the next. */
  tokens(filter?: Filter): Promise<Page<TokenBody>>;
  /** Ends a token at once; twice is the same as once. */
  revokeToken(id: string): Promise<TokenBody>;
  /** Needs an operator's token, as the next two; the answer is the only place that shows the address. */
  createHook(hook: NewSignalHook): Promise<NewSignalHookBody>;
  hooks(filter?: Filter): Promise<Page<SignalHookBody>>;
  /** Ends an address for alerts at once; twice is the same as once. */
  revokeHook(id: string, of?: { readonly accountId?: string }): Promise<SignalHookBody>;
  accounts(filter?: Filter): Promise<Page<AccountBody>>;
  strategies(filter?: Filter): Promise<Page<StrategyBody>>;
  /** Makes a strategy before its first order; needs an operator's token, as the next. Throws ApiError (STRATEGY_EXISTS). */
  createStrategy(strategy: NewStrategy): Promise<StrategyBody>;
  changeStrategy(id: string, change: StrategyChange): Promise<StrategyBody>;
  alerts(filter?: Filter): Promise<Page<AlertBody>>;
  /** Says that a person has seen it; twice is the same as once. Needs an operator's token. */
  acknowledgeAlert(id: string, of?: { readonly accountId?: string }): Promise<AlertBody>;
  /** Who did what, newest first. Needs an operator's token; account "system" an admin's that is bound to none. */
  journal(filter?: Filter): Promise<Page<JournalEntryBody>>;
}

/** A client of one Sauda server, for strategies and scripts. */
export function createClient(options: ClientOptions): Client {
  const send = createTransport(options);
  const get = <T>(path: string, query: Filter = {}): Promise<T> =>
    send({ method: 'GET', path, query, isRepeatable: true }) as Promise<T>;
  const order: Client['order'] = (id, of = {}) => get(`/v1/orders/${encodeURIComponent(id)}`, of);

  const change = (
    method: 'PATCH' | 'DELETE',
    id: string,
    body: OrderChange | undefined,
    { accountId, idempotencyKey = crypto.randomUUID() }: ChangeOptions = {},
  ): Promise<OrderBody> =>
    send({
      method,
      path: `/v1/orders/${encodeURIComponent(id)}`,
      query: { accountId },
      ...(body === undefined ? {} : { body }),
      headers: { 'idempotency-key': idempotencyKey },
      isRepeatable: true,
    }) as Promise<OrderBody>;

  const changeQueue = (name: string, verb: 'pause' | 'resume', reason: string): Promise<QueueBody> =>
    send({
      method: 'POST',
      path: `/v1/queues/${encodeURIComponent(name)}/${verb}`,
      body: { reason },
      isRepeatable: true,
    }) as Promise<QueueBody>;

  return {
    order,
    orders: (filter) => get('/v1/orders', filter),
    trades: (filter) => get('/v1/trades', filter),
    positions: (filter) => get('/v1/positions', filter),
    risk: (filter) => get('/v1/risk', filter),
    limits: (filter) => get('/v1/limits', filter),
    // Said twice, the limits are the same and the journal has it twice: better than a change nobody knows of.
    changeLimits: (body) =>
      send({ method: 'PUT', path: '/v1/limits', body, isRepeatable: true }) as Promise<LimitsBody>,
    tradingState: (of = {}) => get('/v1/trading-state', of),
    setTradingState: (body) =>
      send({
        method: 'PUT',
        path: '/v1/trading-state',
        body,
        // Halting what is halted keeps the halt; a release said twice is a release of nothing.
        isRepeatable: body.state !== 'ACTIVE',
        waitMs: HALT_WAIT_MS,
      }) as Promise<ChangedTradingStateBody>,
    killSwitchEvents: (filter) => get('/v1/kill-switch-events', filter),
    // What is being closed is not begun twice; only a part of a position would be.
    flatten: (body = {}) =>
      send({
        method: 'POST',
        path: '/v1/flatten',
        body,
        isRepeatable: body.quantity === undefined,
        waitMs: CLOSE_WAIT_MS,
      }) as Promise<OperationBody>,
    closePosition: ({ exchange, symbol }, body = {}) =>
      send({
        method: 'POST',
        path: `/v1/positions/${exchange}/${encodeURIComponent(symbol)}/close`,
        body,
        isRepeatable: false,
        waitMs: CLOSE_WAIT_MS,
      }) as Promise<OperationBody>,
    operation: (id, of = {}) => get(`/v1/operations/${encodeURIComponent(id)}`, of),
    events: (given) => followEvents(options, given),
    placeOrder: (given, wait) =>
      send({
        method: 'POST',
        path: '/v1/orders',
        query: { waitFor: wait?.status, timeoutMs: wait?.timeoutMs },
        // The id is chosen before the first try: every try is the same order.
        body: { ...given, clientOrderId: given.clientOrderId ?? crypto.randomUUID() },
        isRepeatable: true,
        waitMs: wait?.timeoutMs ?? 0,
      }) as Promise<OrderBody>,
    resolveOrder: (id, resolution) =>
      send({
        method: 'POST',
        path: `/v1/orders/${encodeURIComponent(id)}/resolve`,
        body: resolution,
        isRepeatable: true,
      }) as Promise<OrderBody>,
    reconcile: ({ accountId } = {}) =>
      send({
        method: 'POST',
        path: '/v1/reconciliations',
        query: { accountId },
        isRepeatable: true,
        waitMs: RECONCILE_WAIT_MS,
      }) as Promise<ReconciliationBody>,
    reconciliations: (filter) => get('/v1/reconciliations', filter),
    queues: () => get('/v1/queues', {}),
    jobs: (name, filter) => get(`/v1/queues/${encodeURIComponent(name)}/jobs`, filter),
    pauseQueue: (name, reason) => changeQueue(name, 'pause', reason),
    resumeQueue: (name, reason) => changeQueue(name, 'resume', reason),
    retryJob: async (name, id) => {
      const path = `/v1/queues/${encodeURIComponent(name)}/jobs/${encodeURIComponent(id)}/retry`;
      await send({ method: 'POST', path, isRepeatable: true });
    },
    approveDifference: (runId, index, { accountId, ...body }) =>
      send({
        method: 'POST',
        path: `/v1/reconciliations/${encodeURIComponent(runId)}/differences/${index}/approve`,
        query: { accountId },
        body,
        isRepeatable: true,
      }) as Promise<ReconciliationBody>,
    adjustPosition: ({ exchange, symbol }, { accountId, ...body }) =>
      send({
        method: 'POST',
        path: `/v1/positions/${encodeURIComponent(exchange)}/${encodeURIComponent(symbol)}/adjust`,
        query: { accountId },
        body,
        isRepeatable: true,
      }) as Promise<{ items: PositionBody[] }>,
    cancelOrder: (id, of) => change('DELETE', id, undefined, of),
    modifyOrder: (id, terms, of) => change('PATCH', id, terms, of),
    previewOrder: (body) =>
      send({ method: 'POST', path: '/v1/orders/preview', body, isRepeatable: true }) as Promise<PreviewBody>,
    waitFor: async (id, status, { accountId, timeoutMs = MAX_WAIT_MS } = {}) => {
      const deadlineMs = performance.now() + timeoutMs;
      for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(LAST_LOOK_MS, lookMs * 1.5)) {
        const now = await order(id, accountId === undefined ? {} : { accountId });
        if (hasReached(now.status, status)) return now;
        if (performance.now() + lookMs > deadlineMs) {
          throw new WaitTimeoutError(
            `order ${id} is ${now.status}, not yet ${status}, after ${timeoutMs} ms`,
          );
        }
        await pause(lookMs);
      }
    },
    positionsOf: async ({ exchange, symbol }, of = {}) => {
      try {
        const path = `/v1/positions/${exchange}/${encodeURIComponent(symbol)}`;
        const found = await get<PositionBody | { items: PositionBody[] }>(path, of);
        return 'items' in found ? found.items : [found];
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'NOT_FOUND') return [];
        throw error;
      }
    },
    createToken: (token) =>
      send({ method: 'POST', path: '/v1/tokens', body: token, isRepeatable: false }) as Promise<NewTokenBody>,
    tokens: (filter) => get('/v1/tokens', filter),
    revokeToken: (id) =>
      send({
        method: 'DELETE',
        path: `/v1/tokens/${encodeURIComponent(id)}`,
        isRepeatable: true,
      }) as Promise<TokenBody>,
    createHook: (body) =>
      send({ method: 'POST', path: '/v1/hooks', body, isRepeatable: false }) as Promise<NewSignalHookBody>,
    hooks: (filter) => get('/v1/hooks', filter),
    revokeHook: (id, { accountId } = {}) =>
      send({
        method: 'DELETE',
        path: `/v1/hooks/${encodeURIComponent(id)}`,
        query: { accountId },
        isRepeatable: true,
      }) as Promise<SignalHookBody>,
    accounts: (filter) => get('/v1/accounts', filter),
    strategies: (filter) => get('/v1/strategies', filter),
    // Tried again after a lost answer it might say that the strategy exists, and not whose it is.
    createStrategy: (body) =>
      send({ method: 'POST', path: '/v1/strategies', body, isRepeatable: false }) as Promise<StrategyBody>,
    changeStrategy: (id, body) =>
      send({
        method: 'PATCH',
        path: `/v1/strategies/${encodeURIComponent(id)}`,
        body,
        isRepeatable: true,
      }) as Promise<StrategyBody>,
    alerts: (filter) => get('/v1/alerts', filter),
    acknowledgeAlert: (id, { accountId } = {}) =>
      send({
        method: 'POST',
        path: `/v1/alerts/${encodeURIComponent(id)}/acknowledge`,
        query: { accountId },
        isRepeatable: true,
      }) as Promise<AlertBody>,
    journal: (filter) => get('/v1/journal', filter),
    pushPrices: async (prices, at) => {
      await send({
        method: 'PUT',
        path: '/v1/prices',
        body: { prices, ...(at === undefined ? {} : { at }) },
        // The same prices of the same time: twice is once.
        isRepeatable: at !== undefined,
      });
    },
  };
}
