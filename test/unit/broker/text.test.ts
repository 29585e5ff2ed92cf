import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isCalendarDate, parseIst } from '../../../src/broker/kite/ist.ts';
import { cleanMessage, MAX_MESSAGE_LENGTH, parseCleanJson } from '../../../src/broker/kite/text.ts';

const HOSTILE = /[\p{Cc}\p{Cs}]/u;

test('a message is at most 400 long and has no control characters or broken letters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 1_000 }), (text) => {
      const clean = cleanMessage(text);
      expect(clean.length).toBeLessThanOrEqual(MAX_MESSAGE_LENGTH);
      expect(clean).not.toMatch(HOSTILE);
    }),
  );
  expect(cleanMessage(`${'x'.repeat(399)}😀`)).toBe('x'.repeat(399));
});

test('JSON comes out with clean strings and keys, and otherwise as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      const parsed = parseCleanJson(Buffer.from(text));
      if (!text.includes('\\') && !HOSTILE.test(text)) expect(JSON.stringify(parsed)).toBe(text);
    }),
  );
  const hostile = Buffer.from('{"a\\u0000b":["c\\u0000\\nd\\ud800"],"__proto__":{"x":1},"n":1.10}');
  expect(JSON.stringify(parseCleanJson(hostile))).toBe('{"ab":["c d"],"__proto__":{"x":1},"n":1.1}');
  expect(JSON.stringify(parseCleanJson(Buffer.from('"a\x7fb"')))).toBe('"ab"');
});

test('JSON nested without end is refused', () => {
  expect(() => parseCleanJson(Buffer.from(`["\\n"${',['.repeat(100_000)}${']'.repeat(100_001)}`))).toThrow();
});

test('an Indian time is read only when it is whole and real', () => {
  expect(parseIst('2026-11-20 09:15:00')).toEqual(new Date('2026-11-20T03:45:00Z'));
  for (const text of [
    '2026-02-29 09:15:00',
    '2026-11-20 24:00:00',
    '2026-11-20',
    '09:15:00',
    '',
    '2026-11-20T09:15:00',
  ]) {
    expect(parseIst(text)).toBeNull();
  }
});

test('a calendar date is real', () => {
  expect(isCalendarDate('2028-02-29')).toBe(true);
  for (const text of ['2026-02-29', '2026-13-01', '2026-1-1', '']) expect(isCalendarDate(text)).toBe(false);
});
