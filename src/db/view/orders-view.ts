import { type FinishedOrder, type LiveOrder, counted } from '../../domain/live-order.ts';
import type { Order } from '../../domain/order.ts';
import { FAST_PATH_GRACE_MS, type OrderEvent, evolve } from '../../domain/order-events.ts';
import { OUTCOME_EVENT, outcomeId, outcomeOf } from '../../domain/order-outcome.ts';
import { type OrderStatus, UNSETTLED_STATUSES, isFinal, isLive } from '../../domain/order-status.ts';
import { type Decimal, ZERO } from '../../domain/money.ts';
import { overnightCondition } from '../../domain/protection.ts';
import { assert } from '../../lib/assert.ts';
import type { HandedOver } from '../account-load.ts';
import type { AttemptRow, OrderCommandRow, OrderRow } from '../account-rows.ts';
import { AlertsView } from './alerts-view.ts';
import { MoreNeeded, type OrderTransition } from './base-view.ts';

/** Longer than reading again can take: statements of an account have a time limit of 5 s. */
const READ_AGAIN_MS = 10_000;
const COMMAND_RANK = { IN_FLIGHT: 0, WAITING: 1, DONE: 2 } as const satisfies Record<
  OrderCommandRow['state'],
  number
>;
const UNSETTLED: ReadonlySet<OrderStatus> = new Set(UNSETTLED_STATUSES);

/** Orders, the attempts to place them, and the commands that cancel or change them. */
export abstract class OrdersView extends AlertsView {
  order(id: string): Order | null {
    return this.set('orders').rows.get(id) ?? this.absent('orders', id);
  }

  orderByClientId(clientOrderId: string): Order | null {
    return this.find(
      'orders',
      (order) => order.clientOrderId === clientOrderId,
      'clientOrderIds',
      clientOrderId,
    );
  }

  /** Orders with this broker order id; several when the broker uses it again on another day. */
  ordersByBrokerId(brokerOrderId: string): Order[] {
    this.require('brokerOrderIds', brokerOrderId);
    return this.all('orders').filter((order) => order.brokerOrderId === brokerOrderId);
  }

  /** Live orders of the account but for outside ones, which no limit counts; with what this transaction did to them. */
  liveOrders(): LiveOrder[] {
    this.require('liveOrders');
    const live = new Map(this.loaded.live?.map((order) => [order.id, order]));
    for (const order of this.set('orders').rows.values()) {
      if (isLive(order.status) && order.cause !== 'EXTERNAL') live.set(order.id, counted(order));
      else live.delete(order.id);
    }
    return [...live.values()];
  }

  /** Orders that no broker is known to hold, with what this transaction did to them. */
  unsettledOrders(): Order[] {
    this.require('unsettledOrders');
    return this.all('orders').filter(({ status }) => UNSETTLED.has(status));
  }

  /** Rupees of margin of the orders handed to the broker at or after `instant`, finished ones included. */
  marginHandedOverSince(instant: Date): Decimal {
    const since = instant.toISOString();
    this.require('submittedSince', since);
    const held = (order: HandedOver) =>
      order.submittedAt !== null && order.submittedAt >= instant
        ? (order.marginPerUnit ?? ZERO).times(order.openingQuantity)
        : ZERO;
    const read = new Map(this.loaded.orders.map((order) => [order.id, order]));
    let total = this.loaded.handedOver?.get(since) ?? ZERO;
    for (const order of this.all('orders')) {
      const before = read.get(order.id);
      if (before !== order) total = total.plus(held(order)).minus(before ? held(before) : ZERO);
    }
    return total;
  }

  /**
   * Orders created in the last `ms` milliseconds that have finished, and outside ones that have not, with what this
   * transaction did to them.
   */
  finishedWithin(ms: number): FinishedOrder[] {
    const known = this.known.finishedWithinMs;
    // The clock runs on until it is read again, and what was asked for by an order's age grows with it.
    if (known === undefined || known < ms) throw new MoreNeeded({ finishedWithinMs: ms + READ_AGAIN_MS });
    const found = new Map<string, FinishedOrder>(this.loaded.finished?.map((order) => [order.id, order]));
    for (const order of this.all('orders')) {
      if (isFinal(order.status) || order.cause === 'EXTERNAL') found.set(order.id, order);
      else found.delete(order.id);
    }
    const since = this.now.getTime() - ms;
    return [...found.values()].filter(({ createdAt }) => createdAt.getTime() >= since);
  }

  insertOrder(order: Order): void {
    assert(!this.set('orders').rows.has(order.id), `order ${order.id} is new`);
    const row = this.inRealTime(order);
    this.putOrder(row);
    this.note('OrderAccepted', order.id, plainTerms(order));
    this.moved.push(transitionOf('OrderAccepted', null, order));
  }

  /** Applies one event to an order: the row, its version and the journal move together. */
  apply(order: Order, event: OrderEvent): Order {
    const current = this.order(order.id) ?? order;
    assert(current.version === order.version, `order ${order.id}: work holds an old version`);
    const next = this.inRealTime(evolve(current, event, this.now));
    this.putOrder(next);
    const { kind, ...data } = event;
    this.note(kind, order.id, data);
    if (next.status !== current.status) this.moved.push(transitionOf(kind, current.status, next));
    if (isFinal(next.status) && next.status !== current.status) this.tellOutcome(next);
    return next;
  }

  /** Whoever moves an order takes its failures from it: the next step begins with none. */
  private putOrder(order: Order): void {
    const row: Order & Pick<OrderRow, 'stepFailures' | 'parkedAt'> = {
      ...order,
      stepFailures: 0,
      parkedAt: null,
    };
    this.set('orders').put(row);
  }

  /**
   * The next step of an order is due by the real clock, as leases and deadlines are. The domain counts it from the
   * database's clock, which tests move: moved ahead, a step whose job was lost would be due only when time got there.
   */
  private inRealTime(order: Order): Order {
    const soon = this.now.getTime() + FAST_PATH_GRACE_MS;
    if (order.nextStepAt?.getTime() !== soon) return order;
    return { ...order, nextStepAt: new Date(this.real.realNow.getTime() + FAST_PATH_GRACE_MS) };
  }

  /**
   * An end is an event: its alert stands for no condition, so that no other is read for it. A CRITICAL one stands
   * until a person has seen it.
   */
  private tellOutcome(order: Order): void {
    if (this.endsAsPlanned(order)) return;
    const outcome = outcomeOf(order);
    if (outcome === null || (outcome.severity === 'INFO' && !this.tells.has(outcome.type))) return;
    const id = outcomeId(order);
    this.set('alerts').put({
      ...outcome,
      id,
      accountId: this.account.id,
      orderId: order.id,
      condition: `${OUTCOME_EVENT}${order.id}:${order.version}`,
      at: this.now,
      clearedAt: outcome.severity === 'CRITICAL' ? null : this.now,
      acknowledgedAt: null,
      acknowledgedBy: null,
      routedAt: null,
    });
    const { severity, type, message } = outcome;
    this.note('AlertRaised', order.id, { id, severity, type, message });
  }

  /** A guard that ends with its day, while it is told that the position outlives it: no news every evening. */
  private endsAsPlanned({ status, protectionGroup }: Order): boolean {
    if (status !== 'EXPIRED' || protectionGroup === null) return false;
    return this.standingAlert(overnightCondition(protectionGroup)) !== null;
  }

  /** Keeps every verdict of a run of the checks: the journal is their only place. */
  putChecks(orderId: string, run: number, results: readonly unknown[]): void {
    this.note('ChecksRun', orderId, { run, results });
  }

  attemptByTag(tag: string): AttemptRow | null {
    return this.find('orderAttempts', (row) => row.tag === tag, 'tags', tag);
  }

  putAttempt(row: AttemptRow): void {
    this.set('orderAttempts').put(row);
  }

  // Commands

  /** Commands of an order that are not done: at most one in flight, then at most one waiting. */
  openCommands(orderId: string): OrderCommandRow[] {
    const isKnown = this.known.openCommands === true || this.isNew(orderId) || this.isGuarded(orderId);
    if (!isKnown) this.require('commandsOf', orderId);
    return this.all('orderCommands')
      .filter((row) => row.orderId === orderId && row.state !== 'DONE')
      .sort((a, b) => COMMAND_RANK[a.state] - COMMAND_RANK[b.state]);
  }

  /** Cancels of an order that were sent, and of which no answer and no book has said what became. Newest first. */
  sentCancels(orderId: string): OrderCommandRow[] {
    if (!this.isNew(orderId)) this.require('commandsOf', orderId);
    return this.all('orderCommands')
      .filter(({ kind, sends, outcome }) => kind === 'CANCEL' && sends > 0 && outcome !== 'REFUSED')
      .filter((row) => row.orderId === orderId && (row.state !== 'DONE' || row.outcome === 'UNKNOWN'))
      .sort((a, b) => b.requestedAt.getTime() - a.requestedAt.getTime());
  }

  /** Commands of these orders are read with the protection groups. */
  private isGuarded(orderId: string): boolean {
    return (this.loaded.protections ?? []).some(
      ({ guardIds, parentOrderId }) => guardIds.includes(orderId) || parentOrderId === orderId,
    );
  }

  commandByKey(idempotencyKey: string): OrderCommandRow | null {
    return this.find(
      'orderCommands',
      (row) => row.idempotencyKey === idempotencyKey,
      'commandKeys',
      idempotencyKey,
    );
  }

  /** Writes a command; `kind` and `data` are what the journal says of it, at its order. Null: only delivery state. */
  putCommand(
    row: OrderCommandRow,
    entry: { readonly kind: string; readonly data: Readonly<Record<string, unknown>> } | null,
  ): OrderCommandRow {
    this.set('orderCommands').put(row);
    if (entry !== null) this.note(entry.kind, row.orderId, { commandId: row.id, ...entry.data });
    return row;
  }

  /** Every command of the account that is not done. */
  allOpenCommands(): OrderCommandRow[] {
    this.require('openCommands');
    return this.all('orderCommands').filter((row) => row.state !== 'DONE');
  }
}

function transitionOf(event: string, from: OrderStatus | null, order: Order): OrderTransition {
  const { id: orderId, clientOrderId, status: to, statusReason: reason } = order;
  return { orderId, clientOrderId, event, from, to, reason };
}

/** The terms as JSON: decimals as text, so that the journal replays to the same row. */
function plainTerms(order: Order): Record<string, unknown> {
  const price = (value: { toFixed(): string } | null) => value?.toFixed() ?? null;
  return {
    clientOrderId: order.clientOrderId,
    requestHash: order.requestHash,
    strategyId: order.strategyId,
    instrumentId: order.instrumentId,
    exchange: order.exchange,
    symbol: order.symbol,
    side: order.side,
    quantity: order.quantity,
    orderType: order.orderType,
    product: order.product,
    validity: order.validity,
    validityMinutes: order.validityMinutes,
    variety: order.variety,
    price: price(order.price),
    triggerPrice: price(order.triggerPrice),
    stopLoss: price(order.stopLoss),
    takeProfit: price(order.takeProfit),
    disclosedQuantity: order.disclosedQuantity,
    marketProtection: price(order.marketProtection),
    reduceOnly: order.reduceOnly,
    maxAgeMs: order.maxAgeMs,
    metadata: order.metadata,
    role: order.role,
    parentOrderId: order.parentOrderId,
    protectionGroup: order.protectionGroup,
    protection: order.protection,
    trailing: order.trailing,
    gtt: order.gtt,
    cause: order.cause,
    tradingDay: order.tradingDay,
  };
}
