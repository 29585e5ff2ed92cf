import type { OrderStatus } from '../../domain/order-status.ts';
import type { Database } from '../client.ts';

export interface JournalLine {
  readonly accountId: string;
  readonly seq: number;
  readonly at: string;
  readonly actor: string;
  readonly kind: string;
  readonly entity: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const LINES_AT_ONCE = 200;

/** Entries after the given number of each account, new accounts from their start; at most 200. */
export async function readJournalAfter(
  db: Database,
  seen: ReadonlyMap<string, number>,
): Promise<JournalLine[]> {
  const { rows } = await db.reads.query<
    Omit<JournalLine, 'accountId' | 'data' | 'seq'> & { account_id: string; data: string; seq: string }
  >({
    name: 'sauda_journal_after',
    text: `select j.account_id, j.seq, j.at, j.actor, j.kind, j.entity, j.data
      from accounts a
      left join json_to_recordset($1::json) as s(id text, seq bigint) on s.id = a.id
      join journal j on j.account_id = a.id and j.seq > coalesce(s.seq, 0)
      where a.seq > coalesce(s.seq, 0)
      order by j.account_id, j.seq limit ${LINES_AT_ONCE}`,
    values: [JSON.stringify([...seen].map(([id, seq]) => ({ id, seq })))],
  });
  return rows.map(({ account_id: accountId, seq, data, ...line }) => ({
    ...line,
    accountId,
    seq: Number(seq),
    data: JSON.parse(data) as Record<string, unknown>,
  }));
}

/** The newest number of each account's journal. */
export async function readJournalHeads(db: Database): Promise<Map<string, number>> {
  const { rows } = await db.reads.query<{ id: string; seq: string }>('select id, seq from accounts');
  return new Map(rows.map((row) => [row.id, Number(row.seq)]));
}

/** Entries that one look into the journal reads at most, whatever the filter finds in them. */
export const JOURNAL_WINDOW = 50_000;

export interface JournalFilter {
  readonly accountId: string;
  readonly actor?: string | undefined;
  readonly kind?: string | undefined;
  readonly entity?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  /** Only smaller numbers; null: from the newest. */
  readonly before: number | null;
  readonly limit: number;
}

/**
 * Entries of one journal, newest first, and the number below which nothing was looked at; 1: there is no more. Numbers
 * have no gap, so a window of them bounds what a filter that finds little can cost.
 */
export async function searchJournal(
  db: Database,
  { accountId, actor, kind, entity, from, to, before, limit }: JournalFilter,
): Promise<{ readonly lines: JournalLine[]; readonly lookedDownTo: number }> {
  const end = before ?? (await readJournalHead(db, accountId)) + 1;
  const lookedDownTo = Math.max(1, end - JOURNAL_WINDOW);
  const { rows } = await db.reads.query<Omit<JournalLine, 'data' | 'seq'> & { data: string; seq: string }>({
    name: 'sauda_journal_search',
    text: `select account_id as "accountId", seq, at, actor, kind, entity, data from journal
      where account_id = $1 and seq < $2 and seq >= $3
        and ($4::text is null or actor = $4) and ($5::text is null or kind = $5)
        and ($6::text is null or entity = $6) and ($7::text is null or at >= $7) and ($8::text is null or at < $8)
      order by seq desc limit $9`,
    values: [
      ...[accountId, end, lookedDownTo, actor ?? null, kind ?? null, entity ?? null],
      ...[from?.toISOString() ?? null, to?.toISOString() ?? null, limit],
    ],
  });
  const lines = rows.map(({ seq, data, ...line }) => ({
    ...line,
    seq: Number(seq),
    data: JSON.parse(data) as Record<string, unknown>,
  }));
  return { lines, lookedDownTo };
}

/** An entry of the journal as a stream tells it. */
export interface EventLine {
  readonly accountId: string;
  readonly seq: number;
  readonly at: string;
  readonly actor: string;
  readonly kind: string;
  readonly entity: string;
  /** JSON text, as it is stored. */
  readonly data: string;
  /** The order it is about, and that order's strategy. */
  readonly order: { readonly strategyId: string | null } | null;
  /** What never changes of that order, so that an entry can be shown by itself. */
  readonly terms?: EventTerms | null;
  /** That order when the entry was read; null: it is about none. */
  readonly state?: EventOrderState | null;
  /** For a fill: what it is part of, when the entry was read. */
  readonly position?: EventPosition | null;
}

export interface EventTerms {
  readonly clientOrderId: string;
  readonly exchange: string;
  readonly symbol: string;
  readonly side: string;
  readonly product: string;
  readonly role: string;
  readonly parentOrderId: string | null;
}

/** Amounts are decimals as text. */
export interface EventOrderState {
  readonly status: OrderStatus;
  readonly quantity: number;
  readonly filledQuantity: number;
  readonly filledValue: string;
  readonly price: string | null;
  readonly triggerPrice: string | null;
}

/**
 * The newest cycle that the order's strategy has of its instrument; of the account where the order has no strategy.
 * Whoever may see the entry may see this. Amounts are decimals as text; the price is unknown when it is null.
 */
export interface EventPosition {
  readonly strategyId: string | null;
  readonly cycle: number;
  readonly status: 'OPEN' | 'CLOSED';
  readonly quantity: number;
  readonly openValue: string;
  readonly multiplier: string;
  readonly realizedPnl: string;
  readonly charges: string;
  readonly lastPrice: string | null;
  readonly lastPriceAgeMs: number | null;
}

export interface JournalPlace {
  readonly accountId: string;
  /** The number of the last entry that is known. */
  readonly after: number;
}

/** In each part of the lateral join, so that no other entry looks for a position. */
const FILLS = `j.kind in ('TradeRecorded', 'TradeCorrected')`;

/**
 * Entries after a place in each of some journals, in their order, at most `limit` of each account. Numbers become
 * visible in their order, because an account's transactions are serial: what is read has no gap. How the order and
 * the position stand comes with it, in the same statement: perhaps later than the entry.
 */
export async function readEventsAfter(
  db: Database,
  places: readonly JournalPlace[],
  limit: number,
): Promise<EventLine[]> {
  const { rows } = await db.reads.query<
    Omit<EventLine, 'seq' | 'order'> & { seq: string; isOrder: boolean; strategyId: string | null }
  >({
    name: 'sauda_events_after',
    text: `select p.account_id as "accountId", j.seq, j.at, j.actor, j.kind, j.entity, j.data,
        o.id is not null as "isOrder", o.strategy_id as "strategyId",
        case when o.id is not null then json_build_object('clientOrderId', o.client_order_id,
          'exchange', o.exchange, 'symbol', o.symbol, 'side', o.side, 'product', o.product, 'role', o.role,
          'parentOrderId', o.parent_order_id) end as terms,
        case when o.id is not null then json_build_object('status', o.status, 'quantity', o.quantity,
          'filledQuantity', o.filled_quantity, 'filledValue', o.filled_value::text, 'price', o.price::text,
          'triggerPrice', o.trigger_price::text) end as state,
        case when c.cycle is not null then json_build_object('strategyId', o.strategy_id, 'cycle', c.cycle,
          'status', c.status, 'quantity', c.quantity, 'openValue', c.open_value::text,
          'multiplier', c.multiplier::text, 'realizedPnl', c.realized_pnl::text, 'charges', c.charges::text,
          'lastPrice', l.price::text, 'lastPriceAgeMs', case when l.at is not null
          then greatest(0, round(extract(epoch from clock_timestamp() - l.at) * 1000))::float8 end) end as position
      from json_to_recordset($1::json) as p(account_id text, after bigint)
      join accounts a on a.id = p.account_id and a.seq > p.after
      cross join lateral (select * from journal j where j.account_id = p.account_id and j.seq > p.after
        order by j.seq limit $2) j
      left join orders o on o.account_id = p.account_id
        and o.id = case when j.entity ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then j.entity::uuid end
      left join lateral (
        (select s.cycle, s.status, s.quantity, s.open_value, s.multiplier, s.realized_pnl, s.charges
          from strategy_positions s where ${FILLS} and s.account_id = o.account_id and s.strategy_id = o.strategy_id
            and s.instrument_id = o.instrument_id and s.product = o.product order by s.cycle desc limit 1)
        union all
        (select q.cycle, q.status, q.quantity, q.open_value, q.multiplier, q.realized_pnl, q.charges
          from positions q where ${FILLS} and o.strategy_id is null and q.account_id = o.account_id
            and q.instrument_id = o.instrument_id and q.product = o.product
            and q.managed_by = case o.cause when 'EXTERNAL' then 'EXTERNAL' else 'OMS' end
          order by q.cycle desc limit 1)) c on true
      left join last_prices l on l.instrument_id = o.instrument_id and c.status = 'OPEN'
      order by p.account_id, j.seq`,
    values: [JSON.stringify(places.map(({ accountId, after }) => ({ account_id: accountId, after }))), limit],
  });
  return rows.map(({ seq, isOrder, strategyId, ...line }) => ({
    ...line,
    seq: Number(seq),
    order: isOrder ? { strategyId } : null,
  }));
}

/** The number of an account's newest entry. */
export async function readJournalHead(db: Database, accountId: string): Promise<number> {
  const { rows } = await db.reads.query<{ seq: string }>({
    name: 'sauda_journal_head',
    text: 'select seq from accounts where id = $1',
    values: [accountId],
  });
  return Number(rows[0]?.seq ?? 0);
}
