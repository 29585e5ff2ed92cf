/** What is reserved for an order while a modify of it is on its way. */
import { type Decimal, decimal } from './money.ts';

/**
 * What a modify on its way may make of the order: limits count it, where it is more than the order itself, until the
 * book has spoken. Figures per unit are rupees as text.
 */
export interface Reserve {
  readonly quantity: number;
  readonly openingQuantity: number;
  readonly marginPerUnit: string;
  readonly riskPerUnit: string | null;
  readonly referencePrice: string | null;
  readonly valuePerUnit: string | null;
}

/** What is reserved for an order: for the modify that was claimed last, and for those lost on their way before it. */
export interface HeldReserve extends Reserve {
  /** The command it is of; left out: only of lost ones. */
  readonly commandId?: string;
  /** The most that any of the lost ones asked for. */
  readonly lost?: Reserve;
}

/** The figures alone. */
export function reserveOf(figures: Reserve): Reserve {
  const { quantity, openingQuantity, marginPerUnit, riskPerUnit, referencePrice, valuePerUnit } = figures;
  return { quantity, openingQuantity, marginPerUnit, riskPerUnit, referencePrice, valuePerUnit };
}

/** The most that may come of a reserve: of the newest modify and of those that were lost. */
export function mostOf(reserve: HeldReserve): Reserve {
  const own = reserveOf(reserve);
  const { lost } = reserve;
  if (lost === undefined) return own;
  return {
    quantity: Math.max(own.quantity, lost.quantity),
    openingQuantity: Math.max(own.openingQuantity, lost.openingQuantity),
    marginPerUnit: larger(decimal(own.marginPerUnit), lost.marginPerUnit)?.toFixed() ?? own.marginPerUnit,
    riskPerUnit: largerText(own.riskPerUnit, lost.riskPerUnit),
    referencePrice: largerText(own.referencePrice, lost.referencePrice),
    valuePerUnit: largerText(own.valuePerUnit, lost.valuePerUnit),
  };
}

function largerText(a: string | null, b: string | null): string | null {
  return larger(a === null ? null : decimal(a), b)?.toFixed() ?? null;
}

/** The larger of two amounts of rupees; nothing is less than any. */
export function larger(a: Decimal | null, b: string | null): Decimal | null {
  if (b === null) return a;
  const other = decimal(b);
  return a === null || other.gt(a) ? other : a;
}
