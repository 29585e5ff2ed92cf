/* eslint-disable @typescript-eslint/no-unsafe-member-access -- answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fill, placeAtBroker, price } from './fills.ts';
import { type ApiFixture, startApiFixture } from './support.ts';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApiFixture();
  await fill(api, await placeAtBroker(api), 10, '2450.00');
  await price(api, 'RELIANCE', '2450.00');
});
afterAll(() => api.close());

const close = (key: string | null, body: Readonly<Record<string, unknown>>) =>
  api.send('POST', '/v1/positions/NSE/RELIANCE/close', {
    body,
    headers: key === null ? {} : { 'idempotency-key': key },
  });
const operations = () => api.sql('select id from operations order by started_at');

describe('a close with an Idempotency-Key', () => {
  test('is begun once, also when the first has ended and its answer was lost', async () => {
    const first = await close('part-1', { quantity: 4 });
    expect(first.status, first.text).toBe(202);
    await api.sql(
      `update operations set state = 'DONE', finished_at = clock_timestamp(), next_step_at = null`,
    );
    const again = await close('"part-1"', { quantity: 4 });
    expect([again.status, again.json.id]).toEqual([202, first.json.id]);
    expect(await operations()).toHaveLength(1);
    const started = await api.sql(`select entity from journal where kind = 'OperationStarted'`);
    expect(started).toEqual([{ entity: first.json.id as string }]);
  });

  test('that was used for something else is a conflict, and nothing begins', async () => {
    for (const body of [{ quantity: 5 }, {}, { quantity: 4, product: 'MIS' }]) {
      const refused = await close('part-1', body);
      expect([body, refused.status, refused.json.code]).toEqual([body, 409, 'IDEMPOTENCY_CONFLICT']);
    }
    expect((await close('two words', { quantity: 4 })).json.code).toBe('INVALID_HEADER');
    expect(await operations()).toHaveLength(1);
  });

  test('another key, and none, begin another one; a flatten takes a key as well', async () => {
    const flatten = () =>
      api.send('POST', '/v1/flatten', { body: {}, headers: { 'idempotency-key': 'all-1' } });
    const first = await flatten();
    expect(first.status, first.text).toBe(202);
    await api.sql(
      `update operations set state = 'DONE', finished_at = clock_timestamp(), next_step_at = null`,
    );
    expect((await flatten()).json.id).toBe(first.json.id);
    const other = await close('part-2', { quantity: 4 });
    expect(other.json.id).not.toBe(first.json.id);
  });
});

test('the journal of a pushed price says what stood there before', async () => {
  await price(api, 'INFY', '1500.50', 60_000);
  await price(api, 'INFY', '1501.00');
  const rows = await api.sql<{ data: string }>(
    `select data from journal where kind = 'PricesPushed' and data like '%INFY%' order by seq`,
  );
  expect(rows.map(({ data }) => JSON.parse(data) as object)).toMatchObject([
    { prices: { 'NSE:INFY': '1500.5' }, before: { 'NSE:INFY': null } },
    { prices: { 'NSE:INFY': '1501' }, before: { 'NSE:INFY': '1500.5' } },
  ]);
});
