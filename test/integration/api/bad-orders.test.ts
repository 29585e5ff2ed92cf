/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment --
   answers are JSON, looked into freely */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type ApiFixture, type SendOptions, goodOrder, startApiFixture } from './support.ts';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApiFixture();
});
afterAll(() => api.close());

/** What a refused request must leave as it was. */
const traces = async () => ({
  orders: (await api.sql('select count(*) from orders'))[0],
  journal: (await api.sql('select count(*) from journal'))[0],
  strategies: (await api.sql('select count(*) from strategies'))[0],
  jobs: api.jobs.length,
  brokerCalls: api.brokerCalls.length,
});

async function refused(options: SendOptions, path = '/v1/orders'): Promise<Answer> {
  const before = await traces();
  const answer = await api.send('POST', path, options);
  expect(await traces()).toEqual(before);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.json).toMatchObject({
    type: expect.stringMatching(/^urn:sauda:problem:/),
    title: expect.any(String),
    status: answer.status,
    detail: expect.any(String),
    code: expect.any(String),
  });
  expect(answer.text).not.toMatch(/at .*\.ts:|node_modules|select |insert /);
  return answer;
}

/** The request with one member replaced by exact JSON text. */
function rawOrder(name: string, text: string, changes: Readonly<Record<string, unknown>> = {}): string {
  const rest = Object.fromEntries(Object.entries(goodOrder(changes)).filter(([other]) => other !== name));
  return `${JSON.stringify(rest).slice(0, -1)},${JSON.stringify(name)}:${text}}`;
}

const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

describe('a body that is not I-JSON is 400 BAD_JSON', () => {
  test.each([
    ['nothing', ''],
    ['half an object', '{"symbol":'],
    ['words', 'symbol=RELIANCE'],
    ['two documents', '{}{}'],
    ['a trailing comma', '{"symbol":"INFY",}'],
    ['a single quoted name', "{'symbol':1}"],
    ['NaN', rawOrder('quantity', 'NaN')],
    ['Infinity', rawOrder('quantity', '-Infinity')],
    ['1e309, which a double can not hold', rawOrder('quantity', '1e309')],
    ['a leading zero', rawOrder('quantity', '010')],
    ['hexadecimal', rawOrder('quantity', '0x10')],
    ['a plus sign', rawOrder('quantity', '+10')],
    ['a name given twice', rawOrder('quantity', '10,"quantity":1000')],
    ['a name given twice, once escaped', rawOrder('quantity', '10,"quantit\\u0079":1000')],
    ['a name given twice in metadata', rawOrder('metadata', '{"a":{"b":1,"b":2}}')],
    ['a lone surrogate', rawOrder('metadata', '{"note":"\\ud800"}')],
    ['a lone surrogate in a name', rawOrder('metadata', '{"\\udc00":1}')],
    ['a raw control character', rawOrder('metadata', '{"note":"a\u0001b"}')],
    ['U+0000, which Postgres can not store', rawOrder('metadata', '{"note":"a\\u0000b"}')],
    ['U+0000 in a clientOrderId', rawOrder('clientOrderId', '"a\\u0000b"')],
    ['a byte order mark', `\ufeff${JSON.stringify(goodOrder())}`],
    ['a number beyond the precision of a double', rawOrder('price', '2450.00000000000000001')],
    ['nesting without end', rawOrder('metadata', `{"a":${deep(20_000)}}`)],
    ['nesting beyond the bound', rawOrder('metadata', `{"a":${deep(40)}}`)],
  ])('%s', async (_, raw) => {
    const answer = await refused({ raw });
    expect(answer.status).toBe(400);
    expect(answer.json.code).toBe('BAD_JSON');
  });

  test('bytes that are not UTF-8', async () => {
    const good = Buffer.from(JSON.stringify(goodOrder({ metadata: { note: 'x' } })));
    const raw = Buffer.concat([good.subarray(0, -4), Buffer.from([0xff, 0xfe]), good.subarray(-4)]);
    const answer = await refused({ raw });
    expect(answer.status).toBe(400);
    expect(answer.json.code).toBe('BAD_JSON');
  });
});

describe('a field of a wrong type or name is 400 INVALID_BODY, and names the field', () => {
  test.each([
    ['quantity as text', rawOrder('quantity', '"10"'), '/quantity', 'TYPE'],
    ['quantity as text with spaces', rawOrder('quantity', '" 10 "'), '/quantity', 'TYPE'],
    ['quantity in full-width digits', rawOrder('quantity', '"１０"'), '/quantity', 'TYPE'],
    ['quantity as hexadecimal text', rawOrder('quantity', '"0x10"'), '/quantity', 'TYPE'],
    ['quantity as empty text', rawOrder('quantity', '""'), '/quantity', 'TYPE'],
    ['quantity as a list', rawOrder('quantity', '[5]'), '/quantity', 'TYPE'],
    ['quantity true', rawOrder('quantity', 'true'), '/quantity', 'TYPE'],
    ['quantity null', rawOrder('quantity', 'null'), '/quantity', 'TYPE'],
    ['quantity 1.5', rawOrder('quantity', '1.5'), '/quantity', 'NOT_INTEGER'],
    ['price in scientific text', rawOrder('price', '"1e2"'), '/price', 'FORMAT'],
    ['price with a thousands separator', rawOrder('price', '"1,000.50"'), '/price', 'FORMAT'],
    ['price with a plus sign', rawOrder('price', '"+100"'), '/price', 'FORMAT'],
    ['price without a whole part', rawOrder('price', '".5"'), '/price', 'FORMAT'],
    ['price with a bare point', rawOrder('price', '"100."'), '/price', 'FORMAT'],
    ['price with five decimals', rawOrder('price', '"100.00005"'), '/price', 'FORMAT'],
    ['price number with five decimals', rawOrder('price', '100.00005'), '/price', 'FORMAT'],
    ['price with a space', rawOrder('price', '" 100"'), '/price', 'FORMAT'],
    ['price with a line break at its end', rawOrder('price', '"100\\n"'), '/price', 'FORMAT'],
    ['price of twenty digits', rawOrder('price', '"99999999999999999999"'), '/price', 'FORMAT'],
    ['price Infinity', rawOrder('price', '"Infinity"'), '/price', 'FORMAT'],
    ['price empty', rawOrder('price', '""'), '/price', 'FORMAT'],
    ['price as a list', rawOrder('price', '["100"]'), '/price', 'TYPE'],
    ['price true', rawOrder('price', 'true'), '/price', 'TYPE'],
    ['stopLoss as an object', rawOrder('stopLoss', '{}'), '/stopLoss', 'TYPE'],
    ['side in lower case', rawOrder('side', '"buy"'), '/side', 'ENUM'],
    ['side with a space', rawOrder('side', '"BUY "'), '/side', 'ENUM'],
    ['side in a list', rawOrder('side', '["BUY"]'), '/side', 'ENUM'],
    ['exchange unheard of', rawOrder('exchange', '"LSE"'), '/exchange', 'ENUM'],
    ['product unheard of', rawOrder('product', '"BO"'), '/product', 'ENUM'],
    ['orderType unheard of', rawOrder('orderType', '"ICEBERG"'), '/orderType', 'ENUM'],
    ['I.1.a validity FOK, which Kite does not have', rawOrder('validity', '"FOK"'), '/validity', 'ENUM'],
    ['L.1.b an order by cash amount', rawOrder('amount', '5000'), '/amount', 'UNKNOWN_FIELD'],
    ['validity unheard of', rawOrder('validity', '"GTC"'), '/validity', 'ENUM'],
    ['variety unheard of', rawOrder('variety', '"co"'), '/variety', 'ENUM'],
    ['reduceOnly as text', rawOrder('reduceOnly', '"true"'), '/reduceOnly', 'TYPE'],
    ['symbol as a number', rawOrder('symbol', '738561'), '/symbol', 'TYPE'],
    ['symbol empty', rawOrder('symbol', '""'), '/symbol', 'RANGE'],
    ['symbol with a line break', rawOrder('symbol', '"INFY\\n"'), '/symbol', 'CONTROL_CHAR'],
    ['clientOrderId with a space', rawOrder('clientOrderId', '"a b"'), '/clientOrderId', 'FORMAT'],
    ['clientOrderId with a colon', rawOrder('clientOrderId', '"a:b"'), '/clientOrderId', 'FORMAT'],
    ['clientOrderId that climbs folders', rawOrder('clientOrderId', '"../../x"'), '/clientOrderId', 'FORMAT'],
    ['clientOrderId that is empty', rawOrder('clientOrderId', '""'), '/clientOrderId', 'FORMAT'],
    [
      'clientOrderId of 65 letters',
      rawOrder('clientOrderId', `"${'a'.repeat(65)}"`),
      '/clientOrderId',
      'FORMAT',
    ],
    ['clientOrderId with a tab', rawOrder('clientOrderId', '"a\\tb"'), '/clientOrderId', 'CONTROL_CHAR'],
    ['clientOrderId as a number', rawOrder('clientOrderId', '7'), '/clientOrderId', 'TYPE'],
    ['clientOrderId absent', rawOrder('clientOrderId', 'null'), '/clientOrderId', 'REQUIRED'],
    ['strategyId with a slash', rawOrder('strategyId', '"a/b"'), '/strategyId', 'FORMAT'],
    ['metadata as a list', rawOrder('metadata', '[1]'), '/metadata', 'TYPE'],
    ['metadata as text', rawOrder('metadata', '"x"'), '/metadata', 'TYPE'],
    ['metadata over 8 KiB', rawOrder('metadata', `{"a":"${'x'.repeat(8200)}"}`), '/metadata', 'TOO_LARGE'],
    [
      'metadata that swells when stored',
      rawOrder('metadata', `{"a":[${'1,'.repeat(4000)}1]}`),
      '/metadata',
      'TOO_LARGE',
    ],
    ['maxAgeMs below zero', rawOrder('maxAgeMs', '-1'), '/maxAgeMs', 'RANGE'],
    [
      'validityMinutes beyond an integer',
      rawOrder('validityMinutes', '99999999999'),
      '/validityMinutes',
      'RANGE',
    ],
    ['a field of ours: status', rawOrder('status', '"FILLED"'), '/status', 'UNKNOWN_FIELD'],
    ['a field of ours: brokerOrderId', rawOrder('brokerOrderId', '"1"'), '/brokerOrderId', 'UNKNOWN_FIELD'],
    ['a field of ours: role', rawOrder('role', '"EXIT"'), '/role', 'UNKNOWN_FIELD'],
    ['a field in another case', rawOrder('Symbol', '"INFY"'), '/Symbol', 'UNKNOWN_FIELD'],
    ['__proto__', rawOrder('__proto__', '{"admin":true}'), '/__proto__', 'UNKNOWN_FIELD'],
    [
      '__proto__, escaped',
      rawOrder('x', '1,"__pr\\u006fto__":{"admin":true}'),
      '/__proto__',
      'UNKNOWN_FIELD',
    ],
    [
      '__proto__ inside metadata',
      rawOrder('metadata', '{"__proto__":{}}'),
      '/metadata/__proto__',
      'UNKNOWN_FIELD',
    ],
    ['constructor', rawOrder('constructor', '{"prototype":{}}'), '/constructor', 'UNKNOWN_FIELD'],
    ['toString', rawOrder('toString', '1'), '/toString', 'UNKNOWN_FIELD'],
    ['a list in place of the order', '[]', '', 'TYPE'],
    ['null in place of the order', 'null', '', 'TYPE'],
    ['text in place of the order', '"x"', '', 'TYPE'],
  ])('%s', async (_, raw, pointer, code) => {
    const answer = await refused({ raw });
    expect(answer.json.errors).toContainEqual({ pointer, code, message: expect.any(String) });
    expect(answer.status).toBe(400);
    expect(answer.json.code).toBe('INVALID_BODY');
    expect(Object.hasOwn(Object.prototype, 'admin')).toBe(false);
  });

  test('every bad field is named at once', async () => {
    const answer = await refused({
      body: goodOrder({ quantity: '1', side: 'up', price: '1e2', colour: 'red', strategyId: '?' }),
    });
    expect((answer.json.errors as { pointer: string }[]).map(({ pointer }) => pointer).sort()).toEqual([
      '/colour',
      '/price',
      '/quantity',
      '/side',
      '/strategyId',
    ]);
    expect(answer.json.detail).toContain('quantity must be a number');
  });

  test('every missing field is named', async () => {
    const answer = await refused({ body: {} });
    expect(
      (answer.json.errors as { pointer: string; code: string }[]).map((e) => `${e.pointer} ${e.code}`),
    ).toEqual([
      '/symbol REQUIRED',
      '/exchange REQUIRED',
      '/side REQUIRED',
      '/quantity REQUIRED',
      '/orderType REQUIRED',
      '/product REQUIRED',
    ]);
  });
});

describe('a value that breaks a rule of the market is 422 INVALID_ORDER', () => {
  const OPTION = {
    symbol: 'NIFTY99DEC24000CE',
    exchange: 'NFO',
    product: 'NRML',
    price: '100.05',
    stopLoss: null,
    takeProfit: null,
  };
  test.each([
    ['a GTT without a stop', { gtt: true, stopLoss: null, protection: 'exchange' }, '/gtt', 'NO_STOP'],
    ['a GTT behind no stop order', { gtt: true, protection: 'oms' }, '/gtt', 'NOT_AT_EXCHANGE'],
    ['a GTT of what is not protected as configured', { gtt: true }, '/gtt', 'NOT_AT_EXCHANGE'],
    ['a symbol nobody lists', { symbol: 'NOSUCH' }, '/symbol', 'UNKNOWN_SYMBOL'],
    ['a symbol in lower case', { symbol: 'reliance' }, '/symbol', 'UNKNOWN_SYMBOL'],
    ['a symbol in full-width letters', { symbol: 'ＩＮＦＹ' }, '/symbol', 'UNKNOWN_SYMBOL'],
    ['a symbol with SQL in it', { symbol: "INFY'; DROP TABLE orders;--" }, '/symbol', 'UNKNOWN_SYMBOL'],
    ['a symbol of another exchange', { exchange: 'BSE' }, '/symbol', 'UNKNOWN_SYMBOL'],
    ['an index', { symbol: 'NIFTY 50' }, '/symbol', 'NOT_TRADABLE'],
    [
      'an expired contract',
      { ...OPTION, symbol: 'NIFTY20JAN12000CE', quantity: 75 },
      '/symbol',
      'EXPIRED_CONTRACT',
    ],
    ['quantity 0', { quantity: 0 }, '/quantity', 'MIN'],
    ['quantity -5', { quantity: -5 }, '/quantity', 'MIN'],
    ['quantity beyond all bounds', { quantity: 9_007_199_254_740_991 }, '/quantity', 'MAX'],
    ['a part of a lot', { ...OPTION, quantity: 74 }, '/quantity', 'LOT_SIZE'],
    ['a price between ticks', { symbol: 'INFY', price: '100.07' }, '/price', 'TICK_SIZE'],
    ['a price of zero', { price: '0.00' }, '/price', 'MIN'],
    ['a price below zero', { price: '-100' }, '/price', 'MIN'],
    ['a price beyond all bounds', { price: '99999999.9' }, '/price', 'MAX'],
    ['LIMIT without a price', { price: null }, '/price', 'REQUIRED'],
    ['MARKET with a price', { orderType: 'MARKET' }, '/price', 'NOT_ALLOWED'],
    ['SL without a trigger', { orderType: 'SL' }, '/triggerPrice', 'REQUIRED'],
    ['LIMIT with a trigger', { triggerPrice: '2450' }, '/triggerPrice', 'NOT_ALLOWED'],
    [
      'SL whose price is on the wrong side of its trigger',
      { orderType: 'SL', triggerPrice: '2460' },
      '/price',
      'PRICE_SIDE',
    ],
    ['NRML for shares', { product: 'NRML' }, '/product', 'PRODUCT_FOR_EXCHANGE'],
    ['CNC for an option', { ...OPTION, product: 'CNC', quantity: 75 }, '/product', 'PRODUCT_FOR_EXCHANGE'],
    ['TTL without minutes', { validity: 'TTL' }, '/validityMinutes', 'REQUIRED'],
    ['disclosedQuantity over the quantity', { disclosedQuantity: 11 }, '/disclosedQuantity', 'RANGE'],
    ['a stop between ticks', { stopLoss: '2440.05' }, '/stopLoss', 'TICK_SIZE'],
  ])('%s', async (_, changes, pointer, code) => {
    const answer = await refused({ body: goodOrder({ strategyId: 'never-seen', ...changes }) });
    expect(answer.json.errors).toContainEqual({ pointer, code, message: expect.any(String) });
    expect(answer.status).toBe(422);
    expect(answer.json.code).toBe('INVALID_ORDER');
  });

  test.each([
    ['symbol', "INFY'; DROP TABLE orders;--"],
    ['symbol', '<img src=x onerror=alert(1)>'],
    ['product', '<img src=x onerror=alert(1)>'],
    ['clientOrderId', "x'; DROP TABLE orders;--"],
  ])('%s: what was sent is not said again', async (field, value) => {
    const answer = await refused({ body: goodOrder({ [field]: value }) });
    expect(answer.text).not.toContain(value.slice(2));
    expect(answer.text).not.toMatch(/DROP|onerror/);
  });

  test('-0 is 0', async () => {
    const answer = await refused({ raw: rawOrder('quantity', '-0') });
    expect(answer.status).toBe(422);
    expect(answer.json.errors).toMatchObject([{ pointer: '/quantity', code: 'MIN' }]);
  });
});

describe('a request of a wrong form', () => {
  test.each([
    ['no media type', { 'content-type': '' }],
    ['text/plain', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['application/jsonp', { 'content-type': 'application/jsonp' }],
    ['JSON in another charset', { 'content-type': 'application/json; charset=utf-16' }],
    ['a gzip body', { 'content-encoding': 'gzip' }],
    ['an unheard-of encoding', { 'content-encoding': 'x-bomb' }],
  ])('with %s is 415', async (_, headers) => {
    const answer = await refused({ body: goodOrder(), headers });
    expect(answer.status).toBe(415);
    expect(answer.json.code).toBe('UNSUPPORTED_MEDIA_TYPE');
  });

  test('"application/json; charset=UTF-8" is taken', async () => {
    const headers = { 'content-type': 'application/json; charset=UTF-8' };
    expect((await api.send('POST', '/v1/orders', { body: goodOrder(), headers })).status).toBe(202);
  });

  test.each([
    ['a megabyte', 1_000_000],
    ['one byte too much', 65_537],
  ])('with a body of %s is 413', async (_, bytes) => {
    const answer = await refused({ raw: JSON.stringify(goodOrder()).padEnd(bytes, ' ') });
    expect(answer.status).toBe(413);
    expect(answer.json.code).toBe('BODY_TOO_LARGE');
  });

  test('64 KiB are taken', async () => {
    const raw = JSON.stringify(goodOrder()).padEnd(65_536, ' ');
    expect((await api.send('POST', '/v1/orders', { raw })).status).toBe(202);
  });

  test.each([
    ['an unknown parameter', 'dryRun=true', '?dryRun', 'UNKNOWN_PARAMETER'],
    ['a parameter named __proto__', '__proto__=1', '?__proto__', 'UNKNOWN_PARAMETER'],
    ['a repeated parameter', 'timeoutMs=1&timeoutMs=2', '?timeoutMs', 'REPEATED'],
    ['a wait over 30 s', 'waitFor=FILLED&timeoutMs=30001', '?timeoutMs', 'RANGE'],
    ['a wait below zero', 'waitFor=FILLED&timeoutMs=-1', '?timeoutMs', 'FORMAT'],
    ['a wait of 1e3', 'waitFor=FILLED&timeoutMs=1e3', '?timeoutMs', 'FORMAT'],
    ['a status nobody knows', 'waitFor=DONE', '?waitFor', 'ENUM'],
  ])('with %s is 400 INVALID_QUERY', async (_, query, pointer, code) => {
    const answer = await refused({ body: goodOrder() }, `/v1/orders?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.json.code).toBe('INVALID_QUERY');
    expect(answer.json.errors).toMatchObject([{ pointer, code }]);
  });

  test('with a malformed Idempotency-Key is 400', async () => {
    const answer = await refused({ body: goodOrder(), headers: { 'idempotency-key': 'a b' } });
    expect(answer.status).toBe(400);
    expect(answer.json.code).toBe('INVALID_HEADER');
  });

  test('for an account that does not exist is 404', async () => {
    const answer = await refused({ body: goodOrder({ accountId: 'nobody' }) });
    expect(answer.status).toBe(404);
    const system = await refused({ body: goodOrder({ accountId: 'system' }) });
    expect(system.status).toBe(404);
  });
});
