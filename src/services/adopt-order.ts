import type { BrokerOrder } from '../broker/port.ts';
import type { AttemptRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import type { Instrument } from '../domain/instrument.ts';
import type { Order, OrderTerms } from '../domain/order.ts';
import { acceptedOrder } from '../domain/order-events.ts';
import { isFinal, targetOf } from '../domain/order-status.ts';
import { belongsTo, tagsOf } from '../reconciliation/orders.ts';
import { type RowFacts, outsideTerms } from '../reconciliation/outside.ts';
import { effectOf } from '../risk/effect.ts';
import { cancelLateTwin } from './behind-halt.ts';
import type { Context } from './context.ts';
import { clearDoubt, tellDifferentTerms, tellLateTwin, tellNotFollowed, tellTwin } from './poll-alerts.ts';

/** A row of the book as one read showed it. */
export interface ReadRow {
  readonly row: BrokerOrder;
  /** Start of the read, database clock. */
  readonly readAt: Date;
}

/** The order row that follows this row of the book; null when there is none yet. */
export function orderOfRow(view: AccountView, { row, readAt }: ReadRow): Order | null {
  return view.ordersByBrokerId(row.orderId).find((order) => belongsTo(order, row, readAt)) ?? null;
}

/**
 * The order row for a row of the book that none follows yet: the answer of an attempt, found by its tag; a second
 * broker order with a tag of ours (a twin); or an order placed elsewhere. Null: it can not be followed, which is told.
 */
export function adoptRow(
  context: Context,
  view: AccountView,
  read: ReadRow,
  instrument: Instrument | null,
): Order | null {
  const attempt = attemptOfTags(view, read.row);
  const order = attempt === null ? null : view.order(attempt.orderId);
  if (attempt === null || order === null) return followOutside(context, view, read, instrument);
  if (order.brokerOrderId === read.row.orderId) return order;
  if (order.brokerOrderId !== null || targetOf(order.status, 'OrderSubmitted') === null) {
    return followTwin(context, view, order, read);
  }
  return adoptFor(context, view, order, { attempt, row: read.row, via: 'BOOK' });
}

export function attemptOfTags(view: AccountView, row: BrokerOrder): AttemptRow | null {
  for (const tag of tagsOf(row)) {
    const attempt = view.attemptByTag(tag);
    if (attempt !== null) return attempt;
  }
  return null;
}

/** Makes a broker order that of `attempt`, whatever the attempt ended as before; its doubt is over. */
export function adoptFor(
  context: Context,
  view: AccountView,
  order: Order,
  of: { readonly attempt: AttemptRow; readonly row: RowFacts; readonly via: 'BOOK' | 'PERSON' },
): Order {
  const { attempt, row, via } = of;
  if (
    row.tradingsymbol !== order.symbol ||
    row.transactionType !== order.side ||
    row.quantity !== order.quantity
  ) {
    tellDifferentTerms(context, view, order, row);
  }
  const late = isFinal(order.status);
  view.putAttempt({
    ...attempt,
    outcome: 'ADOPTED',
    outcomeReason: via === 'BOOK' ? 'found in the order book by its tag' : 'adopted by a person',
    outcomeAt: view.now,
    brokerOrderId: row.orderId,
  });
  const adopted = view.apply(order, {
    kind: 'OrderSubmitted',
    attempt: attempt.attempt,
    brokerOrderId: row.orderId,
    via,
  });
  clearDoubt(view, order.id);
  if (late) {
    tellLateTwin(context, view, adopted, row);
    cancelLateTwin(context, view, adopted);
  }
  return adopted;
}

/** A client order id that no request can have: a colon is not among its letters. */
function bookOrderId(day: string, { orderId }: BrokerOrder): string {
  return `broker:${day}:${orderId}`;
}

type BookTerms = NonNullable<ReturnType<typeof outsideTerms>>;

function insertFromBook(
  context: Context,
  view: AccountView,
  { row }: ReadRow,
  terms: BookTerms & Pick<OrderTerms, 'instrumentId' | 'strategyId' | 'parentOrderId' | 'role' | 'cause'>,
): Order {
  const day = tradingDayOf(row.orderTimestamp ?? view.now);
  const order = acceptedOrder(
    {
      ...terms,
      accountId: view.account.id,
      id: context.newId(),
      clientOrderId: bookOrderId(day, row),
      requestHash: '',
      reduceOnly: false,
      maxAgeMs: null,
      protectionGroup: null,
      protection: null,
      trailing: null,
      gtt: false,
      tradingDay: day,
    },
    view.now,
  );
  view.insertOrder(order);
  return order;
}

/**
 * An order placed elsewhere becomes a row of its own, cause EXTERNAL: followed like any other, but no limit counts it
 * and its fills belong to no strategy (trading.md section 5).
 */
function followOutside(
  context: Context,
  view: AccountView,
  read: ReadRow,
  instrument: Instrument | null,
): Order | null {
  const terms = outsideTerms(read.row);
  if (terms === null || instrument?.multiplier == null || read.row.quantity === 0) {
    tellNotFollowed(context, view, read.row);
    return null;
  }
  const order = insertFromBook(context, view, read, {
    ...terms,
    instrumentId: instrument.id,
    strategyId: null,
    parentOrderId: null,
    role: 'ENTRY',
    cause: 'EXTERNAL',
  });
  return submitted(view, order, read.row);
}

/** A second broker order with our tag: its own row, linked to the first; limits count it like the one it repeats. */
function followTwin(context: Context, view: AccountView, first: Order, read: ReadRow): Order | null {
  const terms = outsideTerms(read.row);
  const isSame = read.row.tradingsymbol === first.symbol && terms?.exchange === first.exchange;
  if (terms === null || !isSame) {
    tellNotFollowed(context, view, read.row);
    return null;
  }
  const twin = insertFromBook(context, view, read, {
    ...terms,
    instrumentId: first.instrumentId,
    strategyId: first.strategyId,
    parentOrderId: first.id,
    role: first.role,
    cause: 'TWIN',
    stopLoss: first.stopLoss,
    takeProfit: first.takeProfit,
  });
  const effect = effectOf(twin, view.openPositions(), view.liveOrders());
  const validated = view.apply(twin, {
    kind: 'OrderValidated',
    openingQuantity: effect.openingQuantity,
    marginPerUnit: first.marginPerUnit?.toFixed() ?? '0',
    riskPerUnit: first.riskPerUnit?.toFixed() ?? null,
    valuePerUnit: first.valuePerUnit?.toFixed() ?? null,
    referencePrice: first.referencePrice?.toFixed() ?? null,
  });
  tellTwin(context, view, first, { twin, row: read.row });
  return submitted(view, validated, read.row);
}

function submitted(view: AccountView, order: Order, row: BrokerOrder): Order {
  return view.apply(order, {
    kind: 'OrderSubmitted',
    attempt: 0,
    brokerOrderId: row.orderId,
    via: 'BOOK',
  });
}
