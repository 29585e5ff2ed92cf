import { canonicalJson, withoutOrigin } from './journal.ts';
import { Decimal, decimal } from './money.ts';
import { type Order, type OrderEvent, type OrderTerms, acceptedOrder, evolve } from './order.ts';
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

/** A trade as it is stored, in the fields its entry carries. */
export interface ReplayedTrade {
  readonly tradeId: string;
  readonly side: string;
  readonly quantity: number;
  readonly price: Decimal;
  readonly entryId: string;
}

/**
 * A sentence for each trade of one order that the journal does not know, or knows otherwise, and for each it knows and
 * no row has. Nothing for an order whose trades the exchange corrected: its rows are no longer those first recorded.
 */
export function tradeDifferences(
  what: string,
  entries: readonly ReplayEntry[],
  stored: readonly ReplayedTrade[],
): string[] {
  if (entries.some(({ kind }) => kind === 'TradeCorrected')) return [];
  const textOf = (trade: Omit<ReplayedTrade, 'price'> & { readonly price: string }): string =>
    `trade ${trade.tradeId}, ${trade.side} ${trade.quantity} at ${trade.price}, entry ${trade.entryId}`;
  const said = entries
    .filter(({ kind }) => kind === 'TradeRecorded')
    .map(({ data }) => JSON.parse(data) as Omit<ReplayedTrade, 'price'> & { readonly price: string })
    .map((trade) => textOf({ ...trade, price: decimal(trade.price).toFixed() }));
  const rows = stored.map((trade) => textOf({ ...trade, price: trade.price.toFixed() }));
  return [
    ...rows.filter((row) => !said.includes(row)).map((row) => `${what}: ${row} is not in the journal`),
    ...said.filter((text) => !rows.includes(text)).map((text) => `${what}: ${text} is not stored`),
  ];
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
  if (value instanceof Date) return value.toISOString();
  if (Decimal.isDecimal(value)) return value.toFixed();
  return value === undefined ? 'undefined' : canonicalJson(value);
}
