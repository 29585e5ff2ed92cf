import type { OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context as HonoContext } from 'hono';
import { requireScope } from './access.ts';
import type { Authenticator } from './authenticate.ts';
import { credentialsOf, originOf, socketOf } from './connection.ts';
import type { Call, Endpoint, Ports } from './endpoint.ts';
import { fieldProblems } from './field-problems.ts';
import { accountBody } from './fields.ts';
import { type Principal, hasRole } from './principal.ts';
import { ApiProblem, fieldProblem, problemResponse } from './problem.ts';
import { parseQuery } from './query.ts';
import type { RateLimits } from './rate-limit.ts';
import { readJsonBody } from './request-body.ts';

export interface MountOptions {
  readonly ports: Ports;
  readonly authenticate: Authenticator;
  readonly limits: RateLimits;
}

/** Serves each endpoint, and answers every other method of its path with 405. */
export function mountEndpoints(
  app: OpenAPIHono,
  endpoints: readonly Endpoint[],
  options: MountOptions,
): void {
  for (const endpoint of endpoints) {
    app.on(endpoint.method.toUpperCase(), honoPath(endpoint.path), (c) => serve(c, endpoint, options));
  }
  for (const path of new Set(endpoints.map((endpoint) => endpoint.path))) {
    refuseOtherMethods(
      app,
      honoPath(path),
      endpoints.filter((endpoint) => endpoint.path === path).map(({ method }) => method.toUpperCase()),
    );
  }
}

/** Registered after the methods that are served. */
export function refuseOtherMethods(app: OpenAPIHono, path: string, methods: readonly string[]): void {
  const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].join(', ');
  app.all(path, () =>
    problemResponse('METHOD_NOT_ALLOWED', { detail: `Allowed: ${allow}.`, headers: { allow } }),
  );
}

/** Token, rate, role, path, query, body: in this order, so that strangers learn nothing and bodies are read last. */
async function serve(c: HonoContext, endpoint: Endpoint, options: MountOptions): Promise<Response> {
  const principal = await authenticated(c, options);
  options.limits.principal(c, principal);
  requireRole(principal, endpoint);
  requireScope(principal, endpoint.concerns);
  const params = parseParams(c.req.param(), endpoint.params);
  const query = parseQuery(c.req.url, endpoint.query, endpoint.repeatable ?? []);
  const schema = bodySchemaOf(endpoint);
  const body = schema === null ? undefined : await readBody(c.req.raw, schema);
  const namedAccount = accountNamed(query, body);
  const call: Call<Record<string, unknown>, unknown, Record<string, unknown>> = {
    ...options.ports,
    context:
      endpoint.method === 'get' ? options.ports.context : originOf(c, options.ports.context, principal),
    principal,
    query,
    body,
    params,
    account: () => options.ports.accountOf(principal, namedAccount),
    namedAccount,
    header: (name) => c.req.header(name),
    signal: c.req.raw.signal,
    isStillAllowed: () => isStillAllowed(c, endpoint, options),
    hangUp: () => socketOf(c)?.destroy(),
  };
  const answer = await endpoint.handle(call);
  if (answer.stream !== undefined) {
    const stream = c.req.method === 'HEAD' ? null : answer.stream();
    return new Response(stream, { status: answer.status, ...headersOf(answer.headers) });
  }
  if (answer.body === undefined)
    return new Response(null, { status: answer.status, ...headersOf(answer.headers) });
  return new Response(JSON.stringify(answer.body), {
    status: answer.status,
    ...headersOf({ 'content-type': 'application/json', ...answer.headers }),
  });
}

/** A database that does not answer takes nobody's right away. */
async function isStillAllowed(c: HonoContext, endpoint: Endpoint, options: MountOptions): Promise<boolean> {
  try {
    return hasRole(await authenticated(c, options), endpoint.role);
  } catch (error) {
    return !(error instanceof ApiProblem);
  }
}

function authenticated(c: HonoContext, { authenticate }: MountOptions): Promise<Principal> {
  return authenticate.request(credentialsOf(c));
}

function headersOf(headers: Readonly<Record<string, string>> | undefined): {
  headers?: Record<string, string>;
} {
  return headers === undefined ? {} : { headers: { ...headers } };
}

function requireRole(principal: Principal, endpoint: Endpoint): void {
  if (hasRole(principal, endpoint.role)) return;
  throw new ApiProblem('FORBIDDEN', {
    detail: `This needs the role ${endpoint.role}; the token has ${principal.role}.`,
  });
}

/** What a request may bring; null: nothing of it is read. */
export function bodySchemaOf({ method, body }: Endpoint): z.ZodType | null {
  return body ?? (method === 'get' ? null : accountBody);
}

/** An address that holds something impossible is 400; one that names what does not exist, an exchange say, is 404. */
function parseParams(
  given: Record<string, string>,
  schema: z.ZodObject | undefined,
): Record<string, unknown> {
  if (schema === undefined) return {};
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const errors = fieldProblems(issues, given);
  const isUnknown = issues.every(({ code }) => code === 'invalid_value');
  throw isUnknown ? new ApiProblem('NOT_FOUND') : new ApiProblem('INVALID_ID', { errors });
}

/** The account may stand in the query or in the body; in both it has to be the same. */
function accountNamed(query: unknown, body: unknown): string | null {
  const [asked, told] = [query, body].map((part) => {
    const named: unknown = Reflect.get(Object(part) as object, 'accountId');
    return typeof named === 'string' ? named : null;
  });
  if (asked != null && told != null && asked !== told) {
    const errors = [fieldProblem('/accountId', 'MISMATCH', 'differs from the accountId of the query')];
    throw new ApiProblem('INVALID_BODY', { errors });
  }
  return asked ?? told ?? null;
}

/** No body at all is an empty one, where every field may be left out. */
async function readBody(request: Request, schema: z.ZodType): Promise<unknown> {
  const empty = schema.safeParse({});
  const json = await readJsonBody(request, { mayBeLeftOut: empty.success });
  return json === undefined && empty.success ? empty.data : parseBody(json, schema);
}

function parseBody(json: unknown, schema: z.ZodType): unknown {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new ApiProblem('INVALID_BODY', { errors: fieldProblems(parsed.error.issues, json) });
}

function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}
