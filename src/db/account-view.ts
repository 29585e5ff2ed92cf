import type { AccountDay } from '../domain/account.ts';
import { positionKeyText, type PositionKey } from '../domain/account.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import { canonicalJson } from '../domain/journal.ts';
import {
  FAST_PATH_GRACE_MS,
  type FinishedOrder,
  type LiveOrder,
  type Order,
  type OrderEvent,
  counted,
  evolve,
} from '../domain/order.ts';
import { type OrderStatus, UNSETTLED_STATUSES, isFinal, isLive } from '../domain/order-status.ts';
import { type Decimal, ZERO } from '../domain/money.ts';
import { overnightCondition } from '../domain/protection.ts';
import { OUTCOME_EVENT, type OutcomeType, outcomeId, outcomeOf } from '../domain/order-outcome.ts';
import { assert } from '../lib/assert.ts';
import type { HandedOver, Loaded, Needs } from './account-load.ts';
import {
  type AccountRow,
  type AlertRow,
  type ApiTokenRow,
  type AttemptRow,
  type BrokerOrderRow,
  type BrokerReadRow,
  type ChatUpdateRow,
  type DayRow,
  type EntryRow,
  type KillSwitchEventRow,
  type OperationRow,
  type OrderCommandRow,
  type OrderRow,
  type PositionRow,
  type SignalHookRow,
  type ProtectionGroupRow,
  type StrategyPositionRow,
  type StrategyRow,
  type TableWrite,
  type TradeRow,
  type WriteMode,
  codecs,
} from './account-rows.ts';

/** Thrown inside work that looks at rows it did not ask for: the transaction reads them and runs the work again. */
export class MoreNeeded extends Error {
  override readonly name = 'MoreNeeded';
  readonly needs: Needs;

  constructor(needs: Needs) {
    super('more rows are needed');
    this.needs = needs;
  }
}

/** Where a request came from: in every entry that it causes, beside who sent it. */
export interface Origin {
  /** Of its token; "admin" for the one of the configuration. */
  readonly tokenId: string;
  /** Null: it came through no network. */
  readonly ip: string | null;
  readonly requestId: string;
}

export interface StagedEntry {
  readonly actor: string;
  readonly kind: string;
  readonly entity: string;
  readonly data: string;
}

/** An order's status that changed, as it is logged once that is committed. */
export interface OrderTransition {
  readonly orderId: string;
  readonly clientOrderId: string;
  /** Kind of the journal's entry. */
  readonly event: string;
  /** Null: the order is new. */
  readonly from: OrderStatus | null;
  readonly to: OrderStatus;
  readonly reason: string | null;
}

/** Longer than reading again can take: statements of an account have a time limit of 5 s. */
const READ_AGAIN_MS = 10_000;

type Table = TableWrite['table'];

/** A table's rows as the transaction sees them: what was read, under what was changed. */
class RowSet<Row> {
  readonly rows = new Map<string, Row>();
  readonly changed = new Map<string, 'insert' | 'change'>();
  readonly removed = new Map<string, Row>();

  load(key: string, row: Row): void {
    if (!this.changed.has(key)) this.rows.set(key, row);
  }

  private readonly undo: Undo[];

  constructor(undo: Undo[]) {
    this.undo = undo;
  }

  put(key: string, row: Row): void {
    this.remember(key);
    // A row that comes back after it was removed is still in the table.
    const isBack = this.removed.delete(key);
    const isNew = !isBack && (!this.rows.has(key) || this.changed.get(key) === 'insert');
    this.rows.set(key, row);
    this.changed.set(key, isNew ? 'insert' : 'change');
  }

  remove(key: string): void {
    const row = this.rows.get(key);
    assert(row !== undefined, `row ${key} is there to be removed`);
    this.remember(key);
    if (this.changed.get(key) !== 'insert') this.removed.set(key, row);
    this.rows.delete(key);
    this.changed.delete(key);
  }

  /** How the key stood before a change, for work that throws after it. */
  private remember(key: string): void {
    const row = this.rows.get(key);
    const mode = this.changed.get(key);
    const removed = this.removed.get(key);
    this.undo.push(() => {
      restore(this.rows, key, row);
      restore(this.changed, key, mode);
      restore(this.removed, key, removed);
    });
  }
}

type Undo = () => void;

function restore<Value>(map: Map<string, Value>, key: string, value: Value | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

const SETS = {
  orders: 'update',
  orderAttempts: 'upsert',
  orderCommands: 'upsert',
  brokerOrders: 'upsert',
  brokerReads: 'insert',
  trades: 'update',
  positions: 'upsert',
  positionEntries: 'insert',
  strategyPositions: 'upsert',
  dailyStats: 'upsert',
  alerts: 'upsert',
  strategies: 'upsert',
  cashFlows: 'insert',
  killSwitchEvents: 'insert',
  operations: 'upsert',
  protectionGroups: 'upsert',
  chatUpdates: 'upsert',
  apiTokens: 'upsert',
  signalHooks: 'upsert',
} as const satisfies Partial<Record<Table, WriteMode>>;
type SetName = keyof typeof SETS;

const COMMAND_RANK = { IN_FLIGHT: 0, WAITING: 1, DONE: 2 } as const satisfies Record<
  OrderCommandRow['state'],
  number
>;
const UNSETTLED: ReadonlySet<OrderStatus> = new Set(UNSETTLED_STATUSES);
const SEVERITY = { INFO: 0, WARNING: 1, CRITICAL: 2 } as const satisfies Record<AlertRow['severity'], number>;

/** What work may change of the account's own row; seq, head and budget have ways of their own. */
export type AccountChange = Partial<
  Pick<
    AccountRow,
    | 'tradingState'
    | 'tradingStateReason'
    | 'tradingStateBy'
    | 'tradingStateAt'
    | 'haltId'
    | 'haltExits'
    | 'haltTrips'
    | 'peakEquity'
    | 'limits'
  >
>;

/**
 * An account as one transaction sees it: the only place where its rows change. Nothing here talks to Postgres;
 * work runs to its end in memory, and all its changes are written at once, or none.
 */
export class AccountView {
  readonly now: Date;
  /** Real time of the database, and this process's monotonic clock around its reading. */
  readonly real: Pick<Loaded, 'realNow' | 'readStartedMs' | 'readEndedMs'>;
  account: AccountRow;
  private readonly known: Needs;
  private readonly loaded: Loaded;
  /** Ends of orders that are told, as alerts of the same transaction. */
  private readonly tells: ReadonlySet<OutcomeType>;
  /** How to take back what the running work changed, oldest first. */
  private readonly undo: Undo[] = [];
  private readonly sets: Record<SetName, RowSet<unknown>>;
  private readonly staged: StagedEntry[] = [];
  private readonly moved: OrderTransition[] = [];
  private actor = 'system';
  private origin: Origin | null = null;
  /** Columns of the account's own row that changed, by property. */
  private changedAccount: readonly (keyof AccountChange)[] = [];
  budgetChanged = false;

  constructor(loaded: Loaded, known: Needs, tells: ReadonlySet<OutcomeType> = new Set()) {
    this.loaded = loaded;
    this.tells = tells;
    this.known = known;
    this.now = loaded.now;
    this.real = loaded;
    this.account = loaded.account;
    this.sets = Object.fromEntries(
      Object.keys(SETS).map((name) => [name, new RowSet(this.undo)]),
    ) as typeof this.sets;
    for (const row of loaded.orders) this.set<Order>('orders').load(row.id, row);
    for (const row of loaded.attempts) this.set<AttemptRow>('orderAttempts').load(attemptKey(row), row);
    for (const row of loaded.commands) this.set<OrderCommandRow>('orderCommands').load(row.id, row);
    for (const row of loaded.operations) this.set<OperationRow>('operations').load(row.id, row);
    for (const row of loaded.protections ?? []) {
      this.set<ProtectionGroupRow>('protectionGroups').load(row.id, row);
    }
    for (const row of loaded.positions) this.set<PositionRow>('positions').load(cycleKey(row), row);
    for (const row of loaded.strategyPositions) {
      this.set<StrategyPositionRow>('strategyPositions').load(strategyCycleKey(row), row);
    }
    for (const row of loaded.strategies) this.set<StrategyRow>('strategies').load(row.id, row);
    for (const row of loaded.alerts) this.set<AlertRow>('alerts').load(row.id, row);
    for (const row of loaded.trades) this.set<TradeRow>('trades').load(tradeKey(row), row);
    for (const row of loaded.entries) this.set<EntryRow>('positionEntries').load(row.id, row);
    for (const row of loaded.brokerOrders)
      this.set<BrokerOrderRow>('brokerOrders').load(brokerOrderKey(row), row);
    for (const row of loaded.tokens ?? []) this.set<ApiTokenRow>('apiTokens').load(row.id, row);
    for (const row of loaded.signalHooks ?? []) this.set<SignalHookRow>('signalHooks').load(row.id, row);
    for (const row of loaded.chatUpdates ?? []) this.set<ChatUpdateRow>('chatUpdates').load(row.key, row);
    for (const row of this.readDays()) this.set<DayRow>('dailyStats').load(row.day, row);
  }

  /** Runs one piece of work; if it throws, the view is as it was before. */
  attempt<T>(actor: string, work: (view: AccountView) => T, origin: Origin | null = null): T {
    const { account, budgetChanged, changedAccount, actor: actorBefore, origin: originBefore } = this;
    const undoFrom = this.undo.length;
    const stagedFrom = this.staged.length;
    const movedFrom = this.moved.length;
    this.actor = actor;
    this.origin = origin;
    try {
      return work(this);
    } catch (error) {
      for (const undo of this.undo.splice(undoFrom).reverse()) undo();
      this.staged.length = stagedFrom;
      this.moved.length = movedFrom;
      Object.assign(this, { account, budgetChanged, changedAccount });
      throw error;
    } finally {
      this.actor = actorBefore;
      this.origin = originBefore;
    }
  }

  /** Runs a part of the work that may fail alone; if it throws, its changes are taken back. */
  inside<T>(work: (view: AccountView) => T): T {
    return this.attempt(this.actor, work, this.origin);
  }

  // Orders

  order(id: string): Order | null {
    return this.set<Order>('orders').rows.get(id) ?? this.absent('orders', id);
  }

  orderByClientId(clientOrderId: string): Order | null {
    return this.find<Order>(
      'orders',
      (order) => order.clientOrderId === clientOrderId,
      'clientOrderIds',
      clientOrderId,
    );
  }

  /** Orders with this broker order id; several when the broker uses it again on another day. */
  ordersByBrokerId(brokerOrderId: string): Order[] {
    this.require('brokerOrderIds', brokerOrderId);
    return this.all<Order>('orders').filter((order) => order.brokerOrderId === brokerOrderId);
  }

  /** Live orders of the account but for outside ones, which no limit counts; with what this transaction did to them. */
  liveOrders(): LiveOrder[] {
    this.require('liveOrders');
    const live = new Map(this.loaded.live?.map((order) => [order.id, order]));
    for (const order of this.set<Order>('orders').rows.values()) {
      if (isLive(order.status) && order.cause !== 'EXTERNAL') live.set(order.id, counted(order));
      else live.delete(order.id);
    }
    return [...live.values()];
  }

  /** Orders that no broker is known to hold, with what this transaction did to them. */
  unsettledOrders(): Order[] {
    this.require('unsettledOrders');
    return this.all<Order>('orders').filter(({ status }) => UNSETTLED.has(status));
  }

  /** Rupees of margin of the orders handed to the broker at or after `instant`, finished ones included. */
  marginHandedOverSince(instant: Date): Decimal {
    const since = instant.toISOString();
    this.require('submittedSince', since);
    const held = (order: HandedOver) =>
      order.submittedAt !== null && order.submittedAt >= instant
        ? (order.marginPerUnit ?? ZERO).times(order.openingQuantity)
        : ZERO;
    const read = new Map(this.loaded.orders.map((order) => [order.id, order]));
    let total = this.loaded.handedOver?.get(since) ?? ZERO;
    for (const order of this.all<Order>('orders')) {
      const before = read.get(order.id);
      if (before !== order) total = total.plus(held(order)).minus(before ? held(before) : ZERO);
    }
    return total;
  }

  /**
   * Orders created in the last `ms` milliseconds that have finished, and outside ones that have not, with what this
   * transaction did to them.
   */
  finishedWithin(ms: number): FinishedOrder[] {
    const known = this.known.finishedWithinMs;
    // The clock runs on until it is read again, and what was asked for by an order's age grows with it.
    if (known === undefined || known < ms) throw new MoreNeeded({ finishedWithinMs: ms + READ_AGAIN_MS });
    const found = new Map<string, FinishedOrder>(this.loaded.finished?.map((order) => [order.id, order]));
    for (const order of this.all<Order>('orders')) {
      if (isFinal(order.status) || order.cause === 'EXTERNAL') found.set(order.id, order);
      else found.delete(order.id);
    }
    const since = this.now.getTime() - ms;
    return [...found.values()].filter(({ createdAt }) => createdAt.getTime() >= since);
  }

  insertOrder(order: Order): void {
    assert(!this.set<Order>('orders').rows.has(order.id), `order ${order.id} is new`);
    const row = this.inRealTime(order);
    this.set<Partial<OrderRow>>('orders').put(order.id, { ...row, stepFailures: 0, parkedAt: null });
    this.note('OrderAccepted', order.id, plainTerms(order));
    this.moved.push(transitionOf('OrderAccepted', null, order));
  }

  /** Applies one event to an order: the row, its version and the journal move together. */
  apply(order: Order, event: OrderEvent): Order {
    const current = this.order(order.id) ?? order;
    assert(current.version === order.version, `order ${order.id}: work holds an old version`);
    const next = this.inRealTime(evolve(current, event, this.now));
    this.set<Partial<OrderRow>>('orders').put(order.id, { ...next, stepFailures: 0, parkedAt: null });
    const { kind, ...data } = event;
    this.note(kind, order.id, data);
    if (next.status !== current.status) this.moved.push(transitionOf(kind, current.status, next));
    if (isFinal(next.status) && next.status !== current.status) this.tellOutcome(next);
    return next;
  }

  /**
   * The next step of an order is due by the real clock, as leases and deadlines are. The domain counts it from the
   * database's clock, which tests move: moved ahead, a step whose job was lost would be due only when time got there.
   */
  private inRealTime(order: Order): Order {
    const soon = this.now.getTime() + FAST_PATH_GRACE_MS;
    if (order.nextStepAt?.getTime() !== soon) return order;
    return { ...order, nextStepAt: new Date(this.real.realNow.getTime() + FAST_PATH_GRACE_MS) };
  }

  /**
   * An end is an event: its alert stands for no condition, so that no other is read for it. A CRITICAL one stands
   * until a person has seen it.
   */
  private tellOutcome(order: Order): void {
    if (this.endsAsPlanned(order)) return;
    const outcome = outcomeOf(order);
    if (outcome === null || (outcome.severity === 'INFO' && !this.tells.has(outcome.type))) return;
    const id = outcomeId(order);
    this.set<AlertRow>('alerts').put(id, {
      ...outcome,
      id,
      accountId: this.account.id,
      orderId: order.id,
      condition: `${OUTCOME_EVENT}${order.id}:${order.version}`,
      at: this.now,
      clearedAt: outcome.severity === 'CRITICAL' ? null : this.now,
      acknowledgedAt: null,
      acknowledgedBy: null,
      routedAt: null,
    });
    const { severity, type, message } = outcome;
    this.note('AlertRaised', order.id, { id, severity, type, message });
  }

  /** A guard that ends with its day, while it is told that the position outlives it: no news every evening. */
  private endsAsPlanned({ status, protectionGroup }: Order): boolean {
    if (status !== 'EXPIRED' || protectionGroup === null) return false;
    return this.standingAlert(overnightCondition(protectionGroup)) !== null;
  }

  /** Keeps every verdict of a run of the checks: the journal is their only place. */
  putChecks(orderId: string, run: number, results: readonly unknown[]): void {
    this.note('ChecksRun', orderId, { run, results });
  }

  attemptByTag(tag: string): AttemptRow | null {
    return this.find<AttemptRow>('orderAttempts', (row) => row.tag === tag, 'tags', tag);
  }

  putAttempt(row: AttemptRow): void {
    this.set<AttemptRow>('orderAttempts').put(attemptKey(row), row);
  }

  // Commands

  /** Commands of an order that are not done: at most one in flight, then at most one waiting. */
  openCommands(orderId: string): OrderCommandRow[] {
    const isKnown = this.known.openCommands === true || this.isNew(orderId) || this.isGuarded(orderId);
    if (!isKnown) this.require('commandsOf', orderId);
    return this.all<OrderCommandRow>('orderCommands')
      .filter((row) => row.orderId === orderId && row.state !== 'DONE')
      .sort((a, b) => COMMAND_RANK[a.state] - COMMAND_RANK[b.state]);
  }

  /** Cancels of an order that were sent, and of which no answer and no book has said what became. Newest first. */
  sentCancels(orderId: string): OrderCommandRow[] {
    if (!this.isNew(orderId)) this.require('commandsOf', orderId);
    return this.all<OrderCommandRow>('orderCommands')
      .filter(({ kind, sends, outcome }) => kind === 'CANCEL' && sends > 0 && outcome !== 'REFUSED')
      .filter((row) => row.orderId === orderId && (row.state !== 'DONE' || row.outcome === 'UNKNOWN'))
      .sort((a, b) => b.requestedAt.getTime() - a.requestedAt.getTime());
  }

  /** Commands of these orders are read with the protection groups. */
  private isGuarded(orderId: string): boolean {
    return (this.loaded.protections ?? []).some(
      ({ guardIds, parentOrderId }) => guardIds.includes(orderId) || parentOrderId === orderId,
    );
  }

  commandByKey(idempotencyKey: string): OrderCommandRow | null {
    return this.find<OrderCommandRow>(
      'orderCommands',
      (row) => row.idempotencyKey === idempotencyKey,
      'commandKeys',
      idempotencyKey,
    );
  }

  /** Writes a command; `kind` and `data` are what the journal says of it, at its order. Null: only delivery state. */
  putCommand(
    row: OrderCommandRow,
    entry: { readonly kind: string; readonly data: Readonly<Record<string, unknown>> } | null,
  ): OrderCommandRow {
    this.set<OrderCommandRow>('orderCommands').put(row.id, row);
    if (entry !== null) this.note(entry.kind, row.orderId, { commandId: row.id, ...entry.data });
    return row;
  }

  /** Every command of the account that is not done. */
  allOpenCommands(): OrderCommandRow[] {
    this.require('openCommands');
    return this.all<OrderCommandRow>('orderCommands').filter((row) => row.state !== 'DONE');
  }

  // Halts

  insertKillSwitchEvent(row: KillSwitchEventRow): void {
    this.set<KillSwitchEventRow>('killSwitchEvents').put(row.id, row);
  }

  operation(id: string): OperationRow | null {
    return this.set<OperationRow>('operations').rows.get(id) ?? this.absent('operations', id);
  }

  runningOperations(): OperationRow[] {
    this.require('runningOperations');
    return this.all<OperationRow>('operations').filter(({ state }) => state === 'RUNNING');
  }

  /** Writes an operation; `kind` is what the journal says of it. Null: progress that is not worth an entry. */
  putOperation(row: OperationRow, kind: string | null): void {
    this.set<OperationRow>('operations').put(row.id, row);
    const { state, kind: what, details, startedBy } = row;
    if (kind !== null) this.note(kind, row.id, { kind: what, state, details, startedBy });
  }

  // Protection

  /** Live protection groups, oldest first. */
  protections(): ProtectionGroupRow[] {
    this.require('protections');
    return this.all<ProtectionGroupRow>('protectionGroups')
      .filter(({ endedAt }) => endedAt === null)
      .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1));
  }

  /** Writes a group; `kind` and `data` are what the journal says of it, at its parent. Null: nothing worth an entry. */
  putProtection(
    row: ProtectionGroupRow,
    entry: { readonly kind: string; readonly data: Readonly<Record<string, unknown>> } | null,
  ): void {
    this.set<ProtectionGroupRow>('protectionGroups').put(row.id, row);
    if (entry !== null) this.note(entry.kind, row.parentOrderId, { groupId: row.id, ...entry.data });
  }

  /** What each strategy holds of a key, signed, of the keys that have live groups. */
  ownersOf({ instrumentId, product }: Omit<PositionKey, 'managedBy'>): Map<string, number> {
    this.require('protections');
    return new Map(
      this.all<StrategyPositionRow>('strategyPositions')
        .filter(
          (row) => row.status === 'OPEN' && row.instrumentId === instrumentId && row.product === product,
        )
        .map(({ strategyId, quantity }) => [strategyId, quantity]),
    );
  }

  // Trades and positions

  tradesOf(orderId: string): TradeRow[] {
    if (!this.isNew(orderId)) this.require('tradesOf', orderId);
    return this.all<TradeRow>('trades').filter((trade) => trade.orderId === orderId);
  }

  insertTrade(row: TradeRow, entry: EntryRow): void {
    this.putTrade(row);
    this.insertEntry(entry);
  }

  /** Writes a trade; of a recorded one only what a correction changes. */
  putTrade(row: TradeRow): void {
    const known = this.set<TradeRow>('trades').rows.get(tradeKey(row));
    const isMine = known === undefined || known.orderId === row.orderId || known.annulledAt !== null;
    assert(isMine, `trade ${row.tradeId} stands as one of another order`);
    this.set<TradeRow>('trades').put(tradeKey(row), row);
  }

  insertEntry(entry: EntryRow): void {
    this.set<EntryRow>('positionEntries').put(entry.id, entry);
  }

  openPositions(): PositionRow[] {
    this.require('openPositions');
    return this.all<PositionRow>('positions').filter((row) => row.status === 'OPEN');
  }

  /** The newest cycle of a key, open or closed; null when there never was one. */
  newestCycle(key: PositionKey): PositionRow | null {
    this.require('positionKeys', positionKeyText(key));
    return newest(
      this.all<PositionRow>('positions').filter((row) => positionKeyText(row) === positionKeyText(key)),
    );
  }

  /** Every cycle of a key, oldest first: what a fold from the start replaces. */
  cyclesOf(key: PositionKey): PositionRow[] {
    this.require('cyclesOf', positionKeyText(key));
    return oldestFirst(
      this.all<PositionRow>('positions').filter((row) => positionKeyText(row) === positionKeyText(key)),
    );
  }

  putPosition(row: PositionRow): void {
    this.set<PositionRow>('positions').put(cycleKey(row), row);
  }

  /** Takes away a cycle that a new fold of its key does not have. */
  removePosition(row: PositionRow): void {
    this.set<PositionRow>('positions').remove(cycleKey(row));
  }

  entriesOf(key: PositionKey): EntryRow[] {
    this.require('entriesOf', positionKeyText(key));
    return this.all<EntryRow>('positionEntries').filter(
      (row) => positionKeyText(row) === positionKeyText(key),
    );
  }

  newestStrategyCycle(strategyId: string, key: PositionKey): StrategyPositionRow | null {
    this.require('strategyPositions', `${strategyId}/${key.instrumentId}/${key.product}`);
    return newest(this.ofStrategy(strategyId, key));
  }

  /** Every cycle of a strategy's own position of a key, oldest first. */
  strategyCyclesOf(strategyId: string, key: PositionKey): StrategyPositionRow[] {
    this.require('strategyCyclesOf', `${strategyId}/${key.instrumentId}/${key.product}`);
    return oldestFirst(this.ofStrategy(strategyId, key));
  }

  private ofStrategy(strategyId: string, key: PositionKey): StrategyPositionRow[] {
    return this.all<StrategyPositionRow>('strategyPositions').filter(
      (row) =>
        row.strategyId === strategyId && row.instrumentId === key.instrumentId && row.product === key.product,
    );
  }

  /** A strategy's own open positions. */
  openPositionsOf(strategyId: string): StrategyPositionRow[] {
    this.require('openOfStrategies', strategyId);
    return this.all<StrategyPositionRow>('strategyPositions').filter(
      (row) => row.strategyId === strategyId && row.status === 'OPEN',
    );
  }

  /** Net quantity traded this trading day, this transaction's trades included. */
  tradedToday(key: PositionKey): number {
    const text = positionKeyText(key);
    this.require('tradedToday', text);
    const day = tradingDayOf(this.now);
    const entries = this.set<EntryRow>('positionEntries');
    const staged = [...entries.changed.keys()]
      .map((id) => entries.rows.get(id))
      .filter(
        (row) => row !== undefined && positionKeyText(row) === text && tradingDayOf(row.tradedAt) === day,
      );
    return staged.reduce(
      (total, row) => total + (row?.quantity ?? 0),
      this.loaded.tradedToday?.get(text) ?? 0,
    );
  }

  putStrategyPosition(row: StrategyPositionRow): void {
    this.set<StrategyPositionRow>('strategyPositions').put(strategyCycleKey(row), row);
  }

  removeStrategyPosition(row: StrategyPositionRow): void {
    this.set<StrategyPositionRow>('strategyPositions').remove(strategyCycleKey(row));
  }

  // The day

  /** A day's row, opened from the account's baseline when this is the day's first work. Today's is always read. */
  today(day: string): AccountDay {
    const known = this.set<DayRow>('dailyStats').rows.get(day);
    if (known !== undefined) return known;
    if (day !== tradingDayOf(this.now)) this.require('days', day);
    this.require('baseline');
    const baseline = this.loaded.baseline;
    assert(baseline !== null, 'the baseline was loaded');
    const openingEquity = this.account.capital
      .plus(baseline.netRealized)
      .plus(baseline.cashFlows)
      .plus(baseline.unrealized);
    const row: DayRow = {
      accountId: this.account.id,
      day,
      openingEquity,
      realizedPnl: ZERO,
      charges: ZERO,
      cashFlows: ZERO,
      turnover: ZERO,
      ordersCount: 0,
      rejectedCount: 0,
      tradesCount: 0,
      winningTrades: 0,
      losingTrades: 0,
      updatedAt: this.now,
    };
    this.set<DayRow>('dailyStats').put(day, row);
    this.note('DayOpened', day, { openingEquity: openingEquity.toFixed() });
    return row;
  }

  changeDay(day: string, change: (before: AccountDay) => Partial<AccountDay>): void {
    const before = this.today(day);
    const row = { ...before, ...change(before), accountId: this.account.id, updatedAt: this.now };
    this.set<AccountDay>('dailyStats').put(day, row);
  }

  /** Equity now: capital, flows, net realized P&L, and the newest marks of open positions (trading.md section 1). */
  equity(): Decimal {
    const settled = this.settledEquity();
    return settled.plus(this.loaded.baseline?.unrealized ?? ZERO);
  }

  /** Equity without what open positions are worth: capital, flows and net realized P&L. */
  settledEquity(): Decimal {
    this.require('baseline');
    const baseline = this.loaded.baseline;
    assert(baseline !== null, 'the baseline was loaded');
    const staged = this.all<DayRow>('dailyStats').reduce(
      (total, row) => total.plus(row.realizedPnl).minus(row.charges),
      ZERO,
    );
    const read = this.readDays().reduce((total, row) => total.plus(row.realizedPnl).minus(row.charges), ZERO);
    return this.account.capital.plus(baseline.netRealized).plus(baseline.cashFlows).plus(staged.minus(read));
  }

  /** The days as they were read, each once. */
  private readDays(): DayRow[] {
    const { day, days = [] } = this.loaded;
    const rows = day === null ? days : [day, ...days];
    return [...new Map(rows.map((row) => [row.day, row])).values()];
  }

  // The rest

  strategy(id: string): StrategyRow | null {
    this.require('strategies');
    return this.set<StrategyRow>('strategies').rows.get(id) ?? null;
  }

  /** `data` is what the journal says of it, when that is more than how the strategy stands. */
  putStrategy(row: StrategyRow, kind: string, data: Readonly<Record<string, unknown>> = {}): void {
    this.set<StrategyRow>('strategies').put(row.id, row);
    const { name, enabled, tradingState } = row;
    this.note(kind, row.id, { name, enabled, tradingState, ...data });
  }

  brokerOrder(day: string, brokerOrderId: string): BrokerOrderRow | null {
    this.require('brokerOrders', brokerOrderId);
    return this.set<BrokerOrderRow>('brokerOrders').rows.get(`${day}/${brokerOrderId}`) ?? null;
  }

  putBrokerOrder(row: BrokerOrderRow): void {
    this.set<BrokerOrderRow>('brokerOrders').put(brokerOrderKey(row), row);
  }

  putBrokerRead(row: BrokerReadRow): void {
    this.set<BrokerReadRow>('brokerReads').put(row.id, row);
  }

  /**
   * Raises an alert unless the same condition stands already. One that stands with less severity has worsened: it
   * ends, and the new one takes its place.
   */
  raiseAlert(
    alert: Omit<
      AlertRow,
      'accountId' | 'at' | 'clearedAt' | 'acknowledgedAt' | 'acknowledgedBy' | 'routedAt'
    >,
  ): void {
    const standing = this.standingAlert(alert.condition);
    if (standing !== null && SEVERITY[standing.severity] >= SEVERITY[alert.severity]) return;
    if (standing !== null) this.clearAlert(alert.condition);
    const row: AlertRow = {
      ...alert,
      accountId: this.account.id,
      at: this.now,
      clearedAt: null,
      acknowledgedAt: null,
      acknowledgedBy: null,
      routedAt: null,
    };
    this.set<AlertRow>('alerts').put(row.id, row);
    const { severity, type, message, orderId } = alert;
    this.note('AlertRaised', orderId ?? alert.id, { id: alert.id, severity, type, message });
  }

  /** Ends the alert of a condition that holds no longer; nothing when none stands. */
  clearAlert(condition: string): void {
    const standing = this.standingAlert(condition);
    if (standing === null) return;
    this.set<AlertRow>('alerts').put(standing.id, { ...standing, clearedAt: this.now });
    this.note('AlertCleared', standing.orderId ?? standing.id, { id: standing.id, type: standing.type });
  }

  /** One alert, standing or not; null when there is none. */
  alert(id: string): AlertRow | null {
    return this.set<AlertRow>('alerts').rows.get(id) ?? this.absent('alerts', id);
  }

  /** Notes that a person has seen an alert; who was first stays. */
  acknowledgeAlert(alert: AlertRow): AlertRow {
    if (alert.acknowledgedAt !== null) return alert;
    // What stands only until it is seen ends here.
    const ends = alert.condition.startsWith(OUTCOME_EVENT) && alert.clearedAt === null;
    const row = {
      ...alert,
      acknowledgedAt: this.now,
      acknowledgedBy: this.actor,
      clearedAt: ends ? this.now : alert.clearedAt,
    };
    this.set<AlertRow>('alerts').put(row.id, row);
    this.note('AlertAcknowledged', alert.orderId ?? alert.id, {
      ...{ id: alert.id, type: alert.type },
      before: { acknowledgedBy: null, cleared: alert.clearedAt !== null },
      after: { acknowledgedBy: row.acknowledgedBy, cleared: row.clearedAt !== null },
    });
    return row;
  }

  /** The alert that stands for a condition; null when none does. */
  standingAlert(condition: string): AlertRow | null {
    this.require('openAlerts');
    return (
      this.all<AlertRow>('alerts').find((row) => row.condition === condition && row.clearedAt === null) ??
      null
    );
  }

  /** What a person sent, by its key; null: it was never kept. */
  chatUpdate(key: string): ChatUpdateRow | null {
    return this.set<ChatUpdateRow>('chatUpdates').rows.get(key) ?? this.absent('chatUpdates', key);
  }

  /** Delivery state, not journaled: what it caused is. */
  putChatUpdate(row: ChatUpdateRow): void {
    this.set<ChatUpdateRow>('chatUpdates').put(row.key, row);
  }

  /** A bearer token, revoked or not; null when there is none. They belong to account `system`. */
  token(id: string): ApiTokenRow | null {
    return this.set<ApiTokenRow>('apiTokens').rows.get(id) ?? this.absent('tokens', id);
  }

  putToken(row: ApiTokenRow, kind: string, data: Readonly<Record<string, unknown>>): void {
    this.set<ApiTokenRow>('apiTokens').put(row.id, row);
    this.note(kind, row.id, data);
  }

  /** An address for alerts of a charting service, revoked or not; null when there is none. */
  signalHook(id: string): SignalHookRow | null {
    return this.set<SignalHookRow>('signalHooks').rows.get(id) ?? this.absent('signalHooks', id);
  }

  putSignalHook(row: SignalHookRow, kind: string, data: Readonly<Record<string, unknown>>): void {
    this.set<SignalHookRow>('signalHooks').put(row.id, row);
    this.note(kind, row.id, data);
  }

  /** What came of alerts, told by noteSignal: not journaled again. */
  keepSettledSignals(row: SignalHookRow): void {
    this.set<SignalHookRow>('signalHooks').put(row.id, row);
  }

  /** What came of an alert that was posted to the hook. */
  noteSignal(
    hookId: string,
    kind: 'SignalTaken' | 'SignalRefused',
    data: Readonly<Record<string, unknown>>,
  ): void {
    this.note(kind, hookId, data);
  }

  /** Every alert that stands. */
  standingAlerts(): AlertRow[] {
    this.require('openAlerts');
    return this.all<AlertRow>('alerts').filter((row) => row.clearedAt === null);
  }

  /** Changes the account's own row; `kind` and `data` are what the journal says of it. */
  changeAccount(change: AccountChange, kind: string, data: Readonly<Record<string, unknown>>): void {
    this.account = { ...this.account, ...change };
    this.changedAccount = [
      ...new Set([...this.changedAccount, ...(Object.keys(change) as (keyof AccountChange)[])]),
    ];
    this.note(kind, this.account.id, data);
  }

  /** What changed of the account's row, to be written with it; null when nothing did. */
  accountChange(): AccountChange | null {
    if (this.changedAccount.length === 0) return null;
    return Object.fromEntries(this.changedAccount.map((name) => [name, this.account[name]]));
  }

  setBudget(budget: unknown): void {
    this.account = { ...this.account, budget };
    this.budgetChanged = true;
  }

  /** Adds an entry to the account's journal; its number and hash are given when the transaction is written. */
  note(kind: string, entity: string, data: Readonly<Record<string, unknown>>): void {
    const said = this.origin === null ? data : { ...data, origin: { ...this.origin } };
    this.staged.push({ actor: this.actor, kind, entity, data: canonicalJson(said) });
  }

  get entries(): readonly StagedEntry[] {
    return this.staged;
  }

  /** Orders whose status changed, in the order of their changes. */
  get transitions(): readonly OrderTransition[] {
    return this.moved;
  }

  /** Every change, by table, in an order that suits the reader; inserts of orders before what points at them. */
  writes(): TableWrite[] {
    const writes: TableWrite[] = [];
    for (const [table, mode] of Object.entries(SETS) as [SetName, WriteMode][]) {
      const set = this.sets[table];
      const codec = codecs[table] as { encode(row: unknown): Record<string, unknown> };
      const rowsOf = (kind: 'insert' | 'change') =>
        [...set.changed].filter(([, k]) => k === kind).map(([key]) => codec.encode(set.rows.get(key)));
      const inserted = rowsOf('insert');
      const changed = rowsOf('change');
      if (inserted.length > 0)
        writes.push({ table, mode: mode === 'update' ? 'insert' : mode, rows: inserted });
      if (changed.length > 0) {
        assert(mode !== 'insert', `rows of ${table} never change`);
        writes.push({ table, mode: 'update', rows: changed });
      }
      const removed = [...set.removed.values()].map((row) => codec.encode(row));
      if (removed.length > 0) writes.push({ table, mode: 'delete', rows: removed });
      // Marks go with their cycle: one that gets the number again later has a price path of its own.
      if (removed.length > 0 && table === 'positions')
        writes.push({ table: 'positionMarks', mode: 'delete', rows: removed });
    }
    return writes;
  }

  /** True for an order of this very transaction: nothing of it is stored, and a second run gives it another id. */
  private isNew(orderId: string): boolean {
    return this.set<Order>('orders').changed.get(orderId) === 'insert';
  }

  private set<Row>(name: SetName): RowSet<Row> {
    return this.sets[name] as RowSet<Row>;
  }

  private all<Row>(name: SetName): Row[] {
    return [...this.set<Row>(name).rows.values()];
  }

  private find<Row>(
    name: SetName,
    test: (row: Row) => boolean,
    need: keyof Needs,
    value: string,
  ): Row | null {
    for (const row of this.set<Row>(name).rows.values()) if (test(row)) return row;
    return this.absent(need, value);
  }

  /** Null when the row was asked for and is not there; otherwise asks for it. */
  private absent(need: keyof Needs, value: string): null {
    this.require(need, value);
    return null;
  }

  private require(need: keyof Needs, value?: string): void {
    const known = this.known[need];
    const has = value === undefined ? known === true : Array.isArray(known) ? known.includes(value) : false;
    if (has) return;
    throw new MoreNeeded({ [need]: value === undefined ? true : [value] });
  }
}

function newest<Row extends { readonly cycle: number }>(rows: readonly Row[]): Row | null {
  return rows.reduce<Row | null>((best, row) => (best === null || row.cycle > best.cycle ? row : best), null);
}

function oldestFirst<Row extends { readonly cycle: number }>(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => a.cycle - b.cycle);
}

function transitionOf(event: string, from: OrderStatus | null, order: Order): OrderTransition {
  const { id: orderId, clientOrderId, status: to, statusReason: reason } = order;
  return { orderId, clientOrderId, event, from, to, reason };
}

const attemptKey = (row: AttemptRow) => `${row.orderId}/${row.attempt}`;
const cycleKey = (row: PositionRow) => `${positionKeyText(row)}/${row.cycle}`;
const strategyCycleKey = (row: StrategyPositionRow) =>
  `${row.strategyId}/${row.instrumentId}/${row.product}/${row.cycle}`;
const brokerOrderKey = (row: BrokerOrderRow) => `${row.day}/${row.brokerOrderId}`;
const tradeKey = (row: TradeRow) =>
  `${row.exchange}/${row.tradeDate}/${row.brokerOrderId}/${row.tradeId}/${row.side}`;

/** The terms as JSON: decimals as text, so that the journal replays to the same row. */
function plainTerms(order: Order): Record<string, unknown> {
  const price = (value: { toFixed(): string } | null) => value?.toFixed() ?? null;
  return {
    clientOrderId: order.clientOrderId,
    requestHash: order.requestHash,
    strategyId: order.strategyId,
    instrumentId: order.instrumentId,
    exchange: order.exchange,
    symbol: order.symbol,
    side: order.side,
    quantity: order.quantity,
    orderType: order.orderType,
    product: order.product,
    validity: order.validity,
    validityMinutes: order.validityMinutes,
    variety: order.variety,
    price: price(order.price),
    triggerPrice: price(order.triggerPrice),
    stopLoss: price(order.stopLoss),
    takeProfit: price(order.takeProfit),
    disclosedQuantity: order.disclosedQuantity,
    marketProtection: price(order.marketProtection),
    reduceOnly: order.reduceOnly,
    maxAgeMs: order.maxAgeMs,
    metadata: order.metadata,
    role: order.role,
    parentOrderId: order.parentOrderId,
    protectionGroup: order.protectionGroup,
    protection: order.protection,
    trailing: order.trailing,
    gtt: order.gtt,
    cause: order.cause,
    tradingDay: order.tradingDay,
  };
}
