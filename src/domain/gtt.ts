/** What a group's GTT is to be, or is: prices as plain decimal text, since they are kept as JSON. */
export interface GttTerms {
  readonly quantity: number;
  /** The stop, and the target where there is one: the lower trigger first. */
  readonly legs: readonly { readonly trigger: string; readonly price: string }[];
}

/** A call that was claimed and has no answer yet; `id` tells it from a later one. */
export interface GttCall {
  readonly id: string;
  readonly kind: 'PLACE' | 'MODIFY' | 'CANCEL';
  readonly terms: GttTerms | null;
  /** Instant of the claim. */
  readonly at: string;
  /** It ended without an answer: only the broker's list tells. */
  readonly inDoubt: boolean;
}

/** A group's GTT at the broker, as far as is known. */
export interface GttNet {
  /** Null: none, or not known yet. */
  readonly triggerId: string | null;
  readonly terms: GttTerms | null;
  readonly call: GttCall | null;
  /** It was triggered: the broker placed its order (null: that was refused), and no other GTT follows. */
  readonly fired: { readonly brokerOrderId: string | null } | null;
  /** When the broker's list was last read, and since when it has not been in it. */
  readonly readAt: string | null;
  readonly missingSince: string | null;
  /** Refusals in a row, and until when the next try waits. */
  readonly refusals: number;
  readonly retryAt: string | null;
}

export const NO_GTT: GttNet = {
  ...{ triggerId: null, terms: null, call: null, fired: null },
  ...{ readAt: null, missingSince: null, refusals: 0, retryAt: null },
};

export function sameGtt(a: GttTerms | null, b: GttTerms | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.quantity === b.quantity &&
    a.legs.length === b.legs.length &&
    a.legs.every(({ trigger, price }, index) => {
      const other = b.legs[index];
      return trigger === other?.trigger && price === other.price;
    })
  );
}
