import { getTableColumns, getTableName } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';

/**
 * Rows to and from one JSON document, made from the Drizzle schema so that it stays the only list of columns.
 * An account transaction reads everything it needs in one round trip and writes everything in another.
 * numeric travels as text: JSON numbers would lose digits (stack.md trap 16).
 */
export interface RowCodec<Row> {
  readonly table: string;
  readonly columns: readonly string[];
  /** SQL that makes one JSON array of a row of `alias`. */
  select(alias: string): string;
  /** A row from such an array. */
  decode(values: readonly unknown[]): Row;
  /** An object keyed by database column, for json_populate_recordset; what is null is left out, and read as null. */
  encode(row: Row): Record<string, unknown>;
  /** Database name of a property of the row. */
  columnOf(property: keyof Row): string;
}

interface Codec {
  readonly property: string;
  readonly column: string;
  readonly isText: boolean;
  /** Neither is asked for null. */
  readonly decode: ((value: unknown) => unknown) | null;
  readonly encode: ((value: unknown) => unknown) | null;
}

function codecOf(property: string, column: PgColumn): Codec {
  const type = column.getSQLType();
  const about = { property, column: column.name, isText: type.startsWith('numeric') };
  if (type.startsWith('timestamp')) {
    return {
      ...about,
      decode: (value) => new Date(value as string),
      encode: (value) => (value as Date).toISOString(),
    };
  }
  if (!about.isText) return { ...about, decode: null, encode: null };
  return {
    ...about,
    decode: (value) => column.mapFromDriverValue(value),
    encode: (value) => column.mapToDriverValue(value),
  };
}

/** Builds the codec of one table, once, at start. */
export function rowCodec<T extends PgTable>(table: T): RowCodec<T['$inferSelect']> {
  const codecs = Object.entries(getTableColumns(table) as Record<string, PgColumn>).map(
    ([property, column]) => codecOf(property, column),
  );
  const byProperty = new Map(codecs.map((codec) => [codec.property, codec.column]));
  return {
    table: getTableName(table),
    columns: codecs.map((codec) => codec.column),
    select: (alias) =>
      `json_build_array(${codecs
        .map(({ column, isText }) => `${alias}.${column}${isText ? '::text' : ''}`)
        .join(', ')})`,
    decode: (values) => {
      const row: Record<string, unknown> = {};
      codecs.forEach(({ property, decode }, index) => {
        const value = values[index] ?? null;
        row[property] = value === null || decode === null ? value : decode(value);
      });
      return row;
    },
    encode: (row) => {
      const encoded: Record<string, unknown> = {};
      for (const { property, column, encode } of codecs) {
        const value = (row as Record<string, unknown>)[property];
        if (value === undefined || value === null) continue;
        encoded[column] = encode === null ? value : encode(value);
      }
      return encoded;
    },
    columnOf: (property) => byProperty.get(property as string) ?? String(property),
  };
}
