import type { Position, StoredLimit } from '../../../src/domain/account.ts';
import type { Instrument } from '../../../src/domain/instrument.ts';
import { type Decimal, ZERO, decimal } from '../../../src/domain/money.ts';
import type { Order, OrderTerms } from '../../../src/domain/order.ts';
import { acceptedOrder } from '../../../src/domain/order-events.ts';
import type { SessionRules } from '../../../src/domain/session.ts';
import type { CheckInput, CheckResult, PriceView, Scope, StrategyView } from '../../../src/risk/check.ts';
import { effectOf, openRiskOf, referencePrice } from '../../../src/risk/effect.ts';
import type { Limits, OwnLimits } from '../../../src/risk/limits.ts';
import { CHECKS } from '../../../src/risk/pre-trade.ts';

export const T0 = new Date('2026-07-15T04:00:00.000Z');

/** An instant `seconds` after T0. */
export function at(seconds: number): Date {
  return new Date(T0.getTime() + seconds * 1000);
}

export const RELIANCE: Instrument = {
  id: 1,
  exchange: 'NSE',
  symbol: 'RELIANCE',
  name: 'RELIANCE INDUSTRIES',
  instrumentToken: 738561,
  instrumentType: 'EQ',
  segment: 'NSE',
  tickSize: decimal('0.05'),
  lotSize: 1,
  expiry: null,
  strike: null,
  underlying: null,
  freezeQuantity: null,
  multiplier: decimal(1),
};

export const NIFTY_PUT: Instrument = {
  ...RELIANCE,
  id: 2,
  exchange: 'NFO',
  symbol: 'NIFTY2672125000PE',
  name: 'NIFTY',
  instrumentToken: 1234567,
  instrumentType: 'PE',
  segment: 'NFO-OPT',
  lotSize: 75,
  expiry: '2026-07-21',
  strike: decimal(25000),
  underlying: 'NIFTY',
  freezeQuantity: 1800,
};

export const CRUDE: Instrument = {
  ...RELIANCE,
  id: 3,
  exchange: 'MCX',
  symbol: 'CRUDEOIL26JULFUT',
  name: 'CRUDEOIL',
  instrumentType: 'FUT',
  segment: 'MCX-FUT',
  tickSize: decimal(1),
  expiry: '2026-07-20',
  multiplier: decimal(100),
};

/** Prices in fixtures may be written as text. */
type Priced<T, K extends keyof T> = Partial<Omit<T, K> & { readonly [P in K]: T[P] | string }>;
type PriceTerm = 'price' | 'triggerPrice' | 'stopLoss' | 'takeProfit' | 'marketProtection';
export type OrderChanges = Priced<
  Order,
  PriceTerm | 'marginPerUnit' | 'riskPerUnit' | 'valuePerUnit' | 'filledValue'
>;

const exact = (value: Decimal | string | null): Decimal | null =>
  typeof value === 'string' ? decimal(value) : value;

/** The brief's order: BUY 10 RELIANCE at 2450.00 MIS, stop 2430.00, target 2491.00. */
export function terms(changes: Partial<OrderTerms> = {}): OrderTerms {
  return {
    accountId: 'main',
    id: '0198f000-0000-7000-8000-000000000001',
    clientOrderId: 'c-1',
    requestHash: 'hash',
    strategyId: null,
    instrumentId: RELIANCE.id,
    exchange: 'NSE',
    symbol: 'RELIANCE',
    side: 'BUY',
    quantity: 10,
    orderType: 'LIMIT',
    product: 'MIS',
    validity: 'DAY',
    validityMinutes: null,
    variety: 'regular',
    price: decimal('2450.00'),
    triggerPrice: null,
    stopLoss: decimal('2430.00'),
    takeProfit: decimal('2491.00'),
    disclosedQuantity: null,
    marketProtection: null,
    reduceOnly: false,
    maxAgeMs: 30_000,
    metadata: null,
    role: 'ENTRY',
    parentOrderId: null,
    protectionGroup: null,
    protection: null,
    trailing: null,
    gtt: false,
    cause: 'REQUEST',
    tradingDay: '2026-07-15',
    ...changes,
  };
}

export function order(changes: OrderChanges = {}): Order {
  const changed = Object.entries(changes).map(([name, value]) => [
    name,
    PRICE_FIELDS.has(name) ? exact(value as Decimal | string | null) : value,
  ]);
  return { ...acceptedOrder(terms(), T0), ...(Object.fromEntries(changed) as Partial<Order>) };
}

const PRICE_FIELDS = new Set([
  'price',
  'triggerPrice',
  'stopLoss',
  'takeProfit',
  'marketProtection',
  'marginPerUnit',
  'riskPerUnit',
  'valuePerUnit',
  'filledValue',
]);

/** An order of another strategy that counts as live: everything of it opens, unless the changes say otherwise. */
export function liveOrder(changes: OrderChanges = {}): Order {
  const live = order({ status: 'OPEN', id: '0198f000-0000-7000-8000-0000000000aa', ...changes });
  return changes.openingQuantity === undefined ? { ...live, openingQuantity: live.quantity } : live;
}

export function position(changes: Priced<Position, 'stopLoss' | 'openValue'> = {}): Position {
  const quantity = changes.quantity ?? 10;
  const base: Position = {
    accountId: 'main',
    instrumentId: RELIANCE.id,
    product: 'MIS',
    managedBy: 'OMS',
    exchange: 'NSE',
    symbol: 'RELIANCE',
    cycle: 1,
    status: 'OPEN',
    quantity,
    openValue: decimal(2450).times(Math.abs(quantity)),
    buyQuantity: Math.max(0, quantity),
    buyValue: ZERO,
    sellQuantity: Math.max(0, -quantity),
    sellValue: ZERO,
    realizedPnl: ZERO,
    charges: ZERO,
    highestPrice: decimal(2450),
    lowestPrice: decimal(2450),
    multiplier: decimal(1),
    openedAt: T0,
    closedAt: null,
    lastEntryAt: T0,
    lastTradeId: '1',
    stopLoss: null,
    overnightQuantity: 0,
    previousClose: null,
  };
  const { stopLoss = null, openValue = base.openValue, ...rest } = changes;
  return { ...base, ...rest, stopLoss: exact(stopLoss), openValue: exact(openValue) ?? base.openValue };
}

export const LIMITS: Limits = {
  maxRiskPerTrade: decimal('0.02'),
  maxDailyLoss: decimal('0.06'),
  maxDrawdown: decimal('0.15'),
  maxPositions: 5,
  minRiskReward: decimal('2.0'),
  maxPositionSize: 1000,
  maxQuantityPerOrder: 10_000,
  maxPriceDeviationPct: decimal('0.10'),
  maxPositionLossPct: decimal('0.05'),
  maxOrderToPositionRatio: 3,
  requireTakeProfit: false,
  maxOrderValue: { amount: decimal(1), unit: 'x' },
  maxPositionValue: { amount: ZERO, unit: 'rupees' },
  maxOpenOrderValue: { amount: decimal(5), unit: 'x' },
  unknownBlocks: 'none',
  repeatedExecutionMax: 0,
  repeatedExecutionWindowMs: 60_000,
  duplicateWindowMs: 2000,
  rejectRatioPause: ZERO,
  rejectRatioWindowMs: 300_000,
  refuseSelfMatch: false,
  blockedInstruments: [],
  allowedInstruments: [],
  requireFreshPrice: false,
  maxPriceJumpPct: ZERO,
  maxGrossExposure: ZERO,
  maxNetExposure: ZERO,
  autoFlatten: false,
  positionLossExit: false,
  orderToTradePause: ZERO,
  priceMaxAgeMs: 5000,
  maxOrderAgeMs: 30_000,
};

/** A limit changed at run time. */
export function stored(value: string, changes: Partial<StoredLimit> = {}): StoredLimit {
  return { value, reason: 'a test', by: 'test', at: T0.toISOString(), expiresAt: null, ...changes };
}

export function price(
  changes: Priced<PriceView, 'last' | 'bestBid' | 'bestOffer' | 'lowerCircuit' | 'upperCircuit'> = {},
): PriceView {
  const {
    last = '2450.00',
    bestBid = null,
    bestOffer = null,
    lowerCircuit = null,
    upperCircuit = null,
    ...rest
  } = changes;
  return {
    last: exact(last) ?? ZERO,
    bestBid: exact(bestBid),
    bestOffer: exact(bestOffer),
    lowerCircuit: exact(lowerCircuit),
    upperCircuit: exact(upperCircuit),
    ageMs: 100,
    fresh: true,
    ...rest,
  };
}

export const SESSION: SessionRules = {
  hours: 'always',
  holidays: [],
  lastMisEntry: { EQUITY: '14:55', DERIVATIVES: '15:10', CURRENCY: '16:30', COMMODITY: '23:00' },
};

/** A strategy's own limits, none of them set. */
export const OWN: OwnLimits = {
  maxPositions: 0,
  maxPositionSize: 0,
  maxOrderToPositionRatio: 0,
  maxOrderValue: { amount: ZERO, unit: 'rupees' },
  maxPositionValue: { amount: ZERO, unit: 'rupees' },
  maxOpenOrderValue: { amount: ZERO, unit: 'rupees' },
  blockedInstruments: [],
  allowedInstruments: [],
};

export interface InputChanges {
  readonly order?: OrderChanges;
  readonly instrument?: Instrument;
  readonly limits?: Partial<Limits>;
  readonly account?: Partial<CheckInput['account']>;
  readonly strategyState?: CheckInput['strategyState'];
  readonly strategyExits?: CheckInput['strategyExits'];
  readonly strategyReason?: string;
  readonly uncovers?: string;
  readonly addedMargin?: string;
  readonly price?: PriceView | null;
  readonly positions?: readonly Position[];
  readonly liveOrders?: readonly Order[];
  readonly marginPerUnit?: string | null;
  readonly charges?: string;
  readonly availableFunds?: string | null;
  readonly riskCapital?: string;
  readonly dayPnl?: string;
  readonly openRisk?: string;
  readonly oldPrice?: CheckInput['oldPrice'];
  readonly widened?: { readonly loss: string | null; readonly by: string | null };
  readonly strategy?: Partial<StrategyView> | null;
  /** Limits of the order's strategy, judged over `ownPositions` and the live orders of that strategy. */
  readonly own?: Partial<OwnLimits>;
  readonly ownPositions?: readonly Position[];
  readonly at?: Date;
  readonly session?: Partial<SessionRules>;
  readonly finishedOrders?: readonly Order[];
  readonly deliverable?: number | null;
  readonly leaving?: string | null;
  readonly valuePerUnit?: string | null;
}

/** What the checks look at, put together as the validator does it, around the brief's order and 100,000 of capital. */
export function input(changes: InputChanges = {}): CheckInput {
  const instrument = changes.instrument ?? RELIANCE;
  const { id: instrumentId, exchange, symbol } = instrument;
  const judged = order({ instrumentId, exchange, symbol, ...changes.order });
  const positions = changes.positions ?? [];
  const liveOrders = changes.liveOrders ?? [];
  const seen = changes.price === undefined ? price() : changes.price;
  const reference = referencePrice(judged, seen);
  const margin = changes.marginPerUnit === undefined ? '490' : changes.marginPerUnit;
  const funds = changes.availableFunds === undefined ? '100000' : changes.availableFunds;
  return {
    order: judged,
    instrument,
    limits: { ...LIMITS, ...changes.limits },
    account: {
      tradingState: 'ACTIVE',
      haltExits: 'reduceOnly',
      tradingStateReason: null,
      ...changes.account,
    },
    strategyState: changes.strategyState ?? null,
    strategyExits: changes.strategyExits ?? null,
    strategyReason: changes.strategyReason ?? null,
    uncovers: changes.uncovers ?? null,
    addedMargin: exact(changes.addedMargin ?? null),
    strategy: strategyOf(changes.strategy),
    own: ownOf(judged, changes),
    leaving: changes.leaving ?? null,
    at: changes.at ?? T0,
    session: { ...SESSION, ...changes.session },
    finishedOrders: changes.finishedOrders ?? [],
    deliverable: changes.deliverable === undefined ? null : changes.deliverable,
    valuePerUnit:
      changes.valuePerUnit === undefined
        ? (reference?.times(instrument.multiplier ?? 1) ?? null)
        : exact(changes.valuePerUnit),
    price: seen,
    reference,
    effect: effectOf(judged, positions, liveOrders),
    widened:
      changes.widened === undefined
        ? null
        : { loss: exact(changes.widened.loss), by: exact(changes.widened.by) },
    liveOrders,
    positions,
    marginPerUnit: exact(margin),
    charges: decimal(changes.charges ?? '0'),
    availableFunds: exact(funds),
    riskCapital: decimal(changes.riskCapital ?? '100000'),
    dayPnl: decimal(changes.dayPnl ?? '0'),
    oldPrice: changes.oldPrice ?? null,
    openRisk: changes.openRisk === undefined ? openRiskOf(positions, liveOrders) : decimal(changes.openRisk),
  };
}

function strategyOf(changes: InputChanges['strategy']): StrategyView | null {
  if (changes === undefined || changes === null) return null;
  return { id: 'momentum', enabled: true, disabledReason: null, armedAt: null, ...changes };
}

function ownOf(judged: Order, { own, ownPositions = [], liveOrders = [] }: InputChanges): Scope | null {
  if (own === undefined) return null;
  const ofStrategy = liveOrders.filter(({ strategyId }) => strategyId === judged.strategyId);
  return {
    limits: { ...OWN, ...own },
    positions: ownPositions,
    liveOrders: ofStrategy,
    effect: effectOf(judged, ownPositions, ofStrategy),
  };
}

/** What one check says. */
export function verdictOf(name: string, changes: InputChanges = {}): Omit<CheckResult, 'check'> {
  const check = CHECKS.find((one) => one.name === name);
  if (check === undefined) throw new Error(`there is no check ${name}`);
  return check.run(input(changes));
}
