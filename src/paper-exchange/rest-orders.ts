import type { Result } from '../lib/result.ts';
import type { Account } from './account.ts';
import { type KiteError, ORDER_NOT_FOUND } from './kite-error.ts';
import { FINAL, type Order } from './order.ts';
import { parsePlacement } from './order-form.ts';
import { historyRows, orderRow, tradeRow } from './order-rows.ts';
import type { RestCall, RestParts, Route } from './rest-parts.ts';
import { type Answer, failure, success, successJson } from './wire.ts';

/** /orders and /trades. */
export function orderRoutes({ exchange }: Pick<RestParts, 'exchange'>): Route[] {
  const place = (call: RestCall): Answer => {
    const request = parsePlacement(call.path('variety'), call.form, exchange.market);
    return request.ok
      ? orderAnswer(exchange.place(call.account, request.value, call.twist))
      : failure(request.error);
  };
  const modify = ({ account, path, form, twist }: RestCall): Answer =>
    orderAnswer(exchange.modify(account, path('variety'), path('id'), form, twist));
  const cancel = ({ account, path, twist }: RestCall): Answer =>
    orderAnswer(exchange.cancel(account, path('variety'), path('id'), twist));
  return [
    { method: 'POST', path: '/orders/:variety', call: 'placeOrder', limit: 'place', handle: place },
    { method: 'PUT', path: '/orders/:variety/:id', call: 'modifyOrder', limit: 'modify', handle: modify },
    { method: 'DELETE', path: '/orders/:variety/:id', call: 'cancelOrder', limit: 'cancel', handle: cancel },
    { method: 'GET', path: '/orders', call: 'orders', limit: 'other', handle: listOrders },
    { method: 'GET', path: '/orders/:id', call: 'orderHistory', limit: 'other', handle: history },
    { method: 'GET', path: '/orders/:id/trades', call: 'trades', limit: 'other', handle: orderTrades },
    { method: 'GET', path: '/trades', call: 'trades', limit: 'other', handle: listTrades },
  ];
}

function orderAnswer(result: Result<string, KiteError>): Answer {
  return result.ok ? success({ order_id: result.value }) : failure(result.error);
}

/** Rows of final orders change only by hand (`touched`): their JSON is kept. */
const finalRows = new WeakMap<Order, { readonly touched: number; readonly json: string }>();

function rowJson(order: Order): string {
  const kept = finalRows.get(order);
  const { touched } = order;
  if (kept?.touched === touched) return kept.json;
  const json = JSON.stringify(orderRow(order));
  if (FINAL.has(order.status)) finalRows.set(order, { touched, json });
  return json;
}

function listOrders({ account, nowMs }: RestCall): Answer {
  const rows: string[] = [];
  for (const order of account.orders.values()) if (order.visibleAt <= nowMs) rows.push(rowJson(order));
  return successJson(`[${rows.join(',')}]`);
}

function history({ account, path, nowMs }: RestCall): Answer {
  const order = account.orders.get(path('id'));
  if (order === undefined || order.visibleAt > nowMs) return failure(ORDER_NOT_FOUND);
  return success(historyRows(order));
}

function listTrades({ account, nowMs }: RestCall): Answer {
  const trades = account.trades.filter((trade) => isVisible(account, trade.orderId, nowMs));
  return success(trades.map(tradeRow));
}

function orderTrades({ account, path, nowMs }: RestCall): Answer {
  const id = path('id');
  if (!isVisible(account, id, nowMs)) return failure(ORDER_NOT_FOUND);
  return success(account.trades.filter((trade) => trade.orderId === id).map(tradeRow));
}

function isVisible(account: Account, orderId: string, nowMs: number): boolean {
  const order = account.orders.get(orderId);
  return order !== undefined && order.visibleAt <= nowMs;
}
