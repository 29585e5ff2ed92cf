import { isOption, type InstrumentType } from '../../domain/instrument.ts';
import { type Decimal, decimal } from '../../domain/money.ts';

/**
 * What a position's price is good for. GOOD: fresh and plausible, the only kind that may halt trading or raise the
 * peak. STALE: older than PRICE_MAX_AGE_MS. UNKNOWN: none is there, which is never zero. IMPLAUSIBLE: fresh, but not
 * to be believed. REBASED: the broker's previous close is more than 10% off ours, as after a bonus or a split.
 */
export type PriceQuality = 'GOOD' | 'STALE' | 'UNKNOWN' | 'IMPLAUSIBLE' | 'REBASED';

export interface PriceFacts {
  readonly lastPrice: Decimal | null;
  readonly ageMs: number | null;
  readonly source: 'BROKER' | 'PUSH' | null;
  readonly lowerCircuit: Decimal | null;
  readonly upperCircuit: Decimal | null;
  /** As the broker says; null when it did not. */
  readonly brokerPreviousClose: Decimal | null;
  /** Ours, for a position carried over night; null otherwise. */
  readonly ownPreviousClose: Decimal | null;
  readonly averagePrice: Decimal;
  readonly instrumentType: InstrumentType;
}

/** A broker's previous close this far from ours is another share: a bonus, a split, a rename (trading.md section 5). */
const REBASED_BY = decimal('0.1');
/** A pushed price this many times what is known is a slip of units (paise for rupees), not a market. */
const BELIEVABLE_FACTOR = 10;

/** Our own close of the day before against the broker's: true when it is another share's. Null: not known. */
export function isRebased(own: Decimal | null, brokers: Decimal | null): boolean {
  return own !== null && brokers !== null && brokers.minus(own).abs().div(own).gt(REBASED_BY);
}

export function priceQuality(facts: PriceFacts, maxAgeMs: number): PriceQuality {
  const { lastPrice, ageMs, ownPreviousClose, brokerPreviousClose } = facts;
  if (isRebased(ownPreviousClose, brokerPreviousClose)) return 'REBASED';
  if (lastPrice === null || ageMs === null) return 'UNKNOWN';
  if (ageMs > maxAgeMs) return 'STALE';
  return isPlausible(facts, lastPrice) ? 'GOOD' : 'IMPLAUSIBLE';
}

/** The broker's price against its own circuit limits; a pushed one, which has none, against what is known. */
function isPlausible(facts: PriceFacts, price: Decimal): boolean {
  if (facts.source !== 'PUSH') {
    return (
      (facts.lowerCircuit === null || price.gte(facts.lowerCircuit)) &&
      (facts.upperCircuit === null || price.lte(facts.upperCircuit))
    );
  }
  // A premium may well go to a twentieth in a day.
  if (isOption(facts.instrumentType)) return true;
  const known = facts.brokerPreviousClose ?? facts.ownPreviousClose ?? facts.averagePrice;
  return price.gte(known.div(BELIEVABLE_FACTOR)) && price.lte(known.times(BELIEVABLE_FACTOR));
}
