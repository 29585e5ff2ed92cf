import type { Verdict } from '../../../src/risk/check.ts';
import type { InputChanges } from './fixtures.ts';

/** What is changed of the brief's order, and what the check says; without a message any will do. */
export type CaseRow = readonly [title: string, changes: InputChanges, verdict: Verdict, message?: string];

/** Cases by check: data, so that a check with a planted bug can be held against them, too. */
export const CASES = new Map<string, CaseRow[]>();

export function table(check: string, rows: readonly CaseRow[]): void {
  CASES.set(check, [...(CASES.get(check) ?? []), ...rows]);
}
