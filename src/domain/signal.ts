import { createHash } from 'node:crypto';
import { type Result, err, ok } from '../lib/result.ts';
import type { Exchange, Product } from './instrument.ts';
import { canonicalJson } from './journal.ts';
import type { Decimal } from './money.ts';
import type { OrderType, Side } from './order.ts';
import type { FieldError } from './order-request.ts';

/** An alert of a charting service, its fields known to have the right types. */
export interface Signal {
  /** What makes it the same alert when it comes again; null: its whole content. */
  readonly id: string | null;
  /** When it was raised. */
  readonly at: Date;
  readonly exchange: Exchange;
  readonly symbol: string;
  readonly product: Product;
  readonly orderType: OrderType;
  readonly price: Decimal | null;
  readonly triggerPrice: Decimal | null;
  readonly stopLoss: Decimal | null;
  readonly takeProfit: Decimal | null;
  readonly disclosedQuantity: number | null;
  /** An order of so many units; null in both when a target is given. */
  readonly side: Side | null;
  readonly quantity: number | null;
  /** What the strategy wants to hold afterwards, signed. A lost alert is made good by the next one. */
  readonly target: number | null;
}

/** What a hook lets through. */
export interface SignalBounds {
  /** "NSE:INFY". */
  readonly instruments: readonly string[];
  readonly maxQuantity: number;
  readonly maxAgeMs: number;
}

/** An alert that needed no order, by its clientOrderId; kept until it would be refused as stale anyway. */
export interface SettledSignal {
  readonly key: string;
  /** sha256 of its content. */
  readonly content: string;
  /** RFC 3339. */
  readonly until: string;
}

/** Alerts without an order that a hook remembers: what one row can hold and a burst of alerts does not make slow. */
export const SETTLED_AT_MOST = 200;

/**
 * With one more, and without those that would be refused as stale by now. Beyond SETTLED_AT_MOST those are forgotten
 * that were raised first: what is left says how far back that reaches, see `isForgotten`.
 */
export function withSettled(
  settled: readonly SettledSignal[],
  more: SettledSignal,
  now: Date,
): SettledSignal[] {
  const oldestFirst = [...settled.filter(({ until }) => new Date(until) >= now), more].sort(
    (one, other) => Date.parse(one.until) - Date.parse(other.until),
  );
  return oldestFirst.slice(-SETTLED_AT_MOST);
}

/** Whether an alert of that time may have needed no order once, and been forgotten: it must not order now. */
export function isForgotten(settled: readonly SettledSignal[], until: Date): boolean {
  return settled.length >= SETTLED_AT_MOST && settled.every((one) => new Date(one.until) >= until);
}

/** The part of an order that the alert decides; null: the target is reached, nothing is to be ordered. */
export type SignalOrder = { readonly side: Side; readonly quantity: number; readonly reduceOnly: boolean };

/** Clocks of two machines may differ so far. */
const AHEAD_MS = 10_000;
/** clientOrderId has at most 64 characters. */
const KEY_LENGTH = 32;

/** sha256 of the alert: the same content gives the same text, however its numbers were written. */
export function signalHash(signal: Signal): string {
  const plain = Object.fromEntries(
    Object.entries(signal).map(([name, value]: [string, unknown]) => [name, plainOf(value)]),
  );
  return createHash('sha256').update(canonicalJson(plain)).digest('hex');
}

function plainOf(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' && value !== null ? (value as Decimal).toFixed() : value;
}

/** The clientOrderId of what an alert orders: the same alert of the same hook never orders twice. */
export function signalOrderId(hookId: string, signal: Signal): string {
  const identity = signal.id === null ? ['content', signalHash(signal)] : ['id', signal.id];
  const key = createHash('sha256')
    .update(canonicalJson([hookId, ...identity]))
    .digest('hex');
  return `tv-${key.slice(0, KEY_LENGTH)}`;
}

/**
 * What an alert orders, judged by the bounds of its hook alone; the risk checks judge the order as any other.
 * `standing` is what the strategy holds with its orders under way, signed: a target is reached from there.
 */
export function orderOfSignal(
  signal: Signal,
  bounds: SignalBounds,
  { ageMs, standing }: { readonly ageMs: number; readonly standing: number },
): Result<SignalOrder | null, FieldError> {
  const { exchange, symbol, side, quantity, target } = signal;
  const { instruments, maxQuantity, maxAgeMs } = bounds;
  if (ageMs > maxAgeMs) {
    return refusal('/timenow', 'STALE', `is ${seconds(ageMs)} old; the hook takes ${seconds(maxAgeMs)}`);
  }
  if (ageMs < -AHEAD_MS) return refusal('/timenow', 'AHEAD', `lies ${seconds(-ageMs)} in the future`);
  if (!instruments.includes(`${exchange}:${symbol}`)) {
    return refusal('/symbol', 'NOT_OF_HOOK', `is not one of this hook: ${instruments.join(', ')}`);
  }
  if (Math.abs(target ?? quantity ?? 0) > maxQuantity) {
    const name = target === null ? '/quantity' : '/position_size';
    return refusal(name, 'MAX', `is over the ${maxQuantity} units of this hook`);
  }
  if (target === null) {
    return side === null || quantity === null
      ? refusal('/action', 'REQUIRED', 'and quantity, or position_size, are required')
      : ok({ side, quantity, reduceOnly: false });
  }
  const missing = target - standing;
  if (missing === 0) return ok(null);
  // Towards nothing, and no further: such an order passes where entries do not.
  const reduceOnly =
    Math.sign(standing) === -Math.sign(missing) && Math.sign(target) !== -Math.sign(standing);
  return ok({ side: missing > 0 ? 'BUY' : 'SELL', quantity: Math.abs(missing), reduceOnly });
}

/** Of an alert that may be one that was forgotten. */
export function forgottenRefusal(): FieldError {
  const message = `timenow lies before the last ${SETTLED_AT_MOST} targets that this hook found reached`;
  return { pointer: '/timenow', code: 'STALE', message };
}

function refusal(pointer: string, code: string, says: string): Result<never, FieldError> {
  return err({ pointer, code, message: `${pointer.slice(1)} ${says}` });
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
