import { hash } from 'node:crypto';
import { assert } from '../lib/assert.ts';
import { err, ok, type Result } from '../lib/result.ts';

/**
 * The journal's text and its hash chain. Promise: what was written can be read back byte for byte, and no entry
 * can be changed, dropped, added or moved without `verifyChain` naming the place. Pure; `sauda audit` runs on it.
 */

/** The format that `journalHash` writes today; each entry carries its own, and it is part of the hash. */
export const JOURNAL_FORMAT_VERSION = 1;

/** What stands for the hash before an account's first entry (seq 1). */
export const GENESIS_HASH: string = '0'.repeat(64);

/** Journal data is shallow; a deeper value is a mistake of ours (or a cycle). */
const MAX_DEPTH = 32;
const LONE_SURROGATE = /\p{Surrogate}/u;
const HASH_TEXT = /^[0-9a-f]{64}$/;
const DOMAIN = 'sauda.journal';

export interface JournalFields {
  readonly version: number;
  readonly previousHash: string;
  /** 1 for the account's first entry, without gaps. */
  readonly seq: number;
  /** The time as the text that is stored; never a Date, whose text could differ. */
  readonly at: string;
  readonly actor: string;
  readonly kind: string;
  readonly entity: string;
  /** Canonical text, as `canonicalJson` made it and as it is stored. */
  readonly data: string;
}

/** A stored entry; the previous hash is the entry before it. */
export type JournalEntry = Omit<JournalFields, 'previousHash'> & { readonly hash: string };

/** Where a chain stands: what the next entry builds on. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

export interface ChainFault {
  readonly code: 'GAP' | 'HASH_DIFFERS' | 'UNKNOWN_VERSION' | 'UNREADABLE';
  /** The number the faulty place should have had. */
  readonly seq: number;
  readonly message: string;
}

export const CHAIN_START: ChainHead = { seq: 0, hash: GENESIS_HASH };

/**
 * RFC 8785 (JCS) text of strings, finite numbers, booleans, null, arrays and plain objects.
 * Members that are undefined are dropped. Throws InvariantError on anything else, on a lone surrogate, on a number
 * that is not finite, and beyond 32 levels: such a value would not come back as it was.
 */
export function canonicalJson(value: unknown): string {
  return textOf(value, 0);
}

function textOf(value: unknown, depth: number): string {
  assert(depth <= MAX_DEPTH, `journal data is deeper than ${MAX_DEPTH} levels`);
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return stringText(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      assert(Number.isFinite(value), `journal data holds ${value}`);
      return JSON.stringify(value);
    case 'object':
      return Array.isArray(value) ? arrayText(value, depth) : objectText(value, depth);
    case 'undefined':
    case 'bigint':
    case 'function':
    case 'symbol':
    default:
      assert(false, `journal data holds a value of type ${typeof value}`);
  }
}

/** ECMAScript's own escapes are those of RFC 8785, for well-formed text. */
function stringText(value: string): string {
  assert(!LONE_SURROGATE.test(value), 'journal data holds a lone surrogate');
  return JSON.stringify(value);
}

/** Array.from turns holes into undefined, which is refused. */
function arrayText(values: readonly unknown[], depth: number): string {
  return `[${Array.from(values, (item) => textOf(item, depth + 1)).join(',')}]`;
}

function objectText(value: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  assert(
    prototype === Object.prototype || prototype === null,
    'journal data holds an object that is not plain',
  );
  const members = value as Readonly<Record<string, unknown>>;
  let text = '';
  // The default sort compares UTF-16 code units, which is the order RFC 8785 asks for.
  for (const key of Object.keys(value).sort()) {
    const member = members[key];
    if (member !== undefined)
      text += `${text === '' ? '' : ','}${stringText(key)}:${textOf(member, depth + 1)}`;
  }
  return `{${text}}`;
}

/** What an entry says, but for the origin of the request that caused it: who asked from where is no fact of an order. */
export function withoutOrigin(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data).filter(([name]) => name !== 'origin'));
}

/**
 * Hex sha256 of one entry. The hashed bytes are nine netstrings one after the other, `<length>:<bytes>,` with the
 * length in decimal and in bytes of UTF-8: "sauda.journal", version, previousHash, seq, at, actor, kind, entity, data.
 * Length prefixes keep a shifted field boundary from giving the same bytes. Throws on malformed input.
 */
export function journalHash(fields: JournalFields): string {
  const { version, previousHash, seq, at, actor, kind, entity, data } = fields;
  assert(
    Number.isSafeInteger(version) && version > 0,
    `journal version ${version} is not a positive integer`,
  );
  assert(Number.isSafeInteger(seq) && seq > 0, `journal seq ${seq} is not a positive integer`);
  assert(HASH_TEXT.test(previousHash), 'the previous journal hash is not 64 hex digits');
  let text = '';
  for (const field of [DOMAIN, String(version), previousHash, String(seq), at, actor, kind, entity, data]) {
    // UTF-8 would turn every lone surrogate into the same replacement character: two texts, one hash.
    assert(!LONE_SURROGATE.test(field), 'a journal field holds a lone surrogate');
    text += `${Buffer.byteLength(field)}:${field},`;
  }
  return hash('sha256', text);
}

/**
 * Checks entries in their stored order against the chain from `head` on (default: from the account's start).
 * Returns the new head, so a long journal can be checked in batches; or the first fault.
 */
export function verifyChain(
  entries: Iterable<JournalEntry>,
  head: ChainHead = CHAIN_START,
): Result<ChainHead, ChainFault> {
  let { seq, hash } = head;
  for (const entry of entries) {
    const expected = seq + 1;
    const fault = entryFault(entry, expected, hash);
    if (fault !== null) return err(fault);
    seq = expected;
    hash = entry.hash;
  }
  return ok({ seq, hash });
}

function entryFault(entry: JournalEntry, expected: number, previousHash: string): ChainFault | null {
  if (entry.seq !== expected) {
    return { code: 'GAP', seq: expected, message: `entry ${expected} is missing: found ${entry.seq}` };
  }
  if (entry.version !== JOURNAL_FORMAT_VERSION) {
    return {
      code: 'UNKNOWN_VERSION',
      seq: expected,
      message: `entry ${expected} has format ${entry.version}, which is not known`,
    };
  }
  let actual: string;
  try {
    actual = journalHash({ ...entry, previousHash });
  } catch (error) {
    return { code: 'UNREADABLE', seq: expected, message: `entry ${expected}: ${String(error)}` };
  }
  if (actual === entry.hash) return null;
  return {
    code: 'HASH_DIFFERS',
    seq: expected,
    message: `entry ${expected} or its predecessor was changed: stored hash ${entry.hash}, computed ${actual}`,
  };
}
