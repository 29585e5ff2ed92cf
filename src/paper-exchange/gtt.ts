import type { Product, Side } from './order.ts';
import type { Paise } from './paise.ts';

/** Kite's statuses of a trigger (kite.md 3.9); the paper exchange uses three of them. */
type GttStatus = 'active' | 'triggered' | 'deleted';

/** The LIMIT order that one trigger value places. */
export interface GttLeg {
  readonly side: Side;
  readonly product: Product;
  readonly quantity: number;
  readonly price: Paise;
}

/** A checked request to place or change a trigger; prices in paise. */
export interface GttTerms {
  readonly token: number;
  /** One value and leg, or two: the lower one first. */
  readonly triggers: readonly Paise[];
  readonly legs: readonly GttLeg[];
}

/** What became of the leg whose value was reached. */
interface GttResult {
  readonly leg: number;
  readonly at: number;
  readonly last: Paise;
  readonly outcome:
    | { readonly orderId: string }
    | { readonly refusal: string }
    /** Written before the order, so that no restart fires it twice. */
    | null;
}

export interface Gtt extends GttTerms {
  readonly id: number;
  readonly user: string;
  readonly status: GttStatus;
  /** Last price when it was set: a single trigger is reached from this side. */
  readonly setAt: Paise;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly result: GttResult | null;
}
