import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { BrokerError } from '../../../src/broker/errors.ts';
import { exchangeRequestToken, isPostbackSigned, kiteLoginUrl } from '../../../src/broker/kite/login.ts';

let server: Server;
let root: string;
const seen: { form: URLSearchParams; authorization: string | undefined }[] = [];
let answer: { status: number; body: unknown };

beforeAll(async () => {
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      seen.push({ form: new URLSearchParams(text), authorization: request.headers.authorization });
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
beforeEach(() => {
  seen.length = 0;
  const data = {
    user_id: 'AB1234',
    api_key: 'key',
    access_token: 'today',
    login_time: '2026-11-23 09:00:00',
  };
  answer = { status: 200, body: { status: 'success', data } };
});

const exchange = () =>
  exchangeRequestToken({ apiKey: 'key', apiSecret: 'secret', root, timeoutMs: 10_000 }, 'request-1');

test('a request token is traded once, with the checksum and without a token of a session', async () => {
  expect(await exchange()).toEqual({ brokerUser: 'AB1234', accessToken: 'today' });
  expect(seen).toHaveLength(1);
  const [{ form, authorization }] = seen as [(typeof seen)[number]];
  expect(Object.fromEntries(form)).toEqual({
    api_key: 'key',
    request_token: 'request-1',
    checksum: createHash('sha256').update('keyrequest-1secret').digest('hex'),
  });
  expect(authorization).toBeUndefined();
});

test.each([
  [
    'a refusal',
    403,
    { status: 'error', error_type: 'TokenException', message: 'Token is invalid or has expired.' },
  ],
  [
    'another app',
    200,
    { status: 'success', data: { user_id: 'AB1234', api_key: 'other', access_token: 'x' } },
  ],
  ['no token', 200, { status: 'success', data: { user_id: 'AB1234', api_key: 'key' } }],
  ['no object', 200, { status: 'success', data: [] }],
])('%s is a BrokerError that holds no secret', async (_, status, body) => {
  answer = { status, body };
  const error = await exchange().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BrokerError);
  expect(String(error)).not.toMatch(/request-1|secret/);
});

test('the login page is Kite’s, with the app and the state that comes back', () => {
  const url = new URL(kiteLoginUrl('key', 'a.b-c_d'));
  expect(url.origin + url.pathname).toBe('https://kite.zerodha.com/connect/login');
  expect(url.searchParams.get('api_key')).toBe('key');
  expect(new URLSearchParams(url.searchParams.get('redirect_params') ?? '').get('state')).toBe('a.b-c_d');
});

test('a postback is known by the checksum of order, time and secret', () => {
  const of = { orderId: '220303000308932', orderTimestamp: '2022-03-03 09:24:25' };
  const checksum = createHash('sha256').update(`${of.orderId}${of.orderTimestamp}secret`).digest('hex');
  expect(isPostbackSigned({ ...of, checksum }, 'secret')).toBe(true);
  expect(isPostbackSigned({ ...of, checksum: checksum.toUpperCase() }, 'secret')).toBe(true);
  expect(isPostbackSigned({ ...of, checksum }, 'other')).toBe(false);
  expect(isPostbackSigned({ ...of, checksum: checksum.slice(1) }, 'secret')).toBe(false);
  expect(isPostbackSigned({ ...of, orderId: '220303000308933', checksum }, 'secret')).toBe(false);
});
