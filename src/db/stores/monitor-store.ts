import { sql } from 'drizzle-orm';
import type { StoredLimits } from '../../domain/account.ts';
import type { CommandKind } from '../../domain/command.ts';
import type { InstrumentType } from '../../domain/instrument.ts';
import { type Decimal, decimal } from '../../domain/money.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import type { Side } from '../../domain/order.ts';
import type { Database } from '../client.ts';
import type { AlertSeverity } from '../../domain/alert-delivery.ts';
import { ONE_SNAPSHOT, type RiskRows, riskRowsIn } from './risk-read-store.ts';

/** What is known of a held instrument's price beside the price itself. */
export interface PriceBackground {
  readonly instrumentId: number;
  readonly instrumentType: InstrumentType;
  readonly source: 'BROKER' | 'PUSH' | null;
  readonly lowerCircuit: Decimal | null;
  readonly upperCircuit: Decimal | null;
  readonly previousClose: Decimal | null;
}

/** Orders of one strategy, share and side in the reject window. */
export interface RecentOrderCounts {
  readonly strategyId: string | null;
  readonly symbol: string;
  readonly side: Side;
  readonly orders: number;
  readonly rejected: number;
  readonly executedEntries: number;
}

/** What the entries of a strategy asked of the broker in the reject window, and since a person last enabled it. */
export interface StrategyCounts {
  readonly id: string;
  readonly enabled: boolean;
  readonly limits: StoredLimits;
  /** Placements, modifications and cancelled entries. */
  readonly calls: number;
  /** Entries that were filled, wholly or in part. */
  readonly filled: number;
}

/** A command that is not done, with its order. */
export interface OpenCommandRow {
  readonly id: string;
  readonly orderId: string;
  readonly kind: CommandKind;
  readonly requestedAt: Date;
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly quantity: number;
  readonly status: OrderStatus;
}

export interface StandingAlertRow {
  readonly condition: string;
  readonly severity: AlertSeverity;
  readonly type: string;
  readonly at: Date;
  readonly acknowledgedAt: Date | null;
  readonly order: {
    readonly status: OrderStatus;
    readonly brokerStatus: string | null;
    readonly awaitingTradesSince: Date | null;
    readonly parkedAt: Date | null;
    readonly updatedAt: Date;
    readonly finishedAt: Date | null;
  } | null;
  readonly readSince: boolean;
  readonly rowAppliedSince: boolean;
}

export interface MonitorRows extends RiskRows {
  readonly prices: ReadonlyMap<number, PriceBackground>;
  readonly recentOrders: readonly RecentOrderCounts[];
  readonly strategies: readonly StrategyCounts[];
  readonly openCommands: readonly OpenCommandRow[];
  readonly alerts: readonly StandingAlertRow[];
}

export interface MonitorWindows {
  readonly rejectWindowMs: number;
  readonly repeatWindowMs: number;
}

interface Document {
  readonly prices:
    | readonly [
        number,
        InstrumentType,
        'BROKER' | 'PUSH' | null,
        string | null,
        string | null,
        string | null,
      ][]
    | null;
  readonly recent: readonly [string | null, string, Side, number, number, number][] | null;
  readonly strategies: readonly [string, boolean, StoredLimits, number, number][] | null;
  readonly commands:
    readonly [string, string, CommandKind, string, string, string, Side, number, OrderStatus][] | null;
  readonly alerts:
    | readonly [
        ...[string, AlertSeverity, string, string, string | null, OrderStatus | null, string | null],
        ...[string | null, string | null, string | null, string | null, boolean, boolean],
      ][]
    | null;
}

/** The rows of an account that the monitor looks at, all of one instant; nine small statements. */
export async function readMonitorRows(
  db: Database,
  accountId: string,
  windows: MonitorWindows,
): Promise<MonitorRows> {
  return db.orm.transaction(async (tx) => {
    const rows = await riskRowsIn(tx, accountId);
    const { rows: answers } = await tx.execute<{ document: Document }>(
      documentOf(accountId, rows.now, windows),
    );
    return { ...rows, ...decodeDocument(answers[0]?.document) };
  }, ONE_SNAPSHOT);
}

function documentOf(accountId: string, now: Date, { rejectWindowMs, repeatWindowMs }: MonitorWindows) {
  const since = (ms: number) => sql`${new Date(now.getTime() - ms).toISOString()}::timestamptz`;
  return sql`select json_build_object(
    'prices', (select json_agg(json_build_array(i.id, i.instrument_type, l.source, l.lower_circuit::text,
        l.upper_circuit::text, l.previous_close::text))
      from instruments i left join last_prices l on l.instrument_id = i.id
      where i.id in (select instrument_id from positions where account_id = ${accountId} and status = 'OPEN')),
    'recent', (select json_agg(json_build_array(strategy_id, symbol, side, orders, rejected, executed)) from (
      select strategy_id, symbol, side, count(*) as orders, count(*) filter (where status = 'REJECTED') as rejected,
        count(*) filter (where role = 'ENTRY' and not reduce_only and filled_quantity > 0
          and created_at >= ${since(repeatWindowMs)}) as executed
      from orders where account_id = ${accountId} and created_at >= ${since(rejectWindowMs)}
      group by strategy_id, symbol, side) counted),
    'strategies', (select json_agg(json_build_array(id, enabled, limits, calls, filled)) from (
      select s.id, s.enabled, s.limits, count(*) filter (where o.filled_quantity > 0) as filled,
        coalesce(sum(o.attempt + o.modifications + case when o.status = 'CANCELLED' then 1 else 0 end), 0) as calls
      from strategies s left join orders o on o.account_id = s.account_id and o.strategy_id = s.id
        and o.created_at >= ${since(rejectWindowMs)} and o.created_at >= coalesce(s.armed_at, '-infinity')
        and o.role = 'ENTRY' and o.attempt > 0
      where s.account_id = ${accountId} group by s.id, s.enabled, s.limits) counted),
    'commands', (select json_agg(json_build_array(c.id, c.order_id, c.kind, c.requested_at, o.client_order_id,
        o.symbol, o.side, o.quantity, o.status))
      from order_commands c join orders o on o.account_id = c.account_id and o.id = c.order_id
      where c.account_id = ${accountId} and c.state <> 'DONE'),
    'alerts', (select json_agg(json_build_array(a.condition, a.severity, a.type, a.at, a.acknowledged_at,
        o.status, o.broker_status, o.awaiting_trades_since, o.parked_at, o.updated_at, o.finished_at,
        coalesce(h.succeeded_at + (sauda.clock() - clock_timestamp()) > a.at, false),
        a.condition like 'broker-order:%' and exists (select from broker_orders b
          where b.account_id = a.account_id and a.condition = 'broker-order:' || b.broker_order_id || ':poll'
            and b.last_seen_at > a.at)))
      from alerts a
      left join orders o on o.account_id = a.account_id and o.id = a.order_id
      left join heartbeats h on h.account_id = a.account_id and h.duty = 'poll'
      where a.account_id = ${accountId} and a.cleared_at is null)) as document`;
}

function decodeDocument(
  document: Document | undefined,
): Pick<MonitorRows, 'prices' | 'recentOrders' | 'strategies' | 'openCommands' | 'alerts'> {
  const exact = (text: string | null) => (text === null ? null : decimal(text));
  const instant = (text: string | null) => (text === null ? null : new Date(text));
  const prices = (document?.prices ?? []).map(
    ([instrumentId, instrumentType, source, lower, upper, previousClose]): PriceBackground => ({
      instrumentId,
      instrumentType,
      source,
      lowerCircuit: exact(lower),
      upperCircuit: exact(upper),
      previousClose: exact(previousClose),
    }),
  );
  return {
    prices: new Map(prices.map((row) => [row.instrumentId, row])),
    recentOrders: (document?.recent ?? []).map(
      ([strategyId, symbol, side, orders, rejected, executedEntries]) => ({
        ...{ strategyId, symbol, side, orders, rejected, executedEntries },
      }),
    ),
    strategies: (document?.strategies ?? []).map(([id, enabled, limits, calls, filled]) => ({
      ...{ id, enabled, limits, calls, filled },
    })),
    openCommands: (document?.commands ?? []).map(
      ([id, orderId, kind, requestedAt, clientOrderId, symbol, side, quantity, status]) => ({
        ...{ id, orderId, kind, clientOrderId, symbol, side, quantity, status },
        requestedAt: new Date(requestedAt),
      }),
    ),
    alerts: (document?.alerts ?? []).map(
      ([condition, severity, type, at, acknowledgedAt, status, ...rest]): StandingAlertRow => {
        const [brokerStatus, awaiting, parkedAt, updatedAt, finishedAt, readSince, rowAppliedSince] = rest;
        const order = {
          brokerStatus,
          awaitingTradesSince: instant(awaiting),
          parkedAt: instant(parkedAt),
          updatedAt: instant(updatedAt) ?? new Date(at),
          finishedAt: instant(finishedAt),
        };
        return {
          ...{ condition, severity, type, at: new Date(at), acknowledgedAt: instant(acknowledgedAt) },
          ...{ readSince, rowAppliedSince },
          order: status === null ? null : { status, ...order },
        };
      },
    ),
  };
}

/** What one look saw, to be counted and kept. */
export interface RiskSample {
  readonly accountId: string;
  /** Trading day whose baselines are rows. */
  readonly day: string;
  readonly dailyLossReached: boolean;
  readonly drawdownReached: boolean;
  /** Rupees; null when a price behind it can not be trusted: such a sample is not kept and raises no peak. */
  readonly equity: Decimal | null;
  readonly unrealizedPnl: Decimal;
  /** A sample sooner after the one before than this is the same one, seen by another monitor; later, a new row. */
  readonly minGapMs: number;
  readonly maxGapMs: number;
}

/** Samples in a row that reached each limit, this one included. */
export interface SampleCounts {
  readonly dailyLoss: number;
  readonly drawdown: number;
}

const counted = (reached: string, samples: string, at: string) => `
  ${samples} = case when not ${reached} then 0
    when w.${at} > clock_timestamp() - $7 * interval '1 millisecond' then w.${samples}
    when w.${at} < clock_timestamp() - $8 * interval '1 millisecond' then 1
    else least(w.${samples} + 1, 1000) end,
  ${at} = case when not ${reached} then null
    when w.${at} > clock_timestamp() - $7 * interval '1 millisecond' then w.${at}
    else clock_timestamp() end`;

/**
 * Counts a sample and keeps its high, its equity (one row a minute) and the monitor's heartbeat; one round trip,
 * without the account's lock. Monitors that look at the same time count once. A high counts as long as the account's
 * own peak is not lower than the one it was seen over: a rebase by an operator lowers that.
 */
export async function recordSample(db: Database, sample: RiskSample): Promise<SampleCounts> {
  const { rows } = await db.beats.query<{ daily_loss_samples: number; drawdown_samples: number }>({
    name: 'sauda_record_risk_sample',
    text: `with beat as (
      insert into heartbeats as h (account_id, duty, started_at, succeeded_at, failed)
      values ($1, 'risk', clock_timestamp(), clock_timestamp(), false)
      on conflict (account_id, duty) do update set started_at = excluded.started_at,
        succeeded_at = excluded.succeeded_at, failed = false, detail = null),
    kept as (
      insert into equity_samples (account_id, at, equity, unrealized_pnl)
      select $1, date_trunc('minute', sauda.clock()), $5::numeric, $6::numeric where $5 is not null
      on conflict do nothing)
    insert into risk_watch as w (account_id, day, daily_loss_samples, daily_loss_at, drawdown_samples, drawdown_at,
      high, high_of, sampled_at)
    select a.id, $2::date, case when $3 then 1 else 0 end, case when $3 then clock_timestamp() end,
      case when $4 then 1 else 0 end, case when $4 then clock_timestamp() end, $5::numeric, a.peak_equity,
      clock_timestamp()
    from accounts a where a.id = $1
    on conflict (account_id) do update set day = excluded.day, sampled_at = excluded.sampled_at,
      ${counted('$3', 'daily_loss_samples', 'daily_loss_at')},
      ${counted('$4', 'drawdown_samples', 'drawdown_at')},
      high = case when excluded.high_of < w.high_of then excluded.high
        else greatest(w.high, excluded.high) end,
      high_of = excluded.high_of
    returning daily_loss_samples, drawdown_samples`,
    values: [
      sample.accountId,
      sample.day,
      sample.dailyLossReached,
      sample.drawdownReached,
      sample.equity?.toFixed() ?? null,
      sample.unrealizedPnl.toFixed(),
      sample.minGapMs,
      sample.maxGapMs,
    ],
  });
  return { dailyLoss: rows[0]?.daily_loss_samples ?? 0, drawdown: rows[0]?.drawdown_samples ?? 0 };
}

/** Notes a look that failed: nothing else changed, and the dispatcher need not hurry to repeat it. */
export async function recordFailedLook(db: Database, accountId: string, detail: string): Promise<void> {
  await db.beats.query({
    name: 'sauda_risk_look_failed',
    text: `insert into heartbeats as h (account_id, duty, started_at, failed, detail)
      values ($1, 'risk', clock_timestamp(), true, $2)
      on conflict (account_id, duty) do update set started_at = excluded.started_at, failed = true,
        detail = excluded.detail`,
    values: [accountId, detail],
  });
}

/** Of samples older than a week one an hour is kept, of those older than about a year none. */
const MINUTES_KEPT = '7 days';
const HOURS_KEPT = '400 days';

/** Thins the equity samples of an account; rows are few enough to do it once a day. */
export async function thinEquitySamples(db: Database, accountId: string): Promise<void> {
  await db.beats.query({
    name: 'sauda_thin_equity_samples',
    text: `delete from equity_samples s where s.account_id = $1
      and (s.at < sauda.clock() - interval '${HOURS_KEPT}'
        or s.at < sauda.clock() - interval '${MINUTES_KEPT}' and exists (select from equity_samples e
          where e.account_id = s.account_id and e.at >= date_trunc('hour', s.at) and e.at < s.at))`,
    values: [accountId],
  });
}
