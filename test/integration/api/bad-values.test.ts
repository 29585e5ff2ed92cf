/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment --
   answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeCursor } from '../../../src/api/cursor.ts';
import { responseOfError } from '../../../src/api/problem-of-error.ts';
import { type Answer, type ApiFixture, type SendOptions, goodOrder, startApiFixture } from './support.ts';

/** Values that are of the right form and yet can not be held: by Postgres, by a Date, or by the text of an answer. */

let api: ApiFixture;
beforeAll(async () => {
  api = await startApiFixture();
});
afterAll(() => api.close());

const traces = async () => ({
  journal: (await api.sql('select count(*) from journal'))[0],
  prices: (await api.sql('select count(*) from last_prices'))[0],
  jobs: api.jobs.length,
  brokerCalls: api.brokerCalls.length,
});

/** Sends what must be refused with 4xx and must leave no trace. */
async function refused(method: string, path: string, options: SendOptions = {}): Promise<Answer> {
  const before = await traces();
  const answer = await api.send(method, path, options);
  expect(await traces()).toEqual(before);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  return answer;
}

const at = (id: string) => encodeCursor(['0000-01-01T00:00:00.000Z', id]);
const UUID = '01234567-89ab-7def-8123-456789abcdef';

describe('a value that nothing can hold is refused', () => {
  test.each([
    ['an account of U+0000', '/v1/orders?accountId=%00'],
    ['an account with a line break', '/v1/risk?accountId=main%0a'],
    ['a position of U+0000', '/v1/positions/NSE/%00'],
    ['a strategy of U+0000', '/v1/orders?strategyId=%00'],
    ['an order id that is none', '/v1/orders/%00'],
    ['an operation id that is none', '/v1/operations/%00'],
    ['a day of year 0', '/v1/orders?day=0000-01-01'],
    ['a day of year 9999', '/v1/trades?day=9999-12-31'],
    ['a day of year 1999', '/v1/positions?day=1999-12-31'],
    ['a day of year 9999 in the statistics', '/v1/daily-stats?day=9999-12-31'],
    ['a day that does not exist', '/v1/daily-stats?day=2026-02-30'],
    ['a forged cursor of year 0', `/v1/orders?cursor=${at(UUID)}`],
    ['a forged cursor of year 0 in the alerts', `/v1/alerts?cursor=${at(UUID)}`],
    ['a forged cursor of a day of year 0', `/v1/daily-stats?cursor=${encodeCursor(['0000-01-01'])}`],
    ['a forged cursor with U+0000', `/v1/strategies?cursor=${encodeCursor(['\u0000'])}`],
    ['a cursor with U+0000', '/v1/orders?cursor=%00'],
  ])('%s', async (_, path) => {
    const answer = await refused('GET', path);
    expect(answer.status, answer.text).toBe(400);
  });

  test.each([
    ['POST', '/v1/positions/NSE/%00/close', {}],
    ['POST', '/v1/positions/NSE/%00/adjust', { product: 'MIS', quantity: 1, price: '1', reason: 'x' }],
    ['POST', '/v1/positions/NSE/RELIANCE/adjust', { product: 'MIS', quantity: 2e9, price: 1, reason: 'x' }],
    [
      'POST',
      '/v1/positions/NSE/RELIANCE/adjust',
      { product: 'MIS', quantity: 10, price: '99999999999999', reason: 'x' },
    ],
    ['POST', '/v1/positions/NSE/RELIANCE/adjust', { product: 'MIS', quantity: 10, price: '-1', reason: 'x' }],
    ['POST', `/v1/reconciliations/${UUID}/differences/0/approve`, { price: '99999999999999', reason: 'x' }],
    ['POST', `/v1/reconciliations/${UUID}/differences/9999999/approve`, { reason: 'x' }],
    ['POST', '/v1/orders/x/resolve', { decision: 'neverPlaced', reason: 'x' }],
    ['PATCH', '/v1/strategies/%00', { enabled: false, reason: 'x' }],
    ['PUT', '/v1/limits', { limits: { MAX_POSITIONS: '4' }, reason: 'x', expiresAt: '9999-12-31T23:59:59Z' }],
    ['PUT', '/v1/prices', { prices: { 'NSE:RELIANCE': '1' }, at: '0000-01-01T00:00:00Z' }],
  ])('%s %s %j', async (method, path, body) => {
    const answer = await refused(method, path, { body });
    expect(answer.status, answer.text).toBe(400);
  });

  test('a pushed price beyond all prices is 422', async () => {
    const body = { prices: { 'NSE:RELIANCE': '99999999999999' } };
    const answer = await refused('PUT', '/v1/prices', { body });
    expect(answer.status).toBe(422);
    expect(answer.json.errors).toMatchObject([{ pointer: '/prices/NSE:RELIANCE', code: 'MAX' }]);
  });

  test('the largest adjustment that is taken can be stored, from one end to the other', async () => {
    const adjust = (quantity: number) =>
      api.send('POST', '/v1/positions/NSE/INFY/adjust', {
        body: { product: 'MIS', quantity, price: '10000000', reason: 'as large as it gets' },
      });
    expect((await adjust(1_000_000_000)).status).toBe(200);
    expect((await adjust(-1_000_000_000)).status).toBe(200);
    expect((await adjust(0)).status).toBe(200);
    expect((await api.get('/v1/daily-stats')).status).toBe(200);
  });

  test('an exchange that is unknown is not there', async () => {
    expect((await refused('GET', '/v1/positions/LSE/RELIANCE')).status).toBe(404);
    expect((await refused('POST', '/v1/positions/LSE/RELIANCE/close', { body: {} })).status).toBe(404);
  });

  test('what gets past every check is refused by the database: 422, not 500', async () => {
    const error = await api.sql('select $1::int', ['99999999999999']).catch((caught: unknown) => caught);
    const request = { method: 'PUT', path: '/v1/limits' };
    const answer = responseOfError(error, api.context.log, request);
    expect(answer.status).toBe(422);
    expect(await answer.text()).not.toContain('99999999999999');
  });
});

describe('a field that is not known is refused', () => {
  const RUN = `/v1/reconciliations/${UUID}/differences/0/approve`;
  test.each([
    ['POST', RUN, { reason: 'x', force: true }],
    [
      'POST',
      '/v1/positions/NSE/RELIANCE/adjust',
      { product: 'MIS', quantity: 1, price: '1', reason: 'x', strategyId: 'alpha' },
    ],
    ['POST', '/v1/reconciliations', { dryRun: true }],
    ['DELETE', `/v1/orders/${UUID}`, { reason: 'x' }],
    ['POST', `/v1/alerts/${UUID}/acknowledge`, { by: 'me' }],
  ])('%s %s %j', async (method, path, body) => {
    const answer = await refused(method, path, { body });
    expect(answer.status, answer.text).toBe(400);
    expect(answer.json.errors).toMatchObject([{ code: 'UNKNOWN_FIELD' }]);
  });

  test('a body that is no JSON is refused where none is needed', async () => {
    expect((await refused('POST', '/v1/reconciliations', { raw: '{' })).status).toBe(400);
    expect((await refused('DELETE', `/v1/orders/${UUID}`, { raw: '[]' })).status).toBe(400);
  });
});

describe('the account', () => {
  test('may be named in the query or in the body of every write', async () => {
    const { json } = await api.send('POST', '/v1/orders', { body: goodOrder() });
    const path = `/v1/orders/${json.id as string}`;
    const change = { triggerPrice: null, quantity: 11 };
    const inBody = await api.send('PATCH', path, { body: { ...change, accountId: 'main' } });
    expect(inBody.status, inBody.text).toBe(202);
    const inQuery = await api.send('PATCH', `${path}?accountId=main`, { body: change });
    expect(inQuery.status, inQuery.text).toBe(202);
    expect((await api.send('DELETE', path, { body: { accountId: 'main' } })).status).toBe(202);
    const placed = await api.send('POST', '/v1/orders?accountId=main', { body: goodOrder() });
    expect(placed.status).toBe(202);
    expect((await refused('DELETE', path, { body: { accountId: 'other' } })).status).toBe(404);
  });

  test.each([
    ['POST', '/v1/orders', () => goodOrder()],
    ['DELETE', `/v1/orders/${UUID}`, () => ({})],
    ['PUT', '/v1/limits', () => ({ limits: { MAX_POSITIONS: '4' }, reason: 'x' })],
    ['PUT', '/v1/trading-state', () => ({ state: 'HALTED', reason: 'x' })],
    ['POST', '/v1/flatten', () => ({})],
  ])('named differently in both is refused: %s %s', async (method, path, body) => {
    const answer = await refused(method, `${path}?accountId=main`, {
      body: { ...body(), accountId: 'other' },
    });
    expect(answer.status).toBe(400);
    expect(answer.json.errors).toMatchObject([{ pointer: '/accountId', code: 'MISMATCH' }]);
  });
});
