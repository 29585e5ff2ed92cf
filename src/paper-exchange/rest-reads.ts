import { instrumentsCsv } from './instruments.ts';
import type { KiteError } from './kite-error.ts';
import type { Quote } from './market.ts';
import { basketMargins, contractNotes, orderMargins } from './margin-rows.ts';
import { holdingRows, marginRows, positionRow } from './portfolio-rows.ts';
import { ltpRow, ohlcRow, quoteRow } from './quote-rows.ts';
import type { RestCall, RestParts, Route } from './rest-parts.ts';
import { type Answer, csv, failure, success } from './wire.ts';

const MAX_QUOTES = 500;
const MAX_PRICES = 1000;

const read = (path: string, call: Route['call'], handle: Route['handle']): Route => ({
  method: 'GET',
  path,
  call,
  limit: call === 'quote' ? 'quote' : 'other',
  handle,
});

/** Everything that is not /orders: user, margins, portfolio, quotes, instruments, calculators. */
export function readRoutes({ exchange }: Pick<RestParts, 'exchange'>): Route[] {
  const { market } = exchange;
  const calculator = (path: string, handle: (call: RestCall, body: unknown) => Answer): Route => ({
    method: 'POST',
    path,
    call: 'orderMargins',
    limit: 'other',
    handle: (call) => {
      const body = parseJson(call.text);
      return body === undefined ? inputFailure('Invalid JSON.') : handle(call, body);
    },
  });
  const quotes = (path: string, most: number, row: (quote: Quote, nowMs: number) => unknown): Route =>
    read(path, 'quote', (call) => quoteAnswer(call, most, (key) => market.find(key), row));
  return [
    {
      method: 'DELETE',
      path: '/session/token',
      call: 'session',
      limit: 'other',
      handle: () => success(true),
    },
    read('/user/profile', 'profile', ({ account }) => success(profile(account.id))),
    read('/user/profile/full', 'profile', ({ account }) => success(fullProfile(account.id))),
    read('/user/margins', 'margins', ({ account }) => success(marginRows(account.funds(market)))),
    read('/user/margins/:segment', 'margins', ({ account, path }) => {
      const segment = path('segment');
      if (segment !== 'equity' && segment !== 'commodity') return inputFailure('Invalid `segment`.');
      return success(marginRows(account.funds(market))[segment]);
    }),
    read('/portfolio/positions', 'positions', ({ account }) => {
      const rows = [...account.positions.values()].map((position) => positionRow(position, market));
      return success({ net: rows, day: rows });
    }),
    read('/portfolio/holdings', 'holdings', ({ account }) => success(holdingRows(account, market))),
    {
      method: 'PUT',
      path: '/portfolio/positions',
      call: 'positions',
      limit: 'other',
      handle: () => inputFailure('Converting positions is not supported by the paper exchange.'),
    },
    quotes('/quote', MAX_QUOTES, quoteRow),
    quotes('/quote/ohlc', MAX_PRICES, ohlcRow),
    quotes('/quote/ltp', MAX_PRICES, ltpRow),
    ...instrumentRoutes(exchange),
    calculator('/margins/orders', (call, body) =>
      answerOf(orderMargins(body, market, call.query('mode') === 'compact')),
    ),
    calculator('/margins/basket', (call, body) => {
      const account = call.query('consider_positions') === 'true' ? call.account : null;
      return answerOf(basketMargins(body, market, account, call.query('mode') === 'compact'));
    }),
    calculator('/charges/orders', (_call, body) => answerOf(contractNotes(body, market))),
  ];
}

function instrumentRoutes({ market }: RestParts['exchange']): Route[] {
  const listing = (exchange: string | null): Answer => {
    const all = [...market.quotes.values()].map((quote) => quote.instrument);
    const listed = exchange === null ? all : all.filter((instrument) => instrument.exchange === exchange);
    return csv(instrumentsCsv(listed, (token) => market.quote(token).tick));
  };
  return [
    read('/instruments', 'instruments', () => listing(null)),
    read('/instruments/:exchange', 'instruments', ({ path }) => listing(path('exchange'))),
  ];
}

function quoteAnswer(
  { queries, nowMs }: RestCall,
  most: number,
  find: (key: string) => Quote | undefined,
  row: (quote: Quote, nowMs: number) => unknown,
): Answer {
  const keys = queries('i');
  if (keys.length > most) return inputFailure(`Maximum allowed instruments is ${most}.`);
  const data: Record<string, unknown> = {};
  for (const key of keys) {
    const quote = find(key);
    if (quote !== undefined) data[key] = row(quote, nowMs);
  }
  return success(data);
}

function answerOf(result: { ok: true; value: unknown } | { ok: false; error: KiteError }): Answer {
  return result.ok ? success(result.value) : failure(result.error);
}

function inputFailure(message: string): Answer {
  return failure({ status: 400, errorType: 'InputException', message });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function profile(user: string): Record<string, unknown> {
  return {
    user_id: user,
    user_type: 'individual',
    email: 'paper@example.com',
    user_name: 'Paper Trader',
    user_shortname: 'Paper',
    broker: 'ZERODHA',
    exchanges: ['NSE', 'NFO'],
    products: ['CNC', 'NRML', 'MIS', 'MTF'],
    order_types: ['MARKET', 'LIMIT', 'SL', 'SL-M'],
    avatar_url: null,
    meta: { demat_consent: 'physical' },
  };
}

function fullProfile(user: string): Record<string, unknown> {
  return {
    ...profile(user),
    twofa_type: 'totp',
    phone: '*0000',
    bank_accounts: [],
    dp_ids: [],
    pan: '*0000',
    tags: [],
    password_timestamp: '1970-01-01 00:00:00',
    twofa_timestamp: '1970-01-01 00:00:00',
    meta: { poa: 'physical', silo: '', account_blocks: [] },
  };
}
