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

/** All open positions; or, with an account and an order, the newest cycle of that order's key. */
export async function readOpenPositionLines(
  db: Database,
  accountId: string | null,
  orderId: string | null,
): Promise<OpenPositionLine[]> {
  const where =
    orderId === null
      ? `p.status = 'OPEN'`
      : `(p.account_id, p.instrument_id, p.product) = (select account_id, instrument_id, product from orders
          where account_id = $1 and id = $2)
        and p.cycle = (select max(cycle) from positions k where k.account_id = p.account_id
          and k.instrument_id = p.instrument_id and k.product = p.product and k.managed_by = p.managed_by)`;
  const { rows } = await db.reads.query<Row>({
    name: orderId === null ? 'sauda_open_lines' : 'sauda_order_lines',
    text: `select p.account_id, p.symbol, p.quantity, p.open_value, p.multiplier, p.realized_pnl, p.charges,
        m.last_price, m.unrealized_pnl, sauda.clock() as now
      from positions p left join position_marks m using (account_id, instrument_id, product, managed_by, cycle)
      where ${where} order by p.account_id, p.symbol`,
    values: orderId === null ? [] : [accountId, orderId],
  });
  return rows.map(toLine);
}

function toLine(row: Row): OpenPositionLine {
  const realized = decimal(row.realized_pnl);
  const total = realized.plus(row.quantity === 0 ? 0 : (row.unrealized_pnl ?? 0));
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
    lastPrice: row.last_price === null ? null : formatMoney(decimal(row.last_price)),
    realizedPnl: formatMoney(toPaise(realized)),
    totalPnl: formatMoney(toPaise(total)),
    charges: formatMoney(toPaise(charges)),
    netPnl: formatMoney(toPaise(total.minus(charges))),
    now: row.now,
  };
}

/** The clientOrderId of an order, or null. */
export async function readOrderLabel(
  db: Database,
  accountId: string,
  orderId: string,
): Promise<string | null> {
  const { rows } = await db.reads.query<{ client_order_id: string }>({
    name: 'sauda_order_label',
    text: 'select client_order_id from orders where account_id = $1 and id = $2',
    values: [accountId, orderId],
  });
  return rows[0]?.client_order_id ?? null;
}
