/** A planted bug for a whole test run: `SAUDA_MUTANT=lock-merged npx vitest run ...` (docs/mutants.md). */
import { MUTANTS, armMutant } from '../../src/lib/mutant.ts';

const wanted = process.env['SAUDA_MUTANT'] ?? '';
const known = MUTANTS.find((name) => name === wanted);
if (wanted !== '' && known === undefined) throw new Error(`there is no mutant ${wanted}`);
armMutant(known ?? null);
