import { z } from '@hono/zod-openapi';
import { instant, record } from './parts.ts';

export const eventSchema = z
  .object({
    seq: z.int().openapi({ description: "Its number in the account's journal: 1, 2, 3 ... without a gap." }),
    accountId: z.string(),
    at: instant,
    event: z.string().openapi({ description: 'What happened: "OrderAccepted", "AlertRaised" ...' }),
    entity: z.string().openapi({ description: 'What it happened to: mostly the id of an order.' }),
    actor: z.string(),
    strategyId: z.string().nullable().openapi({ description: 'Of the order, when it is about one.' }),
    data: record,
  })
  .openapi('Event');
export type EventJson = z.infer<typeof eventSchema>;
