import { findNewestReconciliation } from '../db/stores/reconciliation-store.ts';
import { formatMoneyForPeople } from '../domain/money.ts';
import { UNFINISHED_STATUSES } from '../domain/order-status.ts';
import { readTradingState } from '../services/read-accounts.ts';
import { listOrders, listStandingAlerts, listStrategies } from '../services/read-lists.ts';
import { type PositionView, readPositions } from '../services/read-positions.ts';
import { type RiskView, readRisk } from '../services/read-risk.ts';
import type { Desk } from './desk.ts';
import { ageText, gain, limitText, percent, rupees, stampOf, timeOf } from './figures.ts';
import { accountMark, shortIdOf } from './alert-lines.ts';
import { type RichText, bold, code, concat, cut, lines, plain, quoted } from './rich-text.ts';

/** Rows that a view shows; more are on the admin API. */
const MAX_ROWS = 20;
const STATES = { ACTIVE: '🟢', REDUCING: '🟠', HALTED: '🔴' } as const;

/** What may be traded, how the day goes against its limits, and what it all depends on. */
export async function statusView(desk: Desk): Promise<RichText> {
  const { context, accountId } = desk;
  const [state, risk, around] = await Promise.all([
    readTradingState(context.db, accountId),
    readRisk(context, accountId),
    aroundLines(desk),
  ]);
  const paused = (await listStrategies(context.db, { accountId, limit: 500 })).filter(
    ({ enabled }) => !enabled,
  );
  const stopped = state.strategies.filter((strategy) => strategy.state !== 'ACTIVE');
  return lines(
    bold(`${STATES[state.state]} ${state.state}`),
    state.at === null || state.state === 'ACTIVE'
      ? null
      : concat(
          `since ${stampOf(state.at)} by ${state.by ?? '?'}: `,
          quoted(state.reason ?? 'no reason given'),
        ),
    ...stopped.map((one) => concat(`Strategy ${one.strategyId}: ${one.state}, `, quoted(one.reason ?? ''))),
    paused.length === 0 ? null : plain(`Paused strategies: ${paused.map(({ id }) => id).join(', ')}`),
    plain(dayLine(risk)),
    plain(
      `Open positions ${risk.openPositions}, live orders ${risk.activeOrders}, waiting ${risk.pendingOrders}`,
    ),
    plain(`Today ${risk.ordersToday} orders, ${risk.tradesToday} trades`),
    ...limitLines(risk, ['MAX_DAILY_LOSS', 'MAX_DRAWDOWN', 'MAX_POSITIONS', 'MAX_OPEN_ORDER_VALUE']),
    plain(fundsLine(risk)),
    ...around,
  );
}

/** The broker, the queues, and when the books were last compared. */
async function aroundLines(desk: Desk): Promise<RichText[]> {
  const { context, accountId } = desk;
  const [health, queues, run] = await Promise.all([
    desk.health(),
    desk.queueCounts(),
    findNewestReconciliation(context.db, accountId),
  ]);
  const broker = health.parts.find(({ name }) => name === 'broker');
  const of = Object.values(queues);
  const waiting = of.reduce((total, one) => total + one.waiting, 0);
  const active = of.reduce((total, one) => total + one.active, 0);
  return [
    plain(`Broker ${broker?.detail ?? broker?.status ?? 'unknown'}`),
    plain(of.length === 0 ? 'Queues do not answer' : `Queues ${waiting} waiting, ${active} active`),
    plain(
      run === null
        ? 'Not reconciled yet'
        : `Reconciled ${stampOf(run.finishedAt ?? run.startedAt)}: ${run.status === 'CLEAN' ? 'no difference' : 'DIFFERENCES, see /alerts'}`,
    ),
  ];
}

function dayLine(risk: RiskView): string {
  return `Day P&L ${gain(risk.dayPnl)} net of charges, ${percent(risk.dailyPnlPct)} of ${rupees(risk.riskCapital)} opening equity`;
}

function fundsLine({ availableMargin, fundsAgeMs }: RiskView): string {
  if (availableMargin === null) return "The broker's funds were not read yet: logged out?";
  return `Available margin ${rupees(availableMargin)}, read from the broker ${ageText(fundsAgeMs ?? 0)} ago`;
}

function limitLines(risk: RiskView, names: readonly string[] | null): RichText[] {
  return risk.limits
    .filter(({ name }) => names === null || names.includes(name))
    .flatMap((use) => {
      const text = limitText(use);
      return text === null ? [] : [plain(`• ${text}`)];
    });
}

/** Open orders, those of today, or the rejected ones of today; newest first. */
export async function ordersView({ context, accountId }: Desk, which: string): Promise<RichText> {
  const { tradingDay } = await readRisk(context, accountId);
  const filter =
    which === 'today'
      ? { day: tradingDay }
      : which === 'rejected'
        ? { day: tradingDay, statuses: ['REJECTED'] as const }
        : { statuses: UNFINISHED_STATUSES };
  const rows = await listOrders(context.db, { accountId, ...filter, limit: MAX_ROWS + 1 });
  const title =
    which === 'today' ? 'Orders of today' : which === 'rejected' ? 'Rejected today' : 'Open orders';
  return lines(
    bold(`${title}: ${rows.length > MAX_ROWS ? `the newest ${MAX_ROWS}` : rows.length}`),
    ...rows
      .slice(0, MAX_ROWS)
      .map((order) =>
        concat(
          code(timeOf(order.createdAt).slice(0, 8)),
          ` ${order.side} ${order.filledQuantity}/${order.quantity} ${order.symbol} ${order.product} ${order.orderType}`,
          order.price === null ? '' : ` at ${rupees(order.price)}`,
          ` ${order.status} `,
          code(order.clientOrderId),
          order.statusReason === null ? '' : concat(' ', quoted(order.statusReason.slice(0, 120))),
        ),
      ),
  );
}

export async function positionsView({ context, accountId }: Desk): Promise<RichText> {
  const open = await readPositions(context.db, {
    ...{ accountId, strategyId: null, limit: MAX_ROWS + 1 },
    statuses: ['OPEN'],
  });
  return lines(
    bold(`Open positions: ${open.length > MAX_ROWS ? `the first ${MAX_ROWS}` : open.length}`),
    ...open.slice(0, MAX_ROWS).map((position) => plain(positionLine(position))),
  );
}

export function positionLine(position: PositionView): string {
  const { exchange, symbol, product, quantity, managedBy, averagePrice, lastPrice, lastPriceAgeMs } =
    position;
  const average = averagePrice === null ? '' : ` at ${formatMoneyForPeople(averagePrice)}`;
  const last =
    lastPrice === null
      ? 'no price known'
      : `last ${formatMoneyForPeople(lastPrice)} (${ageText(lastPriceAgeMs ?? 0)} old)`;
  const outside = managedBy === 'OMS' ? '' : ' EXTERNAL';
  const total = position.totalPnl === null ? 'P&L unknown' : `P&L ${gain(position.totalPnl)} gross`;
  return `${quantity > 0 ? '+' : ''}${quantity} ${exchange}:${symbol} ${product}${outside}${average}, ${last}, ${total}`;
}

export async function pnlView({ context, accountId }: Desk): Promise<RichText> {
  const risk = await readRisk(context, accountId);
  return lines(
    bold(`P&L of ${risk.tradingDay}`),
    plain(`Realized ${gain(risk.realizedPnl)}`),
    plain(
      `Unrealized ${gain(risk.unrealizedPnl)}${risk.pricesMissing > 0 ? `, ${risk.pricesMissing} prices missing` : ''}`,
    ),
    plain(`Charges ₹-${formatMoneyForPeople(risk.charges)}`),
    plain(`Net ${gain(risk.netPnl)}`),
    plain(dayLine(risk)),
    plain(
      `Drawdown ${rupees(risk.drawdown)}, ${percent(risk.drawdownPct)} of the peak ${rupees(risk.peakEquity)}`,
    ),
  );
}

export async function riskView({ context, accountId }: Desk): Promise<RichText> {
  const risk = await readRisk(context, accountId);
  return lines(
    bold(`Risk, ${risk.tradingState}`),
    plain(`Open risk to stops ${rupees(risk.openRisk)}`),
    plain(`Exposure gross ${rupees(risk.grossExposure)}, net ${rupees(risk.netExposure)}`),
    bold('Limits, used of allowed'),
    ...limitLines(risk, null),
    plain(
      risk.monitoredAt === null ? 'The monitor has not looked yet' : `Monitored ${timeOf(risk.monitoredAt)}`,
    ),
  );
}

export async function fundsView({ context, accountId }: Desk): Promise<RichText> {
  const risk = await readRisk(context, accountId);
  return lines(
    bold('Funds'),
    plain(fundsLine(risk)),
    plain(`Reserved for live orders ${rupees(risk.reservedMargin)}`),
    plain(`Margin of positions ${rupees(risk.positionMargin)}`),
    plain(`Equity ${rupees(risk.equity)}, at the day's opening ${rupees(risk.openingEquity)}`),
  );
}

export async function strategiesView({ context, accountId }: Desk): Promise<RichText> {
  const rows = await listStrategies(context.db, { accountId, limit: MAX_ROWS });
  return lines(
    bold(`Strategies: ${rows.length}`),
    ...rows.map(({ id, enabled, tradingState, disabledReason }) =>
      concat(
        `${enabled ? STATES[tradingState] : '⏸'} `,
        code(id),
        ` ${enabled ? tradingState : 'PAUSED'} `,
        quoted(disabledReason ?? ''),
      ),
    ),
  );
}

/** Of every account and of the system; first what nobody has seen. */
export async function alertsView({ context }: Desk): Promise<RichText> {
  const { alerts, total } = await listStandingAlerts(context.db, MAX_ROWS);
  return lines(
    bold(`Alerts that stand: ${total}`),
    ...alerts.map(({ at, severity, message, acknowledgedAt, id, accountId }) =>
      concat(
        code(timeOf(at).slice(0, 8)),
        ` ${severity} ${accountMark(accountId)}`,
        quoted(cut(message, 150)),
        acknowledgedAt === null ? ` /ack_${shortIdOf(id)}` : ' (seen)',
      ),
    ),
    total > alerts.length ? plain(`and ${total - alerts.length} more`) : null,
  );
}

export async function queuesView(desk: Desk): Promise<RichText> {
  const counts = Object.entries(await desk.queueCounts());
  if (counts.length === 0) {
    return lines(bold('Queues'), plain('They do not answer. The dispatcher runs what is due by itself.'));
  }
  return lines(
    bold('Queues, jobs'),
    ...counts.map(([name, { waiting, active, delayed }]) =>
      plain(`${name}: waiting ${waiting}, active ${active}, delayed ${delayed}`),
    ),
  );
}

export async function healthView(desk: Desk): Promise<RichText> {
  const { status, parts } = await desk.health();
  return lines(
    bold(`Health: ${status}`),
    ...parts.map(({ name, status: state, detail }) =>
      plain(
        `${state === 'ok' ? '✅' : state === 'degraded' ? '⚠️' : '❌'} ${name}${detail === undefined ? '' : `: ${detail}`}`,
      ),
    ),
  );
}
