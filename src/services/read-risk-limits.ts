import type { Account } from '../domain/account.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import { type Decimal, ZERO, decimal, formatMoney } from '../domain/money.ts';
import { parseBudget, usedBudget } from '../domain/order-budget.ts';
import { type Order, openingLeaves } from '../domain/order.ts';
import { keyText } from '../risk/effect.ts';
import { openValue } from '../risk/checks/open-order-value.ts';
import { LIMIT_NAMES, type Limits, type ValueLimit, capOf, limitsAt } from '../risk/limits.ts';
import type { ServiceSettings } from './context.ts';
import { limitTexts } from './read-accounts.ts';
import type { PositionView } from './read-positions.ts';

/** A limit in force with what is used of it, in the limit's own unit. */
export interface LimitUse {
  /** Configuration name. */
  readonly name: string;
  readonly limit: string;
  /** Null where only a single order uses it. */
  readonly used: string | null;
  /** What may still be used; null where nothing is measured or the limit is off. */
  readonly left: string | null;
  /** Rupees that a share is a share of, or a value a multiple of; null for counts. */
  readonly baseline: string | null;
}

export interface LimitInput {
  readonly figures: {
    readonly at: Date;
    readonly dailyPnlPct: Decimal;
    readonly drawdownPct: Decimal;
    readonly riskCapital: Decimal;
    readonly peakEquity: Decimal;
    readonly grossExposure: Decimal;
    readonly netExposure: Decimal;
  };
  readonly account: Pick<Account, 'limits' | 'budget'>;
  readonly positions: readonly PositionView[];
  /** Keys that count in MAX_POSITIONS. */
  readonly openKeys: number;
  readonly live: readonly Order[];
  readonly settings: ServiceSettings;
}

/** Every limit of the account, and the broker's order budget. */
export function limitUses({ figures, account, positions, openKeys, live, settings }: LimitInput): LimitUse[] {
  const limits = limitsAt(settings.limits, figures.at, account.limits);
  const texts = { ...limitTexts(limits), ...valueTexts(limits, figures.riskCapital) };
  const riskCapital = formatMoney(figures.riskCapital.toDecimalPlaces(4));
  const timesOf = (value: Decimal) =>
    formatMoney(figures.riskCapital.lte(0) ? ZERO : value.div(figures.riskCapital).toDecimalPlaces(6));
  const uses: Record<string, { used: string | null; baseline: string | null }> = {
    MAX_RISK_PER_TRADE: { used: null, baseline: riskCapital },
    MAX_DAILY_LOSS: { used: lossText(figures.dailyPnlPct), baseline: riskCapital },
    MAX_DRAWDOWN: {
      used: formatMoney(figures.drawdownPct),
      baseline: formatMoney(figures.peakEquity.toDecimalPlaces(4)),
    },
    MAX_POSITIONS: { used: String(openKeys), baseline: null },
    MAX_POSITION_SIZE: {
      used: String(largest(positions.map(({ quantity }) => Math.abs(quantity)))),
      baseline: null,
    },
    MAX_POSITION_LOSS_PCT: { used: formatMoney(worstLoss(positions)), baseline: null },
    MAX_GROSS_EXPOSURE: { used: timesOf(figures.grossExposure), baseline: riskCapital },
    MAX_NET_EXPOSURE: { used: timesOf(figures.netExposure.abs()), baseline: riskCapital },
    MAX_ORDER_TO_POSITION_RATIO: { used: String(mostOrdersOfAKey(live)), baseline: null },
    MAX_ORDER_VALUE: { used: null, baseline: riskCapital },
    MAX_POSITION_VALUE: { used: null, baseline: riskCapital },
    MAX_OPEN_ORDER_VALUE: { used: formatMoney(openValue(live).toDecimalPlaces(4)), baseline: riskCapital },
  };
  const own = Object.keys(LIMIT_NAMES).map((name) =>
    useOf(name, texts[name] ?? '', uses[name]?.used ?? null, uses[name]?.baseline ?? null),
  );
  return [...own, ...budgetUses(account, settings, figures.at)];
}

/** Value limits in rupees of today, also those that are set as multiples; "0.00" when off. */
function valueTexts(limits: Limits, riskCapital: Decimal): Record<string, string> {
  const rupees = (limit: ValueLimit) => formatMoney((capOf(limit, riskCapital) ?? ZERO).toDecimalPlaces(4));
  return {
    MAX_ORDER_VALUE: rupees(limits.maxOrderValue),
    MAX_POSITION_VALUE: rupees(limits.maxPositionValue),
    MAX_OPEN_ORDER_VALUE: rupees(limits.maxOpenOrderValue),
  };
}

function useOf(name: string, limit: string, used: string | null, baseline: string | null): LimitUse {
  if (used === null || Number(limit) === 0) return { name, limit, used, left: null, baseline };
  const rest = decimal(limit).minus(used);
  const left = rest.lt(0) ? ZERO : rest;
  return { name, limit, used, left: limit.includes('.') ? formatMoney(left) : left.toFixed(), baseline };
}

function budgetUses({ budget }: Pick<Account, 'budget'>, settings: ServiceSettings, at: Date): LimitUse[] {
  const used = usedBudget(parseBudget(budget), at.getTime(), tradingDayOf(at));
  const { perSecond, perMinute, perDay } = settings.budget;
  const row = (name: string, limit: number, count: number) => useOf(name, String(limit), String(count), null);
  return [
    row('ORDER_CALLS_PER_SECOND', perSecond, used.second),
    row('ORDER_CALLS_PER_MINUTE', perMinute, used.minute),
    row('ORDER_PLACEMENTS_PER_DAY', perDay, used.day),
  ];
}

function lossText(share: Decimal): string {
  return formatMoney(share.lt(0) ? share.neg() : ZERO);
}

/** Largest unrealized loss of a position as a share of its cost. */
function worstLoss(positions: readonly PositionView[]): Decimal {
  return positions.reduce((worst, { unrealizedPnl, openValue }) => {
    if (unrealizedPnl === null || openValue.lte(0)) return worst;
    const loss = unrealizedPnl.neg().div(openValue).toDecimalPlaces(6);
    return loss.gt(worst) ? loss : worst;
  }, ZERO);
}

/** Live opening orders of the key that has the most (trading.md section 3, ORDER_TO_POSITION_RATIO). */
function mostOrdersOfAKey(live: readonly Order[]): number {
  const counts = new Map<string, number>();
  for (const order of live) {
    if (openingLeaves(order) === 0 || order.role !== 'ENTRY') continue;
    counts.set(keyText(order), (counts.get(keyText(order)) ?? 0) + 1);
  }
  return largest([...counts.values()]);
}

function largest(values: readonly number[]): number {
  return Math.max(0, ...values);
}
