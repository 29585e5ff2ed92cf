/**
 * How a position is protected. `exchange`: a stop order of exactly its quantity rests at the exchange. `oms`: our own
 * watch exits when the stop is passed, which is weaker: it needs us, our prices and the broker. `none`: not at all.
 * The strongest first.
 */
export const PROTECTION_POLICIES = ['exchange', 'oms', 'none'] as const;
export type ProtectionPolicy = (typeof PROTECTION_POLICIES)[number];

/** A stop that follows the price: `distance` rupees behind the best one, in steps of at least `step`. */
export interface Trailing {
  readonly distance: string;
  readonly step: string;
}

/** The one of two that protects more. */
export function strongerPolicy(a: ProtectionPolicy, b: ProtectionPolicy): ProtectionPolicy {
  return PROTECTION_POLICIES.indexOf(a) <= PROTECTION_POLICIES.indexOf(b) ? a : b;
}
