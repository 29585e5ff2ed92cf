/**
 * What the API takes and answers, for strategies. Money and prices are exact decimal text; times are RFC 3339 in
 * Indian time; days are "YYYY-MM-DD". A test holds these against the schemas of the server.
 */
export type Exchange = 'NSE' | 'BSE' | 'NFO' | 'BFO' | 'CDS' | 'BCD' | 'MCX';
export type Side = 'BUY' | 'SELL';
export type OrderType = 'MARKET' | 'LIMIT' | 'SL' | 'SL-M';
export type Product = 'MIS' | 'CNC' | 'NRML' | 'MTF';
export type Validity = 'DAY' | 'IOC' | 'TTL';
export type Variety = 'regular' | 'amo';
export type OrderStatus =
  | 'PENDING'
  | 'VALIDATED'
  | 'SUBMITTING'
  | 'UNKNOWN'
  | 'SUBMITTED'
  | 'OPEN'
  | 'PARTIALLY_FILLED'
  | 'FILLED'
  | 'CANCELLED'
  | 'REJECTED'
  | 'EXPIRED';
export type TradingState = 'ACTIVE' | 'REDUCING' | 'HALTED';

/** An order to place. Prices may be text ("2450.05") or numbers; text is exact. */
export interface NewOrder {
  /** 1 to 64 of A-Z a-z 0-9 . _ - ; the same id never makes two orders. Made up when left out. */
  readonly clientOrderId?: string;
  readonly accountId?: string;
  readonly strategyId?: string;
  readonly symbol: string;
  /** NSE, BSE, NFO, BFO, CDS, BCD or MCX. */
  readonly exchange: string;
  readonly side: Side;
  readonly quantity: number;
  readonly orderType: OrderType;
  readonly product: Product;
  readonly validity?: Validity;
  readonly validityMinutes?: number;
  readonly variety?: Variety;
  readonly price?: string | number;
  readonly triggerPrice?: string | number;
  readonly stopLoss?: string | number;
  readonly takeProfit?: string | number;
  readonly disclosedQuantity?: number;
  /** Percent, or -1 for the broker's own. */
  readonly marketProtection?: string | number;
  readonly reduceOnly?: boolean;
  /** Older than this when it is its turn to be sent, the order is rejected; 0: never. */
  readonly maxAgeMs?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Left out: as configured (PROTECTION). */
  readonly protection?: 'exchange' | 'oms' | 'none';
  /** A GTT at the broker behind the stop, over days; needs a stopLoss and protection exchange. */
  readonly gtt?: boolean;
  /** The stop follows the best price, this far behind it, in steps. */
  readonly trailingStop?: { readonly distance: string | number; readonly step: string | number };
}

export interface OrderBody {
  id: string;
  accountId: string;
  clientOrderId: string;
  strategyId: string | null;
  symbol: string;
  exchange: Exchange;
  side: Side;
  quantity: number;
  orderType: OrderType;
  product: Product;
  validity: Validity;
  price: string | null;
  triggerPrice: string | null;
  stopLoss: string | null;
  takeProfit: string | null;
  reduceOnly: boolean;
  role: 'ENTRY' | 'STOP' | 'TARGET' | 'EXIT' | 'SLICE';
  cause: OrderCause;
  parentOrderId: string | null;
  protectionGroup: string | null;
  /** How what it opens is protected. */
  protection: 'exchange' | 'oms' | 'none' | null;
  trailingStop: { distance: string; step: string } | null;
  gtt: boolean;
  variety: Variety;
  tradingDay: string;
  status: OrderStatus;
  rejectedBy: 'OMS' | 'BROKER' | 'EXCHANGE' | null;
  failedCheck: string | null;
  statusReason: string | null;
  brokerOrderId: string | null;
  exchangeOrderId: string | null;
  filledQuantity: number;
  leavesQuantity: number;
  averagePrice: string | null;
  /** A cancel or modify that is not done; the terms are the old ones until then. */
  pendingCommand: PendingCommand | null;
  /** Modifications that the broker counts, and how many may still be asked for. */
  modificationsUsed: number;
  modificationsLeft: number;
  version: number;
  createdAt: string;
  updatedAt: string;
  submittedAt: string | null;
  finishedAt: string | null;
  metadata: Record<string, unknown> | null;
}

/**
 * EXTERNAL: placed elsewhere; its fills belong to no strategy and no limit counts it. TWIN: a second broker order with
 * the tag of parentOrderId.
 */
export type OrderCause = 'REQUEST' | 'OPERATOR' | 'TWIN' | 'EXTERNAL';

export interface PendingCommand {
  id: string;
  kind: 'CANCEL' | 'MODIFY';
  state: 'WAITING' | 'IN_FLIGHT';
  terms: Record<string, unknown> | null;
  requestedBy: string;
  requestedAt: string;
  sentAt: string | null;
}

/** Terms to change; what is left out stays, null takes a stop, a target or the like away. */
export interface OrderChange {
  readonly quantity?: number;
  readonly orderType?: OrderType;
  readonly validity?: Validity;
  readonly validityMinutes?: number | null;
  readonly price?: string | number | null;
  readonly triggerPrice?: string | number | null;
  readonly stopLoss?: string | number | null;
  readonly takeProfit?: string | number | null;
  readonly disclosedQuantity?: number | null;
  readonly marketProtection?: string | number | null;
}

export interface Check {
  check: string;
  verdict: 'PASS' | 'FAIL' | 'WARN' | 'SKIP';
  value: string | null;
  limit: string | null;
  message: string;
}

export interface OrderCommand {
  id: string;
  kind: 'CANCEL' | 'MODIFY';
  state: 'WAITING' | 'IN_FLIGHT' | 'DONE';
  outcome: string | null;
  reason: string | null;
  terms: Record<string, unknown> | null;
  requestedBy: string;
  requestedAt: string;
  sentAt: string | null;
  finishedAt: string | null;
}

export interface TimelineEntry {
  /** Whose step it is: the order's own, or that of one of its guards. */
  orderId: string;
  role: OrderBody['role'];
  /** The account's journal number. */
  seq: number;
  at: string;
  event: string;
  from: OrderStatus | null;
  to: OrderStatus | null;
  actor: string;
  data: Record<string, unknown>;
}

export interface TradeBody {
  id: string;
  accountId: string;
  orderId: string;
  strategyId: string | null;
  exchange: Exchange;
  symbol: string;
  product: Product;
  side: Side;
  quantity: number;
  price: string;
  value: string;
  tradeId: string;
  brokerOrderId: string;
  tradeDate: string;
  tradedAt: string;
  recordedAt: string;
  charges: string;
  /** When the exchange took it back; it counts nowhere. */
  annulledAt: string | null;
  chargeDetails: {
    brokerage: string;
    transactionTax: string;
    exchangeCharge: string;
    sebiCharge: string;
    stampDuty: string;
    gst: string;
  };
}

export interface NewAdjustment {
  accountId?: string;
  product: PositionBody['product'];
  /** Signed; 0 is flat. */
  quantity: number;
  reason: string;
  price?: string;
}

/** Which reads of the broker's book looked for an order in doubt, newest first, and what it may be there. */
export interface EvidenceBody {
  reads: {
    startedAt: string;
    /** Whole: it can say that something is absent. */
    clean: boolean;
    rows: number | null;
    fault: string | null;
    found: boolean;
    /** Of the order's own trading day. */
    ofItsDay: boolean;
  }[];
  readCount: number;
  cleanCount: number;
  /** Reads of the tradebook, and how many held fills, perhaps its, of an order that the book does not list. */
  tradeReadCount: number;
  strayTradeCount: number;
  candidates: {
    brokerOrderId: string;
    side: Side;
    quantity: number;
    status: string;
    filledQuantity: number;
    tag: string | null;
    firstSeenAt: string;
    orderId: string | null;
    cause: OrderCause | null;
  }[];
}

export type QueueName =
  'validate' | 'submit' | 'exit' | 'command' | 'operation' | 'poll' | 'reconcile' | 'mark' | 'risk' | 'alert';

/** One queue; `counts` is null while the queues do not answer. */
export interface QueueBody {
  name: QueueName;
  counts: { waiting: number; active: number; delayed: number } | null;
  oldestWaitingAgeMs: number | null;
  paused: boolean;
  pausedBy: string | null;
  pausedAt: string | null;
  pauseReason: string | null;
  throughputPerMinute: number;
  failedPerMinute: number;
  /** Ids of the processes that work on it. */
  workers: string[];
}

/** A process that lives, or fell silent within a day. */
export interface WorkerBody {
  id: string;
  role: string;
  host: string;
  pid: number;
  version: string;
  schemaVersion: string;
  startedAt: string;
  heartbeatAt: string;
  alive: boolean;
}

export interface QueuesBody {
  items: QueueBody[];
  workers: WorkerBody[];
  nextCursor: null;
}

/** A job that waits or runs, or one that failed: then `id` is what a retry takes. */
export interface JobBody {
  id: string;
  jobId: string;
  state: 'waiting' | 'active' | 'delayed' | 'failed';
  accountId: string | null;
  orderId: string | null;
  payload: Readonly<Record<string, unknown>> | null;
  at: string;
  error: string | null;
}

/** One comparison of an account with its broker. */
export interface ReconciliationBody {
  id: string;
  accountId: string;
  status: 'RUNNING' | 'CLEAN' | 'DIFFERENCES' | 'FAILED';
  startedAt: string;
  startedBy: string;
  finishedAt: string | null;
  checked: number;
  /** Of a FAILED run: which read failed. It changed nothing. */
  fault: string | null;
  differences: {
    kind: 'ORDER' | 'TRADE' | 'POSITION' | 'MARGIN';
    exchange: Exchange;
    symbol: string;
    product: Product;
    /** What our books hold; of a TRADE, before the repair; of an ORDER, what we took to be live. */
    ours: number;
    brokers: number;
    cause:
      | ('MANUAL_TRADE' | 'RMS_SQUARE_OFF' | 'MISSED_FILL' | 'T_PLUS_ONE' | 'CORPORATE_ACTION')
      | ('SELF_TRADE_CANCEL' | 'ORPHAN' | 'TWIN' | 'MARGIN' | 'UNKNOWN');
    /** SEEN by one run: the next decides whether it counts. PROPOSED: a person decides. */
    state: 'SEEN' | 'EXPLAINED' | 'REPAIRED' | 'PROPOSED' | 'TOLD' | 'APPROVED';
    evidence: Readonly<Record<string, unknown>>;
    settledBy: string | null;
    settledReason: string | null;
  }[];
}

/** A person's decision about an order in doubt. */
export interface Resolution {
  readonly accountId?: string;
  /** adopt: it is this broker order. neverPlaced: the broker never took it. expired: its day is over. */
  readonly decision: 'adopt' | 'neverPlaced' | 'expired';
  readonly brokerOrderId?: string;
  readonly reason: string;
}

export interface OrderDetailBody extends OrderBody {
  checks: Check[];
  commands: OrderCommand[];
  trades: TradeBody[];
  /** Null for an order that was never in doubt. */
  evidence: EvidenceBody | null;
  timeline: TimelineEntry[];
  /** Stops, targets and protective exits of what it opened, oldest first. */
  guards: OrderBody[];
  /** Of a stop, a target, a protective exit or a twin: the order it belongs to. */
  parent: OrderBody | null;
}

/** Null in lastPrice and what follows from it: the price is unknown. */
export interface PositionBody {
  accountId: string;
  exchange: Exchange;
  symbol: string;
  product: Product;
  managedBy: 'OMS' | 'EXTERNAL';
  cycle: number;
  status: 'OPEN' | 'CLOSED';
  quantity: number;
  protectedQuantity: number;
  /** The weakest in force; none: no group covers it. Null: not open, or not managed by the OMS. */
  protection: 'exchange' | 'oms' | 'none' | null;
  /** Since when some of it has no stop at the exchange although its policy asks for one. */
  unprotectedSince: string | null;
  unprotectedSeconds: number | null;
  averagePrice: string | null;
  lastPrice: string | null;
  lastPriceAt: string | null;
  lastPriceAgeMs: number | null;
  realizedPnl: string;
  unrealizedPnl: string | null;
  totalPnl: string | null;
  charges: string;
  netPnl: string | null;
  highestPrice: string;
  lowestPrice: string;
  openedAt: string;
  closedAt: string | null;
}

/** Pct values are shares: "-0.06" is a loss of 6% of riskCapital. */
export interface RiskBody {
  accountId: string;
  at: string;
  tradingDay: string;
  tradingState: TradingState;
  balance: string;
  availableMargin: string | null;
  fundsAt: string | null;
  fundsAgeMs: number | null;
  reservedMargin: string;
  positionMargin: string;
  realizedPnl: string;
  unrealizedPnl: string;
  totalPnl: string;
  charges: string;
  netPnl: string;
  dayPnl: string;
  dailyPnlPct: string;
  peakEquity: string;
  drawdown: string;
  drawdownPct: string;
  riskCapital: string;
  equity: string;
  openingEquity: string;
  grossExposure: string;
  netExposure: string;
  openRisk: string;
  openPositions: number;
  pendingOrders: number;
  activeOrders: number;
  ordersToday: number;
  tradesToday: number;
  oldestPriceAgeMs: number | null;
  pricesMissing: number;
  /** Milliseconds, by the name of the figure or limit that the prices are behind. */
  priceAges: Record<string, number | null>;
  monitoredAt: string | null;
  limits: {
    name: string;
    limit: string;
    used: string | null;
    left: string | null;
    baseline: string | null;
  }[];
  /** The broker's order budget: calls a second and a minute, placements a day, and what each priority has left. */
  orderBudget: Record<'second' | 'minute' | 'day', BudgetBody>;
}

export interface BudgetBody {
  used: number;
  /** 0: without a bound. */
  limit: number;
  /** Null: any number. */
  left: Record<'kill' | 'protectiveExit' | 'exit' | 'cancel' | 'modify' | 'entry', number | null>;
}

/** What the checks would say of an order. Losses are positive; null where a price is missing. */
export interface PreviewBody {
  accountId: string;
  strategyId: string | null;
  symbol: string;
  exchange: Exchange;
  side: Side;
  quantity: number;
  orderType: OrderType;
  product: Product;
  reduceOnly: boolean;
  at: string;
  passes: boolean;
  failedCheck: string | null;
  reason: string | null;
  checks: Check[];
  reducingQuantity: number;
  openingQuantity: number;
  worstCaseQuantity: number;
  referencePrice: string | null;
  lastPrice: string | null;
  lastPriceAgeMs: number | null;
  value: string | null;
  margin: string | null;
  availableFunds: string | null;
  charges: string;
  riskCapital: string;
  worstLoss: string | null;
  netWorstLoss: string | null;
  reward: string | null;
  netReward: string | null;
  riskReward: string | null;
  netRiskReward: string | null;
  largestQuantity: { quantity: number; limitedBy: string | null; message: string | null };
}

/** A limit changed at run time. */
export interface LimitChangeBody {
  value: string;
  reason: string;
  by: string;
  at: string;
  /** Null: until it is changed again. */
  expiresAt: string | null;
  inForce: boolean;
}

/** Limits by configuration name, as one writes them in the environment. */
export interface LimitsBody {
  accountId: string;
  /** In force for the account. */
  limits: Record<string, string>;
  defaults: Record<string, string>;
  account: Record<string, LimitChangeBody>;
  strategies: Record<string, Record<string, LimitChangeBody>>;
}

/** Limits to change, all of them or none; null takes a change back. */
export interface NewLimits {
  readonly accountId?: string;
  /** Of this strategy alone. */
  readonly strategyId?: string;
  readonly limits: Readonly<Record<string, string | number | null>>;
  readonly reason: string;
  readonly expiresAt?: string;
}

interface TradingStateOf {
  state: TradingState;
  /** Null: not halted. */
  haltId: string | null;
  exits: 'reduceOnly' | 'operatorOnly';
  reason: string | null;
  by: string | null;
  at: string | null;
}

export interface StrategyTradingStateBody extends TradingStateOf {
  strategyId: string;
}

export interface TradingStateBody extends TradingStateOf {
  accountId: string;
  scope: 'account';
  strategies: StrategyTradingStateBody[];
}

export interface ChangedTradingStateBody extends TradingStateBody {
  /** Orders whose calls were on their way, as they stand now. */
  inFlight: { id: string; status: OrderStatus }[];
  /** What goes on: cancels and exits. */
  operationId: string | null;
}

export interface NewTradingState {
  readonly accountId?: string;
  readonly state: TradingState;
  /** Default account. */
  readonly scope?: 'account' | 'strategy';
  readonly strategyId?: string;
  readonly reason: string;
  /** Cancel every working order that could raise the worst-case position. */
  readonly cancelOpen?: boolean;
  /** Close what is managed, too. */
  readonly flatten?: boolean;
  readonly exits?: 'reduceOnly' | 'operatorOnly';
  /** The halt to leave; another one in force is refused. */
  readonly releases?: string;
  /** A share of riskCapital: the daily loss limit for the rest of the day. */
  readonly newDailyLossPct?: string | number;
  /** Measures drawdown from the equity of now. */
  readonly rebasePeak?: boolean;
}

export interface KillSwitchEventBody {
  id: string;
  accountId: string;
  haltId: string | null;
  scope: 'account' | 'strategy';
  strategyId: string | null;
  from: TradingState;
  to: TradingState;
  reason: string;
  by: string;
  details: Record<string, unknown>;
  at: string;
}

export interface NewClose {
  readonly accountId?: string;
  readonly strategyId?: string;
  readonly product?: Product;
  /** Left out: all of it. */
  readonly quantity?: number;
  readonly includeExternal?: boolean;
  readonly reason?: string;
}

export interface NewFlatten extends NewClose {
  /** With a symbol: that instrument alone. */
  readonly exchange?: Exchange;
  readonly symbol?: string;
}

/** A halt or a flatten that goes on by itself; FAILED: it ended with something left. */
export interface OperationBody {
  id: string;
  accountId: string;
  kind: 'HALT' | 'FLATTEN';
  state: 'RUNNING' | 'DONE' | 'FAILED';
  strategyId: string | null;
  exchange: Exchange | null;
  symbol: string | null;
  product: Product | null;
  quantity: number | null;
  reason: string;
  haltId: string | null;
  startedBy: string;
  startedAt: string;
  finishedAt: string | null;
  /** Its reduce-only exits so far. */
  orders: OrderBody[];
  /** What is not done, and why. */
  left: { what: string; quantity: number | null; why: string }[];
}

/** An entry of the account's journal. `event` says what happened, `data` how it was. */
export interface EventBody {
  seq: number;
  accountId: string;
  at: string;
  event: string;
  /** What it happened to: mostly the id of an order. */
  entity: string;
  actor: string;
  /** Of the order, when it is about one. */
  strategyId: string | null;
  /** What never changes of the order it is about; null: it is about none. */
  order: {
    clientOrderId: string;
    exchange: string;
    symbol: string;
    side: string;
    product: string;
    role: string;
    parentOrderId: string | null;
  } | null;
  /** How that order stood when the entry was read: perhaps later than the entry, never earlier. */
  state: {
    status: OrderStatus;
    quantity: number;
    filledQuantity: number;
    leavesQuantity: number;
    averagePrice: string | null;
    price: string | null;
    triggerPrice: string | null;
  } | null;
  /** For a fill: what the order's strategy (the account, where it has none) holds when the entry was read. */
  position: {
    strategyId: string | null;
    cycle: number;
    status: 'OPEN' | 'CLOSED';
    quantity: number;
    averagePrice: string | null;
    realizedPnl: string;
    charges: string;
    lastPrice: string | null;
    lastPriceAgeMs: number | null;
    unrealizedPnl: string | null;
    netPnl: string | null;
  } | null;
  data: Record<string, unknown>;
}

export interface Page<Item> {
  items: Item[];
  /** Give it as `cursor` for the next page; null on the last. */
  nextCursor: string | null;
}

/**
 * Query parameters of a list: accountId, limit (at most 500) and cursor, and what the list filters by (symbol,
 * exchange, product, strategyId, status, day ...). A list repeats its parameter.
 */
export type Filter = Readonly<Record<string, string | number | readonly string[] | undefined>>;

export interface NewToken {
  readonly name: string;
  readonly role: 'viewer' | 'trader' | 'operator' | 'admin';
  /** Binds the token to one account, and to one strategy of it. */
  readonly accountId?: string;
  readonly strategyId?: string;
  /** Addresses and networks that may use it; left out: any. */
  readonly allowedFrom?: readonly string[];
}
