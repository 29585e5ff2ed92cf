/** The tables whose rows a transaction of an account may change: how each is written, and what tells rows apart. */
import { positionKeyText } from '../../domain/account.ts';
import type { Order } from '../../domain/order.ts';
import type {
  AlertRow,
  ApiTokenRow,
  AttemptRow,
  BrokerOrderRow,
  BrokerReadRow,
  ChatUpdateRow,
  DayRow,
  EntryRow,
  KillSwitchEventRow,
  OperationRow,
  OrderCommandRow,
  PositionRow,
  ProtectionGroupRow,
  SignalHookRow,
  StrategyPositionRow,
  StrategyRow,
  TradeRow,
  WriteMode,
} from '../account-rows.ts';

export interface Rows {
  readonly orders: Order;
  readonly orderAttempts: AttemptRow;
  readonly orderCommands: OrderCommandRow;
  readonly brokerOrders: BrokerOrderRow;
  readonly brokerReads: BrokerReadRow;
  readonly trades: TradeRow;
  readonly positions: PositionRow;
  readonly positionEntries: EntryRow;
  readonly strategyPositions: StrategyPositionRow;
  readonly dailyStats: DayRow;
  readonly alerts: AlertRow;
  readonly strategies: StrategyRow;
  readonly killSwitchEvents: KillSwitchEventRow;
  readonly operations: OperationRow;
  readonly protectionGroups: ProtectionGroupRow;
  readonly chatUpdates: ChatUpdateRow;
  readonly apiTokens: ApiTokenRow;
  readonly signalHooks: SignalHookRow;
}
export type SetName = keyof Rows;

/** In the order in which they are written: orders before what points at them. */
export const WRITE_MODES = {
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
  killSwitchEvents: 'insert',
  operations: 'upsert',
  protectionGroups: 'upsert',
  chatUpdates: 'upsert',
  apiTokens: 'upsert',
  signalHooks: 'upsert',
} as const satisfies Record<SetName, WriteMode>;

const byId = (row: { readonly id: string }): string => row.id;

/** What tells a row from the others of its table. */
export const KEY_OF: { readonly [Name in SetName]: (row: Rows[Name]) => string } = {
  orders: byId,
  orderAttempts: ({ orderId, attempt }) => `${orderId}/${attempt}`,
  orderCommands: byId,
  brokerOrders: ({ day, brokerOrderId }) => `${day}/${brokerOrderId}`,
  brokerReads: byId,
  trades: (row) => `${row.exchange}/${row.tradeDate}/${row.brokerOrderId}/${row.tradeId}/${row.side}`,
  positions: (row) => `${positionKeyText(row)}/${row.cycle}`,
  positionEntries: byId,
  strategyPositions: (row) => `${row.strategyId}/${row.instrumentId}/${row.product}/${row.cycle}`,
  dailyStats: ({ day }) => day,
  alerts: byId,
  strategies: byId,
  killSwitchEvents: byId,
  operations: byId,
  protectionGroups: byId,
  chatUpdates: ({ key }) => key,
  apiTokens: byId,
  signalHooks: byId,
};
