/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment --
   answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiFixture, goodOrder, startApiFixture } from './support.ts';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApiFixture();
});
afterAll(() => api.close());

const place = (changes: Readonly<Record<string, unknown>>) =>
  api.send('POST', '/v1/orders', { body: goodOrder(changes) });
const change = (id: string, body: object) => api.send('PATCH', `/v1/strategies/${id}`, { body });

describe('an order', () => {
  test.each(['exchange', 'oms', 'none'])('takes the policy %s', async (protection) => {
    const answer = await place({ protection });
    expect(answer.status).toBe(202);
    expect(answer.json).toMatchObject({ protection, trailingStop: null });
  });

  test("without protection is an operator's to place, unless that is its strategy's policy", async () => {
    const { settings } = api.context;
    const protection = { ...settings.protection, policy: 'exchange' } as const;
    const app = api.appWith({ context: { ...api.context, settings: { ...settings, protection } } });
    const made = await api.send('POST', '/v1/tokens', { body: { name: 'trader', role: 'trader' } });
    const token = made.json.token as string;
    const send = (changes: Readonly<Record<string, unknown>>, as?: string) =>
      api.send('POST', '/v1/orders', {
        app,
        body: goodOrder({ protection: 'none', ...changes }),
        ...(as === undefined ? {} : { token: as }),
      });
    const refused = await send({}, token);
    expect(refused.status).toBe(403);
    expect(refused.json).toMatchObject({ code: 'FORBIDDEN' });
    expect((await send({})).status).toBe(202);
    expect((await send({ protection: 'oms' }, token)).status).toBe(202);
    expect((await send({ strategyId: 'bare', protection: 'oms' }, token)).status).toBe(202);
    expect((await send({ strategyId: 'bare' }, token)).status).toBe(403);
    expect((await change('bare', { protection: 'none', reason: 'a test' })).status).toBe(200);
    expect((await send({ strategyId: 'bare' }, token)).status).toBe(202);
  });

  test('takes a trailing stop, and shows it with its guards', async () => {
    const answer = await place({
      protection: 'exchange',
      takeProfit: null,
      trailingStop: { distance: '10.00', step: 2.5 },
    });
    expect(answer.status).toBe(202);
    expect(answer.json).toMatchObject({
      protection: 'exchange',
      trailingStop: { distance: '10', step: '2.5' },
    });
    const shown = await api.get(`/v1/orders/${answer.json.id as string}`);
    expect(shown.json).toMatchObject({ protection: 'exchange', guards: [] });
  });

  test.each<[string, Readonly<Record<string, unknown>>, string, number?]>([
    ['a policy nobody knows', { protection: 'always' }, '/protection'],
    ['a policy that is no text', { protection: true }, '/protection'],
    ['a trailing stop without its step', { trailingStop: { distance: '10' } }, '/trailingStop/step'],
    ['a distance of zero', { trailingStop: { distance: '0', step: '1' } }, '/trailingStop', 422],
    [
      'a distance that is no number',
      { trailingStop: { distance: 'far', step: '1' } },
      '/trailingStop/distance',
    ],
    ['a negative step', { trailingStop: { distance: '10', step: '-1' } }, '/trailingStop', 422],
  ])('with %s is refused by the name of its field', async (_, changes, pointer, status = 400) => {
    const answer = await place(changes);
    expect(answer.status).toBe(status);
    expect((answer.json.errors as { pointer: string }[]).map((error) => error.pointer)).toContain(pointer);
  });

  test('a guard is listed in the detail of the order it protects', async () => {
    const { json: parent } = await place({ protection: 'exchange' });
    const { json: stop } = await place({ side: 'SELL', reduceOnly: true, stopLoss: null, takeProfit: null });
    await api.sql(
      `update orders set role = 'STOP', parent_order_id = $1, protection_group = $2 where id = $3`,
      [parent.id, '00000000-0000-4000-8000-000000000001', stop.id],
    );
    const { json: shown } = await api.get(`/v1/orders/${parent.id as string}`);
    expect(shown.guards).toMatchObject([{ id: stop.id, role: 'STOP', parentOrderId: parent.id }]);
  });
});

describe('a strategy', () => {
  test('has its policy set and taken away, and an order of it follows', async () => {
    expect((await place({ strategyId: 'guarded' })).json).toMatchObject({ protection: 'none' });
    const set = await change('guarded', { protection: 'oms', reason: 'a test' });
    expect(set.status).toBe(200);
    expect(set.json).toMatchObject({ id: 'guarded', protection: 'oms' });
    expect((await place({ strategyId: 'guarded' })).json).toMatchObject({ protection: 'oms' });
    expect((await place({ strategyId: 'guarded', protection: 'exchange' })).json).toMatchObject({
      protection: 'exchange',
    });
    const taken = await change('guarded', { protection: null, reason: 'a test' });
    expect(taken.json).toMatchObject({ protection: null });
    expect((await place({ strategyId: 'guarded' })).json).toMatchObject({ protection: 'none' });
  });

  test('with a policy nobody knows is refused by the name of the field', async () => {
    const answer = await change('guarded', { protection: 'sometimes', reason: 'a test' });
    expect(answer.status).toBe(400);
    expect(answer.json.errors).toMatchObject([{ pointer: '/protection' }]);
  });

  test('that is not there is 404', async () => {
    expect((await change('nobody', { protection: 'oms', reason: 'a test' })).status).toBe(404);
  });
});
