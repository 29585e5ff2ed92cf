import { err, ok, type Result } from '../lib/result.ts';
import type { Account } from './account.ts';
import { chargesRow, orderCharges, rupeesDecimal } from './charges.ts';
import { addBlocked, type Blocked, marginOf, noneBlocked, totalBlocked } from './funds.ts';
import type { KiteError } from './kite-error.ts';
import type { Market, Quote } from './market.ts';
import { floorToTick, protect } from './matching.ts';
import type { Product, Side } from './order.ts';
import { type Paise, rupees } from './paise.ts';
import { isRecord } from './settings.ts';

type Row = Record<string, unknown>;
type Answer<T> = Result<T, KiteError>;

interface Item {
  readonly row: Row;
  readonly quote: Quote;
  readonly side: Side;
  readonly product: Product;
  readonly quantity: number;
  readonly price: Paise;
}

const MAX_ITEMS = 500;
const PRODUCTS: readonly Product[] = ['CNC', 'MIS', 'NRML', 'MTF'];

/** POST /margins/orders: each order on its own. The compact mode shows no components, as Kite documents. */
export function orderMargins(body: unknown, market: Market, compact: boolean): Answer<Row[]> {
  const items = readItems(body, market, 'price');
  if (!items.ok) return items;
  return ok(items.value.map((item) => marginRow(item, marginOfItem(item), compact)));
}

/**
 * POST /margins/basket: the orders one by one (`initial`), and together with what is there already (`final`).
 * `account` null leaves positions and live orders out.
 */
export function basketMargins(
  body: unknown,
  market: Market,
  account: Account | null,
  compact: boolean,
): Answer<Row> {
  const items = readItems(body, market, 'price');
  if (!items.ok) return items;
  const initial = noneBlocked();
  for (const item of items.value) addBlocked(initial, marginOfItem(item));
  const final = account === null ? initial : added(items.value, account, market);
  return ok({
    initial: { ...emptyMarginRow(), ...components(initial), total: rupees(totalBlocked(initial)) },
    final: { ...emptyMarginRow(), ...components(final), total: rupees(totalBlocked(final)) },
    orders: items.value.map((item) => marginRow(item, marginOfItem(item), compact)),
    charges: chargesRow(null),
  });
}

/** POST /charges/orders: a virtual contract note. */
export function contractNotes(body: unknown, market: Market): Answer<Row[]> {
  const items = readItems(body, market, 'average_price');
  if (!items.ok) return items;
  return ok(
    items.value.map((item) => ({
      transaction_type: item.side,
      tradingsymbol: item.quote.instrument.tradingsymbol,
      exchange: item.quote.instrument.exchange,
      variety: item.row['variety'] ?? 'regular',
      product: item.product,
      order_type: item.row['order_type'] ?? 'LIMIT',
      quantity: item.quantity,
      price: rupees(item.price),
      charges: chargesRow(chargesOf(item, 'rupee')),
    })),
  );
}

function chargesOf(item: Item, rounding: 'rupee' | 'paise'): ReturnType<typeof orderCharges> {
  const turnover = rupeesDecimal(item.quantity * item.price);
  return orderCharges(item.quote.instrument.type, item.product, item.side, turnover, rounding);
}

function marginOfItem(item: Item): Blocked {
  return marginOf(item.quote.instrument, item.product, item.side, item.quantity, item.price);
}

/** What the items block on top of the account's present margin, head by head. */
function added(items: readonly Item[], account: Account, market: Market): Blocked {
  const before = account.blocked(market);
  const extras = items.map(({ quote, product, side, quantity, price }) => ({
    token: quote.instrument.token,
    product,
    side,
    quantity,
    price,
  }));
  const after = account.blocked(market, undefined, extras);
  return {
    span: after.span - before.span,
    exposure: after.exposure - before.exposure,
    premium: after.premium - before.premium,
    equity: after.equity - before.equity,
  };
}

function components(blocked: Blocked): Row {
  return {
    span: rupees(blocked.span),
    exposure: rupees(blocked.exposure),
    option_premium: rupees(blocked.premium),
    var: rupees(blocked.equity),
  };
}

function emptyMarginRow(): Row {
  return {
    type: '',
    tradingsymbol: '',
    exchange: '',
    span: 0,
    exposure: 0,
    option_premium: 0,
    additional: 0,
    bo: 0,
    cash: 0,
    var: 0,
    pnl: { realised: 0, unrealised: 0 },
    leverage: 0,
    charges: chargesRow(null),
    total: 0,
  };
}

function marginRow(item: Item, blocked: Blocked, compact: boolean): Row {
  const { instrument } = item.quote;
  const intraday = instrument.type === 'EQ' && item.product === 'MIS';
  return {
    ...emptyMarginRow(),
    type: 'equity',
    tradingsymbol: instrument.tradingsymbol,
    exchange: instrument.exchange,
    ...(compact ? {} : components(blocked)),
    leverage: intraday ? 5 : 1,
    charges: chargesRow(compact ? null : chargesOf(item, 'paise')),
    total: rupees(totalBlocked(blocked)),
  };
}

function readItems(body: unknown, market: Market, priceField: 'price' | 'average_price'): Answer<Item[]> {
  if (!Array.isArray(body)) return refused('Invalid JSON: an array of orders is expected.');
  if (body.length > MAX_ITEMS) return refused(`At most ${MAX_ITEMS} orders are allowed.`);
  const items: Item[] = [];
  for (const row of body as unknown[]) {
    const item = readItem(row, market, priceField);
    if (!item.ok) return item;
    items.push(item.value);
  }
  return ok(items);
}

function readItem(row: unknown, market: Market, priceField: 'price' | 'average_price'): Answer<Item> {
  if (!isRecord(row)) return refused('Invalid JSON: an order is an object.');
  const quote = market.find(`${String(row['exchange'])}:${String(row['tradingsymbol'])}`);
  if (quote === undefined) return refused('Invalid `tradingsymbol`.');
  const side = row['transaction_type'];
  if (side !== 'BUY' && side !== 'SELL') return refused('Invalid `transaction_type`.');
  const product = PRODUCTS.find((name) => name === row['product']);
  if (product === undefined) return refused('Invalid `product`.');
  const quantity = Number(row['quantity']);
  if (!Number.isSafeInteger(quantity) || quantity <= 0) return refused('Invalid `quantity`.');
  const given = Math.round(Number(row[priceField] ?? 0) * 100);
  if (!Number.isFinite(given) || given < 0) return refused(`Invalid \`${priceField}\`.`);
  if (given === 0 && priceField === 'average_price') return refused('Missing or empty field `average_price`');
  const trigger = Math.round(Number(row['trigger_price'] ?? 0) * 100);
  const price = given > 0 ? given : trigger > 0 ? trigger : marketPrice(quote, side);
  return ok({ row, quote, side, product, quantity, price });
}

/** A market order's margin is computed at its automatic protection. */
function marketPrice(quote: Quote, side: Side): Paise {
  return side === 'BUY' ? protect(side, -1, quote).price : floorToTick(quote.last, quote.tick);
}

function refused(message: string): { readonly ok: false; readonly error: KiteError } {
  return err({ status: 400, errorType: 'InputException', message });
}
