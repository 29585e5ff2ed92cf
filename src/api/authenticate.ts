import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../time/clock.ts';
import type { Log } from '../services/context.ts';
import { findToken } from '../services/read-token.ts';
import type { Database } from '../db/client.ts';
import { ApiProblem } from './problem.ts';
import type { Principal } from './principal.ts';

/** A revoked token works at most this much longer. */
const CACHE_MS = 5000;
/** Known and unknown tokens kept; strangers may send any number of different ones. */
const CACHE_AT_MOST = 1000;
/** Failed attempts are told together, in one log line and one journal entry per this time. */
const FAILURES_TOLD_MS = 60_000;
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

/** Says whose request it is; throws the one UNAUTHENTICATED problem, the same for a missing and a wrong token. */
export type Authenticator = (authorization: string | undefined) => Promise<Principal>;

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { adminToken, db, clock } = options;
  const adminHash = sha256(adminToken);
  const cache = new Map<string, { readonly principal: Principal | null; readonly untilMs: number }>();
  const failed = createFailureCounter(options);

  const lookUp = async (hash: string): Promise<Principal | null> => {
    const cached = cache.get(hash);
    if (cached !== undefined && cached.untilMs > clock.monotonicMs()) return cached.principal;
    const principal = await findToken(db, hash);
    if (cache.size >= CACHE_AT_MOST) cache.clear();
    cache.set(hash, { principal, untilMs: clock.monotonicMs() + CACHE_MS });
    return principal;
  };

  return async (authorization) => {
    const token = BEARER.exec(authorization ?? '')?.[1] ?? '';
    const hash = sha256(token);
    // Digests have one length, so the comparison tells nothing of the token.
    if (timingSafeEqual(hash, adminHash)) return ADMIN;
    const isPlausible = token !== '' && token.length <= MAX_TOKEN_LENGTH;
    const principal = isPlausible ? await lookUp(hash.toString('hex')) : null;
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
