import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type ApiFixture, startApiFixture } from './support.ts';

/** What these tests look at of an order or a refusal. */
interface Body {
  readonly id: string;
  readonly statusReason: string;
  readonly version: number;
  readonly status: string;
  readonly evidence: unknown;
  readonly code: string;
  readonly token: string;
}

const bodyOf = ({ json }: Answer): Body => json as Body;

/** No broker answers here: what was seen of its book before is all there is. */
describe('resolving an order in doubt over HTTP', () => {
  let api: ApiFixture;

  beforeAll(async () => {
    api = await startApiFixture();
  });
  afterAll(async () => {
    await api.close();
  });

  let made = 0;
  /** An order whose one attempt had no answer. */
  const inDoubt = async (): Promise<{ id: string; tag: string }> => {
    const answer = await api.send('POST', '/v1/orders', {
      body: {
        ...{ clientOrderId: `doubt-${(made += 1)}`, symbol: 'RELIANCE', exchange: 'NSE', side: 'BUY' },
        ...{ quantity: 10, orderType: 'LIMIT', product: 'MIS', price: '2450.00' },
        ...{ stopLoss: '2430.00', takeProfit: '2491.00' },
      },
    });
    expect(answer.status, answer.text).toBe(202);
    const id = bodyOf(answer).id;
    const tag = `T${id.replaceAll('-', '').slice(-19)}`;
    await api.sql(
      `update orders set status = 'UNKNOWN', attempt = 1, attempt_tag = $2, claimed_at = now(), send_by = now(),
        next_step_at = null, margin_per_unit = 100, opening_quantity = quantity where id = $1`,
      [id, tag],
    );
    await api.sql(
      `insert into order_attempts (account_id, order_id, attempt, tag, claimed_at, not_before, send_by, claim_id, outcome)
       values ('main', $1, 1, $2, now(), now(), now(), $1, 'UNKNOWN')`,
      [id, tag],
    );
    return { id, tag };
  };
  const resolve = (id: string, body: unknown, token?: string): Promise<Answer> =>
    api.send('POST', `/v1/orders/${id}/resolve`, { body, ...(token === undefined ? {} : { token }) });

  it('never placed: 200 and the order REJECTED by the OMS with who decided; again: the same', async () => {
    const { id } = await inDoubt();
    const first = await resolve(id, { decision: 'neverPlaced', reason: 'the dealer has no such order' });
    expect(first.status, first.text).toBe(200);
    expect(first.json).toMatchObject({ id, status: 'REJECTED', rejectedBy: 'OMS', cause: 'REQUEST' });
    expect(bodyOf(first).statusReason).toContain('api:admin: the dealer has no such order');
    const again = await resolve(id, { decision: 'neverPlaced', reason: 'pressed twice' });
    expect(again.status).toBe(200);
    expect(bodyOf(again).version).toBe(bodyOf(first).version);
  });

  it('adopt: the broker order that was seen before, where the broker does not answer now', async () => {
    const { id, tag } = await inDoubt();
    const raw = {
      exchange: 'NSE',
      tradingsymbol: 'RELIANCE',
      product: 'MIS',
      transaction_type: 'BUY',
      quantity: 10,
    };
    await api.sql(
      `insert into broker_orders (account_id, day, broker_order_id, status, filled_quantity, raw, first_seen_at, last_seen_at)
       values ('main', sauda.trading_day(sauda.clock()), '1953341975595868160', 'OPEN', 0, $1, now(), now())`,
      [JSON.stringify(raw)],
    );
    await api.sql(
      `insert into broker_reads (account_id, id, kind, started_at, clean, rows_count, searched)
       values ('main', $1, 'ORDERS', sauda.clock() + interval '1 second', true, 3, jsonb_build_object($2::text, false))`,
      [id, tag],
    );
    const shown = await api.get(`/v1/orders/${id}`);
    expect(bodyOf(shown).evidence).toMatchObject({
      readCount: 1,
      cleanCount: 1,
      ...{ tradeReadCount: 0, strayTradeCount: 0 },
      reads: [{ clean: true, rows: 3, found: false, ofItsDay: true, fault: null }],
      candidates: [{ brokerOrderId: '1953341975595868160', side: 'BUY', quantity: 10, status: 'OPEN' }],
    });
    const answer = await resolve(id, {
      ...{ decision: 'adopt', brokerOrderId: '1953341975595868160', reason: 'the app shows it' },
    });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json).toMatchObject({ status: 'SUBMITTED', brokerOrderId: '1953341975595868160' });
  });

  it.each([
    ['a broker order that nobody saw', { decision: 'adopt', brokerOrderId: '1' }, 'BROKER_ORDER_NOT_FOUND'],
    ['no broker order at all', { decision: 'adopt' }, 'BROKER_ORDER_NOT_FOUND'],
    ['an order whose day is not over', { decision: 'expired' }, 'ORDER_NOT_UNKNOWN'],
  ])('%s: 409 with a code, and the order stays in doubt', async (_, body, code) => {
    const { id } = await inDoubt();
    const answer = await resolve(id, { ...body, reason: 'a guess' });
    expect(answer.status).toBe(409);
    expect(bodyOf(answer).code).toBe(code);
    expect(bodyOf(await api.get(`/v1/orders/${id}`)).status).toBe('UNKNOWN');
  });

  it('an order that is not in doubt: 409 ORDER_NOT_UNKNOWN; one that is not there: 404', async () => {
    const { id } = await inDoubt();
    await resolve(id, { decision: 'neverPlaced', reason: 'asked' });
    const adopt = await resolve(id, { decision: 'adopt', brokerOrderId: '1', reason: 'too late' });
    expect([adopt.status, bodyOf(adopt).code]).toEqual([409, 'ORDER_NOT_UNKNOWN']);
    const nobody = await resolve('0198f000-0000-7000-8000-00000000dead', {
      ...{ decision: 'neverPlaced', reason: 'asked' },
    });
    expect(nobody.status).toBe(404);
  });

  it.each([
    ['no reason', { decision: 'neverPlaced' }],
    ['an unknown decision', { decision: 'retry', reason: 'x' }],
    ['an unknown field', { decision: 'neverPlaced', reason: 'x', force: true }],
  ])('%s: 400', async (_, body) => {
    const { id } = await inDoubt();
    expect((await resolve(id, body)).status).toBe(400);
  });

  it('needs an operator: a trader may not', async () => {
    const { id } = await inDoubt();
    const made = await api.send('POST', '/v1/tokens', { body: { name: 'a-trader', role: 'trader' } });
    expect(made.status, made.text).toBe(201);
    const answer = await resolve(id, { decision: 'neverPlaced', reason: 'x' }, bodyOf(made).token);
    expect([answer.status, bodyOf(answer).code]).toEqual([403, 'FORBIDDEN']);
  });
});
