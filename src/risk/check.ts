import type { Account, Position } from '../domain/account.ts';
import type { Instrument } from '../domain/instrument.ts';
import { type Decimal, formatMoneyForPeople } from '../domain/money.ts';
import type { FinishedOrder, LiveOrder } from '../domain/live-order.ts';
import type { Order } from '../domain/order.ts';
import type { SessionRules } from '../domain/session.ts';
import type { Limits, OwnLimits } from './limits.ts';

export type Verdict = 'PASS' | 'FAIL' | 'WARN' | 'SKIP';

/** What a check says: stored with the order, also when an earlier check failed. */
export interface CheckResult {
  readonly check: string;
  readonly verdict: Verdict;
  /** What was measured and what it was held against, as plain decimals; null when there was nothing to measure. */
  readonly value: string | null;
  readonly limit: string | null;
  readonly message: string;
}

/** A price as the checks see it. Fresh: young enough to decide on (PRICE_MAX_AGE_MS). */
export interface PriceView {
  readonly last: Decimal;
  readonly bestBid: Decimal | null;
  readonly bestOffer: Decimal | null;
  readonly lowerCircuit: Decimal | null;
  readonly upperCircuit: Decimal | null;
  readonly ageMs: number;
  readonly fresh: boolean;
  /** The price seen shortly before this one; null or left out: none. */
  readonly previous?: Decimal | null;
  /** The close of the day before as the broker says; null or left out: not known. */
  readonly previousClose?: Decimal | null;
}

/** How an order changes the position it meets (trading.md section 2). Quantities in units. */
export interface Effect {
  readonly reducingQuantity: number;
  readonly openingQuantity: number;
  /** Most that reduceOnly could take now. */
  readonly largestReduction: number;
  /** Absolute quantity of the key if everything live and this order filled, on its side. */
  readonly worstCaseQuantity: number;
}

/** What of a position the limits look at. */
export type HeldPosition = Pick<Position, 'instrumentId' | 'product' | 'managedBy' | 'quantity'>;

/** Whose orders and positions a limit is judged over: the account's, or a strategy's own. */
export interface Scope {
  readonly limits: OwnLimits;
  readonly positions: readonly HeldPosition[];
  /** Without the order itself. */
  readonly liveOrders: readonly LiveOrder[];
  readonly effect: Effect;
}

/** What a stop that is moved away makes of the position behind it. Rupees. */
export interface Widened {
  /** Lost of it at the new stop; null: nothing bounds it any more. */
  readonly loss: Decimal | null;
  /** By how much that is more than before. */
  readonly by: Decimal | null;
}

export interface OldPrice {
  /** "NSE:RELIANCE". */
  readonly of: string;
  /** Null: no price is known. */
  readonly ageMs: number | null;
}

/** The strategy that an order names. */
export interface StrategyView {
  readonly id: string;
  readonly enabled: boolean;
  readonly disabledReason: string | null;
  /** Orders before this instant count no more against it; null: all count. */
  readonly armedAt: Date | null;
}

/** Everything a check may look at. No clock, no database: the service puts it together under the account lock. */
export interface CheckInput {
  readonly order: Order;
  readonly instrument: Instrument;
  readonly limits: Limits;
  readonly account: Pick<Account, 'tradingState' | 'haltExits' | 'tradingStateReason'>;
  readonly strategyState: Account['tradingState'] | null;
  /** Of the strategy's own halt; null when the order belongs to no strategy. */
  readonly strategyExits: Account['haltExits'] | null;
  readonly strategyReason: string | null;
  /** The short option that this order would leave without its hedge; null when it leaves none. */
  readonly uncovers: string | null;
  /** Rupees of margin that it raises by taking a hedge away, as the broker says; null: none is taken, or no figure. */
  readonly addedMargin: Decimal | null;
  /** Null: the order names none, or one that is not known yet. */
  readonly strategy: StrategyView | null;
  /** Why the position that the order would add to leaves by protective exits; null: it does not. */
  readonly leaving: string | null;
  /** What the strategy's own limits are judged over; null: it has none. */
  readonly own: Scope | null;
  /** The instant of the check. */
  readonly at: Date;
  readonly session: SessionRules;
  readonly price: PriceView | null;
  /** See referencePrice; null when there is none. */
  readonly reference: Decimal | null;
  readonly effect: Effect;
  /** Of a change of terms that moves a stop of what is held already; null: none does. */
  readonly widened: Widened | null;
  /** Live orders of the account without this one. */
  readonly liveOrders: readonly LiveOrder[];
  /** Orders that finished, of at least as long as the limits look back. */
  readonly finishedOrders: readonly FinishedOrder[];
  readonly positions: readonly Position[];
  /** Most a CNC sale could deliver, this order aside; null: the broker's holdings are not known. */
  readonly deliverable: number | null;
  /** Rupees a unit may cost at most, protection and multiplier included; null without a reference. */
  readonly valuePerUnit: Decimal | null;
  /** Rupees per unit that the broker will block for the opening part; null: no figure. */
  readonly marginPerUnit: Decimal | null;
  /** Estimated charges of the opening part. */
  readonly charges: Decimal;
  /** What is left of the segment's funds for this order; null: no snapshot of the broker's funds. */
  readonly availableFunds: Decimal | null;
  readonly riskCapital: Decimal;
  /** Net P&L of the trading day so far, by the last prices of what is held. */
  readonly dayPnl: Decimal;
  /** A managed position whose price is old or unknown, so that dayPnl can not be trusted; null: there is none. */
  readonly oldPrice: OldPrice | null;
  /** Further loss if every live order filled and every position went from its last price to its stop. */
  readonly openRisk: Decimal;
}

export interface Check {
  readonly name: string;
  readonly run: (input: CheckInput) => Outcome;
}

type Outcome = Omit<CheckResult, 'check'>;

/** Judges the account and, where the order's strategy has limits of its own, the strategy; the first failure tells. */
export function inEachScope(input: CheckInput, judge: (scope: Scope) => Outcome): Outcome {
  const ofAccount = judge(input);
  if (input.own === null || ofAccount.verdict === 'FAIL') return ofAccount;
  const own = judge(input.own);
  if (own.verdict !== 'FAIL' && ofAccount.verdict !== 'SKIP') return ofAccount;
  return { ...own, message: `${own.message} (strategy ${input.order.strategyId ?? 'none'})` };
}

export function pass(
  message: string,
  value: Decimal | number | null = null,
  limit: Decimal | number | null = null,
) {
  return outcome('PASS', message, value, limit);
}

export function fail(
  message: string,
  value: Decimal | number | null = null,
  limit: Decimal | number | null = null,
) {
  return outcome('FAIL', message, value, limit);
}

export function warn(
  message: string,
  value: Decimal | number | null = null,
  limit: Decimal | number | null = null,
) {
  return outcome('WARN', message, value, limit);
}

export function skip(message: string) {
  return outcome('SKIP', message, null, null);
}

function outcome(
  verdict: Verdict,
  message: string,
  value: Decimal | number | null,
  limit: Decimal | number | null,
): Outcome {
  return { verdict, value: plain(value), limit: plain(limit), message };
}

function plain(value: Decimal | number | null): string | null {
  if (value === null) return null;
  return typeof value === 'number' ? String(value) : value.toDecimalPlaces(8).toFixed();
}

/** "2,450.00": an amount in a sentence. */
export const rupees = formatMoneyForPeople;

/** "2%" of 0.02; four places, so that one tick over a limit does not read as the limit. */
export function percent(share: Decimal): string {
  return `${share.times(100).toDecimalPlaces(4).toFixed()}%`;
}

/** True when an order, or a change of one, adds risk: what the checks of new risk are about. */
export function addsRisk({ effect, widened }: Pick<CheckInput, 'effect' | 'widened'>): boolean {
  return effect.openingQuantity > 0 || widened !== null;
}

/** Whose orders a control over a stretch of time counts: a strategy's, or all that name none together. */
export function ordersOf(strategyId: string | null): string {
  return strategyId === null ? 'orders without a strategy' : `orders of ${strategyId}`;
}

/** The answer of every check of new risk to an order that only reduces. */
export const ONLY_REDUCES = 'the order only reduces a position';
