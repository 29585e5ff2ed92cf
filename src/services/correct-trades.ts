import type { BrokerOrder, BrokerTrade } from '../broker/port.ts';
import type { OrderCommandRow, ProtectionGroupRow, TradeRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import {
  type BrokerInterest,
  type ComparedTrade,
  readRecordedTrades,
  readTradesInDoubt,
  storeBrokerRead,
} from '../db/stores/poll-store.ts';
import { readNewestProtections } from '../db/stores/protection-store.ts';
import { failpoint } from '../lib/failpoint.ts';
import { type TradeDifference, tradeDifferences } from '../reconciliation/trades.ts';
import type { Context } from './context.ts';
import { correctTrade } from './correct-trade.ts';
import { followCorrection } from './follow-correction.ts';
import { refoldNeeds } from './move-position.ts';
import { tellTradeCorrected } from './poll-alerts.ts';
import { PROTECTION_NEEDS } from './protect-account.ts';
import { enqueueCommand } from './stage-command.ts';
import { trimExits } from './trim-exits.ts';

/** Two looks this many intervals apart still follow one another. */
const INTERVALS_BETWEEN = 3;

/**
 * Compares recorded trades with the broker's tradebook. A trade that is gone or changed in two whole reads in a row is
 * corrected, and told; the first sighting is kept as evidence in broker_reads. Runs any number of times: what was
 * corrected is no difference any more.
 */
export async function correctTrades(
  context: Context,
  accountId: string,
  read: {
    readonly interest: BrokerInterest;
    readonly book: readonly BrokerOrder[];
    readonly trades: readonly BrokerTrade[];
  },
): Promise<void> {
  const { book, trades } = read;
  const { readAt } = read.interest;
  const ids = book.map((row) => row.orderId);
  const recorded = await readRecordedTrades(context.db, accountId, ids);
  const differences = tradeDifferences(recorded, { book, trades, readAt });
  if (differences.length === 0) return;
  const sinceMs = readAt.getTime() - INTERVALS_BETWEEN * context.settings.reconcileIntervalMs;
  const seen = await readTradesInDoubt(context.db, accountId, new Date(sinceMs));
  await storeBrokerRead(context.db, {
    accountId,
    id: context.newId(),
    kind: 'CORRECTIONS',
    startedAt: readAt,
    clean: true,
    rowsCount: trades.length,
    fault: null,
    searched: Object.fromEntries(differences.map(({ sighting, to }) => [sighting, to !== null])),
  });
  const confirmed = differences.filter(({ sighting }) => seen.has(sighting));
  if (confirmed.length === 0) return;
  await context.instruments.byIds(confirmed.map(({ row }) => row.instrumentId));
  const ordersOf = [...new Set(confirmed.map(({ row }) => row.orderId))];
  const newest = await readNewestProtections(
    context.db,
    accountId,
    confirmed.map(({ row }) => row.instrumentId),
  );
  await failpoint('correct.beforeCommit');
  const commands = await context.withAccount({
    accountId,
    actor: context.processName,
    needs: {
      ...{ orders: ordersOf, tradesOf: ordersOf, liveOrders: true },
      ...PROTECTION_NEEDS,
      ...refoldNeeds(confirmed.map(({ row }) => row)),
    },
    run: (view) => confirmed.flatMap((one) => correct(context, view, one, newest)),
  });
  await failpoint('correct.afterCommit');
  for (const command of commands) await enqueueCommand(context, command);
}

function correct(
  context: Context,
  view: AccountView,
  { row: seen, to }: TradeDifference<ComparedTrade>,
  newest: readonly ProtectionGroupRow[],
): OrderCommandRow[] {
  const order = view.order(seen.orderId);
  const row = view.tradesOf(seen.orderId).find((trade) => isAsSeen(trade, seen));
  const instrument = order === null ? null : context.instruments.cached(order.instrumentId);
  if (order === null || row === undefined || instrument === null) return [];
  const was = row.annulledAt === null ? `${row.quantity} at ${row.price.toFixed()}` : 'taken back';
  const is = to === null ? 'gone' : `${to.quantity} at ${to.price.toFixed()}`;
  const reason = `trade ${row.tradeId} was ${was} and is ${is} in two whole reads of the tradebook`;
  const corrected = correctTrade(view, order, row, { to, reason }, { instrument, newId: context.newId });
  tellTradeCorrected(context, view, corrected, reason);
  followCorrection(context, view, corrected, newest);
  return trimExits(context, view, order, { reason, guards: 'CUT' });
}

/** The recorded trade, when it is still what was compared. */
function isAsSeen(row: TradeRow, seen: ComparedTrade): boolean {
  return (
    row.tradeId === seen.tradeId &&
    row.brokerOrderId === seen.brokerOrderId &&
    row.exchange === seen.exchange &&
    row.tradeDate === seen.tradeDate &&
    row.side === seen.side &&
    row.quantity === seen.quantity &&
    row.price.eq(seen.price) &&
    (row.annulledAt === null) === (seen.annulledAt === null)
  );
}
