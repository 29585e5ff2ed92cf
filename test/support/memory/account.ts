/**
 * One account in memory behind the same door as in Postgres: real work on a real view, whose writes are kept when it
 * commits and dropped when it does not. For tests that run thousands of stories.
 */
import type { Needs } from '../../../src/db/account-load.ts';
import {
  type AccountRow,
  type AlertRow,
  type AttemptRow,
  type BrokerOrderRow,
  type DayRow,
  type EntryRow,
  type OrderCommandRow,
  type OrderRow,
  type PositionRow,
  type TableWrite,
  type TradeRow,
  codecs,
} from '../../../src/db/account-rows.ts';
import type { AccountTransactions } from '../../../src/db/account-transaction.ts';
import { AccountView } from '../../../src/db/account-view.ts';
import { CommitUnknownError } from '../../../src/db/errors.ts';
import { tradingDayOf } from '../../../src/domain/calendar.ts';
import { ZERO, decimal } from '../../../src/domain/money.ts';
import type { StoredEntry } from '../pipeline/replay.ts';

/** What becomes of the next commit: the process dies before it, or does not hear of it. */
export type CommitFault = 'lost' | 'unheard';

export class ProcessDied extends Error {
  override readonly name = 'ProcessDied';
}

type Key = (row: Record<string, unknown>) => string;
const by =
  (...columns: readonly string[]): Key =>
  (row) =>
    columns.map((column) => String(row[column])).join('/');

const KEYS: Partial<Record<TableWrite['table'], Key>> = {
  orders: by('id'),
  orderAttempts: by('order_id', 'attempt'),
  orderCommands: by('id'),
  brokerOrders: by('day', 'broker_order_id'),
  trades: by('exchange', 'trade_date', 'broker_order_id', 'trade_id', 'side'),
  positions: by('instrument_id', 'product', 'managed_by', 'cycle'),
  positionEntries: by('id'),
  dailyStats: by('day'),
  alerts: by('id'),
};

/** Every row is there for whoever asks. */
class Everything extends Array<string> {
  override includes(): boolean {
    return true;
  }
}
const LISTS: ReadonlySet<string> = new Set([
  ...['orders', 'clientOrderIds', 'brokerOrderIds', 'tags', 'commandsOf', 'commandKeys', 'tradesOf'],
  ...['positionKeys', 'entriesOf', 'cyclesOf', 'strategyPositions', 'strategyCyclesOf', 'operations'],
  ...['submittedSince', 'brokerOrders', 'days', 'openOfStrategies', 'tradedToday', 'alerts'],
]);
const ALL: Needs = new Proxy(
  {},
  {
    get: (_, name) =>
      name === 'finishedWithinMs' ? Infinity : LISTS.has(String(name)) ? new Everything() : true,
  },
);

export class MemoryAccount implements AccountTransactions {
  now: Date;
  /** Strikes the next commit, once. */
  fault: CommitFault | null = null;
  readonly journal: StoredEntry[] = [];
  private account: AccountRow;
  private readonly tables = new Map<TableWrite['table'], Map<string, unknown>>();

  constructor(account: AccountRow, now: Date) {
    this.account = account;
    this.now = now;
  }

  withAccount: AccountTransactions['withAccount'] = (work) => {
    try {
      const view = this.view();
      const value = view.attempt(work.actor, work.run);
      const changed = view.entries.length > 0 || view.budgetChanged || view.writes().length > 0;
      const fault = changed ? this.fault : null;
      if (changed) this.fault = null;
      if (fault === 'lost') throw new ProcessDied('before the commit');
      if (changed) this.commit(view);
      if (fault === 'unheard') throw new CommitUnknownError(null);
      return Promise.resolve(value);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  };

  /** Work outside any story: what the rows are. */
  read<T>(work: (view: AccountView) => T): T {
    return this.view().attempt('test', work);
  }

  orders = (): OrderRow[] => this.rows('orders');
  attempts = (): AttemptRow[] => this.rows('orderAttempts');
  commands = (): OrderCommandRow[] => this.rows('orderCommands');
  trades = (): TradeRow[] => this.rows('trades');
  entries = (): EntryRow[] => this.rows('positionEntries');
  positions = (): PositionRow[] => this.rows('positions');
  alerts = (): AlertRow[] => this.rows('alerts');

  private rows<Row>(table: TableWrite['table']): Row[] {
    return [...(this.tables.get(table)?.values() ?? [])] as Row[];
  }

  private view(): AccountView {
    const days = this.rows<DayRow>('dailyStats');
    const net = days.reduce(
      (total, { realizedPnl, charges }) => total.plus(realizedPnl).minus(charges),
      ZERO,
    );
    const readAtMs = performance.now();
    return new AccountView(
      {
        now: this.now,
        realNow: this.now,
        readStartedMs: readAtMs,
        readEndedMs: readAtMs,
        account: this.account,
        day: days.find(({ day }) => day === tradingDayOf(this.now)) ?? null,
        days,
        orders: this.orders(),
        attempts: this.attempts(),
        commands: this.commands(),
        operations: [],
        trades: this.trades(),
        positions: this.positions(),
        entries: this.entries(),
        strategyPositions: [],
        strategies: [],
        alerts: this.alerts(),
        brokerOrders: this.rows<BrokerOrderRow>('brokerOrders'),
        baseline: { netRealized: net, cashFlows: decimal(0), unrealized: decimal(0) },
      },
      ALL,
    );
  }

  private commit(view: AccountView): void {
    for (const { table, mode, rows } of view.writes()) {
      const key = KEYS[table];
      if (key === undefined) continue;
      const kept = this.tables.get(table) ?? new Map<string, unknown>();
      this.tables.set(table, kept);
      const codec = codecs[table] as {
        readonly columns: readonly string[];
        decode(values: readonly unknown[]): unknown;
      };
      for (const row of rows) {
        if (mode === 'delete') kept.delete(key(row));
        else kept.set(key(row), codec.decode(codec.columns.map((column) => row[column] ?? null)));
      }
    }
    for (const entry of view.entries) {
      const seq = this.journal.length + 1;
      this.journal.push({
        ...entry,
        accountId: this.account.id,
        version: 1,
        seq,
        at: this.now.toISOString(),
        hash: '',
      });
    }
    if (view.budgetChanged) this.account = { ...this.account, budget: view.account.budget };
    this.account = { ...this.account, ...view.accountChange(), seq: this.journal.length };
  }
}
