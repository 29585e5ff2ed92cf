import type { Database } from '../db/client.ts';
import { listAccounts } from '../db/stores/account-read-store.ts';
import { countOrdersByStatus } from '../db/stores/order-read-store.ts';
import { startOfTradingDay, tradingDayOf } from '../domain/calendar.ts';
import type { OrderStatus } from '../domain/order-status.ts';

/** Accounts that one set of gauges covers. */
const MAX_ACCOUNTS = 10_000;

/** Orders of the trading day, and live ones of earlier days, by status. */
export async function countTodaysOrders(
  db: Database,
  now: Date,
): Promise<{ readonly status: OrderStatus; readonly count: number }[]> {
  const accounts = await listAccounts(db, { limit: MAX_ACCOUNTS });
  if (accounts.length === 0) return [];
  return countOrdersByStatus(
    db,
    accounts.map(({ id }) => id),
    startOfTradingDay(tradingDayOf(now)),
  );
}
