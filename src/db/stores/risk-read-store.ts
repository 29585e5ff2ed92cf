import { and, eq, gte, isNull, ne, sql } from 'drizzle-orm';
import { type Decimal, ZERO, decimal } from '../../domain/money.ts';
import type { Order } from '../../domain/order.ts';
import type { AccountRow, DayRow } from '../account-rows.ts';
import type { Database, Db } from '../client.ts';
import { UnknownAccountError } from '../errors.ts';
import {
  accounts,
  brokerFunds,
  cashFlows,
  dailyStats,
  orders,
  positionEntries,
  positions,
  riskWatch,
  trades,
} from '../schema/index.ts';
import { type MarkedPosition, readOpenPositions } from './position-read-store.ts';

export interface StoredFunds {
  readonly segment: 'equity' | 'commodity';
  readonly net: Decimal;
  readonly readAt: Date;
  readonly ageMs: number;
}

/** The rows that an account's risk follows from, all of one instant. */
export interface RiskRows {
  /** Calendar time of the database. */
  readonly now: Date;
  readonly account: AccountRow;
  /** The trading day's row; null before the day's first work. */
  readonly day: DayRow | null;
  /** What the monitor's last look left; null before its first. */
  readonly watch: typeof riskWatch.$inferSelect | null;
  /** All days: realized P&L less charges, and deposits less withdrawals. */
  readonly netRealized: Decimal;
  readonly cashFlows: Decimal;
  /** PENDING ones included, outside ones left out. */
  readonly unfinishedOrders: readonly Order[];
  /** Margin of orders handed to the broker since the equity funds were read: not in them yet. */
  readonly handedOverMargin: Decimal;
  readonly positions: readonly MarkedPosition[];
  /** Margin per unit of the newest fill that opened each position, by "instrumentId/product". */
  readonly marginPerUnit: ReadonlyMap<string, Decimal>;
  readonly funds: readonly StoredFunds[];
}

type Reader = Pick<Db, 'select'>;

/** Reads everything in one read-only snapshot: the sums agree with each other. Eight small statements. */
export async function readRiskRows(db: Database, accountId: string): Promise<RiskRows> {
  return db.orm.transaction((tx) => riskRowsIn(tx, accountId), ONE_SNAPSHOT);
}

/** Everything that is read in one such transaction is of one instant. */
export const ONE_SNAPSHOT = { isolationLevel: 'repeatable read', accessMode: 'read only' } as const;

/** The same on a connection of the caller's transaction. */
export async function riskRowsIn(tx: Reader, accountId: string): Promise<RiskRows> {
  const { account, now, day, watch } = await readAccount(tx, accountId);
  const funds = await readFunds(tx, accountId);
  return {
    now,
    account,
    day,
    watch,
    netRealized: await sumNetRealized(tx, accountId),
    cashFlows: await sumCashFlows(tx, accountId),
    unfinishedOrders: await readUnfinished(tx, accountId),
    handedOverMargin: await sumHandedOver(tx, accountId, funds),
    positions: await readOpenPositions(tx, accountId),
    marginPerUnit: await readOpeningMargins(tx, accountId),
    funds,
  };
}

async function readAccount(orm: Reader, accountId: string) {
  const rows = await orm
    .select({
      account: accounts,
      day: dailyStats,
      watch: riskWatch,
      now: sql<string>`sauda.clock()`.as('now'),
    })
    .from(accounts)
    .leftJoin(riskWatch, eq(riskWatch.accountId, accounts.id))
    .leftJoin(
      dailyStats,
      and(
        eq(dailyStats.accountId, accounts.id),
        eq(dailyStats.day, sql`(select sauda.trading_day(sauda.clock()))`),
      ),
    )
    .where(eq(accounts.id, accountId));
  const row = rows[0];
  if (row === undefined) throw new UnknownAccountError(accountId);
  return { ...row, now: new Date(row.now) };
}

async function sumNetRealized(orm: Reader, accountId: string): Promise<Decimal> {
  const rows = await orm
    .select({ total: sql<string>`coalesce(sum(${dailyStats.realizedPnl} - ${dailyStats.charges}), 0)` })
    .from(dailyStats)
    .where(eq(dailyStats.accountId, accountId));
  return decimal(rows[0]?.total ?? '0');
}

async function sumCashFlows(orm: Reader, accountId: string): Promise<Decimal> {
  const rows = await orm
    .select({ total: sql<string>`coalesce(sum(${cashFlows.amount}), 0)` })
    .from(cashFlows)
    .where(eq(cashFlows.accountId, accountId));
  return decimal(rows[0]?.total ?? '0');
}

async function readUnfinished(orm: Reader, accountId: string): Promise<Order[]> {
  return orm
    .select()
    .from(orders)
    .where(and(eq(orders.accountId, accountId), isNull(orders.finishedAt), ne(orders.cause, 'EXTERNAL')));
}

async function readFunds(orm: Reader, accountId: string): Promise<StoredFunds[]> {
  return orm
    .select({
      segment: brokerFunds.segment,
      net: brokerFunds.net,
      readAt: brokerFunds.readAt,
      ageMs: sql<number>`greatest(0, round(extract(epoch from sauda.clock() - ${brokerFunds.readAt}) * 1000))::float8`,
    })
    .from(brokerFunds)
    .where(eq(brokerFunds.accountId, accountId));
}

async function sumHandedOver(
  orm: Reader,
  accountId: string,
  funds: readonly StoredFunds[],
): Promise<Decimal> {
  const readAt = funds.find(({ segment }) => segment === 'equity')?.readAt;
  if (readAt === undefined) return ZERO;
  const rows = await orm
    .select({ total: sql<string>`coalesce(sum(${orders.marginPerUnit} * ${orders.openingQuantity}), 0)` })
    .from(orders)
    .where(and(eq(orders.accountId, accountId), gte(orders.submittedAt, readAt)));
  return decimal(rows[0]?.total ?? '0');
}

/** By way of the newest entry of the position's own side, its trade and that trade's order. */
async function readOpeningMargins(orm: Reader, accountId: string): Promise<Map<string, Decimal>> {
  const rows = await orm
    .select({
      instrumentId: positions.instrumentId,
      product: positions.product,
      // Spelled out: a query on one table leaves its name off columns, and here two tables share them.
      marginPerUnit: sql<string | null>`(
        select o.margin_per_unit from ${positionEntries} e
        join ${trades} t on t.account_id = e.account_id and t.entry_id = e.id
        join ${orders} o on o.account_id = t.account_id and o.id = t.order_id
        where e.account_id = positions.account_id and e.instrument_id = positions.instrument_id
          and e.product = positions.product and e.managed_by = positions.managed_by
          and sign(e.quantity) = sign(positions.quantity)
        order by e.traded_at desc limit 1)`,
    })
    .from(positions)
    .where(
      and(eq(positions.accountId, accountId), eq(positions.status, 'OPEN'), eq(positions.managedBy, 'OMS')),
    );
  return new Map(
    rows.flatMap(({ instrumentId, product, marginPerUnit }) =>
      marginPerUnit === null ? [] : [[`${instrumentId}/${product}`, decimal(marginPerUnit)] as const],
    ),
  );
}
