import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type InputChanges, NIFTY_PUT, price, verdictOf } from '../../unit/risk/fixtures.ts';
import { ADMIN_TOKEN, type Answer, type ApiFixture, goodOrder, startApiFixture } from './support.ts';

/**
 * The bad inputs of reliability.md section 5.3, row by row under its own number and family: what is refused is refused with its code, and
 * leaves no order, no entry, no job and no call of the broker; what only looks bad is taken as it is. The rest of each
 * family is in bad-orders.test.ts; rows of other doors name the test that knocks there.
 */
let api: ApiFixture;
beforeAll(async () => {
  api = await startApiFixture();
});
afterAll(() => api.close());

const traces = async () => ({
  rows: await api.sql('select (select count(*) from orders) orders, (select count(*) from journal) entries'),
  jobs: api.jobs.length,
  brokerCalls: api.brokerCalls.length,
});

type Body = string | Uint8Array | Record<string, unknown>;
const place = (body: Body, headers: Readonly<Record<string, string>> = {}): Promise<Answer> => {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  return api.send('POST', '/v1/orders', { ...(isRaw ? { raw: body } : { body }), headers });
};
/** An order with one member as exact JSON text. */
const raw = (name: string, text: string): string => {
  const rest = Object.entries(goodOrder()).filter(([other]) => other !== name);
  return `${JSON.stringify(Object.fromEntries(rest)).slice(0, -1)},${JSON.stringify(name)}:${text}}`;
};
const option = (changes: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const unguarded = { stopLoss: null, takeProfit: null };
  const of = { symbol: 'NIFTY99DEC24000CE', exchange: 'NFO', product: 'NRML', price: '100.05', quantity: 75 };
  return goodOrder({ ...of, ...unguarded, ...changes });
};
const each = (name: string, texts: readonly string[], status: number, code: string): Row[] =>
  texts.map((text) => [`${name} ${text}`, raw(name, text), status, code]);

/** What is sent, the status, and the code: of the field, else of the whole. */
type Row = readonly [
  what: string,
  body: Body,
  status: number,
  code: string,
  headers?: Record<string, string>,
];

const REFUSED: Readonly<Record<string, readonly Row[]>> = {
  '1 to 8, quantities': [
    ['NaN', raw('quantity', 'NaN'), 400, 'BAD_JSON'],
    ['1e309', raw('quantity', '1e309'), 400, 'BAD_JSON'],
    ['1.5', raw('quantity', '1.5'), 400, 'NOT_INTEGER'],
    ...each('quantity', ['"１０"', '"10"', '" 10 "', '"0x10"', '""', '[5]', 'true', 'null'], 400, 'TYPE'),
    ...each('quantity', ['-0', '0', '-5'], 422, 'MIN'),
  ],
  '9, lots': [['74 of lots of 75', option({ quantity: 74 }), 422, 'LOT_SIZE']],
  '11 to 14, prices': [
    ['between ticks', option({ price: '100.07' }), 422, 'TICK_SIZE'],
    ...each('price', ['"1,000.50"', '"1e2"', '"+100"', '".5"', '"100."'], 400, 'FORMAT'),
    ['a third decimal', goodOrder({ symbol: 'INFY', price: '100.005' }), 422, 'TICK_SIZE'],
    ['zero', goodOrder({ price: '0.00' }), 422, 'MIN'],
    ['LIMIT without one', goodOrder({ price: null }), 422, 'REQUIRED'],
    ['MARKET with one', goodOrder({ orderType: 'MARKET' }), 422, 'NOT_ALLOWED'],
    ['SL without a trigger', goodOrder({ orderType: 'SL' }), 422, 'REQUIRED'],
    ['a trigger beyond', goodOrder({ orderType: 'SL', triggerPrice: '2460' }), 422, 'PRICE_SIDE'],
  ],
  '17 to 20, symbols': [
    ['full-width', goodOrder({ symbol: 'ＩＮＦＹ' }), 422, 'UNKNOWN_SYMBOL'],
    ['an index', goodOrder({ symbol: 'NIFTY 50' }), 422, 'NOT_TRADABLE'],
    ['SQL', goodOrder({ symbol: "INFY'; DROP TABLE orders;--" }), 422, 'UNKNOWN_SYMBOL'],
  ],
  '21 and 22, tags, which are ours alone': ['<img src=x onerror=alert(1)>', 'a'.repeat(21), 'a@b', 'S1'].map(
    (tag): Row => [tag, goodOrder({ tag }), 400, 'UNKNOWN_FIELD'],
  ),
  '23 and 26, ids of the caller': [
    ['U+0000', raw('clientOrderId', '"a\\u0000b"'), 400, 'BAD_JSON'],
    ...each('clientOrderId', ['"../../x"', '"a:b"'], 400, 'FORMAT'),
  ],
  '31, fields of the language': each('__proto__', ['{"admin":true}'], 400, 'UNKNOWN_FIELD').concat(
    each('constructor', ['{"prototype":{}}'], 400, 'UNKNOWN_FIELD'),
  ),
  '33 to 37, sizes, encodings and bytes': [
    ['1 MB', ' '.repeat(1_000_000), 413, 'BODY_TOO_LARGE'],
    ['20 MB', ' '.repeat(20_000_000), 413, 'BODY_TOO_LARGE'],
    ['a long field', raw('metadata', `{"note":"${'a'.repeat(200_000)}"}`), 413, 'BODY_TOO_LARGE'],
    ['gzip', goodOrder(), 415, 'UNSUPPORTED_MEDIA_TYPE', { 'content-encoding': 'gzip' }],
    ['no UTF-8', new Uint8Array([0x22, 0xff, 0xfe, 0x22]), 400, 'BAD_JSON'],
    ['a byte order mark', `\ufeff${JSON.stringify(goodOrder())}`, 400, 'BAD_JSON'],
  ],
  '38 and 39, words and dates': [
    ...each('side', ['"buy"', '"BUY "', '["BUY"]'], 400, 'ENUM'),
    ...each('valid_until', ['"2026-02-30"'], 400, 'UNKNOWN_FIELD'),
  ],
  '42, contracts': [
    ['expired', option({ symbol: 'NIFTY20JAN12000CE' }), 422, 'EXPIRED_CONTRACT'],
    ['NFO with CNC', option({ product: 'CNC' }), 422, 'PRODUCT_FOR_EXCHANGE'],
  ],
};

describe.each(Object.entries(REFUSED))('reliability.md 5.3, %s: refused', (_, rows) => {
  const named = rows.map((row) => [row[0], row] as const);
  it.each(named)('%s', async (_what, [, body, status, code, headers]) => {
    const before = await traces();
    const answer = await place(body, headers);
    expect(answer.status, answer.text).toBe(status);
    const { errors = [], code: whole } = answer.json as { errors?: { code: string }[]; code: string };
    expect([whole, ...errors.map((one) => one.code)]).toContain(code);
    expect(answer.text).not.toMatch(/at .*\.ts:|node_modules|onerror|select |insert /);
    expect(await traces()).toEqual(before);
    expect(Object.hasOwn(Object.prototype, 'admin')).toBe(false);
  });
});

describe('reliability.md 5.3: taken as it is', () => {
  it.each<readonly [string, Body, Record<string, unknown>]>([
    ['5, 1e0', raw('quantity', '1e0'), { quantity: 1 }],
    ['11, a price on its tick', option({}), { price: '100.05' }],
    ['12, 8.2, which is 8.20 and no fraction less', raw('price', '2450.2'), { price: '2450.20' }],
    ['19, M&M', goodOrder({ symbol: 'M&M' }), { symbol: 'M&M' }],
    ['19, BAJAJ-AUTO', goodOrder({ symbol: 'BAJAJ-AUTO' }), { symbol: 'BAJAJ-AUTO' }],
    ['21, a note', goodOrder({ metadata: { note: '<b>' } }), { metadata: { note: '<b>' } }],
    ['26, an id of digits', goodOrder({ clientOrderId: '123' }), { clientOrderId: '123' }],
  ])('%s', async (_what, body, stored) => {
    const answer = await place(body);
    expect(answer.status, answer.text).toBe(202);
    const { id } = answer.json as { id: string };
    expect((await api.get(`/v1/orders/${id}`)).json).toMatchObject(stored);
    expect(api.jobs.at(-1)?.jobId).not.toBe('123');
  });

  it('27 and 29, the same id: the first order again, or a conflict', async () => {
    const order = goodOrder();
    const first = await place(order);
    const before = await traces();
    expect(await place(order)).toMatchObject({
      status: 200,
      json: { id: (first.json as { id: string }).id },
    });
    const other = await place({ ...order, quantity: 11 });
    expect(other).toMatchObject({ status: 409, json: { code: 'IDEMPOTENCY_CONFLICT' } });
    expect((await traces()).rows).toEqual(before.rows);
  });

  it('43, ids of orders: what is not there is 404, what is none is 400', async () => {
    expect((await api.get(`/v1/orders/${api.context.newId()}`)).status).toBe(404);
    for (const id of ['not-a-uuid', encodeURIComponent("' or 1=1")]) {
      expect((await api.get(`/v1/orders/${id}`)).status, id).toBe(400);
    }
  });

  it('45 and 46, headers and tokens: one answer for every wrong one, and nothing overrides', async () => {
    const wrong = [null, 'wrong', 'x'.repeat(10_000)];
    const answers = await Promise.all(wrong.map((token) => api.send('GET', '/v1/orders', { token })));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const from = { 'x-forwarded-for': '127.0.0.1' };
    expect((await api.send('GET', '/v1/orders', { token: null, headers: from })).status).toBe(401);
    const headers = { authorization: `bearer ${ADMIN_TOKEN}`, 'x-http-method-override': 'POST' };
    const orders = await api.sql('select id from orders order by id');
    expect((await api.send('GET', '/v1/orders', { token: null, headers })).status).toBe(200);
    expect(await api.sql('select id from orders order by id')).toEqual(orders);
  });
});

/** NSE on 15 July 2026, a Wednesday; delivery, which has no last entry before the close. */
const nse = (time: string, holidays: readonly string[] = []): InputChanges => ({
  ...{ at: new Date(`2026-07-15T${time}+05:30`), order: { product: 'CNC' } },
  session: { hours: 'exchange', holidays },
});

describe('reliability.md 5.3: what the market decides, with the checks', () => {
  it.each<readonly [string, string, InputChanges, 'PASS' | 'FAIL']>([
    [
      '9, over the freeze quantity',
      'QUANTITY_LIMITS',
      { instrument: NIFTY_PUT, order: { quantity: 1875, product: 'NRML' }, limits: { maxPositionSize: 0 } },
      'FAIL',
    ],
    ['15, over the band', 'PRICE_SANITY', { price: price({ upperCircuit: '2449.95' }) }, 'FAIL'],
    ['15, at its edge', 'PRICE_SANITY', { price: price({ upperCircuit: '2450.00' }) }, 'PASS'],
    ['41, 15:29:59.999', 'SESSION', nse('15:29:59.999'), 'PASS'],
    ['41, 15:30:00', 'SESSION', nse('15:30:00.000'), 'FAIL'],
    ['41, the evening, Muhurat or not: no session is taken for granted', 'SESSION', nse('18:30:00'), 'FAIL'],
    ['41, a holiday', 'SESSION', nse('11:00:00', ['2026-07-15']), 'FAIL'],
  ])('%s', (_what, check, changes, verdict) => {
    expect(verdictOf(check, changes).verdict).toBe(verdict);
  });
});

describe('reliability.md 5.3: other doors have tests of their own', () => {
  it.each([
    ['47, postbacks', 'api/kite-login', 'of a wrong form or size is refused and leaves no trace'],
    ['47, postbacks', 'api/kite-login', 'is a hint to read again: nothing of what it says is believed'],
    ['49, a stranger', 'telegram/commands', 'a stranger gets no answer to words or presses'],
    ['49, a group', 'telegram/commands', 'nobody who speaks as a group or as a bot'],
    ['49, the same update twice', 'telegram/webhook', 'the same update twice is once'],
  ])('%s: %s, "%s"', (_row, file, title) => {
    expect(readFileSync(`test/integration/${file}.test.ts`, 'utf8')).toContain(title);
  });
});
