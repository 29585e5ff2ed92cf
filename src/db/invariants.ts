/**
 * What must never be in the books, as queries that must find nothing. They hold at every commit, so they may be asked
 * of a live system at any time; `atRest` ones hold once nothing is on its way any more. The number behind each is that
 * of the invariant in docs/audit.md.
 */
export interface Invariant {
  /** Completes "it never happens that ...". */
  readonly what: string;
  readonly sql: string;
  readonly atRest?: true;
  /** Its rows carry account_id, and asking of one account is cheap: the reconciler does so at every run. */
  readonly ofAccount?: true;
}

const OPEN_ATTEMPT = `coalesce(t.outcome, 'PENDING') not in ('NOT_PLACED', 'NEVER_PLACED')`;
const ORDER_EVENTS = `('OrderValidated','OrderRejected','SubmissionClaimed','SubmissionReleased','SubmissionUnknown',
  'OrderSubmitted','OrderOpened','BrokerStatusChanged','TradeRecorded','TradeCorrected','OrderAbsorbed','ModifyClaimed','ModifyReleased','OrderModified',
  'OrderCancelled','OrderExpired')`;

export const INVARIANTS: readonly Invariant[] = [
  {
    what: 'two broker orders carry one tag, and no twin is told (1)',
    sql: `select b.account_id, b.tag from broker_orders b join order_attempts t on t.account_id = b.account_id and t.tag = b.tag
      where not exists (select from orders o where o.account_id = b.account_id and o.broker_order_id = b.broker_order_id
        and o.cause = 'TWIN' and exists (select from alerts a where a.type = 'broker_twin' and a.order_id = o.parent_order_id))
      group by 1, 2 having count(distinct b.broker_order_id) > 1`,
  },
  {
    what: 'an order has two attempts that may be at the broker (1)',
    ofAccount: true,
    sql: `select account_id, order_id from order_attempts t where ${OPEN_ATTEMPT} group by 1, 2 having count(*) > 1`,
  },
  {
    what: 'an order at the broker has no attempt that brought it there (1)',
    sql: `select o.id from orders o where o.broker_order_id is not null and o.cause in ('REQUEST', 'OPERATOR') and not exists (
      select from order_attempts t where t.account_id = o.account_id and t.order_id = o.id
        and t.outcome in ('PLACED', 'ADOPTED') and t.broker_order_id = o.broker_order_id)`,
  },
  {
    what: "an order's trades do not add up to what it says is filled (2)",
    sql: `select o.id from orders o
      left join trades t on t.account_id = o.account_id and t.order_id = o.id and t.annulled_at is null
      group by o.account_id, o.id having o.filled_quantity <> coalesce(sum(t.quantity), 0)
        or o.filled_value <> coalesce(sum(t.quantity * t.price), 0)`,
  },
  {
    what: 'an order is FILLED before its trades add up, or not when they do (2)',
    sql: `select id from orders where (status = 'FILLED') <> (filled_quantity = quantity)
      and (status = 'FILLED' or status not in ('CANCELLED', 'REJECTED', 'EXPIRED'))`,
  },
  {
    what: 'the entries of a key do not add up to its position (3)',
    ofAccount: true,
    sql: `with e as (select account_id, instrument_id, product, managed_by, sum(quantity) q, sum(charges) c
        from position_entries group by 1, 2, 3, 4),
      p as (select account_id, instrument_id, product, managed_by, sum(quantity) q, sum(charges) c
        from positions group by 1, 2, 3, 4)
      select * from e full join p using (account_id, instrument_id, product, managed_by)
      where coalesce(e.q, 0) <> coalesce(p.q, 0) or coalesce(e.c, 0) <> coalesce(p.c, 0)`,
  },
  {
    what: 'a trade has no entry, or an entry no trade (3)',
    sql: `with standing as (
        select e.* from position_entries e where (e.kind = 'TRADE' or e.kind = 'CORRECTION' and e.counterpart is null)
          and not exists (select from position_entries c where c.account_id = e.account_id and c.kind = 'CORRECTION'
            and c.counterpart = e.id::text))
      select coalesce(t.entry_id, e.id) from (select * from trades where annulled_at is null) t
      full join standing e on e.account_id = t.account_id and e.id = t.entry_id
      where t.entry_id is null or e.id is null or abs(e.quantity) <> t.quantity or e.price <> t.price
        or sign(e.quantity) <> case t.side when 'BUY' then 1 else -1 end`,
  },
  {
    what: "the days' realized P&L, charges or trades differ from those of positions and trades (3)",
    sql: `select a.id from accounts a where
      (select coalesce(sum(realized_pnl), 0) from daily_stats d where d.account_id = a.id)
        <> (select coalesce(sum(realized_pnl), 0) from positions p where p.account_id = a.id and p.managed_by = 'OMS')
      or (select coalesce(sum(charges), 0) from daily_stats d where d.account_id = a.id)
        <> (select coalesce(sum(charges), 0) from position_entries e where e.account_id = a.id and e.managed_by = 'OMS')
      or (select coalesce(sum(trades_count), 0) from daily_stats d where d.account_id = a.id)
        <> (select count(*) from trades t join position_entries e on e.account_id = t.account_id and e.id = t.entry_id
          where t.account_id = a.id and t.annulled_at is null and e.managed_by = 'OMS')
      or (select coalesce(sum(turnover), 0) from daily_stats d where d.account_id = a.id)
        <> (select coalesce(sum(t.quantity * t.price * t.multiplier), 0) from trades t
          join position_entries e on e.account_id = t.account_id and e.id = t.entry_id
          where t.account_id = a.id and t.annulled_at is null and e.managed_by = 'OMS')`,
  },
  {
    what: "the entries of a key on both sides do not add up to the account's trades, adjustments apart (3)",
    sql: `with e as (select account_id, instrument_id, product, sum(quantity) q from position_entries
        where kind not in ('ADJUSTMENT', 'CORPORATE_ACTION') group by 1, 2, 3),
      t as (select account_id, instrument_id, product, sum(case side when 'BUY' then quantity else -quantity end) q
        from trades where annulled_at is null group by 1, 2, 3)
      select * from e full join t using (account_id, instrument_id, product)
      where coalesce(e.q, 0) <> coalesce(t.q, 0)`,
  },
  {
    what: 'a trade is counted twice (4)',
    ofAccount: true,
    sql: `select account_id, order_id, trade_id from trades group by 1, 2, 3, exchange, side, trade_date having count(*) > 1`,
  },
  {
    what: "a strategy's positions differ from its own entries (3)",
    ofAccount: true,
    sql: `with e as (select account_id, strategy_id, instrument_id, product, sum(quantity) q from position_entries
        where strategy_id is not null group by 1, 2, 3, 4),
      p as (select account_id, strategy_id, instrument_id, product, sum(quantity) q from strategy_positions group by 1, 2, 3, 4)
      select * from e full join p using (account_id, strategy_id, instrument_id, product)
      where coalesce(e.q, 0) <> coalesce(p.q, 0)`,
  },
  {
    what: 'a live order was never validated, so that nothing is reserved for it (5)',
    sql: `select id from orders where margin_per_unit is null and cause in ('REQUEST', 'OPERATOR')
      and status in ('VALIDATED','SUBMITTING','UNKNOWN','SUBMITTED','OPEN','PARTIALLY_FILLED')`,
  },
  {
    what: 'an order that waits for us has no next step (7)',
    sql: `select id from orders where status in ('PENDING','VALIDATED','SUBMITTING') and next_step_at is null`,
  },
  {
    what: 'an UNKNOWN order is past its horizon and nobody was told (7)',
    atRest: true,
    sql: `select o.id from orders o where o.status = 'UNKNOWN' and not exists (
      select from alerts a where a.account_id = o.account_id and a.order_id = o.id and a.severity = 'CRITICAL')`,
  },
  {
    what: 'an order is left between two of our own steps (7)',
    atRest: true,
    sql: `select id from orders where status in ('PENDING','VALIDATED','SUBMITTING')`,
  },
  {
    what: 'a modify is counted beside an order that no modify is on its way to, or lost on (5)',
    sql: `select o.id from orders o where o.reserve is not null and (o.finished_at is not null or not exists (
      select from order_commands c where c.account_id = o.account_id and c.order_id = o.id and c.kind = 'MODIFY'
        and (c.state = 'IN_FLIGHT' or c.outcome = 'UNKNOWN')))`,
  },
  {
    what: 'a command that waits for us has no next step (7)',
    sql: `select id from order_commands where next_step_at is null
      and (state = 'WAITING' or (state = 'IN_FLIGHT' and answered_at is null))`,
  },
  {
    what: 'a command is not done although nothing is on its way any more (7)',
    atRest: true,
    sql: `select id from order_commands where state <> 'DONE'`,
  },
  {
    what: "the broker's book holds an order of ours that no order row knows (2)",
    sql: `select b.broker_order_id from broker_orders b join order_attempts t on t.account_id = b.account_id and t.tag = b.tag
      where not exists (select from orders o where o.account_id = b.account_id and o.broker_order_id = b.broker_order_id)
        and not exists (select from alerts a where a.account_id = b.account_id and a.type = 'broker_twin'
          and a.details ->> 'twin' = b.broker_order_id)`,
  },
  {
    what: 'stops at the exchange are not of exactly what their group holds',
    atRest: true,
    sql: `select g.id, g.held_quantity, s.leaves from protection_groups g, lateral (
        select coalesce(sum(o.quantity - o.filled_quantity), 0) as leaves from orders o
        where o.account_id = g.account_id and o.protection_group = g.id::text and o.role = 'STOP'
          and o.finished_at is null and o.broker_order_id is not null) s
      where g.ended_at is null and g.policy = 'exchange' and g.mode = 'STOP' and s.leaves <> g.held_quantity`,
  },
  {
    what: 'a stop or a target outlives its group, or a group does not know of its own',
    atRest: true,
    sql: `select o.id from orders o left join protection_groups g
        on g.account_id = o.account_id and g.id::text = o.protection_group
      where o.protection_group is not null and o.finished_at is null
        and (g.id is null or g.ended_at is not null or not g.guard_ids ? o.id::text)`,
  },
  {
    what: 'protection groups hold more than the position, or one it is not on the side of',
    atRest: true,
    sql: `select g.account_id, g.instrument_id, g.side, sum(g.held_quantity) from protection_groups g
      left join positions p on p.account_id = g.account_id and p.instrument_id = g.instrument_id
        and p.product = g.product and p.managed_by = 'OMS' and p.status = 'OPEN'
        and sign(p.quantity) = case g.side when 'BUY' then 1 else -1 end
      where g.ended_at is null group by g.account_id, g.instrument_id, g.product, g.side, p.quantity
      having sum(g.held_quantity) > coalesce(abs(p.quantity), 0)`,
  },
  {
    what: 'a fill of an entry with the policy exchange began no protection',
    sql: `select o.id from orders o where o.protection in ('exchange', 'oms') and o.role = 'ENTRY' and o.filled_quantity > 0
      and o.stop_loss is not null and o.cause = 'REQUEST' and exists (select from positions p
        where p.account_id = o.account_id and p.instrument_id = o.instrument_id and p.product = o.product
          and p.managed_by = 'OMS' and p.status = 'OPEN'
          and sign(p.quantity) = case o.side when 'BUY' then 1 else -1 end and p.opened_at <= o.updated_at)
      and not exists (select from protection_groups g where g.account_id = o.account_id
        and g.instrument_id = o.instrument_id and g.product = o.product and g.side = o.side)`,
  },
  {
    what: 'a position has been without its stop for a minute, and no alert says so',
    sql: `select g.account_id, g.id from protection_groups g
      where g.ended_at is null and g.policy = 'exchange' and g.held_quantity > g.protected_quantity
        and g.unprotected_since < sauda.clock() - interval '1 minute'
        and not exists (select from alerts a where a.account_id = g.account_id and a.type = 'unprotected_position'
          and a.condition = 'protection:' || g.id || ':unprotected' and a.cleared_at is null)`,
  },
  {
    what: 'shares that were bought with the policy exchange are held, and no protection group is theirs',
    sql: `select p.account_id, p.instrument_id, p.product, o.strategy_id from positions p
      join orders o on o.account_id = p.account_id and o.instrument_id = p.instrument_id and o.product = p.product
        and (case o.side when 'BUY' then 1 else -1 end) = sign(p.quantity)
      where p.managed_by = 'OMS' and p.status = 'OPEN' and o.protection = 'exchange' and o.role = 'ENTRY'
        and o.stop_loss is not null and o.cause = 'REQUEST' and o.filled_quantity > 0
        and exists (select from trades t where t.account_id = o.account_id and t.order_id = o.id
          and t.annulled_at is null and t.traded_at >= p.opened_at)
        and case when o.strategy_id is null
          then abs(p.quantity) > (select coalesce(sum(abs(s.quantity)), 0) from strategy_positions s
            where s.account_id = p.account_id and s.instrument_id = p.instrument_id and s.product = p.product
              and s.status = 'OPEN' and sign(s.quantity) = sign(p.quantity))
          else exists (select from strategy_positions s where s.account_id = p.account_id
            and s.strategy_id = o.strategy_id and s.instrument_id = p.instrument_id and s.product = p.product
            and s.status = 'OPEN' and sign(s.quantity) = sign(p.quantity)) end
        and not exists (select from protection_groups g where g.account_id = p.account_id
          and g.instrument_id = p.instrument_id and g.product = p.product and g.side = o.side
          and g.strategy_id is not distinct from o.strategy_id and g.ended_at is null)`,
  },
  {
    what: 'a journal has a gap, or its account is not at its head (10)',
    sql: `select a.id from accounts a left join journal j on j.account_id = a.id group by a.id
      having a.seq <> count(j.seq) or a.seq <> coalesce(max(j.seq), 0) or (a.seq > 0 and min(j.seq) <> 1)
        or a.head <> coalesce((select hash from journal h where h.account_id = a.id and h.seq = a.seq), '')`,
  },
  {
    what: "an order's version is not the number of its events (10)",
    sql: `select o.id from orders o where o.version <> 1 + (select count(*) from journal j
      where j.account_id = o.account_id and j.entity = o.id::text and j.kind in ${ORDER_EVENTS})`,
  },
  {
    what: 'an alert was raised without an entry, or noted without a row (11)',
    sql: `select coalesce(a.id::text, j.data) from alerts a
      full join (select * from journal where kind = 'AlertRaised') j on j.account_id = a.account_id and j.data::jsonb ->> 'id' = a.id::text
      where a.id is null or j.seq is null`,
  },
];
