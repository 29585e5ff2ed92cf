import type { BrokerHolding, BrokerPosition } from '../broker/port.ts';

/**
 * Compares what our books hold with what the broker says is held (trading.md section 5). Pure. Quantities are compared,
 * never averages. The broker nets by instrument and product, so what the OMS manages and what is EXTERNAL count together.
 */

/** What our books hold of one instrument and product. */
export interface HeldKey {
  readonly exchange: string;
  readonly symbol: string;
  readonly product: string;
  /** Signed units; OMS and EXTERNAL together. */
  readonly quantity: number;
}

export type DifferenceCause =
  | 'MANUAL_TRADE' // an order placed elsewhere
  | 'RMS_SQUARE_OFF' // the broker closed it
  | 'MISSED_FILL' // a fill of ours that polls had not seen
  | 'CORPORATE_ACTION' // the broker holds a whole multiple or part of what we hold: a split or a bonus
  | 'UNKNOWN';

export interface QuantityDifference {
  readonly exchange: string;
  readonly symbol: string;
  readonly product: string;
  readonly ours: number;
  /** What the broker holds; of CNC, positions of today and holdings together. */
  readonly brokers: number;
  /** What the quantity alone lets one suppose. */
  readonly cause: Extract<DifferenceCause, 'CORPORATE_ACTION' | 'UNKNOWN'>;
}

export interface BrokerBooks {
  readonly net: readonly BrokerPosition[];
  readonly holdings: readonly BrokerHolding[];
}

/**
 * Every key of which the broker does not hold what we hold. Of CNC the broker may hold more: shares that were in the
 * demat account before us are nobody's difference; a bought share that moved to holdings overnight (T+1) counts there.
 */
export function compareQuantities(
  ours: readonly HeldKey[],
  { net, holdings }: BrokerBooks,
): QuantityDifference[] {
  const keys = new Map<string, { readonly key: Omit<HeldKey, 'quantity'>; ours: number; brokers: number }>();
  const of = ({ exchange, symbol, product }: Omit<HeldKey, 'quantity'>) => {
    const name = `${exchange}:${symbol}/${product}`;
    const found = keys.get(name) ?? { key: { exchange, symbol, product }, ours: 0, brokers: 0 };
    keys.set(name, found);
    return found;
  };
  for (const row of ours) of(row).ours += row.quantity;
  for (const { exchange, tradingsymbol: symbol, product, quantity, overnightQuantity } of net) {
    // Delivery of days before is in holdings as the day began; only today's trades are beside it.
    of({ exchange, symbol, product }).brokers += product === 'CNC' ? quantity - overnightQuantity : quantity;
  }
  for (const { exchange, tradingsymbol: symbol, openingQuantity } of holdings) {
    of({ exchange, symbol, product: 'CNC' }).brokers += openingQuantity;
  }
  return [...keys.values()]
    .filter(({ key, ours: held, brokers }) => (key.product === 'CNC' ? held > brokers : held !== brokers))
    .map(({ key, ours: held, brokers }) => ({
      ...key,
      ours: held,
      brokers,
      cause: causeOf(key, held, brokers),
    }));
}

function causeOf(
  { product }: Pick<HeldKey, 'product'>,
  ours: number,
  brokers: number,
): QuantityDifference['cause'] {
  if (product !== 'CNC' || ours <= 0 || brokers <= 0) return 'UNKNOWN';
  return ours % brokers === 0 || brokers % ours === 0 ? 'CORPORATE_ACTION' : 'UNKNOWN';
}

/** The same key with the same figures. */
export function isSameDifference(a: QuantityDifference, b: QuantityDifference): boolean {
  return (
    a.exchange === b.exchange &&
    a.symbol === b.symbol &&
    a.product === b.product &&
    a.ours === b.ours &&
    a.brokers === b.brokers
  );
}
