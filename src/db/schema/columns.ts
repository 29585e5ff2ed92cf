import { customType, text, timestamp } from 'drizzle-orm/pg-core';
import { Decimal, decimal } from '../../domain/money.ts';

/**
 * Exact money: numeric in Postgres, Decimal in code. Refuses what numeric would take in silence:
 * NaN and Infinity, and digits beyond its scale (stack.md trap 17).
 */
const exact = (scale: number) =>
  customType<{ data: Decimal; driverData: string }>({
    dataType: () => `numeric(24, ${scale})`,
    fromDriver: (value) => new Decimal(value),
    toDriver: (value) => {
      const checked = decimal(value);
      if (checked.decimalPlaces() > scale) {
        throw new RangeError(`${checked.toFixed()} has more than ${scale} decimal places`);
      }
      return checked.toFixed();
    },
  });

/** Prices, and sums of price x quantity: four places, the finest price on Kite. */
export const money = exact(4);
/** Per-unit figures that come out of a division. */
export const fine = exact(8);

export const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'date' });

/**
 * account_id leads every primary key and unique index (design.md section 1). Rows written under the account's lock
 * need no foreign key to it: the lock is on that row.
 */
export const accountId = () => text('account_id').notNull();
