import { z } from '@hono/zod-openapi';
import { EXCHANGES } from '../../domain/instrument.ts';
import { type PushedPrice, pushPrices } from '../../services/push-prices.ts';
import { endpoint } from '../endpoint.ts';
import { instant, optional, price } from '../fields.ts';
import { actorOf } from '../principal.ts';
import { ApiProblem, type FieldProblem, fieldProblem } from '../problem.ts';
import { pointerTo } from '../strict-json.ts';

/** Prices in one request. */
const MAX_PRICES = 1000;

const body = z
  .strictObject({
    prices: z.record(z.string(), z.unknown()).openapi({ example: { 'NSE:RELIANCE': '2450.00' } }),
    at: optional(instant()),
  })
  .openapi('NewPrices');

export const priceEndpoints = [
  endpoint({
    method: 'put',
    path: '/v1/prices',
    role: 'operator',
    // A price holds for every account.
    concerns: 'installation',
    summary: 'Bring last prices from a feed of your own',
    query: z.object({}),
    body,
    answers: {
      204: {
        description:
          "All of them were stored. They stand against the broker's own prices while they are younger than PRICE_MAX_AGE_MS; with PRICE_SOURCE=push there are no others.",
      },
    },
    handle: async ({ body: { prices, at: currentAt }, principal, context, clock, allowPricePush }) => {
      if (!allowPricePush) {
        throw new ApiProblem('PRICES_NOT_PUSHED', {
          detail: 'Set PRICE_SOURCE=push to bring your own prices.',
        });
      }
      const pushed = await pushPrices(context, {
        prices: parsePrices(prices),
        at: currentAt,
        now: clock.now(),
        actor: actorOf(principal),
      });
      if (pushed.ok) return { status: 204 };
      const errors = pushed.error.map(({ key, code, message }) =>
        fieldProblem(key === null ? '/at' : pointerTo('/prices', key), code, message),
      );
      throw new ApiProblem('INVALID_PRICES', { errors });
    },
  }),
];

function parsePrices(prices: Readonly<Record<string, unknown>>): PushedPrice[] {
  const errors: FieldProblem[] = [];
  const entries = Object.entries(prices);
  if (entries.length > MAX_PRICES) {
    errors.push(fieldProblem('/prices', 'RANGE', `must hold at most ${MAX_PRICES} prices`));
  }
  const parsed = entries.slice(0, MAX_PRICES).flatMap(([key, value]): PushedPrice[] => {
    const pointer = pointerTo('/prices', key);
    const [name = '', ...rest] = key.split(':');
    const exchange = EXCHANGES.find((known) => known === name);
    const text = price().safeParse(value);
    if (exchange === undefined || rest.length === 0) {
      errors.push(fieldProblem(pointer, 'FORMAT', 'must be named EXCHANGE:SYMBOL'));
    } else if (!text.success) {
      errors.push(fieldProblem(pointer, 'FORMAT', 'must be a plain decimal with at most 4 decimals'));
    } else {
      return [{ exchange, symbol: rest.join(':'), price: text.data }];
    }
    return [];
  });
  if (errors.length > 0) throw new ApiProblem('INVALID_BODY', { errors });
  return parsed;
}
