import { type Decimal, ZERO } from '../domain/money.ts';
import type { PromptAction } from '../domain/chat.ts';
import { listWorkingEntries } from '../services/cancel-working-orders.ts';
import { listAccounts, readTradingState } from '../services/read-accounts.ts';
import { listStrategies } from '../services/read-lists.ts';
import { readOrderRow } from '../services/read-orders.ts';
import { type PositionView, readPositions } from '../services/read-positions.ts';
import { readRisk } from '../services/read-risk.ts';
import type { Desk } from './desk.ts';
import { ageText, gain, percent, rupees, stampOf } from './figures.ts';
import { orderTitle } from './order-view.ts';
import { type RichText, bold, code, concat, lines, plain, quoted } from './rich-text.ts';
import { positionLine } from './views.ts';

const MAX_POSITIONS = 500;
const MAX_ACCOUNTS = 200;
/** Positions that a question names; the rest is counted. */
const MAX_NAMED = 10;

/** What an action would do now, with the counts and the value that it touches. */
export async function describeAction(desk: Desk, action: PromptAction): Promise<RichText> {
  switch (action.kind) {
    case 'halt':
      return lines(
        bold('🔴 HALT all trading?'),
        plain('No entry is sent until an operator resumes; exits still pass.'),
        await workingText(desk, 'is cancelled', 'are cancelled'),
        await heldText(desk, 'stay open'),
      );
    case 'reduce':
      return lines(
        bold('🟠 REDUCE only?'),
        plain('Only orders that shrink a position are sent, until an operator resumes.'),
        await workingText(desk, 'stays as it is', 'stay as they are'),
        await heldText(desk, 'stay open'),
      );
    case 'cancelAll':
      return lines(
        bold('Cancel all working entries?'),
        await workingText(desk, 'is cancelled', 'are cancelled'),
        plain('Stops, targets and other exits stay.'),
      );
    case 'pause':
      return lines(
        concat(bold('Pause strategy '), code(action.strategyId), bold('?')),
        plain('It enters no position until it is resumed; its exits still pass.'),
        await heldText(desk, 'stay open', action.strategyId),
      );
    case 'resume':
      return action.strategyId === null ? resumeText(desk) : resumeStrategyText(desk, action.strategyId);
    case 'flatten':
      return flattenText(desk, action.strategyId);
    case 'resolve':
      return resolveText(desk, action);
  }
}

async function workingText(desk: Desk, one: string, many: string): Promise<RichText> {
  const { length } = await listWorkingEntries(desk.context, desk.accountId);
  if (length === 0) return plain('No entry is working.');
  return plain(length === 1 ? `1 working entry ${one}.` : `${length} working entries ${many}.`);
}

async function openPositions(desk: Desk, strategyId: string | null): Promise<PositionView[]> {
  const { context, accountId } = desk;
  const open = await readPositions(context.db, {
    ...{ accountId, strategyId, limit: MAX_POSITIONS },
    statuses: ['OPEN'],
  });
  return open.filter(({ managedBy }) => managedBy === 'OMS');
}

/** At the last price, or at cost where none is known. */
function valueOf(positions: readonly PositionView[]): Decimal {
  return positions.reduce(
    (total, { quantity, multiplier, lastPrice, openValue }) =>
      total.plus(lastPrice === null ? openValue : lastPrice.times(multiplier).times(quantity).abs()),
    ZERO,
  );
}

async function heldText(desk: Desk, what: string, strategyId: string | null = null): Promise<RichText> {
  const held = await openPositions(desk, strategyId);
  if (held.length === 0) return plain(strategyId === null ? 'No position is open.' : 'It holds no position.');
  return plain(
    `${held.length} position${held.length === 1 ? '' : 's'} worth ${rupees(valueOf(held))} ${what}.`,
  );
}

async function resumeText(desk: Desk): Promise<RichText> {
  const { context, accountId } = desk;
  const [state, risk] = await Promise.all([
    readTradingState(context.db, accountId),
    readRisk(context, accountId),
  ]);
  if (state.state === 'ACTIVE') return plain('Trading is ACTIVE: there is nothing to resume.');
  return lines(
    bold(`🟢 RESUME trading? It is ${state.state}.`),
    state.at === null
      ? null
      : concat(
          `since ${stampOf(state.at)} by ${state.by ?? '?'}: `,
          quoted(state.reason ?? 'no reason given'),
        ),
    plain(`Day P&L ${gain(risk.dayPnl)}, ${percent(risk.dailyPnlPct)} of ${rupees(risk.riskCapital)}`),
    await workingText(desk, 'is working', 'are working'),
    await heldText(desk, 'are open'),
    await othersText(desk),
  );
}

/** What /resume leaves alone: /halt stopped these as well, and each is released by itself. */
async function othersText({ context, accountId }: Desk): Promise<RichText | null> {
  const accounts = await listAccounts(context.db, { after: null, limit: MAX_ACCOUNTS });
  const stopped = accounts.filter(({ id, tradingState }) => id !== accountId && tradingState !== 'ACTIVE');
  if (stopped.length === 0) return null;
  const names = stopped.map(({ id, tradingState }) => `${id} ${tradingState}`).join(', ');
  return plain(`Only ${accountId} is resumed. Other accounts stay as they are: ${names}.`);
}

async function resumeStrategyText({ context, accountId }: Desk, strategyId: string): Promise<RichText> {
  const [strategy] = await listStrategies(context.db, { accountId, only: strategyId, limit: 1 });
  if (strategy === undefined) return concat('There is no strategy ', code(strategyId), '.');
  const { enabled, tradingState, disabledReason, tradingStateReason } = strategy;
  return lines(
    concat(bold('🟢 Resume strategy '), code(strategyId), bold('?')),
    concat(
      `It is ${enabled ? tradingState : 'PAUSED'}: `,
      quoted(disabledReason ?? tradingStateReason ?? 'no reason given'),
    ),
  );
}

async function flattenText(desk: Desk, strategyId: string | null): Promise<RichText> {
  const held = await openPositions(desk, strategyId);
  const whose = strategyId === null ? plain('') : concat(' of strategy ', code(strategyId));
  if (held.length === 0) return concat('No managed position', whose, ' is open.');
  const count = `${held.length} position${held.length === 1 ? '' : 's'}`;
  return lines(
    concat(bold(`⚠️ FLATTEN ${count}`), whose, bold(` worth ${rupees(valueOf(held))}?`)),
    plain('Each is closed with reduce-only orders at market.'),
    ...held.slice(0, MAX_NAMED).map((position) => plain(positionLine(position))),
    held.length > MAX_NAMED ? plain(`and ${held.length - MAX_NAMED} more`) : null,
  );
}

async function resolveText(
  { context, accountId }: Desk,
  action: Extract<PromptAction, { kind: 'resolve' }>,
): Promise<RichText> {
  const order = await readOrderRow(context.db, accountId, action.orderId);
  if (order === null) return plain('There is no such order.');
  const since =
    order.claimedAt === null
      ? ''
      : `, sent ${ageText(order.updatedAt.getTime() - order.claimedAt.getTime())} before its last news`;
  const value =
    order.referencePrice === null ? '' : `, worth ${rupees(order.referencePrice.times(order.quantity))}`;
  return lines(
    bold(`Resolve ${orderTitle(order)}?`),
    plain(`It is ${order.status}${value}${since}.`),
    action.decision === 'adopt'
      ? concat('It becomes the broker order ', code(action.brokerOrderId ?? 'that carries its tag'), '.')
      : plain('It is ended as never placed: if the broker has it after all, it is followed again and told.'),
  );
}
