import { z } from '@hono/zod-openapi';
import { ORDER_STATUSES } from '../../domain/order-status.ts';
import { instant, listOf, money, record } from './parts.ts';

export const eventSchema = z
  .object({
    seq: z.int().openapi({ description: "Its number in the account's journal: 1, 2, 3 ... without a gap." }),
    accountId: z.string(),
    at: instant,
    event: z.string().openapi({ description: 'What happened: "OrderAccepted", "AlertRaised" ...' }),
    entity: z.string().openapi({ description: 'What it happened to: mostly the id of an order.' }),
    actor: z.string(),
    strategyId: z.string().nullable().openapi({ description: 'Of the order, when it is about one.' }),
    order: z
      .object({
        clientOrderId: z.string(),
        exchange: z.string(),
        symbol: z.string(),
        side: z.string(),
        product: z.string(),
        role: z.string(),
        parentOrderId: z.string().nullable(),
      })
      .nullable()
      .openapi({ description: 'What never changes of the order it is about; null: it is about none.' }),
    state: z
      .object({
        status: z.enum(ORDER_STATUSES),
        quantity: z.int(),
        filledQuantity: z.int(),
        leavesQuantity: z.int(),
        averagePrice: money.nullable(),
        price: money.nullable(),
        triggerPrice: money.nullable(),
      })
      .nullable()
      .openapi({
        description:
          'How that order stood when the entry was read: perhaps later than the entry, never earlier. Null: it is about none.',
      }),
    position: z
      .object({
        strategyId: z.string().nullable(),
        cycle: z.int(),
        status: z.enum(['OPEN', 'CLOSED']),
        quantity: z.int(),
        averagePrice: money.nullable(),
        realizedPnl: money,
        charges: money,
        lastPrice: money.nullable(),
        lastPriceAgeMs: z.int().nullable(),
        unrealizedPnl: money.nullable(),
        netPnl: money.nullable(),
      })
      .nullable()
      .openapi({
        description:
          "For a fill or a trade that was corrected: the order's strategy in its instrument and product, or the account where the order has no strategy, when the entry was read. Null for every other entry.",
      }),
    data: record,
  })
  .openapi('Event');
export type EventJson = z.infer<typeof eventSchema>;

export const journalEntrySchema = z
  .object({
    seq: z.int(),
    accountId: z.string(),
    at: instant,
    event: z.string(),
    entity: z.string(),
    actor: z.string(),
    origin: z
      .object({ tokenId: z.string(), ip: z.string().nullable(), requestId: z.string() })
      .nullable()
      .openapi({
        description: 'Of what was asked for over HTTP: by which token, from where, in which request.',
      }),
    data: record,
  })
  .openapi('JournalEntry');
export type JournalEntryJson = z.infer<typeof journalEntrySchema>;
export const journalListSchema = listOf(journalEntrySchema);
