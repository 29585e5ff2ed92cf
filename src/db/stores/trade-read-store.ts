import { and, asc, desc, eq, gte, gt, lt, lte, or, type SQL } from 'drizzle-orm';
import { addDays, instantOfIst } from '../../domain/calendar.ts';
import type { Exchange, Product } from '../../domain/instrument.ts';
import type { TradeRow } from '../account-rows.ts';
import type { Database } from '../client.ts';
import { trades } from '../schema/index.ts';
import type { InstantAndId } from './order-read-store.ts';

export interface TradeFilter {
  readonly accountId: string;
  readonly exchange?: Exchange | undefined;
  readonly symbol?: string | undefined;
  readonly product?: Product | undefined;
  readonly strategyId?: string | null | undefined;
  readonly orderId?: string | undefined;
  /** The IST date of the fill. */
  readonly day?: string | undefined;
  readonly before?: InstantAndId | null | undefined;
  readonly limit: number;
}

/** Newest first, by (traded_at, entry_id): index trades_newest. */
export async function listTrades(db: Database, filter: TradeFilter): Promise<TradeRow[]> {
  return db.orm
    .select()
    .from(trades)
    .where(
      and(
        eq(trades.accountId, filter.accountId),
        filter.exchange === undefined ? undefined : eq(trades.exchange, filter.exchange),
        filter.symbol === undefined ? undefined : eq(trades.symbol, filter.symbol),
        filter.product === undefined ? undefined : eq(trades.product, filter.product),
        typeof filter.strategyId === 'string' ? eq(trades.strategyId, filter.strategyId) : undefined,
        filter.orderId === undefined ? undefined : eq(trades.orderId, filter.orderId),
        filter.day === undefined ? undefined : ofDay(filter.day),
        isBefore(filter.before),
      ),
    )
    .orderBy(desc(trades.tradedAt), asc(trades.entryId))
    .limit(filter.limit);
}

/** The bounds on traded_at are implied by the date; they let the index find the place. */
function ofDay(day: string): SQL | undefined {
  return and(
    eq(trades.tradeDate, day),
    gte(trades.tradedAt, instantOfIst(day, '00:00')),
    lt(trades.tradedAt, instantOfIst(addDays(day, 1), '00:00')),
  );
}

function isBefore(place: InstantAndId | null | undefined): SQL | undefined {
  if (place === null || place === undefined) return undefined;
  return and(lte(trades.tradedAt, place.at), or(lt(trades.tradedAt, place.at), gt(trades.entryId, place.id)));
}
