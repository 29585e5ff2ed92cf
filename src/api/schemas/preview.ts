import { z } from '@hono/zod-openapi';
import { EXCHANGES, PRODUCTS } from '../../domain/instrument.ts';
import { ORDER_TYPES, SIDES } from '../../domain/order.ts';
import { checkSchema } from './order.ts';
import { instant, money, share } from './parts.ts';

export const previewSchema = z
  .object({
    accountId: z.string(),
    strategyId: z.string().nullable(),
    symbol: z.string(),
    exchange: z.enum(EXCHANGES),
    side: z.enum(SIDES),
    quantity: z.int(),
    orderType: z.enum(ORDER_TYPES),
    product: z.enum(PRODUCTS),
    reduceOnly: z.boolean(),
    at: instant,
    passes: z.boolean(),
    failedCheck: z.string().nullable(),
    reason: z.string().nullable(),
    checks: z.array(checkSchema),
    reducingQuantity: z.int(),
    openingQuantity: z.int(),
    worstCaseQuantity: z
      .int()
      .openapi({ description: 'Of the position, if everything that waits on this side is filled as well.' }),
    referencePrice: money.nullable().openapi({ description: 'Null: there is no fresh price.' }),
    lastPrice: money.nullable(),
    lastPriceAgeMs: z.int().nullable(),
    value: money.nullable(),
    margin: money.nullable(),
    availableFunds: money.nullable(),
    charges: money.openapi({ description: 'Of the way in.' }),
    riskCapital: money,
    worstLoss: money.nullable().openapi({ description: 'At the stop, before charges.' }),
    netWorstLoss: money.nullable().openapi({ description: 'With the charges of both ways.' }),
    reward: money.nullable(),
    netReward: money.nullable(),
    riskReward: share.nullable().openapi({ description: 'Reward over loss.' }),
    netRiskReward: share.nullable(),
    largestQuantity: z
      .object({
        quantity: z.int(),
        limitedBy: z.string().nullable().openapi({ description: 'The check that refuses one lot more.' }),
        message: z.string().nullable(),
      })
      .openapi({ description: 'The most that would pass now, in whole lots.' }),
  })
  .openapi('OrderPreview');
export type PreviewJson = z.infer<typeof previewSchema>;
