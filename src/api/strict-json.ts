import { Decimal } from '../domain/money.ts';
import { err, ok, type Result } from '../lib/result.ts';

/**
 * I-JSON (RFC 7493) as a parser: what two readers could understand differently is refused, never guessed.
 * Refused besides broken JSON: duplicate names, the name "__proto__", lone surrogates, U+0000 (Postgres has no text
 * for it), numbers a double can not hold exactly, a byte order mark, and nesting beyond MAX_JSON_DEPTH.
 */
export interface JsonFault {
  /** JSON pointer to the place, as far as it is known; "" is the whole document. */
  readonly pointer: string;
  readonly code:
    'BAD_JSON' | 'DUPLICATE_NAME' | 'UNKNOWN_FIELD' | 'CONTROL_CHAR' | 'NUMBER_PRECISION' | 'TOO_DEEP';
  /** Goes on from the name of the place: "is given more than once". */
  readonly message: string;
}

/** Levels of arrays and objects; journal data, which wraps metadata, takes 32. */
export const MAX_JSON_DEPTH = 16;

const SPACE = /[ \t\n\r]*/y;
// One character a turn: an inner "+" would make failure exponential.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Parses one document. Objects are plain objects with own members only. */
export function parseStrictJson(text: string): Result<unknown, JsonFault> {
  try {
    return ok(new Reader(text).document());
  } catch (error) {
    if (error instanceof Fault) return err(error.fault);
    throw error;
  }
}

/** Appends one reference token (RFC 6901) to a pointer. */
export function pointerTo(parent: string, name: string | number): string {
  return `${parent}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

class Fault extends Error {
  readonly fault: JsonFault;

  constructor(fault: JsonFault) {
    super(fault.message);
    this.fault = fault;
  }
}

class Reader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  document(): unknown {
    if (this.text.startsWith('\ufeff')) this.refuse('', 'BAD_JSON', 'begins with a byte order mark');
    const value = this.value('', 0);
    if (this.at < this.text.length) this.unexpected('');
    return value;
  }

  /** One value with the space around it. */
  private value(pointer: string, depth: number): unknown {
    this.take(SPACE);
    const value = this.bareValue(pointer, depth);
    this.take(SPACE);
    return value;
  }

  private bareValue(pointer: string, depth: number): unknown {
    switch (this.text[this.at]) {
      case '{':
        return this.object(pointer, depth + 1);
      case '[':
        return this.array(pointer, depth + 1);
      case '"':
        return this.string(pointer);
      case 't':
        return this.word('true', true, pointer);
      case 'f':
        return this.word('false', false, pointer);
      case 'n':
        return this.word('null', null, pointer);
      case undefined:
      default:
        return this.number(pointer);
    }
  }

  private object(pointer: string, depth: number): Record<string, unknown> {
    this.enter(pointer, depth);
    const members: Record<string, unknown> = {};
    if (this.ends('}')) return members;
    for (;;) {
      this.take(SPACE);
      if (this.text[this.at] !== '"') this.unexpected(pointer);
      const name = this.string(pointer);
      const place = pointerTo(pointer, name);
      if (name === '__proto__') this.refuse(place, 'UNKNOWN_FIELD', 'is not a known field');
      if (Object.hasOwn(members, name)) this.refuse(place, 'DUPLICATE_NAME', 'is given more than once');
      this.take(SPACE);
      this.expect(':', place);
      members[name] = this.value(place, depth);
      if (this.ends('}')) return members;
      this.expect(',', pointer);
    }
  }

  private array(pointer: string, depth: number): unknown[] {
    this.enter(pointer, depth);
    const items: unknown[] = [];
    if (this.ends(']')) return items;
    for (;;) {
      items.push(this.value(pointerTo(pointer, items.length), depth));
      if (this.ends(']')) return items;
      this.expect(',', pointer);
    }
  }

  private string(pointer: string): string {
    const token = this.take(STRING);
    if (token === '') this.unexpected(pointer);
    const value = JSON.parse(token) as string;
    if (LONE_SURROGATE.test(value)) this.refuse(pointer, 'BAD_JSON', 'holds a lone surrogate');
    if (value.includes('\u0000')) this.refuse(pointer, 'CONTROL_CHAR', 'holds the character U+0000');
    return value;
  }

  private number(pointer: string): number {
    const token = this.take(NUMBER);
    if (token === '') this.unexpected(pointer);
    const value = Number(token);
    if (!Number.isFinite(value) || !new Decimal(token).eq(new Decimal(String(value)))) {
      this.refuse(pointer, 'NUMBER_PRECISION', 'is a number that a double can not hold exactly');
    }
    return value;
  }

  private word<T>(word: string, value: T, pointer: string): T {
    if (!this.text.startsWith(word, this.at)) this.unexpected(pointer);
    this.at += word.length;
    return value;
  }

  private enter(pointer: string, depth: number): void {
    if (depth > MAX_JSON_DEPTH) {
      this.refuse(pointer, 'TOO_DEEP', `is nested deeper than ${MAX_JSON_DEPTH} levels`);
    }
    this.at += 1;
    this.take(SPACE);
  }

  private ends(bracket: string): boolean {
    if (this.text[this.at] !== bracket) return false;
    this.at += 1;
    return true;
  }

  private expect(character: string, pointer: string): void {
    if (!this.ends(character)) this.unexpected(pointer);
  }

  private take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  private unexpected(pointer: string): never {
    const what = this.at >= this.text.length ? 'ends too early' : `is not JSON at character ${this.at + 1}`;
    this.refuse(pointer, 'BAD_JSON', what);
  }

  private refuse(pointer: string, code: JsonFault['code'], message: string): never {
    throw new Fault({ pointer, code, message });
  }
}
