import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bold, code, concat, join, lines, plain, quoted, shorten } from '../../../src/telegram/rich-text.ts';
import { textProblem } from '../../support/telegram/rules.ts';

const anyText = fc.string({ unit: 'binary' });
const rich = fc
  .array(fc.tuple(fc.constantFrom(plain, bold, code, quoted), anyText), { maxLength: 8 })
  .map((parts) => concat(...parts.map(([make, text]) => make(text))));

describe('text with entities', () => {
  it('counts UTF-16 units, so that what follows an emoji keeps its place', () => {
    const text = concat('🙂 ', bold('rise 📈'), ' by ', code('5'));
    expect(text.text).toBe('🙂 rise 📈 by 5');
    expect(text.entities.map(({ offset, length }) => text.text.slice(offset, offset + length))).toEqual([
      'rise 📈',
      '5',
    ]);
    expect(text.entities).toEqual([
      { type: 'bold', offset: 3, length: 7 },
      { type: 'code', offset: 14, length: 1 },
    ]);
  });

  it('is taken by Telegram whatever it is made of and wherever it is cut', () => {
    fc.assert(
      fc.property(rich, fc.integer({ min: 2, max: 60 }), (text, most) => {
        const cut = shorten(text, most);
        expect(cut.text.length).toBeLessThanOrEqual(most);
        for (const one of [text, cut]) {
          if (one.text.trim() !== '')
            expect(
              textProblem(one.text.slice(0, 4096), one.text.length > 4096 ? [] : one.entities),
            ).toBeNull();
        }
      }),
    );
  });

  it('joins with separators that carry no format', () => {
    expect(join([bold('a'), 'b'], ', ')).toEqual({
      text: 'a, b',
      entities: [{ type: 'bold', offset: 0, length: 1 }],
    });
    expect(lines('a', null, 'b').text).toBe('a\nb');
  });

  it.each([
    'see evil.com',
    'https://evil.example/x',
    '@admin help',
    'press /halt now',
    '#tag',
    'mail a@b',
    't.me/x',
  ])('words of others that would become a link or a command stand as code: %s', (text) => {
    expect(quoted(text).entities).toEqual([{ type: 'code', offset: 0, length: text.length }]);
  });

  it.each(['RMS:Margin Exceeds [x_y] *(a)*!', 'price 2,450.05 is over 2,400.00', '5 < 6 & co'])(
    'other words of others are left as they are: %s',
    (text) => {
      expect(quoted(text)).toEqual({ text, entities: [] });
    },
  );

  it('control characters and marks that turn text around are taken out', () => {
    expect(plain('a\u202Eb\u0000c\uD800d').text).toBe('a b c\uFFFDd');
  });
});
