import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_JSON_DEPTH, parseStrictJson, pointerTo } from '../../../src/api/strict-json.ts';

const valueOf = (text: string): unknown => {
  const parsed = parseStrictJson(text);
  if (!parsed.ok) throw new Error(`${parsed.error.code} at "${parsed.error.pointer}"`);
  return parsed.value;
};

/** JSON values that I-JSON allows and that are not nested beyond the bound. */
const json = fc.jsonValue({ maxDepth: MAX_JSON_DEPTH - 2, stringUnit: 'binary-ascii' }).filter((value) => {
  const text = JSON.stringify(value);
  return !text.includes('"__proto__"') && !text.includes('\\u0000');
});

describe('parseStrictJson', () => {
  test('reads whatever JSON.stringify writes, as JSON.parse does', () => {
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space);
        // JSON.parse keeps -0, and so does this.
        expect(valueOf(text)).toStrictEqual(JSON.parse(text));
      }),
    );
  });

  test('never takes a text that JSON.parse refuses, and never throws', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a"',
      '1',
      '-',
      '.5',
      'e3',
      'true',
      'nul',
      ' ',
      '\\',
      '\u0001',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        const parsed = parseStrictJson(text);
        if (parsed.ok) expect(parsed.value).toStrictEqual(JSON.parse(text));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['{"a":1,"a":1}', 'DUPLICATE_NAME', '/a'],
    ['{"a":{"b~/":1,"b~/":2}}', 'DUPLICATE_NAME', '/a/b~0~1'],
    ['{"a":1,"\\u0061":2}', 'DUPLICATE_NAME', '/a'],
    ['{"__proto__":1}', 'UNKNOWN_FIELD', '/__proto__'],
    ['["\\ud83d"]', 'BAD_JSON', '/0'],
    ['["\\ude00\\ud83d"]', 'BAD_JSON', '/0'],
    ['["\\u0000"]', 'CONTROL_CHAR', '/0'],
    ['[1e400]', 'NUMBER_PRECISION', '/0'],
    ['[1e-400]', 'NUMBER_PRECISION', '/0'],
    ['[9007199254740993]', 'NUMBER_PRECISION', '/0'],
    ['\ufeff{}', 'BAD_JSON', ''],
    ['', 'BAD_JSON', ''],
    ['{"a":}', 'BAD_JSON', '/a'],
    ['[1,]', 'BAD_JSON', '/1'],
  ])('refuses %s', (text, code, pointer) => {
    const parsed = parseStrictJson(text);
    expect(parsed.ok ? null : parsed.error).toMatchObject({ code, pointer });
  });

  test('a pair of surrogates is one character', () => {
    expect(valueOf('"\\ud83d\\ude00"')).toBe('😀');
  });

  test('numbers keep their value, also -0 and exponents', () => {
    expect(valueOf('[-0, 1e0, 1.0, 0.1, 2450.05, 9007199254740991]')).toStrictEqual([
      -0, 1, 1, 0.1, 2450.05, 9007199254740991,
    ]);
  });

  test(`${MAX_JSON_DEPTH} levels are read, one more is refused, and any number of them is only refused`, () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    expect(parseStrictJson(nested(MAX_JSON_DEPTH)).ok).toBe(true);
    expect(parseStrictJson(nested(MAX_JSON_DEPTH + 1)).ok).toBe(false);
    expect(parseStrictJson('[{"a":'.repeat(30_000)).ok).toBe(false);
  });

  test('a long text that fails at its end fails at once', () => {
    const took = Array.from({ length: 5 }, () => {
      const began = performance.now();
      parseStrictJson(`"${'a'.repeat(65_000)}`);
      parseStrictJson(`${'1'.repeat(65_000)}x`);
      return performance.now() - began;
    });
    // The best of five: a busy machine may stop in any one of them.
    expect(Math.min(...took)).toBeLessThan(1000);
  });

  test('names of Object.prototype are names like others, and the prototype stays as it was', () => {
    const value = valueOf('{"constructor":1,"toString":2,"hasOwnProperty":3}') as object;
    expect(Object.keys(value)).toEqual(['constructor', 'toString', 'hasOwnProperty']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});

describe('pointerTo', () => {
  test('escapes as RFC 6901 says', () => {
    expect(pointerTo('/a', 'm~n/o')).toBe('/a/m~0n~1o');
  });
});
