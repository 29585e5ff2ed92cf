/**
 * One seed for every property test: a run of the suite is the same each time, so that what lands was tried as it is.
 * PROPERTY_SEED=random looks further, which `npm run explore` does; PROPERTY_SEED=N repeats what a run printed.
 */
import fc from 'fast-check';

const FIXED = 20_261_130;
const given = process.env['PROPERTY_SEED'] ?? String(FIXED);

if (given !== 'random') {
  const seed = Number(given);
  if (!Number.isSafeInteger(seed))
    throw new Error(`PROPERTY_SEED must be "random" or a whole number, not ${given}`);
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
}
