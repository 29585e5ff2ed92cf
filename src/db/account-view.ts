import type { PositionKey } from '../domain/account.ts';
import type {
  ApiTokenRow,
  BrokerOrderRow,
  BrokerReadRow,
  ChatUpdateRow,
  KillSwitchEventRow,
  OperationRow,
  ProtectionGroupRow,
  SignalHookRow,
  StrategyRow,
} from './account-rows.ts';
import { PositionsView } from './view/positions-view.ts';

export { MoreNeeded, type OrderTransition, type Origin, type StagedEntry } from './view/base-view.ts';

/**
 * An account as one transaction sees it: the only place where its rows change. Nothing here talks to Postgres;
 * work runs to its end in memory, and all its changes are written at once, or none.
 */
export class AccountView extends PositionsView {
  // Halts

  insertKillSwitchEvent(row: KillSwitchEventRow): void {
    this.set('killSwitchEvents').put(row);
  }

  operation(id: string): OperationRow | null {
    return this.set('operations').rows.get(id) ?? this.absent('operations', id);
  }

  runningOperations(): OperationRow[] {
    this.require('runningOperations');
    return this.all('operations').filter(({ state }) => state === 'RUNNING');
  }

  /** Writes an operation; `kind` is what the journal says of it. Null: progress that is not worth an entry. */
  putOperation(row: OperationRow, kind: string | null): void {
    this.set('operations').put(row);
    const { state, kind: what, details, startedBy } = row;
    if (kind !== null) this.note(kind, row.id, { kind: what, state, details, startedBy });
  }

  // Protection

  /** Live protection groups, oldest first. */
  protections(): ProtectionGroupRow[] {
    this.require('protections');
    return this.all('protectionGroups')
      .filter(({ endedAt }) => endedAt === null)
      .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1));
  }

  /** Writes a group; `kind` and `data` are what the journal says of it, at its parent. Null: nothing worth an entry. */
  putProtection(
    row: ProtectionGroupRow,
    entry: { readonly kind: string; readonly data: Readonly<Record<string, unknown>> } | null,
  ): void {
    this.set('protectionGroups').put(row);
    if (entry !== null) this.note(entry.kind, row.parentOrderId, { groupId: row.id, ...entry.data });
  }

  /** What each strategy holds of a key, signed, of the keys that have live groups. */
  ownersOf({ instrumentId, product }: Omit<PositionKey, 'managedBy'>): Map<string, number> {
    this.require('protections');
    return new Map(
      this.all('strategyPositions')
        .filter(
          (row) => row.status === 'OPEN' && row.instrumentId === instrumentId && row.product === product,
        )
        .map(({ strategyId, quantity }) => [strategyId, quantity]),
    );
  }

  // The rest

  strategy(id: string): StrategyRow | null {
    this.require('strategies');
    return this.set('strategies').rows.get(id) ?? null;
  }

  /** `data` is what the journal says of it, when that is more than how the strategy stands. */
  putStrategy(row: StrategyRow, kind: string, data: Readonly<Record<string, unknown>> = {}): void {
    this.set('strategies').put(row);
    const { name, enabled, tradingState } = row;
    this.note(kind, row.id, { name, enabled, tradingState, ...data });
  }

  brokerOrder(day: string, brokerOrderId: string): BrokerOrderRow | null {
    this.require('brokerOrders', brokerOrderId);
    return this.set('brokerOrders').rows.get(`${day}/${brokerOrderId}`) ?? null;
  }

  putBrokerOrder(row: BrokerOrderRow): void {
    this.set('brokerOrders').put(row);
  }

  putBrokerRead(row: BrokerReadRow): void {
    this.set('brokerReads').put(row);
  }

  /** What a person sent, by its key; null: it was never kept. */
  chatUpdate(key: string): ChatUpdateRow | null {
    return this.set('chatUpdates').rows.get(key) ?? this.absent('chatUpdates', key);
  }

  /** Delivery state, not journaled: what it caused is. */
  putChatUpdate(row: ChatUpdateRow): void {
    this.set('chatUpdates').put(row);
  }

  /** A bearer token, revoked or not; null when there is none. They belong to account `system`. */
  token(id: string): ApiTokenRow | null {
    return this.set('apiTokens').rows.get(id) ?? this.absent('tokens', id);
  }

  putToken(row: ApiTokenRow, kind: string, data: Readonly<Record<string, unknown>>): void {
    this.set('apiTokens').put(row);
    this.note(kind, row.id, data);
  }

  /** An address for alerts of a charting service, revoked or not; null when there is none. */
  signalHook(id: string): SignalHookRow | null {
    return this.set('signalHooks').rows.get(id) ?? this.absent('signalHooks', id);
  }

  putSignalHook(row: SignalHookRow, kind: string, data: Readonly<Record<string, unknown>>): void {
    this.set('signalHooks').put(row);
    this.note(kind, row.id, data);
  }

  /** What came of alerts, told by noteSignal: not journaled again. */
  keepSettledSignals(row: SignalHookRow): void {
    this.set('signalHooks').put(row);
  }

  /** What came of an alert that was posted to the hook. */
  noteSignal(
    hookId: string,
    kind: 'SignalTaken' | 'SignalRefused',
    data: Readonly<Record<string, unknown>>,
  ): void {
    this.note(kind, hookId, data);
  }
}
