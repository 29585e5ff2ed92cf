import { describe, expect, it } from 'vitest';
import { onceRead } from '../../../src/broker/kite/once-read.ts';
import type { Answer } from '../../../src/broker/kite/transport.ts';

function answer(text: string, differs: Partial<Answer> = {}): Answer {
  return {
    ...{ status: 200, contentType: 'application/json', isFramed: true, body: Buffer.from(text) },
    ...differs,
  };
}

/** Reads by noting what it was given. */
function reader() {
  const seen: string[] = [];
  const read = onceRead((given) => {
    const text = String(given.body);
    seen.push(text);
    if (text.startsWith('!')) throw new Error('unreadable');
    return { text };
  });
  return { read, seen };
}

describe('an answer that was read', () => {
  it('gives the same value again when it comes again byte for byte', () => {
    const { read, seen } = reader();
    const first = read(answer('[1]'));
    expect(read(answer('[1]'))).toBe(first);
    expect(seen).toEqual(['[1]']);
  });

  it('is read anew after another one came between', () => {
    const { read, seen } = reader();
    read(answer('[1]'));
    read(answer('[2]'));
    expect(read(answer('[1]'))).toEqual({ text: '[1]' });
    expect(seen).toEqual(['[1]', '[2]', '[1]']);
  });

  it.each([
    ['status', { status: 502 }],
    ['content type', { contentType: 'text/html' }],
    ['framing', { isFramed: false }],
    ['body that could not be unpacked', { body: null }],
  ])('is read anew with another %s', (_what, differs) => {
    const { read, seen } = reader();
    read(answer('[1]'));
    read(answer('[1]', differs));
    expect(seen).toHaveLength(2);
  });

  it('is not kept when it could not be read, and neither is the one before', () => {
    const { read, seen } = reader();
    const good = read(answer('[1]'));
    expect(() => read(answer('!'))).toThrow('unreadable');
    expect(() => read(answer('!'))).toThrow('unreadable');
    expect(read(answer('[1]'))).not.toBe(good);
    expect(seen).toEqual(['[1]', '!', '!', '[1]']);
  });
});
