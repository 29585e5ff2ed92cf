import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalJson,
  CHAIN_START,
  GENESIS_HASH,
  JOURNAL_FORMAT_VERSION,
  journalHash,
  verifyChain,
  type JournalEntry,
  type JournalFields,
} from '../../../src/domain/journal.ts';
import { Decimal } from '../../../src/domain/money.ts';

const FIELDS: JournalFields = {
  version: 1,
  previousHash: GENESIS_HASH,
  seq: 1,
  at: '2026-11-22T09:15:00.123456+05:30',
  actor: 'strategy:demo',
  kind: 'OrderPlaced',
  entity: '0189dcd5-5311-7d40-8db0-9496a2eef37b',
  data: '{"quantity":10}',
};

function chain(length: number): JournalEntry[] {
  const entries: JournalEntry[] = [];
  let previousHash = GENESIS_HASH;
  for (let seq = 1; seq <= length; seq += 1) {
    const fields = { ...FIELDS, seq, data: canonicalJson({ seq }) };
    const hash = journalHash({ ...fields, previousHash });
    entries.push({ ...fields, hash });
    previousHash = hash;
  }
  return entries;
}

const text = fc.string({ unit: 'grapheme' });
const json = fc.jsonValue({ stringUnit: 'grapheme' });

describe('canonicalJson', () => {
  it('gives the same text whatever the order of keys, at every level', () => {
    expect(canonicalJson({ b: { z: 1, a: [true, null] }, a: 'x' })).toBe(
      '{"a":"x","b":{"a":[true,null],"z":1}}',
    );
    expect(canonicalJson({ a: 'x', b: { a: [true, null], z: 1 } })).toBe(
      '{"a":"x","b":{"a":[true,null],"z":1}}',
    );
  });

  it('sorts keys by UTF-16 code units, as the example of RFC 8785 does', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '\ud83d\ude00', '\u0080', '\u00f6'];
    const value = Object.fromEntries(keys.map((key) => [key, 0]));
    const sorted = ['\r', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'];
    expect(Object.keys(JSON.parse(canonicalJson(value)) as object)).toEqual(sorted);
    expect(canonicalJson({ 10: 1, 9: 2, a: 3 })).toBe('{"10":1,"9":2,"a":3}');
    expect(canonicalJson({ '\ufb33': 1, '\ud83d\ude00': 2 })).toBe('{"\ud83d\ude00":2,"\ufb33":1}');
  });

  it('writes numbers and escapes as ECMAScript does', () => {
    expect(canonicalJson([333333333.3333333, 1e30, 4.5, 2e-3, 1e-27, -0])).toBe(
      '[333333333.3333333,1e+30,4.5,0.002,1e-27,0]',
    );
    expect(canonicalJson('\u20ac$\u000f\nA\'B"\\\\"/\u007f')).toBe(
      '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u007f"',
    );
  });

  it('drops members that are undefined', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
    expect(canonicalJson({ a: undefined })).toBe('{}');
  });

  it.each<[string, unknown]>([
    ['NaN', Number.NaN],
    ['infinity', { a: Number.POSITIVE_INFINITY }],
    ['a lone high surrogate', 'a\ud800'],
    ['a lone low surrogate in a key', { '\udc00': 1 }],
    ['undefined', undefined],
    ['undefined in an array', [undefined]],
    ['a hole in an array', Array(1)],
    ['a bigint', { a: 1n }],
    ['a function', { toJSON: () => 1 }],
    ['a Date', { at: new Date(0) }],
    ['a Decimal', { price: new Decimal('1.5') }],
    ['a Map', new Map()],
  ])('refuses %s', (_, value) => {
    expect(() => canonicalJson(value)).toThrow(/journal data/);
  });

  it('refuses a cycle instead of running for ever', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(() => canonicalJson(loop)).toThrow(/deeper than 32/);
  });

  it('is a fixed point: reading it and writing it again gives the same text', () => {
    fc.assert(
      fc.property(json, (value) => {
        const once = canonicalJson(value);
        expect(canonicalJson(JSON.parse(once))).toBe(once);
      }),
    );
  });
});

describe('journalHash', () => {
  it('hashes the documented bytes, with lengths in bytes', () => {
    const fields = { ...FIELDS, actor: '\u0935\u094d\u092f\u093e\u092a\u093e\u0930\u0940' };
    const { at, actor, kind, entity, data } = fields;
    const parts = ['sauda.journal', '1', GENESIS_HASH, '1', at, actor, kind, entity, data];
    const bytes = parts.map((part) => `${Buffer.byteLength(part)}:${part},`).join('');
    expect(journalHash(fields)).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it.each<[keyof JournalFields, Partial<JournalFields>]>([
    ['version', { version: 2 }],
    ['previousHash', { previousHash: 'a'.repeat(64) }],
    ['seq', { seq: 2 }],
    ['at', { at: '2026-11-22T09:15:00.123457+05:30' }],
    ['actor', { actor: 'strategy:demo2' }],
    ['kind', { kind: 'OrderPlaced ' }],
    ['entity', { entity: '0189dcd5-5311-7d40-8db0-9496a2eef37c' }],
    ['data', { data: '{"quantity":11}' }],
  ])('changes when %s changes', (_, change) => {
    expect(journalHash({ ...FIELDS, ...change })).not.toBe(journalHash(FIELDS));
  });

  it('does not collide when text moves over a field boundary, with or without a separator', () => {
    fc.assert(
      fc.property(text, text, fc.constantFrom('', ',', ':', '1:', ',1:'), (left, right, separator) => {
        const hashes = [
          { actor: left + separator + right, kind: '' },
          { actor: left + separator, kind: right },
          { actor: left, kind: separator + right },
          { actor: '', kind: left + separator + right },
        ].map((fields) => [`${fields.actor.length}`, journalHash({ ...FIELDS, ...fields })] as const);
        const byBoundary = new Map(hashes);
        expect(new Set(byBoundary.values()).size).toBe(byBoundary.size);
      }),
    );
    const moved = { ...FIELDS, kind: 'a', entity: 'b,c' };
    expect(journalHash({ ...FIELDS, kind: 'a,b', entity: 'c' })).not.toBe(journalHash(moved));
  });

  it('counts bytes, not characters', () => {
    expect(journalHash({ ...FIELDS, actor: '\u20b9', kind: 'a' })).not.toBe(
      journalHash({ ...FIELDS, actor: '\u20b9a', kind: '' }),
    );
  });

  it('refuses a lone surrogate, which UTF-8 would fold with every other', () => {
    expect(() => journalHash({ ...FIELDS, actor: '\ud800' })).toThrow(/lone surrogate/);
  });

  it('refuses a number or a previous hash that is none', () => {
    expect(() => journalHash({ ...FIELDS, seq: 0 })).toThrow(/seq/);
    expect(() => journalHash({ ...FIELDS, version: 1.5 })).toThrow(/version/);
    expect(() => journalHash({ ...FIELDS, previousHash: GENESIS_HASH.slice(1) })).toThrow(/64 hex/);
  });
});

describe('verifyChain', () => {
  it('accepts a whole chain and an empty one, and tells the head', () => {
    const entries = chain(5);
    expect(verifyChain(entries)).toEqual({ ok: true, value: { seq: 5, hash: entries[4]!.hash } });
    expect(verifyChain([])).toEqual({ ok: true, value: CHAIN_START });
  });

  it('checks a long chain in batches', () => {
    const entries = chain(5);
    const first = verifyChain(entries.slice(0, 2));
    expect(first.ok && verifyChain(entries.slice(2), first.value)).toMatchObject({
      ok: true,
      value: { seq: 5 },
    });
  });

  it('names the place of any change, drop, swap or repetition', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4 }),
        fc.constantFrom('actor', 'kind', 'entity', 'data', 'at', 'hash', 'version', 'drop', 'swap', 'repeat'),
        (index, harm) => {
          const entries = chain(6);
          const entry = entries[index]!;
          if (harm === 'drop') entries.splice(index, 1);
          else if (harm === 'swap') entries.splice(index, 2, entries[index + 1]!, entry);
          else if (harm === 'repeat') entries.splice(index, 0, entry);
          else if (harm === 'version') entries[index] = { ...entry, version: JOURNAL_FORMAT_VERSION + 1 };
          else if (harm === 'hash') entries[index] = { ...entry, hash: 'f'.repeat(64) };
          else entries[index] = { ...entry, [harm]: `${entry[harm as 'actor']} ` };
          const result = verifyChain(entries);
          expect(result.ok).toBe(false);
          if (!result.ok) expect(result.error.seq).toBe(harm === 'repeat' ? index + 2 : index + 1);
        },
      ),
    );
  });

  it('notices an entry rewritten with a fresh hash at the next one', () => {
    const entries = chain(3);
    const forged = { ...entries[1]!, data: '{"seq":99}' };
    entries[1] = { ...forged, hash: journalHash({ ...forged, previousHash: entries[0]!.hash }) };
    expect(verifyChain(entries)).toMatchObject({ ok: false, error: { code: 'HASH_DIFFERS', seq: 3 } });
  });
});
