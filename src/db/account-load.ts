import type pg from 'pg';
import { decimal, type Decimal } from '../domain/money.ts';
import type { FinishedOrder, LiveOrder } from '../domain/live-order.ts';
import { isMutant } from '../lib/mutant.ts';
import { decodeFinished, decodeLive } from './live-row.ts';
import {
  type AccountRow,
  type AlertRow,
  type ApiTokenRow,
  type AttemptRow,
  type BrokerOrderRow,
  type ChatUpdateRow,
  type DayRow,
  type EntryRow,
  type OperationRow,
  type OrderCommandRow,
  type OrderRow,
  type PositionRow,
  type ProtectionGroupRow,
  type SignalHookRow,
  type StrategyPositionRow,
  type StrategyRow,
  type TradeRow,
  codecs,
} from './account-rows.ts';

/** What a piece of work wants to see. Work that touches something else is run again with it (AccountView). */
export interface Needs {
  /** Orders by id, each with its newest attempt. */
  readonly orders?: readonly string[];
  readonly clientOrderIds?: readonly string[];
  /** Orders by broker order id, of this trading day and the one before, and older ones that are not finished. */
  readonly brokerOrderIds?: readonly string[];
  /** Attempts by tag, with their orders. */
  readonly tags?: readonly string[];
  /** Commands of these orders that are not done, and their cancels that were lost. */
  readonly commandsOf?: readonly string[];
  /** Commands by idempotency key, done ones too. */
  readonly commandKeys?: readonly string[];
  /** Every order that no broker is known to hold: PENDING, VALIDATED, SUBMITTING, UNKNOWN. */
  readonly unsettledOrders?: boolean;
  /** Every command of the account that is not done. */
  readonly openCommands?: boolean;
  readonly operations?: readonly string[];
  readonly runningOperations?: boolean;
  /** Trades already recorded of these orders. */
  readonly tradesOf?: readonly string[];
  readonly liveOrders?: boolean;
  readonly openPositions?: boolean;
  /** Newest cycle, open or closed, of "instrumentId/product/managedBy". */
  readonly positionKeys?: readonly string[];
  /** Every entry of these keys, for a fold from the start. */
  readonly entriesOf?: readonly string[];
  /** Every cycle of these keys, for the rows that a fold from the start replaces. */
  readonly cyclesOf?: readonly string[];
  readonly strategyPositions?: readonly string[];
  /** Every cycle of "strategyId/instrumentId/product". */
  readonly strategyCyclesOf?: readonly string[];
  readonly strategies?: boolean;
  /** Net realized P&L, cash flows and marks before today: only to open a day. */
  readonly baseline?: boolean;
  /** Rows of these trading days; today's is always read. */
  readonly days?: readonly string[];
  readonly openAlerts?: boolean;
  /** Instants: the margin of orders handed to the broker since, which a funds snapshot that old does not contain. */
  readonly submittedSince?: readonly string[];
  /** Alerts by id, standing or not. */
  readonly alerts?: readonly string[];
  readonly brokerOrders?: readonly string[];
  /** What people sent, by key. */
  readonly chatUpdates?: readonly string[];
  /** Bearer tokens, by id; of account `system`. */
  readonly tokens?: readonly string[];
  /** Addresses for alerts of charting services, by id. */
  readonly signalHooks?: readonly string[];
  /** Orders created in the last so many milliseconds that have finished, and outside ones that have not. */
  readonly finishedWithinMs?: number;
  /** Open positions of these strategies. */
  readonly openOfStrategies?: readonly string[];
  /**
   * Live protection groups, with the guards they know of, the orders whose stops they are, commands of these that are
   * not done, and what strategies hold.
   */
  readonly protections?: boolean;
  /** Net quantity traded this trading day, of "instrumentId/product/managedBy". */
  readonly tradedToday?: readonly string[];
}

export type NeedKey = keyof Needs;

export interface Baseline {
  readonly netRealized: Decimal;
  readonly cashFlows: Decimal;
  readonly unrealized: Decimal;
}

/** What is known of an order's margin once it was handed to the broker. */
export type HandedOver = Pick<OrderRow, 'submittedAt' | 'marginPerUnit' | 'openingQuantity'>;

/** The rows as read after the lock, by one clock. */
export interface Loaded {
  /** Calendar time: the database clock, which tests may move. */
  readonly now: Date;
  /** Real time of the database, for deadlines. */
  readonly realNow: Date;
  /** This process's monotonic clock just before and after the read that brought realNow, milliseconds. */
  readonly readStartedMs: number;
  readonly readEndedMs: number;
  readonly account: AccountRow;
  readonly day: DayRow | null;
  /** There when days were asked for. */
  readonly days?: readonly DayRow[];
  readonly orders: readonly OrderRow[];
  /** There when liveOrders were asked for. */
  readonly live?: readonly LiveOrder[];
  readonly attempts: readonly AttemptRow[];
  readonly commands: readonly OrderCommandRow[];
  readonly operations: readonly OperationRow[];
  readonly trades: readonly TradeRow[];
  readonly positions: readonly PositionRow[];
  readonly entries: readonly EntryRow[];
  readonly strategyPositions: readonly StrategyPositionRow[];
  readonly strategies: readonly StrategyRow[];
  readonly alerts: readonly AlertRow[];
  readonly brokerOrders: readonly BrokerOrderRow[];
  /** There when protections were asked for. */
  readonly protections?: readonly ProtectionGroupRow[];
  /** There when chatUpdates were asked for. */
  readonly chatUpdates?: readonly ChatUpdateRow[];
  /** There when tokens were asked for. */
  readonly tokens?: readonly ApiTokenRow[];
  /** There when signalHooks were asked for. */
  readonly signalHooks?: readonly SignalHookRow[];
  /** Rupees by instant asked for in submittedSince. */
  readonly handedOver?: ReadonlyMap<string, Decimal>;
  /** There when finishedWithinMs was asked for. */
  readonly finished?: readonly FinishedOrder[];
  /** There when tradedToday was asked for; a key without trades is absent. */
  readonly tradedToday?: ReadonlyMap<string, number>;
  readonly baseline: Baseline | null;
}

/** Asked once per statement: a volatile function in a filter runs for every row. */
const TODAY = '(select sauda.trading_day(c.now) from c)';

const rowsOf = (codec: { select(alias: string): string; table: string }, where: string, tail = '') =>
  `(select coalesce(json_agg(${codec.select('t')}), '[]') from ${codec.table} t where t.account_id = $1 and ${where}${tail})`;

const keyOf = (alias: string) =>
  `${alias}.instrument_id || '/' || ${alias}.product || '/' || ${alias}.managed_by`;

/** Orders that live protection groups look at: their guards, and the orders whose stops they are. */
const GUARDED_IDS = `jsonb_array_elements_text(g.guard_ids || to_jsonb(g.parent_order_id::text))::uuid
  from protection_groups g where g.account_id = $1 and g.ended_at is null`;

/** One member of the document per need; `p` is the need's parameter. */
const MEMBERS: Record<NeedKey, (p: string) => Record<string, string>> = {
  // With the newest attempt of each, which every answer of the broker ends.
  orders: (p) => ({
    orders1: rowsOf(codecs.orders, `t.id = any(${p}::uuid[])`),
    attempts1: `(select coalesce(json_agg(${codecs.orderAttempts.select('t')}), '[]')
      from unnest(${p}::uuid[]) as wanted(id)
      join orders o on o.account_id = $1 and o.id = wanted.id
      join order_attempts t on t.account_id = $1 and t.order_id = o.id and t.attempt = o.attempt)`,
  }),
  clientOrderIds: (p) => ({ orders2: rowsOf(codecs.orders, `t.client_order_id = any(${p}::text[])`) }),
  brokerOrderIds: (p) => ({
    orders3: rowsOf(codecs.orders, `t.broker_order_id = any(${p}::text[]) and t.trading_day >= ${TODAY} - 1`),
    orders6: rowsOf(
      codecs.orders,
      `t.broker_order_id = any(${p}::text[]) and t.finished_at is null and t.trading_day < ${TODAY} - 1`,
    ),
  }),
  tags: (p) => ({
    attempts2: rowsOf(codecs.orderAttempts, `t.tag = any(${p}::text[])`),
    orders4: rowsOf(
      codecs.orders,
      `t.id in (select a.order_id from order_attempts a where a.account_id = $1 and a.tag = any(${p}::text[]))`,
    ),
  }),
  commandsOf: (p) => ({
    commands1: rowsOf(
      codecs.orderCommands,
      `t.order_id = any(${p}::uuid[]) and (t.state <> 'DONE' or (t.kind = 'CANCEL' and t.outcome = 'UNKNOWN'))`,
    ),
  }),
  commandKeys: (p) => ({
    commands2: rowsOf(codecs.orderCommands, `t.idempotency_key = any(${p}::text[])`),
  }),
  unsettledOrders: () => ({
    orders5: rowsOf(
      codecs.orders,
      `t.finished_at is null and t.status in ('PENDING','VALIDATED','SUBMITTING','UNKNOWN')`,
    ),
  }),
  openCommands: () => ({ commands3: rowsOf(codecs.orderCommands, `t.state <> 'DONE'`) }),
  runningOperations: () => ({ operations2: rowsOf(codecs.operations, `t.state = 'RUNNING'`) }),
  operations: (p) => ({ operations1: rowsOf(codecs.operations, `t.id = any(${p}::uuid[])`) }),
  tradesOf: (p) => ({ trades: rowsOf(codecs.trades, `t.order_id = any(${p}::uuid[])`) }),
  liveOrders: () => ({
    live: `(select coalesce(json_agg(json_build_array(t.id, t.instrument_id, t.product, t.side, t.role, t.status,
        t.quantity, t.filled_quantity, t.opening_quantity, t.margin_per_unit::text, t.risk_per_unit::text,
        t.submitted_at, t.strategy_id, t.order_type, t.price::text, t.trigger_price::text,
        t.value_per_unit::text, t.created_at, t.reserve)), '[]')
      from orders t where t.account_id = $1 and t.finished_at is null and t.status <> 'PENDING'
        and t.cause <> 'EXTERNAL' ${isMutant('unknown-frees-margin') ? `and t.status <> 'UNKNOWN'` : ''})`,
  }),
  openPositions: () => ({ positions1: rowsOf(codecs.positions, `t.status = 'OPEN'`) }),
  positionKeys: (p) => ({
    positions2: rowsOf(
      codecs.positions,
      `(t.instrument_id, t.product, t.managed_by, t.cycle) in (
        select k.instrument_id, k.product, k.managed_by, max(k.cycle) from positions k
        where k.account_id = $1 and ${keyOf('k')} = any(${p}::text[]) group by 1, 2, 3)`,
    ),
  }),
  entriesOf: (p) => ({ entries: rowsOf(codecs.positionEntries, `${keyOf('t')} = any(${p}::text[])`) }),
  cyclesOf: (p) => ({ positions3: rowsOf(codecs.positions, `${keyOf('t')} = any(${p}::text[])`) }),
  strategyPositions: (p) => ({
    strategyPositions1: rowsOf(
      codecs.strategyPositions,
      `(t.strategy_id, t.instrument_id, t.product, t.cycle) in (
        select k.strategy_id, k.instrument_id, k.product, max(k.cycle) from strategy_positions k
        where k.account_id = $1 and k.strategy_id || '/' || k.instrument_id || '/' || k.product = any(${p}::text[])
        group by 1, 2, 3)`,
    ),
  }),
  strategyCyclesOf: (p) => ({
    strategyPositions2: rowsOf(
      codecs.strategyPositions,
      `t.strategy_id || '/' || t.instrument_id || '/' || t.product = any(${p}::text[])`,
    ),
  }),
  strategies: () => ({ strategies: rowsOf(codecs.strategies, 'true') }),
  baseline: () => ({
    baseline: `(select json_build_array(
      (select coalesce(sum(realized_pnl - charges), 0)::text from daily_stats where account_id = $1),
      (select coalesce(sum(amount), 0)::text from cash_flows where account_id = $1),
      (select coalesce(sum(m.unrealized_pnl), 0)::text from position_marks m
        join positions p using (account_id, instrument_id, product, managed_by, cycle)
        where p.account_id = $1 and p.status = 'OPEN' and p.managed_by = 'OMS')))`,
  }),
  days: (p) => ({ days: rowsOf(codecs.dailyStats, `t.day = any(${p}::date[])`) }),
  submittedSince: (p) => ({
    handedOver: `(select json_agg(json_build_array(s.since, (
        select coalesce(sum(t.margin_per_unit * t.opening_quantity), 0)::text
        from orders t where t.account_id = $1 and t.submitted_at >= s.since::timestamptz)))
      from unnest(${p}::text[]) as s(since))`,
  }),
  // Bounded on both sides: of one bound alone the planner expects a third of the table, and reads all of it.
  finishedWithinMs: (p) => ({
    finished: `(select coalesce(json_agg(json_build_array(t.id, t.strategy_id, t.instrument_id, t.side, t.role,
        t.status, t.quantity, t.price::text, t.trigger_price::text, t.filled_quantity, t.opening_quantity,
        t.rejected_by, t.failed_check, t.created_at, t.cause)), '[]')
      from orders t where t.account_id = $1 and (t.finished_at is not null or t.cause = 'EXTERNAL')
        and t.created_at between (select c.now from c) - ${p}::float8 * interval '1 millisecond'
          and (select c.now from c) + interval '1 day')`,
  }),
  openOfStrategies: (p) => ({
    strategyPositions3: rowsOf(
      codecs.strategyPositions,
      `t.status = 'OPEN' and t.strategy_id = any(${p}::text[])`,
    ),
  }),
  tradedToday: (p) => ({
    tradedToday: `(select coalesce(json_agg(json_build_array(k.key, k.quantity)), '[]') from (
      select ${keyOf('t')} as key, sum(t.quantity) as quantity from position_entries t
      where t.account_id = $1 and t.kind = 'TRADE' and ${keyOf('t')} = any(${p}::text[])
        and sauda.trading_day(t.traded_at) = ${TODAY} group by 1) k)`,
  }),
  protections: () => ({
    protections: rowsOf(codecs.protectionGroups, 't.ended_at is null'),
    orders7: rowsOf(codecs.orders, `t.id in (select ${GUARDED_IDS})`),
    commands4: rowsOf(codecs.orderCommands, `t.state <> 'DONE' and t.order_id in (select ${GUARDED_IDS})`),
    commands5: rowsOf(
      codecs.orderCommands,
      `t.idempotency_key in (select k.value from protection_groups g, jsonb_each_text(g.modify_keys) k
        where g.account_id = $1 and g.ended_at is null)`,
    ),
    strategyPositions4: rowsOf(
      codecs.strategyPositions,
      `t.status = 'OPEN' and (t.instrument_id, t.product) in (select g.instrument_id, g.product
        from protection_groups g where g.account_id = $1 and g.ended_at is null)`,
    ),
  }),
  openAlerts: () => ({ alerts1: rowsOf(codecs.alerts, 't.cleared_at is null') }),
  chatUpdates: (p) => ({ chatUpdates: rowsOf(codecs.chatUpdates, `t.key = any(${p}::text[])`) }),
  // Their account_id is what they are bound to: they all belong to account `system`.
  tokens: (p) => ({
    tokens: `(select coalesce(json_agg(${codecs.apiTokens.select('t')}), '[]') from api_tokens t
      where t.id = any(${p}::uuid[]))`,
  }),
  signalHooks: (p) => ({ signalHooks: rowsOf(codecs.signalHooks, `t.id = any(${p}::uuid[])`) }),
  alerts: (p) => ({ alerts2: rowsOf(codecs.alerts, `t.id = any(${p}::uuid[])`) }),
  brokerOrders: (p) => ({
    brokerOrders: rowsOf(
      codecs.brokerOrders,
      `t.broker_order_id = any(${p}::text[]) and t.day >= ${TODAY} - 1`,
    ),
  }),
};

const NEED_ORDER = Object.keys(MEMBERS) as NeedKey[];
const texts = new Map<string, { name: string; text: string }>();

/** Reads everything `needs` names in one statement, after the account's lock was taken. */
export async function loadAccount(
  client: pg.ClientBase,
  accountId: string,
  needs: Needs,
): Promise<Loaded | null> {
  const wanted = NEED_ORDER.filter((key) => needs[key] !== undefined && needs[key] !== false);
  const values: unknown[] = [accountId];
  const parameters = wanted.map((key) => {
    const need = needs[key];
    if (need === true) return '';
    values.push(need);
    return `$${values.length}`;
  });
  const id = wanted.join('+');
  let statement = texts.get(id);
  if (statement === undefined) {
    statement = { name: `sauda_load_${texts.size}`, text: loadText(wanted, parameters) };
    texts.set(id, statement);
  }
  const readStartedMs = performance.now();
  const { rows } = await client.query<{ document: Document }>({ ...statement, values });
  const readEndedMs = performance.now();
  const document = rows[0]?.document;
  return document === undefined ? null : { ...decodeDocument(document), readStartedMs, readEndedMs };
}

function loadText(wanted: readonly NeedKey[], parameters: readonly string[]): string {
  const members = wanted.flatMap((key, index) => Object.entries(MEMBERS[key](parameters[index] ?? '')));
  const day = `(select ${codecs.dailyStats.select('d')} from daily_stats d
    where d.account_id = $1 and d.day = ${TODAY})`;
  return `with c as materialized (select sauda.clock() as now)
    select json_build_object('now', (select c.now from c), 'real', clock_timestamp(), 'account', ${codecs.accounts.select('a')}, 'day', ${day}
    ${members.map(([name, sql]) => `, '${name}', ${sql}`).join('\n')}) as document
    from accounts a where a.id = $1${isMutant('lock-merged') ? ' for no key update of a' : ''}`;
}

type Rows = readonly (readonly unknown[])[];
type Document = {
  readonly now: string;
  readonly real: string;
  readonly account: readonly unknown[];
  readonly day: readonly unknown[] | null;
} & {
  readonly [member: string]: Rows | undefined;
};

function decodeDocument(document: Document): Omit<Loaded, 'readStartedMs' | 'readEndedMs'> {
  const all = <Row>(codec: { decode(values: readonly unknown[]): Row }, ...names: string[]): Row[] =>
    names.flatMap((name) => (document[name] ?? []).map((values) => codec.decode(values)));
  const baseline = document['baseline'] as unknown as readonly [string, string, string] | undefined;
  return {
    now: new Date(document.now),
    realNow: new Date(document.real),
    account: codecs.accounts.decode(document.account),
    day: document.day === null ? null : codecs.dailyStats.decode(document.day),
    days: all(codecs.dailyStats, 'days'),
    orders: all(codecs.orders, 'orders1', 'orders2', 'orders3', 'orders4', 'orders5', 'orders6', 'orders7'),
    live: (document['live'] ?? []).map(decodeLive),
    attempts: all(codecs.orderAttempts, 'attempts1', 'attempts2'),
    commands: all(codecs.orderCommands, 'commands1', 'commands2', 'commands3', 'commands4', 'commands5'),
    operations: all(codecs.operations, 'operations1', 'operations2'),
    trades: all(codecs.trades, 'trades'),
    positions: all(codecs.positions, 'positions1', 'positions2', 'positions3'),
    entries: all(codecs.positionEntries, 'entries'),
    strategyPositions: all(
      codecs.strategyPositions,
      'strategyPositions1',
      'strategyPositions2',
      'strategyPositions3',
      'strategyPositions4',
    ),
    strategies: all(codecs.strategies, 'strategies'),
    alerts: all(codecs.alerts, 'alerts1', 'alerts2'),
    brokerOrders: all(codecs.brokerOrders, 'brokerOrders'),
    protections: all(codecs.protectionGroups, 'protections'),
    chatUpdates: all(codecs.chatUpdates, 'chatUpdates'),
    tokens: all(codecs.apiTokens, 'tokens'),
    signalHooks: all(codecs.signalHooks, 'signalHooks'),
    handedOver: new Map(
      ((document['handedOver'] ?? []) as [string, string][]).map(([since, sum]) => [since, decimal(sum)]),
    ),
    finished: (document['finished'] ?? []).map(decodeFinished),
    tradedToday: new Map((document['tradedToday'] ?? []) as readonly (readonly [string, number])[]),
    baseline:
      baseline === undefined
        ? null
        : {
            netRealized: decimal(baseline[0]),
            cashFlows: decimal(baseline[1]),
            unrealized: decimal(baseline[2]),
          },
  };
}

/** The union of two sets of needs. */
export function mergeNeeds(a: Needs, b: Needs): Needs {
  const merged: Record<string, unknown> = { ...a };
  for (const [key, need] of Object.entries(b) as [NeedKey, Needs[NeedKey]][]) {
    const before = a[key];
    if (isList(need) && isList(before)) merged[key] = [...new Set([...before, ...need])];
    else if (typeof need === 'number' && typeof before === 'number') merged[key] = Math.max(need, before);
    else merged[key] = need ?? before;
  }
  return merged;
}

function isList(need: Needs[NeedKey]): need is readonly string[] {
  return Array.isArray(need);
}
