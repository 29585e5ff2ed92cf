import { z } from '@hono/zod-openapi';
import { isDay } from '../domain/calendar.ts';
import { EXCHANGES } from '../domain/instrument.ts';
import { MAX_PRICE } from '../domain/order-request.ts';
import { type Decimal, parseDecimal } from '../domain/money.ts';

/** Field types that requests share. No coercion: a string is never read as a number, nor a number as a string. */

/** C0, DEL, C1, and the line and paragraph separators: never part of a name or a reason. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const PLAIN_PRICE = /^-?\d{1,14}(\.\d{1,4})?$/;
const MAX_INT32 = 2_147_483_647;

/** Text of one line. */
export function plainText(max: number) {
  return z
    .string()
    .min(1)
    .max(max)
    .refine((text) => !CONTROL.test(text), {
      error: 'must not hold control characters',
      params: { code: 'CONTROL_CHAR' },
    });
}

/** 1 to 64 of A-Z a-z 0-9 . _ - (domain/ids.ts). */
export function name64() {
  return z.string().superRefine((text, context) => {
    if (CONTROL.test(text)) {
      context.addIssue({
        code: 'custom',
        message: 'must not hold control characters',
        params: { code: 'CONTROL_CHAR' },
      });
    } else if (!/^[A-Za-z0-9._-]{1,64}$/.test(text)) {
      context.addIssue({
        code: 'custom',
        message: 'must be 1 to 64 of A-Z a-z 0-9 . _ -',
        params: { code: 'FORMAT' },
      });
    }
  });
}

const PRICE_FORM = {
  type: 'string',
  example: '2450.05',
  description: 'A plain decimal string, or a JSON number.',
} as const;

/** A price at which something is booked, or null: over 0, and bounded. */
export function bookedPrice() {
  return optionalPrice().superRefine((price, context) => {
    const code = price === null ? null : price.lte(0) ? 'MIN' : price.gt(MAX_PRICE) ? 'MAX' : null;
    if (code === null) return;
    const message = code === 'MIN' ? 'must be over 0' : `must be at most ${MAX_PRICE}`;
    context.addIssue({ code: 'custom', message, params: { code } });
  });
}

/** Money or a price: plain decimal text or a JSON number, at most four decimals. Its sign and tick are rules. */
export function price() {
  return z
    .unknown()
    .transform((value, context): Decimal => {
      if (value === undefined) return refuse(context, 'REQUIRED', 'is required');
      return readPrice(value, context);
    })
    .openapi(PRICE_FORM);
}

/** A price that may be left out or null. */
export function optionalPrice() {
  return z
    .unknown()
    .optional()
    .transform((value, context): Decimal | null =>
      value === undefined || value === null ? null : readPrice(value, context),
    )
    .openapi(PRICE_FORM);
}

/** A price in a change: left out it stays, null takes it away. */
export function changedPrice() {
  return z
    .unknown()
    .optional()
    .transform((value, context): Decimal | null | undefined =>
      value === undefined || value === null ? value : readPrice(value, context),
    )
    .openapi(PRICE_FORM);
}

function readPrice(value: unknown, context: z.RefinementCtx): Decimal {
  if (typeof value !== 'string' && typeof value !== 'number') {
    return refuse(context, 'TYPE', 'must be a decimal string or a number');
  }
  const text = String(value);
  const parsed = PLAIN_PRICE.test(text) ? parseDecimal(text) : null;
  if (parsed?.ok !== true)
    return refuse(context, 'FORMAT', 'must be a plain decimal with at most 4 decimals');
  return parsed.value;
}

function refuse(context: z.RefinementCtx, code: string, message: string): never {
  context.addIssue({ code: 'custom', message, params: { code } });
  return z.NEVER;
}

/** A whole number that Postgres' integer holds; 1.0 and 1e0 are 1. */
export function whole() {
  return z.int().min(-MAX_INT32).max(MAX_INT32);
}

/** Null is the same as left out, as our own answers write it. */
export function optional<T extends z.ZodType>(type: T) {
  return type.nullish().transform((value) => value ?? null);
}

/**
 * Years that requests may name. Ours is not a calendar of all times: beyond them Postgres, JavaScript and the text of
 * our answers differ in what they can hold.
 */
const FIRST_YEAR = 2000;
const LAST_YEAR = 2099;
const isUsedYear = (year: number): boolean => year >= FIRST_YEAR && year <= LAST_YEAR;
const YEARS = `must be of the years ${FIRST_YEAR} to ${LAST_YEAR}`;

/** True for text that names a day that requests may name. */
export function isUsedDay(text: string): boolean {
  return isDay(text) && isUsedYear(Number(text.slice(0, 4)));
}

/** A date that exists, "YYYY-MM-DD". */
export function day() {
  return z
    .string()
    .refine(isDay, { error: 'must be a date, YYYY-MM-DD', params: { code: 'DATE' }, abort: true })
    .refine(isUsedDay, { error: YEARS, params: { code: 'RANGE' } })
    .openapi({ format: 'date' });
}

/** True for an instant that requests may name. */
export function isUsedInstant(instant: Date): boolean {
  return isUsedYear(instant.getUTCFullYear());
}

/** An instant as RFC 3339, "2026-11-23T09:15:00+05:30". */
export function instant() {
  return z.iso
    .datetime({ offset: true, error: 'must be RFC 3339 with an offset' })
    .transform((text) => new Date(text))
    .refine(isUsedInstant, { error: YEARS, params: { code: 'RANGE' } });
}

/** The body of a call that has no other: it may name the account. */
export const accountBody = z.strictObject({ accountId: optional(plainText(64)) }).openapi('OfAccount');

/** Paths that name one thing by its id, or one instrument. */
export const idParams = z.object({ id: uuid() });
export const instrumentParams = z.object({ exchange: z.enum(EXCHANGES), symbol: plainText(100) });

/** An address, or a network in CIDR form. */
export function network() {
  return z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
    error: 'must be an IP address or a network such as 10.0.0.0/8',
  });
}

/** An id of ours in a query or a body. */
export function uuid() {
  return z
    .string()
    .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, 'must be a UUID')
    .transform((text) => text.toLowerCase())
    .openapi({ format: 'uuid' });
}
