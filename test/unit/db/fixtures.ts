import type { Baseline, Loaded, Needs } from '../../../src/db/account-load.ts';
import type {
  AccountRow,
  AttemptRow,
  BrokerOrderRow,
  DayRow,
  EntryRow,
  OrderRow,
  PositionRow,
  StrategyPositionRow,
  StrategyRow,
  TradeRow,
} from '../../../src/db/account-rows.ts';
import { AccountView } from '../../../src/db/account-view.ts';
import { ZERO, decimal } from '../../../src/domain/money.ts';
import { T0, type OrderChanges, at, order, position } from '../risk/fixtures.ts';

export const DAY = '2026-07-15';
export const ORDER_ID = '0198f000-0000-7000-8000-000000000001';

export const ACCOUNT: AccountRow = {
  id: 'main',
  name: 'Main',
  capital: decimal(100_000),
  tradingState: 'ACTIVE',
  tradingStateReason: null,
  tradingStateBy: null,
  tradingStateAt: null,
  haltId: null,
  haltExits: 'reduceOnly',
  haltTrips: [],
  peakEquity: null,
  limits: {},
  budget: {},
  seq: 7,
  head: 'a'.repeat(64),
  createdAt: T0,
  updatedAt: T0,
};

export const BASELINE: Baseline = {
  netRealized: decimal('1234.56'),
  cashFlows: decimal('-5000'),
  unrealized: decimal('78.9'),
};

/** Everything an account may be asked for, asked for. */
export const ALL: Needs = {
  orders: [ORDER_ID],
  clientOrderIds: ['c-1'],
  brokerOrderIds: ['b1'],
  tags: ['Tag1'],
  commandsOf: [ORDER_ID],
  commandKeys: ['k-1'],
  tradesOf: [ORDER_ID],
  liveOrders: true,
  openPositions: true,
  positionKeys: ['1/MIS/OMS'],
  entriesOf: ['1/MIS/OMS'],
  cyclesOf: ['1/MIS/OMS'],
  strategyPositions: ['momentum/1/MIS'],
  strategyCyclesOf: ['momentum/1/MIS'],
  unsettledOrders: true,
  openCommands: true,
  operations: [],
  runningOperations: true,
  strategies: true,
  baseline: true,
  openAlerts: true,
  submittedSince: [T0.toISOString()],
  brokerOrders: ['b1'],
};

export function loaded(changes: Partial<Loaded> = {}): Loaded {
  return {
    now: at(60),
    realNow: at(60),
    readStartedMs: 1,
    readEndedMs: 2,
    account: ACCOUNT,
    day: null,
    orders: [],
    attempts: [],
    commands: [],
    operations: [],
    trades: [],
    positions: [],
    entries: [],
    strategyPositions: [],
    strategies: [],
    alerts: [],
    brokerOrders: [],
    handedOver: new Map(),
    baseline: BASELINE,
    ...changes,
  };
}

/** A view in which everything was asked for, and only what `changes` hold was found. */
export function view(changes: Partial<Loaded> = {}, needs: Needs = ALL): AccountView {
  return new AccountView(loaded(changes), needs);
}

export function orderRow(changes: OrderChanges = {}): OrderRow {
  return { ...order(changes), stepFailures: 0, parkedAt: null };
}

export function dayRow(changes: Partial<DayRow> = {}): DayRow {
  return {
    accountId: 'main',
    day: DAY,
    openingEquity: decimal(100_000),
    realizedPnl: ZERO,
    charges: ZERO,
    cashFlows: ZERO,
    turnover: ZERO,
    ordersCount: 0,
    rejectedCount: 0,
    tradesCount: 0,
    winningTrades: 0,
    losingTrades: 0,
    updatedAt: T0,
    ...changes,
  };
}

export function attemptRow(changes: Partial<AttemptRow> = {}): AttemptRow {
  return {
    accountId: 'main',
    orderId: ORDER_ID,
    attempt: 1,
    tag: 'Tag1',
    claimedAt: T0,
    notBefore: T0,
    sendBy: at(1),
    claimId: '0198f000-0000-7000-8000-00000000c1a1',
    outcome: null,
    outcomeReason: null,
    outcomeAt: null,
    brokerOrderId: null,
    ...changes,
  };
}

export function tradeRow(changes: Partial<TradeRow> = {}): TradeRow {
  return {
    accountId: 'main',
    exchange: 'NSE',
    tradeDate: DAY,
    brokerOrderId: 'b1',
    tradeId: 't1',
    side: 'BUY',
    orderId: ORDER_ID,
    strategyId: null,
    instrumentId: 1,
    symbol: 'RELIANCE',
    product: 'MIS',
    quantity: 10,
    price: decimal('2450.05'),
    multiplier: decimal(1),
    tradedAt: T0,
    recordedAt: T0,
    entryId: '0198f000-0000-7000-8000-0000000000e1',
    brokerage: decimal('7.35'),
    transactionTax: ZERO,
    exchangeCharge: decimal('0.73'),
    sebiCharge: decimal('0.02'),
    stampDuty: decimal('0.74'),
    gst: decimal('1.46'),
    charges: decimal('10.30'),
    annulledAt: null,
    ...changes,
  };
}

export function entryRow(changes: Partial<EntryRow> = {}): EntryRow {
  return {
    accountId: 'main',
    instrumentId: 1,
    product: 'MIS',
    managedBy: 'OMS',
    id: '0198f000-0000-7000-8000-0000000000e1',
    kind: 'TRADE',
    strategyId: null,
    quantity: 10,
    price: decimal('2450.05'),
    multiplier: decimal(1),
    cash: decimal('-24500.5'),
    charges: decimal('10.30'),
    tradedAt: T0,
    tradeId: 't1',
    evidence: {},
    counterpart: null,
    recordedAt: T0,
    ...changes,
  };
}

export function positionRow(changes: Partial<PositionRow> = {}): PositionRow {
  return { ...position(), updatedAt: T0, ...changes };
}

export function strategyPositionRow(changes: Partial<StrategyPositionRow> = {}): StrategyPositionRow {
  const own: Record<string, unknown> = { ...positionRow(), strategyId: 'momentum', ...changes };
  for (const name of ['managedBy', 'exchange', 'symbol', 'stopLoss', 'overnightQuantity', 'previousClose']) {
    Reflect.deleteProperty(own, name);
  }
  return own as StrategyPositionRow;
}

export function strategyRow(changes: Partial<StrategyRow> = {}): StrategyRow {
  return {
    accountId: 'main',
    id: 'momentum',
    name: 'Momentum',
    enabled: true,
    disabledReason: null,
    armedAt: null,
    protection: null,
    tradingState: 'ACTIVE',
    tradingStateReason: null,
    tradingStateBy: null,
    tradingStateAt: null,
    haltId: null,
    haltExits: 'reduceOnly',
    limits: {},
    createdAt: T0,
    updatedAt: T0,
    ...changes,
  };
}

export function brokerOrderRow(changes: Partial<BrokerOrderRow> = {}): BrokerOrderRow {
  return {
    accountId: 'main',
    day: DAY,
    brokerOrderId: 'b1',
    tag: 'Tag1',
    status: 'OPEN',
    filledQuantity: 0,
    orderId: ORDER_ID,
    raw: { order_id: 'b1' },
    firstSeenAt: T0,
    lastSeenAt: T0,
    ...changes,
  };
}
