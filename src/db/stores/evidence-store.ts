import type { OrderCause, Side } from '../../domain/order.ts';
import type { Database } from '../client.ts';

/** One read of the broker made while an order was in doubt. */
export interface EvidenceRead {
  readonly startedAt: Date;
  /** Whole: it can say that something is absent. */
  readonly clean: boolean;
  readonly rows: number | null;
  readonly fault: string | null;
  /** Whether it held the order's tag. */
  readonly found: boolean;
  /** Of the order's own trading day: a later day's book says nothing of it. */
  readonly ofItsDay: boolean;
}

/** A broker order that an order in doubt may be: same instrument, product and side, and no request's own. */
export interface Candidate {
  readonly brokerOrderId: string;
  readonly side: Side;
  readonly quantity: number;
  readonly status: string;
  readonly filledQuantity: number;
  readonly tag: string | null;
  readonly firstSeenAt: Date;
  /** The order row that follows it as an outside one. */
  readonly orderId: string | null;
  readonly cause: OrderCause | null;
}

export interface Evidence {
  /** The newest, newest first. */
  readonly reads: readonly EvidenceRead[];
  readonly readCount: number;
  readonly cleanCount: number;
  /** Reads of the tradebook beside them, and how many held fills of an order that the book does not list and that may be its. */
  readonly tradeReadCount: number;
  readonly strayTradeCount: number;
  readonly candidates: readonly Candidate[];
}

const MAX_READS = 100;
const MAX_CANDIDATES = 50;

/** What is known about an order in doubt: the reads that searched its tags, and what it may be in the book. */
export async function readEvidence(
  db: Database,
  of: {
    readonly accountId: string;
    readonly orderId: string;
    readonly tags: readonly string[];
    readonly since: Date;
  },
): Promise<Evidence> {
  const { rows } = await db.reads.query<{
    reads: [string, boolean, number | null, string | null, boolean, boolean][] | null;
    read_count: number;
    clean_count: number;
    trade_read_count: number;
    stray_trade_count: number;
    candidates:
      | [string, Side, number, string, number, string | null, string, string | null, OrderCause | null][]
      | null;
  }>({
    name: 'sauda_evidence',
    text: `with o as materialized (select * from orders where account_id = $1 and id = $2),
      r as materialized (
        select b.* from broker_reads b where b.account_id = $1 and b.started_at >= $4 and b.kind = 'ORDERS'
          and b.searched ?| $3::text[]),
      t as materialized (
        select b.* from broker_reads b where b.account_id = $1 and b.started_at >= $4 and b.kind = 'TRADES'
          and b.searched ?| $3::text[]),
      shown as (select * from r order by started_at desc limit ${MAX_READS}),
      c as (
        select b.*, x.id as followed, x.cause from broker_orders b
        join o on b.day = sauda.trading_day(o.created_at)
        left join orders x on x.account_id = b.account_id and x.id = b.order_id
        where b.account_id = $1 and coalesce(x.cause, 'EXTERNAL') = 'EXTERNAL'
          and b.raw ->> 'tradingsymbol' = o.symbol and b.raw ->> 'exchange' = o.exchange
          and b.raw ->> 'product' = o.product and b.raw ->> 'transaction_type' = o.side
        order by b.first_seen_at limit ${MAX_CANDIDATES})
      select (select json_agg(json_build_array(s.started_at, s.clean, s.rows_count, s.fault,
          exists (select from unnest($3::text[]) t where s.searched -> t = 'true'::jsonb),
          sauda.trading_day(s.started_at) = sauda.trading_day(o.created_at)) order by s.started_at desc) from shown s) as reads,
        (select count(*)::int from r) as read_count,
        (select count(*)::int from r where clean) as clean_count,
        (select count(*)::int from t) as trade_read_count,
        (select count(*)::int from t where exists (select from unnest($3::text[]) x where t.searched -> x = 'true'::jsonb))
          as stray_trade_count,
        (select json_agg(json_build_array(c.broker_order_id, c.raw ->> 'transaction_type', (c.raw ->> 'quantity')::int,
          c.status, c.filled_quantity, c.tag, c.first_seen_at, c.followed, c.cause)) from c) as candidates
      from o`,
    values: [of.accountId, of.orderId, of.tags, of.since],
  });
  const [row] = rows;
  return {
    reads: (row?.reads ?? []).map(([startedAt, clean, count, fault, found, ofItsDay]) => ({
      startedAt: new Date(startedAt),
      ...{ clean, rows: count, fault, found, ofItsDay },
    })),
    readCount: row?.read_count ?? 0,
    cleanCount: row?.clean_count ?? 0,
    tradeReadCount: row?.trade_read_count ?? 0,
    strayTradeCount: row?.stray_trade_count ?? 0,
    candidates: (row?.candidates ?? []).map(
      ([brokerOrderId, side, quantity, status, filledQuantity, tag, firstSeenAt, orderId, cause]) => ({
        ...{ brokerOrderId, side, quantity, status, filledQuantity, tag, orderId, cause },
        firstSeenAt: new Date(firstSeenAt),
      }),
    ),
  };
}
