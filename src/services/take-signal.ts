import type { SignalHookRow } from '../db/account-rows.ts';
import type { AccountView } from '../db/account-view.ts';
import type { LiveOrder } from '../domain/live-order.ts';
import type { Order } from '../domain/order.ts';
import { type FieldError, type OrderRequest, requestHash } from '../domain/order-request.ts';
import {
  type Signal,
  type SignalOrder,
  forgottenRefusal,
  isForgotten,
  orderOfSignal,
  signalHash,
  signalOrderId,
  withSettled,
} from '../domain/signal.ts';
import { type Result, err, ok } from '../lib/result.ts';
import type { Context } from './context.ts';
import { enqueueNextStep } from './next-step.ts';
import { acceptOrder } from './place-order.ts';

export interface TakeSignal {
  readonly hook: SignalHookRow;
  readonly signal: Signal;
}

export interface TakenSignal {
  /** Null: the strategy holds already what the alert aims at. */
  readonly order: Order | null;
  /** The same alert was taken before; this is what it ordered. */
  readonly replayed: boolean;
}

export type SignalRefusal =
  | { readonly code: 'SIGNAL_REFUSED'; readonly errors: readonly FieldError[] }
  /** The id was used by another alert. */
  | { readonly code: 'IDEMPOTENCY_CONFLICT' };

/**
 * Takes an alert of a charting service: the order it asks for is committed as PENDING, with the alert in the journal,
 * before the caller hears of it; every check comes after, as for any order. What is refused is journaled, too. A target
 * is reached from what is held and under way in the same transaction, so that two alerts at once never add up. One that
 * needed no order is remembered until it is stale: when it comes again and the position has changed meanwhile (its stop
 * was hit), it does not order after all. What is remembered is bounded, and no alert older than all of it orders.
 */
export async function takeSignal(
  context: Context,
  { hook, signal }: TakeSignal,
): Promise<Result<TakenSignal, SignalRefusal>> {
  const { accountId, strategyId } = hook;
  const clientOrderId = signalOrderId(hook.id, signal);
  const listed = await context.instruments.find(signal.exchange, signal.symbol);
  const id = context.newId();
  const isTarget = signal.target !== null;
  const taken = await context.withAccount({
    accountId,
    actor: `hook:${hook.name}`,
    needs: {
      clientOrderIds: [clientOrderId],
      strategies: true,
      ...(isTarget ? { signalHooks: [hook.id], liveOrders: true, unsettledOrders: true } : {}),
      ...(isTarget && listed !== null
        ? { strategyPositions: [`${strategyId}/${listed.id}/${signal.product}`] }
        : {}),
    },
    run: (view): Result<TakenSignal, SignalRefusal> => {
      const before = view.orderByClientId(clientOrderId);
      if (before !== null) return replayOf(before, signal);
      const own = isTarget ? view.signalHook(hook.id) : null;
      const settled = own?.settled.find(({ key }) => key === clientOrderId);
      if (settled !== undefined) {
        return settled.content === signalHash(signal)
          ? ok({ order: null, replayed: true })
          : err({ code: 'IDEMPOTENCY_CONFLICT' });
      }
      const now = view.real.realNow;
      const refuse = (errors: readonly FieldError[]): Result<never, SignalRefusal> => {
        view.noteSignal(hook.id, 'SignalRefused', { ...told(signal), errors });
        return err({ code: 'SIGNAL_REFUSED', errors });
      };
      const wanted = orderOfSignal(signal, hook, {
        ageMs: now.getTime() - signal.at.getTime(),
        standing: isTarget && listed !== null ? standing(view, hook, signal, listed.id) : 0,
      });
      if (!wanted.ok) return refuse([wanted.error]);
      const until = new Date(signal.at.getTime() + hook.maxAgeMs);
      if (wanted.value === null) {
        view.noteSignal(hook.id, 'SignalTaken', { ...told(signal), orderId: null });
        const more = { key: clientOrderId, content: signalHash(signal), until: until.toISOString() };
        if (own !== null) view.keepSettledSignals({ ...own, settled: withSettled(own.settled, more, now) });
        return ok({ order: null, replayed: false });
      }
      if (own !== null && isForgotten(own.settled, until)) return refuse([forgottenRefusal()]);
      const request = requestOf(hook, signal, wanted.value, clientOrderId);
      const of = { request, byOperator: false, id, hash: requestHash(request), listed };
      const accepted = acceptOrder(context, view, of);
      if (!accepted.ok) return refuse('errors' in accepted.error ? accepted.error.errors : []);
      view.noteSignal(hook.id, 'SignalTaken', { ...told(signal), orderId: accepted.value.order.id });
      return ok(accepted.value);
    },
  });
  if (taken.ok && taken.value.order !== null && !taken.value.replayed) {
    await enqueueNextStep(context, taken.value.order);
  }
  return taken;
}

function replayOf(order: Order, signal: Signal): Result<TakenSignal, SignalRefusal> {
  const content = (order.metadata?.['signal'] as { content?: unknown } | undefined)?.content;
  return content === signalHash(signal)
    ? ok({ order, replayed: true })
    : err({ code: 'IDEMPOTENCY_CONFLICT' });
}

/**
 * What the strategy holds of the instrument, with what its orders under way would make of it. Its guards do not count:
 * they wait for a price that may never come.
 */
function standing(
  view: AccountView,
  { strategyId }: SignalHookRow,
  { product }: Signal,
  instrumentId: number,
): number {
  const held = view.newestStrategyCycle(strategyId, { instrumentId, product, managedBy: 'OMS' });
  const working = new Map<string, LiveOrder | Order>();
  for (const order of [...view.liveOrders(), ...view.unsettledOrders()]) working.set(order.id, order);
  let total = held?.status === 'OPEN' ? held.quantity : 0;
  for (const order of working.values()) {
    const isIts =
      order.strategyId === strategyId && order.instrumentId === instrumentId && order.product === product;
    if (!isIts || order.role === 'STOP' || order.role === 'TARGET') continue;
    const left = order.quantity - order.filledQuantity;
    total += order.side === 'BUY' ? left : -left;
  }
  return total;
}

/** Of the alert, as the journal keeps it. */
function told(signal: Signal): Readonly<Record<string, unknown>> {
  const { id, at, exchange, symbol, side, quantity, target } = signal;
  return { id, raisedAt: at.toISOString(), instrument: `${exchange}:${symbol}`, side, quantity, target };
}

function requestOf(
  hook: SignalHookRow,
  signal: Signal,
  wanted: SignalOrder,
  clientOrderId: string,
): OrderRequest {
  const { exchange, symbol, product, orderType, price, triggerPrice, disclosedQuantity } = signal;
  // What only reduces carries no stop of its own.
  const guards = wanted.reduceOnly
    ? { stopLoss: null, takeProfit: null }
    : { stopLoss: signal.stopLoss, takeProfit: signal.takeProfit };
  return {
    ...{ clientOrderId, strategyId: hook.strategyId, exchange, symbol, product, orderType },
    ...{ price, triggerPrice, disclosedQuantity, ...guards, ...wanted },
    validity: 'DAY',
    validityMinutes: null,
    variety: 'regular',
    marketProtection: null,
    maxAgeMs: null,
    metadata: {
      signal: { hook: hook.name, raisedAt: signal.at.toISOString(), content: signalHash(signal) },
    },
    role: wanted.reduceOnly ? 'EXIT' : 'ENTRY',
  };
}
