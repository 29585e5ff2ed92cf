import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const FAULTS = [
  ...['kill −9 before commit', 'kill −9 after commit', 'FLUSHALL', 'Redis down', 'Postgres restart'],
  ...['timeout after accept', 'timeout before accept', '5xx', '429', '403'],
  ...['push twice, out of order or missing', 'clock ±60 s', 'job run again', 'two workers', 'disk full'],
  'Telegram 429 or down',
];
/** Faults that can not meet a step, by their number above: a step that calls nobody meets no time-out of a call. */
const NOT_APPLICABLE: Readonly<Record<string, readonly number[]>> = {
  accept: [5, 6, 7, 8, 9, 10, 12, 15],
  validate: [5, 6, 10, 15],
  reserve: [5, 6, 7, 8, 9, 10, 11, 15],
  'submit intent': [5, 6, 7, 8, 9, 10, 15],
  'broker call': [15],
  'record result': [11, 15],
  'ingest fill': [15],
  position: [5, 6, 7, 8, 9, 11, 15],
  cancel: [11, 15],
  modify: [11, 15],
  'kill on': [],
  alert: [5, 6, 7, 8, 9, 10],
  reconcile: [15],
};
/** Longer than "none": a reason is a sentence. */
const REASON_LENGTH = 40;

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8');

const rows = read('docs/faults.md')
  .split('\n')
  .flatMap((line) => {
    const [, step = '', fault = '', last = ''] = line.split('|').map((cell) => cell.trim());
    return step in NOT_APPLICABLE ? [{ step, fault, last }] : [];
  });

describe('the table of faults', () => {
  it('has each fault that can meet a step once, in the order of the matrix', () => {
    const expected = Object.entries(NOT_APPLICABLE).flatMap(([step, never]) =>
      FAULTS.filter((_, n) => !never.includes(n)).map((fault) => `${step}: ${fault}`),
    );
    expect(rows.map(({ step, fault }) => `${step}: ${fault}`)).toEqual(expected);
  });

  it.each(rows.map((row) => [row.step, row.fault, row] as const))(
    'names for %s and %s tests that there are, or says why there is none',
    (_, __, { last }) => {
      const tests = last.split('<br>').map((one) => /^`([^`]+\.test\.ts)`: (.+)$/.exec(one));
      if (tests[0] === null) {
        expect(last).toMatch(/^No test of its own: /);
        expect(last.length).toBeGreaterThan(REASON_LENGTH);
        return;
      }
      for (const test of tests) {
        const [, file = '', title = 'no title'] = test ?? [];
        const path = file.startsWith('test/') ? file : `test/integration/${file}`;
        expect(read(path).replaceAll('\\', ''), `${path} has "${title}"`).toContain(title);
      }
    },
  );
});
