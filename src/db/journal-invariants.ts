import type { Invariant } from './invariants.ts';

/**
 * Asked by the audit alone, beside INVARIANTS: rows beside orders and positions against the journal that made them
 * (trading states, limits, kill switch events, attempts, adjustments, days), and what the journal's own order forbids.
 */

const NEWEST = (kind: string, account: string, entity: string, more = ''): string =>
  `lateral (select data::jsonb as d, at::timestamptz as at from journal where account_id = ${account} and entity = ${entity}
     and kind = '${kind}' ${more} order by seq desc limit 1)`;

/** A halt that is only made stricter keeps the reason it began with. */
const STATE_DIFFERS = `s.trading_state is distinct from coalesce(j.d ->> 'to', 'ACTIVE')
    or j.d ->> 'from' is distinct from j.d ->> 'to' and s.trading_state_reason is distinct from j.d ->> 'reason' or s.trading_state_by is distinct from j.d ->> 'by'
    or s.trading_state_at is distinct from j.at or s.halt_exits <> coalesce(j.d ->> 'exits', 'reduceOnly')
    or s.halt_id::text is distinct from case s.trading_state when 'HALTED' then j.d ->> 'haltId' end`;

/** Events after which an order is done. */
const FINAL = `('OrderRejected','OrderCancelled','OrderExpired')`;
/** What may still happen to it, told: late trades, corrections, a late twin and what comes of that (invariant 8). */
const AFTER_FINAL = `('TradeRecorded','TradeCorrected','OrderAbsorbed','OrderSubmitted')`;
const REOPENS = `('TradeCorrected','OrderSubmitted')`;
const MODIFIES_AT_MOST = 25;

export const JOURNAL_INVARIANTS: readonly Invariant[] = [
  {
    what: "an account's trading state is not that of its newest entry (10)",
    sql: `select s.id as account_id, s.trading_state from accounts s
      left join ${NEWEST('TradingStateChanged', 's.id', 's.id', `and data::jsonb ->> 'scope' = 'account'`)} j on true
      where ${STATE_DIFFERS}`,
  },
  {
    what: "a strategy's trading state is not that of its newest entry (10)",
    sql: `select s.account_id, s.id, s.trading_state from strategies s
      left join ${NEWEST('TradingStateChanged', 's.account_id', 's.id', `and data::jsonb ->> 'scope' = 'strategy'`)} j on true
      where ${STATE_DIFFERS}`,
  },
  {
    what: 'a strategy is enabled, or named, otherwise than its newest entry says (10)',
    sql: `select s.account_id, s.id, s.enabled from strategies s
      left join lateral (select data::jsonb as d from journal where account_id = s.account_id and entity = s.id
        and data::jsonb ? 'enabled' order by seq desc limit 1) j on true
      where s.enabled is distinct from (j.d ->> 'enabled')::boolean or s.name is distinct from j.d ->> 'name'`,
  },
  {
    what: 'a command is not what its entries say (10)',
    sql: `with requested as (
        select account_id, entity, at::timestamptz as at, data::jsonb as d from journal where kind = 'CommandRequested'),
      ended as (
        select distinct on (account_id, d ->> 'commandId') account_id, d ->> 'commandId' as id, d ->> 'outcome' as outcome, at
        from (select account_id, seq, at::timestamptz as at, data::jsonb as d from journal where kind = 'CommandEnded') j
        order by account_id, d ->> 'commandId', seq desc)
      select coalesce(c.account_id, r.account_id) as account_id, coalesce(c.id::text, r.d ->> 'commandId') as id
      from order_commands c
      full join requested r on r.account_id = c.account_id and r.d ->> 'commandId' = c.id::text
      left join ended e on e.account_id = c.account_id and e.id = c.id::text
      where c.id is null or r.at is null or c.order_id::text <> r.entity or c.kind is distinct from r.d ->> 'command'
        or coalesce(c.terms, 'null') is distinct from r.d -> 'terms' or c.requested_by is distinct from r.d ->> 'requestedBy'
        or c.requested_at is distinct from r.at or c.outcome is distinct from e.outcome or c.finished_at is distinct from e.at
        or (c.state = 'DONE') is distinct from (e.id is not null)`,
  },
  {
    what: "a command's calls or their answers are not those of its entries (10)",
    // Entries of before these were told lack them, and are not asked.
    sql: `with said as (
        select account_id, seq, kind, at::timestamptz as at, data::jsonb as d from journal
        where kind in ('CommandRequested', 'CommandSent', 'CommandAnswered', 'CommandPutOff')),
      newest as (
        select distinct on (account_id, d ->> 'commandId') account_id, d ->> 'commandId' as id, kind, at, d from said
        where kind <> 'CommandRequested' order by account_id, d ->> 'commandId', seq desc),
      sent as (
        select distinct on (account_id, d ->> 'commandId') account_id, d ->> 'commandId' as id, at, d from said
        where kind = 'CommandSent' order by account_id, d ->> 'commandId', seq desc)
      select c.account_id, c.id from order_commands c
      left join said r on r.account_id = c.account_id and r.d ->> 'commandId' = c.id::text and r.kind = 'CommandRequested'
      left join sent s on s.account_id = c.account_id and s.id = c.id::text
      left join newest n on n.account_id = c.account_id and n.id = c.id::text
      where c.sends <> coalesce((s.d ->> 'send')::int, 0) or c.sent_at is distinct from s.at
        or c.send_by is distinct from (s.d ->> 'sendBy')::timestamptz
        or s.d ? 'notBefore' and c.not_before is distinct from (s.d ->> 'notBefore')::timestamptz
        or s.d ? 'bookBefore' and coalesce(c.book_before, 'null') <> s.d -> 'bookBefore'
        or r.d ? 'idempotencyKey' and c.idempotency_key is distinct from r.d ->> 'idempotencyKey'
        or (coalesce(n.kind, 'CommandSent') <> 'CommandPutOff' or n.d ? 'answer') and (
          c.answer is distinct from n.d ->> 'answer'
          or c.answered_at is distinct from case when n.d ->> 'answer' is not null then n.at end)`,
  },
  {
    what: 'a limit is not that of its newest entry (10)',
    sql: `with said as (
        select distinct on (account_id, strategy, name) account_id, d ->> 'strategyId' as strategy, d ->> 'limit' as name,
          d -> 'after' as value
        from (select account_id, seq, data::jsonb as d from journal where kind = 'LimitChanged') changed,
          lateral (select d ->> 'strategyId' as strategy, d ->> 'limit' as name) of
        order by account_id, strategy, name, seq desc),
      stored as (
        select a.id as account_id, null as strategy, l.key as name, l.value from accounts a, jsonb_each(a.limits) l
        union all
        select s.account_id, s.id, l.key, l.value from strategies s, jsonb_each(s.limits) l)
      select coalesce(said.account_id, stored.account_id) as account_id, coalesce(said.name, stored.name) as name
      from (select * from said where value <> 'null') said
      full join stored on stored.account_id = said.account_id and stored.name = said.name
        and coalesce(stored.strategy, '') = coalesce(said.strategy, '')
      where stored.value is distinct from said.value`,
  },
  {
    what: 'a kill switch event has no entry, or an entry no event (10)',
    sql: `select coalesce(k.account_id, j.account_id) as account_id, k.id from kill_switch_events k
      full join (select account_id, entity, at::timestamptz as at, data::jsonb as d from journal where kind = 'TradingStateChanged') j
        on j.account_id = k.account_id and j.at = k.at and j.d ->> 'scope' = k.scope and j.d ->> 'to' = k.to_state
          and j.d ->> 'from' = k.from_state and j.d ->> 'reason' = k.reason and j.d ->> 'by' = k.actor
          and j.d ->> 'haltId' is not distinct from k.halt_id::text
          and k.strategy_id is not distinct from case k.scope when 'strategy' then j.entity end
      where k.id is null or j.at is null`,
  },
  {
    what: "an attempt is not what its order's claim says (10)",
    sql: `select coalesce(t.account_id, j.account_id) as account_id, coalesce(t.order_id::text, j.entity) as order_id
      from order_attempts t
      full join (select account_id, entity, at::timestamptz as at, data::jsonb as d from journal where kind = 'SubmissionClaimed') j
        on j.account_id = t.account_id and j.entity = t.order_id::text and (j.d ->> 'attempt')::int = t.attempt
      where t.tag is distinct from j.d ->> 'tag' or t.claimed_at is distinct from j.at
        or t.not_before is distinct from (j.d ->> 'notBefore')::timestamptz
        or t.send_by is distinct from (j.d ->> 'sendBy')::timestamptz`,
  },
  {
    what: 'an attempt ended when no entry of its order says so (10)',
    sql: `select t.account_id, t.order_id, t.attempt from order_attempts t
      where t.outcome_at is not null and not exists (select from journal j where j.account_id = t.account_id
        and j.entity = t.order_id::text and j.at::timestamptz = t.outcome_at)`,
  },
  {
    what: "a strategy's protection, or when it was enabled, is not that of its newest entry (10)",
    sql: `select s.account_id, s.id from strategies s
      left join ${NEWEST('StrategyProtectionSet', 's.account_id', 's.id')} p on true
      left join ${NEWEST('StrategyEnabled', 's.account_id', 's.id')} e on true
      where s.protection is distinct from p.d ->> 'protection' or s.armed_at is distinct from e.at`,
  },
  {
    what: 'an entry that is neither a transfer nor a correction has a counterpart (3)',
    sql: `select account_id, id from position_entries where kind not in ('TRANSFER', 'CORRECTION') and counterpart is not null`,
  },
  {
    what: 'a position has another name than its instrument and its trades (3)',
    sql: `select p.account_id, p.instrument_id, p.product, p.cycle from positions p
      join instruments i on i.id = p.instrument_id
      where (p.exchange, p.symbol) <> (i.exchange, i.symbol) and not exists (select from trades t
        where t.account_id = p.account_id and t.instrument_id = p.instrument_id and t.product = p.product
          and (t.exchange, t.symbol) = (p.exchange, p.symbol))`,
  },
  {
    what: 'an entry is not what its trade says (3)',
    sql: `select e.account_id, e.id from position_entries e join trades t on t.account_id = e.account_id and t.entry_id = e.id
      where t.annulled_at is null and (e.instrument_id <> t.instrument_id or e.product <> t.product
        or e.strategy_id is distinct from t.strategy_id or e.trade_id <> t.trade_id or e.traded_at <> t.traded_at
        or e.multiplier <> t.multiplier or e.charges <> t.charges)`,
  },
  {
    what: 'the cash of an entry is not its value (3)',
    sql: `select account_id, id from position_entries where abs(cash + quantity * price * multiplier) >= 0.0001`,
  },
  {
    what: 'an adjustment is not what its journal entry says (3)',
    sql: `with said as (
        select account_id, d ->> 'entryId' as id, (d ->> 'after')::int - (d ->> 'before')::int as quantity,
          (d ->> 'instrumentId')::int as instrument_id, d ->> 'product' as product, (d ->> 'price')::numeric as price,
          at::timestamptz as at
        from (select account_id, at, data::jsonb as d from journal where kind = 'PositionAdjusted') j where d ? 'entryId'
        union all
        select account_id, e ->> 'entryId', (e ->> 'quantity')::int, (d ->> 'instrumentId')::int, d ->> 'product', 0,
          at::timestamptz
        from (select account_id, at, data::jsonb as d from journal where kind = 'PositionAdjusted') j,
          jsonb_array_elements(d -> 'entries') e)
      select coalesce(said.account_id, e.account_id) as account_id, coalesce(said.id, e.id::text) as id from said
      full join (select * from position_entries where kind in ('ADJUSTMENT', 'CORPORATE_ACTION')) e
        on e.account_id = said.account_id and e.id::text = said.id
      where said.quantity is distinct from e.quantity or said.instrument_id is distinct from e.instrument_id
        or said.product is distinct from e.product or said.price is distinct from e.price or said.at is distinct from e.traded_at`,
  },
  {
    what: 'a transfer has no other leg of the same size and price (3)',
    sql: `select e.account_id, e.id from position_entries e where e.kind = 'TRANSFER' and not exists (
      select from position_entries o where o.account_id = e.account_id and o.id::text = e.counterpart and o.kind = 'TRANSFER'
        and o.quantity = -e.quantity and o.price = e.price and o.charges = -e.charges and o.instrument_id = e.instrument_id
        and o.product = e.product and o.managed_by <> e.managed_by and o.traded_at = e.traded_at)`,
  },
  {
    what: "a day's trades, turnover or charges are not those of its own trades (3)",
    sql: `with of_day as (
        select t.account_id, sauda.trading_day(t.traded_at) as day, count(*) as n,
          sum(t.quantity * t.price * t.multiplier) as turnover
        from trades t join position_entries e on e.account_id = t.account_id and e.id = t.entry_id
        where t.annulled_at is null and e.managed_by = 'OMS' group by 1, 2)
      select coalesce(d.account_id, o.account_id) as account_id, coalesce(d.day, o.day) as day from daily_stats d
      full join of_day o on o.account_id = d.account_id and o.day = d.day
      where coalesce(d.trades_count, 0) <> coalesce(o.n, 0) or coalesce(d.turnover, 0) <> coalesce(o.turnover, 0)`,
  },
  {
    what: "a day's orders, rejections or cash flows are not those of its entries (3)",
    sql: `with said as (
        select j.account_id, sauda.trading_day(j.at::timestamptz) as day,
          count(*) filter (where j.kind = 'OrderAccepted') as orders, count(*) filter (where j.kind = 'OrderRejected') as rejected
        from journal j join orders o on o.account_id = j.account_id and o.id::text = j.entity
        where j.kind in ('OrderAccepted', 'OrderRejected') and o.cause <> 'EXTERNAL' group by 1, 2),
      flows as (
        select account_id, day, sum(amount) as amount from cash_flows group by 1, 2)
      select coalesce(d.account_id, s.account_id) as account_id, coalesce(d.day, s.day) as day from daily_stats d
      full join said s on s.account_id = d.account_id and s.day = d.day
      left join flows f on f.account_id = d.account_id and f.day = d.day
      where coalesce(d.orders_count, 0) <> coalesce(s.orders, 0)
        or coalesce(d.rejected_count, 0) <> coalesce(s.rejected, 0)
        or coalesce(d.cash_flows, 0) <> coalesce(f.amount, 0)`,
  },
  {
    what: 'a day began with another equity than its entry says (10)',
    sql: `select d.account_id, d.day from daily_stats d
      left join ${NEWEST('DayOpened', 'd.account_id', 'd.day::text')} j on true
      where d.opening_equity is distinct from (j.d ->> 'openingEquity')::numeric`,
  },
  {
    what: 'an entry was claimed between a halt of the account and its release (6)',
    sql: `with states as (
        select account_id, seq, data::jsonb ->> 'to' as state, lead(seq) over (partition by account_id order by seq) as until
        from journal where kind = 'TradingStateChanged' and data::jsonb ->> 'scope' = 'account')
      select c.account_id, c.entity from states s
      join journal c on c.account_id = s.account_id and c.kind = 'SubmissionClaimed' and c.seq > s.seq
        and (s.until is null or c.seq < s.until)
      join orders o on o.account_id = c.account_id and o.id::text = c.entity
      where s.state = 'HALTED' and o.role = 'ENTRY' and not o.reduce_only and o.cause = 'REQUEST'`,
  },
  {
    what: 'a finished order changed by more than late trades, corrections or a late twin (8)',
    sql: `select l.account_id, l.entity, l.kind from journal f
      join journal l on l.account_id = f.account_id and l.entity = f.entity and l.seq > f.seq
      join orders o on o.account_id = f.account_id and o.id::text = f.entity
      where f.kind in ${FINAL} and l.kind in ('OrderValidated','SubmissionClaimed','SubmissionReleased','SubmissionUnknown',
          'OrderOpened','BrokerStatusChanged','ModifyClaimed','OrderModified','OrderRejected','OrderCancelled','OrderExpired')
        and l.kind not in ${AFTER_FINAL}
        and not exists (select from journal r where r.account_id = f.account_id and r.entity = f.entity
          and r.seq > f.seq and r.seq < l.seq and r.kind in ${REOPENS})`,
  },
  {
    what: 'the broker held an order of ours before it was claimed (12)',
    sql: `select b.account_id, b.broker_order_id from broker_orders b
      join order_attempts t on t.account_id = b.account_id and t.tag = b.tag where b.first_seen_at < t.claimed_at`,
  },
  {
    what: `an order was modified more than ${MODIFIES_AT_MOST} times`,
    sql: `select account_id, entity, count(*) from journal where kind = 'ModifyClaimed' group by 1, 2
      having count(*) > ${MODIFIES_AT_MOST}`,
  },
  {
    what: 'a step of an order has been due for a minute, and nobody was told (7)',
    atRest: true,
    sql: `select o.account_id, o.id from orders o where o.finished_at is null and o.parked_at is null
      and o.next_step_at < sauda.clock() - interval '60 seconds' and not exists (
        select from alerts a where a.account_id = o.account_id and a.order_id = o.id)`,
  },
  {
    what: 'an alert that a channel should have was not tried for two minutes (11)',
    sql: `select account_id, alert_id, channel from alert_deliveries
      where state = 'PENDING' and attempts = 0 and next_attempt_at < clock_timestamp() - interval '120 seconds'`,
    atRest: true,
  },
];
