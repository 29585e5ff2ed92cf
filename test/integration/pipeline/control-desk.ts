/* eslint-disable @typescript-eslint/no-unsafe-member-access,
   @typescript-eslint/no-unsafe-return -- answers are JSON, looked into freely */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { expect } from 'vitest';
import { createApi } from '../../../src/api/create-api.ts';
import type { CheckResult } from '../../../src/risk/check.ts';
import { openAccount } from '../../../src/services/open-account.ts';
import type { Pipeline } from '../../support/pipeline.ts';
import { feedOf } from '../api/support.ts';

export const ADMIN_TOKEN = 'an-admin-token-of-tests';

/** Every limit is off until a case sets it, through the API, for its own account. */
export const OFF = {
  ACCOUNT_BALANCE: '100000',
  MAX_ORDER_VALUE: '0',
  MAX_OPEN_ORDER_VALUE: '0',
  MIN_RISK_REWARD: '0',
  MAX_POSITION_SIZE: '0',
  BROKER_TIMEOUT_MS: '10000',
};

export type Fields = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
  readonly json: any;
}

/** What traders and operators do over HTTP, and the answers, of any pipeline. */
export function apiOf(pipeline: () => Pipeline) {
  let app: OpenAPIHono | null = null;
  let orders = 0;
  const send = async (method: string, path: string, body?: Fields, token = ADMIN_TOKEN): Promise<Answer> => {
    app ??= createApi({
      context: pipeline().parts.context,
      adminToken: ADMIN_TOKEN,
      rateLimitPerMinute: 0,
      version: '0.0.0-test',
      probes: [],
      allowPricePush: true,
      events: feedOf(pipeline().parts.context),
      queues: pipeline().parts.queues,
    });
    const response = await app.request(path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, json: await response.json() };
  };
  /** The brief's order: worth 24,500.00, risk 200.00, reward 410.00. */
  const orderOf = (accountId: string, changes: Fields): Fields => ({
    accountId,
    exchange: 'NSE',
    symbol: 'RELIANCE',
    side: 'BUY',
    quantity: 10,
    orderType: 'LIMIT',
    product: 'MIS',
    price: '2450.00',
    stopLoss: '2430.00',
    takeProfit: '2491.00',
    ...changes,
  });
  const limits = async (accountId: string, values: Fields, more: Fields = {}) => {
    const answer = await send('PUT', '/v1/limits', { accountId, limits: values, reason: 'a test', ...more });
    expect(answer.status, JSON.stringify(answer.json)).toBe(200);
  };
  return {
    send,
    limits,
    orderOf,
    open: async (accountId: string) => {
      await openAccount(pipeline().parts.context, { id: accountId, name: accountId, actor: 'test' });
    },
    /** The order once it was checked, or is in the status that is asked for; by the admin or whose token it is. */
    place: async (
      accountId: string,
      changes: Fields = {},
      { waitFor = 'VALIDATED', token = ADMIN_TOKEN } = {},
    ) => {
      const body = { clientOrderId: `c-${++orders}`, ...orderOf(accountId, changes) };
      const answer = await send('POST', `/v1/orders?waitFor=${waitFor}&timeoutMs=30000`, body, token);
      expect(answer.status, JSON.stringify(answer.json)).toBe(202);
      return answer.json;
    },
    preview: async (accountId: string, changes: Fields = {}) => {
      const answer = await send('POST', '/v1/orders/preview', orderOf(accountId, changes));
      expect(answer.status, JSON.stringify(answer.json)).toBe(200);
      return answer.json;
    },
    checksOf: async (accountId: string, id: string): Promise<CheckResult[]> =>
      (await send('GET', `/v1/orders/${id}?accountId=${accountId}`)).json.checks,
  };
}
