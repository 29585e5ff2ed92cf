import { describe, expect, it } from 'vitest';
import { createSealer } from '../../../src/lib/sealer.ts';

const KEY = Buffer.alloc(32, 7);
const SECRET = 'the token of the day';

describe('a sealed secret', () => {
  const sealer = createSealer(KEY);
  const sealed = sealer.seal(SECRET, 'account main');

  it('opens with the same key for the same context, and nowhere in it is the secret', () => {
    expect(createSealer(KEY).open(sealed, 'account main')).toBe(SECRET);
    expect(sealed).toMatch(/^[\w-]+$/);
    expect(Buffer.from(sealed, 'base64url').toString('latin1')).not.toContain(SECRET);
  });

  it('is another text each time', () => {
    expect(sealer.seal(SECRET, 'account main')).not.toBe(sealed);
  });

  it('does not open for another context, with another key, or when any byte of it was changed', () => {
    expect(sealer.open(sealed, 'account other')).toBeNull();
    expect(createSealer(Buffer.alloc(32, 8)).open(sealed, 'account main')).toBeNull();
    const bytes = Buffer.from(sealed, 'base64url');
    for (let n = 0; n < bytes.length; n++) {
      const changed = Buffer.from(bytes);
      changed[n] = changed[n]! ^ 1;
      expect(sealer.open(changed.toString('base64url'), 'account main'), `byte ${n}`).toBeNull();
    }
    for (const cut of ['', 'x', sealed.slice(0, 20), sealed.slice(0, -4)]) {
      expect(sealer.open(cut, 'account main')).toBeNull();
    }
  });

  it('names its key by something that is not the key', () => {
    expect(sealer.keyId).toMatch(/^[0-9a-f]{16}$/);
    expect(createSealer(KEY).keyId).toBe(sealer.keyId);
    expect(createSealer(Buffer.alloc(32, 8)).keyId).not.toBe(sealer.keyId);
  });
});

describe('a signature', () => {
  it('is good for its text and key alone', () => {
    const sealer = createSealer(KEY);
    const signature = sealer.sign('text');
    expect(sealer.verify('text', signature)).toBe(true);
    expect(sealer.verify('texts', signature)).toBe(false);
    expect(sealer.verify('text', `${signature}A`)).toBe(false);
    expect(sealer.verify('text', '')).toBe(false);
    expect(createSealer(Buffer.alloc(32, 8)).verify('text', signature)).toBe(false);
  });
});
