import type { AccountView } from '../db/account-view.ts';
import { tradingDayOf } from '../domain/calendar.ts';
import type { Instrument } from '../domain/instrument.ts';
import {
  gttPolicyErrors,
  type FieldError,
  type OrderRequest,
  checkRequest,
  requestHash,
} from '../domain/order-request.ts';
import type { Order } from '../domain/order.ts';
import { acceptedOrder } from '../domain/order-events.ts';
import type { ProtectionPolicy } from '../domain/protection-policy.ts';
import { nextSessionDay, segmentOf } from '../domain/session.ts';
import { failpoint } from '../lib/failpoint.ts';
import { tellOrderSpan } from '../lib/order-trace.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { limitsAt } from '../risk/limits.ts';
import type { Context } from './context.ts';
import { enqueueNextStep } from './next-step.ts';

export interface PlaceOrderInput {
  readonly accountId: string;
  readonly actor: string;
  /**
   * An operator's reduceOnly order passes where a halt leaves exits to operators, and an operator's entry may go
   * without protection. Default no.
   */
  readonly byOperator?: boolean;
  readonly request: OrderRequest;
}

export type PlaceOrderRefusal =
  | { readonly code: 'INVALID_ORDER'; readonly errors: readonly FieldError[] }
  | { readonly code: 'IDEMPOTENCY_CONFLICT'; readonly order: Order }
  /** Nothing would protect what it opens: that is an operator's to decide. */
  | { readonly code: 'UNPROTECTED'; readonly message: string };

export interface PlacedOrder {
  readonly order: Order;
  /** The same clientOrderId and content had been accepted before: this is the first order. */
  readonly replayed: boolean;
}

/**
 * Accepts an order: a PENDING row and its journal entry are committed before the caller hears of it.
 * The same clientOrderId with the same content gives the first order again. Round trips: lock, read, write.
 */
export async function placeOrder(
  context: Context,
  { accountId, actor, byOperator = false, request }: PlaceOrderInput,
): Promise<Result<PlacedOrder, PlaceOrderRefusal>> {
  const startedAt = performance.now();
  const listed = await context.instruments.find(request.exchange, request.symbol);
  const hash = requestHash(request);
  const id = context.newId();
  await failpoint('accept.beforeCommit');
  const result = await context.withAccount({
    accountId,
    actor,
    needs: {
      clientOrderIds: [request.clientOrderId],
      ...(request.strategyId === null ? {} : { strategies: true }),
    },
    run: (view) => acceptOrder(context, view, { request, byOperator, id, hash, listed }),
  });
  await failpoint('accept.afterCommit');
  if (result.ok && !result.value.replayed) {
    tellOrderSpan('accept', result.value.order.id, { startedAt, asked: true });
    await enqueueNextStep(context, result.value.order);
  }
  return result;
}

export interface Acceptance {
  readonly request: OrderRequest;
  readonly byOperator: boolean;
  /** Of the order, when it is a new one. */
  readonly id: string;
  /** Of the request. */
  readonly hash: string;
  /** As the broker's file of the day has it; null: it does not. */
  readonly listed: Instrument | null;
}

/** What placing does inside the account's transaction. Needs the clientOrderId, and strategies where one is named. */
export function acceptOrder(
  context: Pick<Context, 'settings'>,
  view: AccountView,
  { request, byOperator, id, hash, listed }: Acceptance,
): Result<PlacedOrder, PlaceOrderRefusal> {
  const before = view.orderByClientId(request.clientOrderId);
  if (before !== null) {
    return before.requestHash === hash
      ? ok({ order: before, replayed: true })
      : err({ code: 'IDEMPOTENCY_CONFLICT', order: before });
  }
  const day = tradingDayOf(view.now);
  const checked = checkRequest(request, listed, day);
  if (!checked.ok) return err({ code: 'INVALID_ORDER', errors: checked.error });
  const protection = protectionOf(context, view, request);
  if (request.protection === 'none' && !byOperator && defaultPolicy(context, view, request) !== 'none') {
    const message = 'the policy none leaves the position without a stop: an operator places it, or sets it';
    return err({ code: 'UNPROTECTED', message });
  }
  const errors = gttPolicyErrors(request, protection);
  if (errors.length > 0) return err({ code: 'INVALID_ORDER', errors });
  if (request.strategyId !== null) registerStrategy(view, request.strategyId);
  const order = acceptedOrder(
    {
      ...request,
      accountId: view.account.id,
      id,
      requestHash: hash,
      instrumentId: checked.value.id,
      maxAgeMs: maxAge(request, maxOrderAgeMs(context, view, request)),
      parentOrderId: null,
      protectionGroup: null,
      protection,
      trailing: request.trailing ?? null,
      gtt: request.gtt ?? false,
      cause: byOperator && request.reduceOnly ? 'OPERATOR' : 'REQUEST',
      tradingDay: dayFor(context, request, view.now),
    },
    view.now,
  );
  view.changeDay(day, (before) => ({ ordersCount: before.ordersCount + 1 }));
  view.insertOrder(order);
  return ok({ order, replayed: false });
}

/** The trading day that an order counts for: an after-market one waits for the next session. */
function dayFor(
  { settings }: Pick<Context, 'settings'>,
  { variety, exchange }: OrderRequest,
  now: Date,
): string {
  if (variety !== 'amo') return tradingDayOf(now);
  return nextSessionDay(segmentOf(exchange), now, settings.session.holidays);
}

/** Its own, else its strategy's, else the configured one; what only reduces opens nothing to protect. */
function protectionOf(
  context: Pick<Context, 'settings'>,
  view: AccountView,
  request: OrderRequest,
): ProtectionPolicy | null {
  return request.reduceOnly ? null : (request.protection ?? defaultPolicy(context, view, request));
}

/** That of the strategy, else the configured one. */
export function defaultPolicy(
  { settings }: Pick<Context, 'settings'>,
  view: AccountView,
  { strategyId }: Pick<OrderRequest, 'strategyId'>,
): ProtectionPolicy {
  const ofStrategy = strategyId === null ? null : (view.strategy(strategyId)?.protection ?? null);
  return ofStrategy ?? settings.protection.policy;
}

/** MAX_ORDER_AGE_MS in force for an order of its strategy. */
function maxOrderAgeMs(
  { settings }: Pick<Context, 'settings'>,
  view: AccountView,
  { strategyId }: Pick<OrderRequest, 'strategyId'>,
): number {
  const ofStrategy = strategyId === null ? undefined : view.strategy(strategyId)?.limits;
  return limitsAt(settings.limits, view.now, view.account.limits, ofStrategy).maxOrderAgeMs;
}

/** Entries grow stale; exits and after-market orders do not, unless they say so. 0 turns the limit off. */
function maxAge(request: OrderRequest, configuredMs: number): number | null {
  const wanted = request.maxAgeMs ?? (request.reduceOnly || request.variety === 'amo' ? 0 : configuredMs);
  return wanted === 0 ? null : wanted;
}

/** A strategy is known from its first order on, or earlier when an operator makes it; disabled and halted at any time. */
export function registerStrategy(view: AccountView, strategyId: string, name: string = strategyId): void {
  if (view.strategy(strategyId) !== null) return;
  view.putStrategy(
    {
      accountId: view.account.id,
      id: strategyId,
      name,
      enabled: true,
      disabledReason: null,
      armedAt: null,
      protection: null,
      tradingState: 'ACTIVE',
      tradingStateReason: null,
      tradingStateBy: null,
      tradingStateAt: null,
      haltId: null,
      haltExits: 'reduceOnly',
      limits: {},
      createdAt: view.now,
      updatedAt: view.now,
    },
    'StrategyRegistered',
  );
}
