import { istDateOf } from './calendar.ts';
import { canonicalJson, withoutOrigin } from './journal.ts';
import { Decimal, decimal } from './money.ts';
import type { Order, OrderTerms } from './order.ts';
import { type OrderEvent, acceptedOrder, evolve } from './order-events.ts';
import { ORDER_EVENT_KINDS } from './order-status.ts';

/**
 * Folds what the journal says of orders back into rows, and names every field in which a stored row differs. Pure.
 */

/** An entry of the journal as replay needs it; `data` is the stored text. */
export interface ReplayEntry {
  readonly accountId: string;
  readonly seq: number;
  readonly at: string;
  readonly kind: string;
  readonly entity: string;
  readonly data: string;
}

const EVENTS: ReadonlySet<string> = new Set(ORDER_EVENT_KINDS);
const AMOUNTS = ['price', 'triggerPrice', 'stopLoss', 'takeProfit', 'marketProtection'];
/** When the dispatcher looks is put off without an entry (protocol.md), and failures of steps are not journaled. */
const NOT_JOURNALED: ReadonlySet<string> = new Set(['nextStepAt', 'stepFailures', 'parkedAt']);

/**
 * Orders after their events, by id; entries of one order must come in the account's order. `onStep` sees an order
 * after each event. Throws when an event's order was never accepted, or its data can not be read.
 */
export function foldOrders<Entry extends ReplayEntry>(
  entries: Iterable<Entry>,
  onStep: (order: Order, entry: Entry) => void = () => undefined,
): Map<string, Order> {
  const orders = new Map<string, Order>();
  for (const entry of entries) {
    const next = stepOf(entry, orders.get(entry.entity));
    if (next === null) continue;
    orders.set(entry.entity, next);
    onStep(next, entry);
  }
  return orders;
}

/** The order after an entry; null when the entry is not one of an order's life. */
function stepOf(entry: ReplayEntry, before: Order | undefined): Order | null {
  const accepted = entry.kind === 'OrderAccepted';
  if (!accepted && !EVENTS.has(entry.kind)) return null;
  const data = withoutOrigin(JSON.parse(entry.data) as Record<string, unknown>);
  const at = new Date(entry.at);
  if (accepted) {
    for (const name of AMOUNTS) if (data[name] !== null) data[name] = decimal(data[name] as string);
    return acceptedOrder(
      { ...data, accountId: entry.accountId, id: entry.entity } as unknown as OrderTerms,
      at,
    );
  }
  if (before === undefined) throw new Error(`entry ${entry.seq}: ${entry.kind} of an order never accepted`);
  return evolve(before, { kind: entry.kind, ...data } as OrderEvent, at);
}

/** The order of the trades, as far as their rows repeat it. */
export type TradedOrder = Pick<Order, 'id' | 'strategyId' | 'instrumentId' | 'symbol' | 'product'>;

/** What names a trade within its order. */
interface TradeName {
  readonly exchange: string;
  readonly brokerOrderId: string;
  readonly tradeId: string;
  readonly side: string;
}

const nameOf = ({ exchange, brokerOrderId, tradeId, side }: TradeName): string =>
  `trade ${tradeId}, ${side} on ${exchange}, of ${brokerOrderId}`;

/** Of an event's charges, what the row calls otherwise. */
const CHARGE_COLUMNS: Readonly<Record<string, string>> = { total: 'charges' };

/**
 * A sentence for each journaled field in which a stored trade of one order differs from what its entries tell, for each
 * trade the journal does not know, and for each it knows and no row has. A corrected trade has a new entry and new
 * charges that its event does not tell: the invariants hold those against its position entry.
 */
export function tradeDifferences(
  what: string,
  order: TradedOrder,
  entries: readonly ReplayEntry[],
  stored: readonly TradeName[],
): string[] {
  const expected = new Map<string, Record<string, unknown>>();
  // Of a broker order that turned out to be another order's own, that one has the trades by now.
  const isAbsorbed = entries.some(({ kind }) => kind === 'OrderAbsorbed');
  for (const { kind, data, at } of entries) {
    if (kind !== 'TradeRecorded' && kind !== 'TradeCorrected') continue;
    const event = JSON.parse(data) as Extract<OrderEvent, { kind: 'TradeRecorded' | 'TradeCorrected' }>;
    const name = nameOf(event);
    if (kind === 'TradeRecorded') {
      expected.set(name, recordedTrade(order, event as Extract<OrderEvent, { kind: 'TradeRecorded' }>, at));
      continue;
    }
    const { to } = event as Extract<OrderEvent, { kind: 'TradeCorrected' }>;
    expected.set(name, correctedTrade(expected.get(name) ?? {}, to, at));
  }
  const rows = new Map(stored.map((row) => [nameOf(row), row]));
  return [
    ...[...rows.keys()]
      .filter((name) => !expected.has(name))
      .map((name) => `${what}: ${name} is not in the journal`),
    ...[...expected].flatMap(([name, fields]) => {
      const row = rows.get(name);
      if (row !== undefined) return rowDifferences(`${what}: ${name}`, fields, row);
      return isAbsorbed && fields['annulledAt'] !== null ? [] : [`${what}: ${name} is not stored`];
    }),
  ];
}

function recordedTrade(
  { id, strategyId, instrumentId, symbol, product }: TradedOrder,
  event: Extract<OrderEvent, { kind: 'TradeRecorded' }>,
  at: string,
): Record<string, unknown> {
  const tradedAt = new Date(event.tradedAt);
  const charges = Object.entries(event.charges).map(([name, amount]) => [
    CHARGE_COLUMNS[name] ?? name,
    decimal(amount),
  ]);
  return {
    ...{ orderId: id, strategyId, instrumentId, symbol, product },
    ...{ tradedAt, tradeDate: istDateOf(tradedAt), entryId: event.entryId, recordedAt: new Date(at) },
    ...{ quantity: event.quantity, price: decimal(event.price), annulledAt: null },
    ...(Object.fromEntries(charges) as Record<string, unknown>),
  };
}

const UNTOLD_OF_CORRECTION: ReadonlySet<string> = new Set([
  ...[
    'entryId',
    'charges',
    'brokerage',
    'transactionTax',
    'exchangeCharge',
    'sebiCharge',
    'stampDuty',
    'gst',
  ],
]);

function correctedTrade(
  before: Record<string, unknown>,
  to: { readonly quantity: number; readonly price: string } | null,
  at: string,
): Record<string, unknown> {
  if (to === null) return { ...before, annulledAt: new Date(at) };
  const kept = Object.fromEntries(Object.entries(before).filter(([name]) => !UNTOLD_OF_CORRECTION.has(name)));
  return { ...kept, quantity: to.quantity, price: decimal(to.price), annulledAt: null };
}

/** A sentence for each journaled field of `expected` in which `stored` differs, `what` first. */
export function rowDifferences(what: string, expected: object, stored: object): string[] {
  return Object.entries(expected).flatMap(([field, value]) => {
    if (NOT_JOURNALED.has(field)) return [];
    const [wanted, found] = [plain(value), plain(Reflect.get(stored, field))];
    return wanted === found ? [] : [`${what}: ${field} is ${found}, replay gives ${wanted}`];
  });
}

/** Equal text for equal values: decimals without trailing zeros, instants, JSON. */
function plain(value: unknown): string {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'no time' : value.toISOString();
  if (Decimal.isDecimal(value)) return value.toFixed();
  return value === undefined ? 'undefined' : canonicalJson(value);
}
