import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chargeSegmentOf,
  chargesOfOrder,
  chargesOfTrade,
  dayStatement,
  NO_CHARGES,
  sumCharges,
  type Charges,
  type ChargeSegment,
  type OrderTurnover,
  type StatementOrder,
} from '../../../src/domain/charges.ts';
import { Decimal, decimal, sum } from '../../../src/domain/money.ts';

const AFTER_APRIL = '2026-09-15';

function order(
  segment: ChargeSegment,
  exchange: string,
  side: 'BUY' | 'SELL',
  turnover: string,
  day: string,
) {
  return { segment, exchange, side, turnover: new Decimal(turnover), day } satisfies OrderTurnover;
}

function plain(charges: Charges): Record<string, string> {
  return Object.fromEntries(
    Object.entries(charges).map(([name, value]) => [name, (value as Decimal).toFixed()]),
  );
}

function executed(
  segment: ChargeSegment,
  side: 'BUY' | 'SELL',
  price: number,
  filledQuantity: number,
  change: Partial<StatementOrder> = {},
): StatementOrder {
  const exchange = segment === 'OPTIONS' ? 'NFO' : 'NSE';
  const turnover = decimal(price).times(filledQuantity);
  return { segment, exchange, side, turnover, day: AFTER_APRIL, instrument: 'X', filledQuantity, ...change };
}

const traded: readonly (readonly [ChargeSegment, string])[] = [
  ['EQUITY_DELIVERY', 'NSE'],
  ['EQUITY_DELIVERY', 'BSE'],
  ['EQUITY_INTRADAY', 'NSE'],
  ['EQUITY_MTF', 'BSE'],
  ['FUTURES', 'NFO'],
  ['FUTURES', 'BFO'],
  ['OPTIONS', 'NFO'],
  ['OPTIONS', 'BFO'],
  ['COMMODITY_FUTURES', 'MCX'],
  ['COMMODITY_FUTURES', 'NCO'],
  ['COMMODITY_OPTIONS', 'MCX'],
  ['CURRENCY_FUTURES', 'CDS'],
  ['CURRENCY_OPTIONS', 'BCD'],
];
const terms = fc.record({
  where: fc.constantFrom(...traded),
  side: fc.constantFrom<'BUY' | 'SELL'>('BUY', 'SELL'),
  day: fc.constantFrom('2023-07-13', '2024-09-30', '2024-10-01', '2026-02-28', '2026-03-01', '2026-04-01'),
});
const fills = fc.array(
  fc.record({
    priceTicks: fc.integer({ min: 1, max: 50_000_00 }),
    quantity: fc.integer({ min: 1, max: 5000 }),
  }),
  { minLength: 1, maxLength: 20 },
);

describe('charges of an order', () => {
  it('reproduces the rows of the virtual contract note of July 2023, which rounds only the stamp', () => {
    const rows: [OrderTurnover, Record<string, string>][] = [
      [
        order('EQUITY_DELIVERY', 'NSE', 'BUY', '560', '2023-07-10'),
        {
          brokerage: '0',
          transactionTax: '0.56',
          exchangeCharge: '0.01876',
          gst: '0.0033768',
          total: '0.5826968',
        },
      ],
      [
        order('COMMODITY_FUTURES', 'MCX', 'SELL', '5862', '2023-07-10'),
        {
          brokerage: '1.7586',
          transactionTax: '0.5862',
          exchangeCharge: '0.152412',
          gst: '0.34503732',
          total: '2.84811132',
        },
      ],
      [
        order('OPTIONS', 'NFO', 'BUY', '150', '2023-07-10'),
        {
          brokerage: '20',
          transactionTax: '0',
          exchangeCharge: '0.07575',
          gst: '3.613527',
          total: '23.689427',
        },
      ],
    ];
    for (const [row, expected] of rows) {
      const charges = chargesOfOrder(row, 'none');
      const stampDuty = charges.stampDuty.toDecimalPlaces(0, Decimal.ROUND_HALF_UP);
      const total = charges.total.minus(charges.stampDuty).plus(stampDuty);
      expect(plain({ ...charges, stampDuty, total })).toMatchObject({ ...expected, stampDuty: '0' });
    }
  });

  it('rounds every component half up to the paisa and sums after that', () => {
    const charges = chargesOfOrder(order('EQUITY_INTRADAY', 'NSE', 'BUY', '24500.50', AFTER_APRIL));
    expect(plain(charges)).toEqual({
      brokerage: '7.35',
      transactionTax: '0',
      exchangeCharge: '0.75',
      sebiCharge: '0.02',
      stampDuty: '0.74',
      gst: '1.46',
      total: '10.32',
    });
  });

  it.each<[ChargeSegment, string, string, string]>([
    ['FUTURES', 'NFO', '2024-09-30', '125'],
    ['FUTURES', 'NFO', '2024-10-01', '200'],
    ['FUTURES', 'NFO', '2026-03-31', '200'],
    ['FUTURES', 'NFO', '2026-04-01', '500'],
    ['OPTIONS', 'NFO', '2024-09-30', '625'],
    ['OPTIONS', 'NFO', '2024-10-01', '1000'],
    ['OPTIONS', 'BFO', '2026-04-01', '1500'],
    ['EQUITY_INTRADAY', 'NSE', '2026-04-01', '250'],
    ['EQUITY_DELIVERY', 'NSE', '2026-04-01', '1000'],
    ['COMMODITY_FUTURES', 'MCX', '2026-04-01', '100'],
    ['CURRENCY_FUTURES', 'CDS', '2026-04-01', '0'],
  ])('taxes a sale of 10 lakh in %s on %s on %s with %s', (segment, exchange, day, tax) => {
    expect(chargesOfOrder(order(segment, exchange, 'SELL', '1000000', day)).transactionTax.toFixed()).toBe(
      tax,
    );
  });

  it('taxes a buyer in delivery alone, and stamps no seller', () => {
    for (const [segment, exchange] of traded) {
      const delivered = segment === 'EQUITY_DELIVERY' || segment === 'EQUITY_MTF';
      const bought = chargesOfOrder(order(segment, exchange, 'BUY', '1000000', AFTER_APRIL));
      expect(bought.transactionTax.isZero()).toBe(!delivered);
      expect(bought.stampDuty.isPositive()).toBe(true);
      expect(bought.stampDuty.isZero()).toBe(false);
      expect(
        chargesOfOrder(order(segment, exchange, 'SELL', '1000000', AFTER_APRIL)).stampDuty.toFixed(),
      ).toBe('0');
    }
  });

  it('bills the same exchange charge before and after March 2026, and moves the levy into the GST base', () => {
    for (const [segment, exchange, levy] of [
      ['EQUITY_INTRADAY', 'NSE', '0.000001'],
      ['FUTURES', 'NFO', '0.000001'],
      ['OPTIONS', 'NFO', '0.000005'],
    ] as const) {
      const before = chargesOfOrder(order(segment, exchange, 'BUY', '10000000', '2026-02-28'), 'none');
      const after = chargesOfOrder(order(segment, exchange, 'BUY', '10000000', '2026-03-01'), 'none');
      expect(after.exchangeCharge.toFixed()).toBe(before.exchangeCharge.toFixed());
      expect(after.gst.minus(before.gst).toFixed()).toBe(
        new Decimal(levy).times(10_000_000).times('0.18').toFixed(),
      );
    }
  });

  it('takes at most 20 rupees of brokerage, a flat 20 on options, nothing on delivery or without a fill', () => {
    const brokerage = (segment: ChargeSegment, turnover: string) =>
      chargesOfOrder(
        order(segment, segment === 'OPTIONS' ? 'NFO' : 'NSE', 'BUY', turnover, AFTER_APRIL),
      ).brokerage.toFixed();
    expect(brokerage('EQUITY_INTRADAY', '66666.66')).toBe('20');
    expect(brokerage('EQUITY_INTRADAY', '66600')).toBe('19.98');
    expect(brokerage('EQUITY_INTRADAY', '9999999')).toBe('20');
    expect(brokerage('OPTIONS', '0.05')).toBe('20');
    expect(brokerage('OPTIONS', '0')).toBe('0');
    expect(brokerage('EQUITY_DELIVERY', '9999999')).toBe('0');
    expect(brokerage('EQUITY_MTF', '1000')).toBe('3');
  });

  it('refuses a turnover that is no sum of money, a day that does not exist and a strange exchange', () => {
    const good = order('EQUITY_INTRADAY', 'NSE', 'BUY', '1', AFTER_APRIL);
    expect(() => chargesOfOrder({ ...good, turnover: new Decimal(-1) })).toThrow(/turnover/);
    expect(() => chargesOfOrder({ ...good, turnover: new Decimal(Number.NaN) })).toThrow(/turnover/);
    expect(() => chargesOfOrder({ ...good, day: '2026-02-30' })).toThrow(/day/);
    expect(() => chargesOfOrder({ ...good, exchange: 'MCX' })).toThrow(/EQUITY_INTRADAY on "MCX"/);
    expect(() => chargesOfOrder({ ...good, exchange: 'constructor' })).toThrow(/no exchange charge/);
  });
});

describe('charges of trades', () => {
  it('sum to the charges of the order, however its fills are cut, and are never negative', () => {
    fc.assert(
      fc.property(terms, fills, ({ where: [segment, exchange], side, day }, cut) => {
        const turnovers = cut.map(({ priceTicks, quantity }) =>
          new Decimal(priceTicks).div(100).times(quantity),
        );
        let turnover = new Decimal(0);
        let booked = NO_CHARGES;
        for (const tradeTurnover of turnovers) {
          const share = chargesOfTrade({
            segment,
            exchange,
            side,
            day,
            orderTurnoverBefore: turnover,
            tradeTurnover,
            bookedBefore: booked,
          });
          for (const part of Object.values(share) as Decimal[]) {
            expect(part.isNegative() && !part.isZero()).toBe(false);
            expect(part.decimalPlaces()).toBeLessThanOrEqual(2);
          }
          booked = sumCharges([booked, share]);
          turnover = turnover.plus(tradeTurnover);
        }
        const whole = chargesOfOrder({ segment, exchange, side, day, turnover: sum(turnovers) });
        expect(plain(booked)).toEqual(plain(whole));
      }),
    );
  });

  it('books the flat brokerage with the first trade of an order and none with the next', () => {
    const base = { segment: 'OPTIONS', exchange: 'NFO', side: 'BUY', day: AFTER_APRIL } as const;
    const first = chargesOfTrade({
      ...base,
      orderTurnoverBefore: new Decimal(0),
      tradeTurnover: new Decimal(1000),
      bookedBefore: NO_CHARGES,
    });
    const second = chargesOfTrade({
      ...base,
      orderTurnoverBefore: new Decimal(1000),
      tradeTurnover: new Decimal(1000),
      bookedBefore: first,
    });
    expect([first.brokerage.toFixed(), second.brokerage.toFixed()]).toEqual(['20', '0']);
  });
});

describe('the day statement', () => {
  it('reproduces the calculator for 20 options bought at 589 and sold at 797', () => {
    const [statement, ...rest] = dayStatement([
      executed('OPTIONS', 'BUY', 589, 20),
      executed('OPTIONS', 'SELL', 797, 20),
    ]);
    expect(rest).toEqual([]);
    expect(plain(statement!.charges)).toEqual({
      brokerage: '40',
      transactionTax: '24',
      exchangeCharge: '9.85',
      sebiCharge: '0.03',
      stampDuty: '0',
      gst: '8.98',
      total: '82.86',
    });
  });

  it('reproduces the calculator for 400 shares intraday bought at 1000 and sold at 1100', () => {
    const [statement] = dayStatement([
      executed('EQUITY_INTRADAY', 'BUY', 1000, 400),
      executed('EQUITY_INTRADAY', 'SELL', 1100, 400),
    ]);
    expect(plain(statement!.charges)).toEqual({
      brokerage: '40',
      transactionTax: '110',
      exchangeCharge: '25.79',
      sebiCharge: '0.84',
      stampDuty: '12',
      gst: '11.99',
      total: '200.62',
    });
    expect(statement!.turnover.toFixed()).toBe('840000');
  });

  it('rounds the tax to the paisa before the rupee: 12.495 is 12.50 is 13', () => {
    const [statement] = dayStatement([executed('OPTIONS', 'SELL', 8330, 1)]);
    expect(statement!.charges.transactionTax.toFixed()).toBe('13');
  });

  it('rounds once per day and segment, not once per order', () => {
    const three = [1, 2, 3].map(() => executed('EQUITY_INTRADAY', 'SELL', 1600, 1));
    const [statement] = dayStatement(three);
    expect(statement!.charges.transactionTax.toFixed()).toBe('1');
    const apart = dayStatement(three.map((one, n) => ({ ...one, day: `2026-09-1${n}` })));
    expect(apart.map((one) => [one.day, one.charges.transactionTax.toFixed()])).toEqual([
      ['2026-09-10', '0'],
      ['2026-09-11', '0'],
      ['2026-09-12', '0'],
    ]);
  });

  it('adds NSE and BSE orders of a segment into one bill at their own rates', () => {
    const [statement, ...rest] = dayStatement([
      executed('EQUITY_INTRADAY', 'BUY', 1000, 100),
      executed('EQUITY_INTRADAY', 'BUY', 1000, 100, { exchange: 'BSE' }),
    ]);
    expect(rest).toEqual([]);
    expect(statement!.charges.exchangeCharge.toFixed()).toBe('6.82');
  });

  it('bills what CNC bought and sold of one instrument in one day as intraday', () => {
    const statements = dayStatement([
      executed('EQUITY_DELIVERY', 'BUY', 100, 30),
      executed('EQUITY_DELIVERY', 'SELL', 110, 10),
      executed('EQUITY_DELIVERY', 'SELL', 50, 7, { instrument: 'Y' }),
    ]);
    expect(
      statements.map((one) => [one.segment, one.turnover.toFixed(), one.otherCharges.toFixed()]),
    ).toEqual([
      ['EQUITY_DELIVERY', '2350', '15.34'],
      ['EQUITY_INTRADAY', '2100', '0'],
    ]);
    expect(statements[1]!.charges.brokerage.toFixed()).toBe('0.63');
  });

  it('does not match the sale of one exchange or day with the purchase of another', () => {
    const statements = dayStatement([
      executed('EQUITY_DELIVERY', 'BUY', 100, 10),
      executed('EQUITY_DELIVERY', 'SELL', 100, 10, { exchange: 'BSE' }),
      executed('EQUITY_DELIVERY', 'SELL', 100, 10, { day: '2026-09-16' }),
    ]);
    expect(statements.map((one) => `${one.day} ${one.segment}`)).toEqual([
      '2026-09-15 EQUITY_DELIVERY',
      '2026-09-16 EQUITY_DELIVERY',
    ]);
  });

  it('charges 59 for each order with which the broker squared off', () => {
    const [statement] = dayStatement([executed('EQUITY_INTRADAY', 'SELL', 100, 1, { autoSquareOff: true })]);
    expect(statement!.otherCharges.toFixed()).toBe('59');
  });

  it('keeps every rupee of turnover when it splits round trips', () => {
    const any = fc.record({
      side: fc.constantFrom<'BUY' | 'SELL'>('BUY', 'SELL'),
      price: fc.integer({ min: 1, max: 5000 }),
      quantity: fc.integer({ min: 1, max: 500 }),
      instrument: fc.constantFrom('X', 'Y'),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 12 }), (rows) => {
        const orders = rows.map(({ side, price, quantity, instrument }) =>
          executed('EQUITY_DELIVERY', side, price, quantity, { instrument }),
        );
        const billed = sum(dayStatement(orders).map((one) => one.turnover));
        expect(billed.toDecimalPlaces(20).toFixed()).toBe(sum(orders.map((one) => one.turnover)).toFixed());
      }),
    );
  });
});

describe('the charge segment', () => {
  it.each([
    ['NSE', 'EQ', 'CNC', 'EQUITY_DELIVERY'],
    ['BSE', 'EQ', 'NRML', 'EQUITY_DELIVERY'],
    ['NSE', 'EQ', 'MIS', 'EQUITY_INTRADAY'],
    ['NSE', 'EQ', 'MTF', 'EQUITY_MTF'],
    ['NFO', 'FUT', 'NRML', 'FUTURES'],
    ['BFO', 'PE', 'MIS', 'OPTIONS'],
    ['CDS', 'FUT', 'NRML', 'CURRENCY_FUTURES'],
    ['BCD', 'CE', 'NRML', 'CURRENCY_OPTIONS'],
    ['MCX', 'FUT', 'NRML', 'COMMODITY_FUTURES'],
    ['NCO', 'PE', 'NRML', 'COMMODITY_OPTIONS'],
  ])('%s %s %s is %s', (exchange, instrumentType, product, segment) => {
    expect(chargeSegmentOf({ exchange, instrumentType, product })).toBe(segment);
  });

  it('refuses what is not traded on Kite', () => {
    expect(() => chargeSegmentOf({ exchange: 'NYSE', instrumentType: 'EQ', product: 'CNC' })).toThrow(/NYSE/);
    expect(() => chargeSegmentOf({ exchange: 'NFO', instrumentType: 'EQ', product: 'MIS' })).toThrow(
      /no future/,
    );
  });
});
