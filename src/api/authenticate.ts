import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../time/clock.ts';
import type { Log } from '../services/context.ts';
import { type TokenHolder, findSession, findToken, touchToken } from '../services/read-token.ts';
import type { Database } from '../db/client.ts';
import { requireSameOrigin, sessionSecretOf } from './browser-session.ts';
import type { Credentials } from './connection.ts';
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
  /** Counts a failed attempt of an address; throws RATE_LIMITED when they are too many. Valid tokens never meet it. */
  readonly limitFailures: (address: string | null) => void;
}

/**
 * Says whose request it is; throws the one UNAUTHENTICATED problem, the same for a missing and a wrong token, and for one
 * that may not be used from the address. Tokens and sessions are looked up at every request: what was revoked is
 * refused at once.
 */
export interface Authenticator {
  /** By the Authorization header; without one by a browser's cookie, which writes only from pages of this server. */
  request(of: Credentials): Promise<Principal>;
  /** By the text of a token, as a person typed it. */
  token(token: string, address: string | null): Promise<Authenticated>;
}

export interface Authenticated {
  readonly principal: Principal;
  /** Hex sha256 of the token. */
  readonly tokenHash: string;
}

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

  const refuse = (address: string | null): never => {
    failed();
    options.limitFailures(address);
    throw new ApiProblem('UNAUTHENTICATED', { headers: { 'www-authenticate': 'Bearer realm="sauda"' } });
  };
  const byToken = async (token: string, address: string | null): Promise<Authenticated> => {
    const hash = sha256(token);
    const tokenHash = hash.toString('hex');
    // Digests have one length, so the comparison tells nothing of the token.
    if (timingSafeEqual(hash, adminHash)) return { principal: ADMIN, tokenHash };
    const isPlausible = token !== '' && token.length <= MAX_TOKEN_LENGTH;
    const principal = isPlausible ? await lookUp(tokenHash, address) : null;
    return principal === null ? refuse(address) : { principal, tokenHash };
  };
  /** A session is its token's: of an ADMIN_TOKEN that was changed, or a token that was revoked, nothing is left. */
  const bySession = async (secret: string, address: string | null): Promise<Principal> => {
    const session = await findSession(db, secret, address);
    if (session === null || !session.mayUse) return refuse(address);
    if (session.holder !== null) {
      touch(session.holder.id, address);
      return session.holder;
    }
    const isAdmin = timingSafeEqual(Buffer.from(session.tokenHash, 'hex'), adminHash);
    return isAdmin ? ADMIN : refuse(address);
  };

  return {
    token: byToken,
    request: async (of) => {
      const authorization = of.header('authorization');
      const secret = authorization === undefined ? sessionSecretOf(of) : null;
      if (secret === null) {
        return (await byToken(BEARER.exec(authorization ?? '')?.[1] ?? '', of.address)).principal;
      }
      const principal = await bySession(secret, of.address);
      requireSameOrigin(of);
      return principal;
    },
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
