import type { OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { Order } from '../domain/order.ts';
import type { OrderEvent } from '../domain/order-events.ts';
import { type HeldReserve, type Reserve, reserveOf } from '../domain/order-reserve.ts';
import type { PlainTerms } from '../domain/order-terms.ts';
import { isFinal, isInTransit, meaningOfBrokerStatus, targetOf } from '../domain/order-status.ts';
import {
  commandVerdict,
  cutsToFilled,
  differingTerms,
  isOut,
  isSpent,
  isStuckInTransit,
  outcomeAtEnd,
  showsNewTerms,
} from '../reconciliation/commands.ts';
import { isMutant } from '../lib/mutant.ts';
import type { EndedBy } from '../reconciliation/outside.ts';
import type { ReadRow } from './adopt-order.ts';
import { checkModify } from './check-modify.ts';
import type { Context } from './context.ts';
import { endCommand } from './end-command.ts';
import { inTransitCondition, tellInTransit, tellLateModify, tellOutsideModify } from './poll-alerts.ts';
import { releaseModify, tellCommand } from './record-command.ts';
import { lookAt, settleUnsent, wakeCommand } from './stage-command.ts';

/** A step further away than this was put off for what a read of the book may have brought, milliseconds. */
const PUT_OFF_MS = 5000;
/** An order that is known to be stuck in transit takes a command again after this, milliseconds. */
const TRY_STUCK_AGAIN_MS = 5000;

function inFlight(view: AccountView, order: Order): OrderCommandRow | null {
  const [first] = view.openCommands(order.id);
  return first?.state === 'IN_FLIGHT' ? first : null;
}

/** True while the order must not be ended by this read: a call about it is out, or was answered after the read began. */
export function isCallOut(view: AccountView, order: Order, { readAt }: ReadRow): boolean {
  const command = inFlight(view, order);
  return command !== null && isOut(command, readAt);
}

/**
 * Gives the order the terms that the book shows, before its trades are counted: those of the modify in flight, of one
 * that was given up as lost, or of a person in the broker's app. The old terms stand until then.
 */
export function followTerms(context: Context, view: AccountView, order: Order, read: ReadRow): Order {
  if (targetOf(order.status, 'OrderModified') === null) return order;
  const isOld = order.lastReadAt !== null && read.readAt < order.lastReadAt;
  if (isOld && !isMutant('old-read-wins')) return order;
  const command = inFlight(view, order);
  if (command !== null && order.reserve !== null && showsNewTerms(command, order, read.row)) {
    return takeTerms(view, order, command);
  }
  if (command !== null && !isSpent(command, read.row, read.readAt)) return order;
  const differing = differingTerms(order, read.row);
  if (Object.keys(differing).length === 0) return order;
  const terms =
    differing.quantity === undefined
      ? differing
      : { ...differing, quantity: Math.max(differing.quantity, order.filledQuantity) };
  const figures =
    order.reserve === null
      ? outsideFigures(context, view, order, terms)
      : figuresOf(order.reserve, read.row.quantity);
  const changed = view.apply(order, { kind: 'OrderModified', commandId: null, terms, figures });
  if (order.reserve === null) return changed;
  if (command === null) tellLateModify(context, view, changed, describe(terms));
  else tellOutsideModify(context, view, changed, { what: describe(terms), failed: null });
  return changed;
}

/** What was reckoned for a modify that had this quantity; null when none of them did. */
function figuresOf(reserve: HeldReserve, quantity: number): Reserve | null {
  const { lost } = reserve;
  if (reserve.quantity === quantity) return reserveOf(reserve);
  return lost?.quantity === quantity ? lost : null;
}

/**
 * Terms that nobody here asked for are followed all the same; the checks run on them as a warning, and limits count
 * what they make of the order (controls.md E.1.c, E.1.d). Null for an outside order, which no limit counts.
 */
function outsideFigures(
  context: Context,
  view: AccountView,
  order: Order,
  terms: PlainTerms,
): Reserve | null {
  if (order.cause === 'EXTERNAL') return null;
  const verdict = checkModify(context, view, { order, terms, requestedBy: null, prepared: true });
  if (verdict.kind === 'UNPREPARED') throw new Error(`instrument ${order.instrumentId} is not loaded`);
  view.putChecks(order.id, order.version, verdict.results);
  const failed = verdict.kind === 'REFUSED' ? verdict.reason : null;
  tellOutsideModify(context, view, order, { what: describe(terms), failed });
  return verdict.reserve;
}

function describe(terms: Readonly<Record<string, unknown>>): string {
  return Object.entries(terms)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ');
}

/** The command's terms become the order's; never a quantity below what is filled. */
function takeTerms(view: AccountView, order: Order, command: OrderCommandRow): Order {
  const terms = command.terms ?? {};
  const quantity = terms.quantity === undefined ? undefined : Math.max(terms.quantity, order.filledQuantity);
  return view.apply(order, {
    kind: 'OrderModified',
    commandId: command.id,
    terms: quantity === undefined ? terms : { ...terms, quantity },
    figures: order.reserve === null ? null : reserveOf(order.reserve),
  });
}

/**
 * A modify down to what was filled is sent as a cancel of the rest; its end in the book is the order filled by its
 * new quantity, not cancelled. Null when that is not what the row shows.
 */
export function endCutToFilled(view: AccountView, order: Order, read: ReadRow): Order | null {
  const command = inFlight(view, order);
  if (command?.kind !== 'MODIFY' || !cutsToFilled(command, order)) return null;
  if (meaningOfBrokerStatus(read.row.status) !== 'CANCELLED') return null;
  if (order.filledQuantity < read.row.filledQuantity) return null;
  // Filled by trades of which one was taken back since.
  if (targetOf(order.status, 'OrderModified') === null) return null;
  const ended = takeTerms(view, order, command);
  endCommand(view, command, 'ACCEPTED', null);
  return ended;
}

/** Ends that a message of the row explains, whatever we asked for. */
const EXPLAINED: ReadonlySet<string> = new Set<EndedBy>(['RMS', 'SELF_TRADE', 'HALT']);

/**
 * The end that the book shows, said to be by whoever asked for it here: in a call that is out, or in one that was made
 * without an answer and may have been done late.
 */
export function askedFor(view: AccountView, order: Order, event: OrderEvent): OrderEvent {
  if (event.kind !== 'OrderCancelled') return event;
  const [command] = view.sentCancels(order.id);
  if (command === undefined || (command.state !== 'IN_FLIGHT' && EXPLAINED.has(event.by))) return event;
  return { ...event, by: command.requestedBy, reason: `cancelled by ${command.requestedBy}` };
}

/**
 * Decides the order's commands by what the book shows, after its row and trades were applied. Returns a command that
 * may be sent now, for `enqueueCommand` after the commit.
 */
export function settleCommands(
  context: Context,
  view: AccountView,
  order: Order,
  read: ReadRow,
): OrderCommandRow | null {
  const [first] = view.openCommands(order.id);
  if (first === undefined) return null;
  if (isStuckInTransit(first, read.row, read.readAt) && !isFinal(order.status)) {
    tellInTransit(context, view, order, { row: read.row, command: first });
  }
  if (first.state === 'WAITING') return settleWaiting(view, order, first, read);
  // Its trades have ended the order: no later read is news of it, so an answered command is ended by this one.
  if (isOut(first, read.readAt) && !(isFinal(order.status) && first.answeredAt !== null)) return null;
  if (isFinal(order.status)) {
    const { outcome, reason } = outcomeAtEnd(first, order);
    endCommand(view, first, outcome, reason);
    settleUnsent(view, order);
    return null;
  }
  return settleLive(context, view, order, first, read);
}

/** Too late when the order has ended; otherwise one that waited for this look goes on. */
function settleWaiting(
  view: AccountView,
  order: Order,
  command: OrderCommandRow,
  { row, readAt }: ReadRow,
): OrderCommandRow | null {
  if (isFinal(order.status)) {
    settleUnsent(view, order);
    return null;
  }
  const { answeredAt, cleanReads } = command;
  // It waited for the broker's id, or behind another command.
  if (command.sends === 0) return isPutOff(view, command) ? wakeCommand(view, order.id) : null;
  if (answeredAt === null || cleanReads > 0) return null;
  if (readAt <= answeredAt || mustWait(view, order, command, { row, readAt })) return null;
  view.putCommand({ ...command, cleanReads: 1 }, null);
  return wakeCommand(view, order.id);
}

/** What is being processed is let be, but not for ever: some words of the broker's may never change. */
function mustWait(
  view: AccountView,
  order: Order,
  { answeredAt }: OrderCommandRow,
  { row, readAt }: ReadRow,
): boolean {
  if (!isInTransit(row.status) || isStuckInTransit({ answeredAt }, row, readAt)) return false;
  const isKnown = view.standingAlert(inTransitCondition(order.id)) !== null;
  return !isKnown || readAt.getTime() - (answeredAt?.getTime() ?? 0) < TRY_STUCK_AGAIN_MS;
}

function isPutOff(view: AccountView, { nextStepAt }: OrderCommandRow): boolean {
  return nextStepAt !== null && nextStepAt > lookAt(view, PUT_OFF_MS);
}

function settleLive(
  context: Context,
  view: AccountView,
  order: Order,
  command: OrderCommandRow,
  { row, readAt }: ReadRow,
): OrderCommandRow | null {
  const { modifyConfirmMs: confirmMs } = context.settings;
  const verdict = commandVerdict(command, order, row, { readAt, confirmMs });
  switch (verdict.kind) {
    case 'NOTHING':
      return null;
    case 'NOT_SHOWN':
      view.putCommand({ ...command, cleanReads: command.cleanReads + 1 }, null);
      return null;
    case 'AGAIN':
      view.putCommand(
        {
          ...command,
          state: 'WAITING',
          answer: null,
          answeredAt: null,
          cleanReads: 0,
          reason: verdict.reason,
        },
        {
          kind: 'CommandPutOff',
          data: { command: command.kind, send: command.sends, answer: null, reason: verdict.reason },
        },
      );
      return wakeCommand(view, order.id);
    case 'END': {
      const { outcome, reason } = verdict;
      endCommand(view, command, outcome, reason);
      // Terms that the book does not repeat are the order's once it took them.
      if (outcome === 'ACCEPTED' && order.reserve !== null) takeTerms(view, order, command);
      if (outcome === 'REFUSED') releaseModify(view, order, command, reason ?? 'refused', false);
      if (outcome === 'REFUSED' || outcome === 'UNKNOWN') {
        const verb = outcome === 'REFUSED' ? 'was refused' : 'is lost';
        tellCommand(context, view, order, command, `${verb} (${reason ?? 'no reason given'})`);
      }
      return wakeCommand(view, order.id);
    }
  }
}

/** A whole read without a row of the order: after a while its command is given up, and a person is told. */
export function settleAbsent(context: Context, view: AccountView, order: Order, readAt: Date): void {
  const command = inFlight(view, order);
  if (command === null || isFinal(order.status) || isOut(command, readAt)) return;
  // A younger read held its row: this one was begun by a process that slept since.
  if (order.lastReadAt !== null && readAt < order.lastReadAt) return;
  const waitedMs = readAt.getTime() - (command.answeredAt?.getTime() ?? 0);
  if (command.cleanReads < 1 || waitedMs < context.settings.modifyConfirmMs) {
    view.putCommand({ ...command, cleanReads: command.cleanReads + 1 }, null);
    return;
  }
  const reason = `the broker's book does not hold ${order.brokerOrderId ?? 'the order'}`;
  endCommand(view, command, 'REFUSED', command.reason === null ? reason : `${reason} (${command.reason})`);
  releaseModify(view, order, command, reason, false);
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'order_not_in_book',
    message: `${order.symbol} (${order.clientOrderId}) is ${order.status}, but ${reason}; it stays as it is until the book shows it or a person decides`,
    details: { brokerOrderId: order.brokerOrderId, commandId: command.id },
    orderId: order.id,
    condition: `order:${order.id}:not-in-book`,
  });
}
