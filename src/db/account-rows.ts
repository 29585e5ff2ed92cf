import * as schema from './schema/index.ts';
import { rowCodec } from './row-codec.ts';

/** Codecs of the tables that account transactions read and write. */
export const codecs = {
  accounts: rowCodec(schema.accounts),
  strategies: rowCodec(schema.strategies),
  orders: rowCodec(schema.orders),
  orderAttempts: rowCodec(schema.orderAttempts),
  orderCommands: rowCodec(schema.orderCommands),
  brokerOrders: rowCodec(schema.brokerOrders),
  brokerReads: rowCodec(schema.brokerReads),
  trades: rowCodec(schema.trades),
  positions: rowCodec(schema.positions),
  positionEntries: rowCodec(schema.positionEntries),
  positionMarks: rowCodec(schema.positionMarks),
  strategyPositions: rowCodec(schema.strategyPositions),
  dailyStats: rowCodec(schema.dailyStats),
  alerts: rowCodec(schema.alerts),
  cashFlows: rowCodec(schema.cashFlows),
  killSwitchEvents: rowCodec(schema.killSwitchEvents),
  operations: rowCodec(schema.operations),
  protectionGroups: rowCodec(schema.protectionGroups),
  chatUpdates: rowCodec(schema.chatUpdates),
  apiTokens: rowCodec(schema.apiTokens),
  signalHooks: rowCodec(schema.signalHooks),
  journal: rowCodec(schema.journal),
} as const;

export type OrderRow = typeof schema.orders.$inferSelect;
export type AttemptRow = typeof schema.orderAttempts.$inferSelect;
export type OrderCommandRow = typeof schema.orderCommands.$inferSelect;
export type TradeRow = typeof schema.trades.$inferSelect;
export type PositionRow = typeof schema.positions.$inferSelect;
export type EntryRow = typeof schema.positionEntries.$inferSelect;
export type StrategyPositionRow = typeof schema.strategyPositions.$inferSelect;
export type DayRow = typeof schema.dailyStats.$inferSelect;
export type AlertRow = typeof schema.alerts.$inferSelect;
export type StrategyRow = typeof schema.strategies.$inferSelect;
export type KillSwitchEventRow = typeof schema.killSwitchEvents.$inferSelect;
export type OperationRow = typeof schema.operations.$inferSelect;
export type ProtectionGroupRow = typeof schema.protectionGroups.$inferSelect;
export type ChatUpdateRow = typeof schema.chatUpdates.$inferSelect;
export type ApiTokenRow = typeof schema.apiTokens.$inferSelect;
export type SignalHookRow = typeof schema.signalHooks.$inferSelect;
export type BrokerOrderRow = typeof schema.brokerOrders.$inferSelect;
export type BrokerReadRow = typeof schema.brokerReads.$inferSelect;
export type AccountRow = typeof schema.accounts.$inferSelect;

/** How a table's rows are written: insert only; insert or replace, or delete, by primary key; change known rows. */
export type WriteMode = 'insert' | 'upsert' | 'update' | 'delete';

interface WritePart {
  readonly key: string;
  readonly sql: (parameter: string) => string;
}

const PRIMARY_KEYS: Readonly<Record<string, readonly string[]>> = {
  orders: ['account_id', 'id'],
  order_attempts: ['account_id', 'order_id', 'attempt'],
  order_commands: ['account_id', 'id'],
  broker_orders: ['account_id', 'day', 'broker_order_id'],
  trades: ['account_id', 'exchange', 'trade_date', 'broker_order_id', 'trade_id', 'side'],
  positions: ['account_id', 'instrument_id', 'product', 'managed_by', 'cycle'],
  position_marks: ['account_id', 'instrument_id', 'product', 'managed_by', 'cycle'],
  strategy_positions: ['account_id', 'strategy_id', 'instrument_id', 'product', 'cycle'],
  daily_stats: ['account_id', 'day'],
  alerts: ['account_id', 'id'],
  strategies: ['account_id', 'id'],
  operations: ['account_id', 'id'],
  protection_groups: ['account_id', 'id'],
  chat_updates: ['account_id', 'key'],
  api_tokens: ['id'],
  signal_hooks: ['account_id', 'id'],
};

/** Terms that never change after an order was accepted: left out of updates. */
const ORDER_FIXED = new Set([
  'client_order_id',
  'request_hash',
  'strategy_id',
  'instrument_id',
  'exchange',
  'symbol',
  'side',
  'product',
  'metadata',
  'role',
  'cause',
  'created_at',
]);

type TableName = Exclude<keyof typeof codecs, 'accounts'>;

function writePart(name: TableName, mode: WriteMode): WritePart {
  const { table, columns } = codecs[name];
  const keys = PRIMARY_KEYS[table] ?? [];
  const rest = columns.filter((column) => !keys.includes(column));
  const rows = (parameter: string) => `json_populate_recordset(null::${table}, ${parameter}::json) s`;
  const list = columns.join(', ');
  const source = columns.map((column) => `s.${column}`).join(', ');
  if (mode === 'insert') {
    return {
      key: `${name}:i`,
      sql: (p) => `insert into ${table} (${list}) select ${source} from ${rows(p)}`,
    };
  }
  if (mode === 'delete') {
    const same = keys.map((column) => `t.${column} = s.${column}`).join(' and ');
    return { key: `${name}:d`, sql: (p) => `delete from ${table} t using ${rows(p)} where ${same}` };
  }
  // A change is an upsert, too: it finds its row by the primary key in any plan, while an update joined to the
  // document reads the whole table as long as that table has no statistics.
  const set = rest
    .filter((column) => mode !== 'update' || table !== 'orders' || !ORDER_FIXED.has(column))
    .map((column) => `${column} = excluded.${column}`)
    .join(', ');
  const conflict = `on conflict (${keys.join(', ')}) do update set ${set}`;
  return {
    key: `${name}:${mode === 'upsert' ? 'p' : 'u'}`,
    sql: (p) => `insert into ${table} (${list}) select ${source} from ${rows(p)} ${conflict}`,
  };
}

const parts = new Map<string, WritePart>();

function partOf(name: TableName, mode: WriteMode): WritePart {
  const id = `${name}/${mode}`;
  let part = parts.get(id);
  if (part === undefined) parts.set(id, (part = writePart(name, mode)));
  return part;
}

export interface TableWrite {
  readonly table: TableName;
  readonly mode: WriteMode;
  readonly rows: readonly Record<string, unknown>[];
}

const statements = new Map<string, { name: string; text: string }>();

/**
 * One statement that makes all changes of an account transaction: data-modifying CTEs, and the account row last.
 * It fails when the account's seq is not the one expected: null is refused there.
 * Parameters: $1 account, $2 seq expected, $3 new seq, $4 new head, $5 budget (json or null), then one JSON each,
 * and at the end the account's other changed columns, if any.
 */
export function writeStatement(
  writes: readonly TableWrite[],
  accountChange: Partial<AccountRow> | null = null,
): {
  name: string;
  text: string;
  values: string[];
} {
  const chosen = writes.map((write) => partOf(write.table, write.mode));
  const change = accountChange === null ? {} : codecs.accounts.encode(accountChange as AccountRow);
  const columns = Object.keys(accountChange ?? {})
    .map((property) => codecs.accounts.columnOf(property as keyof AccountRow))
    .sort();
  const key = [...chosen.map((part) => part.key), ...columns].join('+');
  let statement = statements.get(key);
  if (statement === undefined) {
    const ctes = chosen.map((part, index) => `w${index} as (${part.sql(`$${index + 6}`)})`).join(',\n');
    const document = `$${chosen.length + 6}`;
    const changed = columns.map((column) => `, ${column} = n.${column}`).join('');
    const from = columns.length === 0 ? '' : `from json_populate_record(null::accounts, ${document}::json) n`;
    statement = {
      name: `sauda_write_${statements.size}`,
      text: `${chosen.length === 0 ? '' : `with ${ctes}`}
        update accounts a set seq = case when a.seq = $2::bigint then $3::bigint end, head = $4,
          budget = coalesce($5::jsonb, a.budget), updated_at = clock_timestamp()${changed}
        ${from} where a.id = $1`,
    };
    statements.set(key, statement);
  }
  const documents = writes.map((write) => JSON.stringify(write.rows));
  return { ...statement, values: columns.length === 0 ? documents : [...documents, JSON.stringify(change)] };
}
