import type { AccountView } from '../db/account-view.ts';
import { type MonitorRows, thinEquitySamples } from '../db/stores/monitor-store.ts';
import { positionKeyText } from '../domain/account.ts';
import { instantOfIst, startOfTradingDay } from '../domain/calendar.ts';
import type { Context } from './context.ts';

/** No exchange trades before this time in India: a price read earlier is still the close of the day before. */
const FIRST_TRADE = '09:00';

/**
 * Begins an account's trading day for the monitor, once a day (twice does no harm): with positions carried over night
 * the day's row is opened, so that the opening equity is a row, and each position is told its overnight quantity and
 * previous close. A close that was not seen stays unknown.
 */
export async function beginRiskDay(context: Context, rows: MonitorRows, day: string): Promise<void> {
  await thinEquitySamples(context.db, rows.account.id);
  if (!rows.positions.some(({ managedBy }) => managedBy === 'OMS')) return;
  await context.withAccount({
    accountId: rows.account.id,
    actor: context.processName,
    needs: { openPositions: true, baseline: true },
    run: (view) => {
      view.today(day);
      carryPositions(view, rows, day);
    },
  });
}

function carryPositions(view: AccountView, rows: MonitorRows, day: string): void {
  const marked = new Map(rows.positions.map((row) => [positionKeyText(row), row]));
  for (const row of view.openPositions()) {
    if (row.managedBy !== 'OMS' || row.openedAt >= startOfTradingDay(day)) continue;
    const mark = marked.get(positionKeyText(row));
    const seen = mark?.cycle === row.cycle ? mark : null;
    const isClose = seen?.lastPriceAt != null && seen.lastPriceAt < instantOfIst(day, FIRST_TRADE);
    const previousClose = isClose ? seen.lastPrice : null;
    view.putPosition({ ...row, overnightQuantity: row.quantity, previousClose, updatedAt: view.now });
    view.note('PositionCarried', positionKeyText(row), {
      day,
      quantity: row.quantity,
      previousClose: previousClose?.toFixed() ?? null,
    });
  }
}
