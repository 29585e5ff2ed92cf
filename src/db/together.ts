import type { QueryConfig } from 'pg';
import type { Database } from './client.ts';

/**
 * A read whose columns JSON can carry without loss (text, booleans, integers and floats that a number holds); `row` is
 * never set, it only names the type.
 */
export interface Read<Row> extends QueryConfig {
  readonly values: unknown[];
  readonly row?: Row;
}

type Reads = Readonly<Record<string, Read<unknown>>>;
type Found<R extends Reads> = { readonly [Key in keyof R]: R[Key] extends Read<infer Row> ? Row[] : never };

/**
 * Several reads as one prepared statement: one round trip and one snapshot instead of one for each. `name` stands for
 * these reads and no others.
 */
export async function readTogether<R extends Reads>(db: Database, name: string, reads: R): Promise<Found<R>> {
  const values: unknown[] = [];
  const columns = Object.entries(reads).map(([key, read]) => {
    const before = values.length;
    values.push(...read.values);
    const text = read.text.replace(/\$(\d+)/g, (_, number: string) => `$${Number(number) + before}`);
    return `(select coalesce(json_agg(r), '[]') from (${text}) r) as "${key}"`;
  });
  const { rows } = await db.reads.query<Found<R>>({ name, text: `select ${columns.join(', ')}`, values });
  return rows[0] as Found<R>;
}
