import { type Instrument, isEquity, isOption } from '../domain/instrument.ts';
import { Decimal, decimal } from '../domain/money.ts';
import type { Side } from '../domain/order.ts';
import type { PriceView } from './check.ts';
import type { Limits } from './limits.ts';

/**
 * How far from the opposite quote an exit's limit is: far enough to trade at once, near enough for the exchange's
 * limit price protection (2% for index futures, 40% for options; controls.md section 2).
 */
const PROTECTION = decimal('0.01');
const OPTION_PROTECTION = decimal('0.1');

/** The limit price of an exit, on the tick and inside the circuit; null without a fresh price. */
export function exitPrice(side: Side, instrument: Instrument, price: PriceView | null): Decimal | null {
  if (price?.fresh !== true) return null;
  const { tickSize } = instrument;
  const share = isOption(instrument.instrumentType) ? OPTION_PROTECTION : PROTECTION;
  if (side === 'SELL') {
    const wanted = downToTick((price.bestBid ?? price.last).times(decimal(1).minus(share)), tickSize);
    const lowest = price.lowerCircuit === null ? tickSize : upToTick(price.lowerCircuit, tickSize);
    return Decimal.max(wanted, lowest, tickSize);
  }
  const wanted = upToTick((price.bestOffer ?? price.last).times(share.plus(1)), tickSize);
  return price.upperCircuit === null ? wanted : Decimal.min(wanted, downToTick(price.upperCircuit, tickSize));
}

function downToTick(price: Decimal, tick: Decimal): Decimal {
  return price.minus(price.mod(tick));
}

function upToTick(price: Decimal, tick: Decimal): Decimal {
  const over = price.mod(tick);
  return over.isZero() ? price : price.minus(over).plus(tick);
}

/** True when nothing better can be asked for: the limit is at or beyond what an exit would get now. */
export function isPricedOut(side: Side, limit: Decimal, wanted: Decimal): boolean {
  return side === 'SELL' ? limit.lte(wanted) : limit.gte(wanted);
}

/** True when the market stands at the circuit on the side the exit needs: it can only wait there. */
export function isLocked(side: Side, price: PriceView | null): boolean {
  if (price?.fresh !== true) return false;
  const band = side === 'SELL' ? price.lowerCircuit : price.upperCircuit;
  return band !== null && (side === 'SELL' ? price.last.lte(band) : price.last.gte(band));
}

/**
 * Largest quantity of one exit: whole lots within the exchange's freeze quantity and the configured order maximum. A
 * tighter maximum of the account or of a strategy, set at run time, is for what opens: it slows down no exit.
 */
export function sliceQuantity(
  instrument: Instrument,
  {
    freezeQuantity,
    limits,
  }: {
    /** FREEZE_QUANTITY: of contracts whose own is not known. */
    readonly freezeQuantity: number;
    readonly limits: Pick<Limits, 'maxQuantityPerOrder'>;
  },
): number {
  const freeze = instrument.freezeQuantity ?? (isEquity(instrument.exchange) ? 0 : freezeQuantity);
  const bounds = [freeze, limits.maxQuantityPerOrder].filter((bound) => bound > 0);
  const largest = Math.min(...bounds, Number.MAX_SAFE_INTEGER);
  return Math.max(instrument.lotSize, largest - (largest % instrument.lotSize));
}

/** Order of exits: short options, futures, shares; what hedges them last (trading.md section 4). */
export function exitRank(instrument: Instrument, quantity: number): number {
  if (isOption(instrument.instrumentType)) return quantity < 0 ? 0 : 3;
  return instrument.instrumentType === 'FUT' ? 1 : 2;
}

/** True when `hedge` is a long option that covers `risk`, a short option or a future of its underlying. */
export function hedges(
  hedge: { readonly instrument: Instrument; readonly quantity: number },
  risk: { readonly instrument: Instrument; readonly quantity: number },
): boolean {
  return (
    exitRank(hedge.instrument, hedge.quantity) === 3 &&
    exitRank(risk.instrument, risk.quantity) < 2 &&
    hedge.instrument.underlying !== null &&
    hedge.instrument.underlying === risk.instrument.underlying
  );
}
