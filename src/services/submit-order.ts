import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerOrderRequest, PlacementOutcome } from '../broker/port.ts';
import type { AccountView } from '../db/account-view.ts';
import { CommitUnknownError } from '../db/errors.ts';
import type { TradingState } from '../domain/account.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import { decimal } from '../domain/money.ts';
import { type CallPriority, parseBudget, takeSlot } from '../domain/order-budget.ts';
import { type Order, isExit } from '../domain/order.ts';
import { isFinal } from '../domain/order-status.ts';
import { isGuard } from '../domain/protection.ts';
import { attemptTag } from '../domain/tag.ts';
import { InvariantError, assert, present } from '../lib/assert.ts';
import { failpoint } from '../lib/failpoint.ts';
import { isMutant } from '../lib/mutant.ts';
import { inCallSpan } from '../lib/order-trace.ts';
import { circuitBreaker } from '../risk/checks/circuit-breaker.ts';
import { reduceOnly } from '../risk/checks/reduce-only.ts';
import { effectOf } from '../risk/effect.ts';
import { checkInput } from './check-input.ts';
import type { Claim, ClaimDecision } from './claim.ts';
import type { Context } from './context.ts';
import { deferStep } from './defer-step.ts';
import { hintPoll } from './hint-poll.ts';
import { enqueueNextStep } from './next-step.ts';
import { callEarly, earlyCall } from './planted-bugs.ts';
import { protectAccount } from './protect-account.ts';
import { noteAttempt, recordPlacement } from './record-placement.ts';
import { rejectOrder, staleReason } from './reject-order.ts';

/** A claim without an answer is resolved this long after the call must have ended, milliseconds. */
export const RESOLVE_MARGIN_MS = 1000;
/** An exit that the day's placements have no room for is looked at again after this, milliseconds. */
const DAY_SPENT_RETRY_MS = 60_000;

/**
 * Sends a VALIDATED order to the broker at most once. The claim (SUBMITTING, with its tag) is committed before the
 * call; whoever loses the claim does nothing. A claim past its deadline is not sent. The answer is recorded in a
 * transaction of its own; without an answer the order is UNKNOWN and only the broker's book or a person ends it.
 * Round trips: lock, read, write; the call; lock, read, write.
 */
export async function submitOrder(
  context: Context,
  { accountId, orderId }: { readonly accountId: string; readonly orderId: string },
): Promise<void> {
  await failpoint('submit.begin');
  let decision = await claimOrder(context, accountId, orderId);
  if (decision.kind === 'unprepared') {
    await context.instruments.byId(decision.order.instrumentId);
    decision = await claimOrder(context, accountId, orderId);
  }
  if (decision.kind === 'nothing') return;
  if (decision.kind === 'recheck') return enqueueNextStep(context, decision.order);
  if (decision.kind === 'unprepared') throw new InvariantError(`instrument of order ${orderId} is missing`);
  if (decision.kind === 'later') return deferStep(context, decision.order, decision.at);
  await sendClaimed(context, decision.claim);
}

/** Makes the call of a claim that is committed, records its answer, and asks for a look at the book. */
export async function sendClaimed(context: Context, claim: Claim): Promise<void> {
  await failpoint('submit.afterClaim');
  const { accountId, id: orderId } = claim.order;
  const outcome = await send(context, claim);
  await failpoint('submit.afterCall');
  const order = await recordPlacement(context, { accountId, orderId, attempt: claim.order.attempt, outcome });
  await failpoint('submit.afterRecord');
  await followUp(context, order);
}

async function followUp(context: Context, order: Order | null): Promise<void> {
  if (order === null) return;
  // A stop that is refused is replaced at once, or the position leaves.
  if (isGuard(order) && isFinal(order.status)) {
    await protectAccount(context, order);
    return;
  }
  if (order.status === 'PENDING') return enqueueNextStep(context, order);
  if (order.status === 'VALIDATED') {
    const due = order.nextStepAt === null || order.nextStepAt <= order.updatedAt;
    return due ? enqueueNextStep(context, order) : undefined;
  }
  if (order.status === 'SUBMITTED') await hintPoll(context, order.accountId);
}

async function claimOrder(context: Context, accountId: string, orderId: string): Promise<ClaimDecision> {
  const claimId = context.newId();
  try {
    return await context.withAccount({
      accountId,
      actor: context.processName,
      needs: { orders: [orderId], strategies: true },
      run: (view) => decideClaim(context, view, orderId, claimId),
    });
  } catch (error) {
    if (!(error instanceof CommitUnknownError)) throw error;
    return claimAfterUnknownCommit(context, accountId, orderId, claimId);
  }
}

/**
 * The fence, the order's age and the broker's budget, judged under the lock; claims the order when they allow it.
 * `claimId` tells this claim from another's after a commit without an answer.
 */
export function decideClaim(
  context: Context,
  view: AccountView,
  orderId: string,
  claimId: string,
): ClaimDecision {
  const order = view.order(orderId);
  if (order?.status === 'SUBMITTING') resolveOverdue(view, order);
  if (order?.status !== 'VALIDATED') return { kind: 'nothing' };
  const stale = staleReason(order, view.now);
  if (stale !== null) {
    rejectOrder(view, order, { by: 'OMS', failedCheck: 'STALE', reason: stale });
    return { kind: 'nothing' };
  }
  if (mayBeFenced(view, order)) {
    if (context.instruments.cached(order.instrumentId) === null) return { kind: 'unprepared', order };
    if (isFenced(context, view, order)) return { kind: 'nothing' };
  }

  if (opensMore(view, order)) return { kind: 'recheck', order: checkAgain(view, order) };

  const day = tradingDayOf(view.now);
  const now = view.real.realNow.getTime();
  const slot = takeSlot(parseBudget(view.account.budget), context.settings.budget, {
    now,
    day,
    priority: priorityOf(view, order),
    places: true,
    lateByMs: context.settings.sendWindowMs,
  });
  if (slot.kind === 'LATER') return { kind: 'later', order, at: new Date(slot.at) };
  if (slot.kind === 'DAY_SPENT') return daySpent(context, view, order, slot.share);
  view.setBudget(slot.state);
  const sendBy = slot.at + context.settings.sendWindowMs;
  const attempt = order.attempt + 1;
  const tag = attemptTag(order.id, isMutant('tag-reused') ? 1 : attempt);
  const claimed = view.apply(order, {
    kind: 'SubmissionClaimed',
    attempt,
    tag,
    notBefore: new Date(slot.at).toISOString(),
    sendBy: new Date(sendBy).toISOString(),
    resolveAt: new Date(sendBy + context.settings.brokerTimeoutMs + RESOLVE_MARGIN_MS).toISOString(),
  });
  view.putAttempt({
    accountId: order.accountId,
    orderId: order.id,
    attempt,
    tag,
    claimedAt: view.now,
    notBefore: new Date(slot.at),
    sendBy: new Date(sendBy),
    claimId,
    outcome: null,
    outcomeReason: null,
    outcomeAt: null,
    brokerOrderId: null,
  });
  // The database read its clock between these two instants: each bound takes the one that can not cheat.
  const notBeforeMs = view.real.readEndedMs + (slot.at - now);
  const deadlineMs = view.real.readStartedMs + (sendBy - now);
  if (isMutant('call-before-commit')) callEarly(claimId, () => callBroker(context, claimed));
  return { kind: 'claimed', claim: { order: claimed, claimId, notBeforeMs, deadlineMs } };
}

/** A claim whose worker never reported: from now on the order's fate is a question to the broker, never a call. */
function resolveOverdue(view: AccountView, order: Order): void {
  if (order.nextStepAt === null || order.nextStepAt > view.real.realNow) return;
  const reason = 'the worker that claimed the order never reported';
  noteAttempt(view, order, 'UNKNOWN', reason, null);
  view.apply(order, { kind: 'SubmissionUnknown', attempt: order.attempt, reason });
}

function mayBeFenced(view: AccountView, order: Order): boolean {
  if (isMutant('stale-halt')) return false;
  return order.reduceOnly || statesOf(view, order).some((state) => state !== 'ACTIVE');
}

/** Of the account, and of the order's strategy. */
function statesOf(view: AccountView, { strategyId }: Order): TradingState[] {
  const strategy = strategyId === null ? null : view.strategy(strategyId);
  return [view.account.tradingState, strategy?.tradingState ?? 'ACTIVE'];
}

/** The halt and reduceOnly are judged again under the lock: a fill or a halt may have come since validation. */
function isFenced(context: Context, view: AccountView, order: Order): boolean {
  const { input } = checkInput(context, view, order);
  for (const check of [circuitBreaker, reduceOnly]) {
    const verdict = check.run(input);
    if (verdict.verdict !== 'FAIL') continue;
    rejectOrder(view, order, { by: 'OMS', failedCheck: check.name, reason: verdict.message });
    return true;
  }
  return false;
}

/**
 * What was to reduce a position may find it smaller, or gone, when its turn comes: a stop filled in between. Then a part
 * that no check of new risk has seen would open the other side. `reduceOnly` is judged by the fence instead.
 */
function opensMore(view: AccountView, order: Order): boolean {
  if (order.reduceOnly || order.openingQuantity >= order.quantity) return false;
  const others = view.liveOrders().filter(({ id }) => id !== order.id);
  return effectOf(order, view.openPositions(), others).openingQuantity > order.openingQuantity;
}

function checkAgain(view: AccountView, order: Order): Order {
  const reason = 'the position it was to reduce has changed since its checks';
  view.note('OrderCheckedAgain', order.id, { openingQuantity: order.openingQuantity, reason });
  return view.apply(order, { kind: 'OrderModified', commandId: null, terms: {}, figures: null });
}

/** An entry is refused; an exit is never: it waits and is told, for the next day or for more room. */
function daySpent(context: Context, view: AccountView, order: Order, share: number): ClaimDecision {
  const { perDay } = context.settings.budget;
  const ofDay = `the broker takes ${perDay} placements a day`;
  if (!isExit(order)) {
    const reason = `${ofDay}; ${share} are used, and what is left is kept for exits`;
    rejectOrder(view, order, { by: 'OMS', failedCheck: 'ORDER_BUDGET', reason });
    return { kind: 'nothing' };
  }
  const { side, quantity, symbol, clientOrderId } = order;
  view.raiseAlert({
    id: context.newId(),
    severity: 'CRITICAL',
    type: 'order_budget_spent',
    condition: 'budget:day',
    message: `${ofDay} and ${share} are used: exits like ${side} ${quantity} ${symbol} (${clientOrderId}) wait; what is left is kept for stops. Close by hand what can not wait`,
    details: { perDay, share, clientOrderId },
    orderId: order.id,
  });
  return { kind: 'later', order, at: new Date(view.real.realNow.getTime() + DAY_SPENT_RETRY_MS) };
}

/** What guards a position, and what a halt's flatten closes, goes before everything else. */
function priorityOf(view: AccountView, order: Order): CallPriority {
  if (!isExit(order)) return 'entry';
  if (order.role === 'STOP') return 'protectiveExit';
  if (order.role !== 'EXIT') return 'exit';
  // A guard with this role is the exit of a position that could not have its stop.
  if (isGuard(order)) return 'protectiveExit';
  const ofOperation = typeof order.metadata?.['operationId'] === 'string';
  return ofOperation && statesOf(view, order).includes('HALTED') ? 'kill' : 'exit';
}

/** The claim's commit had no answer: only our own claim id, read on a new connection, allows the call. */
export async function claimAfterUnknownCommit(
  context: Context,
  accountId: string,
  orderId: string,
  claimId: string,
): Promise<ClaimDecision> {
  return context.withAccount<ClaimDecision>({
    accountId,
    actor: context.processName,
    needs: { orders: [orderId] },
    run: (view) => {
      const order = view.order(orderId);
      if (order?.status !== 'SUBMITTING' || order.attemptTag === null) return { kind: 'nothing' };
      const attempt = view.attemptByTag(order.attemptTag);
      if (attempt?.claimId !== claimId || attempt.outcome !== null) return { kind: 'nothing' };
      const now = view.real.realNow.getTime();
      const notBeforeMs = view.real.readEndedMs + (attempt.notBefore.getTime() - now);
      const deadlineMs = view.real.readStartedMs + (attempt.sendBy.getTime() - now);
      return { kind: 'claimed', claim: { order, claimId, notBeforeMs, deadlineMs } };
    },
  });
}

async function send(context: Context, claim: Claim): Promise<PlacementOutcome> {
  const waitMs = claim.notBeforeMs - performance.now();
  if (waitMs > 0) await sleep(waitMs);
  await failpoint('submit.beforeCall');
  if (isMutant('call-before-commit')) return earlyCall(claim.claimId) ?? callBroker(context, claim.order);
  if (performance.now() > claim.deadlineMs && !isMutant('deadline-ignored')) {
    return {
      kind: 'NOT_PLACED',
      reason: 'MISSED_SLOT',
      message: 'the claim was too old to be sent',
      retry: 'now',
    };
  }
  return callBroker(context, claim.order);
}

async function callBroker(context: Context, order: Order): Promise<PlacementOutcome> {
  const { brokerTimeoutMs: timeoutMs } = context.settings;
  const broker = context.broker(order.accountId);
  return inCallSpan('broker place', () => broker.placeOrder(brokerRequest(order), { timeoutMs }));
}

function brokerRequest(order: Order): BrokerOrderRequest {
  const needsProtection = order.orderType === 'MARKET' || order.orderType === 'SL-M';
  const protection = order.marketProtection ?? (needsProtection ? decimal(-1) : null);
  assert(order.status === 'SUBMITTING', `order ${order.id} is claimed before it is sent`);
  return {
    variety: order.variety,
    exchange: order.exchange,
    tradingsymbol: order.symbol,
    transactionType: order.side,
    orderType: order.orderType,
    product: order.product,
    validity: order.validity,
    quantity: order.quantity,
    tag: present(order.attemptTag, `tag of order ${order.id}`),
    ...(order.price === null ? {} : { price: order.price }),
    ...(order.triggerPrice === null ? {} : { triggerPrice: order.triggerPrice }),
    ...(order.disclosedQuantity === null ? {} : { disclosedQuantity: order.disclosedQuantity }),
    ...(order.validityMinutes === null ? {} : { validityTtlMinutes: order.validityMinutes }),
    ...(protection === null ? {} : { marketProtection: protection }),
  };
}
