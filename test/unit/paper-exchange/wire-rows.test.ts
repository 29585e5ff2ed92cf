import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { orderCharges, rupeesDecimal } from '../../../src/paper-exchange/charges.ts';
import { basketMargins, contractNotes, orderMargins } from '../../../src/paper-exchange/margin-rows.ts';
import { historyRows, orderRow, streamRow, tradeRow } from '../../../src/paper-exchange/order-rows.ts';
import { holdingRows, marginRows, positionRow } from '../../../src/paper-exchange/portfolio-rows.ts';
import { ltpRow, ohlcRow, quoteRow } from '../../../src/paper-exchange/quote-rows.ts';
import { RESTING_BUY, START_MS, Venue } from './venue.ts';

const MOCKS = '../shared/kite-mocks';

interface Mock {
  readonly data: never;
}

/** The dotted names of every field, arrays by their first element. */
function fields(value: unknown, prefix = ''): string[] {
  if (Array.isArray(value)) return fields(value[0], `${prefix}[]`);
  if (typeof value !== 'object' || value === null) return [prefix];
  const entries = Object.entries(value);
  if (entries.length === 0) return [prefix];
  return entries.flatMap(([name, inner]) => fields(inner, prefix === '' ? name : `${prefix}.${name}`)).sort();
}

function mock(name: string): never {
  return (JSON.parse(readFileSync(`${MOCKS}/${name}.json`, 'utf8')) as Mock).data;
}

function tradedVenue(): Venue {
  const venue = new Venue();
  venue.place({ ...RESTING_BUY, order_type: 'MARKET', price: '', market_protection: 2 });
  venue.pass(500);
  venue.exchange.setHoldings(venue.account, [{ token: 779_521, quantity: 5, averagePrice: 80_000 }]);
  return venue;
}

describe.skipIf(!existsSync(MOCKS))('rows have the fields of the real bodies', () => {
  const venue = tradedVenue();
  const { market } = venue.exchange;
  const [order] = [...venue.account.orders.values()];
  const [position] = [...venue.account.positions.values()];
  const infy = market.find('NSE:INFY')!;

  it('orders', () => {
    const real = (mock('orders') as Record<string, unknown>[]).find(
      (row) => row['guid'] === null && 'tags' in row,
    );
    expect(Object.keys(orderRow(order!)).sort()).toEqual(Object.keys(real!).sort());
  });

  it('orders without tags', () => {
    const real = (mock('orders') as Record<string, unknown>[]).find(
      (row) => 'account_id' in row && !('tags' in row),
    );
    expect(Object.keys(orderRow({ ...order!, tags: [] })).sort()).toEqual(Object.keys(real!).sort());
  });

  it('order history', () => {
    const [real] = mock('order_info') as Record<string, unknown>[];
    expect(Object.keys(historyRows({ ...order!, tags: [] })[0]!).sort()).toEqual(Object.keys(real!).sort());
  });

  it('trades', () => {
    const trade = tradeRow(venue.account.trades[0]!);
    expect(fields([trade])).toEqual(fields(mock('trades')));
    expect(trade).toMatchObject({ order_timestamp: '10:00:00', fill_timestamp: '2026-11-19 10:00:00' });
  });

  it('the order stream', () => {
    const real = JSON.parse(readFileSync(`${MOCKS}/postback.json`, 'utf8')) as object;
    expect(Object.keys(streamRow(order!, 'UPDATE'))).toEqual(expect.arrayContaining(Object.keys(real)));
  });

  it('positions', () => {
    const row = positionRow(position!, market);
    expect(fields({ net: [row], day: [row] })).toEqual(fields(mock('positions')));
  });

  it('holdings', () => {
    expect(fields(holdingRows(venue.account, market))).toEqual(fields(mock('holdings')));
  });

  it('margins', () => {
    expect(fields(marginRows(venue.account.funds(market)))).toEqual(fields(mock('margins')));
  });

  it('quotes', () => {
    expect(fields({ 'NSE:INFY': quoteRow(infy, START_MS) })).toEqual(fields(mock('quote')));
    expect(fields({ 'NSE:INFY': ohlcRow(infy) })).toEqual(fields(mock('ohlc')));
    expect(fields({ 'NSE:INFY': ltpRow(infy) })).toEqual(fields(mock('ltp')));
  });

  it('calculators', () => {
    const body = [{ ...RESTING_BUY, average_price: 2440 }];
    const valueOf = (result: { ok: boolean; value?: unknown }): unknown => result.value;
    expect(fields(valueOf(orderMargins(body, market, false)))).toEqual(fields(mock('order_margins')));
    expect(fields(valueOf(basketMargins(body, market, null, false)))).toEqual(fields(mock('basket_margins')));
    expect(fields(valueOf(contractNotes(body, market)))).toEqual(fields(mock('virtual_contract_note')));
  });
});

describe('numbers on the wire', () => {
  it('satisfies the formulas of Kite positions after a partial close', () => {
    const venue = tradedVenue();
    venue.settings = { ...venue.settings, fillDelayMs: 0 };
    venue.place({ ...RESTING_BUY, transaction_type: 'SELL', quantity: 4, price: 2450 });
    venue.price('2460');
    const row = positionRow([...venue.account.positions.values()][0]!, venue.exchange.market);
    expect(row).toMatchObject({
      quantity: 6,
      average_price: 2450,
      last_price: 2460,
      buy_value: 24_500,
      sell_value: 9800,
      value: -14_700,
      pnl: 60,
      unrealised: 60,
      realised: 0,
    });
  });

  it('keeps 19-digit order ids as text, from the placement to the trade', () => {
    const venue = tradedVenue();
    const [trade] = venue.account.trades;
    expect(trade!.orderId).toMatch(/^\d{19}$/);
    expect(tradeRow(trade!)['order_id']).toBe([...venue.account.orders.keys()][0]);
  });

  it('echoes market_protection 0 and the tags of a protected market order', () => {
    const [order] = [...tradedVenue().account.orders.values()];
    expect(orderRow(order!)).toMatchObject({
      order_type: 'LIMIT',
      price: 2499,
      market_protection: 0,
      tag: null,
      tags: ['mktp', 'mktp:2.00'],
    });
  });

  it.each([
    ['delivery', 'EQ', 'CNC', 'BUY', 100_000, '118.74'],
    ['intraday', 'EQ', 'MIS', 'SELL', 440_000, '150.06'],
    ['futures', 'FUT', 'NRML', 'SELL', 1_800_000, '964.59'],
    ['options', 'CE', 'NRML', 'SELL', 20_000, '62.01'],
  ] as const)('charges %s at the rates of April 2026', (_name, type, product, side, turnover, total) => {
    const charges = orderCharges(type, product, side, rupeesDecimal(turnover * 100), 'rupee');
    expect(charges.total.toFixed(2)).toBe(total);
  });
});
