import { sql } from 'drizzle-orm';
import { pgMaterializedView, pgView } from 'drizzle-orm/pg-core';
import { dailyStats } from './accounts.ts';
import { journal } from './operations.ts';
import { orders } from './orders.ts';
import { strategyPositions } from './positions.ts';

export const openOrders = pgView('open_orders').as((qb) =>
  qb
    .select({
      accountId: orders.accountId,
      id: orders.id,
      clientOrderId: orders.clientOrderId,
      strategyId: orders.strategyId,
      exchange: orders.exchange,
      symbol: orders.symbol,
      side: orders.side,
      quantity: orders.quantity,
      filledQuantity: orders.filledQuantity,
      orderType: orders.orderType,
      price: orders.price,
      status: orders.status,
      brokerOrderId: orders.brokerOrderId,
      createdAt: orders.createdAt,
    })
    .from(orders)
    .where(sql`${orders.finishedAt} is null`),
);

/** Every verdict of every run of the checks, also of checks after the first failure: the journal is where they are kept. */
export const orderChecks = pgView('order_checks').as((qb) =>
  qb
    .select({
      accountId: journal.accountId,
      orderId: sql<string>`${journal.entity}::uuid`.as('order_id'),
      run: sql<number>`(${journal.data}::jsonb ->> 'run')::int`.as('run'),
      results: sql<readonly unknown[]>`${journal.data}::jsonb -> 'results'`.as('results'),
      at: sql<string>`${journal.at}::timestamptz`.as('at'),
    })
    .from(journal)
    .where(sql`${journal.kind} = 'ChecksRun'`),
);

/** Today's realized P&L per account; unrealized comes from the marks of open positions. */
export const todayPnl = pgView('today_pnl').as((qb) =>
  qb
    .select({
      accountId: dailyStats.accountId,
      day: dailyStats.day,
      realizedPnl: dailyStats.realizedPnl,
      charges: dailyStats.charges,
      netRealizedPnl: sql<string>`${dailyStats.realizedPnl} - ${dailyStats.charges}`.as('net_realized_pnl'),
      unrealizedPnl: sql<string>`(select coalesce(sum(m.unrealized_pnl), 0) from position_marks m
        join positions p using (account_id, instrument_id, product, managed_by, cycle)
        where p.account_id = daily_stats.account_id and p.status = 'OPEN' and p.managed_by = 'OMS')`.as(
        'unrealized_pnl',
      ),
    })
    .from(dailyStats)
    .where(sql`${dailyStats.day} = sauda.trading_day(sauda.clock())`),
);

export const strategyPerformance = pgMaterializedView('strategy_performance').as((qb) =>
  qb
    .select({
      accountId: strategyPositions.accountId,
      strategyId: strategyPositions.strategyId,
      cycles: sql<number>`count(*)`.as('cycles'),
      closed: sql<number>`count(*) filter (where status = 'CLOSED')`.as('closed'),
      won: sql<number>`count(*) filter (where status = 'CLOSED' and realized_pnl > charges)`.as('won'),
      realizedPnl: sql<string>`coalesce(sum(realized_pnl), 0)`.as('realized_pnl'),
      charges: sql<string>`coalesce(sum(charges), 0)`.as('charges'),
    })
    .from(strategyPositions)
    .groupBy(strategyPositions.accountId, strategyPositions.strategyId),
);
