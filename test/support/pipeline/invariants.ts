/** The invariants of the books in tests: they hold at every commit, so any suite may ask at any time. */
import { expect } from 'vitest';
import { INVARIANTS } from '../../../src/db/invariants.ts';
import type { Sql } from '../pipeline.ts';

/** Fails with the names and the first rows of every invariant that does not hold. */
export async function expectInvariants(
  sql: Sql,
  { atRest = false }: { readonly atRest?: boolean } = {},
): Promise<void> {
  const broken: Record<string, unknown[]> = {};
  for (const invariant of INVARIANTS) {
    if (invariant.atRest === true && !atRest) continue;
    const rows = await sql(invariant.sql);
    if (rows.length > 0) broken[invariant.what] = rows.slice(0, 5);
  }
  expect(broken, 'broken invariants').toEqual({});
}
