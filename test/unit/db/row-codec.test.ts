import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codecs, writeStatement } from '../../../src/db/account-rows.ts';
import { Decimal, decimal } from '../../../src/domain/money.ts';
import { T0, stored } from '../risk/fixtures.ts';
import { attemptRow, dayRow, entryRow, orderRow, positionRow, strategyRow, tradeRow } from './fixtures.ts';

interface AnyCodec {
  readonly columns: readonly string[];
  encode(row: unknown): Record<string, unknown>;
  decode(values: readonly unknown[]): unknown;
}

/** Writes a row and reads it back by way of JSON, as the database gives it. */
function roundTrip(codec: AnyCodec, row: unknown): unknown {
  const written = JSON.parse(JSON.stringify(codec.encode(row))) as Record<string, unknown>;
  return codec.decode(codec.columns.map((column) => written[column]));
}

describe('the codec of rows', () => {
  it.each([
    ['orders', codecs.orders, orderRow({ metadata: { a: [1, { b: null }] }, finishedAt: T0 })],
    ['trades', codecs.trades, tradeRow()],
    ['positions', codecs.positions, positionRow()],
    ['positionEntries', codecs.positionEntries, entryRow()],
    ['orderAttempts', codecs.orderAttempts, attemptRow()],
    ['dailyStats', codecs.dailyStats, dayRow()],
    ['strategies', codecs.strategies, strategyRow({ limits: { MAX_POSITIONS: stored('3') } })],
  ] as const)('gives a row of %s back as it was', (_, codec, row) => {
    expect(roundTrip(codec as AnyCodec, row)).toEqual(row);
  });

  it.each(['99999999999999.1234', '-99999999999999.1234', '0.0001', '0', '12345678901234567890.1234'])(
    'keeps every digit of %s',
    (text) => {
      const row = { ...orderRow(), filledValue: new Decimal(text) };
      const back = roundTrip(codecs.orders, row) as typeof row;
      expect(back.filledValue.toFixed()).toBe(text);
    },
  );

  it('keeps every digit of any sum that numeric(24,4) holds', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 23n), max: 10n ** 23n }), (n) => {
        const value = new Decimal(n.toString()).div(10_000);
        const row = { ...orderRow(), filledValue: value };
        const back = roundTrip(codecs.orders, row) as typeof row;
        expect(back.filledValue.times(10_000).toFixed()).toBe(n.toString());
      }),
    );
  });

  it('writes amounts as plain text without an exponent, never as a JSON number', () => {
    const written = codecs.orders.encode(orderRow({ price: '0.0001', filledValue: '10000000000000000000' }));
    expect(written).toMatchObject({ price: '0.0001', filled_value: '10000000000000000000' });
  });

  it.each(['NaN', 'Infinity', '-Infinity'])('refuses %s, which numeric would take in silence', (text) => {
    expect(() => codecs.orders.encode({ ...orderRow(), price: new Decimal(text) })).toThrow(RangeError);
  });

  it('refuses digits beyond the scale instead of rounding them away', () => {
    expect(() => codecs.orders.encode(orderRow({ price: '0.00001' }))).toThrow('more than 4 decimal places');
    expect(codecs.orders.encode(orderRow({ marginPerUnit: '0.00000001' }))).toMatchObject({
      margin_per_unit: '0.00000001',
    });
    expect(() => codecs.orders.encode(orderRow({ marginPerUnit: '0.000000001' }))).toThrow(
      'more than 8 decimal places',
    );
  });

  it('refuses a date that is none', () => {
    expect(() => codecs.orders.encode({ ...orderRow(), createdAt: new Date(Number.NaN) })).toThrow(
      RangeError,
    );
  });

  it('reads instants with their milliseconds from whatever offset they are written in', () => {
    const values = codecs.orders.columns.map((column) =>
      column === 'created_at' ? '2026-07-15T09:30:00.123+05:30' : null,
    );
    expect(codecs.orders.decode(values).createdAt).toEqual(new Date('2026-07-15T04:00:00.123Z'));
  });

  it('leaves out what is null, which Postgres reads as null again, and keeps zero', () => {
    const written = codecs.orders.encode({ ...orderRow(), price: null, attempt: 0 });
    expect('price' in written).toBe(false);
    expect(written['attempt']).toBe(0);
    const read = codecs.orders.decode(codecs.orders.columns.map(() => null));
    expect(read.price).toBeNull();
  });

  it('selects columns in the order it decodes them, amounts as text', () => {
    const selected = codecs.orders.select('t');
    const columns = selected.slice('json_build_array('.length, -1).split(', ');
    expect(columns.map((column) => column.replace('t.', '').replace('::text', ''))).toEqual(
      codecs.orders.columns,
    );
    expect(columns).toContain('t.price::text');
    expect(columns).toContain('t.quantity');
  });

  it('names the column of a property', () => {
    expect(codecs.orders.columnOf('clientOrderId')).toBe('client_order_id');
  });
});

describe('the one statement that writes', () => {
  const rows = [codecs.orders.encode(orderRow())];

  it('never changes the terms of an accepted order', () => {
    const { text } = writeStatement([{ table: 'orders', mode: 'update', rows }]);
    const set = [...text.matchAll(/\b(\w+) = \w+\.\1\b/g)].map(([, column]) => column);
    expect(set).toContain('status');
    expect(set).toContain('filled_quantity');
    const fixed = [
      'client_order_id',
      'request_hash',
      'strategy_id',
      'instrument_id',
      'side',
      'symbol',
      'created_at',
    ];
    expect(set.filter((column) => fixed.includes(column ?? ''))).toEqual([]);
  });

  it('has one name for one text, whatever the rows, and another for other tables', () => {
    const one = writeStatement([{ table: 'orders', mode: 'update', rows }]);
    const same = writeStatement([{ table: 'orders', mode: 'update', rows: [...rows, ...rows] }]);
    const other = writeStatement([{ table: 'orders', mode: 'insert', rows }]);
    expect([same.name, same.text]).toEqual([one.name, one.text]);
    expect(other.name).not.toBe(one.name);
    expect(same.values.map((text) => (JSON.parse(text) as unknown[]).length)).toEqual([2]);
  });

  it('takes one parameter for each table', () => {
    const statement = writeStatement([
      { table: 'orders', mode: 'update', rows },
      {
        table: 'dailyStats',
        mode: 'upsert',
        rows: [codecs.dailyStats.encode(dayRow({ charges: decimal(1) }))],
      },
    ]);
    expect(statement.text).toContain('$6::json');
    expect(statement.text).toContain('$7::json');
    expect(statement.text).toContain('on conflict (account_id, day) do update set');
    expect(statement.values).toHaveLength(2);
  });
});
