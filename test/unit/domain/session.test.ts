import { describe, expect, it } from 'vitest';
import { instantOfIst } from '../../../src/domain/calendar.ts';
import { nextSessionDay } from '../../../src/domain/session.ts';

describe('the session that an after-market order counts for', () => {
  it.each([
    ['the next day, in the evening', '2026-11-24', '20:00', [], '2026-11-25'],
    ['the next day, while the market is open', '2026-11-24', '11:00', [], '2026-11-25'],
    ['that of the morning, after midnight', '2026-11-25', '02:00', [], '2026-11-25'],
    ['that of the same day, before it opens', '2026-11-25', '08:59:59', [], '2026-11-25'],
    ['the next one, once it has opened', '2026-11-25', '09:00', [], '2026-11-26'],
    ['that of Monday, on a Friday evening', '2026-11-27', '20:00', [], '2026-11-30'],
    ['that of Monday, on a Sunday morning', '2026-11-29', '07:00', [], '2026-11-30'],
    ['that behind a holiday', '2026-11-27', '20:00', ['2026-11-30'], '2026-12-01'],
    ['that behind a holiday, on its morning', '2026-11-30', '07:00', ['2026-11-30'], '2026-12-01'],
  ] as const)('is %s', (_, day, time, holidays, wanted) => {
    expect(nextSessionDay('EQUITY', instantOfIst(day, time), holidays)).toBe(wanted);
  });

  it('is the next day where the list of holidays can not be right', () => {
    const at = instantOfIst('2026-11-24', '20:00');
    const never = Array.from({ length: 60 }, (_, n) =>
      new Date(Date.UTC(2026, 10, 24 + n)).toISOString().slice(0, 10),
    );
    expect(nextSessionDay('EQUITY', at, never)).toBe('2026-11-25');
  });
});
