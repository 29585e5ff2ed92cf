import { isUsedInstant } from './fields.ts';
import { ApiProblem, fieldProblem } from './problem.ts';

/** The place of the last entry of a page, as the strings its keyset is made of; opaque to clients. */
export function encodeCursor(parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** True when a part of a cursor has the form that Postgres will take. */
export type CursorPart = (text: string) => boolean;

export const instantPart: CursorPart = (text) =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) && isUsedInstant(new Date(text));
export const uuidPart: CursorPart = (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
export const namePart: CursorPart = (text) => /^[A-Za-z0-9._-]{1,64}$/.test(text);
export const integerPart: CursorPart = (text) => /^\d{1,9}$/.test(text);

/** The parts of a cursor; one that this list did not make is refused. Null: the first page. */
export function decodeCursor(cursor: string | undefined, forms: readonly CursorPart[]): string[] | null {
  if (cursor === undefined) return null;
  const parts = readParts(cursor);
  if (parts.length === forms.length && forms.every((form, index) => form(parts[index] ?? ''))) return parts;
  const errors = [fieldProblem('?cursor', 'FORMAT', 'must be a nextCursor of this list')];
  throw new ApiProblem('INVALID_QUERY', { errors });
}

/** The place after which a newest-first list by instant and id goes on. */
export function decodeInstantAndId(
  cursor: string | undefined,
): { readonly at: Date; readonly id: string } | null {
  const parts = decodeCursor(cursor, [instantPart, uuidPart]);
  if (parts === null) return null;
  const [at = '', id = ''] = parts;
  return { at: new Date(at), id };
}

function readParts(cursor: string): string[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(parts) && parts.every((part) => typeof part === 'string') ? parts : [];
  } catch {
    return [];
  }
}

export interface Page<Item> {
  readonly items: Item[];
  readonly nextCursor: string | null;
}

/** A page of a list: one row more than asked for was read to know whether there is a next page. */
export function page<Row, Item>(
  rows: readonly Row[],
  limit: number,
  itemOf: (row: Row) => Item,
  placeOf: (row: Row) => readonly string[],
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const nextCursor = rows.length > limit && last !== undefined ? encodeCursor(placeOf(last)) : null;
  return { items: shown.map(itemOf), nextCursor };
}
