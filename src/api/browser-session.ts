import type { Credentials } from './connection.ts';
import { ApiProblem } from './problem.ts';

/**
 * The cookie of a browser's session and where its requests may come from. `__Host-` binds it to this host and to
 * transport that browsers trust (TLS, or this machine itself); SameSite=Strict keeps other sites from sending it, and
 * since another port of this machine is no other site for that, the page a request comes from is checked as well.
 */
const COOKIE = '__Host-sauda';
const SECRET = /^[A-Za-z0-9_-]{43}$/;
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** The secret of the session that the request names; null: it names none. */
export function sessionSecretOf({ header }: Pick<Credentials, 'header'>): string | null {
  for (const part of (header('cookie') ?? '').split(';')) {
    const [name = '', value = ''] = part.trim().split('=');
    if (name === COOKIE && SECRET.test(value)) return value;
  }
  return null;
}

/** Set-Cookie of a session that lives so long. */
export function sessionCookie(secret: string, lifeMs: number): string {
  return `${COOKIE}=${secret}; Path=/; Max-Age=${Math.floor(lifeMs / 1000)}; Secure; HttpOnly; SameSite=Strict`;
}

/** Set-Cookie that takes it away. */
export function noSessionCookie(): string {
  return `${COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict`;
}

/**
 * Throws CROSS_SITE unless the request comes from a page of this server. Browsers say so in Origin or Sec-Fetch-Site;
 * a write on which neither stands is refused, and so is a WebSocket of another page, which has its Origin.
 */
export function requireSameOrigin({ method, header }: Pick<Credentials, 'method' | 'header'>): void {
  const origin = header('origin');
  const site = header('sec-fetch-site');
  if (origin !== undefined && !isOwnOrigin(origin, header('host'))) throw new ApiProblem('CROSS_SITE');
  if (SAFE_METHODS.has(method)) return;
  if (site !== undefined && site !== 'same-origin') throw new ApiProblem('CROSS_SITE');
  if (origin === undefined && site === undefined) throw new ApiProblem('CROSS_SITE');
}

/** Hosts with their ports are compared, not schemes: TLS may end before us. */
function isOwnOrigin(origin: string, host: string | undefined): boolean {
  return host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}
