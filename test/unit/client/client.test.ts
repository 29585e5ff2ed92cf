import { describe, expect, expectTypeOf, test } from 'vitest';
import type { z } from '@hono/zod-openapi';
import type {
  AccountJson,
  AlertJson,
  LimitsJson,
  PositionJson,
  RiskJson,
  StrategyJson,
  TokenJson,
  TradingStateJson,
  changedTradingStateSchema,
} from '../../../src/api/schemas/account.ts';
import type { EventJson, JournalEntryJson } from '../../../src/api/schemas/event.ts';
import type { KillSwitchEventJson, OperationJson } from '../../../src/api/schemas/operation.ts';
import type { PreviewJson } from '../../../src/api/schemas/preview.ts';
import type { JobJson, QueueJson, WorkerJson } from '../../../src/api/schemas/queue.ts';
import type { SignalHookJson } from '../../../src/api/schemas/signal-hook.ts';
import type { OrderDetailJson, OrderJson, TradeJson } from '../../../src/api/schemas/order.ts';
import {
  type AccountBody,
  type AlertBody,
  ApiError,
  type ChangedTradingStateBody,
  type EventBody,
  type JobBody,
  type JournalEntryBody,
  type KillSwitchEventBody,
  type LimitsBody,
  type NewOrder,
  type OperationBody,
  type OrderBody,
  type OrderDetailBody,
  type PositionBody,
  type PreviewBody,
  type QueueBody,
  type RiskBody,
  type StrategyBody,
  type SignalHookBody,
  type TokenBody,
  type TradeBody,
  type TradingStateBody,
  type WorkerBody,
  NotReachableError,
  WaitTimeoutError,
  createClient,
  hasReached,
  isFinished,
} from '../../../src/client/index.ts';
import { ORDER_STATUSES, hasReached as serverHasReached, isFinal } from '../../../src/domain/order-status.ts';

const ORDER: NewOrder = {
  symbol: 'M&M',
  exchange: 'NSE',
  side: 'BUY',
  quantity: 1,
  orderType: 'MARKET',
  product: 'MIS',
};

interface Seen {
  readonly url: string;
  readonly method: string;
  readonly body: Record<string, unknown> | null;
  readonly authorization: string | null;
}

/** A client whose every call is answered by the next of `answers`; the last one stands for all later calls. */
function clientOf(answers: readonly (Response | Error)[]) {
  const seen: Seen[] = [];
  const client = createClient({
    baseUrl: 'http://oms.test:8080',
    token: 'secret',
    tries: 3,
    fetch: async (input, init) => {
      const url = input instanceof URL ? input.href : '';
      seen.push({
        url,
        method: init?.method ?? '',
        body: typeof init?.body === 'string' ? (JSON.parse(init.body) as Record<string, unknown>) : null,
        authorization: new Headers(init?.headers).get('authorization'),
      });
      const answer = answers[Math.min(seen.length, answers.length) - 1]!;
      if (answer instanceof Error) throw answer;
      return answer.clone();
    },
  });
  return { client, seen };
}

const json = (body: unknown, status = 200, headers = {}) =>
  new Response(JSON.stringify(body), { status, headers });
const LOST = new TypeError('fetch failed');

describe('placing an order', () => {
  test('sends the token, and the wait as query parameters', async () => {
    const { client, seen } = clientOf([json({ id: 'x' }, 202)]);
    await client.placeOrder({ ...ORDER, clientOrderId: 'a-1' }, { status: 'OPEN', timeoutMs: 500 });
    expect(seen).toEqual([
      {
        url: 'http://oms.test:8080/v1/orders?waitFor=OPEN&timeoutMs=500',
        method: 'POST',
        body: { ...ORDER, clientOrderId: 'a-1' },
        authorization: 'Bearer secret',
      },
    ]);
  });

  test('is tried again after a lost connection and after 503, with one and the same id', async () => {
    const { client, seen } = clientOf([LOST, json({ code: 'UNAVAILABLE' }, 503), json({ id: 'x' }, 202)]);
    expect(await client.placeOrder(ORDER)).toEqual({ id: 'x' });
    expect(seen).toHaveLength(3);
    expect(new Set(seen.map(({ body }) => body?.['clientOrderId'])).size).toBe(1);
    expect(seen[0]?.body?.['clientOrderId']).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
  });

  test('waits as long as a 429 says, whatever the call: nothing of it was done', async () => {
    const { client, seen } = clientOf([
      json({ code: 'RATE_LIMITED' }, 429, { 'retry-after': '0' }),
      json({ id: 'x' }),
    ]);
    expect(await client.createStrategy({ id: 'x', reason: 'y' })).toEqual({ id: 'x' });
    expect(seen).toHaveLength(2);
    const far = clientOf([json({ code: 'RATE_LIMITED' }, 429, { 'retry-after': '3600' })]);
    await expect(far.client.placeOrder(ORDER)).rejects.toMatchObject({
      status: 429,
      retryAfterMs: 3_600_000,
    });
    expect(far.seen).toHaveLength(1);
  });

  test.each([400, 401, 403, 404, 409, 413, 422, 429, 500])('is not tried again after %i', async (status) => {
    const { client, seen } = clientOf([json({ code: 'SOME_CODE', detail: 'why' }, status)]);
    await expect(client.placeOrder(ORDER)).rejects.toMatchObject({
      status,
      code: 'SOME_CODE',
      message: 'why',
    });
    expect(seen).toHaveLength(1);
  });

  test('a refusal carries its fields and when to come back', async () => {
    const errors = [
      { pointer: '/price', code: 'TICK_SIZE', message: 'price must be a multiple of the tick 0.05' },
    ];
    const { client } = clientOf([
      json({ code: 'INVALID_ORDER', detail: 'd', errors }, 422, { 'retry-after': '7' }),
    ]);
    const refusal = await client.placeOrder(ORDER).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ApiError);
    expect(refusal).toMatchObject({ status: 422, code: 'INVALID_ORDER', errors, retryAfterMs: 7000 });
  });

  test('an answer that is no problem is an ApiError all the same', async () => {
    const { client } = clientOf([new Response('<html>', { status: 404 })]);
    await expect(client.placeOrder(ORDER)).rejects.toMatchObject({ status: 404, code: 'UNRECOGNISED' });
  });

  test('without any answer it is unreachable, and whether it was placed is not claimed', async () => {
    const { client, seen } = clientOf([LOST]);
    await expect(client.placeOrder(ORDER)).rejects.toBeInstanceOf(NotReachableError);
    expect(seen).toHaveLength(3);
  });
});

describe('reading', () => {
  test('filters become query parameters, lists repeat, what is undefined is left out', async () => {
    const { client, seen } = clientOf([json({ items: [], nextCursor: null })]);
    await client.orders({ status: ['open', 'FILLED'], symbol: 'M&M', limit: 5 });
    expect(seen[0]?.url).toBe(
      'http://oms.test:8080/v1/orders?status=open&status=FILLED&symbol=M%26M&limit=5',
    );
  });

  test('the positions of an instrument are a list, whether there is one, several or none', async () => {
    const one = clientOf([json({ symbol: 'M&M' })]);
    expect(await one.client.positionsOf({ exchange: 'NSE', symbol: 'M&M' }, { product: 'MIS' })).toEqual([
      { symbol: 'M&M' },
    ]);
    expect(one.seen[0]?.url).toBe('http://oms.test:8080/v1/positions/NSE/M%26M?product=MIS');
    const several = clientOf([json({ items: [{ product: 'MIS' }, { product: 'CNC' }] })]);
    expect(await several.client.positionsOf({ exchange: 'NSE', symbol: 'X' })).toHaveLength(2);
    const none = clientOf([json({ code: 'NOT_FOUND', detail: 'none' }, 404)]);
    expect(await none.client.positionsOf({ exchange: 'NSE', symbol: 'X' })).toEqual([]);
  });

  test('pushing prices without a time is not repeated: the time would be another', async () => {
    const without = clientOf([LOST]);
    await expect(without.client.pushPrices({ 'NSE:X': '1' })).rejects.toBeInstanceOf(NotReachableError);
    expect(without.seen).toHaveLength(1);
    const withTime = clientOf([LOST, new Response(null, { status: 204 })]);
    await withTime.client.pushPrices({ 'NSE:X': '1' }, '2026-11-23T10:00:00+05:30');
    expect(withTime.seen).toHaveLength(2);
  });
});

describe('waiting', () => {
  test('looks until the status is reached or passed', async () => {
    const { client, seen } = clientOf([
      json({ status: 'PENDING' }),
      json({ status: 'VALIDATED' }),
      json({ status: 'OPEN' }),
    ]);
    expect(await client.waitFor('x', 'SUBMITTED')).toEqual({ status: 'OPEN' });
    expect(seen).toHaveLength(3);
  });

  test('a finished order ends it; time that runs out is an error that says where the order is', async () => {
    const finished = clientOf([json({ status: 'REJECTED' })]);
    expect(await finished.client.waitFor('x', 'FILLED')).toEqual({ status: 'REJECTED' });
    const slow = clientOf([json({ status: 'OPEN' })]);
    const error: unknown = await slow.client
      .waitFor('x', 'FILLED', { timeoutMs: 100 })
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(WaitTimeoutError);
    expect(String(error)).toContain('is OPEN, not yet FILLED');
  });

  test('its rule is the server’s, for every pair of statuses', () => {
    for (const status of ORDER_STATUSES) {
      expect(isFinished(status)).toBe(isFinal(status));
      for (const wanted of ORDER_STATUSES) {
        expect(hasReached(status, wanted), `${status} ${wanted}`).toBe(serverHasReached(status, wanted));
      }
    }
  });
});

test('its types are those of the server’s answers', () => {
  expectTypeOf<OrderBody>().toEqualTypeOf<OrderJson>();
  expectTypeOf<Omit<OrderDetailBody, never>>().toEqualTypeOf<Omit<OrderDetailJson, never>>();
  expectTypeOf<TradeBody>().toEqualTypeOf<TradeJson>();
  expectTypeOf<AlertBody>().toEqualTypeOf<AlertJson>();
  expectTypeOf<AccountBody>().toEqualTypeOf<AccountJson>();
  expectTypeOf<StrategyBody>().toEqualTypeOf<StrategyJson>();
  expectTypeOf<TokenBody>().toEqualTypeOf<TokenJson>();
  expectTypeOf<SignalHookBody>().toEqualTypeOf<SignalHookJson>();
  expectTypeOf<JournalEntryBody>().toEqualTypeOf<JournalEntryJson>();
  expectTypeOf<PositionBody>().toEqualTypeOf<PositionJson>();
  expectTypeOf<RiskBody>().toEqualTypeOf<RiskJson>();
  expectTypeOf<QueueBody>().toEqualTypeOf<QueueJson>();
  expectTypeOf<WorkerBody>().toEqualTypeOf<WorkerJson>();
  expectTypeOf<Omit<JobBody, 'payload'>>().toEqualTypeOf<Omit<JobJson, 'payload'>>();
  expectTypeOf<PreviewBody>().toEqualTypeOf<PreviewJson>();
  expectTypeOf<LimitsBody>().toEqualTypeOf<LimitsJson>();
  expectTypeOf<TradingStateBody>().toEqualTypeOf<TradingStateJson>();
  type ChangedJson = z.infer<typeof changedTradingStateSchema>;
  expectTypeOf<ChangedTradingStateBody>().toEqualTypeOf<ChangedJson>();
  expectTypeOf<KillSwitchEventBody>().toEqualTypeOf<KillSwitchEventJson>();
  expectTypeOf<OperationBody>().toEqualTypeOf<OperationJson>();
  expectTypeOf<EventBody>().toEqualTypeOf<EventJson>();
});
