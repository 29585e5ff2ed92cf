import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** The FIX matrices' cases, by the letter and number of each group, and what Kite and a queue add. */
const CASES = [
  ...['A.1.a', 'A.1.b', 'B.1.a', 'B.1.b', 'B.1.c', 'B.1.d', 'B.1.e', 'B.1.f'],
  ...['C.1.a', 'C.1.b', 'C.1.c', 'C.2.a', 'C.3.a', 'C.3.b', 'C.3.c'],
  ...['D.1.a', 'D.1.b', 'D.1.c', 'D.2.a', 'D.2.b', 'D.2.c', 'D.2.d'],
  ...['E.1.a', 'E.1.b', 'E.1.c', 'E.1.d', 'E.1.e', 'E.1.f', 'F.1.a', 'F.1.b', 'F.1.c'],
  ...['G.1.a', 'G.1.b', 'G.1.c', 'H.1.a', 'H.1.b', 'H.1.c', 'H.1.d', 'I.1.a', 'I.1.b'],
  ...['J.1.a', 'J.1.b', 'J.1.c', 'J.1.d', 'K.1.a', 'K.1.b', 'L.1.a', 'L.1.b'],
  ...Array.from({ length: 23 }, (_, n) => `U${n + 1}`),
];
/** Longer than "none": a reason is a sentence. */
const REASON_LENGTH = 40;

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8');

const rows = read('docs/cases.md')
  .split('\n')
  .flatMap((line) => {
    const [, id, scenario = '', expected = '', last = ''] = line.split('|').map((cell) => cell.trim());
    return id !== undefined && /^[A-Z][\d.]/.test(id) ? [{ id, scenario, expected, last }] : [];
  });

describe('the table of cases', () => {
  it('has every case once, in the order of the list', () => {
    expect(rows.map(({ id }) => id)).toEqual(CASES);
  });

  it.each(rows.map((row) => [row.id, row] as const))(
    'says of %s what tests it, or why nothing does',
    (id, row) => {
      expect(row.scenario).not.toBe('');
      expect(row.expected).not.toBe('');
      const tests = row.last.split('<br>').map((one) => /^`([^`]+\.test\.ts)`: (.+)$/.exec(one));
      if (tests[0] === null) {
        expect(row.last.length).toBeGreaterThan(REASON_LENGTH);
        return;
      }
      for (const test of tests) {
        const [, file = '', title = ''] = test ?? [];
        expect(title, `a title that names ${id}`).toMatch(
          new RegExp(`(^|and |, )${id.replaceAll('.', '\\.')}\\b`),
        );
        expect(read(`test/integration/${file}`), `${file} has "${title}"`).toContain(title);
      }
    },
  );
});
