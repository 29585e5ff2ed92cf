import { canonicalJson } from '../../domain/journal.ts';
import type { OutcomeType } from '../../domain/order-outcome.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import { assert } from '../../lib/assert.ts';
import type { Loaded, Needs } from '../account-load.ts';
import { type AccountRow, type DayRow, type TableWrite, type WriteMode, codecs } from '../account-rows.ts';
import { KEY_OF, type Rows, type SetName, WRITE_MODES } from './account-sets.ts';
import { RowSet, type Undo } from './row-set.ts';

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
 * What every part of the view stands on: rows that were read and changed, the journal's entries, the account's own
 * row, and work that is taken back whole. See account-view.ts.
 */
export abstract class BaseView {
  readonly now: Date;
  /** Real time of the database, and this process's monotonic clock around its reading. */
  readonly real: Pick<Loaded, 'realNow' | 'readStartedMs' | 'readEndedMs'>;
  account: AccountRow;
  protected readonly known: Needs;
  protected readonly loaded: Loaded;
  /** Ends of orders that are told, as alerts of the same transaction. */
  protected readonly tells: ReadonlySet<OutcomeType>;
  /** How to take back what the running work changed, oldest first. */
  private readonly undo: Undo[] = [];
  private readonly sets: { readonly [Name in SetName]: RowSet<Rows[Name]> };
  private readonly staged: StagedEntry[] = [];
  protected readonly moved: OrderTransition[] = [];
  protected actor = 'system';
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
      Object.entries(KEY_OF).map(([name, keyOf]) => [name, new RowSet<never>(keyOf, this.undo)]),
    ) as unknown as typeof this.sets;
    for (const row of loaded.orders) this.set('orders').load(row);
    for (const row of loaded.attempts) this.set('orderAttempts').load(row);
    for (const row of loaded.commands) this.set('orderCommands').load(row);
    for (const row of loaded.operations) this.set('operations').load(row);
    for (const row of loaded.protections ?? []) this.set('protectionGroups').load(row);
    for (const row of loaded.positions) this.set('positions').load(row);
    for (const row of loaded.strategyPositions) this.set('strategyPositions').load(row);
    for (const row of loaded.strategies) this.set('strategies').load(row);
    for (const row of loaded.alerts) this.set('alerts').load(row);
    for (const row of loaded.trades) this.set('trades').load(row);
    for (const row of loaded.entries) this.set('positionEntries').load(row);
    for (const row of loaded.brokerOrders) this.set('brokerOrders').load(row);
    for (const row of loaded.tokens ?? []) this.set('apiTokens').load(row);
    for (const row of loaded.signalHooks ?? []) this.set('signalHooks').load(row);
    for (const row of loaded.chatUpdates ?? []) this.set('chatUpdates').load(row);
    for (const row of this.readDays()) this.set('dailyStats').load(row);
  }

  /** Runs one piece of work; if it throws, the view is as it was before. */
  attempt<T>(actor: string, work: (view: this) => T, origin: Origin | null = null): T {
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
  inside<T>(work: (view: this) => T): T {
    return this.attempt(this.actor, work, this.origin);
  }

  // The account, and the journal

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
    for (const [table, mode] of Object.entries(WRITE_MODES) as [SetName, WriteMode][]) {
      const set: Pick<RowSet<unknown>, 'rows' | 'changed' | 'removed'> = this.sets[table];
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
  protected isNew(orderId: string): boolean {
    return this.set('orders').changed.get(orderId) === 'insert';
  }

  /** The days as they were read, each once. */
  protected readDays(): DayRow[] {
    const { day, days = [] } = this.loaded;
    const rows = day === null ? days : [day, ...days];
    return [...new Map(rows.map((row) => [row.day, row])).values()];
  }

  protected set<Name extends SetName>(name: Name): RowSet<Rows[Name]> {
    return this.sets[name];
  }

  protected all<Name extends SetName>(name: Name): Rows[Name][] {
    return [...this.set(name).rows.values()];
  }

  protected find<Name extends SetName>(
    name: Name,
    test: (row: Rows[Name]) => boolean,
    need: keyof Needs,
    value: string,
  ): Rows[Name] | null {
    for (const row of this.set(name).rows.values()) if (test(row)) return row;
    return this.absent(need, value);
  }

  /** Null when the row was asked for and is not there; otherwise asks for it. */
  protected absent(need: keyof Needs, value: string): null {
    this.require(need, value);
    return null;
  }

  protected require(need: keyof Needs, value?: string): void {
    const known = this.known[need];
    const has = value === undefined ? known === true : Array.isArray(known) ? known.includes(value) : false;
    if (has) return;
    throw new MoreNeeded({ [need]: value === undefined ? true : [value] });
  }
}
