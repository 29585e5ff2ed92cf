import { createHash, randomBytes } from 'node:crypto';
import { insertWebSession } from '../db/stores/web-session-store.ts';
import { SYSTEM_ACCOUNT } from '../domain/ids.ts';
import type { Context } from './context.ts';

/** 256 bits, like a token. */
const SECRET_BYTES = 32;
/** A working day: whoever still sits there tomorrow logs in again. */
export const WEB_SESSION_MS = 12 * 3_600_000;

export interface OpenWebSession {
  readonly actor: string;
  /** Hex sha256 of the token: the session ends when it does. */
  readonly tokenHash: string;
  readonly address: string | null;
}

/**
 * Opens the session of a browser that showed a valid token. What its cookie holds is in the answer and nowhere else:
 * only its sha256 is stored. The entry comes first, so that there is no session of which the journal does not know.
 */
export async function openWebSession(
  context: Pick<Context, 'withAccount' | 'newId' | 'db'>,
  { actor, tokenHash, address }: OpenWebSession,
): Promise<{ readonly secret: string }> {
  const id = context.newId();
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  await context.withAccount({
    accountId: SYSTEM_ACCOUNT,
    actor,
    needs: {},
    run: (view) => view.note('WebSessionOpened', id, { lifeMs: WEB_SESSION_MS }),
  });
  const cookieHash = webSessionHash(secret);
  await insertWebSession(context.db, { id, cookieHash, tokenHash, address, lifeMs: WEB_SESSION_MS });
  return { secret };
}

/** What is stored of a cookie. */
export function webSessionHash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
