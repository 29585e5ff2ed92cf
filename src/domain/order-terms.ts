/** The terms of an order that may change, in memory and as JSON. */
import { type Decimal, decimal } from './money.ts';
import type { OrderTerms } from './order.ts';

/** The terms that a modify may change; it names those it changes. */
export type ModifiableTerms = Pick<
  OrderTerms,
  | 'quantity'
  | 'orderType'
  | 'validity'
  | 'validityMinutes'
  | 'price'
  | 'triggerPrice'
  | 'stopLoss'
  | 'takeProfit'
  | 'disclosedQuantity'
  | 'marketProtection'
>;

/** Terms as JSON: decimals as text. */
export type PlainTerms = {
  readonly [Name in keyof ModifiableTerms]?: Decimal extends Exclude<ModifiableTerms[Name], null>
    ? string | null
    : ModifiableTerms[Name];
};

/** Terms that are ours alone: a change of these needs no call of the broker. */
const LOCAL_TERMS: ReadonlySet<string> = new Set<keyof ModifiableTerms>(['stopLoss', 'takeProfit']);

/** True of a term that is ours alone. */
export function isLocalTerm(name: string): boolean {
  return LOCAL_TERMS.has(name);
}

/** True when the terms name none that the broker holds. */
export function isLocal(terms: PlainTerms): boolean {
  return Object.keys(terms).every(isLocalTerm);
}

const AMOUNTS: ReadonlySet<string> = new Set<keyof ModifiableTerms>([
  'price',
  'triggerPrice',
  'stopLoss',
  'takeProfit',
  'marketProtection',
]);

/** Terms from their JSON. */
export function termsOf(plain: PlainTerms): Partial<ModifiableTerms> {
  return Object.fromEntries(
    Object.entries(plain).map(([name, value]) => [
      name,
      AMOUNTS.has(name) && value !== null ? decimal(value) : value,
    ]),
  );
}

/** Terms as JSON, for the journal and for commands. */
export function plainTermsOf(terms: Partial<ModifiableTerms>): PlainTerms {
  return Object.fromEntries(
    Object.entries(terms).map(([name, value]) => [name, isAmount(value) ? value.toFixed() : value]),
  );
}

function isAmount(value: unknown): value is Decimal {
  return typeof value === 'object' && value !== null;
}
