import { istDateTime, istTime } from './clock.ts';
import { type HistoryRow, type Order, remaining, type Status, type Trade } from './order.ts';
import { averageRupees, rupees } from './paise.ts';

type Row = Record<string, unknown>;

const time = (at: number | null): string | null => (at === null ? null : istDateTime(at));

/** A row of GET /orders: the fields of orders.json's newest rows. `tags` is absent when there are none. */
export function orderRow(order: Order): Row {
  return {
    account_id: order.user,
    placed_by: order.placedBy,
    order_id: order.id,
    exchange_order_id: order.exchangeOrderId,
    parent_order_id: null,
    status: order.shown ?? order.status,
    status_message: order.statusMessage,
    status_message_raw: order.statusMessageRaw,
    order_timestamp: istDateTime(order.orderAt),
    exchange_update_timestamp: time(order.exchangeUpdateAt),
    exchange_timestamp: time(order.exchangeAt),
    variety: order.variety,
    modified: order.modified,
    exchange: order.exchange,
    tradingsymbol: order.tradingsymbol,
    instrument_token: order.token,
    order_type: order.orderType,
    transaction_type: order.side,
    validity: order.validity,
    validity_ttl: order.ttl,
    product: order.product,
    quantity: order.quantity,
    disclosed_quantity: order.disclosed,
    price: rupees(order.price),
    trigger_price: rupees(order.trigger),
    average_price: averageRupees(order.filledValue, order.filled),
    filled_quantity: order.filled,
    pending_quantity: order.pending,
    cancelled_quantity: order.cancelled,
    market_protection: order.orderType === 'SL-M' ? order.protection : 0,
    meta: {},
    tag: order.tag,
    ...(order.tags.length > 0 ? { tags: order.tags } : {}),
    guid: order.guid,
  };
}

/** The rows of GET /orders/{id}: the fields of order_info.json. */
export function historyRows(order: Order): Row[] {
  return order.rows.map((row) => historyRow(order, row));
}

function historyRow(order: Order, row: HistoryRow): Row {
  return {
    average_price: averageRupees(row.filledValue, row.filled),
    cancelled_quantity: row.cancelled,
    disclosed_quantity: row.disclosed,
    exchange: order.exchange,
    exchange_order_id: row.exchangeOrderId,
    exchange_timestamp: time(row.exchangeAt),
    filled_quantity: row.filled,
    instrument_token: row.token,
    order_id: order.id,
    order_timestamp: istDateTime(row.at),
    order_type: row.orderType,
    parent_order_id: null,
    pending_quantity: row.pending,
    placed_by: order.placedBy,
    price: rupees(row.price),
    product: order.product,
    quantity: row.quantity,
    status: row.status,
    status_message: row.message,
    tag: order.tag,
    ...(order.tags.length > 0 ? { tags: order.tags } : {}),
    tradingsymbol: order.tradingsymbol,
    transaction_type: order.side,
    trigger_price: rupees(row.trigger),
    validity: row.validity,
    variety: order.variety,
    modified: row.modified,
  };
}

/** A row of GET /trades; order_timestamp is the time only (trades.json). */
export function tradeRow(trade: Trade): Row {
  return {
    trade_id: trade.id,
    order_id: trade.orderId,
    exchange: trade.exchange,
    tradingsymbol: trade.tradingsymbol,
    instrument_token: trade.token,
    product: trade.product,
    average_price: rupees(trade.price),
    quantity: trade.quantity,
    exchange_order_id: trade.exchangeOrderId,
    transaction_type: trade.side,
    fill_timestamp: istDateTime(trade.at),
    order_timestamp: istTime(trade.at),
    exchange_timestamp: istDateTime(trade.at),
  };
}

/** The `data` of a stream's order frame: the order's row and postback.json's fields, checksum empty (kite.md 3.11). */
export function streamRow(order: Order, status: Status | 'UPDATE'): Row {
  return {
    ...orderRow(order),
    user_id: order.user,
    unfilled_quantity: remaining(order) - order.cancelled,
    app_id: 1,
    checksum: '',
    status,
  };
}
