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
  | 'MANUAL_TRADE' // placed elsewhere by the account's user
  | 'RMS_SQUARE_OFF' // the broker placed or ended it
  | 'MISSED_FILL' // a fill of ours that polls had not seen
  | 'T_PLUS_ONE' // delivery went over from the positions to the holdings: the sum is the same
  | 'CORPORATE_ACTION' // the broker holds another multiple of the same shares: a split, a bonus
  | 'SELF_TRADE_CANCEL' // the exchange kept two orders of one account from trading with each other
  | 'ORPHAN' // a broker order of ours whose answer had been lost
  | 'TWIN' // a second broker order with a tag of ours
  | 'MARGIN' // the broker has blocked other money than our orders and positions ask for
  | 'UNKNOWN';

/** What both held of a key of delivery. */
export interface DeliveryFigures {
  readonly ours: number;
  /** Shares in the demat account as the day began, T1 included. */
  readonly inHoldings: number;
  /** Of today's trades. */
  readonly inPositions: number;
}

export interface QuantityDifference {
  readonly exchange: string;
  readonly symbol: string;
  readonly product: string;
  readonly ours: number;
  /** What the broker holds of ours; of CNC, positions of today and holdings together. */
  readonly brokers: number;
  /** What the quantities alone let one suppose. */
  readonly cause: Extract<DifferenceCause, 'CORPORATE_ACTION' | 'T_PLUS_ONE' | 'UNKNOWN'>;
}

export interface BrokerBooks {
  readonly net: readonly BrokerPosition[];
  readonly holdings: readonly BrokerHolding[];
}

type Key = Omit<HeldKey, 'quantity'>;
/** "EXCHANGE:SYMBOL/PRODUCT". */
export const keyName = ({ exchange, symbol, product }: Key): string => `${exchange}:${symbol}/${product}`;

interface Figures extends DeliveryFigures {
  readonly key: Key;
}

function figuresOf(ours: readonly HeldKey[], { net, holdings }: BrokerBooks): Map<string, Figures> {
  const keys = new Map<string, Figures>();
  const add = (key: Key, more: Partial<DeliveryFigures>): void => {
    const { exchange, symbol, product } = key;
    const old = keys.get(keyName(key)) ?? { ours: 0, inHoldings: 0, inPositions: 0 };
    keys.set(keyName(key), {
      key: { exchange, symbol, product },
      ours: old.ours + (more.ours ?? 0),
      inHoldings: old.inHoldings + (more.inHoldings ?? 0),
      inPositions: old.inPositions + (more.inPositions ?? 0),
    });
  };
  for (const row of ours) add(row, { ours: row.quantity });
  for (const { exchange, tradingsymbol: symbol, product, quantity, overnightQuantity } of net) {
    // Delivery of days before is in holdings as the day began; only today's trades are beside it.
    add(
      { exchange, symbol, product },
      { inPositions: product === 'CNC' ? quantity - overnightQuantity : quantity },
    );
  }
  for (const { exchange, tradingsymbol: symbol, openingQuantity } of holdings) {
    add({ exchange, symbol, product: 'CNC' }, { inHoldings: openingQuantity });
  }
  return keys;
}

/** What both hold of each key of delivery that we hold: the next run's measure of what was there before. */
export function deliveryFigures(
  ours: readonly HeldKey[],
  books: BrokerBooks,
): Record<string, DeliveryFigures> {
  return Object.fromEntries(
    [...figuresOf(ours, books)]
      .filter(([, { key, ours: held }]) => key.product === 'CNC' && held > 0)
      .map(([name, { ours: held, inHoldings, inPositions }]) => [
        name,
        { ours: held, inHoldings, inPositions },
      ]),
  );
}

/**
 * Every key of which the broker does not hold what we hold. Of CNC the broker may hold more: shares that were in the
 * demat account before us are nobody's difference. Where `before` (by key name, of a run that found nothing) says how
 * many those were, more than that is one, too: trades of either side move both figures alike.
 */
export function compareQuantities(
  ours: readonly HeldKey[],
  books: BrokerBooks,
  before: Readonly<Record<string, DeliveryFigures>> = {},
): QuantityDifference[] {
  return [...figuresOf(ours, books)].flatMap(([name, figures]) => {
    const found =
      figures.key.product === 'CNC'
        ? deliveryDifference(figures, before[name] ?? null)
        : figures.ours === figures.inPositions
          ? null
          : { brokers: figures.inPositions, cause: 'UNKNOWN' as const };
    return found === null ? [] : [{ ...figures.key, ours: figures.ours, ...found }];
  });
}

type Found = Pick<QuantityDifference, 'brokers' | 'cause'> | null;

function deliveryDifference(
  { ours, inHoldings, inPositions }: Figures,
  before: DeliveryFigures | null,
): Found {
  const brokers = inHoldings + inPositions;
  if (ours <= 0 || before === null || before.ours <= 0) {
    return ours > brokers ? { brokers, cause: 'UNKNOWN' } : null;
  }
  // What the broker would hold now, had nothing happened but trades.
  const wasThere = before.inHoldings + before.inPositions + (ours - before.ours);
  const multiple = wholeMultiple(ours, wasThere, brokers);
  if (multiple !== null) return { brokers: multiple, cause: 'CORPORATE_ACTION' };
  if (ours > brokers) return { brokers, cause: 'UNKNOWN' };
  if (brokers > wasThere && wasThere >= ours) {
    return { brokers: ours + brokers - wasThere, cause: 'UNKNOWN' };
  }
  const moved = inHoldings - before.inHoldings;
  const isMove = moved > 0 && before.inPositions > 0 && inPositions < before.inPositions;
  return isMove && brokers === wasThere ? { brokers: ours, cause: 'T_PLUS_ONE' } : null;
}

/** Ratios by which companies multiply their shares: splits, and bonuses (1:2 makes 3 of 2). */
const TERMS_AT_MOST = 10;

/**
 * What becomes of our shares when all that were there grew by one small ratio; null: they did not. Fewer than before
 * are no corporate action by their number: half of them may as well have been sold off the market.
 */
function wholeMultiple(ours: number, wasThere: number, brokers: number): number | null {
  if (wasThere < ours || brokers <= wasThere) return null;
  const common = greatestCommon(brokers, wasThere);
  if (brokers / common > TERMS_AT_MOST || wasThere / common > TERMS_AT_MOST) return null;
  const become = (ours * brokers) / wasThere;
  return Number.isInteger(become) ? become : null;
}

function greatestCommon(a: number, b: number): number {
  return b === 0 ? a : greatestCommon(b, a % b);
}

/** The same key with the same figures. */
export function isSameDifference(
  a: Omit<QuantityDifference, 'cause'>,
  b: Omit<QuantityDifference, 'cause'>,
): boolean {
  return keyName(a) === keyName(b) && a.ours === b.ours && a.brokers === b.brokers;
}

/**
 * Why positions that the broker sent can not be all of them; null: they may be. Each share that was traded today keeps
 * a row for the day, if only a flat one (kite.md 3.6), under this product or the one it was converted to.
 */
export function missingPositions(
  traded: readonly Pick<Key, 'exchange' | 'symbol'>[],
  net: readonly BrokerPosition[],
): string | null {
  const shown = new Set(net.map(({ exchange, tradingsymbol }) => `${exchange}:${tradingsymbol}`));
  const names = traded.map(({ exchange, symbol }) => `${exchange}:${symbol}`);
  const missing = [...new Set(names)].filter((name) => !shown.has(name));
  if (missing.length === 0) return null;
  return `the positions are not whole: ${missing.join(', ')} ${missing.length === 1 ? 'was' : 'were'} traded today and ${missing.length === 1 ? 'is' : 'are'} not in them`;
}
