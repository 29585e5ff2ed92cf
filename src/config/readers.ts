/** How one variable of the environment is read: every refusal is a sentence that follows the variable's name. */
import { z } from 'zod';
import { isDay } from '../domain/calendar.ts';
import { type Decimal, parseDecimal } from '../domain/money.ts';
import { type LimitName, limitValue, readLimit } from '../risk/limits.ts';

/** "yes" or "no". */
export const yesNo = (fallback: 'yes' | 'no') =>
  z
    .enum(['yes', 'no'], { error: 'must be yes or no' })
    .default(fallback)
    .transform((value) => value === 'yes');

/** Plain decimal digits: "0x10" and "1e3" are not what anybody meant. */
export const digits = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));

/** A whole number, `fallback` when it is left out. */
export const whole = (fallback: number, min: number, max: number) => digits(min, max).default(fallback);

/** An exact decimal. */
export const exact = (fallback: string, min: number, max: number) =>
  z
    .string()
    .default(fallback)
    .transform((text, context): Decimal => {
      const parsed = parseDecimal(text);
      if (parsed.ok && parsed.value.gte(min) && parsed.value.lte(max)) return parsed.value;
      context.addIssue({ code: 'custom', message: `must be a plain number from ${min} to ${max}` });
      return z.NEVER;
    });

/** A limit that can be changed at run time: one rule for what it may be, here and there. */
export const limit = <Name extends LimitName>(name: Name, fallback: string) =>
  z
    .string()
    .default(fallback)
    .transform((text, context) => {
      const read = readLimit(name, text);
      if (read.ok) return limitValue(name, read.value);
      context.addIssue({ code: 'custom', message: read.error });
      return z.NEVER;
    });

/** A time in India; null: off. */
export const timeOfDay = (fallback: string) =>
  z
    .string()
    .regex(/^(([01]\d|2[0-3]):[0-5]\d|off)$/, 'must be a time in India, "15:05", or off')
    .default(fallback)
    .transform((text) => (text === 'off' ? null : text));

/** Days, in ISO form, separated by commas. */
export const days = () =>
  z
    .string()
    .default('')
    .transform((text, context): readonly string[] => {
      const listed = text.split(',').flatMap((day) => (day.trim() === '' ? [] : [day.trim()]));
      if (listed.every(isDay)) return listed;
      context.addIssue({ code: 'custom', message: 'must be days, "2026-11-24", separated by commas' });
      return z.NEVER;
    });

/** "NFO:NIFTY=1800, NFO:BANKNIFTY=900": units by underlying or symbol. */
export const unitsByName = () =>
  z
    .string()
    .default('')
    .transform((text, context): ReadonlyMap<string, number> => {
      const listed = text.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()]));
      const read = listed.flatMap((one): [string, number][] => {
        const [, name, units] = /^([A-Z]{3}:[A-Za-z0-9&_ .-]{1,60})=([1-9]\d{0,8})$/.exec(one) ?? [];
        return name === undefined || units === undefined ? [] : [[name, Number(units)]];
      });
      if (read.length === listed.length) return new Map(read);
      context.addIssue({
        code: 'custom',
        message: 'must be EXCHANGE:NAME=units, such as NFO:NIFTY=1800, separated by commas',
      });
      return z.NEVER;
    });

/** A URL of one of these protocols, each with its colon. */
export const url = (protocols: readonly string[]) =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
    error: `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  });
