import { formatIst } from '../domain/calendar.ts';
import type { StoredLimit } from '../domain/account.ts';
import type { AccountRow } from '../services/read-accounts.ts';
import type { AlertRow, DayRow, DeliveryRow, StrategyRow } from '../services/read-lists.ts';
import type { PositionView } from '../services/read-positions.ts';
import type { RiskView } from '../services/read-risk.ts';
import { decimalText, istOrNull, moneyOrNull, moneyText } from './order-json.ts';
import type {
  AccountJson,
  AlertJson,
  DayJson,
  PositionJson,
  RiskJson,
  StrategyJson,
} from './schemas/account.ts';

export function positionJson(position: PositionView): PositionJson {
  return {
    accountId: position.accountId,
    exchange: position.exchange,
    symbol: position.symbol,
    product: position.product,
    managedBy: position.managedBy,
    cycle: position.cycle,
    status: position.status,
    quantity: position.quantity,
    protectedQuantity: position.protectedQuantity,
    protection: position.protectionNow?.policy ?? null,
    unprotectedSince: istOrNull(instantOf(position.protectionNow?.unprotectedSince)),
    unprotectedSeconds: position.protectionNow?.unprotectedSeconds ?? null,
    averagePrice: moneyOrNull(position.averagePrice),
    lastPrice: moneyOrNull(position.lastPrice),
    lastPriceAt: istOrNull(position.lastPriceAt),
    lastPriceAgeMs: position.lastPriceAgeMs,
    realizedPnl: moneyText(position.realizedPnl),
    unrealizedPnl: moneyOrNull(position.unrealizedPnl),
    totalPnl: moneyOrNull(position.totalPnl),
    charges: moneyText(position.charges),
    netPnl: moneyOrNull(position.netPnl),
    highestPrice: moneyText(position.highestPrice),
    lowestPrice: moneyText(position.lowestPrice),
    openedAt: formatIst(position.openedAt),
    closedAt: istOrNull(position.closedAt),
  };
}

function instantOf(text: string | null | undefined): Date | null {
  return text == null ? null : new Date(text);
}

export function riskJson(accountId: string, risk: RiskView): RiskJson {
  return {
    accountId,
    at: formatIst(risk.at),
    tradingDay: risk.tradingDay,
    tradingState: risk.tradingState,
    balance: moneyText(risk.balance),
    availableMargin: moneyOrNull(risk.availableMargin),
    fundsAt: istOrNull(risk.fundsAt),
    fundsAgeMs: risk.fundsAgeMs,
    reservedMargin: moneyText(risk.reservedMargin),
    positionMargin: moneyText(risk.positionMargin),
    realizedPnl: moneyText(risk.realizedPnl),
    unrealizedPnl: moneyText(risk.unrealizedPnl),
    totalPnl: moneyText(risk.totalPnl),
    charges: moneyText(risk.charges),
    netPnl: moneyText(risk.netPnl),
    dayPnl: moneyText(risk.dayPnl),
    dailyPnlPct: decimalText(risk.dailyPnlPct),
    peakEquity: moneyText(risk.peakEquity),
    drawdown: moneyText(risk.drawdown),
    drawdownPct: decimalText(risk.drawdownPct),
    riskCapital: moneyText(risk.riskCapital),
    equity: moneyText(risk.equity),
    openingEquity: moneyText(risk.openingEquity),
    grossExposure: moneyText(risk.grossExposure),
    netExposure: moneyText(risk.netExposure),
    openRisk: moneyText(risk.openRisk),
    openPositions: risk.openPositions,
    pendingOrders: risk.pendingOrders,
    activeOrders: risk.activeOrders,
    ordersToday: risk.ordersToday,
    tradesToday: risk.tradesToday,
    oldestPriceAgeMs: risk.oldestPriceAgeMs,
    pricesMissing: risk.pricesMissing,
    priceAges: risk.priceAges,
    monitoredAt: istOrNull(risk.monitoredAt),
    limits: [...risk.limits],
    orderBudget: risk.orderBudget,
  };
}

export function dayJson(day: DayRow): DayJson {
  return {
    accountId: day.accountId,
    day: day.day,
    openingEquity: moneyText(day.openingEquity),
    realizedPnl: moneyText(day.realizedPnl),
    charges: moneyText(day.charges),
    netPnl: moneyText(day.realizedPnl.minus(day.charges)),
    cashFlows: moneyText(day.cashFlows),
    turnover: moneyText(day.turnover),
    ordersCount: day.ordersCount,
    rejectedCount: day.rejectedCount,
    tradesCount: day.tradesCount,
    winningTrades: day.winningTrades,
    losingTrades: day.losingTrades,
    updatedAt: formatIst(day.updatedAt),
  };
}

export function alertJson(alert: AlertRow, deliveries: readonly DeliveryRow[]): AlertJson {
  return {
    id: alert.id,
    accountId: alert.accountId,
    severity: alert.severity,
    type: alert.type,
    message: alert.message,
    details: alert.details,
    orderId: alert.orderId,
    at: formatIst(alert.at),
    clearedAt: istOrNull(alert.clearedAt),
    acknowledgedAt: istOrNull(alert.acknowledgedAt),
    acknowledgedBy: alert.acknowledgedBy,
    deliveries: deliveries.map(({ deliveredAt, ...delivery }) => ({
      ...delivery,
      deliveredAt: istOrNull(deliveredAt),
    })),
  };
}

export function strategyJson(strategy: StrategyRow): StrategyJson {
  return {
    id: strategy.id,
    accountId: strategy.accountId,
    name: strategy.name,
    enabled: strategy.enabled,
    disabledReason: strategy.disabledReason,
    protection: strategy.protection,
    tradingState: strategy.tradingState,
    tradingStateReason: strategy.tradingStateReason,
    limits: limitChangesJson(strategy.limits),
    createdAt: formatIst(strategy.createdAt),
    updatedAt: formatIst(strategy.updatedAt),
  };
}

/** Limits changed at run time, their instants in Indian time. */
export function limitChangesJson<Limit extends StoredLimit>(
  limits: Readonly<Record<string, Limit>>,
): Record<string, Limit> {
  const ist = (text: string) => formatIst(new Date(text));
  return Object.fromEntries(
    Object.entries(limits).map(([name, limit]) => [
      name,
      { ...limit, at: ist(limit.at), expiresAt: limit.expiresAt === null ? null : ist(limit.expiresAt) },
    ]),
  );
}

export function accountJson(account: AccountRow): AccountJson {
  return {
    id: account.id,
    name: account.name,
    capital: moneyText(account.capital),
    tradingState: account.tradingState,
    createdAt: formatIst(account.createdAt),
  };
}
