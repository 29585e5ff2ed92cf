/**
 * Planted bugs: each breaks one promise at its place in the code, to show that a test or the simulation notices
 * (docs/mutants.md). None does anything unless armed, and configuration refuses to arm one in production or with real
 * money.
 */
export const MUTANTS = [
  'lock-merged',
  'resend',
  'no-sweeper',
  '5xx-is-refused',
  'stale-halt',
  'empty-is-absent',
  'old-read-wins',
  'tag-reused',
  'deadline-ignored',
  'unknown-frees-margin',
  'no-budget',
  'alert-dropped',
  'modify-resent',
  'trade-twice',
  'call-before-commit',
  'trade-position-two-tx',
] as const;
export type Mutant = (typeof MUTANTS)[number];

let armed: Mutant | null = null;

export function armMutant(name: Mutant | null): void {
  armed = name;
}

export function isMutant(name: Mutant): boolean {
  return armed === name;
}
