import { decimal } from '../../../src/domain/money.ts';
import { table } from './case-table.ts';
import {
  CRUDE,
  type InputChanges,
  NIFTY_PUT,
  type OrderChanges,
  liveOrder,
  position,
  price,
} from './fixtures.ts';

const SELL: OrderChanges = { side: 'SELL', stopLoss: '2470.00', takeProfit: '2409.00' };
/** Reduces a position of the other side and opens nothing. */
const reducing = (changes: OrderChanges = {}): InputChanges => ({
  order: { side: 'SELL', stopLoss: null, takeProfit: null, ...changes },
  positions: [position({ quantity: 10 })],
});

{
  const halted = { tradingState: 'HALTED', tradingStateReason: 'loss of the day' } as const;
  const byOperators = { ...halted, haltExits: 'operatorOnly' } as const;
  const lowering = { tradingState: 'REDUCING', tradingStateReason: null } as const;
  table('CIRCUIT_BREAKER', [
    [
      'refuses to move a stop away during a halt',
      {
        ...reducing({ role: 'STOP', reduceOnly: true }),
        account: halted,
        widened: { loss: '500', by: '300' },
      },
      'FAIL',
    ],
    [
      'lets a stop move away while trading is active',
      { ...reducing({ role: 'STOP', reduceOnly: true }), widened: { loss: '500', by: '300' } },
      'PASS',
    ],
    ['passes an entry while trading is ACTIVE', {}, 'PASS', 'trading is ACTIVE'],
    [
      'refuses an entry while trading is HALTED, with the reason of the halt',
      { account: halted },
      'FAIL',
      'trading is HALTED (loss of the day): entries are refused until a person releases it',
    ],
    ['refuses an entry while its strategy is HALTED', { strategyState: 'HALTED' }, 'FAIL'],
    ['takes the stricter of account and strategy', { strategyState: 'HALTED', account: lowering }, 'FAIL'],
    ['takes the stricter of strategy and account', { strategyState: 'REDUCING', account: halted }, 'FAIL'],
    ['lets a reduceOnly exit pass a halt', { ...reducing({ reduceOnly: true }), account: halted }, 'PASS'],
    ['lets a stop pass a halt', { ...reducing({ role: 'STOP' }), account: halted }, 'PASS'],
    ['lets a target pass a halt', { ...reducing({ role: 'TARGET' }), account: halted }, 'PASS'],
    [
      'refuses an order that reduces but is no exit during a halt',
      { ...reducing(), account: halted },
      'FAIL',
    ],
    [
      'refuses an exit that would reverse the position during a halt',
      { ...reducing({ reduceOnly: true, quantity: 11 }), account: halted },
      'FAIL',
    ],
    [
      'refuses exits of a halt that leaves them to operators',
      { ...reducing({ reduceOnly: true }), account: byOperators },
      'FAIL',
      'trading is HALTED (loss of the day) and exits are left to operators',
    ],
    [
      "lets exits of a halted strategy pass, whatever the account's last halt said",
      {
        ...reducing({ reduceOnly: true }),
        strategyState: 'HALTED',
        account: { tradingState: 'ACTIVE', haltExits: 'operatorOnly', tradingStateReason: 'released' },
      },
      'PASS',
    ],
    [
      "does not give the account's reason for a halt of the strategy",
      { strategyState: 'HALTED', account: { tradingStateReason: 'released' } },
      'FAIL',
      'trading is HALTED: entries are refused until a person releases it',
    ],
    [
      "lets an operator's exit pass where exits are left to operators",
      { ...reducing({ reduceOnly: true, cause: 'OPERATOR' }), account: byOperators },
      'PASS',
      'trading is HALTED; exits pass',
    ],
    [
      "refuses an operator's entry during a halt",
      { order: { cause: 'OPERATOR' }, account: byOperators },
      'FAIL',
      'trading is HALTED (loss of the day): entries are refused until a person releases it',
    ],
    [
      "says that an exit passes the strategy's halt",
      { ...reducing({ reduceOnly: true }), strategyState: 'HALTED' },
      'PASS',
      'trading is HALTED; exits pass',
    ],
    [
      "says that an exit passes the account's halt, whatever its strategy may do",
      { ...reducing({ reduceOnly: true }), strategyState: 'ACTIVE', account: halted },
      'PASS',
      'trading is HALTED; exits pass',
    ],
    [
      'passes an entry of a strategy that is ACTIVE',
      { strategyState: 'ACTIVE' },
      'PASS',
      'trading is ACTIVE',
    ],
    [
      "refuses an exit where the strategy's halt leaves exits to operators, with its reason",
      {
        ...reducing({ reduceOnly: true }),
        strategyState: 'HALTED',
        strategyExits: 'operatorOnly',
        strategyReason: 'runaway',
      },
      'FAIL',
      'trading is HALTED (runaway) and exits are left to operators',
    ],
    [
      'refuses while REDUCING what would leave a short option uncovered',
      { ...reducing(), account: lowering, uncovers: 'NFO:NIFTY26JUL25000CE' },
      'FAIL',
      'trading is REDUCING and the order would leave NFO:NIFTY26JUL25000CE uncovered',
    ],
    [
      'lets an operator uncover a short option while REDUCING',
      { ...reducing({ cause: 'OPERATOR' }), account: lowering, uncovers: 'NFO:NIFTY26JUL25000CE' },
      'PASS',
    ],
    [
      'lets a stop leave a short option uncovered while REDUCING: it closes what nothing else would',
      { ...reducing({ role: 'STOP' }), account: lowering, uncovers: 'NFO:NIFTY26JUL25000CE' },
      'PASS',
    ],
    [
      'refuses while REDUCING what would raise the margin of what is left',
      { ...reducing(), account: lowering, addedMargin: '0.01' },
      'FAIL',
      'trading is REDUCING and the order would raise the margin of what is left by 0.01',
    ],
    [
      'takes while REDUCING what leaves the margin as it is',
      { ...reducing(), account: lowering, addedMargin: '0' },
      'PASS',
    ],
    [
      'lets an operator raise the margin while REDUCING',
      { ...reducing({ cause: 'OPERATOR' }), account: lowering, addedMargin: '500' },
      'PASS',
    ],
    [
      'says of an entry while REDUCING what it is, whatever the margin',
      { account: lowering, addedMargin: '500' },
      'FAIL',
      'trading is REDUCING: only orders that lower the worst-case position are taken',
    ],
    [
      'refuses an entry while trading is REDUCING',
      { account: lowering },
      'FAIL',
      'trading is REDUCING: only orders that lower the worst-case position are taken',
    ],
    [
      'passes any order that lowers the position while trading is REDUCING',
      { ...reducing(), account: lowering },
      'PASS',
    ],
    [
      'refuses a reversal while trading is REDUCING',
      { ...reducing({ quantity: 11 }), account: lowering },
      'FAIL',
    ],
    [
      'refuses while REDUCING what another live exit takes away already',
      {
        ...reducing({ quantity: 5 }),
        account: lowering,
        liveOrders: [liveOrder({ side: 'SELL', quantity: 6, role: 'EXIT' })],
      },
      'FAIL',
    ],
  ]);
}

{
  table('BALANCE', [
    [
      'passes when margin and charges are just what is available',
      { charges: '12.50', availableFunds: '4912.50' },
      'PASS',
      'needs 4,912.50 of 4,912.50 available',
    ],
    [
      'fails when a paisa is missing',
      { charges: '12.50', availableFunds: '4912.49' },
      'FAIL',
      'needs 4,912.50 but only 4,912.49 is available',
    ],
    [
      'fails without a figure of the margin',
      { marginPerUnit: null },
      'FAIL',
      'the margin of this order is not known',
    ],
    [
      'fails without a figure of the funds',
      { availableFunds: null },
      'FAIL',
      "the broker's funds are not known",
    ],
    ['fails with funds below zero', { availableFunds: '-1' }, 'FAIL'],
    [
      'asks margin for the opening part of a reversal alone',
      { ...reducing({ quantity: 11 }), availableFunds: '490' },
      'PASS',
      'needs 490.00 of 490.00 available',
    ],
    ['is skipped by an order that only reduces', { ...reducing(), availableFunds: '0' }, 'SKIP'],
  ]);
}

{
  const held = (...ids: number[]) => ids.map((instrumentId) => position({ instrumentId }));
  const waiting = (...ids: number[]) => ids.map((instrumentId) => liveOrder({ instrumentId }));
  table('POSITION_LIMIT', [
    ['passes the fifth key', { positions: held(11, 12, 13, 14) }, 'PASS', 'position 5 of 5'],
    [
      'fails the sixth key',
      { positions: held(11, 12, 13, 14, 15) },
      'FAIL',
      'would be position 6, over the limit of 5',
    ],
    ['counts keys that wait to open', { positions: held(11, 12), liveOrders: waiting(13, 14, 15) }, 'FAIL'],
    ['counts a key once', { positions: held(11, 12, 13, 14), liveOrders: waiting(11, 12, 13, 14) }, 'PASS'],
    [
      'counts the same share in another product as another key',
      { positions: held(11, 12, 13, 14).concat(position({ product: 'CNC' })) },
      'FAIL',
    ],
    [
      'passes what adds to an open key, also over the limit',
      { positions: held(1, 11, 12, 13, 14, 15) },
      'PASS',
      'adds to an open position; 6 of 5 are in use',
    ],
    ['passes a second entry into a key that waits', { liveOrders: waiting(1, 11, 12, 13, 14) }, 'PASS'],
    [
      'does not count positions that others manage, nor orders that only reduce',
      {
        positions: [...held(11, 12, 13, 14), position({ instrumentId: 15, managedBy: 'EXTERNAL' })],
        liveOrders: [liveOrder({ instrumentId: 16, openingQuantity: 0 })],
      },
      'PASS',
    ],
    ['is skipped by an order that only reduces', { ...reducing(), limits: { maxPositions: 1 } }, 'SKIP'],
  ]);

  table(
    'POSITION_LIMIT',
    (['VALIDATED', 'SUBMITTING', 'UNKNOWN', 'SUBMITTED', 'OPEN', 'PARTIALLY_FILLED'] as const).map(
      (status) => [
        `counts a key whose only order is ${status}`,
        { positions: held(11, 12, 13, 14), liveOrders: [liveOrder({ instrumentId: 15, status })] },
        'FAIL',
      ],
    ),
  );
}

{
  table('RISK_PER_TRADE', [
    [
      'passes a stop moved away while what is held loses no more than the limit at it',
      { ...reducing(), widened: { loss: '2000', by: '100' } },
      'PASS',
      'risk, with 2,000.00 of what is held, 2,000.00 is within 2,000.00 (2% of 100,000.00)',
    ],
    [
      'fails it a paisa farther',
      { ...reducing(), widened: { loss: '2000.01', by: '0.01' } },
      'FAIL',
      'risk, with 2,000.01 of what is held, 2,000.01 is over the limit 2,000.00 (2% of 100,000.00)',
    ],
    [
      'counts what is held with what is still to fill',
      { order: { quantity: 1 }, widened: { loss: '1980.01', by: '1' } },
      'FAIL',
    ],
    [
      'fails a stop that is taken away from what is held',
      { ...reducing(), widened: { loss: null, by: null } },
      'FAIL',
      'without its stop nothing bounds the loss of what is held',
    ],
    [
      'passes a risk of just the limit',
      { order: { quantity: 100 } },
      'PASS',
      'risk 2,000.00 is within 2,000.00 (2% of 100,000.00)',
    ],
    [
      'fails a risk over the limit, with all its numbers',
      { order: { quantity: 10, stopLoss: '2205.00' } },
      'FAIL',
      'risk 2,450.00 is over the limit 2,000.00 (2% of 100,000.00)',
    ],
    ['fails one tick over', { order: { quantity: 100, stopLoss: '2429.95' } }, 'FAIL'],
    ['passes a SELL of just the limit', { order: { ...SELL, quantity: 100 } }, 'PASS'],
    ['fails a SELL one tick over', { order: { ...SELL, quantity: 100, stopLoss: '2470.05' } }, 'FAIL'],
    ['measures against what the day began with', { order: { quantity: 51 }, riskCapital: '50000' }, 'FAIL'],
    ['counts the opening part of a reversal alone', { ...reducing({ ...SELL, quantity: 110 }) }, 'PASS'],
    ['counts the opening part of a reversal in full', { ...reducing({ ...SELL, quantity: 111 }) }, 'FAIL'],
    [
      'counts with the multiplier of the contract',
      { instrument: CRUDE, order: { quantity: 2, price: '6000', stopLoss: '5990', takeProfit: '6020' } },
      'PASS',
      'risk 2,000.00 is within 2,000.00 (2% of 100,000.00)',
    ],
    [
      'fails with the multiplier of the contract',
      { instrument: CRUDE, order: { quantity: 2, price: '6000', stopLoss: '5989', takeProfit: '6030' } },
      'FAIL',
    ],
    ['is skipped without a stop', { order: { stopLoss: null } }, 'SKIP'],
    [
      'fails a sold option without a stop',
      { instrument: NIFTY_PUT, order: { side: 'SELL', quantity: 75, price: '100', stopLoss: null } },
      'FAIL',
      'a short option without a stop has no bounded risk',
    ],
    [
      'is skipped by a bought option without a stop',
      { instrument: NIFTY_PUT, order: { quantity: 75, price: '100', stopLoss: null } },
      'SKIP',
    ],
    [
      'fails a sold option without a stop also when the limit is off',
      {
        instrument: NIFTY_PUT,
        order: { side: 'SELL', quantity: 75, price: '100', stopLoss: null },
        limits: { maxRiskPerTrade: decimal(0) },
      },
      'FAIL',
    ],
    [
      'is skipped when a MARKET order has no price',
      { order: { orderType: 'MARKET', price: null }, price: null },
      'SKIP',
    ],
    ['fails any risk when nothing is left to lose', { riskCapital: '0' }, 'FAIL'],
    ['is skipped by an order that only reduces', { ...reducing({ stopLoss: '9999.00' }) }, 'SKIP'],
  ]);
}

{
  table('DAILY_LOSS', [
    ['passes on a day without a loss', { dayPnl: '5000' }, 'PASS'],
    ['passes a paisa under the limit, when the trade risks no more', { dayPnl: '-5799.99' }, 'PASS'],
    [
      'warns when stops hit now would pass the limit',
      { dayPnl: '-5800.01' },
      'WARN',
      "the day's loss would be 6,000.01 if every stop were hit; the limit is 6,000.00 (6% of 100,000.00)",
    ],
    ['passes when they would just reach it', { dayPnl: '-5800' }, 'PASS'],
    ['warns a paisa before the limit', { dayPnl: '-5999.99' }, 'WARN'],
    [
      'fails at the limit',
      { dayPnl: '-6000' },
      'FAIL',
      "the day's loss 6,000.00 has reached the limit 6,000.00 (6% of 100,000.00)",
    ],
    ['fails over the limit', { dayPnl: '-6000.01' }, 'FAIL'],
    ['counts the open risk of everything else', { dayPnl: '-1000', openRisk: '4800.01' }, 'WARN'],
    [
      'counts what a stop moved away adds',
      { ...reducing(), dayPnl: '-5900', widened: { loss: '500', by: '100.01' } },
      'WARN',
    ],
    [
      'fails while the price of what is held is old',
      { oldPrice: { of: 'NSE:INFY', ageMs: 12_000.4 } },
      'FAIL',
      "the price of NSE:INFY, which is held, is 12000 ms old: the day's loss can not be told",
    ],
    [
      'fails while it is not known',
      { oldPrice: { of: 'NSE:INFY', ageMs: null } },
      'FAIL',
      "the price of NSE:INFY, which is held, is not known: the day's loss can not be told",
    ],
    [
      'does not hold back what only reduces for it',
      { ...reducing(), oldPrice: { of: 'NSE:INFY', ageMs: null } },
      'SKIP',
    ],
    ['does not count a profit against open risk', { dayPnl: '100000', openRisk: '5800.01' }, 'WARN'],
    ['fails when the day began with nothing', { riskCapital: '0' }, 'FAIL'],
    ['fails when the day began below nothing', { riskCapital: '-10' }, 'FAIL'],
    ['is skipped by an order that only reduces', { ...reducing(), dayPnl: '-99999' }, 'SKIP'],
    ['fails a reversal at the limit', { ...reducing({ quantity: 11 }), dayPnl: '-6000' }, 'FAIL'],
  ]);
}

{
  const market: OrderChanges = { orderType: 'MARKET', price: null };
  table('STOP_LOSS_REQUIRED', [
    ['passes a BUY with a stop a tick below', { order: { stopLoss: '2449.95' } }, 'PASS'],
    [
      'fails a BUY with its stop at the price',
      { order: { stopLoss: '2450.00' } },
      'FAIL',
      'the stop of a BUY must be below 2450.00, but is 2450.00',
    ],
    ['fails a BUY with its stop above', { order: { stopLoss: '2450.05' } }, 'FAIL'],
    ['passes a SELL with a stop a tick above', { order: { ...SELL, stopLoss: '2450.05' } }, 'PASS'],
    [
      'fails a SELL with its stop at the price',
      { order: { ...SELL, stopLoss: '2450.00' } },
      'FAIL',
      'the stop of a SELL must be above 2450.00, but is 2450.00',
    ],
    ['fails a SELL with its stop below', { order: { ...SELL, stopLoss: '2449.95' } }, 'FAIL'],
    ['fails without a stop', { order: { stopLoss: null } }, 'FAIL', 'an entry needs a stopLoss'],
    [
      'fails a stop off the tick',
      { order: { stopLoss: '2430.02' } },
      'FAIL',
      'stopLoss 2430.02 is not a multiple of the tick 0.05',
    ],
    ['passes a stop at the lower circuit', { price: price({ lowerCircuit: '2430.00' }) }, 'PASS'],
    [
      'fails a stop under the lower circuit',
      { price: price({ lowerCircuit: '2430.05' }) },
      'FAIL',
      'stopLoss 2430.00 is under the lower circuit 2430.05',
    ],
    [
      'passes a stop at the upper circuit',
      { order: SELL, price: price({ upperCircuit: '2470.00' }) },
      'PASS',
    ],
    [
      'fails a stop over the upper circuit',
      { order: SELL, price: price({ upperCircuit: '2469.95' }) },
      'FAIL',
    ],
    [
      'measures a MARKET BUY from the best offer',
      { order: { ...market, stopLoss: '2450.00' }, price: price({ bestOffer: '2450.05' }) },
      'PASS',
    ],
    [
      'measures a MARKET SELL from the best bid',
      { order: { ...SELL, ...market, stopLoss: '2450.00' }, price: price({ bestBid: '2449.95' }) },
      'PASS',
    ],
    ['fails a MARKET order without a fresh price', { order: market, price: price({ fresh: false }) }, 'FAIL'],
    ['needs no fresh price for a LIMIT order', { price: null }, 'PASS'],
    ['is skipped by an order that only reduces', reducing(), 'SKIP'],
    ['fails the opening part of a reversal without a stop', reducing({ quantity: 11 }), 'FAIL'],
  ]);
}

{
  table('RISK_REWARD', [
    ['is skipped when the stop is at the price', { order: { stopLoss: '2450.00' } }, 'SKIP'],

    ['passes a ratio of just the least', { order: { takeProfit: '2490.00' } }, 'PASS'],
    [
      'fails a tick under it, and does not round up to it',
      { order: { takeProfit: '2489.95' } },
      'FAIL',
      'reward 399.50 / risk 200.00 = 1.99, under the least of 2',
    ],
    ['passes a SELL of just the least', { order: { ...SELL, takeProfit: '2410.00' } }, 'PASS'],
    ['fails a SELL a tick under it', { order: { ...SELL, takeProfit: '2410.05' } }, 'FAIL'],
    [
      'fails a BUY with its target at the price',
      { order: { takeProfit: '2450.00' } },
      'FAIL',
      'the target of a BUY must be above 2450.00',
    ],
    ['fails a SELL with its target above', { order: { ...SELL, takeProfit: '2450.05' } }, 'FAIL'],
    ['warns without a target', { order: { takeProfit: null } }, 'WARN', 'no takeProfit is set'],
    [
      'fails without a target when one is required',
      { order: { takeProfit: null }, limits: { requireTakeProfit: true } },
      'FAIL',
      'an entry needs a takeProfit',
    ],
    ['is skipped without a stop', { order: { stopLoss: null } }, 'SKIP'],
    ['is skipped when the stop is on the wrong side', { order: { stopLoss: '2460.00' } }, 'SKIP'],
    [
      'is skipped by a MARKET order without a price',
      { order: { orderType: 'MARKET', price: null }, price: null },
      'SKIP',
    ],
    ['is skipped by an order that only reduces', reducing({ takeProfit: '1.00' }), 'SKIP'],
  ]);
}

{
  const at = (limit: string): OrderChanges => ({ price: limit });
  const option = (limit: string, last: string): InputChanges => ({
    instrument: NIFTY_PUT,
    order: { quantity: 75, price: limit },
    price: price({ last }),
  });
  table('PRICE_SANITY', [
    ['passes a price 10% above', { order: at('2695.00') }, 'PASS', '2695.00 is 10% from 2450.00'],
    ['fails a tick farther', { order: at('2695.05') }, 'FAIL', '2695.05 is 10.002% from 2450.00, over 10%'],
    ['passes a price 10% below', { order: at('2205.00') }, 'PASS'],
    ['fails a tick farther below', { order: at('2204.95') }, 'FAIL'],
    ['judges a SELL alike', { order: { ...SELL, ...at('2695.05') } }, 'FAIL'],
    [
      'only warns of an exit far from the market',
      reducing({ ...at('2100.00'), reduceOnly: true }),
      'WARN',
      '2100.00 is 14.2857% from 2450.00, over 10%',
    ],
    [
      'fails an exit outside the circuit',
      { ...reducing({ ...at('2100.00'), reduceOnly: true }), price: price({ lowerCircuit: '2200.00' }) },
      'FAIL',
    ],
    [
      'passes an option above 50 rupees within 40%',
      option('140', '100'),
      'PASS',
      '140.00 is within 40.00 of 100.00',
    ],
    [
      'fails an option above 50 rupees beyond 40%',
      option('140.05', '100'),
      'FAIL',
      '140.05 is 40.05 from 100.00, over 40.00',
    ],
    ['passes an option at 50 rupees within 20 rupees', option('70', '50'), 'PASS'],
    ['fails an option at 50 rupees beyond 20 rupees', option('70.05', '50'), 'FAIL'],
    ['passes an option just above 50 rupees within 40%', option('70.05', '50.05'), 'PASS'],
    ['passes a cheap option anywhere below', option('0.05', '20'), 'PASS'],
    [
      'fails an option whatever the limit for shares',
      { ...option('140.05', '100'), limits: { maxPriceDeviationPct: decimal(0) } },
      'FAIL',
    ],
    [
      'skips a LIMIT without a fresh price',
      { price: price({ fresh: false, last: '1' }) },
      'SKIP',
      'no fresh price to compare with',
    ],
    ['skips a LIMIT without any price', { price: null }, 'SKIP'],
    [
      'fails a MARKET entry without a fresh price',
      { order: { orderType: 'MARKET', price: null }, price: price({ fresh: false }) },
      'FAIL',
      'no fresh price: a MARKET order can not be judged',
    ],
    [
      'does not hold back a MARKET exit for want of a fresh price',
      { ...reducing({ orderType: 'MARKET', price: null, reduceOnly: true }), price: null },
      'SKIP',
    ],
    [
      'passes a price at the upper circuit',
      { order: at('2500.00'), price: price({ upperCircuit: '2500.00' }) },
      'PASS',
    ],
    [
      'fails a price over the upper circuit',
      { order: at('2500.05'), price: price({ upperCircuit: '2500.00' }) },
      'FAIL',
      'price 2500.05 is over the upper circuit 2500.00',
    ],
    [
      'passes a price at the lower circuit',
      { order: at('2400.00'), price: price({ lowerCircuit: '2400.00' }) },
      'PASS',
    ],
    [
      'fails a price under the lower circuit',
      { order: at('2399.95'), price: price({ lowerCircuit: '2400.00' }) },
      'FAIL',
    ],
    [
      'fails a trigger outside the circuit',
      {
        order: { orderType: 'SL', price: '2450.00', triggerPrice: '2399.95' },
        price: price({ lowerCircuit: '2400.00' }),
      },
      'FAIL',
      'triggerPrice 2399.95 is under the lower circuit 2400.00',
    ],
    [
      'does not judge by circuits that are not fresh',
      { order: at('2399.95'), price: price({ lowerCircuit: '2400.00', fresh: false }) },
      'SKIP',
    ],
    [
      'judges circuits also when the limit is off',
      {
        order: at('2500.05'),
        price: price({ upperCircuit: '2500.00' }),
        limits: { maxPriceDeviationPct: decimal(0) },
      },
      'FAIL',
    ],
    ['only warns of an exit whatever its price', reducing({ price: '1.00' }), 'WARN'],
  ]);
}

{
  const of = (quantity: number): OrderChanges => ({ quantity });
  table('QUANTITY_LIMITS', [
    [
      'of 0 takes any quantity',
      { order: of(10_001), limits: { maxQuantityPerOrder: 0, maxPositionSize: 0 } },
      'PASS',
    ],

    ['fails 0', { order: of(0) }, 'FAIL', 'quantity must be at least 1'],
    ['passes 1', { order: of(1) }, 'PASS', 'quantity 1 is within limits'],
    ['passes the most of one order', { order: of(10_000), limits: { maxPositionSize: 0 } }, 'PASS'],
    [
      'fails one more',
      { order: of(10_001), limits: { maxPositionSize: 0 } },
      'FAIL',
      'quantity 10001 is over the limit of 10000 per order',
    ],
    ['passes whole lots', { instrument: NIFTY_PUT, order: of(150) }, 'PASS'],
    [
      'fails a part of a lot',
      { instrument: NIFTY_PUT, order: of(100) },
      'FAIL',
      'quantity 100 is not whole lots of 75',
    ],
    [
      'passes the freeze quantity',
      { instrument: NIFTY_PUT, order: of(1800), limits: { maxPositionSize: 0 } },
      'PASS',
    ],
    [
      'fails a lot over the freeze quantity',
      { instrument: NIFTY_PUT, order: of(1875), limits: { maxPositionSize: 0 } },
      'FAIL',
      "quantity 1875 is over the exchange's freeze quantity 1800",
    ],
    ['passes the largest position', { order: of(1000) }, 'PASS'],
    [
      'fails one more than the largest position',
      { order: of(1001) },
      'FAIL',
      'the position could reach 1001, over the limit of 1000',
    ],
    [
      'counts the position and live orders of its side',
      {
        order: of(300),
        positions: [position({ quantity: 400 })],
        liveOrders: [liveOrder({ quantity: 301 })],
      },
      'FAIL',
      'the position could reach 1001, over the limit of 1000',
    ],
    [
      'passes when they just reach the limit',
      {
        order: of(300),
        positions: [position({ quantity: 400 })],
        liveOrders: [liveOrder({ quantity: 300 })],
      },
      'PASS',
    ],
    [
      'counts the size of a short position alike',
      { order: { ...SELL, ...of(601) }, positions: [position({ quantity: -400 })] },
      'FAIL',
    ],
    [
      'has no maximum of ours for what only reduces',
      {
        order: { ...SELL, ...of(500) },
        positions: [position({ quantity: 500 })],
        limits: { maxQuantityPerOrder: 1 },
      },
      'PASS',
      'quantity 500 is one the exchange takes',
    ],
    [
      'but fails a part of a lot that only reduces',
      {
        instrument: NIFTY_PUT,
        order: { ...SELL, ...of(100) },
        positions: [position({ instrumentId: NIFTY_PUT.id, quantity: 150 })],
      },
      'FAIL',
      'quantity 100 is not whole lots of 75',
    ],
    [
      'and more than the freeze quantity that only reduces',
      {
        instrument: NIFTY_PUT,
        order: { ...SELL, ...of(1875) },
        positions: [position({ instrumentId: NIFTY_PUT.id, quantity: 1875 })],
      },
      'FAIL',
      "quantity 1875 is over the exchange's freeze quantity 1800",
    ],
    [
      'counts all of an order that opens in part',
      {
        order: { ...SELL, ...of(11) },
        positions: [position({ quantity: 10 })],
        limits: { maxQuantityPerOrder: 10 },
      },
      'FAIL',
      'quantity 11 is over the limit of 10 per order',
    ],
    [
      'passes what reduces a position that is too large',
      { order: { ...SELL, ...of(500) }, positions: [position({ quantity: 5000 })] },
      'PASS',
    ],
  ]);
}

{
  const entries = (count: number, changes: OrderChanges = {}) =>
    Array.from({ length: count }, () => liveOrder(changes));
  table('ORDER_TO_POSITION_RATIO', [
    [
      'passes the third entry that waits',
      { liveOrders: entries(2) },
      'PASS',
      'entry 3 of 3 waiting on this position',
    ],
    [
      'fails the fourth',
      { liveOrders: entries(3) },
      'FAIL',
      'would be entry 4 waiting on this position, over the limit of 3',
    ],
    ['counts entries whose answer is unknown', { liveOrders: entries(3, { status: 'UNKNOWN' }) }, 'FAIL'],
    ['counts entries of either side', { liveOrders: entries(3, { side: 'SELL' }) }, 'FAIL'],
    ['does not count stops', { liveOrders: entries(5, { role: 'STOP' }) }, 'PASS'],
    ['does not count targets', { liveOrders: entries(5, { role: 'TARGET' }) }, 'PASS'],
    ['does not count slices', { liveOrders: entries(5, { role: 'SLICE' }) }, 'PASS'],
    ['does not count what only reduces', { liveOrders: entries(5, { openingQuantity: 0 }) }, 'PASS'],
    ['does not count other instruments', { liveOrders: entries(5, { instrumentId: 9 }) }, 'PASS'],
    ['does not count other products', { liveOrders: entries(5, { product: 'CNC' }) }, 'PASS'],
    ['is skipped by an order that only reduces', { ...reducing(), liveOrders: entries(5) }, 'SKIP'],
  ]);
}

{
  const only = (quantity: number): InputChanges => reducing({ reduceOnly: true, quantity });
  table('REDUCE_ONLY', [
    ['is skipped by other orders', {}, 'SKIP'],
    ['passes what closes the position', only(10), 'PASS', 'reduces 10 of at most 10'],
    [
      'fails one more and names the largest that would do',
      only(11),
      'FAIL',
      'quantity 11 is too large to only reduce; the largest is 10',
    ],
    [
      'leaves to reduce what other live exits do not take',
      { ...only(5), liveOrders: [liveOrder({ side: 'SELL', quantity: 6, role: 'EXIT' })] },
      'FAIL',
      'quantity 5 is too large to only reduce; the largest is 4',
    ],
    [
      'passes the rest beside other live exits',
      { ...only(4), liveOrders: [liveOrder({ side: 'SELL', quantity: 6 })] },
      'PASS',
    ],
    [
      'fails without a position',
      { order: { reduceOnly: true } },
      'FAIL',
      'there is no position left to reduce',
    ],
    [
      'fails on the side of the position',
      { order: { reduceOnly: true }, positions: [position({ quantity: 10 })] },
      'FAIL',
    ],
    [
      'does not reduce what others manage',
      { order: { ...SELL, reduceOnly: true }, positions: [position({ managedBy: 'EXTERNAL' })] },
      'FAIL',
    ],
  ]);
}
