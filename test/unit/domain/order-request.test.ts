import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Instrument } from '../../../src/domain/instrument.ts';
import { type Decimal, decimal } from '../../../src/domain/money.ts';
import { type OrderRequest, checkRequest, requestHash } from '../../../src/domain/order-request.ts';
import { CRUDE, NIFTY_PUT, RELIANCE } from '../risk/fixtures.ts';

const TODAY = '2026-07-15';
const PRICES = ['price', 'triggerPrice', 'stopLoss', 'takeProfit', 'marketProtection'] as const;
type Changes = Partial<Omit<OrderRequest, (typeof PRICES)[number]>> & {
  readonly [P in (typeof PRICES)[number]]?: string | null;
};

const exact = (text: string | null): Decimal | null => (text === null ? null : decimal(text));

function request(changes: Changes = {}): OrderRequest {
  const base: OrderRequest = {
    clientOrderId: 'c-1',
    strategyId: 'momentum',
    symbol: 'RELIANCE',
    exchange: 'NSE',
    side: 'BUY',
    quantity: 10,
    orderType: 'LIMIT',
    product: 'MIS',
    validity: 'DAY',
    validityMinutes: null,
    variety: 'regular',
    price: decimal('2450.00'),
    triggerPrice: null,
    stopLoss: decimal('2430.00'),
    takeProfit: decimal('2491.00'),
    disclosedQuantity: null,
    marketProtection: null,
    reduceOnly: false,
    maxAgeMs: 30_000,
    metadata: { note: 'first' },
    role: 'ENTRY',
  };
  const decimals = PRICES.flatMap((name) => {
    const text = changes[name];
    return text === undefined ? [] : [[name, exact(text)] as const];
  });
  return { ...base, ...changes, ...Object.fromEntries(decimals) } as OrderRequest;
}

/** "pointer CODE" of every problem, in order; "ok" when there is none. */
function problems(changes: Changes = {}, instrument: Instrument | null = RELIANCE, today = TODAY): string[] {
  const result = checkRequest(request(changes), instrument, today);
  return result.ok ? ['ok'] : result.error.map(({ pointer, code }) => `${pointer} ${code}`);
}

const inNfo = { symbol: NIFTY_PUT.symbol, exchange: 'NFO', product: 'NRML', quantity: 75 } as const;

describe('a request that breaks no rule', () => {
  it('passes and is given its instrument', () => {
    const result = checkRequest(request(), RELIANCE, TODAY);
    expect(result).toEqual({ ok: true, value: RELIANCE });
  });

  it.each([
    { orderType: 'MARKET', price: null },
    { orderType: 'SL', triggerPrice: '2449.00' },
    { orderType: 'SL-M', price: null, triggerPrice: '2449.00' },
    { stopLoss: null, takeProfit: null },
    { product: 'CNC' },
    { product: 'MTF' },
    { validity: 'IOC' },
    { variety: 'amo' },
  ] satisfies Changes[])('passes as %o', (changes) => {
    expect(problems(changes)).toEqual(['ok']);
  });
});

describe('the instrument', () => {
  it('must be listed', () => {
    expect(problems({}, null)).toEqual(['/symbol UNKNOWN_SYMBOL']);
  });

  it('must not be an index', () => {
    expect(problems({}, { ...RELIANCE, segment: 'INDICES' })).toEqual(['/symbol NOT_TRADABLE']);
  });

  it('may be traded on the day it expires and not on the next', () => {
    expect(problems(inNfo, NIFTY_PUT, '2026-07-21')).toEqual(['ok']);
    expect(problems(inNfo, NIFTY_PUT, '2026-07-22')).toEqual(['/symbol EXPIRED_CONTRACT']);
  });

  it('must have a multiplier', () => {
    const crude = { symbol: CRUDE.symbol, exchange: 'MCX', product: 'NRML' } as const;
    expect(problems(crude, CRUDE)).toEqual(['ok']);
    expect(problems(crude, { ...CRUDE, multiplier: null })).toEqual(['/symbol NO_MULTIPLIER']);
  });

  it.each([
    ['NSE', 'NRML', false],
    ['NSE', 'CNC', true],
    ['NSE', 'MTF', true],
    ['NSE', 'MIS', true],
    ['BSE', 'CNC', true],
    ['BSE', 'NRML', false],
    ['NFO', 'CNC', false],
    ['NFO', 'MTF', false],
    ['NFO', 'MIS', true],
    ['NFO', 'NRML', true],
    ['MCX', 'NRML', true],
    ['MCX', 'CNC', false],
    ['CDS', 'NRML', true],
    ['BFO', 'CNC', false],
    ['BCD', 'MTF', false],
  ] as const)('of %s takes product %s: %s', (exchange, product, taken) => {
    const found = problems({ exchange, product }, { ...RELIANCE, exchange });
    expect(found).toEqual([taken ? 'ok' : '/product PRODUCT_FOR_EXCHANGE']);
  });
});

describe('the quantity', () => {
  it.each([
    [-5, '/quantity MIN'],
    [0, '/quantity MIN'],
    [1, 'ok'],
    [100_000_000, 'ok'],
    [100_000_001, '/quantity MAX'],
  ])('%s: %s', (quantity, expected) => {
    expect(problems({ quantity })).toEqual([expected]);
  });

  it.each([
    [74, '/quantity LOT_SIZE'],
    [75, 'ok'],
    [76, '/quantity LOT_SIZE'],
    [150, 'ok'],
  ])('%s in lots of 75: %s', (quantity, expected) => {
    expect(problems({ ...inNfo, quantity }, NIFTY_PUT)).toEqual([expected]);
  });

  it.each([
    [0, '/disclosedQuantity RANGE'],
    [1, 'ok'],
    [10, 'ok'],
    [11, '/disclosedQuantity RANGE'],
  ])('may disclose %s of 10: %s', (disclosedQuantity, expected) => {
    expect(problems({ disclosedQuantity })).toEqual([expected]);
  });
});

describe('prices', () => {
  it.each([
    ['LIMIT', null, null, ['/price REQUIRED']],
    ['LIMIT', '2450', '2449', ['/triggerPrice NOT_ALLOWED']],
    ['MARKET', '2450', null, ['/price NOT_ALLOWED']],
    ['MARKET', null, '2450', ['/triggerPrice NOT_ALLOWED']],
    ['SL', null, null, ['/price REQUIRED', '/triggerPrice REQUIRED']],
    ['SL', '2450', null, ['/triggerPrice REQUIRED']],
    ['SL-M', null, null, ['/triggerPrice REQUIRED']],
    ['SL-M', '2450', '2449', ['/price NOT_ALLOWED']],
  ] as const)('of a %s order, price %s and trigger %s: %o', (orderType, price, triggerPrice, expected) => {
    expect(problems({ orderType, price, triggerPrice })).toEqual(expected);
  });

  it.each(['price', 'stopLoss', 'takeProfit'] as const)(
    '%s is over 0, at most ten million, and on the tick',
    (name) => {
      const of = (value: string) => problems({ [name]: value });
      expect(of('-0.05')).toEqual([`/${name} MIN`]);
      expect(of('0')).toEqual([`/${name} MIN`]);
      expect(of('0.05')).toEqual(['ok']);
      expect(of('0.04')).toEqual([`/${name} TICK_SIZE`]);
      expect(of('2450.03')).toEqual([`/${name} TICK_SIZE`]);
      expect(of('10000000')).toEqual(['ok']);
      expect(of('10000000.05')).toEqual([`/${name} MAX`]);
    },
  );

  it('triggerPrice is over 0 and on the tick', () => {
    const of = (triggerPrice: string) => problems({ orderType: 'SL-M', price: null, triggerPrice });
    expect(of('0')).toEqual(['/triggerPrice MIN']);
    expect(of('2449.95')).toEqual(['ok']);
    expect(of('2449.99')).toEqual(['/triggerPrice TICK_SIZE']);
    expect(of('10000000.05')).toEqual(['/triggerPrice MAX']);
  });

  it.each([
    ['BUY', '2450.00', '2450.00', 'ok'],
    ['BUY', '2450.05', '2450.00', 'ok'],
    ['BUY', '2449.95', '2450.00', '/price PRICE_SIDE'],
    ['SELL', '2450.00', '2450.00', 'ok'],
    ['SELL', '2449.95', '2450.00', 'ok'],
    ['SELL', '2450.05', '2450.00', '/price PRICE_SIDE'],
  ] as const)('of a %s SL order at %s, triggered at %s: %s', (side, price, triggerPrice, expected) => {
    expect(problems({ orderType: 'SL', side, price, triggerPrice })).toEqual([expected]);
  });

  it('SL-M is refused for options and at BSE, where the exchange refuses it', () => {
    const stop = { orderType: 'SL-M', price: null, triggerPrice: '100' } as const;
    expect(problems(stop)).toEqual(['ok']);
    expect(problems({ ...inNfo, ...stop }, NIFTY_PUT)).toEqual(['/orderType ORDER_TYPE']);
    expect(problems({ ...inNfo, ...stop }, { ...NIFTY_PUT, instrumentType: 'FUT' })).toEqual(['ok']);
    expect(problems({ ...stop, exchange: 'BSE' }, { ...RELIANCE, exchange: 'BSE' })).toEqual([
      '/orderType ORDER_TYPE',
    ]);
  });

  it.each([
    ['-1', 'ok'],
    ['-0.5', '/marketProtection RANGE'],
    ['-2', '/marketProtection RANGE'],
    ['0', '/marketProtection RANGE'],
    ['0.01', 'ok'],
    ['100', 'ok'],
    ['100.01', '/marketProtection RANGE'],
  ])('market protection %s: %s', (marketProtection, expected) => {
    expect(problems({ orderType: 'MARKET', price: null, marketProtection })).toEqual([expected]);
  });
});

describe('validity', () => {
  it.each([
    ['TTL', null, '/validityMinutes REQUIRED'],
    ['TTL', 0, '/validityMinutes MIN'],
    ['TTL', -3, '/validityMinutes MIN'],
    ['TTL', 1, 'ok'],
    ['DAY', 5, '/validityMinutes NOT_ALLOWED'],
    ['IOC', 5, '/validityMinutes NOT_ALLOWED'],
  ] as const)('%s with %s minutes: %s', (validity, validityMinutes, expected) => {
    expect(problems({ validity, validityMinutes })).toEqual([expected]);
  });

  it('IOC is refused at MCX and for orders after the market', () => {
    const crude = { symbol: CRUDE.symbol, exchange: 'MCX', product: 'NRML' } as const;
    expect(problems({ ...crude, validity: 'IOC' }, CRUDE)).toEqual(['/validity VALIDITY']);
    expect(problems({ validity: 'IOC', variety: 'amo' })).toEqual(['/validity VALIDITY']);
  });
});

describe('a request that breaks many rules', () => {
  it('is told all of them at once, in the order of the fields', () => {
    const changes: Changes = {
      quantity: 7,
      orderType: 'SL-M',
      product: 'CNC',
      validity: 'IOC',
      validityMinutes: 5,
      variety: 'amo',
      price: '0.03',
      triggerPrice: '0',
      stopLoss: '1.01',
      takeProfit: '-1',
      disclosedQuantity: 9,
      marketProtection: '0',
    };
    const instrument: Instrument = { ...NIFTY_PUT, expiry: '2026-07-14' };
    expect(problems({ ...changes, exchange: 'NFO' }, instrument)).toEqual([
      '/symbol EXPIRED_CONTRACT',
      '/quantity LOT_SIZE',
      '/orderType ORDER_TYPE',
      '/product PRODUCT_FOR_EXCHANGE',
      '/validity VALIDITY',
      '/validityMinutes NOT_ALLOWED',
      '/price NOT_ALLOWED',
      '/price TICK_SIZE',
      '/triggerPrice MIN',
      '/stopLoss TICK_SIZE',
      '/takeProfit MIN',
      '/disclosedQuantity RANGE',
      '/marketProtection RANGE',
    ]);
  });

  it('is told in sentences that name the field and the rule', () => {
    const result = checkRequest(request({ price: '2450.03', quantity: 0 }), RELIANCE, TODAY);
    expect(result.ok ? [] : result.error.map(({ message }) => message)).toEqual([
      'quantity must be at least 1',
      'price must be a multiple of the tick 0.05',
    ]);
  });
});

describe('requestHash', () => {
  it('is the same however the numbers were written', () => {
    const hashes = ['2450', '2450.0', '2450.00', '2450.0000'].map((price) => requestHash(request({ price })));
    expect(new Set(hashes).size).toBe(1);
    expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is the same in whatever order the fields and the metadata stand', () => {
    const fields = Object.entries(request({ metadata: { a: 1, b: 2 } })).reverse();
    const turned = { ...(Object.fromEntries(fields) as unknown as OrderRequest), metadata: { b: 2, a: 1 } };
    expect(requestHash(turned)).toBe(requestHash(request({ metadata: { a: 1, b: 2 } })));
  });

  const others: Readonly<Record<keyof OrderRequest, Changes>> = {
    clientOrderId: { clientOrderId: 'c-2' },
    strategyId: { strategyId: null },
    symbol: { symbol: 'INFY' },
    exchange: { exchange: 'BSE' },
    side: { side: 'SELL' },
    quantity: { quantity: 11 },
    orderType: { orderType: 'SL' },
    product: { product: 'CNC' },
    validity: { validity: 'IOC' },
    validityMinutes: { validityMinutes: 1 },
    variety: { variety: 'amo' },
    price: { price: '2450.05' },
    triggerPrice: { triggerPrice: '2450.00' },
    stopLoss: { stopLoss: null },
    takeProfit: { takeProfit: '2491.05' },
    disclosedQuantity: { disclosedQuantity: 1 },
    marketProtection: { marketProtection: '-1' },
    reduceOnly: { reduceOnly: true },
    maxAgeMs: { maxAgeMs: null },
    metadata: { metadata: { note: 'second' } },
    role: { role: 'EXIT' },
    protection: { protection: 'oms' },
    trailing: { trailing: { distance: '10', step: '1' } },
    gtt: { gtt: true },
  };

  it.each(Object.entries(others))('differs when %s differs', (_, changes) => {
    expect(requestHash(request(changes))).not.toBe(requestHash(request()));
  });

  it('takes metadata with members of any name', () => {
    const metadata = { toFixed: 2, toStringTag: '[object Decimal]', constructor: null };
    expect(requestHash(request({ metadata }))).not.toBe(
      requestHash(request({ metadata: { ...metadata, toFixed: 3 } })),
    );
  });

  it('tells any two prices apart, and only those', () => {
    const cents = fc.integer({ min: 1, max: 100_000_000 });
    fc.assert(
      fc.property(cents, cents, (a, b) => {
        const hash = (n: number) => requestHash(request({ price: decimal(n).div(100).toFixed(2) }));
        expect(hash(a) === hash(b)).toBe(a === b);
      }),
    );
  });
});
