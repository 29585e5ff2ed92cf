import { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Context as HonoContext } from 'hono';
import type { Context } from '../services/context.ts';
import type { Principal } from './principal.ts';

/** The connection of a request; there is none in tests that call the app itself. */
export function socketOf(c: HonoContext): IncomingMessage['socket'] | null {
  const incoming: unknown = Reflect.get(Object(c.env) as object, 'incoming');
  return incoming instanceof IncomingMessage ? incoming.socket : null;
}

/** The address at the other end of the connection. What headers say of it (X-Forwarded-For) is the sender's text. */
export function addressOf(c: HonoContext): string | null {
  const [address = ''] = (socketOf(c)?.remoteAddress ?? '').replace(/^::ffff:/i, '').split('%');
  return isIP(address) === 0 ? null : address;
}

/** What says who sent a request. */
export interface Credentials {
  readonly method: string;
  readonly address: string | null;
  readonly header: (name: string) => string | undefined;
}

export function credentialsOf(c: HonoContext): Credentials {
  return { method: c.req.method, address: addressOf(c), header: (name) => c.req.header(name) };
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
const requestIds = new WeakMap<HonoContext, string>();

/** What a request is called in answers, logs and the journal: the caller's own X-Request-Id where it is plain. */
export function requestIdOf(c: HonoContext, newId: () => string): string {
  const known = requestIds.get(c);
  if (known !== undefined) return known;
  const given = c.req.header('x-request-id') ?? '';
  const id = REQUEST_ID.test(given) ? given : newId();
  requestIds.set(c, id);
  return id;
}

/** The context of one request: every journal entry that it causes says from where it came. */
export function originOf(c: HonoContext, context: Context, { id: tokenId }: Pick<Principal, 'id'>): Context {
  const origin = { tokenId, ip: addressOf(c), requestId: requestIdOf(c, context.newId) };
  return { ...context, withAccount: (work) => context.withAccount({ ...work, origin }) };
}
