import { createHash } from 'node:crypto';
import { assert } from '../lib/assert.ts';

/** Kite takes at most 20 characters and refuses longer tags; letters and digits only is safe (kite.md section 3.4). */
export const TAG_LENGTH = 20;

/** Any attempt beyond this is a loop of ours, not a retry. */
export const MAX_ATTEMPT = 1_000_000;

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ALPHABET = `${LETTERS}0123456789`;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The broker tag of one attempt to place an order: 20 letters and digits, a letter first (a sheet or a parser never
 * takes it for a number), the same for the same attempt for ever. It carries 118 bits of the sha256 of
 * "orderId:attempt", so two attempts never share a tag in practice; the database's unique key has the last word.
 * `orderId` is a lower-case UUID, `attempt` counts from 1. Throws InvariantError otherwise.
 */
export function attemptTag(orderId: string, attempt: number): string {
  assert(UUID.test(orderId), `"${orderId.slice(0, 40)}" is not a lower-case UUID`);
  assert(
    Number.isSafeInteger(attempt) && attempt >= 1 && attempt <= MAX_ATTEMPT,
    `attempt ${attempt} is not between 1 and ${MAX_ATTEMPT}`,
  );
  let rest = BigInt(`0x${createHash('sha256').update(`${orderId}:${attempt}`).digest('hex')}`);
  let tag = '';
  for (let place = 0; place < TAG_LENGTH; place += 1) {
    const alphabet = place === 0 ? LETTERS : ALPHABET;
    const base = BigInt(alphabet.length);
    tag += alphabet.charAt(Number(rest % base));
    rest /= base;
  }
  return tag;
}
