import { type Instrument, isOption } from '../../domain/instrument.ts';
import { Decimal, decimal } from '../../domain/money.ts';
import type { Side } from '../../domain/order.ts';
import type { PriceView } from '../check.ts';
import type { StopTerms } from './plan.ts';

/**
 * How far from its trigger the limit of an SL is: half of what the exchange's limit price protection allows when it
 * triggers (options 40% above 50 rupees, 20 rupees up to it; futures 3%; controls.md section 2).
 */
const OPTION_SHARE = decimal('0.2');
const OPTION_RUPEES = decimal(10);
const OPTION_FROM = decimal(50);
const OTHER_SHARE = decimal('0.015');

/** SL-M where it is taken: not on options, not at BSE (trading.md section 2). There an SL with a limit in the band. */
export function stopTerms(
  trigger: Decimal,
  side: Side,
  instrument: Instrument,
  price: PriceView | null,
): StopTerms {
  const needsLimit =
    isOption(instrument.instrumentType) || instrument.exchange === 'BSE' || instrument.exchange === 'BFO';
  if (!needsLimit) return { orderType: 'SL-M', trigger, price: null };
  return { orderType: 'SL', trigger, price: limitOf(trigger, side, instrument, price) };
}

function limitOf(
  trigger: Decimal,
  side: Side,
  { instrumentType, tickSize }: Instrument,
  price: PriceView | null,
): Decimal {
  const away = isOption(instrumentType)
    ? trigger.gt(OPTION_FROM)
      ? trigger.times(OPTION_SHARE)
      : OPTION_RUPEES
    : trigger.times(OTHER_SHARE);
  const ticks = away.div(tickSize).floor().times(tickSize);
  if (side === 'SELL') {
    const floor = price?.lowerCircuit?.div(tickSize).ceil().times(tickSize) ?? tickSize;
    return Decimal.max(trigger.minus(ticks), Decimal.min(floor, trigger), tickSize);
  }
  const wanted = trigger.plus(ticks);
  const ceiling = price?.upperCircuit?.div(tickSize).floor().times(tickSize) ?? wanted;
  return Decimal.max(Decimal.min(wanted, ceiling), trigger);
}

/**
 * True when the day's price band ends before the stop: the price can not come there today, and the exchange takes no
 * order at it. False without a fresh price, since yesterday's band says nothing.
 */
export function isOutsideBand(level: Decimal | null, side: Side, price: PriceView | null): boolean {
  if (level === null || price?.fresh !== true) return false;
  const { lowerCircuit, upperCircuit } = price;
  return side === 'SELL'
    ? lowerCircuit !== null && level.lt(lowerCircuit)
    : upperCircuit !== null && level.gt(upperCircuit);
}

/** True when the market is at `level` or beyond it, seen from a position that `side` closes; false without a price. */
export function isBeyondStop(level: Decimal | null, side: Side, price: PriceView | null): boolean {
  if (level === null || price?.fresh !== true) return false;
  return side === 'SELL' ? price.last.lte(level) : price.last.gte(level);
}

/** True when the market is at the target or better; false without a price. */
export function isAtTarget(level: Decimal | null, side: Side, price: PriceView | null): boolean {
  if (level === null || price?.fresh !== true) return false;
  return side === 'SELL' ? price.last.gte(level) : price.last.lte(level);
}
