/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { limitsSchema } from '../../../src/api/schemas/account.ts';
import { type ApiFixture, goodOrder, startApiFixture } from './support.ts';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApiFixture();
  await api.send('POST', '/v1/orders', { body: goodOrder({ strategyId: 'alpha' }) });
});
afterAll(() => api.close());

const put = (body: Record<string, unknown>, token?: string) =>
  api.send('PUT', '/v1/limits', {
    body: { reason: 'a test', ...body },
    ...(token === undefined ? {} : { token }),
  });
const changes = () =>
  api.sql<{ actor: string; data: string }>(
    `select actor, data from journal where account_id = 'main' and kind = 'LimitChanged' order by seq`,
  );

describe('changing limits', () => {
  test('puts them in force at once, shows who, why and until when, and tells the journal before and after', async () => {
    const expiresAt = '2099-12-31T15:30:00+05:30';
    const answer = await put({ limits: { MAX_POSITIONS: 7, MAX_ORDER_VALUE: '1.5x' }, expiresAt });
    expect(answer.status).toBe(200);
    expect(() => limitsSchema.strict().parse(answer.json)).not.toThrow();
    expect(answer.json).toMatchObject({
      limits: { MAX_POSITIONS: '7', MAX_ORDER_VALUE: '1.5x', MAX_DAILY_LOSS: '0.06' },
      defaults: { MAX_POSITIONS: '5', MAX_ORDER_VALUE: '1x' },
      account: {
        MAX_POSITIONS: {
          value: '7',
          reason: 'a test',
          by: 'api:admin',
          expiresAt: '2099-12-31T15:30:00.000+05:30',
          inForce: true,
        },
      },
    });
    expect((await api.get('/v1/limits')).json).toEqual(answer.json);
    const [first, second] = await changes();
    expect(JSON.parse(first?.data ?? '')).toMatchObject({
      limit: 'MAX_POSITIONS',
      before: null,
      after: { value: '7' },
      reason: 'a test',
    });
    expect(first?.actor).toBe('api:admin');
    expect(JSON.parse(second?.data ?? '')).toMatchObject({ limit: 'MAX_ORDER_VALUE' });
  });

  test('of one that has expired counts for nothing, and is shown as such', async () => {
    await put({ limits: { MIN_RISK_REWARD: '3' }, expiresAt: '2099-01-01T00:00:00Z' });
    await api.sql(
      `update accounts set limits = jsonb_set(limits, '{MIN_RISK_REWARD,expiresAt}', '"2020-01-01T00:00:00Z"') where id = 'main'`,
    );
    expect((await api.get('/v1/limits')).json).toMatchObject({
      limits: { MIN_RISK_REWARD: '2.00' },
      account: { MIN_RISK_REWARD: { value: '3', inForce: false } },
    });
  });

  test('by null takes a change back', async () => {
    const answer = await put({ limits: { MAX_POSITIONS: null } });
    expect(answer.json.limits.MAX_POSITIONS).toBe('5');
    expect(answer.json.account.MAX_POSITIONS).toBeUndefined();
    expect(JSON.parse((await changes()).at(-1)?.data ?? '')).toMatchObject({
      before: { value: '7' },
      after: null,
    });
  });

  test('of a strategy stands under the strategy', async () => {
    const answer = await put({ strategyId: 'alpha', limits: { MAX_RISK_PER_TRADE: '0.01' } });
    expect(answer.json).toMatchObject({
      limits: { MAX_RISK_PER_TRADE: '0.02' },
      strategies: { alpha: { MAX_RISK_PER_TRADE: { value: '0.01' } } },
    });
    const { json } = await api.get('/v1/strategies');
    expect(json.items[0].limits.MAX_RISK_PER_TRADE).toMatchObject({ value: '0.01', reason: 'a test' });
  });

  test.each([
    [{ limits: { MAX_FUN: '1' } }, '/limits/MAX_FUN', 'UNKNOWN_LIMIT', 'MAX_FUN is not a limit'],
    [
      { limits: { MAX_RISK_PER_TRADE: '2' } },
      '/limits/MAX_RISK_PER_TRADE',
      'LIMIT_VALUE',
      'MAX_RISK_PER_TRADE must be a plain number from 0 to 1',
    ],
    [
      { limits: { MAX_DAILY_LOSS: '0.1' }, strategyId: 'alpha' },
      '/limits/MAX_DAILY_LOSS',
      'LIMIT_OF_ACCOUNT',
      "MAX_DAILY_LOSS is judged over the whole account and is no strategy's own",
    ],
    [
      { limits: { MAX_POSITIONS: '3' }, strategyId: 'nobody' },
      '/strategyId',
      'UNKNOWN_STRATEGY',
      'the account has no strategy nobody',
    ],
    [
      { limits: { MAX_POSITIONS: '3' }, expiresAt: '2020-01-01T00:00:00Z' },
      '/expiresAt',
      'EXPIRED',
      'MAX_POSITIONS would have expired at 2020-01-01T00:00:00.000Z, before it began',
    ],
  ])('as %o is 422 and names the field and the rule', async (body, pointer, code, message) => {
    const answer = await put(body);
    expect(answer.status).toBe(422);
    expect(answer.json).toMatchObject({ code: 'INVALID_LIMITS', errors: [{ pointer, code, message }] });
  });

  test.each([
    [{ limits: {} }, '/limits'],
    [{ limits: { MAX_POSITIONS: true } }, '/limits/MAX_POSITIONS'],
    [{ limits: { MAX_POSITIONS: '3' }, reason: '' }, '/reason'],
    [{ limits: { MAX_POSITIONS: '3' }, reason: null }, '/reason'],
    [{ limits: { MAX_POSITIONS: '3' }, expiresAt: 'tomorrow' }, '/expiresAt'],
    [{ limits: { MAX_POSITIONS: '3' }, until: 'tomorrow' }, '/until'],
  ])('as %o is 400', async (body, pointer) => {
    const answer = await put(body);
    expect(answer.status).toBe(400);
    expect(answer.json.errors[0].pointer).toBe(pointer);
  });

  test('with one bad limit changes none of them', async () => {
    const before = [(await api.get('/v1/limits')).json, await changes()];
    expect((await put({ limits: { MAX_POSITIONS: '9', MAX_DRAWDOWN: '7' } })).status).toBe(422);
    expect([(await api.get('/v1/limits')).json, await changes()]).toEqual(before);
  });

  test('needs an operator', async () => {
    const made = await api.send('POST', '/v1/tokens', { body: { name: 'trader', role: 'trader' } });
    expect((await put({ limits: { MAX_POSITIONS: '9' } }, made.json.token as string)).status).toBe(403);
  });

  test('many at once loses none of them', async () => {
    const names = [
      'MAX_POSITIONS',
      'MAX_POSITION_SIZE',
      'MAX_QUANTITY_PER_ORDER',
      'MAX_ORDER_TO_POSITION_RATIO',
    ];
    const entries = (await changes()).length;
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => put({ limits: { [names[n % names.length]!]: String(n + 1) } })),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const { json } = await api.get('/v1/limits');
    for (const name of names) expect(json.account[name], name).toBeDefined();
    const journaled = (await changes())
      .slice(entries)
      .map(({ data }) => JSON.parse(data) as Record<string, unknown>);
    expect(journaled).toHaveLength(40);
    // Each change began where the one before it had ended.
    for (const name of names) {
      const own = journaled.filter((entry) => entry['limit'] === name);
      own.slice(1).forEach((entry, n) => expect(entry['before']).toEqual(own[n]?.['after']));
      expect(json.account[name].value).toBe((own.at(-1)?.['after'] as { value: string }).value);
    }
  });
});
