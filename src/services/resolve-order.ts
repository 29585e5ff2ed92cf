import type { BrokerOrder, BrokerTrade } from '../broker/port.ts';
import type { OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { findOrder } from '../db/stores/order-read-store.ts';
import { readClock } from '../db/stores/poll-store.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import type { Order } from '../domain/order.ts';
import { isFinal, targetOf } from '../domain/order-status.ts';
import { attemptTag } from '../domain/tag.ts';
import { present } from '../lib/assert.ts';
import { failpoint } from '../lib/failpoint.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { isDayOver } from '../reconciliation/day-end.ts';
import { belongsTo, tagsOf } from '../reconciliation/orders.ts';
import type { RowFacts } from '../reconciliation/outside.ts';
import { absorbOrder } from './absorb-order.ts';
import { adoptFor, attemptOfTags } from './adopt-order.ts';
import { applyToOrder, mirror } from './apply-row.ts';
import type { Context } from './context.ts';
import { hintPoll } from './hint-poll.ts';
import { refoldNeeds } from './move-position.ts';
import { endAsNeverPlaced } from './never-placed.ts';
import { enqueueCommand, settleUnsent, wakeCommand } from './stage-command.ts';

/** adopt: it is this broker order. neverPlaced: the broker never took it. expired: its day is over, as it stands. */
export type Decision = 'adopt' | 'neverPlaced' | 'expired';

export interface ResolveOrderInput {
  readonly accountId: string;
  readonly orderId: string;
  readonly actor: string;
  /** Whose token it is: orders of others are not there for it. Null or left out: not bound. */
  readonly strategyId?: string | null;
  readonly decision: Decision;
  /** For adopt; without it the broker order that carries the order's tag. */
  readonly brokerOrderId: string | null;
  readonly reason: string;
}

export type ResolveRefusal =
  | { readonly code: 'NOT_FOUND' }
  /** Evidence or another person was there first, or it never was in doubt. */
  | { readonly code: 'ORDER_NOT_UNKNOWN'; readonly order: Order }
  /** Neither a fresh read of the book nor what was seen of it before holds this broker order. */
  | { readonly code: 'BROKER_ORDER_NOT_FOUND'; readonly brokerOrderId: string | null }
  /** It is another order's, or of another instrument, product or side; `what` says which it is. */
  | { readonly code: 'BROKER_ORDER_DIFFERS'; readonly what: string };

type Resolved = Result<Order, ResolveRefusal>;

/** What the broker says now; null where it could not be asked. */
interface Look {
  readonly readAt: Date;
  readonly book: readonly BrokerOrder[];
  readonly trades: readonly BrokerTrade[];
}

/**
 * A person ends the doubt about an order. The book is read first, and what it holds under the order's tag wins over any
 * decision: such an order is adopted. `adopt` takes the broker's status and fills at once. A broker that can not be
 * asked does not keep a person from deciding. The same decision twice is the same as once. Round trips: the order; the
 * clock; the book; lock, read, write.
 */
export async function resolveOrder(context: Context, input: ResolveOrderInput): Promise<Resolved> {
  const { accountId, orderId } = input;
  const named = await findOrder(context.db, accountId, orderId);
  const isHidden = input.strategyId != null && named?.strategyId !== input.strategyId;
  if (named === null || isHidden) return err({ code: 'NOT_FOUND' });
  await context.instruments.byId(named.instrumentId);
  const look = await readBook(context, accountId);
  await failpoint('resolve.beforeCommit');
  const { result, commands } = await context.withAccount({
    accountId,
    actor: input.actor,
    needs: {
      orders: [orderId],
      commandsOf: [orderId],
      tradesOf: [orderId],
      openAlerts: true,
      ...(input.brokerOrderId === null
        ? {}
        : {
            brokerOrderIds: [input.brokerOrderId],
            brokerOrders: [input.brokerOrderId],
            ...refoldNeeds([named]),
          }),
    },
    run: (view) => told(view, input, (order) => decide(context, view, order, { input, look })),
  });
  await failpoint('resolve.afterCommit');
  for (const command of commands) await enqueueCommand(context, command);
  if (result.ok && !isFinal(result.value.status)) await hintPoll(context, accountId);
  return result;
}

async function readBook(context: Context, accountId: string): Promise<Look | null> {
  try {
    const readAt = await readClock(context.db);
    const broker = context.broker(accountId);
    const book = await broker.getOrders();
    return { readAt, book, trades: await broker.getTrades() };
  } catch (error) {
    context.log.warn({ err: error, accountId }, 'the book could not be read for an adoption');
    return null;
  }
}

interface Outcome {
  readonly result: Resolved;
  readonly commands: readonly OrderCommandRow[];
}

/** The decision in the journal, with how the order stood before and after it; nothing when it changed nothing. */
function told(view: AccountView, input: ResolveOrderInput, decideOn: (order: Order) => Outcome): Outcome {
  const order = view.order(input.orderId);
  if (order === null) return refused({ code: 'NOT_FOUND' });
  if (isDecided(view, order, input)) return { result: ok(order), commands: [] };
  const outcome = decideOn(order);
  const after = view.order(order.id) ?? order;
  if (after.version !== order.version) {
    const { decision, brokerOrderId, reason } = input;
    view.note('OrderResolved', order.id, {
      ...{ decision, brokerOrderId, reason },
      before: { status: order.status, brokerOrderId: order.brokerOrderId },
      after: { status: after.status, brokerOrderId: after.brokerOrderId },
    });
  }
  return outcome;
}

function decide(
  context: Context,
  view: AccountView,
  order: Order,
  { input, look }: { readonly input: ResolveOrderInput; readonly look: Look | null },
): Outcome {
  if (input.decision === 'expired') return expire(view, order, input);
  if (order.status !== 'UNKNOWN') return refused({ code: 'ORDER_NOT_UNKNOWN', order });
  const tagged = taggedRow(order, input, look?.book ?? []);
  if (look !== null && tagged !== null) {
    const found = take(context, view, order, { row: tagged, look, via: 'BOOK' });
    const isMeant = input.decision === 'adopt' && (input.brokerOrderId ?? tagged.orderId) === tagged.orderId;
    if (isMeant || !found.result.ok) return found;
    return { ...found, result: err({ code: 'ORDER_NOT_UNKNOWN', order: found.result.value }) };
  }
  if (input.decision === 'neverPlaced') {
    return { result: ok(endAsNeverPlaced(view, order, input)), commands: [] };
  }
  return adopt(context, view, { order, input, look });
}

/**
 * The broker order that carries a tag of any of the order's attempts: the one that the person named, else that of the
 * newest attempt. The others become twins at the next poll.
 */
function taggedRow(
  order: Order,
  { brokerOrderId }: ResolveOrderInput,
  book: readonly BrokerOrder[],
): BrokerOrder | null {
  const attempts = Array.from({ length: order.attempt }, (_, n) => order.attempt - n);
  const tagged = attempts
    .map((attempt) => attemptTag(order.id, attempt))
    .flatMap((tag) => book.filter((row) => tagsOf(row).includes(tag)));
  return tagged.find(({ orderId }) => orderId === brokerOrderId) ?? tagged[0] ?? null;
}

function refused(refusal: ResolveRefusal): Outcome {
  return { result: err(refusal), commands: [] };
}

/** The same decision was taken before. */
function isDecided(view: AccountView, order: Order, { decision, brokerOrderId }: ResolveOrderInput): boolean {
  const attempt = order.attemptTag === null ? null : view.attemptByTag(order.attemptTag);
  switch (decision) {
    case 'neverPlaced':
      return order.status === 'REJECTED' && attempt?.outcome === 'NEVER_PLACED';
    case 'adopt':
      return (
        attempt?.outcome === 'ADOPTED' &&
        order.brokerOrderId !== null &&
        (brokerOrderId === null || brokerOrderId === order.brokerOrderId)
      );
    case 'expired':
      return order.status === 'EXPIRED';
  }
}

/** Only of an order whose day is over: it can not be at the broker any more, and its fills are as we know them. */
function expire(view: AccountView, order: Order, { actor, reason }: ResolveOrderInput): Outcome {
  const mayExpire =
    targetOf(order.status, 'OrderExpired') !== null &&
    order.brokerOrderId !== null &&
    isDayOver(order, view.now);
  if (!mayExpire) return refused({ code: 'ORDER_NOT_UNKNOWN', order });
  const expired = view.apply(order, {
    kind: 'OrderExpired',
    reason: `expired, decided by ${actor}: ${reason}`,
  });
  view.clearAlert(`order:${order.id}:day-missed`);
  return { result: ok(settleUnsent(view, expired)), commands: [] };
}

interface Adoption {
  readonly order: Order;
  readonly input: ResolveOrderInput;
  readonly look: Look | null;
}

function adopt(context: Context, view: AccountView, { order, input, look }: Adoption): Outcome {
  const { brokerOrderId } = input;
  const row = look?.book.find(({ orderId }) => orderId === brokerOrderId) ?? null;
  const facts = row ?? seenBefore(view, brokerOrderId);
  if (brokerOrderId === null || facts === null) {
    return refused({ code: 'BROKER_ORDER_NOT_FOUND', brokerOrderId });
  }
  const readAt = look?.readAt ?? view.now;
  const holders = view
    .ordersByBrokerId(brokerOrderId)
    .filter((held) => row === null || belongsTo(held, row, readAt));
  const what = differenceOf(order, facts) ?? ownerOf(view, { order, row, holders });
  if (what !== null) return refused({ code: 'BROKER_ORDER_DIFFERS', what });

  const reason = `adopted as ${order.clientOrderId} by ${input.actor}: ${input.reason}`;
  for (const outside of holders) absorbOrder(view, outside, order, { newId: context.newId, reason });
  return row === null || look === null
    ? take(context, view, order, { row: facts, look: null, via: 'PERSON' })
    : take(context, view, order, { row, look, via: 'PERSON' });
}

/** Makes it the order's broker order. Where the book could not be read (no look), the next poll brings the rest. */
function take(
  context: Context,
  view: AccountView,
  order: Order,
  of:
    | { readonly row: BrokerOrder; readonly look: Look; readonly via: 'BOOK' | 'PERSON' }
    | { readonly row: RowFacts; readonly look: null; readonly via: 'PERSON' },
): Outcome {
  const ownTag = present(order.attemptTag, `tag of order ${order.id}`);
  const tagged = of.look === null ? null : attemptOfTags(view, of.row);
  const attempt =
    tagged?.orderId === order.id
      ? tagged
      : present(view.attemptByTag(ownTag), `attempt of order ${order.id}`);
  const adopted = adoptFor(context, view, order, { attempt, row: of.row, via: of.via });
  const woken = wakeCommand(view, order.id);
  const commands = woken === null ? [] : [woken];
  if (of.look === null) return { result: ok(adopted), commands };
  const { readAt, trades } = of.look;
  mirror(view, adopted, { row: of.row, readAt });
  const sendable = applyToOrder(context, view, adopted, {
    ...{ row: of.row, readAt, instrument: null },
    trades: trades.filter(({ orderId }) => orderId === of.row.orderId),
  });
  return { result: ok(view.order(order.id) ?? adopted), commands: [...commands, ...sendable] };
}

/** Why a broker order can not be this one: an order's instrument, product and side never change. */
function differenceOf(order: Order, row: RowFacts): string | null {
  const isSame =
    row.tradingsymbol === order.symbol &&
    row.exchange === order.exchange &&
    row.product === order.product &&
    row.transactionType === order.side;
  if (isSame) return null;
  return `${row.orderId} is ${row.transactionType} ${row.quantity} ${row.exchange}:${row.tradingsymbol} ${row.product}`;
}

/** Whose it is already; null when nobody's but an outside row's, which lets go of it. */
function ownerOf(
  view: AccountView,
  of: { readonly order: Order; readonly row: BrokerOrder | null; readonly holders: readonly Order[] },
): string | null {
  const held = of.holders.find(({ cause }) => cause !== 'EXTERNAL');
  if (held !== undefined) return `${held.brokerOrderId ?? ''} is that of order ${held.clientOrderId}`;
  const tagged = of.row === null ? null : attemptOfTags(view, of.row);
  if (tagged === null || tagged.orderId === of.order.id) return null;
  return `${of.row?.orderId ?? ''} carries the tag of order ${tagged.orderId}`;
}

/** A row of the book as it was seen today, where it can not be read now. */
function seenBefore(view: AccountView, brokerOrderId: string | null): RowFacts | null {
  const seen = brokerOrderId === null ? null : view.brokerOrder(tradingDayOf(view.now), brokerOrderId);
  if (seen === null) return null;
  const text = (name: string): string => {
    const value = seen.raw[name];
    return typeof value === 'string' ? value : '';
  };
  return {
    orderId: seen.brokerOrderId,
    status: seen.status,
    exchange: text('exchange'),
    tradingsymbol: text('tradingsymbol'),
    product: text('product'),
    transactionType: text('transaction_type') === 'SELL' ? 'SELL' : 'BUY',
    quantity: Number(seen.raw['quantity']),
  };
}
