/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-argument,
   @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call --
   answers are JSON, looked into freely */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SETTLED_AT_MOST } from '../../../src/domain/signal.ts';
import { fill } from './fills.ts';
import { type Answer, type ApiFixture, type SendOptions, startApiFixture } from './support.ts';

const BOUND = { strategyId: 'chart', instruments: ['NSE:INFY', 'NSE:RELIANCE'], maxQuantity: 10 };
/** An answer is due within this; the fastest of several, for a machine that is busy. */
const ANSWER_MS = 100;

let api: ApiFixture;
let path: string;
let hookId: string;
let names = 0;

beforeAll(async () => {
  api = await startApiFixture();
});
afterAll(() => api.close());
/** A strategy of its own for each test: targets are reached from what a strategy holds. */
beforeEach(async () => {
  const name = `chart-${++names}`;
  const made = await api.send('POST', '/v1/hooks', { body: { ...BOUND, name, strategyId: name } });
  expect(made.status, made.text).toBe(201);
  ({ path, id: hookId } = made.json);
});

const post = (body: unknown, options: SendOptions = {}): Promise<Answer> =>
  api.send('POST', path, { token: null, body, ...options });
/** As OpenAlgo's users write it, in the words of a chart. */
const alert = (changes: Readonly<Record<string, unknown>> = {}) => ({
  ...{ apikey: 'of another system', strategy: 'any name', exchange: 'NSE', symbol: 'INFY', product: 'MIS' },
  ...{ action: 'buy', quantity: '5', pricetype: 'LIMIT', price: '1580.00', trigger_price: '0' },
  ...{ disclosed_quantity: '0', stopLoss: '1570.00', takeProfit: '1610.00' },
  timenow: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
  ...changes,
});
const aim = (target: number, changes: Readonly<Record<string, unknown>> = {}) =>
  alert({ position_size: String(target), action: undefined, quantity: undefined, ...changes });
const events = async (kind: string) =>
  (await api.get(`/v1/journal?entity=${hookId}&kind=${kind}`)).json.items as { data: unknown }[];

describe('an alert of a chart', () => {
  test('is stored as an order of the strategy before it is answered, and goes through the checks', async () => {
    const before = api.jobs.length;
    const taken = await post(alert());
    expect(taken.status, taken.text).toBe(202);
    expect(taken.json.order).toMatchObject({
      ...{ strategyId: `chart-${names}`, status: 'PENDING', side: 'BUY', quantity: 5, orderType: 'LIMIT' },
      ...{ price: '1580.00', triggerPrice: null, stopLoss: '1570.00', takeProfit: '1610.00' },
    });
    expect(api.jobs.slice(before).map(({ queue }) => queue)).toEqual(['validate']);
    expect(api.brokerCalls).toEqual([]);
    const [entry] = await events('SignalTaken');
    expect(entry).toMatchObject({
      actor: `hook:chart-${names}`,
      origin: { tokenId: hookId },
      data: { orderId: taken.json.order.id, instrument: 'NSE:INFY', side: 'BUY', quantity: 5 },
    });
  });

  test('is taken as text too, as charts send what they do not take for JSON', async () => {
    const raw = JSON.stringify(alert());
    const taken = await post(undefined, { raw, headers: { 'content-type': 'text/plain; charset=utf-8' } });
    expect(taken.status, taken.text).toBe(202);
  });

  test('that comes again, also at the same moment, is the same order', async () => {
    const same = alert({ id: 'cross 17' });
    const answers = await Promise.all([post(same), post(same), post(same)]);
    const later = await post(same);
    const ids = new Set([...answers, later].map(({ json }) => json.order.id as string));
    expect(ids.size).toBe(1);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 202]);
    expect(later.status).toBe(200);
    expect((await post({ ...same, quantity: '6' })).json.code).toBe('IDEMPOTENCY_CONFLICT');
    const twin = alert({ quantity: '4' });
    expect([(await post(twin)).status, (await post(twin)).status]).toEqual([202, 200]);
  });

  test.each([
    ['older than a minute', { timenow: new Date(Date.now() - 61_000).toISOString() }, '/timenow', 'STALE'],
    ['of the future', { timenow: new Date(Date.now() + 90_000).toISOString() }, '/timenow', 'AHEAD'],
    ['about another instrument', { symbol: 'M&M' }, '/symbol', 'NOT_OF_HOOK'],
    ['over the size', { quantity: '11' }, '/quantity', 'MAX'],
    ['that aims over the size', { position_size: '-11' }, '/position_size', 'MAX'],
    ['without a side', { action: undefined }, '/action', 'REQUIRED'],
    ['off the tick', { price: '1580.01' }, '/price', 'TICK_SIZE'],
  ])('%s is refused, and the journal says so', async (_what, changes, pointer, code) => {
    const refused = await post(alert(changes));
    expect(refused.status, refused.text).toBe(422);
    expect(refused.json).toMatchObject({ code: 'SIGNAL_REFUSED', errors: [{ pointer, code }] });
    expect(await events('SignalRefused')).toMatchObject([{ data: { errors: [{ pointer, code }] } }]);
    expect((await api.get(`/v1/orders?strategyId=chart-${names}`)).json.items).toEqual([]);
  });

  test('without a time, or with a field that nobody knows, is refused before anything', async () => {
    for (const wrong of [
      { timenow: undefined },
      { stop_loss: '1570' },
      { quantity: '1.5' },
      { action: 'HOLD' },
    ]) {
      const refused = await post(alert(wrong));
      expect([refused.status, refused.json.code], JSON.stringify(wrong)).toEqual([400, 'INVALID_BODY']);
    }
    expect(await events('SignalRefused')).toEqual([]);
  });
});

describe('a target position', () => {
  test('counts what is under way, so that two alerts at once never add up', async () => {
    const answers = await Promise.all([post(aim(5, { id: 'a' })), post(aim(5, { id: 'b' }))]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 202]);
    expect((await api.get(`/v1/orders?strategyId=chart-${names}`)).json.items).toHaveLength(1);
  });

  test('that was reached stays so for its alert: it orders nothing when it comes again and the position has changed', async () => {
    const first = await post(aim(5, { id: 'a' }));
    expect(first.status, first.text).toBe(202);
    const reached = aim(5, { id: 'b' });
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(reached)));
    for (const answer of answers) expect(answer).toMatchObject({ status: 200, json: { order: null } });
    expect(await events('SignalTaken')).toHaveLength(2);
    expect((await api.send('DELETE', `/v1/orders/${first.json.order.id}`)).status).toBe(202);
    expect((await api.get(`/v1/orders/${first.json.order.id}`)).json).toMatchObject({ status: 'CANCELLED' });

    const again = await Promise.all(Array.from({ length: 5 }, () => post(reached)));
    for (const answer of again) expect(answer).toMatchObject({ status: 200, json: { order: null } });
    expect((await post({ ...reached, position_size: '6' })).status).toBe(409);
    expect((await post(aim(5, { id: 'c' }))).status).toBe(202);
    expect((await api.get(`/v1/orders?strategyId=chart-${names}`)).json.items).toHaveLength(2);
  });

  test('never enters from before what the hook remembers, however many targets were reached', async () => {
    const now = Date.now();
    const raised = (ms: number) => ({ timenow: new Date(now + ms).toISOString() });
    const full = Array.from({ length: SETTLED_AT_MOST }, (_, at) => ({
      ...{ key: `tv-${at}`, content: 'c', until: new Date(now + 40_000 + at).toISOString() },
    }));
    await api.sql('update signal_hooks set settled = $1 where id = $2', [JSON.stringify(full), hookId]);
    const old = aim(5, { id: 'old', ...raised(-20_001) });
    for (const refused of [await post(old), await post(old)]) {
      expect(refused.status, refused.text).toBe(422);
      expect(refused.json.errors).toMatchObject([{ pointer: '/timenow', code: 'STALE' }]);
    }
    expect((await post(aim(0, { id: 'reached', ...raised(-1000) }))).json).toMatchObject({ order: null });
    const [row] = await api.sql<{ settled: { key: string }[] }>(
      'select settled from signal_hooks where id = $1',
      [hookId],
    );
    expect(row!.settled).toHaveLength(SETTLED_AT_MOST);
    expect(row!.settled.map(({ key }) => key)).not.toContain('tv-0');
    expect((await post(aim(5, { id: 'new', ...raised(0) }))).status).toBe(202);
  });

  test('is reached from what is held, with a reduceOnly exit towards nothing', async () => {
    const entered = await post(
      aim(10, { symbol: 'RELIANCE', price: '2450.00', stopLoss: '2440.00', takeProfit: '2480.00' }),
    );
    const { id } = entered.json.order;
    await api.context.withAccount({
      accountId: 'main',
      actor: 'test',
      needs: { orders: [id] },
      run: (view) => {
        const checked = {
          openingQuantity: 10,
          marginPerUnit: '490',
          riskPerUnit: '10',
          referencePrice: '2450',
        };
        const order = view.apply(view.order(id)!, { kind: 'OrderValidated', ...checked });
        const at = view.now.toISOString();
        const claim = { attempt: 1, tag: `T${id.replaceAll('-', '').slice(-15)}` };
        const claimed = view.apply(order, {
          ...{ kind: 'SubmissionClaimed', ...claim, notBefore: at, sendBy: at, resolveAt: at },
        });
        view.apply(claimed, { kind: 'OrderSubmitted', attempt: 1, brokerOrderId: `H${id}`, via: 'ANSWER' });
      },
    });
    await fill(api, id, 10, '2450');
    const left = await post(aim(0, { symbol: 'RELIANCE', pricetype: 'MARKET', price: undefined }));
    expect(left.json.order).toMatchObject({
      ...{ side: 'SELL', quantity: 10, reduceOnly: true, role: 'EXIT', stopLoss: null },
    });
  });
});

describe('the address', () => {
  test('is the secret: in no row, no log, no answer and no journal; strangers are refused', async () => {
    const secret = path.split('/').pop()!;
    await post(alert());
    await post({ nonsense: true });
    const rows = await api.sql(`select (select json_agg(h) from signal_hooks h)::text as hooks,
      (select string_agg(data, ' ') from journal) as journal`);
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(JSON.stringify(api.log)).not.toContain(secret);
    expect((await api.get('/v1/hooks')).text).not.toContain(secret);
    for (const wrong of [
      `/hooks/tradingview/${'x'.repeat(32)}`,
      '/hooks/tradingview/x',
      '/hooks/tradingview/%00',
    ]) {
      expect((await api.send('POST', wrong, { token: null, body: alert() })).status, wrong).toBe(401);
    }
    expect((await api.send('GET', path, { token: null })).status).toBe(405);
  });

  test('is not logged when the request fails', async () => {
    const secret = path.split('/').pop()!;
    const broken = {
      ...api.context,
      withAccount: () => Promise.reject(new Error('a failure of this test')),
    };
    const failed = await post(alert(), { app: api.appWith({ context: broken }) });
    expect(failed.status).toBe(500);
    expect(JSON.stringify(api.log)).toContain('/hooks/tradingview/…');
    expect(JSON.stringify(api.log)).not.toContain(secret);
  });

  test('ends at once when it is revoked, twice is the same as once', async () => {
    const revoke = () => api.send('DELETE', `/v1/hooks/${hookId}`);
    const first = await revoke();
    expect((await revoke()).json).toEqual(first.json);
    expect((await post(alert())).status).toBe(401);
    expect(await events('SignalHookRevoked')).toHaveLength(1);
  });

  test('is limited in its rate as a token is', async () => {
    const app = api.appWith({ rateLimitPerMinute: 2 });
    const statuses = [];
    for (let n = 1; n <= 3; n++) statuses.push((await post(alert({ id: `n${n}` }), { app })).status);
    expect(statuses).toEqual([202, 202, 429]);
  });

  test('answers within 100 ms', async () => {
    let fastest = Infinity;
    for (let n = 0; n < 20; n++) {
      const began = performance.now();
      await post(alert({ id: `speed ${n}` }));
      fastest = Math.min(fastest, performance.now() - began);
    }
    expect(fastest).toBeLessThan(ANSWER_MS);
  });
});
