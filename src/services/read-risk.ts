import type { Database } from '../db/client.ts';
import { type RiskRows, type StoredFunds, readRiskRows } from '../db/stores/risk-read-store.ts';
import type { TradingState } from '../domain/account.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import { type Decimal, ZERO, sum } from '../domain/money.ts';
import { budgetLeft, parseBudget } from '../domain/order-budget.ts';
import { isLive } from '../domain/order-status.ts';
import { counted, reservedMargin } from '../domain/live-order.ts';
import type { Order } from '../domain/order.ts';
import { openKeys, openRiskOf } from '../risk/effect.ts';
import { type Limits, limitsAt } from '../risk/limits.ts';
import { knownPeak } from '../risk/monitor/money.ts';
import type { ServiceSettings } from './context.ts';
import { type PositionView, positionView } from './read-positions.ts';
import { type LimitUse, limitUses } from './read-risk-limits.ts';

/** An account's money and risk at one instant, derived from rows alone (trading.md section 1). Rupees. */
export interface RiskView {
  readonly at: Date;
  readonly tradingDay: string;
  readonly tradingState: TradingState;
  /** Capital, cash flows and net realized P&L: what is there without open positions. */
  readonly balance: Decimal;
  /** Equity segment of the broker's funds less our margins not in it; null: no snapshot. */
  readonly availableMargin: Decimal | null;
  readonly fundsAt: Date | null;
  readonly fundsAgeMs: number | null;
  readonly reservedMargin: Decimal;
  readonly positionMargin: Decimal;
  /** Of the trading day, gross. */
  readonly realizedPnl: Decimal;
  readonly unrealizedPnl: Decimal;
  readonly totalPnl: Decimal;
  readonly charges: Decimal;
  readonly netPnl: Decimal;
  /** Equity now less opening equity less the day's cash flows. */
  readonly dayPnl: Decimal;
  /** dayPnl as a share of riskCapital: -0.06 is a loss of 6%. */
  readonly dailyPnlPct: Decimal;
  readonly equity: Decimal;
  readonly openingEquity: Decimal;
  readonly riskCapital: Decimal;
  readonly peakEquity: Decimal;
  readonly drawdown: Decimal;
  /** Share of peakEquity. */
  readonly drawdownPct: Decimal;
  readonly grossExposure: Decimal;
  readonly netExposure: Decimal;
  readonly openRisk: Decimal;
  readonly openPositions: number;
  /** Accepted, not yet checked. */
  readonly pendingOrders: number;
  /** Checked or later, and not finished. */
  readonly activeOrders: number;
  readonly ordersToday: number;
  readonly tradesToday: number;
  /** Age of the oldest price behind these figures; null when nothing is open or a price is missing. */
  readonly oldestPriceAgeMs: number | null;
  /** Open positions whose price is unknown: they are in no figure that needs one. */
  readonly pricesMissing: number;
  /**
   * Age of the oldest price behind each figure that needs one, and behind what is used of each limit by its name,
   * milliseconds; null when nothing is open or a price is unknown.
   */
  readonly priceAges: Readonly<Record<string, number | null>>;
  /** When the risk monitor last looked; null: not yet. */
  readonly monitoredAt: Date | null;
  readonly limits: readonly LimitUse[];
  /** The broker's order budget with what each priority may still use of it. */
  readonly orderBudget: ReturnType<typeof budgetLeft>;
}

export async function readRisk(
  { db, settings }: { readonly db: Database; readonly settings: ServiceSettings },
  accountId: string,
): Promise<RiskView> {
  return riskOf(await readRiskRows(db, accountId), settings);
}

/** The arithmetic of readRisk, on rows that were read. */
export function riskOf(rows: RiskRows, settings: ServiceSettings): RiskView {
  const { account, day } = rows;
  const live = rows.unfinishedOrders.filter(({ status }) => isLive(status)).map(counted);
  // What is managed outside is shown as a position, and the broker's funds contain it: no limit counts it.
  const positions = rows.positions.filter(({ managedBy }) => managedBy === 'OMS').map(positionView);
  const unrealized = unrealizedOf(positions);
  const balance = account.capital.plus(rows.netRealized).plus(rows.cashFlows);
  const equity = balance.plus(unrealized);
  const openingEquity = day?.openingEquity ?? equity;
  const dayPnl = equity.minus(openingEquity).minus(day?.cashFlows ?? ZERO);
  const known = knownPeak(account.peakEquity, rows.watch) ?? openingEquity;
  const limits = limitsAt(settings.limits, rows.now, account.limits);
  const peakEquity = isFresh(positions, limits) ? larger(known, equity) : known;
  const drawdown = larger(peakEquity.minus(equity), ZERO);
  const funds = rows.funds.find(({ segment }) => segment === 'equity') ?? null;
  const realizedPnl = day?.realizedPnl ?? ZERO;
  const charges = day?.charges ?? ZERO;
  const totalPnl = realizedPnl.plus(unrealized);
  const figures = {
    at: rows.now,
    tradingDay: tradingDayOf(rows.now),
    tradingState: account.tradingState,
    balance,
    availableMargin: funds === null ? null : availableMargin(funds, live, rows.handedOverMargin),
    fundsAt: funds?.readAt ?? null,
    fundsAgeMs: funds?.ageMs ?? null,
    reservedMargin: sum(live.map(reservedMargin)),
    positionMargin: positionMargin(rows, positions),
    realizedPnl,
    unrealizedPnl: unrealized,
    totalPnl,
    charges,
    netPnl: totalPnl.minus(charges),
    dayPnl,
    dailyPnlPct: shareOf(dayPnl, openingEquity),
    equity,
    openingEquity,
    riskCapital: openingEquity,
    peakEquity,
    drawdown,
    drawdownPct: shareOf(drawdown, peakEquity),
    ...exposures(positions),
    openRisk: openRiskOf(rows.positions, live),
    openPositions: positions.length,
    pendingOrders: rows.unfinishedOrders.length - live.length,
    activeOrders: live.length,
    ordersToday: day?.ordersCount ?? 0,
    tradesToday: day?.tradesCount ?? 0,
    ...ages(positions),
    priceAges: priceAges(positions),
    monitoredAt: rows.watch?.sampledAt ?? null,
  };
  return {
    ...figures,
    limits: limitUses({
      figures,
      account,
      positions,
      openKeys: openKeys(rows.positions, live).size,
      live,
      settings,
    }),
    orderBudget: budgetLeft(
      parseBudget(account.budget),
      settings.budget,
      rows.now.getTime(),
      figures.tradingDay,
    ),
  };
}

/** The rule of validate-order.ts: orders not handed over yet, and all handed over since the snapshot's read began. */
function availableMargin(funds: StoredFunds, live: readonly Order[], handedOver: Decimal): Decimal {
  const waiting = live.filter(({ submittedAt }) => submittedAt === null).map(reservedMargin);
  return funds.net.minus(sum(waiting)).minus(handedOver);
}

/** At the margin per unit of the newest fill that opened or added to each position. */
function positionMargin({ marginPerUnit }: RiskRows, positions: readonly PositionView[]): Decimal {
  return sum(
    positions.map(({ instrumentId, product, quantity }) =>
      (marginPerUnit.get(`${instrumentId}/${product}`) ?? ZERO).times(Math.abs(quantity)),
    ),
  );
}

function unrealizedOf(positions: readonly PositionView[]): Decimal {
  return sum(positions.map(({ unrealizedPnl }) => unrealizedPnl ?? ZERO));
}

/** At last prices; at cost where the price is unknown. */
function exposures(positions: readonly PositionView[]): { grossExposure: Decimal; netExposure: Decimal } {
  const signed = positions.map(({ quantity, multiplier, lastPrice, openValue }) =>
    lastPrice === null ? openValue.times(Math.sign(quantity)) : lastPrice.times(multiplier).times(quantity),
  );
  return { grossExposure: sum(signed.map((value) => value.abs())), netExposure: sum(signed) };
}

function ages(positions: readonly PositionView[]): {
  oldestPriceAgeMs: number | null;
  pricesMissing: number;
} {
  const known = positions.flatMap(({ lastPriceAgeMs }) => (lastPriceAgeMs === null ? [] : [lastPriceAgeMs]));
  const pricesMissing = positions.length - known.length;
  return {
    oldestPriceAgeMs: known.length === 0 || pricesMissing > 0 ? null : Math.max(...known),
    pricesMissing,
  };
}

/** Figures over every open position, and figures over those that are managed. */
const OF_ALL = [
  'unrealizedPnl',
  'totalPnl',
  'netPnl',
  'grossExposure',
  'netExposure',
  'MAX_GROSS_EXPOSURE',
  'MAX_NET_EXPOSURE',
  'MAX_POSITION_LOSS_PCT',
];
const OF_MANAGED = [
  ...['dayPnl', 'dailyPnlPct', 'equity', 'peakEquity', 'drawdown', 'drawdownPct'],
  ...['MAX_DAILY_LOSS', 'MAX_DRAWDOWN'],
];

function priceAges(positions: readonly PositionView[]): Record<string, number | null> {
  const ofAll = ages(positions).oldestPriceAgeMs;
  const ofManaged = ages(positions.filter(({ managedBy }) => managedBy === 'OMS')).oldestPriceAgeMs;
  return Object.fromEntries([
    ...OF_ALL.map((name) => [name, ofAll] as const),
    ...OF_MANAGED.map((name) => [name, ofManaged] as const),
  ]);
}

/** A share, six places; zero of nothing. */
export function shareOf(part: Decimal, whole: Decimal): Decimal {
  return whole.lte(0) ? ZERO : part.div(whole).toDecimalPlaces(6);
}

/** Prices that may raise the peak: none of a managed position is old or unknown. */
function isFresh(positions: readonly PositionView[], { priceMaxAgeMs }: Limits): boolean {
  return positions.every(
    ({ managedBy, lastPriceAgeMs }) =>
      managedBy !== 'OMS' || (lastPriceAgeMs !== null && lastPriceAgeMs <= priceMaxAgeMs),
  );
}

function larger(a: Decimal, b: Decimal): Decimal {
  return a.gt(b) ? a : b;
}
