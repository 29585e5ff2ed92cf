import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';

/** AES-256-GCM with a random nonce of 96 bits and a tag of 128 (NIST SP 800-38D). */
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_LENGTH = 16;

/**
 * Keeps secrets encrypted at rest with one key. `context` says what the secret is and whose: it is authenticated with
 * it, so that a row moved to another account does not open.
 */
export interface Sealer {
  /** Names the key without telling anything of it; stands beside what it sealed. */
  readonly keyId: string;
  seal(secret: string, context: string): string;
  /** Null when it was sealed by another key, for another context, or was changed. */
  open(sealed: string, context: string): string | null;
  /** A signature of text that goes out and comes back. */
  sign(text: string): string;
  verify(text: string, signature: string): boolean;
}

/** `key`: 32 random bytes. */
export function createSealer(key: Buffer): Sealer {
  const derived = (purpose: string) => createHmac('sha256', key).update(purpose).digest();
  const [sealing, signing] = [derived('sauda/seal/1'), derived('sauda/sign/1')];
  const sign = (text: string) => createHmac('sha256', signing).update(text).digest('base64url');
  return {
    keyId: createHash('sha256').update(derived('sauda/key-id/1')).digest('hex').slice(0, KEY_ID_LENGTH),
    seal: (secret, context) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, sealing, nonce);
      cipher.setAAD(Buffer.from(context));
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url');
    },
    open: (sealed, context) => {
      const bytes = Buffer.from(sealed, 'base64url');
      if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv(CIPHER, sealing, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(context));
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      try {
        const text = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
        return Buffer.concat([text, decipher.final()]).toString('utf8');
      } catch {
        return null;
      }
    },
    sign,
    verify: (text, signature) => {
      const [given, expected] = [Buffer.from(signature), Buffer.from(sign(text))];
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
}
