import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InvariantError, assert, assertNever, present } from '../../../src/lib/assert.ts';
import { findUp } from '../../../src/lib/find-up.ts';
import { err, ok } from '../../../src/lib/result.ts';

describe('assert', () => {
  it('throws InvariantError with its message, when the condition does not hold', () => {
    expect(() => assert(false, 'two and two')).toThrow(new InvariantError('two and two'));
    expect(() => assert(true, 'two and two')).not.toThrow();
  });

  it('ends a switch: what should not be reached names what it got', () => {
    expect(() => assertNever('NEW' as never, 'status')).toThrow('status: unexpected "NEW"');
  });

  it('gives a value that is present and names one that is missing; 0 and "" are present', () => {
    expect(present(0, 'count')).toBe(0);
    expect(present('', 'text')).toBe('');
    expect(() => present(null, 'order')).toThrow(new InvariantError('order is missing'));
    expect(() => present(undefined, 'order')).toThrow(InvariantError);
  });
});

describe('a result', () => {
  it('is a value or a refusal that carries data', () => {
    expect(ok(1)).toEqual({ ok: true, value: 1 });
    expect(err({ code: 'X' })).toEqual({ ok: false, error: { code: 'X' } });
  });
});

describe('findUp', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'find-up-'));
    mkdirSync(path.join(root, 'a/b/c'), { recursive: true });
    writeFileSync(path.join(root, 'marker.json'), '');
    writeFileSync(path.join(root, 'a/b/marker.json'), '');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('finds the nearest folder at or above', () => {
    expect(findUp(path.join(root, 'a/b/c'), 'marker.json')).toBe(path.join(root, 'a/b'));
    expect(findUp(path.join(root, 'a/b'), 'marker.json')).toBe(path.join(root, 'a/b'));
    expect(findUp(path.join(root, 'a'), 'marker.json')).toBe(root);
  });

  it('throws at the root when there is none', () => {
    expect(() => findUp(root, 'no-such-file-anywhere.json')).toThrow('was not found at or above');
  });
});
