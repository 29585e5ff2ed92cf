import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type ApiFixture, startApiFixture } from './support.ts';

interface Run {
  readonly id: string;
  readonly status: string;
  readonly fault: string | null;
  readonly code: string;
  readonly items: readonly { readonly id: string; readonly quantity: number; readonly managedBy: string }[];
}

const bodyOf = ({ json }: Answer): Run => json as Run;
const ADJUST = '/v1/positions/NSE/RELIANCE/adjust';

/** No broker answers here. */
describe('reconciliations over HTTP', () => {
  let api: ApiFixture;

  beforeAll(async () => {
    api = await startApiFixture();
  });
  afterAll(async () => {
    await api.close();
  });

  it('a run that can not read the broker is FAILED, says so, and is listed', async () => {
    const answer = await api.send('POST', '/v1/reconciliations', {});
    expect(answer.status, answer.text).toBe(200);
    const { id } = bodyOf(answer);
    expect(answer.json).toMatchObject({
      accountId: 'main',
      status: 'FAILED',
      differences: [],
      startedBy: 'api:admin',
    });
    expect(bodyOf(answer).fault).not.toBeNull();
    expect((await api.get(`/v1/reconciliations/${id}`)).json).toEqual(answer.json);
    const listed = await api.get('/v1/reconciliations?status=FAILED&limit=1');
    expect(bodyOf(listed).items.map((row) => row.id)).toEqual([id]);
    expect(bodyOf(await api.get('/v1/reconciliations?status=CLEAN')).items).toEqual([]);
  });

  it('an unknown run, difference or id is refused', async () => {
    const nobody = '/v1/reconciliations/0198f000-0000-7000-8000-000000000001';
    expect((await api.get(nobody)).status).toBe(404);
    expect((await api.get('/v1/reconciliations/x')).status).toBe(400);
    const approve = (path: string) => api.send('POST', path, { body: { reason: 'x' } });
    expect((await approve(`${nobody}/differences/0/approve`)).status).toBe(404);
    expect((await approve(`${nobody}/differences/one/approve`)).status).toBe(400);
  });

  it('a forced adjustment needs a reason, a product and, from nothing, a price; then it is booked', async () => {
    const adjust = (body: object) => api.send('POST', ADJUST, { body });
    expect((await adjust({ product: 'MIS', quantity: 5 })).status).toBe(400);
    expect((await adjust({ quantity: 5, reason: 'x' })).status).toBe(400);
    expect((await adjust({ product: 'MIS', quantity: 0.5, reason: 'x' })).status).toBe(400);
    const unpriced = await adjust({ product: 'MIS', quantity: 5, reason: 'x' });
    expect([unpriced.status, bodyOf(unpriced).code]).toEqual([422, 'ADJUSTMENT_REFUSED']);
    const done = await adjust({ product: 'MIS', quantity: 5, price: '2400', reason: 'bought by phone' });
    expect(done.status, done.text).toBe(200);
    expect(bodyOf(done).items).toMatchObject([{ quantity: 5, managedBy: 'EXTERNAL' }]);
    const nothing = await api.send('POST', '/v1/positions/NSE/NOBODY/adjust', {
      body: { product: 'MIS', quantity: 5, price: '1', reason: 'x' },
    });
    expect(nothing.status).toBe(404);
  });

  it('needs an operator: a trader may read and no more', async () => {
    const made = await api.send('POST', '/v1/tokens', { body: { name: 'a-trader', role: 'trader' } });
    const { token } = made.json as { token: string };
    const body = { product: 'MIS', quantity: 0, reason: 'x' };
    expect((await api.send('POST', ADJUST, { body, token })).status).toBe(403);
    expect((await api.send('POST', '/v1/reconciliations', { token })).status).toBe(403);
    expect((await api.send('GET', '/v1/reconciliations', { token })).status).toBe(200);
  });
});
