import { decimal, formatMoney, toPaise } from '../../domain/money.ts';
import { averagePrice } from '../../domain/position.ts';
import type { Database } from '../client.ts';

/** How one position stands, as text for a person; amounts to the paisa. */
export interface OpenPositionLine {
  readonly accountId: string;
  readonly symbol: string;
  readonly quantity: number;
  readonly averagePrice: string;
  readonly lastPrice: string | null;
  readonly realizedPnl: string;
  readonly totalPnl: string;
  readonly charges: string;
  readonly netPnl: string;
  readonly now: Date;
}

interface Row {
  readonly account_id: string;
  readonly symbol: string;
  readonly quantity: number;
  readonly open_value: string;
  readonly multiplier: string;
  readonly realized_pnl: string;
  readonly charges: string;
  readonly last_price: string | null;
  readonly unrealized_pnl: string | null;
  readonly now: Date;
}

/** A fill: the position that it went into stands at its price. */
export interface FillOf {
  readonly accountId: string;
  readonly orderId: string;
  readonly price: string;
}

/** All open positions at their marks; or the newest cycle that a fill went into, at the fill's price. */
export async function readOpenPositionLines(db: Database, fill: FillOf | null): Promise<OpenPositionLine[]> {
  const where =
    fill === null
      ? `p.status = 'OPEN'`
      : `(p.account_id, p.instrument_id, p.product) = (select account_id, instrument_id, product from orders
          where account_id = $1 and id = $2)
        and p.cycle = (select max(cycle) from positions k where k.account_id = p.account_id
          and k.instrument_id = p.instrument_id and k.product = p.product and k.managed_by = p.managed_by)`;
  const { rows } = await db.reads.query<Row>({
    name: fill === null ? 'sauda_open_lines' : 'sauda_order_lines',
    text: `select p.account_id, p.symbol, p.quantity, p.open_value, p.multiplier, p.realized_pnl, p.charges,
        m.last_price, m.unrealized_pnl, sauda.clock() as now
      from positions p left join position_marks m using (account_id, instrument_id, product, managed_by, cycle)
      where ${where} order by p.account_id, p.symbol`,
    values: fill === null ? [] : [fill.accountId, fill.orderId],
  });
  return rows.map((row) => toLine(row, fill?.price ?? null));
}

function toLine(row: Row, fillPrice: string | null): OpenPositionLine {
  const realized = decimal(row.realized_pnl);
  const lastPrice = fillPrice ?? row.last_price;
  const unrealized = fillPrice === null ? row.unrealized_pnl : unrealizedAt(row, fillPrice);
  const total = realized.plus(row.quantity === 0 ? 0 : (unrealized ?? 0));
  const charges = decimal(row.charges);
  const average = averagePrice({
    quantity: row.quantity,
    openValue: decimal(row.open_value),
    multiplier: decimal(row.multiplier),
  });
  return {
    accountId: row.account_id,
    symbol: row.symbol,
    quantity: row.quantity,
    averagePrice: average === null ? '' : formatMoney(average),
    lastPrice: lastPrice === null ? null : formatMoney(decimal(lastPrice)),
    realizedPnl: formatMoney(toPaise(realized)),
    totalPnl: formatMoney(toPaise(total)),
    charges: formatMoney(toPaise(charges)),
    netPnl: formatMoney(toPaise(total.minus(charges))),
    now: row.now,
  };
}

/** The position's mark is of a moment ago, and perhaps of another quantity. */
function unrealizedAt({ quantity, open_value, multiplier }: Row, price: string): string {
  const value = decimal(price).times(Math.abs(quantity)).times(multiplier);
  return (quantity > 0 ? value.minus(open_value) : decimal(open_value).minus(value)).toFixed();
}

/** By what a person knows an order: its clientOrderId, or whose stop, target or exit it is. */
export interface OrderLabel {
  readonly clientOrderId: string;
  readonly role: string;
  /** The clientOrderId of the order that it guards or leaves; null for an order of its own. */
  readonly parent: string | null;
}

export async function readOrderLabel(
  db: Database,
  accountId: string,
  orderId: string,
): Promise<OrderLabel | null> {
  const { rows } = await db.reads.query<OrderLabel>({
    name: 'sauda_order_label',
    text: `select o.client_order_id as "clientOrderId", o.role, p.client_order_id as parent
      from orders o left join orders p on (p.account_id, p.id) = (o.account_id, o.parent_order_id)
      where o.account_id = $1 and o.id = $2`,
    values: [accountId, orderId],
  });
  return rows[0] ?? null;
}
