/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-argument --
   answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Endpoint } from '../../../src/api/endpoint.ts';
import { ENDPOINTS } from '../../../src/api/endpoints.ts';
import { API_ROLES, type Role } from '../../../src/api/principal.ts';
import { type ApiFixture, type SendOptions, goodOrder, startApiFixture } from './support.ts';

/** Every endpoint is asked by every role under every binding: what a new endpoint forgets, this names. */

const BINDINGS = {
  none: {},
  account: { accountId: 'main' },
  strategy: { accountId: 'main', strategyId: 'alpha' },
} as const;
type Binding = keyof typeof BINDINGS;

let api: ApiFixture;
const tokens = new Map<string, string>();
let orderOfBeta: string;
let orderOfNobody: string;
let alertOfBeta: string;

const tokenOf = (role: Role, binding: Binding) => tokens.get(`${role}/${binding}`)!;

beforeAll(async () => {
  api = await startApiFixture();
  for (const role of API_ROLES) {
    for (const binding of Object.keys(BINDINGS) as Binding[]) {
      const body = { name: `${role}-${binding}`, role, ...BINDINGS[binding] };
      const made = await api.send('POST', '/v1/tokens', { body });
      expect(made.status).toBe(201);
      tokens.set(`${role}/${binding}`, made.json.token);
    }
  }
  const place = async (strategyId: string | null) =>
    (await api.send('POST', '/v1/orders', { body: goodOrder({ strategyId }) })).json.id as string;
  orderOfBeta = await place('beta');
  orderOfNobody = await place(null);
  await api.context.withAccount({
    accountId: 'main',
    actor: 'test',
    needs: { openAlerts: true },
    run: (view) => {
      alertOfBeta = api.context.newId();
      const said = { severity: 'WARNING', type: 'TEST', message: 'of beta', details: {} } as const;
      view.raiseAlert({ id: alertOfBeta, orderId: orderOfBeta, condition: 'test:beta', ...said });
    },
  });
});
afterAll(() => api.close());

const nameOf = ({ method, path }: Endpoint) => `${method.toUpperCase()} ${path}`;
/** An address of the endpoint: its parameters are of the right form and name nothing. */
const addressOf = ({ path }: Endpoint) =>
  path
    .replace('{id}', '01234567-89ab-7def-8123-456789abcdef')
    .replace('{exchange}', 'NSE')
    .replace('{symbol}', 'RELIANCE')
    .replace('{n}', '0')
    .replace('{name}', 'submit');

function mayEnter(endpoint: Endpoint, role: Role, binding: Binding): boolean {
  if (API_ROLES.indexOf(role) < API_ROLES.indexOf(endpoint.role)) return false;
  if (endpoint.concerns === 'account') return binding !== 'strategy';
  return endpoint.concerns !== 'installation' || binding === 'none';
}

describe('who gets past the door', () => {
  // A parameter that nobody knows: who is let in hears of it, who is not hears nothing, and nothing is done.
  test.each(ENDPOINTS.map((endpoint) => [nameOf(endpoint), endpoint] as const))('%s', async (_, endpoint) => {
    for (const role of API_ROLES) {
      for (const binding of Object.keys(BINDINGS) as Binding[]) {
        const answer = await api.send(endpoint.method.toUpperCase(), `${addressOf(endpoint)}?no-such=1`, {
          token: tokenOf(role, binding),
        });
        const expected = mayEnter(endpoint, role, binding) ? 'INVALID_QUERY' : 'FORBIDDEN';
        expect(`${role}/${binding}: ${answer.json.code}`).toBe(`${role}/${binding}: ${expected}`);
      }
    }
    const stranger = await api.send(endpoint.method.toUpperCase(), `${addressOf(endpoint)}?no-such=1`, {
      token: null,
    });
    expect(stranger.json.code).toBe('UNAUTHENTICATED');
  });

  test('the parameters of every path are described', () => {
    for (const { path, params } of ENDPOINTS) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(Object.keys(params?.shape ?? {}).sort(), path).toEqual(names.sort());
    }
  });
});

describe('an operator bound to a strategy', () => {
  const reason = 'not mine';
  /** What concerns another strategy or the whole account, of every call that is open to such a token. */
  const CALLS: Readonly<Record<string, readonly (() => readonly [string, SendOptions, number])[]>> = {
    'POST /v1/orders': [() => ['/v1/orders', { body: goodOrder({ strategyId: 'beta' }) }, 403]],
    'POST /v1/orders/preview': [
      () => ['/v1/orders/preview', { body: goodOrder({ strategyId: 'beta' }) }, 403],
    ],
    'PATCH /v1/orders/{id}': [
      () => [`/v1/orders/${orderOfBeta}`, { body: { price: '2450.10' } }, 404],
      () => [`/v1/orders/${orderOfNobody}`, { body: { price: '2450.10' } }, 404],
    ],
    'DELETE /v1/orders/{id}': [
      () => [`/v1/orders/${orderOfBeta}`, {}, 404],
      () => [`/v1/orders/${orderOfNobody}`, {}, 404],
    ],
    'POST /v1/orders/{id}/resolve': [
      () => [`/v1/orders/${orderOfBeta}/resolve`, { body: { decision: 'neverPlaced', reason } }, 404],
      () => [`/v1/orders/${orderOfNobody}/resolve`, { body: { decision: 'neverPlaced', reason } }, 404],
    ],
    'PUT /v1/trading-state': [
      () => ['/v1/trading-state', { body: { state: 'HALTED', reason } }, 403],
      () => [
        '/v1/trading-state',
        { body: { state: 'HALTED', scope: 'strategy', strategyId: 'beta', reason } },
        403,
      ],
    ],
    'PUT /v1/limits': [
      () => ['/v1/limits', { body: { strategyId: 'beta', limits: { MAX_POSITIONS: 1 }, reason } }, 403],
    ],
    'POST /v1/flatten': [() => ['/v1/flatten', { body: { strategyId: 'beta' } }, 403]],
    'POST /v1/positions/{exchange}/{symbol}/close': [
      () => ['/v1/positions/NSE/RELIANCE/close', { body: { strategyId: 'beta' } }, 403],
    ],
    'POST /v1/alerts/{id}/acknowledge': [() => [`/v1/alerts/${alertOfBeta}/acknowledge`, {}, 404]],
    'POST /v1/strategies': [() => ['/v1/strategies', { body: { id: 'gamma', reason } }, 403]],
    'PATCH /v1/strategies/{id}': [() => ['/v1/strategies/beta', { body: { enabled: false, reason } }, 403]],
  };
  const open = ENDPOINTS.filter(({ method, concerns }) => method !== 'get' && concerns === undefined);

  test('is asked of every call that is open to it', () => {
    expect(Object.keys(CALLS).sort()).toEqual(open.map(nameOf).sort());
  });

  test.each(Object.entries(CALLS))('%s changes nothing of others', async (name, calls) => {
    const method = name.split(' ')[0]!;
    for (const role of ['operator', 'admin'] as const) {
      for (const call of calls) {
        const before = await api.sql('select seq from accounts order by id');
        const [path, options, status] = call();
        const answer = await api.send(method, path, { ...options, token: tokenOf(role, 'strategy') });
        expect(`${role} ${path}: ${answer.status}`).toBe(`${role} ${path}: ${status}`);
        expect(await api.sql('select seq from accounts order by id')).toEqual(before);
      }
    }
    expect(api.brokerCalls).toEqual([]);
  });
});
