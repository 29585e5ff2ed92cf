import { and, eq, gte, inArray, sql } from 'drizzle-orm';
import type { Exchange, Product } from '../../domain/instrument.ts';
import { decimal } from '../../domain/money.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import type { Order, OrderType, Side, Validity, Variety } from '../../domain/order.ts';
import type { BrokerReadRow, TradeRow } from '../account-rows.ts';
import { codecs } from '../account-rows.ts';
import type { Database } from '../client.ts';
import { trades } from '../schema/index.ts';

/** An order the broker may know of, as far as a poll needs it. */
export interface OrderOfInterest extends OrderOfRow, EchoedOrder {
  readonly brokerOrderId: string | null;
  readonly status: OrderStatus;
  readonly attemptTag: string | null;
  readonly claimedMsAgo: number;
  readonly awaitingTradesMs: number | null;
  /** An alert about this order's doubt stands already. */
  readonly alerted: boolean;
  /** A command of it is not done, or a modify of it was lost: every read of the book may say something about it. */
  readonly watched: boolean;
  readonly exchange: Exchange;
  readonly symbol: string;
  readonly side: Side;
  readonly variety: Variety;
  readonly tradingDay: string;
  readonly filledQuantity: number;
  readonly lastReadAt: Date | null;
}

/** The terms of a live order that its row in the book repeats. */
export type EchoedOrder = Pick<
  Order,
  'quantity' | 'orderType' | 'validity' | 'price' | 'triggerPrice' | 'disclosedQuantity'
>;

/** An order with a broker id, as far as rows of the book are compared with it. */
export interface KnownOrder {
  readonly brokerOrderId: string;
  readonly status: OrderStatus;
  readonly brokerStatus: string | null;
  readonly filledQuantity: number;
  readonly tradingDay: string;
}

export interface BrokerInterest {
  /** The database clock before the broker is asked. */
  readonly readAt: Date;
  readonly orders: readonly OrderOfInterest[];
  /** Orders of this day and the one before that have a broker id, finished ones too, and older ones that are live. */
  readonly known: readonly KnownOrder[];
  /** Rows of the book seen before that no order follows, by "day/broker order id", as they were then. */
  readonly foreign: ReadonlyMap<string, { readonly status: string; readonly filledQuantity: number }>;
  /** The broker's session was dead when it was last used, and a person was told. */
  readonly awaitsLogin: boolean;
}

/** Asked once per statement: a volatile function in a filter runs for every row. */
const TODAY = '(select sauda.trading_day(sauda.clock()))';
/** Live orders that were sent, or are about to be, and those placed elsewhere. */
const AT_THE_BROKER = `(o.attempt > 0 or o.broker_order_id is not null)
  and o.finished_at is null and o.status in ('VALIDATED','SUBMITTING','UNKNOWN','SUBMITTED','OPEN','PARTIALLY_FILLED')`;
/** What the OMS holds may be closed by an order placed elsewhere. */
const HELD = `p.status = 'OPEN' and p.managed_by = 'OMS'`;

type OrderTuple = readonly [
  ...[string, OrderStatus, string | null, number | null, number | null, boolean],
  ...[string | null, number, Product, string | null, boolean, Exchange, Variety, string],
  ...[number, string | null, number, OrderType, Validity, string | null, string | null, number | null],
  ...[string, Side],
];

interface Document {
  readonly read_at: string;
  readonly orders: readonly OrderTuple[] | null;
  readonly known: readonly [string, OrderStatus, string | null, number, string][] | null;
  readonly foreign: readonly [string, string, string, number][] | null;
  readonly awaits_login: boolean;
}

export interface PollLease {
  readonly accountId: string;
  readonly lease: string;
  readonly holder: string;
}

/**
 * Takes the account's poll lease and reads what the poll is about, in one round trip. Null: another poll holds it, or
 * nothing is at the broker or held by the OMS and `always` is not set. The snapshot may miss what a poll that ended
 * this instant applied; such rows are looked at again under the account's lock and change nothing.
 */
export async function beginPoll(
  db: Database,
  poll: PollLease & { readonly leaseMs: number; readonly always: boolean },
): Promise<BrokerInterest | null> {
  const { rows } = await db.beats.query<{ document: Document | null }>({
    name: 'sauda_begin_poll',
    text: `with taken as (
      insert into leases as l (name, holder, until)
      select $2, $3, clock_timestamp() + $4 * interval '1 millisecond'
      where $5 or exists (select from orders o where o.account_id = $1 and ${AT_THE_BROKER})
        or exists (select from positions p where p.account_id = $1 and ${HELD})
      on conflict (name) do update set holder = excluded.holder, until = excluded.until
      where l.holder = excluded.holder or l.until < clock_timestamp()
      returning name)
    select case when exists (select from taken) then json_build_object(
      'read_at', sauda.clock(),
      'orders', (select json_agg(json_build_array(o.id, o.status, o.attempt_tag,
          extract(epoch from clock_timestamp() - o.send_by) * 1000,
          extract(epoch from sauda.clock() - o.awaiting_trades_since) * 1000,
          exists (select from alerts a where a.account_id = $1 and a.cleared_at is null
            and a.condition in ('order:' || o.id || ':unknown', 'order:' || o.id || ':awaiting-trades')),
          o.broker_order_id, o.instrument_id, o.product, o.strategy_id,
          o.reserve is not null or exists (select from order_commands c where c.account_id = $1 and c.order_id = o.id
            and c.state <> 'DONE'),
          o.exchange, o.variety, o.trading_day, o.filled_quantity, o.last_read_at, o.quantity, o.order_type, o.validity, o.price::text, o.trigger_price::text,
          o.disclosed_quantity, o.symbol, o.side))
        from orders o where o.account_id = $1 and ${AT_THE_BROKER}),
      'known', (select json_agg(json_build_array(k.broker_order_id, k.status, k.broker_status, k.filled_quantity,
          k.trading_day)) from (
        select o.* from orders o where o.account_id = $1 and o.broker_order_id is not null
          and o.trading_day >= ${TODAY} - 1
        union all
        select o.* from orders o where o.account_id = $1 and o.broker_order_id is not null
          and o.finished_at is null and o.trading_day < ${TODAY} - 1) k),
      'foreign', (select json_agg(json_build_array(b.day, b.broker_order_id, b.status, b.filled_quantity))
        from broker_orders b where b.account_id = $1 and b.order_id is null and b.day >= ${TODAY} - 1),
      'awaits_login', exists (select from alerts a where a.account_id = $1 and a.cleared_at is null
        and a.condition in ('broker_session_expired', 'broker_unreadable')))
      end as document`,
    values: [poll.accountId, poll.lease, poll.holder, poll.leaseMs, poll.always],
  });
  const document = rows[0]?.document ?? null;
  if (document === null) return null;
  const orders = (document.orders ?? []).map(decodeOrder);
  const known = (document.known ?? []).map(decodeKnown);
  return {
    readAt: new Date(document.read_at),
    orders,
    known,
    foreign: new Map(
      (document.foreign ?? []).map(([day, id, status, filledQuantity]) => [
        `${day}/${id}`,
        { status, filledQuantity },
      ]),
    ),
    awaitsLogin: document.awaits_login,
  };
}

function decodeOrder(tuple: OrderTuple): OrderOfInterest {
  const [id, status, attemptTag, claimedMsAgo, awaitingTradesMs, alerted, ...more] = tuple;
  const [brokerOrderId, instrumentId, product, strategyId, watched, exchange, variety, ...rest] = more;
  const [tradingDay, filledQuantity, lastReadAt, ...terms] = rest;
  const [quantity, orderType, validity, price, triggerPrice, disclosedQuantity, symbol, side] = terms;
  return {
    ...{ id, status, attemptTag, awaitingTradesMs, alerted, brokerOrderId, instrumentId, product },
    ...{ strategyId, watched, exchange, variety, tradingDay, filledQuantity, quantity, orderType, validity },
    ...{ disclosedQuantity, symbol, side },
    lastReadAt: lastReadAt === null ? null : new Date(lastReadAt),
    claimedMsAgo: claimedMsAgo ?? 0,
    price: price === null ? null : decimal(price),
    triggerPrice: triggerPrice === null ? null : decimal(triggerPrice),
  };
}

function decodeKnown([brokerOrderId, status, brokerStatus, filledQuantity, tradingDay]: readonly [
  ...[string, OrderStatus, string | null, number, string],
]): KnownOrder {
  return { brokerOrderId, status, brokerStatus, filledQuantity, tradingDay };
}

/** An order that rows of the broker's book belong to, as far as the reads for its fills need it. */
export interface OrderOfRow {
  readonly id: string;
  readonly instrumentId: number;
  readonly product: Product;
  readonly strategyId: string | null;
}

/** Orders, named by broker order id or by the tag of one of their attempts: those a poll did not begin with. */
export async function readOrdersOfRows(
  db: Database,
  accountId: string,
  brokerOrderIds: readonly string[],
  tags: readonly string[],
): Promise<(OrderOfRow & { readonly name: string })[]> {
  const { rows } = await db.beats.query<{
    name: string;
    id: string;
    instrument_id: number;
    product: Product;
    strategy_id: string | null;
  }>({
    name: 'sauda_orders_of_rows',
    text: `select o.broker_order_id as name, o.id, o.instrument_id, o.product, o.strategy_id from orders o
      where o.account_id = $1 and o.trading_day >= ${TODAY} - 1
        and o.broker_order_id = any($2)
      union
      select o.broker_order_id, o.id, o.instrument_id, o.product, o.strategy_id from orders o
      where o.account_id = $1 and o.finished_at is null and o.broker_order_id = any($2)
      union
      select a.tag, o.id, o.instrument_id, o.product, o.strategy_id from order_attempts a
      join orders o on o.account_id = a.account_id and o.id = a.order_id
      where a.account_id = $1 and a.tag = any($3)`,
    values: [accountId, brokerOrderIds, tags],
  });
  return rows.map((row) => ({
    name: row.name,
    id: row.id,
    instrumentId: row.instrument_id,
    product: row.product,
    strategyId: row.strategy_id,
  }));
}

/**
 * Gives the lease back and notes when the account was last polled; one round trip. The first that succeeds after one
 * that failed makes the full comparison due: what happened meanwhile at the broker is not all in the book.
 */
export async function endPoll(
  db: Database,
  poll: PollLease & { readonly succeeded: boolean },
): Promise<void> {
  await db.beats.query({
    name: 'sauda_end_poll',
    text: `with freed as (delete from leases where name = $2 and holder = $3),
      reconnected as (update heartbeats r set started_at = 'epoch' where $4 and r.account_id = $1 and r.duty = 'reconcile'
        and exists (select from heartbeats p where p.account_id = $1 and p.duty = 'poll' and p.failed))
      insert into heartbeats as h (account_id, duty, started_at, succeeded_at, failed)
      values ($1, 'poll', clock_timestamp(), case when $4 then clock_timestamp() end, not $4)
      on conflict (account_id, duty) do update set started_at = excluded.started_at,
        succeeded_at = coalesce(excluded.succeeded_at, h.succeeded_at), failed = excluded.failed`,
    values: [poll.accountId, poll.lease, poll.holder, poll.succeeded],
  });
}

/** Milliseconds since a poll of the account last succeeded; 0 unless one failed within the last minute. */
export async function readPollSilence(db: Database, accountId: string): Promise<number> {
  const { rows } = await db.reads.query<{ silent_ms: number }>({
    name: 'sauda_poll_silence',
    text: `select (extract(epoch from clock_timestamp() - succeeded_at) * 1000)::float8 as silent_ms
      from heartbeats where account_id = $1 and duty = 'poll' and failed and succeeded_at is not null
        and started_at > clock_timestamp() - interval '1 minute'`,
    values: [accountId],
  });
  return rows[0]?.silent_ms ?? 0;
}

/** How the newest polls went, those that began within `withinMs`: how many, and the accounts whose poll failed. */
export async function readRecentPolls(
  db: Database,
  withinMs: number,
): Promise<{ readonly polls: number; readonly failed: readonly string[] }> {
  const { rows } = await db.reads.query<{ account_id: string; failed: boolean }>({
    name: 'sauda_recent_polls',
    text: `select account_id, failed from heartbeats where duty = 'poll'
      and started_at > clock_timestamp() - $1 * interval '1 millisecond' order by 1`,
    values: [withinMs],
  });
  return {
    polls: rows.length,
    failed: rows.filter(({ failed }) => failed).map(({ account_id }) => account_id),
  };
}

/** Reads of the broker are evidence, kept outside the journal and the account lock. */
export async function storeBrokerRead(db: Database, row: BrokerReadRow): Promise<void> {
  await db.reads.query({
    name: 'sauda_store_broker_read',
    text: `insert into broker_reads select * from json_populate_recordset(null::broker_reads, $1::json)`,
    values: [JSON.stringify([codecs.brokerReads.encode(row)])],
  });
}

/**
 * Whole reads of the book, of one trading day, that did not hold a tag, with as many of the tradebook: trades carry no
 * tag, so they speak by orders that the book does not show. None counts once a tradebook held one that may be its.
 */
export async function countCleanReads(
  db: Database,
  of: { readonly accountId: string; readonly tag: string; readonly day: string },
): Promise<number> {
  const { rows } = await db.reads.query<{ count: number }>({
    name: 'sauda_clean_reads',
    text: `select case when bool_or(r.kind = 'TRADES' and r.searched -> $2 = 'true'::jsonb) then 0
        else least(count(*) filter (where r.kind = 'ORDERS' and r.searched -> $2 = 'false'::jsonb),
          count(*) filter (where r.kind = 'TRADES')) end::int as count
      from broker_reads r where r.account_id = $1 and r.kind in ('ORDERS', 'TRADES') and r.clean
        and r.searched ? $2 and sauda.trading_day(r.started_at) = $3::date`,
    values: [of.accountId, of.tag, of.day],
  });
  return rows[0]?.count ?? 0;
}

/** What the newest look at recorded trades found otherwise, when it began after `since`; see correctTrades. */
export async function readTradesInDoubt(
  db: Database,
  accountId: string,
  since: Date,
): Promise<ReadonlySet<string>> {
  const { rows } = await db.reads.query<{ searched: Record<string, boolean> | null }>({
    name: 'sauda_trades_in_doubt',
    text: `select searched from broker_reads where account_id = $1 and kind = 'CORRECTIONS' and started_at >= $2
      order by started_at desc limit 1`,
    values: [accountId, since],
  });
  return new Set(Object.keys(rows[0]?.searched ?? {}));
}

/** A recorded trade as far as it is compared with the broker's tradebook. */
export type ComparedTrade = Pick<
  TradeRow,
  | 'exchange'
  | 'tradeDate'
  | 'brokerOrderId'
  | 'tradeId'
  | 'side'
  | 'quantity'
  | 'price'
  | 'tradedAt'
  | 'annulledAt'
  | 'orderId'
  | 'instrumentId'
  | 'product'
  | 'strategyId'
>;

/** Trades recorded of the orders with these broker ids, taken back ones too, of the last days. */
export async function readRecordedTrades(
  db: Database,
  accountId: string,
  brokerOrderIds: readonly string[],
): Promise<ComparedTrade[]> {
  if (brokerOrderIds.length === 0) return [];
  const { exchange, tradeDate, brokerOrderId, tradeId, side, quantity, price } = trades;
  const { tradedAt, annulledAt, orderId, instrumentId, product, strategyId } = trades;
  return db.orm
    .select({
      ...{ exchange, tradeDate, brokerOrderId, tradeId, side, quantity, price },
      ...{ tradedAt, annulledAt, orderId, instrumentId, product, strategyId },
    })
    .from(trades)
    .where(
      and(
        eq(trades.accountId, accountId),
        gte(trades.tradedAt, sql`sauda.clock() - interval '2 days'`),
        inArray(trades.brokerOrderId, [...brokerOrderIds]),
      ),
    );
}

/** The database clock, for the start of a read outside of a poll. */
export async function readClock(db: Database): Promise<Date> {
  const { rows } = await db.reads.query<{ now: Date }>('select sauda.clock() as now');
  return rows[0]?.now ?? new Date(0);
}
