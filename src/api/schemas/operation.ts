import { z } from '@hono/zod-openapi';
import { TRADING_STATES } from '../../domain/account.ts';
import { EXCHANGES, PRODUCTS } from '../../domain/instrument.ts';
import { instant, listOf, record } from './parts.ts';
import { orderSchema } from './order.ts';

export const operationSchema = z
  .object({
    id: z.string(),
    accountId: z.string(),
    kind: z.enum(['HALT', 'FLATTEN']),
    state: z
      .enum(['RUNNING', 'DONE', 'FAILED'])
      .openapi({ description: 'FAILED: ended with something left.' }),
    strategyId: z.string().nullable(),
    exchange: z.enum(EXCHANGES).nullable(),
    symbol: z.string().nullable(),
    product: z.enum(PRODUCTS).nullable(),
    quantity: z.int().nullable(),
    reason: z.string(),
    haltId: z.string().nullable(),
    startedBy: z.string(),
    startedAt: instant,
    finishedAt: instant.nullable(),
    orders: z.array(orderSchema).openapi({ description: 'Its reduce-only exits so far.' }),
    left: z
      .array(z.object({ what: z.string(), quantity: z.int().nullable(), why: z.string() }))
      .openapi({ description: 'What is not done, and why.' }),
  })
  .openapi('Operation');
export type OperationJson = z.infer<typeof operationSchema>;

export const killSwitchEventSchema = z
  .object({
    id: z.string(),
    accountId: z.string(),
    haltId: z.string().nullable(),
    scope: z.enum(['account', 'strategy']),
    strategyId: z.string().nullable(),
    from: z.enum(TRADING_STATES),
    to: z.enum(TRADING_STATES),
    reason: z.string(),
    by: z.string(),
    details: record,
    at: instant,
  })
  .openapi('KillSwitchEvent');
export type KillSwitchEventJson = z.infer<typeof killSwitchEventSchema>;
export const killSwitchEventListSchema = listOf(killSwitchEventSchema);
