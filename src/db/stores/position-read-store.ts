import { and, asc, eq, gte, inArray, isNull, lt, or, type SQL, sql } from 'drizzle-orm';
import { addDays, startOfTradingDay } from '../../domain/calendar.ts';
import type { ProtectionPolicy } from '../../domain/protection-policy.ts';
import type { Exchange, Product } from '../../domain/instrument.ts';
import type { Decimal } from '../../domain/money.ts';
import type { PositionRow, StrategyPositionRow } from '../account-rows.ts';
import type { Database, Db } from '../client.ts';
import { instruments, lastPrices, positionMarks, positions, strategyPositions } from '../schema/index.ts';

export interface PositionFilter {
  readonly accountId: string;
  readonly statuses: readonly ('OPEN' | 'CLOSED')[];
  readonly exchange?: Exchange | undefined;
  readonly symbol?: string | undefined;
  readonly product?: Product | undefined;
  /** Open at some time of this trading day. */
  readonly day?: string | undefined;
  readonly after?: PositionPlace | null | undefined;
  readonly limit: number;
}

/** Where a page of positions ended: the rest of the primary key. */
export interface PositionPlace {
  readonly instrumentId: number;
  readonly product: string;
  readonly managedBy: string;
  readonly cycle: number;
}

/** What is known of an instrument's price now, and of the extremes a cycle has seen. */
export interface PriceMark {
  readonly lastPrice: Decimal | null;
  readonly lastPriceAt: Date | null;
  readonly lastPriceAgeMs: number | null;
  readonly markedHighest: Decimal | null;
  readonly markedLowest: Decimal | null;
  /** Units that stops at the exchange would close; never more than are open. */
  readonly protectedQuantity: number;
  /** Null: it is not open, or not the OMS's. */
  readonly protectionNow: ProtectionNow | null;
}

/** What protection says of a position now, over all of its groups. */
export interface ProtectionNow {
  /** The weakest in force; none: no group covers it. */
  readonly policy: ProtectionPolicy;
  /** RFC 3339: since when some of it has no stop at the exchange although its policy asks for one. */
  readonly unprotectedSince: string | null;
  /** How long that was so in all, seconds. */
  readonly unprotectedSeconds: number;
}

export type MarkedPosition = PositionRow & PriceMark;
export type MarkedStrategyPosition = StrategyPositionRow &
  PriceMark & { readonly exchange: Exchange; readonly symbol: string };

/** Milliseconds; null without an instant, since `greatest` alone would make that zero. */
const ageOf = (at: SQL) =>
  sql`case when ${at} is not null then greatest(0, round(extract(epoch from clock_timestamp() - (${at})) * 1000))::float8 end`;

/**
 * The newer of the mark and the last price. A closed cycle keeps its last mark: what the price did later is not
 * its business. Ages are measured by the database's real clock, which prices are stamped with.
 */
function priceColumns() {
  const newer = sql`(${positions.status} = 'OPEN' and ${lastPrices.at} >= coalesce(${positionMarks.lastPriceAt}, '-infinity'))`;
  const at = sql`(case when ${newer} then ${lastPrices.at} else ${positionMarks.lastPriceAt} end)`;
  const extreme = (
    choose: SQL,
    marked: typeof positionMarks.highestPrice | typeof positionMarks.lowestPrice,
  ) =>
    sql<Decimal | null>`case when ${newer} then ${choose}(${marked}, ${lastPrices.price}) else ${marked} end`.mapWith(
      marked,
    );
  return {
    lastPrice:
      sql<Decimal | null>`case when ${newer} then ${lastPrices.price} else ${positionMarks.lastPrice} end`
        .mapWith(positionMarks.lastPrice)
        .as('last_price'),
    lastPriceAt: sql<Date | null>`${at}`.mapWith(positionMarks.lastPriceAt).as('last_price_at'),
    lastPriceAgeMs: sql<number | null>`${ageOf(at)}`.as('last_price_age_ms'),
    markedHighest: extreme(sql`greatest`, positionMarks.highestPrice).as('marked_highest'),
    markedLowest: extreme(sql`least`, positionMarks.lowestPrice).as('marked_lowest'),
  };
}

const ofOneCycle = and(
  eq(positionMarks.accountId, positions.accountId),
  eq(positionMarks.instrumentId, positions.instrumentId),
  eq(positionMarks.product, positions.product),
  eq(positionMarks.managedBy, positions.managedBy),
  eq(positionMarks.cycle, positions.cycle),
);

/** By live stops that the broker has, of the managed position, or of one strategy's part of it. */
function protectedBy(of: typeof positions | typeof strategyPositions, whose: SQL) {
  return sql<number>`(case when ${of.status} <> 'OPEN' or not (${whose}) then 0 else
    least(abs(${of.quantity}), (select coalesce(sum(o.quantity - o.filled_quantity), 0) from orders o
      where o.account_id = ${of.accountId} and o.instrument_id = ${of.instrumentId} and o.product = ${of.product}
        and o.finished_at is null and o.role = 'STOP' and o.broker_order_id is not null
        and o.protection_group is not null and (case o.side when 'SELL' then 1 else -1 end) = sign(${of.quantity})
        and (${of === positions ? sql`true` : sql`o.strategy_id = ${strategyPositions.strategyId}`}))) end)::int`.as(
    'protected_quantity',
  );
}

function protectionOf(of: typeof positions | typeof strategyPositions, whose: SQL) {
  // Of the two that a group may have, oms is the weaker, and the later in the alphabet.
  return sql<ProtectionNow | null>`(case when ${of.status} <> 'OPEN' or not (${whose}) then null else
    (select json_build_object('policy', coalesce(max(g.policy), 'none'), 'unprotectedSince', min(g.unprotected_since),
      'unprotectedSeconds', coalesce(sum(g.unprotected_ms + case when g.unprotected_since is null then 0
        else greatest(0, extract(epoch from sauda.clock() - g.unprotected_since) * 1000) end) / 1000, 0)::float8)
    from protection_groups g where g.account_id = ${of.accountId} and g.instrument_id = ${of.instrumentId}
      and g.product = ${of.product} and g.ended_at is null
      and (case g.side when 'BUY' then 1 else -1 end) = sign(${of.quantity})
      and (${of === positions ? sql`true` : sql`g.strategy_id = ${strategyPositions.strategyId}`})) end)`.as(
    'protection_now',
  );
}

function selectMarked(orm: Pick<Db, 'select'>) {
  return orm
    .select({
      position: positions,
      ...priceColumns(),
      protectedQuantity: protectedBy(positions, sql`${positions.managedBy} = 'OMS'`),
      protectionNow: protectionOf(positions, sql`${positions.managedBy} = 'OMS'`),
    })
    .from(positions)
    .leftJoin(positionMarks, ofOneCycle)
    .leftJoin(lastPrices, eq(lastPrices.instrumentId, positions.instrumentId));
}

const flat = <Row extends object, Marks extends object>({
  position,
  ...marks
}: Marks & { position: Row }) => ({
  ...position,
  ...marks,
});

/** By primary key: index positions_pk, or one_open_cycle_per_key for open ones. */
export async function listPositions(db: Database, filter: PositionFilter): Promise<MarkedPosition[]> {
  const rows = await selectMarked(db.orm)
    .where(
      and(
        eq(positions.accountId, filter.accountId),
        inArray(positions.status, [...filter.statuses]),
        filter.exchange === undefined ? undefined : eq(positions.exchange, filter.exchange),
        filter.symbol === undefined ? undefined : eq(positions.symbol, filter.symbol),
        filter.product === undefined ? undefined : eq(positions.product, filter.product),
        filter.day === undefined ? undefined : aliveOn(filter.day, positions),
        isAfter(filter.after),
      ),
    )
    .orderBy(
      asc(positions.instrumentId),
      asc(positions.product),
      asc(positions.managedBy),
      asc(positions.cycle),
    )
    .limit(filter.limit);
  return rows.map(flat);
}

function aliveOn(day: string, of: typeof positions | typeof strategyPositions): SQL | undefined {
  return and(
    lt(of.openedAt, startOfTradingDay(addDays(day, 1))),
    or(isNull(of.closedAt), gte(of.closedAt, startOfTradingDay(day))),
  );
}

function isAfter(place: PositionPlace | null | undefined): SQL | undefined {
  if (place === null || place === undefined) return undefined;
  const { instrumentId, product, managedBy, cycle } = place;
  return sql`(${positions.instrumentId}, ${positions.product}, ${positions.managedBy}, ${positions.cycle})
    > (${instrumentId}::int, ${product}, ${managedBy}, ${cycle}::int)`;
}

/** Every open position of an account, on a connection of the caller's transaction. */
export async function readOpenPositions(
  orm: Pick<Db, 'select'>,
  accountId: string,
): Promise<MarkedPosition[]> {
  const rows = await selectMarked(orm).where(
    and(eq(positions.accountId, accountId), eq(positions.status, 'OPEN')),
  );
  return rows.map(flat);
}

/** The newest cycle of each key of one instrument. */
export async function readNewestCycles(
  db: Database,
  of: {
    readonly accountId: string;
    readonly exchange: Exchange;
    readonly symbol: string;
    readonly product?: Product | undefined;
  },
): Promise<MarkedPosition[]> {
  const rows = await selectMarked(db.orm)
    .where(
      and(
        eq(positions.accountId, of.accountId),
        inArray(positions.instrumentId, instrumentIdOf(db, of)),
        of.product === undefined ? undefined : eq(positions.product, of.product),
        sql`${positions.cycle} = (select max(n.cycle) from ${positions} n where n.account_id = ${positions.accountId}
          and n.instrument_id = ${positions.instrumentId} and n.product = ${positions.product}
          and n.managed_by = ${positions.managedBy})`,
      ),
    )
    .orderBy(asc(positions.product), asc(positions.managedBy));
  return rows.map(flat);
}

function instrumentIdOf(db: Database, of: { readonly exchange: Exchange; readonly symbol: string }) {
  return db.orm
    .select({ id: instruments.id })
    .from(instruments)
    .where(and(eq(instruments.exchange, of.exchange), eq(instruments.symbol, of.symbol)));
}

/**
 * A strategy's own cycles: the fold of its own trades (protocol.md). Marks are kept for the account's positions,
 * so these have the last price alone, and only while they are open.
 */
export async function listStrategyPositions(
  db: Database,
  filter: PositionFilter & { readonly strategyId: string },
): Promise<MarkedStrategyPosition[]> {
  const of = strategyPositions;
  const { after } = filter;
  const price = <T>(value: SQL) => sql<T | null>`case when ${of.status} = 'OPEN' then ${value} end`;
  const rows = await db.orm
    .select({
      position: of,
      exchange: instruments.exchange,
      symbol: instruments.symbol,
      lastPrice: price<Decimal>(sql`${lastPrices.price}`)
        .mapWith(lastPrices.price)
        .as('last_price'),
      lastPriceAt: price<Date>(sql`${lastPrices.at}`)
        .mapWith(lastPrices.at)
        .as('last_price_at'),
      lastPriceAgeMs: price<number>(ageOf(sql`${lastPrices.at}`)).as('last_price_age_ms'),
      protectedQuantity: protectedBy(of, sql`true`),
      protectionNow: protectionOf(of, sql`true`),
    })
    .from(of)
    .innerJoin(instruments, eq(instruments.id, of.instrumentId))
    .leftJoin(lastPrices, eq(lastPrices.instrumentId, of.instrumentId))
    .where(
      and(
        eq(of.accountId, filter.accountId),
        eq(of.strategyId, filter.strategyId),
        inArray(of.status, [...filter.statuses]),
        filter.exchange === undefined ? undefined : eq(instruments.exchange, filter.exchange),
        filter.symbol === undefined ? undefined : eq(instruments.symbol, filter.symbol),
        filter.product === undefined ? undefined : eq(of.product, filter.product),
        filter.day === undefined ? undefined : aliveOn(filter.day, of),
        after === null || after === undefined
          ? undefined
          : sql`(${of.instrumentId}, ${of.product}, ${of.cycle})
              > (${after.instrumentId}::int, ${after.product}, ${after.cycle}::int)`,
      ),
    )
    .orderBy(asc(of.instrumentId), asc(of.product), asc(of.cycle))
    .limit(filter.limit);
  return rows.map((row) => ({ ...flat(row), markedHighest: row.lastPrice, markedLowest: row.lastPrice }));
}
