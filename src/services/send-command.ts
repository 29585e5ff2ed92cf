import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerOrderChange, BrokerOrderRef, CommandCallOutcome } from '../broker/port.ts';
import type { BrokerOrderRow, OrderCommandRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import { CommitUnknownError } from '../db/errors.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import { modificationsLeft } from '../domain/command.ts';
import { decimal } from '../domain/money.ts';
import { type CallPriority, parseBudget, takeSlot } from '../domain/order-budget.ts';
import type { Order } from '../domain/order.ts';
import { type PlainTerms, isLocal, termsOf } from '../domain/order-terms.ts';
import { checkRequest } from '../domain/order-request.ts';
import { isFinal } from '../domain/order-status.ts';
import { PROTECTION_ACTOR, isGuard } from '../domain/protection.ts';
import { present } from '../lib/assert.ts';
import { failpoint } from '../lib/failpoint.ts';
import { inCallSpan } from '../lib/order-trace.ts';
import { bookMarks, cutsToFilled, outcomeAtEnd } from '../reconciliation/commands.ts';
import { addressVariety } from '../reconciliation/outside.ts';
import { type Unprepared, checkModify, prepareModify } from './check-modify.ts';
import type { Context } from './context.ts';
import { endCommand } from './end-command.ts';
import { hintPoll } from './hint-poll.ts';
import { BLOCKED_MS, applyLocal, tooMany } from './modify-order.ts';
import { enqueueNextStep } from './next-step.ts';
import { recordCommand } from './record-command.ts';
import { enqueueCommand, isUnsent, lookAt, settleUnsent } from './stage-command.ts';
import { RESOLVE_MARGIN_MS } from './submit-order.ts';
import { checkNeeds } from './check-input.ts';

/** A command that waits for a read of the book is looked at again after this, milliseconds. */
const LOOK_AGAIN_MS = 2000;

interface Claim {
  readonly order: Order;
  readonly command: OrderCommandRow;
  /** How the broker's address names the order. */
  readonly ref: BrokerOrderRef;
  /** This process's monotonic clock: not before, and not after, the call may start. */
  readonly notBeforeMs: number;
  readonly deadlineMs: number;
}

type Decision =
  | { readonly kind: 'nothing' }
  /** Ended without a call; an order that is checked again, or the next command, is told to the queues. */
  | { readonly kind: 'settled'; readonly order: Order; readonly next: OrderCommandRow | null }
  /** The book has to be read before anything else. */
  | { readonly kind: 'look' }
  /** A modify: what its checks look at has to be read as well. */
  | { readonly kind: 'judge' }
  | { readonly kind: 'unprepared'; readonly need: Unprepared }
  | { readonly kind: 'claimed'; readonly claim: Claim };

export interface CommandStep {
  readonly accountId: string;
  readonly orderId: string;
}

/**
 * Sends the waiting command of an order to the broker. The claim (IN_FLIGHT, with its deadline) is committed before
 * the call, and a modify passes the checks in the same transaction; whoever loses the claim does nothing. A claim past
 * its deadline is not sent. The answer is recorded in a transaction of its own; what became of the command is read from
 * the broker's book. A claim whose worker never reported becomes a question to the book. Runs any number of times.
 * Round trips: lock, read, write; the call; lock, read, write.
 */
export async function sendCommand(context: Context, step: CommandStep): Promise<void> {
  await failpoint('command.begin');
  let decision = await claimCommand(context, step, { judge: false, prepared: false });
  if (decision.kind === 'judge') {
    decision = await claimCommand(context, step, { judge: true, prepared: false });
  }
  if (decision.kind === 'unprepared') {
    await prepareModify(context, decision.need);
    decision = await claimCommand(context, step, { judge: true, prepared: true });
  }
  await failpoint('command.afterClaim');
  switch (decision.kind) {
    case 'nothing':
      return;
    case 'judge':
    case 'unprepared':
      throw new Error(`the instrument of order ${step.orderId} is not loaded`);
    case 'look':
      return hintPoll(context, step.accountId);
    case 'settled':
      await enqueueNextStep(context, decision.order);
      return enqueueCommand(context, decision.next);
    case 'claimed':
      return sendClaimed(context, decision.claim);
  }
}

async function sendClaimed(context: Context, claim: Claim): Promise<void> {
  const { accountId, orderId, id: commandId, sends } = claim.command;
  const outcome = await send(context, claim);
  await failpoint('command.afterCall');
  const again = await recordCommand(context, { accountId, orderId, commandId, send: sends, outcome });
  await failpoint('command.afterRecord');
  await enqueueCommand(context, again);
  await hintPoll(context, accountId);
}

interface How {
  /** False: only a cancel is claimed, and a modify asks for more. */
  readonly judge: boolean;
  readonly prepared: boolean;
}

async function claimCommand(
  context: Context,
  { accountId, orderId }: CommandStep,
  how: How,
): Promise<Decision> {
  const claimId = context.newId();
  const needs = {
    orders: [orderId],
    commandsOf: [orderId],
    ...(how.judge ? checkNeeds(context, accountId) : {}),
  };
  const work = { accountId, actor: context.processName, needs };
  try {
    return await context.withAccount({
      ...work,
      run: (view) => decide(context, view, { orderId, claimId, ...how }),
    });
  } catch (error) {
    if (!(error instanceof CommitUnknownError)) throw error;
    // Only our own claim, read on a new connection, allows the call.
    return context.withAccount({ ...work, run: (view) => ownClaim(view, orderId, claimId) });
  }
}

interface Attempt extends How {
  readonly orderId: string;
  readonly claimId: string;
}

function decide(context: Context, view: AccountView, attempt: Attempt): Decision {
  const order = view.order(attempt.orderId);
  if (order === null) return { kind: 'nothing' };
  const [first] = view.openCommands(order.id);
  if (first === undefined) return { kind: 'nothing' };
  if (first.state === 'IN_FLIGHT') return resolveOverdue(view, order, first);
  if (isUnsent(order) || isFinal(order.status)) {
    return { kind: 'settled', order: settleUnsent(view, order), next: null };
  }
  if (order.brokerOrderId === null) return putOff(view, first, BLOCKED_MS);
  if (first.answeredAt !== null && first.cleanReads === 0) {
    putOff(view, first, LOOK_AGAIN_MS);
    return { kind: 'look' };
  }
  if (first.kind === 'CANCEL' || cutsToFilled(first, order)) {
    const { claimId } = attempt;
    // Protection takes a guard away before it could open the other side: that is as urgent as the guard.
    const priority = isGuard(order) ? 'protectiveExit' : 'cancel';
    return claimCall(context, view, { order, command: first, priority, claimId });
  }
  return attempt.judge
    ? claimModify(context, view, { order, command: first, ...attempt })
    : { kind: 'judge' };
}

/** A claim whose worker never reported: it may have been made. From now on it is a question to the book. */
function resolveOverdue(view: AccountView, order: Order, command: OrderCommandRow): Decision {
  if (command.answeredAt !== null) return { kind: 'nothing' };
  if (command.nextStepAt === null || command.nextStepAt > view.real.realNow) return { kind: 'nothing' };
  if (isFinal(order.status)) {
    const { outcome, reason } = outcomeAtEnd(command, order);
    endCommand(view, command, outcome, reason);
    return { kind: 'settled', order: settleUnsent(view, order), next: null };
  }
  const reason = 'the worker that claimed the command never reported';
  view.putCommand(
    { ...command, answer: 'UNKNOWN', answeredAt: view.now, reason, nextStepAt: null, cleanReads: 0 },
    {
      kind: 'CommandAnswered',
      data: { command: command.kind, send: command.sends, answer: 'UNKNOWN', reason },
    },
  );
  return { kind: 'look' };
}

/** Judges a modify by the order as it is now; the claim that reserves its increase is the same transaction. */
function claimModify(
  context: Context,
  view: AccountView,
  {
    order,
    command,
    claimId,
    prepared,
  }: Attempt & { readonly order: Order; readonly command: OrderCommandRow },
): Decision {
  const terms = present(command.terms, `terms of command ${command.id}`);
  const byProtection = command.requestedBy === PROTECTION_ACTOR;
  if (!isLocal(terms) && modificationsLeft(order, byProtection) === 0) {
    endCommand(view, command, 'REFUSED', tooMany(order));
    return { kind: 'nothing' };
  }
  const misfit = misfitOf(context, view, order, terms);
  if (misfit !== null) {
    endCommand(view, command, 'REFUSED', misfit);
    return { kind: 'nothing' };
  }
  const verdict = checkModify(context, view, {
    ...{ order, terms, prepared },
    requestedBy: command.requestedBy,
  });
  if (verdict.kind === 'UNPREPARED') return { kind: 'unprepared', need: verdict };
  if (isLocal(terms)) return { kind: 'settled', ...settledLocal(view, order, command, verdict) };
  const checks = { commandId: command.id, results: verdict.results };
  if (verdict.kind === 'REFUSED') {
    view.note('ChecksRun', order.id, checks);
    endCommand(view, command, 'REFUSED', verdict.reason);
    return { kind: 'nothing' };
  }
  const decision = claimCall(context, view, {
    order,
    command,
    priority: isGuard(order) ? 'protectiveExit' : 'modify',
    claimId,
  });
  if (decision.kind !== 'claimed') return decision;
  view.note('ChecksRun', order.id, checks);
  view.apply(order, { kind: 'ModifyClaimed', commandId: command.id, ...verdict.reserve });
  return decision;
}

/** Why terms do not fit the order as it is by now: another modify may have been done since they were asked for. */
function misfitOf(context: Context, view: AccountView, order: Order, terms: PlainTerms): string | null {
  const instrument = context.instruments.cached(order.instrumentId);
  // What protection asks for is its own matter: it knows no other terms.
  if (instrument === null || isGuard(order)) return null;
  const checked = checkRequest({ ...order, ...termsOf(terms) }, instrument, tradingDayOf(view.now));
  if (checked.ok) return null;
  return checked.error.map(({ message }) => message).join('; ');
}

function settledLocal(
  view: AccountView,
  order: Order,
  command: OrderCommandRow,
  verdict: Parameters<typeof applyLocal>[3],
): { readonly order: Order; readonly next: null } {
  return { order: applyLocal(view, order, command, verdict).order, next: null };
}

function putOff(view: AccountView, command: OrderCommandRow, inMs: number): Decision {
  view.putCommand({ ...command, nextStepAt: lookAt(view, inMs) }, null);
  return { kind: 'nothing' };
}

/** Takes a slot of the broker's budget and writes the claim; too far away, the next time is written instead. */
function claimCall(
  context: Context,
  view: AccountView,
  claim: {
    readonly order: Order;
    readonly command: OrderCommandRow;
    readonly priority: CallPriority;
    readonly claimId: string;
  },
): Decision {
  const { order, command, priority, claimId } = claim;
  const now = view.real.realNow.getTime();
  const slot = takeSlot(parseBudget(view.account.budget), context.settings.budget, {
    now,
    day: tradingDayOf(view.now),
    priority,
    places: false,
    lateByMs: context.settings.sendWindowMs,
  });
  if (slot.kind !== 'SLOT') {
    return putOff(view, command, slot.kind === 'LATER' ? slot.at - now : BLOCKED_MS);
  }
  view.setBudget(slot.state);
  const sendBy = slot.at + context.settings.sendWindowMs;
  const seen = seenRow(view, order);
  const claimed: OrderCommandRow = {
    ...command,
    state: 'IN_FLIGHT',
    sends: command.sends + 1,
    claimId,
    sentAt: view.now,
    notBefore: new Date(slot.at),
    sendBy: new Date(sendBy),
    answer: null,
    answeredAt: null,
    bookBefore: seen === null ? null : bookMarks(seen.raw),
    cleanReads: 0,
    nextStepAt: new Date(sendBy + context.settings.brokerTimeoutMs + RESOLVE_MARGIN_MS),
    stepFailures: 0,
  };
  view.putCommand(claimed, {
    kind: 'CommandSent',
    data: {
      ...{ command: command.kind, send: claimed.sends },
      ...{ notBefore: new Date(slot.at).toISOString(), sendBy: new Date(sendBy).toISOString() },
      bookBefore: claimed.bookBefore,
    },
  });
  // The database read its clock between these two instants: each bound takes the one that can not cheat.
  const notBeforeMs = view.real.readEndedMs + (slot.at - now);
  const deadlineMs = view.real.readStartedMs + (sendBy - now);
  const ref = brokerRef(order, seen);
  return { kind: 'claimed', claim: { order, command: claimed, ref, notBeforeMs, deadlineMs } };
}

/** The order's row of the book as it was seen last; that of an after-market one may be of either day. */
function seenRow(view: AccountView, { submittedAt, brokerOrderId }: Order): BrokerOrderRow | null {
  const days = new Set([tradingDayOf(submittedAt ?? view.now), tradingDayOf(view.now)]);
  const rows = [...days].flatMap((day) => view.brokerOrder(day, brokerOrderId ?? '') ?? []);
  return rows.sort((a, b) => b.lastSeenAt.getTime() - a.lastSeenAt.getTime())[0] ?? null;
}

function ownClaim(view: AccountView, orderId: string, claimId: string): Decision {
  const order = view.order(orderId);
  const [command] = view.openCommands(orderId);
  if (order === null || command?.state !== 'IN_FLIGHT') return { kind: 'nothing' };
  if (command.claimId !== claimId || command.answeredAt !== null) return { kind: 'nothing' };
  const now = view.real.realNow.getTime();
  const notBefore = present(command.notBefore, 'slot of a claim').getTime();
  const sendBy = present(command.sendBy, 'deadline of a claim').getTime();
  const notBeforeMs = view.real.readEndedMs + (notBefore - now);
  const deadlineMs = view.real.readStartedMs + (sendBy - now);
  const ref = brokerRef(order, seenRow(view, order));
  return { kind: 'claimed', claim: { order, command, ref, notBeforeMs, deadlineMs } };
}

async function send(context: Context, claim: Claim): Promise<CommandCallOutcome> {
  const waitMs = claim.notBeforeMs - performance.now();
  if (waitMs > 0) await sleep(waitMs);
  await failpoint('command.beforeCall');
  if (performance.now() > claim.deadlineMs) {
    const message = 'the claim was too old to be sent';
    return { kind: 'NOT_DONE', reason: 'MISSED_SLOT', message, retry: 'now' };
  }
  const { order, command } = claim;
  const broker = context.broker(order.accountId);
  const options = { timeoutMs: context.settings.brokerTimeoutMs };
  return command.kind === 'CANCEL' || cutsToFilled(command, order)
    ? inCallSpan('broker cancel', () => broker.cancelOrder(claim.ref, options))
    : inCallSpan('broker modify', () => broker.modifyOrder(brokerChange(claim), options));
}

function brokerRef(order: Order, seen: BrokerOrderRow | null): BrokerOrderRef {
  const row = { status: order.brokerStatus, variety: seen?.raw['variety'] ?? order.variety };
  return {
    variety: addressVariety(row),
    orderId: present(order.brokerOrderId, `broker id of order ${order.id}`),
  };
}

function brokerChange({ order, command, ref }: Claim): BrokerOrderChange {
  const terms = { ...order, ...termsOf(command.terms ?? {}) };
  const { price, triggerPrice, disclosedQuantity, validityMinutes } = terms;
  const needsProtection = terms.orderType === 'MARKET' || terms.orderType === 'SL-M';
  const protection = terms.marketProtection ?? (needsProtection ? decimal(-1) : null);
  return {
    ...ref,
    orderType: terms.orderType,
    quantity: terms.quantity,
    validity: terms.validity,
    ...(price === null ? {} : { price }),
    ...(triggerPrice === null ? {} : { triggerPrice }),
    ...(disclosedQuantity === null ? {} : { disclosedQuantity }),
    ...(validityMinutes === null ? {} : { validityTtlMinutes: validityMinutes }),
    ...(protection === null ? {} : { marketProtection: protection }),
  };
}
