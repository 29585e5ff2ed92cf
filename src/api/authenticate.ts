import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../time/clock.ts';
import type { Log } from '../services/context.ts';
import { type TokenHolder, findToken, touchToken } from '../services/read-token.ts';
import type { Database } from '../db/client.ts';
import { ApiProblem } from './problem.ts';
import type { Principal } from './principal.ts';

/** How long a text is believed to be no token; one that is made later is another text. */
const CACHE_MS = 5000;
/** Texts kept; strangers may send any number of different ones. */
const CACHE_AT_MOST = 1000;
/** Failed attempts are told together, in one log line and one journal entry per this time. */
const FAILURES_TOLD_MS = 60_000;
/** When and from where a token was used is written this often at most. */
const TOUCH_MS = 60_000;
const MAX_TOKEN_LENGTH = 512;

const BEARER = /^bearer +([\x21-\x7e]+)$/i;

const ADMIN: Principal = { id: 'admin', name: 'admin', role: 'admin', accountId: null, strategyId: null };

export interface AuthenticatorOptions {
  readonly adminToken: string;
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** Keeps the count of failed attempts for the audit. */
  readonly recordFailures: (failures: number) => Promise<void>;
}

/**
 * Says whose request it is; throws the one UNAUTHENTICATED problem, the same for a missing and a wrong token, and for one
 * that may not be used from the address. Tokens are looked up at every request: a revoked one is refused at once.
 */
export type Authenticator = (authorization: string | undefined, address: string | null) => Promise<Principal>;

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { adminToken, db, clock, log } = options;
  const adminHash = sha256(adminToken);
  const unknown = new Map<string, number>();
  const touched = new Map<string, number>();
  const failed = createFailureCounter(options);

  const lookUp = async (hash: string, address: string | null): Promise<TokenHolder | null> => {
    if ((unknown.get(hash) ?? -Infinity) > clock.monotonicMs()) return null;
    const found = await findToken(db, hash, address);
    if (found === 'ELSEWHERE') {
      log.warn({ ip: address }, 'a token was used from an address that it is not for');
      return null;
    }
    if (found === null) {
      if (unknown.size >= CACHE_AT_MOST) unknown.clear();
      unknown.set(hash, clock.monotonicMs() + CACHE_MS);
    } else touch(found.id, address);
    return found;
  };
  /** Nobody waits for it, and nothing depends on it. */
  const touch = (id: string, address: string | null): void => {
    const nowMs = clock.monotonicMs();
    if ((touched.get(id) ?? -Infinity) > nowMs - TOUCH_MS) return;
    if (touched.size >= CACHE_AT_MOST) touched.clear();
    touched.set(id, nowMs);
    touchToken(db, id, address).catch((error: unknown) => {
      log.warn({ err: error }, 'the last use of a token could not be noted');
    });
  };

  return async (authorization, address) => {
    const token = BEARER.exec(authorization ?? '')?.[1] ?? '';
    const hash = sha256(token);
    // Digests have one length, so the comparison tells nothing of the token.
    if (timingSafeEqual(hash, adminHash)) return ADMIN;
    const isPlausible = token !== '' && token.length <= MAX_TOKEN_LENGTH;
    const principal = isPlausible ? await lookUp(hash.toString('hex'), address) : null;
    if (principal !== null) return principal;
    failed();
    throw new ApiProblem('UNAUTHENTICATED', { headers: { 'www-authenticate': 'Bearer realm="sauda"' } });
  };
}

/** Counts failures and tells them together: a stranger must fill neither the log nor the journal. */
function createFailureCounter({ clock, log, recordFailures }: AuthenticatorOptions): () => void {
  let failures = 0;
  let toldMs = -Infinity;
  return () => {
    failures += 1;
    const nowMs = clock.monotonicMs();
    if (nowMs - toldMs < FAILURES_TOLD_MS) return;
    log.warn({ failures }, 'requests without a valid token were refused');
    recordFailures(failures).catch((error: unknown) =>
      log.error({ err: error, failures }, 'refused requests could not be recorded'),
    );
    toldMs = nowMs;
    failures = 0;
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
