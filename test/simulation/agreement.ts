/** Order by order, trade by trade, position by position: what the exchange holds is what our books hold. */
import { decimal } from '../../src/domain/money.ts';
import type { World } from './world.ts';

interface OrderRow {
  readonly broker_order_id: string;
  readonly tag: string | null;
  readonly symbol: string;
  readonly side: string;
  readonly quantity: number;
  readonly filled_quantity: number;
  readonly final: boolean;
  readonly twin: boolean;
}

/** The differences of one account, in words. */
export async function agreement(world: World, account: string): Promise<string[]> {
  const book = await world.book(account);
  const orders = await world.ask<OrderRow>(
    `select broker_order_id, attempt_tag as tag, symbol, side, quantity, filled_quantity,
      finished_at is not null as final, cause = 'TWIN' as twin
      from orders where account_id = $1 and broker_order_id is not null`,
    [account],
  );
  const trades = await world.ask<Record<string, string | number>>(
    `select broker_order_id, trade_id, side, quantity, price::text, symbol, product from trades
      where account_id = $1 and annulled_at is null`,
    [account],
  );
  const positions = await world.ask<{ symbol: string; product: string; quantity: number }>(
    `select symbol, product, sum(quantity)::int as quantity from positions where account_id = $1
      group by 1, 2 having sum(quantity) <> 0`,
    [account],
  );
  const twins = new Set(orders.filter(({ twin }) => twin).map((row) => row.broker_order_id));
  const tags = book.orders.filter((order) => !twins.has(order.order_id)).flatMap(({ tag }) => tag ?? []);
  const doubled = tags.filter((tag, n) => tags.indexOf(tag) !== n);
  return [
    ...doubled.map((tag) => `${account}: two broker orders carry the tag ${tag}`),
    ...compare(
      `${account} orders`,
      book.orders.map(
        (o) =>
          `${o.order_id} ${o.tradingsymbol} ${o.transaction_type} ${o.filled_quantity} ${o.is_final ? 'final' : 'live'}`,
      ),
      orders.map(
        (o) =>
          `${o.broker_order_id} ${o.symbol} ${o.side} ${o.filled_quantity} ${o.final ? 'final' : 'live'}`,
      ),
    ),
    ...compare(
      `${account} trades`,
      book.trades.map(
        (t) =>
          `${t.order_id} ${t.trade_id} ${t.tradingsymbol} ${t.product} ${t.transaction_type} ${t.quantity} ${decimal(t.price).toFixed()}`,
      ),
      trades.map(
        (t) =>
          `${t['broker_order_id']} ${t['trade_id']} ${t['symbol']} ${t['product']} ${t['side']} ${t['quantity']} ${decimal(String(t['price'])).toFixed()}`,
      ),
    ),
    ...compare(
      `${account} positions`,
      book.positions
        .filter(({ quantity }) => quantity !== 0)
        .map((held) => `${held.tradingsymbol} ${held.product} ${held.quantity}`),
      positions.map((held) => `${held.symbol} ${held.product} ${held.quantity}`),
    ),
  ];
}

function compare(what: string, theirs: readonly string[], ours: readonly string[]): string[] {
  const has = new Set(ours);
  const wanted = new Set(theirs);
  const missing = theirs.filter((line) => !has.has(line)).map((line) => `${what}: we lack ${line}`);
  const extra = ours.filter((line) => !wanted.has(line)).map((line) => `${what}: the exchange lacks ${line}`);
  const repeated = ours.length === has.size ? [] : [`${what}: a line is there twice`];
  return [...missing, ...extra, ...repeated].slice(0, 8);
}
