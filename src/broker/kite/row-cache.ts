/**
 * The book comes whole with every read and hardly a row of it changes: rows equal in every field to those of the read
 * before give the same value again, without being read anew. Holds the rows of the last read only.
 */
export interface RowCache<T extends { readonly raw: Readonly<Record<string, unknown>> }> {
  /** The value of `row`: the one of the last read when nothing differs, else what `parse` makes of it. */
  read(row: unknown, parse: () => T): T;
  /** Call after a whole read: forgets what was not in it. */
  endRead(): void;
}

/** A larger book is read anew each time, rather than kept. */
const MAX_ROWS = 5000;

export function createRowCache<T extends { readonly raw: Readonly<Record<string, unknown>> }>(
  keyOf: (row: Readonly<Record<string, unknown>>) => string,
): RowCache<T> {
  let last = new Map<string, T>();
  let next = new Map<string, T>();
  return {
    read: (row, parse) => {
      const isRow = typeof row === 'object' && row !== null && !Array.isArray(row);
      const fields = isRow ? (row as Readonly<Record<string, unknown>>) : null;
      const known = fields === null ? undefined : last.get(keyOf(fields));
      const value = fields !== null && known !== undefined && isSameRow(known.raw, fields) ? known : parse();
      if (fields !== null && next.size < MAX_ROWS) next.set(keyOf(fields), value);
      return value;
    },
    endRead: () => {
      last = next;
      next = new Map();
    },
  };
}

function isSameRow(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => isSame(a[name], b[name]));
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  return JSON.stringify(a) === JSON.stringify(b);
}
