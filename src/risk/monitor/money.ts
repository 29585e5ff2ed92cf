import { type Decimal, ZERO, decimal, sum } from '../../domain/money.ts';
import { unrealizedPnl } from '../../domain/position.ts';
import type { Position } from '../../domain/account.ts';
import type { PriceQuality } from './price-quality.ts';

/**
 * An account's equity as the monitor judges it, rupees (trading.md section 1). `equity` is what the newest prices say.
 * `trustedEquity` leaves out what stale, unknown or implausible prices say: such a position counts at its previous
 * close, or at cost. A limit is reached for a halt only when both have reached it, so that no such price ever halts,
 * and none keeps a loss that is real without it from halting.
 */
export interface RiskMoney {
  readonly equity: Decimal;
  readonly trustedEquity: Decimal;
  /** Every price behind these figures is fresh and plausible. */
  readonly allGood: boolean;
  /** riskCapital: equity when the trading day began. */
  readonly openingEquity: Decimal;
  /** Equity less opening equity less the day's flows. */
  readonly dayPnl: Decimal;
  readonly trustedDayPnl: Decimal;
  readonly peakEquity: Decimal;
  /** Not below zero. */
  readonly drawdown: Decimal;
  readonly trustedDrawdown: Decimal;
}

/**
 * The highest equity known: the account's own peak, or the high that the monitor has seen over it since. A high seen
 * over a higher peak than today's is from before a rebase and counts no more. Null before the first sample.
 */
export function knownPeak(
  accountPeak: Decimal | null,
  watch: { readonly high: Decimal | null; readonly highOf: Decimal | null } | null,
): Decimal | null {
  const high = watch?.high ?? null;
  if (high === null || accountPeak === null) return high ?? accountPeak;
  const rebased = watch?.highOf?.gt(accountPeak) === true;
  return rebased || accountPeak.gt(high) ? accountPeak : high;
}

/** A rise of the peak under this share of riskCapital waits in the monitor's own row; it is counted all the same. */
const PEAK_STEP = decimal('0.001');

/** The peak to be written to the account, which costs a journal entry; null while the rise is small. */
export function peakToWrite(accountPeak: Decimal | null, money: RiskMoney): Decimal | null {
  if (accountPeak === null) return money.allGood ? money.peakEquity : null;
  const rise = money.peakEquity.minus(accountPeak);
  return rise.gt(0) && rise.gte(money.openingEquity.times(PEAK_STEP)) ? money.peakEquity : null;
}

/** The part of a position that its worth follows from. */
export interface ValuedPosition extends Pick<
  Position,
  'quantity' | 'openValue' | 'multiplier' | 'previousClose'
> {
  readonly lastPrice: Decimal | null;
  readonly quality: PriceQuality;
}

export interface MoneyBase {
  /** Capital, cash flows and net realized P&L. */
  readonly balance: Decimal;
  /** Null before the day's first work: then the day begins now. */
  readonly openingEquity: Decimal | null;
  readonly dayFlows: Decimal;
  /** Highest equity since the last rebase as far as it is known; null before the first sample. */
  readonly knownPeak: Decimal | null;
}

export function riskMoney(base: MoneyBase, positions: readonly ValuedPosition[]): RiskMoney {
  const equity = base.balance.plus(sum(positions.map(shownPnl)));
  const trustedEquity = base.balance.plus(sum(positions.map(trustedPnl)));
  const allGood = positions.every(({ quality }) => quality === 'GOOD' || quality === 'REBASED');
  const openingEquity = base.openingEquity ?? equity;
  const before = base.knownPeak ?? openingEquity;
  const peakEquity = allGood && equity.gt(before) ? equity : before;
  return {
    equity,
    trustedEquity,
    allGood,
    openingEquity,
    dayPnl: equity.minus(openingEquity).minus(base.dayFlows),
    trustedDayPnl: trustedEquity.minus(openingEquity).minus(base.dayFlows),
    peakEquity,
    drawdown: notBelowZero(peakEquity.minus(equity)),
    trustedDrawdown: notBelowZero(peakEquity.minus(trustedEquity)),
  };
}

/** Unrealized P&L by the newest price, also an old one; of a rebased share by our own close, which means something. */
function shownPnl(position: ValuedPosition): Decimal {
  if (position.quality === 'REBASED') return untouchedPnl(position);
  return position.lastPrice === null ? ZERO : unrealizedPnl(position, position.lastPrice);
}

function trustedPnl(position: ValuedPosition): Decimal {
  return position.quality === 'GOOD' ? shownPnl(position) : untouchedPnl(position);
}

/** As the day began: at the previous close when it was carried, at cost when it was not. */
function untouchedPnl(position: ValuedPosition): Decimal {
  return position.previousClose === null ? ZERO : unrealizedPnl(position, position.previousClose);
}

function notBelowZero(value: Decimal): Decimal {
  return value.gt(0) ? value : ZERO;
}
