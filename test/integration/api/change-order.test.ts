/* eslint-disable @typescript-eslint/no-unsafe-member-access -- answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type ApiFixture, startApiFixture } from './support.ts';

describe('changing and cancelling an order over HTTP', () => {
  let api: ApiFixture;

  beforeAll(async () => {
    api = await startApiFixture();
  });
  afterAll(async () => {
    await api.close();
  });

  let made = 0;
  const place = async (fields: Readonly<Record<string, unknown>> = {}): Promise<string> => {
    const answer = await api.send('POST', '/v1/orders', {
      body: {
        ...{
          clientOrderId: `change-${(made += 1)}`,
          symbol: 'RELIANCE',
          exchange: 'NSE',
          side: 'BUY',
          quantity: 10,
        },
        ...{
          orderType: 'LIMIT',
          product: 'MIS',
          price: '2450.00',
          stopLoss: '2430.00',
          takeProfit: '2491.00',
        },
        ...fields,
      },
    });
    expect(answer.status, answer.text).toBe(202);
    return answer.json.id as string;
  };
  /** As if a worker had handed it over and the book showed it. */
  const atBroker = async (): Promise<string> => {
    const id = await place();
    await api.sql(
      `update orders set status = 'OPEN', attempt = 1, broker_order_id = '26${id.replaceAll(/\D/g, '').slice(0, 16)}',
        submitted_at = now(), next_step_at = null, opening_quantity = quantity where id = $1`,
      [id],
    );
    return id;
  };
  const patch = (id: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer> =>
    api.send('PATCH', `/v1/orders/${id}`, { body, ...(headers === undefined ? {} : { headers }) });
  const remove = (id: string, headers?: Readonly<Record<string, string>>): Promise<Answer> =>
    api.send('DELETE', `/v1/orders/${id}`, headers === undefined ? {} : { headers });

  it('DELETE takes a cancel: 202 and the order with its pendingCommand, everywhere it is shown', async () => {
    const id = await atBroker();
    const answer = await remove(id);
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe(`/v1/orders/${id}`);
    const pending = { kind: 'CANCEL', state: 'WAITING', terms: null, requestedBy: 'api:admin', sentAt: null };
    expect(answer.json).toMatchObject({ id, status: 'OPEN', pendingCommand: pending });
    expect(answer.json).toMatchObject({ modificationsUsed: 0, modificationsLeft: 25 });
    expect((await api.get(`/v1/orders/${id}`)).json).toMatchObject({
      pendingCommand: pending,
      commands: [{ kind: 'CANCEL', state: 'WAITING', outcome: null }],
    });
    const list = (await api.get('/v1/orders')).json as { items: { id: string; pendingCommand: unknown }[] };
    expect(list.items.find((order) => order.id === id)?.pendingCommand).toMatchObject(pending);
    expect(list.items.some((order) => order.id !== id && order.pendingCommand !== null)).toBe(false);
  });

  it('DELETE twice is the same as once, and both find the one command', async () => {
    const id = await atBroker();
    const [first, second] = [await remove(id), await remove(id)];
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.json.pendingCommand.id).toBe(first.json.pendingCommand.id);
    expect(await api.sql('select id from order_commands where order_id = $1', [id])).toHaveLength(1);
    expect(api.jobs.filter(({ queue }) => queue === 'command').at(-1)?.jobId).toBe(
      `${first.json.pendingCommand.id}-0`,
    );
  });

  it('a finished order is 409 ORDER_FINISHED for both', async () => {
    const id = await place();
    expect((await remove(id)).json).toMatchObject({ status: 'CANCELLED', pendingCommand: null });
    for (const answer of [await remove(id), await patch(id, { quantity: 5 })]) {
      expect([answer.status, answer.json.code]).toEqual([409, 'ORDER_FINISHED']);
      expect(answer.json.detail).toBe('The order is CANCELLED already.');
    }
  });

  it('an Idempotency-Key gives the same command again, also once the order is finished', async () => {
    const id = await place();
    const key = { 'idempotency-key': '"cancel-once"' };
    expect([(await remove(id, key)).status, (await remove(id, key)).status]).toEqual([202, 202]);
    const other = await place();
    expect((await remove(other, key)).json.code).toBe('IDEMPOTENCY_CONFLICT');
    expect((await patch(other, { quantity: 5 }, key)).json.code).toBe('IDEMPOTENCY_CONFLICT');
    expect((await remove(other, { 'idempotency-key': 'no spaces' })).json.code).toBe('INVALID_HEADER');
  });

  it('PATCH of an order at the broker takes a modify, and shows the old terms', async () => {
    const id = await atBroker();
    const answer = await patch(id, { quantity: 12, price: 2449.5 });
    expect(answer.status, answer.text).toBe(202);
    expect(answer.json).toMatchObject({
      quantity: 10,
      price: '2450.00',
      pendingCommand: { kind: 'MODIFY', terms: { quantity: 12, price: '2449.5' } },
    });
    const { timeline } = (await api.get(`/v1/orders/${id}`)).json as { timeline: { event: string }[] };
    expect(timeline.at(-1)).toMatchObject({
      event: 'CommandRequested',
      actor: 'api:admin',
      data: { command: 'MODIFY', terms: { quantity: 12 } },
    });
    expect((await remove(id)).json.pendingCommand.kind).toBe('CANCEL');
    expect((await patch(id, { quantity: 13 })).json.code).toBe('CANCEL_PENDING');
  });

  it('PATCH before it is at the broker changes the terms at once; another type drops the price it has no use for', async () => {
    const id = await place();
    const answer = await patch(id, { orderType: 'MARKET', takeProfit: null });
    expect(answer.json).toMatchObject({
      status: 'PENDING',
      orderType: 'MARKET',
      price: null,
      takeProfit: null,
    });
    expect(answer.json.stopLoss).toBe('2430.00');
  });

  it.each([
    ['a price off the tick', { price: '2450.03' }, 422, 'INVALID_ORDER', '/price'],
    ['no quantity at all', { quantity: 0 }, 422, 'INVALID_ORDER', '/quantity'],
    ['a trigger for a LIMIT order', { triggerPrice: '2449.00' }, 422, 'INVALID_ORDER', '/triggerPrice'],
    ['TTL without minutes', { validity: 'TTL' }, 422, 'INVALID_ORDER', '/validityMinutes'],
    ['nothing', {}, 400, 'INVALID_BODY', ''],
    ['an account alone', { accountId: 'main' }, 400, 'INVALID_BODY', ''],
    ['a term that can not change', { side: 'SELL' }, 400, 'INVALID_BODY', '/side'],
    ['null for the quantity', { quantity: null }, 400, 'INVALID_BODY', '/quantity'],
    ['a price that is no price', { price: true }, 400, 'INVALID_BODY', '/price'],
  ])('PATCH with %s is refused, naming it', async (_, body, status, code, pointer) => {
    const id = await place();
    const answer = await patch(id, body);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(answer.json.errors[0].pointer).toBe(pointer);
    expect((await api.get(`/v1/orders/${id}`)).json.commands).toEqual([]);
  });

  it('needs a trader, and for a token bound to a strategy an order of its own', async () => {
    const id = await place({ strategyId: 'mine' });
    const tokenOf = async (body: object): Promise<string> =>
      (await api.send('POST', '/v1/tokens', { body })).json.token as string;
    const viewer = await tokenOf({ name: 'change-viewer', role: 'viewer' });
    const other = await tokenOf({
      name: 'change-other',
      role: 'trader',
      accountId: 'main',
      strategyId: 'other',
    });
    const mine = await tokenOf({
      name: 'change-mine',
      role: 'trader',
      accountId: 'main',
      strategyId: 'mine',
    });
    const path = `/v1/orders/${id}`;
    expect((await api.send('DELETE', path, { token: viewer })).status).toBe(403);
    expect((await api.send('DELETE', path, { token: other })).status).toBe(404);
    expect((await api.send('PATCH', path, { token: other, body: { quantity: 5 } })).status).toBe(404);
    expect((await api.send('PATCH', path, { token: mine, body: { quantity: 5 } })).status).toBe(202);
    expect((await api.send('DELETE', path, { token: mine })).status).toBe(202);
  });

  it('an order that is not there is 404, an id that is none 400', async () => {
    expect((await remove('01234567-89ab-7def-8123-456789abcdef')).status).toBe(404);
    expect((await remove('nonsense')).status).toBe(400);
  });
});
