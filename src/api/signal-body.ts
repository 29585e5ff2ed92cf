import { z } from '@hono/zod-openapi';
import { EXCHANGES, PRODUCTS } from '../domain/instrument.ts';
import { ORDER_TYPES } from '../domain/order.ts';
import type { Signal } from '../domain/signal.ts';
import { instant, optional, optionalPrice, plainText } from './fields.ts';

const MAX_UNITS = 100_000_000;

/** Units as a number, or as the text that placeholders of a chart become: "10", "10.0". */
function units(min: number) {
  const form = min < 0 ? /^-?\d{1,9}(\.0+)?$/ : /^\d{1,9}(\.0+)?$/;
  return z
    .union([z.number(), z.string()])
    .transform((value) => (form.test(String(value)) ? Number(value) + 0 : Number.NaN))
    .pipe(z.int({ error: 'must be a whole number of units' }).min(min).max(MAX_UNITS));
}

/** One of a list, in capitals or not: charts write "buy". */
function named<const Names extends readonly [string, ...string[]]>(names: Names) {
  return z
    .string()
    .transform((text) => text.toUpperCase())
    .pipe(z.enum(names));
}

/**
 * An alert as a chart posts it: OpenAlgo's names, the time that makes it fresh, and the stop and target that an entry
 * needs. What nobody knows is refused, so that a stop with a wrong name is not an entry without one.
 */
export const signalBody = z
  .strictObject({
    /** OpenAlgo's; here the address is the secret, and the hook names the strategy: both are ignored. */
    apikey: z.unknown().optional(),
    strategy: z.unknown().optional(),
    id: optional(plainText(200)).openapi({
      description: 'The same id is the same alert; left out: its content.',
      example: '{{strategy.order.id}} {{time}}',
    }),
    timenow: instant().openapi({ description: 'When it was raised.', example: '{{timenow}}' }),
    symbol: plainText(100),
    exchange: named(EXCHANGES),
    action: optional(named(['BUY', 'SELL'])),
    quantity: optional(units(0)),
    position_size: optional(units(-MAX_UNITS)).openapi({
      description: 'What the strategy is to hold afterwards, signed; action and quantity are ignored then.',
    }),
    pricetype: named(ORDER_TYPES).default('MARKET'),
    product: named(PRODUCTS).default('MIS'),
    price: optionalPrice(),
    trigger_price: optionalPrice(),
    disclosed_quantity: optional(units(0)),
    stopLoss: optionalPrice(),
    takeProfit: optionalPrice(),
  })
  .openapi('Signal');

/** OpenAlgo writes "0" where there is none. */
export function signalOf(given: z.output<typeof signalBody>): Signal {
  const isTarget = given.position_size !== null;
  const priceOf = (price: Signal['price']): Signal['price'] => (price?.isZero() === true ? null : price);
  return {
    id: given.id,
    at: given.timenow,
    exchange: given.exchange,
    symbol: given.symbol,
    product: given.product,
    orderType: given.pricetype,
    price: priceOf(given.price),
    triggerPrice: priceOf(given.trigger_price),
    stopLoss: priceOf(given.stopLoss),
    takeProfit: priceOf(given.takeProfit),
    disclosedQuantity: given.disclosed_quantity === 0 ? null : given.disclosed_quantity,
    side: isTarget ? null : given.action,
    quantity: isTarget ? null : given.quantity,
    target: given.position_size,
  };
}
