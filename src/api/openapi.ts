import { type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Endpoint } from './endpoint.ts';
import { bodySchemaOf } from './mount.ts';
import { PROBLEMS } from './problem.ts';
import { orderSchema } from './schemas/order.ts';
import { signalBody } from './signal-body.ts';

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().openapi({ enum: Object.keys(PROBLEMS) }),
    errors: z.array(z.object({ pointer: z.string(), code: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem');

const PROBLEM_RESPONSE = {
  default: {
    description: 'A problem (RFC 9457).',
    content: { 'application/problem+json': { schema: problemSchema } },
  },
};

type Registry = OpenAPIHono['openAPIRegistry'];
type Responses = Parameters<Registry['registerPath']>[0]['responses'];

/** Puts every endpoint into the document of the app. */
export function describeEndpoints(registry: Registry, endpoints: readonly Endpoint[]): void {
  registry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  registry.registerComponent('securitySchemes', 'session', {
    ...{ type: 'apiKey', in: 'cookie', name: '__Host-sauda' },
    description: 'Of a browser that logged in at /login; it writes from pages of this server alone.',
  });
  for (const endpoint of endpoints) {
    registry.registerPath({
      method: endpoint.method,
      path: endpoint.path,
      // What the address is about: "orders" of /v1/orders/{id}.
      tags: [endpoint.path.split('/')[2] ?? ''],
      summary: endpoint.summary,
      description: `Needs the role ${endpoint.role}.`,
      security: [{ bearer: [] }, { session: [] }],
      request: {
        ...(endpoint.params === undefined ? {} : { params: endpoint.params }),
        query: endpoint.query,
        ...headersOf(endpoint),
        ...bodyOf(endpoint),
      },
      responses: responsesOf(endpoint),
    });
  }
}

const partState = z.object({
  name: z.string(),
  status: z.enum(['ok', 'degraded', 'down']),
  required: z.boolean(),
  detail: z.string().optional(),
});
const readiness = z
  .object({ status: z.enum(['ok', 'degraded', 'unavailable']), parts: z.array(partState) })
  .openapi('Readiness');
const jsonOf = (description: string, schema: z.ZodType) => ({
  description,
  content: { 'application/json': { schema } },
});

/** What runs the service asks without a token; /metrics takes a viewer's where the server listens to the network. */
export function describeHealth(registry: Registry): void {
  const about = { method: 'get' as const, tags: ['health'], security: [] };
  const alive = jsonOf('It runs.', z.object({ status: z.literal('ok') }));
  const build = z.object({ name: z.string(), version: z.string(), node: z.string() });
  registry.registerPath({ ...about, path: '/livez', summary: 'Whether it runs', responses: { 200: alive } });
  registry.registerPath({
    ...{ ...about, path: '/readyz', summary: 'What each part can do now' },
    responses: { 200: jsonOf('Orders are taken.', readiness), 503: jsonOf('They are not.', readiness) },
  });
  registry.registerPath({
    ...{ ...about, path: '/version', summary: 'Which build it is' },
    responses: { 200: jsonOf('The build.', build) },
  });
  registry.registerPath({
    ...{ ...about, path: '/metrics', summary: 'Figures for Prometheus' },
    responses: { 200: { description: 'Text.', content: { 'text/plain': { schema: z.string() } } } },
  });
}

/** The broker's login and its postbacks, where there is a broker to log in to. */
export function describeBrokerLogin(registry: Registry): void {
  const about = { tags: ['broker'] };
  const problem = PROBLEM_RESPONSE.default;
  const begun = z.object({ url: z.string(), accountId: z.string(), expiresInMs: z.int() });
  registry.registerPath({
    ...{ ...about, method: 'get', path: '/kite/login', summary: "Begin the broker's daily login" },
    description: 'Needs the role operator.',
    security: [{ bearer: [] }, { session: [] }],
    request: { query: z.object({ accountId: z.string().optional() }) },
    responses: {
      200: jsonOf('The page of the broker to open, for programs.', begun),
      302: { description: 'The same, for browsers.' },
      default: problem,
    },
  });
  registry.registerPath({
    ...{
      ...about,
      method: 'get',
      path: '/kite/callback',
      summary: 'Where the broker sends the browser back to',
    },
    security: [],
    request: {
      query: z.object({ request_token: z.string(), status: z.string(), state: z.string() }),
    },
    responses: { 200: { description: 'Logged in.' }, default: problem },
  });
  const postback = z.looseObject({
    order_id: z.string(),
    order_timestamp: z.string(),
    checksum: z.string(),
    user_id: z.string(),
  });
  registry.registerPath({
    ...{
      ...about,
      method: 'post',
      path: '/kite/postback',
      summary: 'A hint of the broker to read its book again',
    },
    security: [],
    request: { body: { required: true, content: { 'application/json': { schema: postback } } } },
    responses: { 200: jsonOf('Taken.', z.object({})), default: problem },
  });
}

/** Where charting services post alerts: its address is its secret. */
export function describeSignalHook(registry: Registry): void {
  const taken = z.object({ order: orderSchema.nullable() }).openapi('SignalTaken');
  registry.registerPath({
    method: 'post',
    path: '/hooks/tradingview/{token}',
    tags: ['hooks'],
    summary: 'Take an alert of a charting service',
    description: "OpenAlgo's names, with timenow; JSON, also as text/plain. Hooks are made at /v1/hooks.",
    security: [],
    request: {
      params: z.object({ token: z.string() }),
      body: { required: true, content: { 'application/json': { schema: signalBody } } },
    },
    responses: {
      ...PROBLEM_RESPONSE,
      200: jsonOf('Taken before, or there is nothing to order.', taken),
      202: jsonOf('Taken: the order is stored, and on its way through the checks.', taken),
    },
  });
}

/** The OpenAPI 3.1 document. */
export function openApiDocument(app: OpenAPIHono, version: string): object {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Sauda',
      version,
      description:
        'Order management for Indian algorithmic traders. Money is a decimal string; errors are RFC 9457.',
    },
  });
}

function headersOf({ headers }: Endpoint): { headers?: z.ZodObject } {
  if (headers === undefined) return {};
  const fields = Object.entries(headers).map(([name, description]) => [
    name,
    z.string().optional().openapi({ description }),
  ]);
  return { headers: z.object(Object.fromEntries(fields) as Record<string, z.ZodOptional<z.ZodString>>) };
}

function bodyOf(endpoint: Endpoint): {
  body?: { required: boolean; content: { 'application/json': { schema: z.ZodType } } };
} {
  const schema = bodySchemaOf(endpoint);
  if (schema === null) return {};
  const required = !schema.safeParse({}).success;
  return { body: { required, content: { 'application/json': { schema } } } };
}

function responsesOf({ answers }: Endpoint): Responses {
  const responses: Responses = { ...PROBLEM_RESPONSE };
  for (const [status, { description, schema, contentType = 'application/json' }] of Object.entries(answers)) {
    responses[status] = {
      description,
      ...(schema === undefined ? {} : { content: { [contentType]: { schema } } }),
    };
  }
  return responses;
}
