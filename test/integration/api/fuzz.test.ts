/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment,
   @typescript-eslint/no-unsafe-argument -- answers are JSON, looked into freely */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeCursor } from '../../../src/api/cursor.ts';
import { ENDPOINTS } from '../../../src/api/endpoints.ts';
import { fill, placeAtBroker } from './fills.ts';
import { type Answer, type ApiFixture, goodOrder, startApiFixture } from './support.ts';

/**
 * Requests made from the served OpenAPI document, good in most parts and odd in some: no answer is 5xx, each is what
 * the document says, and one that refuses has left everything as it was. SEED=n repeats a run.
 */

const SEED = Number(process.env['SEED'] ?? 7_2026);
const RUNS_PER_OPERATION = 25;
/** Of one operation; a slow machine makes fewer requests, not a failure. */
const TIME_LIMIT_MS = 2000;

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly example?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}
interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly schema: Schema;
}
/** An operation as the document has it. */
interface Described {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: Schema } } };
}
interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: Schema | null;
}

let api: ApiFixture;
let schemas: Readonly<Record<string, Schema>>;
let operations: Operation[];
/** Values that exist, by the name of the field: so that requests get past the first check. */
let known: Readonly<Record<string, readonly unknown[]>>;

beforeAll(async () => {
  api = await startApiFixture();
  const { json } = await api.send('GET', '/openapi.json', { token: null });
  schemas = json.components.schemas;
  operations = Object.entries<Record<string, Described>>(json.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      parameters: operation.parameters ?? [],
      body: operation.requestBody?.content['application/json'].schema ?? null,
    })),
  );
  const held = await placeAtBroker(api);
  await fill(api, held, 10, '2450');
  const waiting = (await api.send('POST', '/v1/orders', { body: goodOrder({ strategyId: 'alpha' }) })).json
    .id;
  known = {
    ...{
      accountId: ['main'],
      exchange: ['NSE'],
      symbol: ['RELIANCE', 'INFY', 'M&M'],
      product: ['MIS', 'CNC'],
    },
    ...{ id: [held, waiting, 'alpha'], orderId: [held], strategyId: ['alpha'], name: ['submit', 'desk'] },
    ...{ price: ['2450.00', 2450], stopLoss: ['2440.00'], takeProfit: ['2480.00'], quantity: [1, 10] },
    ...{ reason: ['a fuzz run'], n: ['0'], timeoutMs: ['0', '3'], limits: [{ MAX_POSITIONS: '4' }] },
    ...{
      prices: [{ 'NSE:RELIANCE': '2450.00' }],
      capital: ['1000'],
      instruments: [['NSE:INFY']],
      role: ['viewer'],
      allowedFrom: [['::1']],
    },
  };
});
afterAll(() => api.close());

const LONG = 'x'.repeat(5000);
const TEXTS = [
  ...[
    '',
    ' ',
    'x',
    '0',
    '-1',
    '1e3',
    '1.5',
    'NaN',
    'null',
    'true',
    '[]',
    '{}',
    '\u0000',
    'a\u0000b',
    '\n',
    '\u202e',
  ],
  ...[
    "' or 1=1 --",
    '<b>',
    '../../etc/passwd',
    '%00',
    '%',
    'ＩＮＦＹ',
    '💥',
    '\u2028',
    '99999999999999999999',
    LONG,
  ],
  ...['0000-01-01', '9999-12-31', '2026-02-30', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59Z', '2026-01-01'],
  ...['01234567-89ab-7def-8123-456789abcdef', '__proto__', 'constructor', 'system', 'main', '10.0.0.0/8'],
];
const ODD: readonly unknown[] = [
  ...[null, true, false, 0, -0, -1, 1.5, 1e21, 2_147_483_648, 9_007_199_254_740_991, -2_147_483_649, 5e-324],
  ...[[], {}, [null], [[]], { a: 1 }, { 'NSE:RELIANCE': -1 }, { 'NSE:RELIANCE': '99999999999999' }],
  ...['99999999999999', '99999999999999.9999', '-0.0001', '0', '10000001'],
];
const oddText = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: 'binary', maxLength: 30 }));
const odd = fc.oneof(fc.constantFrom(...ODD), oddText, fc.jsonValue({ maxDepth: 2 }));
const forged = fc
  .array(fc.oneof(fc.constantFrom(...TEXTS), fc.constant('2026-01-01T00:00:00.000Z')), { maxLength: 4 })
  .map(encodeCursor);

function resolved(schema: Schema): Schema {
  if (schema.$ref !== undefined) return resolved(schemas[schema.$ref.split('/').at(-1)!]!);
  return schema.allOf?.[0] === undefined ? schema : resolved(schema.allOf[0]);
}

/** A value that the document allows, as well as it says what it allows. */
function fair(given: Schema, name: string): fc.Arbitrary<unknown> {
  const exists = known[name];
  if (exists !== undefined) return fc.constantFrom(...exists);
  const schema = resolved(given);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((one) => fair(one, '')));
  if (schema.example !== undefined) return fc.constant(schema.example);
  const types = [schema.type ?? 'string'].flat();
  switch (types[0]) {
    case 'object':
      return schema.properties === undefined ? fc.constant({ a: '1' }) : bodyOf(schema, fair);
    case 'array':
      return fc.array(fair(schema.items ?? {}, ''), { maxLength: 2 });
    case 'boolean':
      return fc.boolean();
    case 'integer':
    case 'number': {
      const min = Math.max(schema.minimum ?? 0, 0);
      return fc.integer({ min, max: Math.max(min, Math.min(schema.maximum ?? 100, 100)) });
    }
    case undefined:
    default:
      if (schema.format === 'date') return fc.constant('2026-11-23');
      if (schema.format === 'date-time') return fc.constant('2026-11-23T09:15:00+05:30');
      return fc.constantFrom('one', 'two');
  }
}

/** Mostly fair: one odd part at a time gets further than many. */
const mostlyFair = (schema: Schema, name: string): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 9, arbitrary: fair(schema, name) }, { weight: 2, arbitrary: odd });

function bodyOf(
  schema: Schema,
  member: (schema: Schema, name: string) => fc.Arbitrary<unknown>,
): fc.Arbitrary<Record<string, unknown>> {
  const members = Object.entries(schema.properties ?? {});
  const model = Object.fromEntries(members.map(([name, one]) => [name, member(one, name)]));
  return fc.record(model, { requiredKeys: [...(schema.required ?? [])] });
}

function bodiesOf(given: Schema): fc.Arbitrary<unknown> {
  const schema = resolved(given);
  return fc.oneof(
    { weight: 8, arbitrary: bodyOf(schema, mostlyFair) },
    { weight: 1, arbitrary: bodyOf({ ...schema, required: [] }, mostlyFair) },
    { weight: 1, arbitrary: bodyOf(schema, fair).map((body) => ({ ...body, [LONG.slice(0, 80)]: 1 })) },
    { weight: 1, arbitrary: odd },
  );
}

/** What has broken a query, a path or a body before: each is tried in every place, in a request that is fair otherwise. */
const NASTY_TEXTS = [
  ...['\u0000', 'a\u0000b', '0000-01-01', '9999-12-31', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59Z'],
  ...['99999999999999', encodeCursor(['0000-01-01T00:00:00.000Z', '01234567-89ab-7def-8123-456789abcdef'])],
  ...[encodeCursor(['0000-01-01']), encodeCursor(['\u0000']), encodeCursor(['9'.repeat(20)])],
];
const NASTY_VALUES = [...NASTY_TEXTS, null, -1, 2_000_000_000, 1e21, [], {}];

interface Request {
  readonly address: string;
  readonly body: unknown;
}

/** Each nasty value in each parameter and each field, one at a time. */
function nastyRequests(operation: Operation): Request[] {
  const sample = <T>(from: fc.Arbitrary<T>): T => fc.sample(from, { seed: SEED, numRuns: 1 })[0]!;
  const { path, parameters } = operation;
  const schema = operation.body === null ? null : resolved(operation.body);
  const whole = schema && { ...schema, required: Object.keys(schema.properties ?? {}) };
  const body = whole === null ? undefined : sample(bodyOf(whole, fair));
  const addressWith = (odd: Parameter | null, text: string): string => {
    const filled = parameters
      .filter((one) => one.in === 'path')
      .reduce((address, one) => {
        const value = one === odd ? text : textOf(sample(fair(one.schema, one.name)));
        return address.replace(`{${one.name}}`, encodeURIComponent(value));
      }, path);
    return odd?.in === 'query' ? `${filled}?${new URLSearchParams([[odd.name, text]]).toString()}` : filled;
  };
  const inAddress = parameters
    .filter((one) => one.in !== 'header')
    .flatMap((one) => NASTY_TEXTS.map((text) => ({ address: addressWith(one, text), body })));
  const inBody = Object.keys(schema?.properties ?? {}).flatMap((name) =>
    NASTY_VALUES.map((value) => ({
      address: addressWith(null, ''),
      body: { ...(body as object), [name]: value },
    })),
  );
  return [...inAddress, ...inBody];
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : String(value));

function addressesOf({ path, parameters }: Operation): fc.Arbitrary<string> {
  const inPath = parameters.filter((one) => one.in === 'path');
  const inQuery = parameters.filter((one) => one.in === 'query');
  const query = inQuery.map(({ name, schema }) =>
    fc.oneof(
      { weight: 6, arbitrary: fc.constant<string | null>(null) },
      { weight: 4, arbitrary: fair(schema, name).map(textOf) },
      { weight: 1, arbitrary: name === 'cursor' ? forged : oddText },
    ),
  );
  return fc
    .tuple(
      fc.tuple(...inPath.map(({ name, schema }) => mostlyFair(schema, name).map(textOf))),
      fc.tuple(...query),
      fc.oneof({ weight: 12, arbitrary: fc.constant('') }, { weight: 1, arbitrary: oddText }),
    )
    .map(([params, values, extra]) => {
      const filled = inPath.reduce(
        (text, { name }, index) =>
          text.replace(`{${name}}`, encodeURIComponent(wellFormed(params[index]!)) || '-'),
        path,
      );
      const search = new URLSearchParams();
      inQuery.forEach(({ name }, index) => {
        const value = values[index] ?? null;
        if (value !== null) search.append(name, name === 'timeoutMs' ? '1' : wellFormed(value));
      });
      if (extra !== '') search.append(wellFormed(extra), '1');
      return `${filled}?${search.toString()}`;
    });
}

const wellFormed = (text: string): string => text.replaceAll(/\p{Surrogate}/gu, '?').slice(0, 3000);

/** Everything that a refused request must leave as it was; strangers are counted once a minute, when it comes to that. */
async function traces(): Promise<unknown> {
  const [rows] =
    await api.sql(`select (select json_agg(seq - strangers order by id) from (select a.id, a.seq, (select count(*) from journal j
      where j.account_id = a.id and j.kind = 'AuthenticationFailed') as strangers from accounts a) s) as journal,
    (select count(*) from orders) as orders, (select count(*) from last_prices) as prices,
    (select json_agg(price order by instrument_id) from last_prices) as "priceValues",
    (select count(*) from strategies) as strategies, (select count(*) from api_tokens) as tokens,
    (select count(*) from alerts) as alerts, (select count(*) from operations) as operations,
    (select count(*) from reconciliation_log) as runs, (select json_agg(limits order by id) from accounts) as limits,
    (select count(*) from queue_pauses) as pauses, (select count(*) from signal_hooks) as hooks`);
  // Looking into the broker's book changes nothing there.
  const calls = api.brokerCalls.filter((name) => !name.startsWith('get'));
  return { ...rows, jobs: api.jobs.length, calls: calls.length };
}

/** The schema that the endpoint declares for a status; undefined: it declares no such answer. */
function declared({ method, path }: Operation, status: number) {
  const endpoint = ENDPOINTS.find((one) => one.path === path && one.method.toUpperCase() === method);
  return endpoint?.answers[status];
}

function checkAnswer(operation: Operation, answer: Answer): void {
  if (answer.status >= 400) {
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.json).toMatchObject({ status: answer.status, code: expect.any(String) });
    expect(answer.text).not.toMatch(/at .*\.ts:|node_modules|select |insert /);
    return;
  }
  if (!operation.path.startsWith('/v1/')) return;
  const schema = declared(operation, answer.status);
  expect(schema, `${operation.method} ${operation.path} answered ${answer.status}`).toBeDefined();
  const parsed = schema?.schema?.safeParse(answer.json);
  expect(parsed?.success === false ? parsed.error.issues : []).toEqual([]);
}

describe('requests made from the OpenAPI document', () => {
  test('it describes every call, those that are open to everyone as well', () => {
    const names = operations.map(({ method, path }) => `${method} ${path}`);
    for (const { method, path } of ENDPOINTS) expect(names).toContain(`${method.toUpperCase()} ${path}`);
    for (const path of ['/livez', '/readyz', '/version', '/metrics']) expect(names).toContain(`GET ${path}`);
  });

  // A stream that is let in does not end; who it lets in is tried in events.test.ts.
  const STREAMS = ['/v1/events', '/v1/ws'];
  test.each(
    ENDPOINTS.filter(({ path }) => !STREAMS.includes(path)).map(
      ({ method, path }) => [method.toUpperCase(), path] as const,
    ),
  )(
    '%s %s: never 5xx, always as declared, and no trace of what was refused',
    async (method, path) => {
      const operation = operations.find((one) => one.method === method && one.path === path)!;
      let before = await traces();
      const send = async ({ address, body }: Request): Promise<void> => {
        const answer = await api.send(method, address, body === undefined ? {} : { body });
        const what = `${method} ${address} ${JSON.stringify(body)}: ${answer.text}`;
        expect(answer.status, what).toBeLessThan(500);
        checkAnswer(operation, answer);
        const after = await traces();
        if (answer.status >= 400) expect(after, what).toEqual(before);
        before = after;
      };
      for (const request of nastyRequests(operation)) await send(request);
      const bodies = operation.body === null ? fc.constant(undefined) : bodiesOf(operation.body);
      await fc.assert(
        fc.asyncProperty(addressesOf(operation), bodies, (address, body) => send({ address, body })),
        {
          seed: SEED,
          numRuns: RUNS_PER_OPERATION,
          interruptAfterTimeLimit: TIME_LIMIT_MS,
          markInterruptAsFailure: false,
          endOnFailure: true,
        },
      );
    },
    120_000,
  );
});
