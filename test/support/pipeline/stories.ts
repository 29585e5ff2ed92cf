/** What can happen in a story of orders on the real pipeline, and the stories that are kept for good. */
import fc from 'fast-check';
import { decimal } from '../../../src/domain/money.ts';
import { EXIT, MARKET, RESTING } from './requests.ts';

const FAULTS = [
  'rejectAtExchange',
  'acceptThenTimeout',
  'timeout',
  'serverErrorAfterAccept',
  'reset',
  'rateLimited',
  'refuse',
] as const;
/** Reads of the broker are refused, lost or late; what is rejected at the exchange is written. */
export const WRITES: readonly string[] = ['placeOrder', 'modifyOrder', 'cancelOrder'];
/** A buy stop: it waits above the market for its trigger. */
const ABOVE = { triggerPrice: '2500.00', stopLoss: '2460.00', takeProfit: '2600.00' } as const;
/** Orders that rest, and one that fills at once: LIMIT, SL and SL-M above the market, MARKET, and what closes. */
export const PLACED = {
  resting: RESTING,
  stop: { ...ABOVE, orderType: 'SL', price: '2505.00' },
  stopMarket: { ...ABOVE, orderType: 'SL-M', price: null },
  market: MARKET,
  exit: { ...EXIT, ...MARKET, quantity: 3 },
} as const;
/** What a modify asks for beside its quantity: one that does not fit the order's type is refused at once. */
export const ASKED = {
  price: { price: decimal('2301.00') },
  trigger: { triggerPrice: decimal('2501.00') },
} as const;
const DEATHS = [
  ...[
    'accept.afterCommit',
    'validate.afterCommit',
    'submit.afterClaim',
    'submit.afterCall',
    'submit.afterRecord',
  ],
  ...['command.afterClaim', 'command.afterCall', 'command.afterRecord', 'cancel.afterCommit'],
  ...['modify.afterCommit', 'poll.read', 'poll.beforeCommit', 'poll.afterCommit', 'resolve.beforeCommit'],
] as const;

/** What happens at the broker without the OMS. */
export type Outside =
  | { readonly do: 'appCancel'; readonly of: number }
  | { readonly do: 'fill' | 'appModify'; readonly of: number; readonly quantity: number };
/** `of` chooses an order placed before. */
export type Step =
  | { readonly do: 'place'; readonly what: keyof typeof PLACED }
  | { readonly do: 'validate' | 'submit' | 'send' | 'cancel' | 'resolve'; readonly of: number }
  | {
      readonly do: 'modify';
      readonly of: number;
      readonly quantity: number;
      readonly asks: keyof typeof ASKED;
    }
  | { readonly do: 'bust'; readonly nth: number }
  | Outside
  | { readonly do: 'poll' }
  | { readonly do: 'fault'; readonly call: string; readonly kind: (typeof FAULTS)[number] }
  | { readonly do: 'die'; readonly at: (typeof DEATHS)[number] };

const of = fc.nat(4);
const quantity = fc.integer({ min: 1, max: 15 });
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('place'),
      what: fc.constantFrom('resting', 'resting', 'stop', 'stopMarket', 'market', 'exit'),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('validate', 'submit', 'send'), of }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('cancel', 'resolve', 'appCancel'), of }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('fill', 'appModify'), of, quantity }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('modify'),
      ...{ of, quantity, asks: fc.constantFrom('price', 'price', 'trigger') },
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('bust'), nth: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.constant({ do: 'poll' }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('fault'),
      call: fc.constantFrom('placeOrder', 'placeOrder', 'modifyOrder', 'cancelOrder', 'orders', 'trades'),
      kind: fc.constantFrom(...FAULTS),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('die'), at: fc.constantFrom(...DEATHS) }) },
) as fc.Arbitrary<Step>;
/** Steps of one inner list are taken at the same time. */
export const story = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), {
  minLength: 4,
  maxLength: 12,
});
/** Every story begins with an order on its way, whose placement may meet trouble. */
export const trouble = fc.constantFrom<Step>(
  { do: 'poll' },
  { do: 'fault', call: 'placeOrder', kind: 'acceptThenTimeout' },
  { do: 'fault', call: 'placeOrder', kind: 'timeout' },
  { do: 'fault', call: 'placeOrder', kind: 'rejectAtExchange' },
  { do: 'die', at: 'submit.afterClaim' },
  { do: 'die', at: 'submit.afterCall' },
);
export const opening = (met: Step): readonly (readonly Step[])[] => [
  [{ do: 'place', what: 'resting' }],
  [{ do: 'validate', of: 0 }],
  [met],
  [{ do: 'submit', of: 0 }],
];
/** Stories that came to something else once, here or with ports in memory (order-model.test.ts), kept for good. */
export const EXAMPLES: readonly (readonly (readonly Step[])[])[] = [
  // A modify that came too late for an order which the app had changed to the same quantity, and which filled by it.
  [
    [{ do: 'modify', of: 0, quantity: 1, asks: 'price' }],
    [{ do: 'appModify', of: 0, quantity: 1 }],
    [{ do: 'fill', of: 0, quantity: 1 }],
    [{ do: 'send', of: 0 }],
  ],
  // A modify down to what is filled, while a trade is taken back and the others fill the order.
  [
    [{ do: 'fill', of: 0, quantity: 4 }],
    [{ do: 'poll' }],
    [{ do: 'fill', of: 0, quantity: 6 }],
    [{ do: 'bust', nth: 0 }],
    [{ do: 'modify', of: 0, quantity: 1, asks: 'price' }],
  ],
  // The app raises an order while a modify of ours is on its way, and the order fills past its old quantity.
  [
    [{ do: 'fill', of: 0, quantity: 4 }],
    [{ do: 'poll' }],
    [{ do: 'modify', of: 0, quantity: 5, asks: 'price' }],
    [{ do: 'appModify', of: 0, quantity: 11 }],
    [{ do: 'fill', of: 0, quantity: 6 }],
    [{ do: 'send', of: 0 }],
  ],
  // An order is filled, a trade of it is taken back, the app changes it, and it fills again between two looks.
  [
    [{ do: 'fill', of: 0, quantity: 4 }],
    [{ do: 'fill', of: 0, quantity: 6 }],
    [{ do: 'poll' }],
    [{ do: 'bust', nth: 0 }],
    [{ do: 'appModify', of: 0, quantity: 10 }],
    [{ do: 'poll' }],
    [{ do: 'fill', of: 0, quantity: 4 }],
  ],
  // The exchange refuses a modify that it had taken, while the order fills, and the next one is asked for.
  [
    [{ do: 'fault', call: 'modifyOrder', kind: 'rejectAtExchange' }],
    [{ do: 'modify', of: 0, quantity: 12, asks: 'price' }],
    [{ do: 'send', of: 0 }, { do: 'fill', of: 0, quantity: 4 }, { do: 'poll' }],
    [{ do: 'modify', of: 0, quantity: 5, asks: 'price' }],
    [{ do: 'send', of: 0 }, { do: 'poll' }],
  ],
  // A stop whose trigger moves while its cancel has no answer.
  [
    [{ do: 'place', what: 'stop' }],
    [{ do: 'validate', of: 1 }],
    [{ do: 'submit', of: 1 }],
    [{ do: 'poll' }],
    [{ do: 'modify', of: 1, quantity: 8, asks: 'trigger' }],
    [{ do: 'fault', call: 'cancelOrder', kind: 'acceptThenTimeout' }],
    [
      { do: 'send', of: 1 },
      { do: 'cancel', of: 1 },
    ],
    [{ do: 'send', of: 1 }, { do: 'poll' }],
  ],
  // A trade that the OMS knows is taken back before a cancel, and another after it.
  [
    [{ do: 'fill', of: 0, quantity: 3 }],
    [{ do: 'fill', of: 0, quantity: 2 }],
    [{ do: 'poll' }],
    [{ do: 'bust', nth: 0 }],
    [{ do: 'poll' }],
    [{ do: 'poll' }],
    [{ do: 'cancel', of: 0 }],
    [{ do: 'send', of: 0 }],
    [{ do: 'poll' }],
    [{ do: 'bust', nth: 1 }],
  ],
  // Both trades of a filled order are taken back at once while it is cancelled in the app.
  [
    [{ do: 'fill', of: 0, quantity: 4 }],
    [{ do: 'fill', of: 0, quantity: 6 }],
    [{ do: 'poll' }],
    [
      { do: 'bust', nth: 0 },
      { do: 'bust', nth: 1 },
      { do: 'appCancel', of: 0 },
    ],
    [{ do: 'poll' }],
  ],
];
