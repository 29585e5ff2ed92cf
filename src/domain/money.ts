import { Decimal as DecimalJs } from 'decimal.js';
import { err, ok, type Result } from '../lib/result.ts';

/**
 * Money and prices are exact decimals, never floats.
 * 40 digits: products of prices and quantities never round silently. Half even is the default rounding.
 */
export const Decimal = DecimalJs.clone({
  precision: 40,
  rounding: DecimalJs.ROUND_HALF_EVEN,
  defaults: true,
});
export type Decimal = DecimalJs;

export const ZERO: Decimal = new Decimal(0);

/** Scale of stored value sums (rupees with four places: the finest price on Kite has four). */
export const VALUE_SCALE = 4;

const PLAIN = /^-?\d{1,14}(\.\d{1,8})?$/;

/** Parses a plain decimal ("2450.05"): no exponent, no separators, no sign but a leading minus, finite. */
export function parseDecimal(text: string): Result<Decimal, string> {
  if (!PLAIN.test(text)) return err(`"${text.slice(0, 40)}" is not a plain decimal number`);
  return ok(new Decimal(text));
}

/** A decimal from a value this system wrote or a broker's JSON number; throws on anything not finite. */
export function decimal(value: string | number | Decimal): Decimal {
  const d = new Decimal(typeof value === 'number' ? String(value) : value);
  if (!d.isFinite()) throw new RangeError(`not a finite decimal: ${String(value)}`);
  return d;
}

/** "2450.05": money as text with at least two places and no exponent. */
export function formatMoney(value: Decimal): string {
  return value.toFixed(Math.max(2, value.decimalPlaces()));
}

/** "1,00,000.00" is for people in India; messages use the plainer "100,000.00". */
export function formatMoneyForPeople(value: Decimal): string {
  const rounded = value.toDecimalPlaces(2);
  const [whole = '0', fraction = '00'] = rounded.abs().toFixed(2).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return `${rounded.isNegative() && !rounded.isZero() ? '-' : ''}${grouped}.${fraction}`;
}

/** Rounds to the paisa, half up: how brokers bill charges (kite.md section 4.3). */
export function toPaise(value: Decimal): Decimal {
  return value.toDecimalPlaces(2, DecimalJs.ROUND_HALF_UP);
}

/** Rounds a value sum to its stored scale, half even. */
export function toValueScale(value: Decimal): Decimal {
  return value.toDecimalPlaces(VALUE_SCALE, DecimalJs.ROUND_HALF_EVEN);
}

/** True when `price` is a whole number of ticks. */
export function isOnTick(price: Decimal, tickSize: Decimal): boolean {
  return price.mod(tickSize).isZero();
}

export function sum(values: Iterable<Decimal>): Decimal {
  let total = ZERO;
  for (const value of values) total = total.plus(value);
  return total;
}
