import type { Instrument } from '../../../src/domain/instrument.ts';
import { decimal } from '../../../src/domain/money.ts';
import type { ValueLimit } from '../../../src/risk/limits.ts';
import { table } from './case-table.ts';
import {
  CRUDE,
  type InputChanges,
  NIFTY_PUT,
  type OrderChanges,
  RELIANCE,
  at,
  liveOrder,
  order,
  position,
  price,
} from './fixtures.ts';

/** The controls beyond the brief's ten, in the order of controls.md. The brief's order is worth 24,500.00. */

const rupees = (amount: number | string): ValueLimit => ({ amount: decimal(amount), unit: 'rupees' });
const times = (amount: string): ValueLimit => ({ amount: decimal(amount), unit: 'x' });

/** Sells a held 10 and opens nothing. */
const reducing = (changes: OrderChanges = {}): InputChanges => ({
  order: { side: 'SELL', stopLoss: null, takeProfit: null, ...changes },
  positions: [position({ quantity: 10 })],
});
const MARKET: OrderChanges = { orderType: 'MARKET', price: null };
const MOMENTUM: OrderChanges = { strategyId: 'momentum' };

table('ORDER_VALUE', [
  [
    'passes what is worth the limit in rupees',
    { limits: { maxOrderValue: rupees(24_500) } },
    'PASS',
    'value 24,500.00 is within 24,500.00',
  ],
  [
    'fails a paisa over it',
    { limits: { maxOrderValue: rupees('24499.99') } },
    'FAIL',
    'value 24,500.00 is over the limit of 24,499.99 an order',
  ],
  ['passes what is worth the limit in opening equity', { limits: { maxOrderValue: times('0.245') } }, 'PASS'],
  ['fails over it', { limits: { maxOrderValue: times('0.24499') } }, 'FAIL'],
  ['counts the protection of a MARKET order', { order: MARKET, valuePerUnit: '10000.01' }, 'FAIL'],
  ['counts the multiplier', { instrument: CRUDE, order: { quantity: 2, price: '6000' } }, 'FAIL'],
  [
    'counts the opening part alone',
    { ...reducing({ quantity: 11 }), limits: { maxOrderValue: rupees(2450) } },
    'PASS',
    'value 2,450.00 is within 2,450.00',
  ],
  [
    'fails without a reference price',
    { order: MARKET, price: null },
    'FAIL',
    'without a reference price the value of the order is not known',
  ],
  ['of 0 is off', { limits: { maxOrderValue: rupees(0) }, valuePerUnit: '99999999' }, 'SKIP'],
  [
    "fails over the strategy's own",
    { order: MOMENTUM, own: { maxOrderValue: rupees(24_000) } },
    'FAIL',
    'value 24,500.00 is over the limit of 24,000.00 an order (strategy momentum)',
  ],
  [
    "of the account holds beside the strategy's own looser one",
    { order: MOMENTUM, limits: { maxOrderValue: rupees(24_000) }, own: { maxOrderValue: rupees(90_000) } },
    'FAIL',
    'value 24,500.00 is over the limit of 24,000.00 an order',
  ],
  [
    "judges the strategy's own when the account has none",
    { order: MOMENTUM, limits: { maxOrderValue: rupees(0) }, own: { maxOrderValue: rupees(24_500) } },
    'PASS',
    'value 24,500.00 is within 24,500.00 (strategy momentum)',
  ],
  ['is skipped by an order that only reduces', { ...reducing(), valuePerUnit: '99999999' }, 'SKIP'],
]);

const stop = (changes: OrderChanges = {}): OrderChanges => ({
  orderType: 'SL',
  triggerPrice: '2450.05',
  price: '2451.00',
  ...changes,
});
const sellStop: OrderChanges = {
  side: 'SELL',
  orderType: 'SL-M',
  price: null,
  stopLoss: null,
  takeProfit: null,
};
const FUTURE: Instrument = {
  ...RELIANCE,
  exchange: 'NFO',
  instrumentType: 'FUT',
  symbol: 'RELIANCE26AUGFUT',
};

table('TRIGGER_SANITY', [
  ['is skipped by an order without a trigger', {}, 'SKIP'],
  [
    'passes a BUY that waits over the last price',
    { order: stop() },
    'PASS',
    'trigger 2450.05 is 0.002% over 2450.00',
  ],
  [
    'fails a BUY at the last price',
    { order: stop({ triggerPrice: '2450.00' }) },
    'FAIL',
    'the trigger of a BUY must be over the last price 2450.00, but is 2450.00',
  ],
  ['fails a BUY under it', { order: stop({ triggerPrice: '2449.95' }) }, 'FAIL'],
  ['passes a SELL that waits under it', { order: { ...sellStop, triggerPrice: '2449.95' } }, 'PASS'],
  [
    'fails a SELL at it',
    { order: { ...sellStop, triggerPrice: '2450.00' } },
    'FAIL',
    'the trigger of a SELL must be under the last price 2450.00, but is 2450.00',
  ],
  ['only warns of an exit', reducing({ ...sellStop, triggerPrice: '2450.00' }), 'WARN'],
  ['is skipped without a fresh price', { order: stop(), price: price({ fresh: false }) }, 'SKIP'],
  ['is skipped without any price', { order: stop(), price: null }, 'SKIP'],
  [
    "passes an option's limit at the edge of what the exchange takes at the trigger",
    {
      instrument: NIFTY_PUT,
      order: stop({ triggerPrice: '100.00', price: '140.00' }),
      price: price({ last: '99.00' }),
    },
    'PASS',
  ],
  [
    'fails an option a tick outside, fresh price or not',
    { instrument: NIFTY_PUT, order: stop({ triggerPrice: '100.00', price: '140.05' }), price: null },
    'FAIL',
    "once triggered at 100.00 the limit is 40.05 away, outside the exchange's 40.00",
  ],
  [
    'takes 20 rupees as the band of an option at 50',
    {
      instrument: NIFTY_PUT,
      order: stop({ triggerPrice: '50.00', price: '70.00' }),
      price: price({ last: '49.00' }),
    },
    'PASS',
  ],
  [
    'fails over 20 rupees there',
    {
      instrument: NIFTY_PUT,
      order: stop({ triggerPrice: '50.00', price: '70.05' }),
      price: price({ last: '49.00' }),
    },
    'FAIL',
  ],
  [
    'takes 3% as the band of a future',
    {
      instrument: FUTURE,
      order: stop({ triggerPrice: '1000.00', price: '1030.00' }),
      price: price({ last: '999.00' }),
    },
    'PASS',
  ],
  [
    'fails a future outside it',
    {
      instrument: FUTURE,
      order: stop({ triggerPrice: '1000.00', price: '1030.05' }),
      price: price({ last: '999.00' }),
    },
    'FAIL',
  ],
  [
    'takes 2% as the band of an index future',
    {
      instrument: { ...FUTURE, underlying: 'NIFTY' },
      order: stop({ triggerPrice: '1000.00', price: '1020.00' }),
      price: price({ last: '999.00' }),
    },
    'PASS',
  ],
  [
    'fails an index future outside it',
    {
      instrument: { ...FUTURE, underlying: 'NIFTY' },
      order: stop({ triggerPrice: '1000.00', price: '1020.05' }),
      price: price({ last: '999.00' }),
    },
    'FAIL',
    "once triggered at 1000.00 the limit is 20.05 away, outside the exchange's 20.00",
  ],
  ['knows no band of shares', { order: stop({ price: '4900.00' }) }, 'PASS'],
  [
    'only warns of an exit outside the band',
    {
      instrument: NIFTY_PUT,
      positions: [position({ instrumentId: NIFTY_PUT.id, quantity: 75 })],
      order: { ...sellStop, quantity: 75, orderType: 'SL', triggerPrice: '100.00', price: '59.95' },
    },
    'WARN',
  ],
]);

table('INSTRUMENT_RULES', [
  ['passes what fits', {}, 'PASS', 'tick 0.05, lot 1 and product MIS fit'],
  [
    'fails a price off the tick',
    { order: { price: '2450.03' } },
    'FAIL',
    'price 2450.03 is not a multiple of the tick 0.05',
  ],
  [
    'fails a trigger off the tick',
    { order: stop({ triggerPrice: '2450.01' }) },
    'FAIL',
    'triggerPrice 2450.01 is not a multiple of the tick 0.05',
  ],
  [
    'fails a part of a lot',
    { instrument: { ...RELIANCE, lotSize: 4 } },
    'FAIL',
    'quantity 10 is not whole lots of 4',
  ],
  [
    'fails a product that the exchange does not take',
    { order: { product: 'NRML' } },
    'FAIL',
    'NSE takes MIS, CNC, MTF, not NRML',
  ],
  [
    'passes a contract on its last day',
    { instrument: NIFTY_PUT, order: { quantity: 75, product: 'NRML', tradingDay: '2026-07-21' } },
    'PASS',
  ],
  [
    'fails it on the day after',
    { instrument: NIFTY_PUT, order: { quantity: 75, product: 'NRML', tradingDay: '2026-07-22' } },
    'FAIL',
    'NIFTY2672125000PE expired on 2026-07-21',
  ],
]);

/** 15 July 2026 is a Wednesday. */
const clock = (time: string, day = '2026-07-15'): InputChanges => ({
  at: new Date(`${day}T${time}+05:30`),
  session: { hours: 'exchange' },
});
const amo: OrderChanges = { variety: 'amo' };
const cnc: OrderChanges = { product: 'CNC' };
const onMcx: InputChanges = { instrument: CRUDE, order: { product: 'NRML', exchange: 'MCX' } };
const inOptions: InputChanges = { instrument: NIFTY_PUT, order: { product: 'NRML', exchange: 'NFO' } };
const currency: InputChanges = { order: { product: 'NRML', exchange: 'CDS' } };

table('SESSION', [
  ['is skipped when any hour will do', { at: new Date('2026-07-18T03:00:00+05:30') }, 'SKIP'],
  [
    'passes the first moment',
    clock('09:00:00.000'),
    'PASS',
    'NSE trades from 09:00 to 15:30 and it is 09:00',
  ],
  ['fails the one before', clock('08:59:59.999'), 'FAIL', 'NSE trades from 09:00 to 15:30 and it is 08:59'],
  ['passes the last second', { ...clock('15:29:59.999'), order: cnc }, 'PASS'],
  [
    'fails the close',
    { ...clock('15:30:00.000'), order: cnc },
    'FAIL',
    'NSE trades from 09:00 to 15:30 and it is 15:30',
  ],
  ['fails on Saturday', clock('11:00:00', '2026-07-18'), 'FAIL', 'NSE does not trade today and it is 11:00'],
  ['fails on Sunday', clock('11:00:00', '2026-07-19'), 'FAIL'],
  ['passes on Friday', clock('11:00:00', '2026-07-17'), 'PASS'],
  [
    'fails on a holiday that is listed',
    { ...clock('11:00:00'), session: { hours: 'exchange', holidays: ['2026-07-15'] } },
    'FAIL',
  ],
  ['passes a MIS entry in its last minute', clock('14:55:59'), 'PASS'],
  [
    'fails the next minute',
    clock('14:56:00'),
    'FAIL',
    'it is 14:56 and the last MIS entry on NSE is at 14:55',
  ],
  ['lets a delivery entry pass then', { ...clock('14:56:00'), order: cnc }, 'PASS'],
  ['lets a MIS exit pass then', { ...reducing(), ...clock('14:56:00') }, 'PASS'],
  [
    'lets a MIS entry pass then when that rule is off',
    {
      ...clock('14:56:00'),
      session: {
        hours: 'exchange',
        lastMisEntry: { EQUITY: null, DERIVATIVES: null, CURRENCY: null, COMMODITY: null },
      },
    },
    'PASS',
  ],
  ['only warns of an exit out of hours', { ...reducing(), ...clock('16:00:00') }, 'WARN'],
  [
    'passes an after-market order out of hours',
    { ...clock('17:00:00'), order: amo },
    'PASS',
    'NSE trades from 09:00 to 15:30 and it is 17:00: an after-market order is taken',
  ],
  ['fails it in hours', { ...clock('11:00:00'), order: amo }, 'FAIL'],
  ['passes it on a day off', { ...clock('11:00:00', '2026-07-18'), order: amo }, 'PASS'],
  ['fails derivatives before 09:15', { ...inOptions, ...clock('09:14:59') }, 'FAIL'],
  ['passes them at 09:15', { ...inOptions, ...clock('09:15:00') }, 'PASS'],
  ['fails them at 15:30 until 3 August 2026', { ...inOptions, ...clock('15:30:00', '2026-07-31') }, 'FAIL'],
  ['passes them at 15:39 from then on', { ...inOptions, ...clock('15:39:59', '2026-08-03') }, 'PASS'],
  ['fails them at 15:40', { ...inOptions, ...clock('15:40:00', '2026-08-03') }, 'FAIL'],
  ['passes currencies at 16:59', { ...currency, ...clock('16:59:59') }, 'PASS'],
  ['fails them at 17:00', { ...currency, ...clock('17:00:00') }, 'FAIL'],
  ['passes commodities at 23:29', { ...onMcx, ...clock('23:29:59') }, 'PASS'],
  ['fails them at 23:30 in summer', { ...onMcx, ...clock('23:30:00') }, 'FAIL'],
  [
    'fails them at 23:30 on the last Friday of New York summer time',
    { ...onMcx, ...clock('23:30:00', '2026-10-30') },
    'FAIL',
  ],
  [
    'passes them at 23:54 once New York is on winter time',
    { ...onMcx, ...clock('23:54:59', '2026-11-02') },
    'PASS',
  ],
  [
    'passes them at 23:54 until it is on summer time again',
    { ...onMcx, ...clock('23:54:59', '2026-03-06') },
    'PASS',
  ],
  ['fails them then', { ...onMcx, ...clock('23:54:59', '2026-03-09') }, 'FAIL'],
]);

const sale = (changes: OrderChanges = {}): OrderChanges => ({
  product: 'CNC',
  side: 'SELL',
  stopLoss: '2470.00',
  takeProfit: '2400.00',
  ...changes,
});

table('DELIVERY', [
  ['is skipped by a purchase', { order: { product: 'CNC' } }, 'SKIP'],
  ['is skipped by an intraday sale', { order: sale({ product: 'MIS' }) }, 'SKIP'],
  [
    'passes a sale of what is held here, holdings known or not',
    { order: sale(), positions: [position({ product: 'CNC', quantity: 10 })] },
    'PASS',
    'sells 10 of 10 held here',
  ],
  [
    'passes a sale of all that can be delivered',
    { order: sale(), deliverable: 10 },
    'PASS',
    'sells 10 of 10 that can be delivered',
  ],
  [
    'fails one more',
    { order: sale({ quantity: 11 }), deliverable: 10 },
    'FAIL',
    'sells 11, but only 10 can be delivered',
  ],
  [
    'fails without knowledge of the holdings',
    { order: sale(), deliverable: null },
    'FAIL',
    "sells 10, but 0 are held here and the broker's holdings are not known",
  ],
]);

table('POSITION_VALUE', [
  [
    'passes a position worth the limit',
    { limits: { maxPositionValue: rupees(24_500) } },
    'PASS',
    'the position could be worth 24,500.00, within 24,500.00',
  ],
  [
    'fails a paisa over it',
    { limits: { maxPositionValue: rupees('24499.99') } },
    'FAIL',
    'the position could be worth 24,500.00, over the limit of 24,499.99',
  ],
  [
    'counts what is held and what waits',
    {
      limits: { maxPositionValue: rupees(49_000) },
      positions: [position({ quantity: 6 })],
      liveOrders: [liveOrder({ quantity: 5 })],
    },
    'FAIL',
    'the position could be worth 51,450.00, over the limit of 49,000.00',
  ],
  ['of 0 is off', {}, 'SKIP'],
  [
    'fails without a reference price',
    { limits: { maxPositionValue: rupees(1) }, price: null, order: MARKET },
    'FAIL',
  ],
  [
    "fails over the strategy's own",
    {
      order: MOMENTUM,
      own: { maxPositionValue: times('0.3') },
      ownPositions: [position({ quantity: 5 })],
    },
    'FAIL',
    'the position could be worth 36,750.00, over the limit of 30,000.00 (strategy momentum)',
  ],
  [
    'is skipped by an order that only reduces',
    { ...reducing(), limits: { maxPositionValue: rupees(1) } },
    'SKIP',
  ],
]);

const waiting = (changes: OrderChanges = {}) =>
  liveOrder({ instrumentId: 9, valuePerUnit: '1000', quantity: 50, ...changes });

table('OPEN_ORDER_VALUE', [
  [
    'passes within five times the opening equity',
    {},
    'PASS',
    'open orders would be worth 24,500.00, within 500,000.00',
  ],
  [
    'passes at the limit',
    { limits: { maxOpenOrderValue: rupees(74_500) }, liveOrders: [waiting()] },
    'PASS',
    'open orders would be worth 74,500.00, within 74,500.00',
  ],
  [
    'fails a paisa over it',
    { limits: { maxOpenOrderValue: rupees('74499.99') }, liveOrders: [waiting()] },
    'FAIL',
    'open orders would be worth 74,500.00 (50,000.00 wait already), over the limit of 74,499.99',
  ],
  [
    'counts an order whose outcome is unknown',
    { limits: { maxOpenOrderValue: rupees(70_000) }, liveOrders: [waiting({ status: 'UNKNOWN' })] },
    'FAIL',
  ],
  [
    'counts of a part-filled order what is left',
    { limits: { maxOpenOrderValue: rupees(34_500) }, liveOrders: [waiting({ filledQuantity: 40 })] },
    'PASS',
  ],
  [
    'counts nothing of what only reduces',
    { limits: { maxOpenOrderValue: rupees(24_500) }, liveOrders: [waiting({ openingQuantity: 0 })] },
    'PASS',
  ],
  [
    'of 0 is off',
    { limits: { maxOpenOrderValue: rupees(0) }, liveOrders: [waiting({ quantity: 1e6 })] },
    'SKIP',
  ],
  ['fails without a reference price', { order: MARKET, price: null }, 'FAIL'],
  [
    "counts the strategy's own orders for its own limit",
    {
      order: MOMENTUM,
      own: { maxOpenOrderValue: rupees(74_500) },
      liveOrders: [waiting(MOMENTUM), waiting({ strategyId: 'other' })],
    },
    'PASS',
  ],
  [
    'fails over it',
    {
      order: MOMENTUM,
      own: { maxOpenOrderValue: rupees(74_499) },
      liveOrders: [waiting(MOMENTUM), waiting({ strategyId: 'other' })],
    },
    'FAIL',
    'open orders would be worth 74,500.00 (50,000.00 wait already), over the limit of 74,499.00 (strategy momentum)',
  ],
  [
    'is skipped by an order that only reduces',
    { ...reducing(), limits: { maxOpenOrderValue: rupees(1) } },
    'SKIP',
  ],
]);

const unknown = (changes: OrderChanges = {}) => liveOrder({ status: 'UNKNOWN', ...changes });

table('UNCONFIRMED_EXECUTION', [
  ['is skipped when it blocks nothing', { liveOrders: [unknown()] }, 'SKIP'],
  ['passes without one', { limits: { unknownBlocks: 'account' }, liveOrders: [liveOrder()] }, 'PASS'],
  [
    'fails on one of the symbol',
    { limits: { unknownBlocks: 'symbol' }, liveOrders: [unknown()] },
    'FAIL',
    'the outcome of 1 order of RELIANCE is unknown: entries wait until it is known',
  ],
  [
    'passes one of another symbol',
    { limits: { unknownBlocks: 'symbol' }, liveOrders: [unknown({ instrumentId: 9 })] },
    'PASS',
    'no order of RELIANCE has an unknown outcome',
  ],
  [
    'fails on one of the strategy in another symbol',
    {
      order: MOMENTUM,
      limits: { unknownBlocks: 'strategy' },
      liveOrders: [unknown({ instrumentId: 9, ...MOMENTUM })],
    },
    'FAIL',
  ],
  [
    "fails on another strategy's of the same symbol, which the narrower scope would",
    {
      order: MOMENTUM,
      limits: { unknownBlocks: 'strategy' },
      liveOrders: [unknown({ strategyId: 'other' })],
    },
    'FAIL',
  ],
  [
    "passes another strategy's of another symbol",
    {
      order: MOMENTUM,
      limits: { unknownBlocks: 'strategy' },
      liveOrders: [unknown({ instrumentId: 9, strategyId: 'other' })],
    },
    'PASS',
  ],
  [
    'fails on any two of the account',
    {
      limits: { unknownBlocks: 'account' },
      liveOrders: [unknown({ instrumentId: 9 }), unknown({ instrumentId: 8, strategyId: 'other' })],
    },
    'FAIL',
    'the outcome of 2 orders of the account is unknown: entries wait until it is known',
  ],
  [
    'is skipped by an order that only reduces',
    { ...reducing(), limits: { unknownBlocks: 'account' }, liveOrders: [unknown()] },
    'SKIP',
  ],
]);

/** Entries of the strategy, so many seconds before T0. */
const entriesAt = (...seconds: number[]) =>
  seconds.map((before) => liveOrder({ ...MOMENTUM, createdAt: at(-before) }));
const filledAt = (...seconds: number[]) =>
  seconds.map((before) =>
    order({ ...MOMENTUM, status: 'FILLED', filledQuantity: 10, openingQuantity: 10, createdAt: at(-before) }),
  );
const THREE = { repeatedExecutionMax: 3, repeatedExecutionWindowMs: 60_000 };

table('REPEATED_EXECUTION', [
  ['of 0 is off', { order: MOMENTUM, liveOrders: entriesAt(1, 1, 1, 1, 1) }, 'SKIP'],
  [
    'counts orders without a strategy together, those found at the broker aside',
    {
      limits: THREE,
      finishedOrders: [
        ...filledAt(57, 58, 59).map((one) => ({ ...one, strategyId: null })),
        ...filledAt(1, 2, 3).map((one) => ({ ...one, strategyId: null, cause: 'EXTERNAL' as const })),
      ],
    },
    'FAIL',
    'would be entry 4 of orders without a strategy in 60 s, over the limit of 3: a person must look',
  ],
  [
    'passes the third entry of a minute',
    { order: MOMENTUM, limits: THREE, liveOrders: entriesAt(1), finishedOrders: filledAt(59) },
    'PASS',
    'entry 3 of 3 in 60 s',
  ],
  [
    'fails the fourth',
    { order: MOMENTUM, limits: THREE, liveOrders: entriesAt(1), finishedOrders: filledAt(58, 59) },
    'FAIL',
    'would be entry 4 of momentum in 60 s, over the limit of 3: a person must look',
  ],
  [
    'passes once one is a minute old',
    { order: MOMENTUM, limits: THREE, liveOrders: entriesAt(1), finishedOrders: filledAt(2, 60) },
    'PASS',
  ],
  [
    'forgets what was before a person enabled the strategy',
    {
      order: MOMENTUM,
      limits: THREE,
      strategy: { armedAt: at(-10) },
      finishedOrders: filledAt(10, 11, 12, 13),
    },
    'PASS',
    'entry 1 of 3 in 60 s',
  ],
  [
    'does not forget what was after that',
    {
      order: MOMENTUM,
      limits: THREE,
      strategy: { armedAt: at(-10) },
      finishedOrders: filledAt(7, 8, 9, 11),
    },
    'FAIL',
  ],
  [
    'does not count what the checks refused, nor exits, nor what only reduces',
    {
      order: MOMENTUM,
      limits: THREE,
      finishedOrders: [
        ...filledAt(1, 2),
        order({ ...MOMENTUM, status: 'REJECTED', openingQuantity: 0, createdAt: at(-1) }),
        order({ ...MOMENTUM, status: 'FILLED', role: 'EXIT', openingQuantity: 10, createdAt: at(-1) }),
      ],
      liveOrders: [liveOrder({ ...MOMENTUM, openingQuantity: 0, createdAt: at(-1) })],
    },
    'PASS',
  ],
  [
    'does not count other strategies',
    {
      order: MOMENTUM,
      limits: THREE,
      liveOrders: [1, 2, 3].map(() => liveOrder({ strategyId: 'other', createdAt: at(-1) })),
    },
    'PASS',
  ],
  [
    'is skipped by an order that only reduces',
    { ...reducing(MOMENTUM), limits: THREE, finishedOrders: filledAt(1, 2, 3, 4) },
    'SKIP',
  ],
]);

/** The same order, so many milliseconds apart. */
const twin = (ms: number, changes: OrderChanges = {}) => liveOrder({ createdAt: at(-ms / 1000), ...changes });
const finishedTwin = (changes: OrderChanges) => order({ createdAt: at(-1), ...changes });
/** The same order as it was found at the broker, filled unless told otherwise. */
const byHand = (changes: OrderChanges = {}) =>
  finishedTwin({
    ...{ cause: 'EXTERNAL', strategyId: null, status: 'FILLED', filledQuantity: 10 },
    ...changes,
  });

table('DUPLICATE_ORDER', [
  ['passes an order of its own', {}, 'PASS', 'no such order within 2000 ms'],
  [
    'fails the same order a moment later',
    { liveOrders: [twin(1999)] },
    'FAIL',
    'the same order of 10 RELIANCE was placed 1999 ms apart, inside the window of 2000 ms',
  ],
  ['passes it once the window is over', { liveOrders: [twin(2000)] }, 'PASS'],
  ['fails the older one when the younger was let through first', { liveOrders: [twin(-1999)] }, 'FAIL'],
  ['passes it two seconds before', { liveOrders: [twin(-2000)] }, 'PASS'],
  [
    'fails the twin of one whose outcome is unknown',
    { liveOrders: [twin(1, { status: 'UNKNOWN' })] },
    'FAIL',
  ],
  [
    'fails the twin of one that was filled',
    { finishedOrders: [finishedTwin({ status: 'FILLED', filledQuantity: 10 })] },
    'FAIL',
  ],
  [
    'fails the twin of one cancelled after a part of it was filled',
    { finishedOrders: [finishedTwin({ status: 'CANCELLED', filledQuantity: 1 })] },
    'FAIL',
  ],
  [
    'passes the twin of one that ended without a fill',
    { finishedOrders: [finishedTwin({ status: 'REJECTED' }), finishedTwin({ status: 'CANCELLED' })] },
    'PASS',
  ],
  [
    'fails an order that a person placed outside the OMS, whatever the strategy (F.1.c)',
    { order: MOMENTUM, finishedOrders: [byHand({ status: 'OPEN' })] },
    'FAIL',
    'the same order of 10 RELIANCE was placed outside the OMS 1000 ms apart, inside the window of 2000 ms',
  ],
  [
    'fails one by hand that took the price of the market',
    { order: MARKET, finishedOrders: [byHand()] },
    'FAIL',
  ],
  ['passes one by hand at another price', { finishedOrders: [byHand({ price: '2450.05' })] }, 'PASS'],
  [
    'passes one by hand that ended without a fill',
    { finishedOrders: [byHand({ status: 'CANCELLED', filledQuantity: 0 })] },
    'PASS',
  ],
  ['passes another quantity', { liveOrders: [twin(1, { quantity: 11 })] }, 'PASS'],
  ['passes the other side', { liveOrders: [twin(1, { side: 'SELL' })] }, 'PASS'],
  ['passes another price', { liveOrders: [twin(1, { price: '2450.05' })] }, 'PASS'],
  ['passes a price against none', { liveOrders: [twin(1, { price: null })] }, 'PASS'],
  [
    'passes another trigger',
    { order: stop(), liveOrders: [twin(1, stop({ triggerPrice: '2450.10' }))] },
    'PASS',
  ],
  ['fails the same trigger', { order: stop(), liveOrders: [twin(1, stop())] }, 'FAIL'],
  ['fails the same MARKET order', { order: MARKET, liveOrders: [twin(1, MARKET)] }, 'FAIL'],
  ['passes another instrument', { liveOrders: [twin(1, { instrumentId: 9 })] }, 'PASS'],
  ['passes another strategy', { order: MOMENTUM, liveOrders: [twin(1)] }, 'PASS'],
  ['fails the same strategy', { order: MOMENTUM, liveOrders: [twin(1, MOMENTUM)] }, 'FAIL'],
  ['of 0 is off', { limits: { duplicateWindowMs: 0 }, liveOrders: [twin(1)] }, 'SKIP'],
  [
    'names the nearest of several',
    { liveOrders: [twin(1500), twin(700)] },
    'FAIL',
    'the same order of 10 RELIANCE was placed 700 ms apart, inside the window of 2000 ms',
  ],
  [
    'is skipped by an order that only reduces',
    { ...reducing(), liveOrders: [twin(1, { side: 'SELL', quantity: 0 })] },
    'SKIP',
  ],
]);

/** `rejected` of `total` orders of the strategy, all so many seconds old. */
const history = (rejected: number, total: number, changes: OrderChanges = {}, seconds = 1) =>
  Array.from({ length: total }, (_, n) =>
    order({
      ...MOMENTUM,
      status: n < rejected ? 'REJECTED' : 'FILLED',
      createdAt: at(-seconds),
      ...changes,
    }),
  );
const HALF = { rejectRatioPause: decimal('0.5'), rejectRatioWindowMs: 300_000 };

table('REJECT_RATIO', [
  ['of 0 is off', { order: MOMENTUM, finishedOrders: history(20, 20) }, 'SKIP'],
  [
    'judges orders without a strategy together',
    { limits: HALF, finishedOrders: history(5, 10, { strategyId: null }) },
    'FAIL',
    '5 of 10 orders without a strategy in 300 s were rejected (50%); at 50% a person must look',
  ],
  [
    'does not count what it refused itself, nor what was found at the broker',
    {
      limits: HALF,
      finishedOrders: [
        ...history(4, 10, { strategyId: null }),
        ...history(9, 9, { strategyId: null, rejectedBy: 'OMS', failedCheck: 'REJECT_RATIO' }),
        ...history(9, 9, { strategyId: null, cause: 'EXTERNAL' }),
      ],
    },
    'PASS',
    '4 of 10 orders without a strategy in 300 s were rejected (40%), under 50%',
  ],
  [
    'passes under the share',
    { order: MOMENTUM, limits: HALF, finishedOrders: history(4, 10) },
    'PASS',
    '4 of 10 orders of momentum in 300 s were rejected (40%), under 50%',
  ],
  [
    'fails at it',
    { order: MOMENTUM, limits: HALF, finishedOrders: history(5, 10) },
    'FAIL',
    '5 of 10 orders of momentum in 300 s were rejected (50%); at 50% a person must look',
  ],
  [
    'says nothing of few orders',
    { order: MOMENTUM, limits: HALF, finishedOrders: history(9, 9) },
    'PASS',
    '9 of 9 orders rejected, too few to judge',
  ],
  [
    'counts live orders among the others',
    {
      order: MOMENTUM,
      limits: HALF,
      finishedOrders: history(5, 9),
      liveOrders: [liveOrder({ ...MOMENTUM, createdAt: at(-1) })],
    },
    'FAIL',
  ],
  [
    'forgets what is older than the window',
    { order: MOMENTUM, limits: HALF, finishedOrders: history(20, 20, {}, 300) },
    'PASS',
  ],
  [
    'remembers what is not',
    { order: MOMENTUM, limits: HALF, finishedOrders: history(20, 20, {}, 299) },
    'FAIL',
  ],
  [
    'forgets what was before a person enabled the strategy',
    { order: MOMENTUM, limits: HALF, strategy: { armedAt: at(-1) }, finishedOrders: history(20, 20) },
    'PASS',
  ],
  [
    'does not count what was refused because trading stood still',
    {
      order: MOMENTUM,
      limits: HALF,
      finishedOrders: history(20, 20, { rejectedBy: 'OMS', failedCheck: 'CIRCUIT_BREAKER' }),
    },
    'PASS',
  ],
  [
    'counts what our other checks refused',
    {
      order: MOMENTUM,
      limits: HALF,
      finishedOrders: history(20, 20, { rejectedBy: 'OMS', failedCheck: 'BALANCE' }),
    },
    'FAIL',
  ],
  [
    'counts what the broker refused, whatever it calls it',
    {
      order: MOMENTUM,
      limits: HALF,
      finishedOrders: history(20, 20, { rejectedBy: 'BROKER', failedCheck: 'CIRCUIT_BREAKER' }),
    },
    'FAIL',
  ],
  [
    'does not count other strategies',
    { order: MOMENTUM, limits: HALF, finishedOrders: history(20, 20, { strategyId: 'other' }) },
    'PASS',
  ],
  [
    'is skipped by an order that only reduces',
    { ...reducing(MOMENTUM), limits: HALF, finishedOrders: history(20, 20) },
    'SKIP',
  ],
]);

const ON = { refuseSelfMatch: true };
const offer = (changes: OrderChanges = {}) => liveOrder({ side: 'SELL', price: '2450.00', ...changes });
const bid = (changes: OrderChanges = {}) => liveOrder({ side: 'BUY', price: '2450.00', ...changes });
const SELLS: OrderChanges = { side: 'SELL', stopLoss: '2470.00', takeProfit: '2409.00' };

table('SELF_MATCH', [
  ['is off unless it is set', { liveOrders: [offer()] }, 'SKIP'],
  [
    'fails a BUY at the price of our offer',
    { limits: ON, liveOrders: [offer()] },
    'FAIL',
    'would trade with our own SELL 10 RELIANCE LIMIT at 2450.00',
  ],
  ['passes a BUY a tick under it', { limits: ON, liveOrders: [offer({ price: '2450.05' })] }, 'PASS'],
  ['fails a SELL at the price of our bid', { limits: ON, order: SELLS, liveOrders: [bid()] }, 'FAIL'],
  [
    'passes a SELL a tick over it',
    { limits: ON, order: SELLS, liveOrders: [bid({ price: '2449.95' })] },
    'PASS',
  ],
  ['passes our own side', { limits: ON, liveOrders: [bid()] }, 'PASS'],
  ['passes another instrument', { limits: ON, liveOrders: [offer({ instrumentId: 9 })] }, 'PASS'],
  [
    'looks at every product: the exchange does',
    { limits: ON, liveOrders: [offer({ product: 'CNC' })] },
    'FAIL',
  ],
  [
    'fails a MARKET order that may reach our offer within its protection',
    { limits: ON, order: MARKET, valuePerUnit: '2499', liveOrders: [offer({ price: '2499.00' })] },
    'FAIL',
  ],
  [
    'passes one whose protection ends before it',
    { limits: ON, order: MARKET, valuePerUnit: '2499', liveOrders: [offer({ price: '2499.05' })] },
    'PASS',
  ],
  [
    'mirrors that for a MARKET sale',
    {
      limits: ON,
      order: { ...SELLS, ...MARKET },
      valuePerUnit: '2499',
      liveOrders: [bid({ price: '2401.00' })],
    },
    'FAIL',
  ],
  [
    'passes a MARKET sale above it',
    {
      limits: ON,
      order: { ...SELLS, ...MARKET },
      valuePerUnit: '2499',
      liveOrders: [bid({ price: '2400.95' })],
    },
    'PASS',
  ],
  [
    'takes a MARKET order without a price for one that reaches everything',
    { limits: ON, order: MARKET, price: null, liveOrders: [offer({ price: '9000.00' })] },
    'FAIL',
  ],
  [
    'knows the multiplier behind the value of a unit',
    {
      limits: ON,
      instrument: CRUDE,
      order: { ...MARKET },
      price: price({ last: '6000' }),
      valuePerUnit: '612000',
      liveOrders: [offer({ instrumentId: CRUDE.id, price: '6121' })],
    },
    'PASS',
  ],
  [
    'passes a MARKET order of ours in flight, which rests nowhere',
    { limits: ON, liveOrders: [offer({ ...MARKET })] },
    'PASS',
  ],
  [
    'fails a BUY that would rest where our stop sells when it is triggered',
    {
      limits: ON,
      order: { price: '2425.00' },
      liveOrders: [offer({ orderType: 'SL-M', price: null, triggerPrice: '2430.00' })],
    },
    'FAIL',
    'would trade with our own SELL 10 RELIANCE SL-M at 2430.00',
  ],
  [
    'fails one at the trigger itself',
    {
      limits: ON,
      order: { price: '2430.00' },
      liveOrders: [offer({ orderType: 'SL-M', price: null, triggerPrice: '2430.00' })],
    },
    'FAIL',
  ],
  [
    'passes a BUY over the trigger, which fills before the price gets there',
    {
      limits: ON,
      order: { price: '2430.05' },
      liveOrders: [offer({ orderType: 'SL-M', price: null, triggerPrice: '2430.00' })],
    },
    'PASS',
  ],
  [
    "fails a BUY at our stop's limit",
    {
      limits: ON,
      order: { price: '2425.00' },
      liveOrders: [offer({ orderType: 'SL', price: '2425.00', triggerPrice: '2430.00' })],
    },
    'FAIL',
  ],
  [
    'passes a BUY that our stop may not reach',
    {
      limits: ON,
      order: { price: '2424.95' },
      liveOrders: [offer({ orderType: 'SL', price: '2425.00', triggerPrice: '2430.00' })],
    },
    'PASS',
  ],
  [
    'passes a MARKET order beside a stop',
    {
      limits: ON,
      order: MARKET,
      valuePerUnit: '2450',
      liveOrders: [offer({ orderType: 'SL-M', price: null, triggerPrice: '2480.00' })],
    },
    'PASS',
  ],
  [
    'fails a stop that would buy our own offer when it is triggered',
    {
      limits: ON,
      order: stop({ triggerPrice: '2500.00', price: '2505.00' }),
      liveOrders: [offer({ price: '2505.00' })],
    },
    'FAIL',
  ],
  [
    'passes a stop when our offer fills before its trigger',
    {
      limits: ON,
      order: stop({ triggerPrice: '2500.00', price: '2505.00' }),
      liveOrders: [offer({ price: '2499.95' })],
    },
    'PASS',
  ],
  [
    'passes a stop whose limit does not reach our offer',
    {
      limits: ON,
      order: stop({ triggerPrice: '2500.00', price: '2505.00' }),
      liveOrders: [offer({ price: '2505.05' })],
    },
    'PASS',
  ],
  [
    'passes two stops, which wait for opposite moves',
    {
      limits: ON,
      order: stop(),
      liveOrders: [offer({ orderType: 'SL-M', price: null, triggerPrice: '2460.00' })],
    },
    'PASS',
  ],
  ['only warns of an exit', { ...reducing(), limits: ON, liveOrders: [bid()] }, 'WARN'],
]);

const FUT: Instrument = { ...FUTURE, underlying: 'RELIANCE' };

table('RESTRICTED_INSTRUMENT', [
  ['is skipped without lists', {}, 'SKIP'],
  [
    'fails what is blocked',
    { limits: { blockedInstruments: ['NSE:SBIN', 'NSE:RELIANCE'] } },
    'FAIL',
    'NSE:RELIANCE is blocked: NSE:RELIANCE is in BLOCKED_INSTRUMENTS',
  ],
  [
    'passes what is not',
    { limits: { blockedInstruments: ['NSE:SBIN'] } },
    'PASS',
    'NSE:RELIANCE may be traded',
  ],
  ['passes the same share elsewhere', { limits: { blockedInstruments: ['BSE:RELIANCE'] } }, 'PASS'],
  [
    'fails every contract of a blocked underlying',
    { instrument: FUT, limits: { blockedInstruments: ['NFO:RELIANCE'] } },
    'FAIL',
    'NFO:RELIANCE26AUGFUT is blocked: NFO:RELIANCE is in BLOCKED_INSTRUMENTS',
  ],
  ['passes what is allowed', { limits: { allowedInstruments: ['NSE:RELIANCE'] } }, 'PASS'],
  [
    'passes a contract of an allowed underlying',
    { instrument: FUT, limits: { allowedInstruments: ['NFO:RELIANCE'] } },
    'PASS',
  ],
  [
    'fails what the strategy may not enter',
    { order: MOMENTUM, own: { blockedInstruments: ['NSE:RELIANCE'] } },
    'FAIL',
    'NSE:RELIANCE is blocked: NSE:RELIANCE is in BLOCKED_INSTRUMENTS (strategy momentum)',
  ],
  [
    'fails what the account allows and the strategy does not',
    {
      order: MOMENTUM,
      limits: { allowedInstruments: ['NSE:RELIANCE'] },
      own: { allowedInstruments: ['NSE:INFY'] },
    },
    'FAIL',
    'NSE:RELIANCE is not among the 1 of ALLOWED_INSTRUMENTS (strategy momentum)',
  ],
  [
    'fails what the strategy allows and the account does not',
    {
      order: MOMENTUM,
      limits: { allowedInstruments: ['NSE:INFY'] },
      own: { allowedInstruments: ['NSE:RELIANCE'] },
    },
    'FAIL',
    'NSE:RELIANCE is not among the 1 of ALLOWED_INSTRUMENTS',
  ],
  [
    'fails what is not allowed',
    { limits: { allowedInstruments: ['NSE:SBIN', 'NSE:INFY'] } },
    'FAIL',
    'NSE:RELIANCE is not among the 2 of ALLOWED_INSTRUMENTS',
  ],
  [
    'fails what is both blocked and allowed',
    { limits: { blockedInstruments: ['NSE:RELIANCE'], allowedInstruments: ['NSE:RELIANCE'] } },
    'FAIL',
  ],
  [
    'is skipped by an order that only reduces',
    { ...reducing(), limits: { blockedInstruments: ['NSE:RELIANCE'] } },
    'SKIP',
  ],
]);

table('STRATEGY_ENABLED', [
  ['is skipped by an order without a strategy', {}, 'SKIP'],
  ['passes a strategy that is new', { order: MOMENTUM }, 'PASS', 'strategy momentum is new'],
  ['passes one that is enabled', { order: MOMENTUM, strategy: {} }, 'PASS', 'strategy momentum is enabled'],
  [
    'fails one that is disabled, with the reason',
    { order: MOMENTUM, strategy: { enabled: false, disabledReason: 'it looped' } },
    'FAIL',
    'strategy momentum is disabled (it looped): entries are refused until a person enables it',
  ],
  [
    'fails one that is disabled without a reason',
    { order: MOMENTUM, strategy: { enabled: false } },
    'FAIL',
    'strategy momentum is disabled: entries are refused until a person enables it',
  ],
  ['is skipped by its exits', { ...reducing(MOMENTUM), strategy: { enabled: false } }, 'SKIP'],
]);

const ADDING = { positions: [position({ quantity: 10 })] };

table('POSITION_LEAVING', [
  ['is skipped where nothing is held', {}, 'SKIP'],
  ['passes what adds to a position that stays', ADDING, 'PASS'],
  [
    'fails what would be sold at once',
    { ...ADDING, leaving: 'the stop was refused: RMS' },
    'FAIL',
    'its position is leaving by protective exits (the stop was refused: RMS); enter again once it is closed',
  ],
  ['is skipped by an order that only reduces', { ...reducing(), leaving: 'the stop was refused' }, 'SKIP'],
]);

const FRESH = { requireFreshPrice: true };
const JUMP = { maxPriceJumpPct: decimal('0.05') };

table('MARKET_DATA', [
  ['is skipped unless it is set', { price: null }, 'SKIP'],
  ['passes a fresh price', { limits: FRESH }, 'PASS'],
  [
    'fails an old one',
    { limits: FRESH, price: price({ fresh: false, ageMs: 5001.2 }) },
    'FAIL',
    'the price 2450.00 is 5001 ms old',
  ],
  ['fails without one', { limits: FRESH, price: null }, 'FAIL', 'there is no price'],
  [
    'fails a crossed market',
    { limits: FRESH, price: price({ bestBid: '2450.10', bestOffer: '2450.05' }) },
    'FAIL',
    'the market is crossed: bid 2450.10 over offer 2450.05',
  ],
  [
    'passes a locked one',
    { limits: FRESH, price: price({ bestBid: '2450.05', bestOffer: '2450.05' }) },
    'PASS',
  ],
  ['passes with one side alone', { limits: FRESH, price: price({ bestBid: '2450.05' }) }, 'PASS'],
  [
    'passes a move of the limit',
    { limits: JUMP, price: price({ last: '2100.00', previous: decimal(2000) }) },
    'PASS',
    'the price went from 2000.00 to 2100.00, by 5%',
  ],
  [
    'fails a tick more',
    { limits: JUMP, price: price({ last: '2100.05', previous: decimal(2000) }) },
    'FAIL',
    'the price jumped from 2000.00 to 2100.05, by 5.0025%, over 5%',
  ],
  [
    'fails a fall alike',
    { limits: JUMP, price: price({ last: '1899.95', previous: decimal(2000) }) },
    'FAIL',
  ],
  ['passes the first price of all', { limits: JUMP }, 'PASS', 'the price is plausible'],
  ['passes without any price when only jumps are judged', { limits: JUMP, price: null }, 'PASS'],
  [
    'does not judge jumps when only age is',
    { limits: FRESH, price: price({ previous: decimal(1) }) },
    'PASS',
  ],
  ['is skipped by an order that only reduces', { ...reducing(), limits: FRESH, price: null }, 'SKIP'],
]);
