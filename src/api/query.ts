import { z } from '@hono/zod-openapi';
import { fieldProblems } from './field-problems.ts';
import { plainText } from './fields.ts';
import { ApiProblem, type FieldProblem, fieldProblem } from './problem.ts';

/** Entries in one answer of a list (api.md). */
export const MAX_LIMIT = 500;
const DEFAULT_LIMIT = 100;

/** A whole number as query text: no sign, no space, no exponent. */
export function queryInteger(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, {
      error: `must be from ${min} to ${max}`,
      params: { code: 'RANGE' },
    })
    .openapi({ type: 'integer', minimum: min, maximum: max });
}

/** The parameters of every list. */
export const pageQuery = {
  limit: queryInteger(1, MAX_LIMIT).default(DEFAULT_LIMIT),
  cursor: z.string().max(512).optional().openapi({ description: 'nextCursor of the page before.' }),
};

/** The parameter that names the account; left out, it is the token's or the only one. `account` is its short name. */
export const accountQuery = { accountId: plainText(64).optional() };

/** Short names of parameters (api.md). */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([['account', 'accountId']]);

/** Refuses unknown parameters, and repeated ones unless `repeatable`; then the schema decides. */
export function parseQuery<S extends z.ZodObject>(
  url: string,
  schema: S,
  repeatable: readonly string[],
): z.output<S> {
  const errors: FieldProblem[] = [];
  const values: Record<string, string | string[]> = {};
  const given = new URL(url).searchParams;
  for (const name of new Set(given.keys())) {
    const all = given.getAll(name);
    const full = fullNameOf(name, schema);
    const isOther = full !== name && given.has(full) && given.get(full) !== all[0];
    const problem = (code: string, says: string) =>
      errors.push(fieldProblem(`?${name.slice(0, 64)}`, code, says));
    if (isOther) problem('CONFLICT', `says something else than ${full}`);
    else if (!Object.hasOwn(schema.shape, full)) problem('UNKNOWN_PARAMETER', 'is not a known parameter');
    else if (repeatable.includes(name)) values[name] = all;
    else if (all.length > 1) problem('REPEATED', 'may be given once');
    else values[full] = all[0] ?? '';
  }
  const parsed = schema.safeParse(values);
  if (!parsed.success) errors.push(...queryProblems(parsed.error, values));
  if (errors.length > 0 || !parsed.success) throw new ApiProblem('INVALID_QUERY', { errors });
  return parsed.data;
}

function fullNameOf(name: string, schema: z.ZodObject): string {
  const full = SHORT_NAMES.get(name) ?? name;
  return Object.hasOwn(schema.shape, name) || !Object.hasOwn(schema.shape, full) ? name : full;
}

function queryProblems(error: z.ZodError, values: unknown): FieldProblem[] {
  return fieldProblems(error.issues, values).map(({ pointer, code, message }) => ({
    pointer: `?${pointer.split('/')[1] ?? ''}`,
    code,
    message,
  }));
}
