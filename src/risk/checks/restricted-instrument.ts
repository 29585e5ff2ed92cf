import type { Instrument } from '../../domain/instrument.ts';
import { type Check, ONLY_REDUCES, fail, inEachScope, pass, skip } from '../check.ts';

/**
 * Control 16: lists of what may not, or alone may, be entered, by the account and by the strategy. A contract is meant by
 * its own name or its underlying's.
 */
export const restrictedInstrument: Check = {
  name: 'RESTRICTED_INSTRUMENT',
  run: (input) => {
    if (input.effect.openingQuantity === 0) return skip(ONLY_REDUCES);
    const names = namesOf(input.instrument);
    return inEachScope(input, ({ limits: { blockedInstruments: blocked, allowedInstruments: allowed } }) => {
      if (blocked.length === 0 && allowed.length === 0) return skip('no list is set');
      const listed = blocked.find((name) => names.includes(name));
      if (listed !== undefined) return fail(`${names[0]} is blocked: ${listed} is in BLOCKED_INSTRUMENTS`);
      if (allowed.length > 0 && !allowed.some((name) => names.includes(name))) {
        return fail(`${names[0]} is not among the ${allowed.length} of ALLOWED_INSTRUMENTS`);
      }
      return pass(`${names[0]} may be traded`);
    });
  },
};

function namesOf({ exchange, symbol, underlying }: Instrument): readonly [string, ...string[]] {
  const own = `${exchange}:${symbol}`;
  return underlying === null ? [own] : [own, `${exchange}:${underlying}`];
}
