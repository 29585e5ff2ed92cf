import type { z } from '@hono/zod-openapi';
import type { Context } from '../services/context.ts';
import type { QueueDesk } from '../services/read-queues.ts';
import type { Clock } from '../time/clock.ts';
import type { AccountOf } from './access.ts';
import type { EventFeed } from './event-feed.ts';
import type { OrderWait } from './order-waiter.ts';
import type { Principal, Role, Scope } from './principal.ts';

/**
 * One call of the API as data: mount.ts serves it, checks role, query and body by it, and describes it in
 * /openapi.json. A new call is one file with its endpoints and one row in endpoints.ts.
 */
export interface Endpoint<
  Query extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType = z.ZodType,
  Params extends z.ZodObject = z.ZodObject,
> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With parameters in braces: "/v1/orders/{id}". */
  readonly path: string;
  /** What the parameters of the path may be; each one is named here, which a test sees to. */
  readonly params?: Params;
  readonly role: Role;
  /**
   * What it decides about, where that is more than one strategy's own: a token bound to a strategy may not decide for
   * the account, nor one bound to an account for the installation. Left out: the handler looks at the binding itself.
   */
  readonly concerns?: Scope;
  readonly summary: string;
  readonly query: Query;
  /** Names of query parameters that may be given more than once. */
  readonly repeatable?: readonly string[];
  /** Left out of a call that changes something: a body may name the account and nothing else. */
  readonly body?: Body;
  /** Request headers it looks at, with what they mean. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly answers: Readonly<
    Record<
      number,
      { readonly description: string; readonly schema?: z.ZodType; readonly contentType?: string }
    >
  >;
  readonly handle: (call: Call<z.output<Query>, z.output<Body>, z.output<Params>>) => Promise<Answer>;
}

/** What handlers share: the services' context and the parts of the API they need. */
export interface Ports {
  readonly context: Context;
  readonly clock: Clock;
  readonly accountOf: AccountOf;
  readonly waitForOrder: OrderWait;
  readonly events: EventFeed;
  readonly queues: QueueDesk;
  /** Whether users bring their own prices. */
  readonly allowPricePush: boolean;
}

/** One request: everything was parsed and the role was checked. */
export interface Call<Query, Body, Params = unknown> extends Ports {
  readonly principal: Principal;
  readonly query: Query;
  readonly body: Body;
  /** Parameters of the path, decoded. */
  readonly params: Params;
  /** The account it is about: the one that the query or the body names, else the token's, else the only one. */
  readonly account: () => Promise<string>;
  /** The account that the query or the body names; null: neither does. */
  readonly namedAccount: string | null;
  readonly header: (name: string) => string | undefined;
  /** Aborted when the client hangs up. */
  readonly signal: AbortSignal;
  /** For answers that last: whether the same token would still be let in. */
  readonly isStillAllowed: () => Promise<boolean>;
  /** Ends the connection at once. */
  readonly hangUp: () => void;
}

export interface Answer {
  readonly status: number;
  /** JSON; left out with 204. */
  readonly body?: unknown;
  /** In place of a body: made when it is known that somebody reads it. */
  readonly stream?: () => ReadableStream<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Infers the types of one endpoint and forgets them: a list holds many. */
export function endpoint<Query extends z.ZodObject, Body extends z.ZodType, Params extends z.ZodObject>(
  of: Endpoint<Query, Body, Params>,
): Endpoint {
  return of;
}
