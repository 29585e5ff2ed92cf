import { parseOrderId } from '../domain/ids.ts';
import { averageFillPrice, type Order } from '../domain/order.ts';
import { listOrders } from '../services/read-lists.ts';
import { readOrder, readOrderRow } from '../services/read-orders.ts';
import type { Desk } from './desk.ts';
import { rupees, stampOf, timeOf } from './figures.ts';
import { type RichText, bold, code, concat, lines, plain, quoted } from './rich-text.ts';

/** Entries of a story that fit a message. */
const MAX_ENTRIES = 25;

/** The order that a person means: by its id or its clientOrderId. */
export async function findOrderOf({ context, accountId }: Desk, text: string): Promise<Order | null> {
  const id = parseOrderId(text);
  if (id.ok) return readOrderRow(context.db, accountId, id.value);
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(text)) return null;
  const [found] = await listOrders(context.db, { accountId, clientOrderId: text, limit: 1 });
  return found ?? null;
}

/** One order with what happened to it. */
export async function orderView(desk: Desk, text: string): Promise<RichText> {
  const found = await findOrderOf(desk, text);
  const story = found === null ? null : await readOrder(desk.context.db, desk.accountId, found.id);
  if (story === null) return concat('There is no order ', code(text.slice(0, 64)), '.');
  const { order, timeline, checks } = story;
  const average = averageFillPrice(order);
  return lines(
    bold(orderTitle(order)),
    concat('Status ', bold(order.status), `, filled ${order.filledQuantity} of ${order.quantity}`),
    average === null ? null : plain(`Average ${rupees(average)}, value ${rupees(order.filledValue)}`),
    order.statusReason === null
      ? null
      : concat(
          order.rejectedBy === null ? 'Reason: ' : `By ${order.rejectedBy}: `,
          quoted(order.statusReason),
        ),
    ...checks
      .filter(({ verdict }) => verdict === 'FAIL' || verdict === 'WARN')
      .map(({ check, verdict, message }) => concat(`${verdict} ${check}: `, quoted(message))),
    concat('Order ', code(order.clientOrderId), ' ', code(order.id)),
    order.brokerOrderId === null ? null : concat('Broker ', code(order.brokerOrderId)),
    plain(`Accepted ${stampOf(order.createdAt)}`),
    ...timeline
      .slice(-MAX_ENTRIES)
      .map(({ at, event, from, to }) =>
        concat(code(timeOf(at).slice(0, 8)), ` ${event}${to === null || from === to ? '' : ` → ${to}`}`),
      ),
  );
}

export function orderTitle(order: Order): string {
  const price = order.price === null ? '' : ` at ${rupees(order.price)}`;
  return `${order.side} ${order.quantity} ${order.exchange}:${order.symbol} ${order.product} ${order.orderType}${price}`;
}
